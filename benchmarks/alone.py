"""Where the time of a picture goes that is drawn alone, from the bare modules to HTTP: `python -m benchmarks.alone`.

Starts the real stack (`easel up`), waits until it is idle, and asks for one picture after the other: each after a
pause, with a prompt and a seed that were never used before, once held open with `Prefer: wait` and once polled as
`Retry-After` says. What happens when comes from the job's own times and timings and from the client's clock, which is
the same machine's. Beside the idle stack, a process set up as its workers are draws the same with the bare modules, the
stock pipeline and the engine alone (`benchmarks.single`), so that every step between them and HTTP can be seen.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from app.stack.up import QUIET_WORKER, running_stack
from benchmarks.checkpoints import Checkpoint, cache_folder, checkpoint
from benchmarks.load import FINISHED, time_of
from benchmarks.server_processes import cpu_seconds, wait_until_idle
from core.jobs import Stage
from core.settings import REPOSITORY, Settings

WAYS: Final = {"wait": {"Prefer": "wait=60"}, "poll": {}}
PAUSE_SECONDS: Final = 1.5
WARM: Final = 3
"""Pictures of each kind that do not count."""

TOTAL: Final = "all of it"
STEP: Final = "a step of denoising"
CORES: Final = "cores that the workers kept busy"

Parts = dict[str, float]


@dataclass(frozen=True)
class Seen:
    """One picture: milliseconds of its parts, and the process that drew it."""

    parts: Parts
    worker: int


def main() -> None:
    """Print two tables and one JSON line."""
    options = arguments()
    model = checkpoint(options.model, options.cache)
    environment = environment_of(options, model)
    with tempfile.TemporaryDirectory() as data:
        os.environ |= environment  # the stack counts its workers by it
        settings = Settings.read(port=options.port, data_dir=Path(data))
        with running_stack(settings) as stack, httpx.Client(base_url=stack.url, timeout=None) as client:  # noqa: S113
            stack.wait_ready()
            seen = all_seen(client, model, options.steps, options.tries)
            wait_until_idle()
            inside = drawn_inside(options)
    print_parts(seen)
    print_inside(inside)
    print(json.dumps({"model": model.name, "environment": environment, "pictures": as_json(seen), "inside": inside}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["bundled", "sd15"], default="bundled")
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 20])
    parser.add_argument("--tries", type=int, default=9, help="pictures of each kind")
    parser.add_argument("--backend", choices=["eager", "openvino", "auto"], default="auto", help="of the workers")
    parser.add_argument("--workers", type=int, help="else as many as `easel up` starts here")
    parser.add_argument("--threads", type=int, help="of torch in a worker; else as many as others leave")
    parser.add_argument("--port", type=int, default=8191)
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder of the large model")
    return parser.parse_args()


def environment_of(options: argparse.Namespace, model: Checkpoint) -> dict[str, str]:
    told = {"EASEL_WORKERS": options.workers, "EASEL_TORCH_THREADS": options.threads}
    return {
        "EASEL_CATALOG": str(model.catalog),
        "EASEL_BACKEND": options.backend,
        "EASEL_LOG_LEVEL": "WARNING",
        **{name: str(value) for name, value in told.items() if value},
    }


def all_seen(client: httpx.Client, model: Checkpoint, steps: Sequence[int], tries: int) -> dict[str, list[Seen]]:
    """The pictures of each way and number of steps. The kinds take turns, so that all meet the same machine."""
    kinds = {f"{way}, {count} steps": (way, count) for way in WAYS for count in steps}
    number = 0
    seen: dict[str, list[Seen]] = {kind: [] for kind in kinds}
    for turn in range(WARM + tries):
        if turn == WARM:
            wait_until_idle()
        for kind, (way, count) in kinds.items():
            number += 1
            time.sleep(PAUSE_SECONDS if turn >= WARM else 0)
            picture = one(client, model.name, way, count, number)
            if turn >= WARM:
                seen[kind].append(picture)
    return seen


def one(client: httpx.Client, model: str, way: str, steps: int, number: int) -> Seen:
    """Ask for a picture, wait for it in that way, fetch it."""
    body = {
        "model": model,
        "prompt": f"alone, number {number}",
        "seed": number,
        "num_inference_steps": steps,
        "guidance_scale": 4.0,
        "scheduler": "ddim",
    }
    before = cpu_seconds()
    sent = time.time()
    answer = client.post("/v1/generations", json=body, headers=WAYS[way])
    while (job := answer.raise_for_status().json())["status"] not in FINISHED:
        time.sleep(float(answer.headers["Retry-After"]))
        answer = client.get(job["urls"]["get"])
    heard = time.time()
    if job["status"] != "succeeded":
        raise RuntimeError(f"a picture was not drawn: {job['error']}")
    client.get(job["outputs"][0]["url"]).raise_for_status()
    fetched = time.time()
    used = {
        process: seconds - before.get(process, ("", 0.0))[1]
        for process, (name, seconds) in cpu_seconds().items()
        if name == "worker"
    }
    parts = parts_of(job, sent, heard, fetched, steps)
    busy = sum(used.values()) / (time_of(job["finished_at"]) - time_of(job["started_at"]))
    return Seen({**parts, CORES: busy}, max(used, key=used.__getitem__))


def parts_of(job: Mapping[str, Any], sent: float, heard: float, fetched: float, steps: int) -> Parts:
    """Milliseconds of each part, in order: they add up to all of it."""
    created, started, finished = (time_of(job[f"{each}_at"]) for each in ("created", "started", "finished"))
    stages = {stage: job["timings"].get(stage, 0.0) for stage in Stage if stage is not Stage.QUEUE}
    told = 1000 * sum(stages.values())
    return {
        "HTTP: until the job is queued": 1000 * (created - sent),
        "queue: until it is claimed": 1000 * (started - created),
        **{f"{stage}": 1000 * seconds for stage, seconds in stages.items()},
        "claim, hand over, commit: what no stage has": 1000 * (finished - started) - told,
        "until the client has heard of it": 1000 * (heard - finished),
        "fetching the picture": 1000 * (fetched - heard),
        TOTAL: 1000 * (fetched - sent),
        STEP: 1000 * stages[Stage.DENOISE] / steps,
    }


def drawn_inside(options: argparse.Namespace) -> dict[str, float]:
    """What `benchmarks.single` finds in a process with the environment and the threads of a worker."""
    threads = {"OMP_NUM_THREADS": str(options.threads)} if options.threads else {}
    command = ["--model", options.model, "--cache", str(options.cache), "--tries", str(options.tries)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.single", *command],
        env={**QUIET_WORKER, **os.environ, **threads},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def print_parts(seen: Mapping[str, Sequence[Seen]]) -> None:
    print(f"\n{'milliseconds, the median of each':46}" + "".join(f"{kind:>16}" for kind in seen))
    for part in next(iter(seen.values()))[0].parts:
        places = 2 if part == CORES else 1
        middles = (statistics.median(picture.parts[part] for picture in pictures) for pictures in seen.values())
        print(f"{part:46}" + "".join(f"{middle:16.{places}f}" for middle in middles))
    totals = [sorted(picture.parts[TOTAL] for picture in pictures) for pictures in seen.values()]
    print(f"{'all of it, lowest to highest':46}" + "".join(f"{f'{t[0]:.0f} to {t[-1]:.0f}':>16}" for t in totals))
    workers = [len({picture.worker for picture in pictures}) for pictures in seen.values()]
    print(f"{'workers that drew them':46}" + "".join(f"{count:16}" for count in workers))


def print_inside(inside: Mapping[str, float]) -> None:
    print("\nin one process beside the idle stack")
    for figure, value in inside.items():
        print(f"{figure:54}{value:10.3f}")


def as_json(seen: Mapping[str, Sequence[Seen]]) -> dict[str, list[dict[str, Any]]]:
    return {
        kind: [{**{part: round(ms, 2) for part, ms in each.parts.items()}, "worker": each.worker} for each in pictures]
        for kind, pictures in seen.items()
    }


if __name__ == "__main__":
    main()
