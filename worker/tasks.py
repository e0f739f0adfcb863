"""One job's life on the worker, from top to bottom. Knows the store and the engine's seam; no torch, no RQ."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from redis.exceptions import RedisError

from core.errors import JobFailure
from core.jobs import GenerationRequest, ImageFile, Job, JobError, Progress, Stage, Status
from core.results import ResultStore, image_key
from core.store import Claim, JobStore, Preview, Previews
from worker.encode import encode
from worker.engine.requests import Drawing, DrawRequest, Finished, Previewed
from worker.inputs import Inputs, read_inputs
from worker.leases import Hold, Leases, Stop
from worker.watch import watch

logger = logging.getLogger(__name__)

Submit = Callable[[DrawRequest], Drawing]
T = TypeVar("T")

OUTAGE_SECONDS: Final = 60.0
"""A finished picture is kept this long while Redis is away."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a slot does with a ticket: claim a job, draw it, store it, commit it."""

    name: str
    queue: str
    store: JobStore
    results: ResultStore
    leases: Leases
    submit: Submit
    heard: Callable[[], None] = lambda: None
    previews: Previews | None = None

    def __call__(self) -> None:
        claim = self.store.claim(self.queue, self.name)
        if claim is None:
            return
        with self.leases.hold(claim) as hold:
            try:
                self._live(claim.job, hold)
            except JobFailure as failure:
                self._fail(claim, JobError(code=failure.code, message=failure.message))
            except RedisError:
                # Without Redis there is nobody to tell: the lease runs out and the job starts again elsewhere.
                logger.exception("gave a job up, Redis is away", extra={"job_id": claim.job.id})
            except Exception:
                logger.exception("job failed unexpectedly", extra={"job_id": claim.job.id})
                self._fail(claim, JobError(code="internal_error", message="the worker failed; its log says why"))

    def _live(self, job: Job, hold: Hold) -> None:
        claim = hold.claim
        logger.info("job started", extra={"job_id": job.id, "attempt": claim.attempt})
        inputs = read_inputs(self.results, job)
        drawings = [self.submit(draw_request(job.request, seed, inputs)) for seed in job.request.seeds]
        hold.when_stopped(lambda: cancel_all(drawings))
        outcome = watch(drawings, partial(self._report, hold), self.heard, partial(self._show, job.id))
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
        if status is not Status.SUCCEEDED:
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
                self.previews.show(job_id, Preview(jpeg=preview.jpeg, step=preview.step, steps=steps))
            except RedisError:
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
    """Call `write` until Redis takes it. Raises RedisError after 60 s; the scripts may be sent again safely."""
    deadline = time.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return write()
        except RedisError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
