"""`python -m benchmarks.engine`: the engine against plain diffusers, a static batch and the ideal, on one machine.

Rounds are interleaved, so that whatever else the machine does hits every way of running alike; a ratio is taken
within a round and its median over the rounds is reported. What the engine learned of the machine stays from round to
round, as a worker keeps it over a restart. Figures in CPU seconds hold on a machine that is busy with something else,
where seconds do not. A table for people, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
from pathlib import Path

import torch

from benchmarks import runs, workloads
from benchmarks.charts import engine_chart
from benchmarks.workloads import SATURATING_REQUESTS, Workload
from worker.allocator import keep_freed_memory
from worker.engine.requests import DrawRequest
from worker.switching import switch_often

ROWS = (2, 4, 8, 16, 32)
TRIES = 3
"""Forwards of the bare modules at each size, before the engine's turn and again after it."""
RESULTS = Path(__file__).parent / "results"

AIMS = {
    "equal: engine / static batch": ">= 0.95",
    "mixed arrivals: engine / one by one": ">= 1.5",
    "saturated: efficiency": ">= 0.90",
    "short behind long, equal size, x solo": "<= 1.5",
    "short behind long, large, x solo": "<= 3",
    "mixed arrivals: p95 engine / one by one": "<= 1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 leaves torch's choice")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", choices=["tiny", "bundled", "both"], default="both")
    options = parser.parse_args()
    keep_freed_memory()  # as the worker does; plain diffusers gains by it too
    switch_often()  # likewise
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        chosen = []
        if options.model in {"tiny", "both"}:
            chosen.append(workloads.tiny(Path(folder), options.device))
        if options.model in {"bundled", "both"}:
            chosen.append(workloads.bundled(Path(folder), options.device))
        results = {work.name: measure(work, options.rounds) for work in chosen}
    for name, result in results.items():
        print_table(name, result)
    print(f"\npeak memory of this process, MiB {peak_mib():>29.0f}")
    machine = {"threads": torch.get_num_threads(), "load": os.getloadavg()[0], "peak_mib": peak_mib()}
    print(json.dumps({"machine": machine, "rounds": options.rounds, "results": results}))
    engine_chart(results, RESULTS / "engine.png")


def measure(work: Workload, rounds: int) -> dict[str, float]:
    """The median of every figure over the rounds, after one round that nobody counts."""
    taken = [one_round(work, 1000 * number) for number in range(rounds + 1)][1:]
    return {figure: round(statistics.median(each[figure] for each in taken), 4) for figure in taken[0]}


def one_round(work: Workload, seed: int) -> dict[str, float]:
    """Every way of running once, one after the other."""
    equal, mixed = work.equal(seed), work.mixed(seed + 500)
    one_by_one = runs.plain(work, equal)[-1]
    static, static_cpu = runs.static_batch(work, equal)
    engine, engine_cpu, _ = runs.engine_latencies(work, equal)
    at_once, at_once_cpu, _ = runs.engine_latencies(work, mixed)
    _, mixed_cpu = runs.timed(lambda: runs.plain(work, mixed))
    many = work.mixed(seed + 700, SATURATING_REQUESTS)
    bare = bare_modules(work)
    saturated, saturated_cpu, _ = runs.engine_latencies(work, many)
    step, step_cpu, decode, decode_cpu = best_sizes(bare, bare_modules(work))
    # A little faster than the engine can draw: both are kept busy, and what is compared is throughput.
    gap = 0.8 * at_once / len(mixed)
    plain_latencies = runs.plain(work, mixed, gap)
    arrivals, _, latencies = runs.engine_latencies(work, mixed, gap)
    plain_wall = gap * (len(mixed) - 1) + plain_latencies[-1]
    solo, behind_equal = runs.short_behind_long(work, work.usual.width)
    solo_again, behind_large = runs.short_behind_long(work, work.large_side)
    return {
        "equal: one by one, images/s": len(equal) / one_by_one,
        "equal: static batch, images/s": len(equal) / static,
        "equal: engine, images/s": len(equal) / engine,
        "equal: engine / one by one": one_by_one / engine,
        "equal: engine / static batch": static / engine,
        "equal: engine / static batch, CPU seconds": static_cpu / engine_cpu,
        "equal: efficiency": ideal(equal, step, decode) / engine,
        "mixed arrivals: one by one, images/s": len(mixed) / plain_wall,
        "mixed arrivals: engine, images/s": len(mixed) / arrivals,
        "mixed arrivals: engine / one by one": plain_wall / arrivals,
        "mixed arrivals: p50 one by one, s": percentile(plain_latencies, 50),
        "mixed arrivals: p50 engine, s": percentile(latencies, 50),
        "mixed arrivals: p95 one by one, s": percentile(plain_latencies, 95),
        "mixed arrivals: p95 engine, s": percentile(latencies, 95),
        "mixed arrivals: p95 engine / one by one": percentile(latencies, 95) / percentile(plain_latencies, 95),
        "mixed at once: engine, images/s": len(mixed) / at_once,
        "mixed at once: engine / one by one, CPU seconds": mixed_cpu / at_once_cpu,
        "mixed at once: efficiency": ideal(mixed, step, decode) / at_once,
        "saturated: engine, images/s": len(many) / saturated,
        "saturated: efficiency": ideal(many, step, decode) / saturated,
        "saturated: efficiency, CPU seconds": ideal(many, step_cpu, decode_cpu) / saturated_cpu,
        "short behind long, equal size, x solo": behind_equal / solo,
        "short behind long, large, x solo": behind_large / solo_again,
    }


Bare = dict[int, list[tuple[float, ...]]]


def bare_modules(work: Workload) -> Bare:
    """What a row takes in the bare denoiser and decoder, by the rows of a forward; the sizes take turns."""
    taken = [(rows, runs.seconds_per_row(work, rows)) for _ in range(TRIES) for rows in ROWS]
    return {rows: [seconds for size, seconds in taken if size == rows] for rows in ROWS}


def best_sizes(*measured: Bare) -> tuple[float, ...]:
    """What a row takes at the size that is best for it: the least of the medians, for each kind of second.

    The engine's seconds are the sum of many forwards, lucky and unlucky ones; it is held against what the bare modules
    sustain on the same machine in the same minute. The luckiest of all their forwards would be nobody's sum.
    """
    medians = [
        [statistics.median(kind) for kind in zip(*[each for bare in measured for each in bare[rows]], strict=True)]
        for rows in ROWS
    ]
    return tuple(min(kind) for kind in zip(*medians, strict=True))


def ideal(requests: list[DrawRequest], step: float, decode: float) -> float:
    """Seconds if every row went through the bare denoiser and decoder in the best batch there is, and nothing else."""
    rows = sum(request.num_inference_steps * (2 if request.guidance_scale > 1 else 1) for request in requests)
    return rows * step + len(requests) * decode


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def peak_mib() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def print_table(name: str, result: dict[str, float]) -> None:
    print(f"\n{name}")
    for figure, value in result.items():
        aim = f"  (aim {AIMS[figure]})" if figure in AIMS else ""
        print(f"  {figure:<48} {value:>9.3f}{aim}")


if __name__ == "__main__":
    main()
