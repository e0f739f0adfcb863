"""One job's life on the worker, from top to bottom: claimed, read, drawn, stored, committed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from obstore.exceptions import BaseError
from opentelemetry.trace import Span, SpanKind
from redis.exceptions import RedisError

from core import logs
from core.errors import EaselError, JobFailure
from core.jobs import Job, JobError, Progress, Stage, Status
from core.media import Artifact, Format, Thumbnail
from core.results import ResultStore, output_key, thumbnail_key
from core.store import Claim, JobStore, Preview
from core.tasks import task_named
from core.telemetry import mark_failed
from worker.contract import Drawing, DrawRequest, Finished, Inputs, Previewed
from worker.inputs import read_inputs
from worker.leases import Hold, Leases, Stop
from worker.observers import Observers
from worker.outputs import Encoded, Encoder, encoder_of
from worker.outputs.thumbnails import thumbnails_of
from worker.progress import Outcome, watch

logger = logging.getLogger(__name__)

Submit = Callable[[DrawRequest], Drawing]
"""The engine's `submit`, which any thread may call."""

T = TypeVar("T")

LOAD_FAILED: Final = "model_load_failed"
"""It says something of this worker, not of the job: another may have the files, or the memory."""

OUTAGE_SECONDS: Final = 75.0
"""A finished picture is kept this long while Redis is away, or the result store, or full: a minute, and the time to
notice that it is back."""

STORE_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunner:
    """What a slot does with a ticket: one attempt at the next job of the worker's queue, if one waits."""

    store: JobStore
    results: ResultStore
    leases: Leases
    submit: Submit
    observers: Observers = field(default_factory=Observers)

    def __call__(self) -> None:
        """Claim a job and see it to its end. Raises RedisError only where there is no claim yet."""
        worker = self.leases.worker
        claim = self.store.claim(worker.queue, worker.name, worker.capabilities)
        if claim is None:
            return
        with self._traced(claim) as span, logs.log_context(job_id=claim.job.id), self.leases.hold(claim) as hold:
            try:
                self._attempt(claim, hold)
            except EaselError as failure:
                mark_failed(span, failure.code)
                if failure.code == LOAD_FAILED and self._is_for_others(claim):
                    self._stop(claim, Stop.RELEASED)
                else:
                    self._fail(claim, JobError(code=failure.code, message=failure.message))
            except RedisError:
                # Without Redis there is nobody to tell: the lease runs out and the job starts again elsewhere.
                mark_failed(span, "redis_away")
                logger.exception("attempt stopped, Redis is away", extra={"job_id": claim.job.id})
            except Exception:
                mark_failed(span, "internal_error")
                logger.exception("job failed unexpectedly", extra={"job_id": claim.job.id})
                self._fail(claim, JobError(code="internal_error", message="the worker failed; its log says why"))
        self._refill()

    def _attempt(self, claim: Claim, hold: Hold) -> None:
        """From the inputs to the commit. Raises JobFailure for what the job's owner is to read."""
        job, request = claim.job, claim.job.request
        logger.info("job started", extra={"job_id": job.id, "attempt": claim.attempt})
        self.observers.metrics.started(request.model, claim.attempt)
        encoder, chosen = files_of(job)
        inputs = read_inputs(self.results, request)
        outcome = self._draw(job, hold, inputs)
        if outcome.error is not None:
            raise outcome.error
        if hold.stopped is not None or outcome.finished is None:
            self._stop(claim, hold.stopped)
            return
        began = time.monotonic()
        outputs = self._store(hold, outcome.finished, inputs, encoder, chosen)
        if outputs is None:
            self._clear(claim)
            self._stop(claim, hold.stopped)
            return
        seconds = round(time.monotonic() - began, 4)
        timings = {Stage.QUEUE: queue_seconds(job), **outcome.timings, Stage.STORE: seconds}
        self._commit(claim, outputs, timings, outcome.notes)

    def _draw(self, job: Job, hold: Hold, inputs: Inputs) -> Outcome:
        """Every output at once, and how they ended."""
        drawings = [
            self.submit(DrawRequest(request=job.request, seed=seed, inputs=inputs)) for seed in job.request.seeds
        ]
        hold.when_stopped(lambda: cancel_all(drawings))
        return watch(drawings, partial(self._report, hold), self.observers.on_activity, partial(self._show, job.id))

    def _report(self, hold: Hold, progress: Progress) -> None:
        try:
            hold.heed(self.store.progress(hold.claim.job.id, hold.claim.attempt, progress))
        except RedisError:
            # The picture goes on: progress is told again at the next step.
            logger.warning("progress not told", extra={"job_id": hold.claim.job.id}, exc_info=True)

    def _show(self, job_id: str, preview: Previewed, steps: int) -> None:
        if self.observers.previews is not None:
            try:
                shown = Preview(jpeg=preview.paint(), step=preview.step, steps=steps)
                self.observers.previews.show(job_id, shown)
            except Exception:
                # Whatever it was, it is no reason to lose the picture.
                logger.warning("preview not shown", extra={"job_id": job_id}, exc_info=True)

    def _store(
        self, hold: Hold, finished: Sequence[Finished], inputs: Inputs, encoder: Encoder, chosen: Format
    ) -> tuple[Artifact, ...] | None:
        """The files of the outputs, each under the name of this attempt; None if it was stopped while it waited."""
        claim, deadline, outputs = hold.claim, time.monotonic() + OUTAGE_SECONDS, []
        request = claim.job.request
        for index, (drawn, seed) in enumerate(zip(finished, request.seeds, strict=True)):
            encoded = encoder.encode(drawn.result, request, seed, inputs)
            key = output_key(claim.job.id, claim.attempt, index, chosen.extension)
            if not self._put(hold, key, encoded.content, deadline):
                return None
            outputs.append(
                Artifact(
                    index=index,
                    key=key,
                    medium=chosen.media_type,
                    seed=seed,
                    size_bytes=len(encoded.content),
                    facts=encoded.facts,
                    thumbnails=self._store_thumbnails(claim, index, encoded),
                )
            )
        return tuple(outputs)

    def _put(self, hold: Hold, key: str, content: bytes, deadline: float) -> bool:
        """A finished picture waits for room, or for a store that is away, as it does for Redis; False if it is stopped.

        Raises JobFailure after the deadline, with nothing of the attempt left.
        """
        while True:
            try:
                self.results.put(key, content)
            except (EaselError, BaseError, OSError) as error:
                logger.warning("output not stored", extra={"job_id": hold.claim.job.id}, exc_info=True)
                if hold.stopped is not None:
                    return False
                if time.monotonic() > deadline:
                    self._clear(hold.claim)
                    if isinstance(error, EaselError):
                        raise JobFailure(error.message, code=error.code) from error
                    raise JobFailure("the server could not store what was drawn", code="storage_failed") from error
            else:
                return True
            time.sleep(STORE_PAUSE_SECONDS)

    def _clear(self, claim: Claim) -> None:
        """Take away what this attempt has stored."""
        try:
            self.results.delete_prefix(f"{claim.job.id}/{claim.attempt}/")
        except (BaseError, OSError):
            logger.warning("files of an attempt are left", extra={"job_id": claim.job.id}, exc_info=True)

    def _store_thumbnails(self, claim: Claim, index: int, encoded: Encoded) -> tuple[Thumbnail, ...]:
        """None for what is fetched once and goes, nor where there is no room: the picture is there all the same."""
        if encoded.picture is None or not claim.job.store:
            return ()
        stored = []
        for small in thumbnails_of(encoded.picture):
            key = thumbnail_key(claim.job.id, claim.attempt, index, small.side)
            try:
                self.results.put(key, small.content)
            except (EaselError, BaseError, OSError):
                logger.warning("thumbnail not stored", extra={"job_id": claim.job.id}, exc_info=True)
                break
            size_bytes = len(small.content)
            stored.append(
                Thumbnail(side=small.side, width=small.width, height=small.height, key=key, size_bytes=size_bytes)
            )
        return tuple(stored)

    def _commit(
        self, claim: Claim, outputs: tuple[Artifact, ...], timings: dict[str, float], notes: tuple[str, ...]
    ) -> None:
        """The job has succeeded, unless it was canceled or the lease was lost meanwhile: then the files go."""
        job = claim.job
        commit = partial(self.store.commit, outputs=outputs, timings=timings, notes=notes)
        status = _persist(lambda: commit(job.id, claim.attempt, Status.SUCCEEDED))
        if status is Status.SUCCEEDED:
            self.observers.metrics.succeeded(job.request.model, timings)
        else:
            self._clear(claim)
        logger.info("job ended", extra={"job_id": job.id, "status": status or Stop.LOST})

    def _stop(self, claim: Claim, reason: Stop | None) -> None:
        """The attempt is over without outputs: the job is released, or canceled, or no longer this worker's."""
        if reason is Stop.RELEASED:
            _persist(lambda: self.store.release(claim.job.id, claim.attempt, self.leases.worker.queue))
        elif reason is Stop.CANCELED:
            _persist(lambda: self.store.commit(claim.job.id, claim.attempt, Status.CANCELED))
        # Otherwise the job is another worker's, or the engine is gone: then the lease runs out, and that counts as an
        # attempt, so a job that takes engines down with it does not go round for ever.
        logger.info("attempt stopped", extra={"job_id": claim.job.id, "reason": reason})

    def _fail(self, claim: Claim, error: JobError) -> None:
        logger.warning("job failed", extra={"job_id": claim.job.id, "code": error.code})
        _persist(lambda: self.store.commit(claim.job.id, claim.attempt, Status.FAILED, error=error))

    def _is_for_others(self, claim: Claim) -> bool:
        """Whether another worker may draw what this one could not load."""
        model = claim.job.request.model
        return _persist(lambda: self.leases.others_can_draw_with(model))

    def _refill(self) -> None:
        """Now that a job has ended, one may start that could not: its owner's limit, or a last attempt drawn alone."""
        try:
            self.store.refill(self.leases.worker.queue, self.leases.worker.slots)
        except RedisError:
            logger.warning("tickets are left to the keeper, Redis is away")

    @contextmanager
    def _traced(self, claim: Claim) -> Iterator[Span]:
        """A span for the wait that has just ended, then one around the attempt."""
        job, telemetry = claim.job, self.observers.telemetry
        about: dict[str, str | int] = {
            "easel.job": job.id,
            "easel.model": job.request.model,
            "easel.attempt": claim.attempt,
        }
        with telemetry.span("easel.wait", job.traceparent, about, start=job.created_at):
            pass
        with telemetry.span("easel.draw", job.traceparent, about, kind=SpanKind.CONSUMER) as span:
            yield span


def files_of(job: Job) -> tuple[Encoder, Format]:
    """What makes the files that the job asks for, and their format. Raises JobFailure (`output_not_supported`)."""
    medium, name = task_named(job.request.task).medium, job.request.output.format
    chosen = medium.format(name)
    if chosen is None:
        raise JobFailure(f"the medium {medium.name} has no format {name}", code="output_not_supported")
    return encoder_of(medium), chosen


def queue_seconds(job: Job) -> float:
    """From submission to the first start."""
    return round(((job.started_at or job.created_at) - job.created_at).total_seconds(), 4)


def cancel_all(drawings: Sequence[Drawing]) -> None:
    """Before the engine's next forward."""
    for drawing in drawings:
        drawing.cancel()


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
