"""One job's life on the worker, from top to bottom. Knows the store and the engine's seam; no torch, no RQ."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar

from redis.exceptions import RedisError

from core import logs
from core.errors import JobFailure
from core.jobs import GenerationRequest, Job, JobError, Progress, Stage, Status
from core.results import ResultStore, image_key
from core.store import Claim, JobStore, Preview, Previews
from core.telemetry import Off, Telemetry, Value
from core.tracing import trace_id
from worker.contract import Drawing, DrawRequest, Finished, Previewed
from worker.inputs import Inputs, read_inputs
from worker.leases import Hold, Leases, Stop
from worker.outputs.image import encode
from worker.progress import watch

logger = logging.getLogger(__name__)

Submit = Callable[[DrawRequest], Drawing]
T = TypeVar("T")

OUTAGE_SECONDS: Final = 75.0
"""A finished picture is kept this long while Redis is away: a minute, and the time to notice that it is back."""


class Metrics(Protocol):
    """Who keeps count of what this process does."""

    def started(self, model: str, attempt: int) -> None: ...

    def succeeded(self, model: str, timings: Mapping[str, float]) -> None: ...


class NullMetrics:
    """Nobody counts."""

    def started(self, model: str, attempt: int) -> None:
        pass

    def succeeded(self, model: str, timings: Mapping[str, float]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Work:
    """What a slot does with a ticket: claim a job, draw it, store it, commit it."""

    name: str
    queue: str
    store: JobStore
    results: ResultStore
    leases: Leases
    submit: Submit
    on_activity: Callable[[], None] = lambda: None
    previews: Previews | None = None
    telemetry: Telemetry = field(default_factory=Off)
    metrics: Metrics = field(default_factory=NullMetrics)

    def __call__(self) -> None:
        claim = self.store.claim(self.queue, self.name)
        if claim is None:
            return
        about: dict[str, Value] = {
            "easel.job": claim.job.id,
            "easel.model": claim.job.request.model,
            "easel.attempt": claim.attempt,
        }
        with self.telemetry.span("easel.wait", claim.job.traceparent, about, start=claim.job.created_at):
            pass  # it ended just now
        with (
            self.telemetry.span("easel.draw", claim.job.traceparent, about, kind="consumer") as span,
            logs.log_context(**context_of(claim.job)),
            self.leases.hold(claim) as hold,
        ):
            try:
                self._live(claim.job, hold)
            except JobFailure as failure:
                span.failed(failure.code)
                self._fail(claim, JobError(code=failure.code, message=failure.message))
            except RedisError:
                # Without Redis there is nobody to tell: the lease runs out and the job starts again elsewhere.
                span.failed("redis_away")
                logger.exception("gave a job up, Redis is away", extra={"job_id": claim.job.id})
            except Exception:
                span.failed("internal_error")
                logger.exception("job failed unexpectedly", extra={"job_id": claim.job.id})
                self._fail(claim, JobError(code="internal_error", message="the worker failed; its log says why"))
        self._refill()

    def _refill(self) -> None:
        """Now that a job has ended, one may start that could not: its owner's limit, or a last attempt drawn alone."""
        try:
            self.store.refill(self.queue, self.leases.slots)
        except RedisError:
            logger.warning("tickets are left to the keeper, Redis is away")

    def _live(self, job: Job, hold: Hold) -> None:
        claim = hold.claim
        logger.info("job started", extra={"job_id": job.id, "attempt": claim.attempt})
        self.metrics.started(job.request.model, claim.attempt)
        inputs = read_inputs(self.results, job)
        drawings = [self.submit(draw_request(job.request, seed, inputs)) for seed in job.request.seeds]
        hold.when_stopped(lambda: cancel_all(drawings))
        outcome = watch(drawings, partial(self._report, hold), self.on_activity, partial(self._show, job.id))
        if outcome.error is not None:
            raise outcome.error
        if hold.stop is not None or outcome.finished is None:
            self._let_go(claim, hold.stop)
            return
        images, timings = self._store_images(claim, outcome.finished, inputs)
        timings = {Stage.QUEUE: queue_seconds(job), **outcome.timings, **timings}
        status = _persist(
            lambda: self.store.commit(
                job.id, claim.attempt, Status.SUCCEEDED, images=images, timings=timings, notes=outcome.notes
            )
        )
        if status is Status.SUCCEEDED:
            self.metrics.succeeded(job.request.model, timings)
        else:
            self.results.delete_prefix(f"{job.id}/{claim.attempt}/")
        logger.info("job ended", extra={"job_id": job.id, "status": status or Stop.LOST})

    def _report(self, hold: Hold, progress: Progress) -> None:
        try:
            hold.heed(self.store.progress(hold.claim.job.id, hold.claim.attempt, progress))
        except RedisError:
            # The picture goes on: progress is told again at the next step.
            logger.warning("progress not told", extra={"job_id": hold.claim.job.id}, exc_info=True)

    def _show(self, job_id: str, preview: Previewed, steps: int) -> None:
        if self.previews is not None:
            try:
                self.previews.show(job_id, Preview(jpeg=preview.paint(), step=preview.step, steps=steps))
            except Exception:
                # Whatever it was, it is no reason to lose the picture.
                logger.warning("preview not shown", extra={"job_id": job_id}, exc_info=True)

    def _store_images(
        self, claim: Claim, finished: tuple[Finished, ...], inputs: Inputs
    ) -> tuple[tuple[ImageFile, ...], dict[str, float]]:
        request = claim.job.request
        started = time.monotonic()
        images = []
        for index, (drawn, seed) in enumerate(zip(finished, request.seeds, strict=True)):
            content = encode(inputs.kept(drawn.pixels), request, seed)
            key = image_key(claim.job.id, claim.attempt, index, request.output.format)
            self.results.put(key, content)
            height, width, _ = drawn.pixels.shape
            images.append(
                ImageFile(
                    index=index,
                    key=key,
                    seed=seed,
                    width=width,
                    height=height,
                    format=request.output.format,
                    size_bytes=len(content),
                )
            )
        return tuple(images), {Stage.STORE: round(time.monotonic() - started, 4)}

    def _let_go(self, claim: Claim, stop: Stop | None) -> None:
        if stop is Stop.HANDED_BACK:
            _persist(lambda: self.store.release(claim.job.id, claim.attempt, self.queue))
        elif stop is Stop.CANCELED:
            _persist(lambda: self.store.commit(claim.job.id, claim.attempt, Status.CANCELED))
        # Otherwise the job is another worker's, or the engine is gone: then the lease runs out, and that counts as an
        # attempt, so a job that takes engines down with it does not go round for ever.
        logger.info("job let go", extra={"job_id": claim.job.id, "reason": stop})

    def _fail(self, claim: Claim, error: JobError) -> None:
        logger.warning("job failed", extra={"job_id": claim.job.id, "code": error.code})
        _persist(lambda: self.store.commit(claim.job.id, claim.attempt, Status.FAILED, error=error))


def context_of(job: Job) -> dict[str, str]:
    """What every line of the log says while this thread has the job."""
    context = {"job_id": job.id}
    if job.traceparent is not None:
        context["trace_id"] = trace_id(job.traceparent)
    return context


def queue_seconds(job: Job) -> float:
    """From submission to the first start."""
    return round(((job.started_at or job.created_at) - job.created_at).total_seconds(), 4)


def cancel_all(drawings: Sequence[Drawing]) -> None:
    for drawing in drawings:
        drawing.cancel()


def draw_request(request: GenerationRequest, seed: int, inputs: Inputs) -> DrawRequest:
    """What the engine is asked for: one image of the job."""
    return DrawRequest(
        model=request.model,
        task=request.task,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        scheduler=request.scheduler,
        seed=seed,
        image=inputs.image,
        mask=inputs.mask,
        strength=1.0 if request.strength is None else request.strength,
    )


def _persist(write: Callable[[], T]) -> T:
    """Call `write` until Redis takes it; the scripts may be sent twice. Raises RedisError after OUTAGE_SECONDS."""
    deadline = time.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return write()
        except RedisError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
