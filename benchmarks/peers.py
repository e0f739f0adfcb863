"""Easel beside other ways to serve the same checkpoint, over HTTP: `python -m benchmarks.peers`.

Each server gets the same requests on the same machine in the same minutes: a crowd of equal ones, a crowd of mixed
ones, pictures alone after a pause, and a short one behind a long one. The servers take turns in every round: started,
measured, stopped. The table has the median of the rounds and, beside it, the lowest and the highest.

Whoever's package is not installed is named with the command that installs it; whoever cannot load the model, with the
reason. `--python NAME=PATH` runs a peer with the Python of another environment. Easel takes part once with each of its
backends. With `--model sd15` all draw with a random model of Stable Diffusion 1.5's size, at 256 pixels too.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.charts import peers_chart
from benchmarks.checkpoints import cache_folder, checkpoint
from benchmarks.peer_load import AMOUNTS, Amounts, Figures, measure
from benchmarks.peer_report import report
from benchmarks.peer_servers import (
    EASEL_PORTS,
    EASEL_TITLES,
    PEERS,
    absence,
    backends_of_easel,
    easel,
    serving,
)

RESULTS: Final = Path(__file__).parent / "results"
ROUNDS: Final = {"bundled": 3, "sd15": 1}


def main() -> None:
    """Print a table and one JSON line, and leave a chart in benchmarks/results."""
    options = arguments()
    amounts = amounts_of(options)
    model = checkpoint(options.model, options.cache)
    pythons = dict(each.split("=", 1) for each in options.python)
    wanted = options.servers.split(",") if options.servers else []
    known = [*(peer.name for peer in PEERS), *EASEL_TITLES]
    if unknown := [name for name in wanted if name not in known]:
        raise SystemExit(f"--servers {unknown[0]}: there is no such server; there are {', '.join(known)}")
    peers = [peer for peer in PEERS if not wanted or peer.name in wanted]
    absent = {peer.name: why for peer in peers if (why := absence(peer, model, pythons.get(peer.name, sys.executable)))}
    present = [peer for peer in peers if peer.name not in absent]
    easels = [name for name in backends_of_easel() if not wanted or name in wanted]
    rounds: dict[str, list[Figures]] = {name: [] for name in [*(peer.name for peer in present), *easels]}
    pictures: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as data:
        for number in range(options.rounds):
            for peer in present:
                python = pythons.get(peer.name, sys.executable)
                with serving(peer, model, options.cache, python) as ask:
                    figures, pictures[peer.name] = asyncio.run(measure(ask, peer.port, amounts, number))
                rounds[peer.name].append(figures)
            for name in easels:
                with easel(name, model, Path(data) / name, amounts.crowd + 1) as ask:
                    figures, pictures[name] = asyncio.run(measure(ask, EASEL_PORTS[name], amounts, number))
                rounds[name].append(figures)
    report(model.name, rounds, pictures, absent)
    titles = {**{peer.name: peer.title for peer in present}, **EASEL_TITLES}
    peers_chart(rounds, titles, model.name, options.chart or RESULTS / f"peers-{model.name}.png")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["bundled", "sd15"], default="bundled")
    parser.add_argument("--rounds", type=int, help="3 with the bundled model, 1 with the large one")
    parser.add_argument("--count", type=int, help="requests of each crowd: 40, or 6 with the large model")
    parser.add_argument("--tries", type=int, help="of each picture alone, and of each behind a long one")
    parser.add_argument("--servers", help="only these, by name, with commas between them")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="of a peer; may be repeated")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder of what is written once")
    parser.add_argument("--chart", type=Path, help="where the chart goes")
    options = parser.parse_args()
    options.rounds = options.rounds or ROUNDS[options.model]
    return options


def amounts_of(options: argparse.Namespace) -> Amounts:
    amounts = AMOUNTS[options.model]
    if options.count:
        amounts = replace(amounts, crowd=options.count)
    if options.tries:
        amounts = replace(amounts, alone=options.tries, alone_fine=options.tries, behind=options.tries)
    return amounts


if __name__ == "__main__":
    main()
