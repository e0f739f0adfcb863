"""Runs requests through plain diffusers, one static batch or the engine, and takes the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from benchmarks.workloads import Workload, changed, told
from worker.contract import Canceled, Drawing, DrawRequest, End, Event, Finished, Progressed
from worker.engine.engine import Engine
from worker.engine.warmup import warm_up
from worker.pipelines.arguments import call_arguments
from worker.progress import LOOK_SECONDS

LONG_STEPS = 40
SHORT_STEPS = 4
SCHEDULE_START = 0.02

Result = TypeVar("Result")


def plain(work: Workload, requests: Sequence[DrawRequest], gap: float = 0.0) -> list[float]:
    """Latencies in seconds of requests that arrive `gap` apart and are drawn one by one, first come first."""
    model = work.models.get(work.usual.model)
    began = time.perf_counter()
    latencies = []
    for index, request in enumerate(requests):
        arrival = began + index * gap
        time.sleep(max(0.0, arrival - time.perf_counter()))
        generator = torch.Generator("cpu").manual_seed(request.seed)
        pipeline = model.pipeline_for(request)
        pipeline(**call_arguments(pipeline, request, model.traits, model.row), generator=generator, output_type="pt")
        finish()
        latencies.append(time.perf_counter() - arrival)
    return latencies


def static_batch(work: Workload, requests: Sequence[DrawRequest]) -> tuple[float, float]:
    """Seconds and CPU seconds of one call with all requests, which must be equal but for prompt and seed."""
    model = work.models.get(work.usual.model)
    pipeline = model.pipeline_for(requests[0])
    arguments = call_arguments(pipeline, requests[0], model.traits, model.row)
    arguments |= {
        name: [getattr(told(request), name) for request in requests] for name in ("prompt", "negative_prompt")
    }
    generators = [torch.Generator("cpu").manual_seed(request.seed) for request in requests]
    return timed(lambda: pipeline(**arguments, generator=generators, output_type="pt"))


def in_engine(work: Workload, drive: Callable[[Engine], Result]) -> Result:
    """Run the engine on this, the main thread, as the worker does, while `drive` uses it from another.

    It warms up before the clock starts, as a worker does before it takes requests.
    """
    engine = Engine(work.models, limits=work.limits)
    warm_up(engine, work.models.catalog.model(work.usual.model))
    work.backends.wait()

    def client() -> Result:
        try:
            return drive(engine)
        finally:
            engine.stop(drain=False)

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(client)
        engine.run()
        return result.result()


def engine_latencies(
    work: Workload, requests: Sequence[DrawRequest], gap: float = 0.0
) -> tuple[float, float, list[float]]:
    """Seconds and CPU seconds until all is done, and the latencies, of requests that arrive `gap` apart.

    Raises RuntimeError where one of them is not drawn: what fails early would make the others faster.
    """

    def drive(engine: Engine) -> tuple[float, float, list[float]]:
        began, cpu_began = time.perf_counter() + SCHEDULE_START, time.process_time()
        with ThreadPoolExecutor(len(requests)) as waiters:
            waits = []
            for index, request in enumerate(requests):
                arrival = began + index * gap
                time.sleep(max(0.0, arrival - time.perf_counter()))
                waits.append(waiters.submit(latency, engine.submit(request), arrival))
            latencies = [wait.result() for wait in waits]
        return time.perf_counter() - began, time.process_time() - cpu_began, latencies

    return in_engine(work, drive)


def short_behind_long(work: Workload, side: int, times: int) -> list[tuple[float, float]]:
    """In turn: latencies of a 4-step request alone, and of one that arrives while a 40-step one of `side` runs."""
    short = changed(work.usual, 0, num_inference_steps=SHORT_STEPS)
    long = changed(work.usual, 0, num_inference_steps=LONG_STEPS, width=side, height=side)

    def timed_one(engine: Engine, request: DrawRequest) -> float:
        return latency(engine.submit(request), time.perf_counter())

    def one(engine: Engine, number: int) -> tuple[float, float]:
        alone = timed_one(engine, changed(short, number, prompt=f"alone {number}"))
        blocker = engine.submit(changed(long, number, prompt=f"long {number}"))
        wait_for(blocker, lambda event: isinstance(event, Progressed) and event.step >= 2)
        behind = timed_one(engine, changed(short, number, prompt=f"behind {number}"))
        blocker.cancel()
        wait_for(blocker, lambda event: isinstance(event, Finished | Canceled))
        return alone, behind

    return in_engine(work, lambda engine: [one(engine, number) for number in range(times)])


def latency(drawing: Drawing, since: float) -> float:
    """Seconds from `since`, on the clock of `time.perf_counter`, until the picture is there."""
    wait_for(drawing, lambda event: isinstance(event, Finished))
    return time.perf_counter() - since


def wait_for(drawing: Drawing, reached: Callable[[Event], bool]) -> Event:
    """The first event of `drawing` that is waited for. Raises RuntimeError if it ends otherwise."""
    while not reached(event := drawing.events.get()):
        if isinstance(event, End):
            raise RuntimeError(f"a benchmark request did not get that far: {event}")
    return event


def finished(drawing: Drawing) -> Finished:
    """The end of `drawing`, slept through to as a worker's slot does. Raises RuntimeError if it is another one."""
    while not drawing.wait_for_end(LOOK_SECONDS):
        pass
    event = wait_for(drawing, lambda event: isinstance(event, Finished))
    assert isinstance(event, Finished)
    return event


@torch.no_grad()
def seconds_per_row(forward: Callable[[], Any], rows: int, wanted: int = 1) -> tuple[float, float]:
    """Seconds and CPU seconds a row, of as many forwards of `rows` rows as `wanted` rows take."""
    forwards = -(-wanted // rows)
    wall, cpu = timed(lambda: [forward() for _ in range(forwards)])
    return wall / (forwards * rows), cpu / (forwards * rows)


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds and CPU seconds of the call."""
    began, cpu_began = time.perf_counter(), time.process_time()
    call()
    finish()
    return time.perf_counter() - began, time.process_time() - cpu_began


def finish() -> None:
    """A GPU is told what to do and does it later: wait for it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
