"""The tables of `benchmarks.peers`: every figure of every server over the rounds, and Easel's over its peers'."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

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


def report(model: str, rounds: Mapping[str, Sequence[Figures]], absent: Mapping[str, str], count: int) -> None:
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
    for name, why in absent.items():
        print(f"\n{name} takes no part: {why}")
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    print(json.dumps({"model": model, "machine": machine, "rounds": rounds, "ratios": ratios, "absent": absent}))


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
