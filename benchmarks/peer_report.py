"""The tables of `benchmarks.peers`: every figure of every server over the rounds, and Easel's over its peers'."""

from __future__ import annotations

import io
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from PIL import Image

from benchmarks import peer_load as load
from benchmarks.peer_load import Figures
from benchmarks.peer_servers import EASEL

RATIOS: Final = (
    # figure, the better is higher, compared with, aim of the best Easel
    (load.EQUAL, True, None, ">= 1.25"),
    (load.MIXED, True, None, ">= 1.6"),
    (load.MIXED_P95, False, None, "<= 0.5"),
    (load.ALONE, False, "fastapi", "<= 0.9"),
    (load.ALONE_FINE, False, "fastapi", ""),
    (load.PEAK_MEMORY, False, "fastapi", ""),
)
AIMS: Final = {load.BEHIND_OVER_ALONE: " (aim of Easel <= 1.3)"}


def report(
    model: str,
    rounds: Mapping[str, Sequence[Figures]],
    pictures: Mapping[str, bytes],
    absent: Mapping[str, str],
) -> None:
    """`pictures` are what the servers made of one request; `absent` says who takes no part, and why."""
    count = len(next(iter(rounds.values())))
    print(f"\n{model}: the median of {count} rounds, the lowest and the highest")
    for figure in next(iter(rounds.values()))[0]:
        print(f"\n{figure}{AIMS.get(figure, '')}")
        for name, taken in rounds.items():
            values = [each[figure] for each in taken]
            places = 0 if figure.endswith("MiB") else 2
            middle, low, high = (round(each, places) for each in (statistics.median(values), min(values), max(values)))
            print(f"  {name:16}{middle:10.{places}f}   {low:.{places}f} to {high:.{places}f}")
    ratios = ratios_of(rounds)
    for figure, by_name in ratios.items():
        print(f"\n{figure}")
        for name, value in by_name.items():
            print(f"  {name:16}{value:10.2f}")
    off = levels_off(pictures)
    print(f"\nlevels of 255 that a pixel of the same picture is off {next(iter(pictures))}'s: at most, on average")
    for name, (most, average) in off.items():
        print(f"  {name:16}{most:10}   {average:.2f}")
    for name, why in absent.items():
        print(f"\n{name} takes no part: {why}")
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    told = {"model": model, "machine": machine, "rounds": rounds, "ratios": ratios, "levels off": off}
    print(json.dumps({**told, "absent": absent}))


def ratios_of(rounds: Mapping[str, Sequence[Figures]]) -> dict[str, dict[str, float]]:
    """Each Easel over the best peer, or over the one named: the median of the ratios within the rounds."""
    easels = [name for name in rounds if name.startswith(EASEL)]
    peers = [name for name in rounds if name not in easels]
    found: dict[str, dict[str, float]] = {}
    for figure, higher, other, aim in RATIOS:
        against = [name for name in peers if other in (None, name)]
        if not against:
            continue
        title = f"{figure}: over {other or 'the best peer'}" + (f" (aim {aim})" if aim else "")
        best = max if higher else min
        found[title] = {
            name: statistics.median(
                mine[figure] / best(rounds[peer][number][figure] for peer in against)
                for number, mine in enumerate(rounds[name])
            )
            for name in easels
        }
    return found


def levels_off(pictures: Mapping[str, bytes]) -> dict[str, tuple[int, float]]:
    """How far each PNG file is off the first one: the most of a pixel's colour, 0 to 255, and the average."""
    arrays = {
        name: np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int) for name, file in pictures.items()
    }
    first = next(iter(arrays.values()))
    differences = {name: np.abs(array - first) for name, array in arrays.items()}
    return {name: (int(each.max()), round(float(each.mean()), 3)) for name, each in differences.items()}
