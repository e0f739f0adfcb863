"""A worker without a GPU: takes real jobs from the real store and ends them as told. Draws nothing."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from redis import Redis

from core.jobs import GenerationRequest, JobError, Progress, Stage, Status
from core.media import Artifact, Facts, Thumbnail
from core.results import ResultStore, output_key, thumbnail_key
from core.settings import Settings
from core.store import Claim, JobStore, Verdict, WorkerInfo, WorkerRegistry
from core.store.limits import Limits
from core.tasks import task_named

THUMBNAIL = b"RIFF\x00\x00\x00\x00WEBPVP8 "
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def size_of(request: GenerationRequest) -> Facts:
    """What the pictures of `request` come out in."""
    given = request.inputs[0].facts if request.inputs else {"width": 0, "height": 0}
    scale = getattr(request.parameters, "scale", 1)
    width, height = request.parameters.input_size or (int(float(given[side]) * scale) for side in ("width", "height"))
    return {"width": width, "height": height}


class FakeWorker:
    """One step at a time by its methods, or by itself between `with`."""

    def __init__(self, settings: Settings, name: str = "fake") -> None:
        assert settings.redis_url is not None
        self._redis = Redis.from_url(settings.redis_url)
        self._jobs = JobStore(self._redis, Limits())
        self._results = ResultStore(settings.results_location)
        self._workers = WorkerRegistry(self._redis)
        self._name = name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def announce(self, queue: str = "default", models: tuple[str, ...] = ()) -> None:
        self._workers.announce(WorkerInfo(name=self._name, queue=queue, device="none", slots=1, models=models))

    def claim(self) -> Claim:
        claim = self._jobs.claim("default", self._name)
        assert claim is not None, "no job waits"
        return claim

    def step(self, claim: Claim, step: int, steps: int) -> Verdict:
        progress = Progress(stage=Stage.DENOISE, step=step, steps=steps)
        return self._jobs.progress(claim.job.id, claim.attempt, progress)

    def finish(self, claim: Claim) -> Status | None:
        request = claim.job.request
        kind = task_named(request.task).medium.format(request.output.format)
        assert kind is not None
        outputs = []
        for index, seed in enumerate(request.seeds):
            key = output_key(claim.job.id, claim.attempt, index, kind.extension)
            self._results.put(key, PICTURE)
            outputs.append(
                Artifact(
                    index=index,
                    key=key,
                    medium=kind.media_type,
                    seed=seed,
                    size_bytes=len(PICTURE),
                    facts={"text": f"words {index}"} if kind.name == "txt" else size_of(request),
                    thumbnails=self._thumbnails(claim, index) if kind.name != "txt" else (),
                )
            )
        return self._jobs.commit(
            claim.job.id, claim.attempt, Status.SUCCEEDED, outputs=tuple(outputs), timings={Stage.DENOISE: 0.1}
        )

    def _thumbnails(self, claim: Claim, index: int) -> tuple[Thumbnail, ...]:
        """One of 320 px for larger pictures, as a real worker makes."""
        width, height = size_of(claim.job.request).values()
        longer = max(int(width), int(height))
        if longer <= 320:
            return ()
        key = thumbnail_key(claim.job.id, claim.attempt, index, 320)
        self._results.put(key, THUMBNAIL)
        size = {"width": int(width) * 320 // longer, "height": int(height) * 320 // longer}
        return (Thumbnail(side=320, key=key, size_bytes=len(THUMBNAIL), **size),)

    def fail(self, claim: Claim, code: str = "out_of_memory") -> Status | None:
        error = JobError(code=code, message="the picture does not fit the device")
        return self._jobs.commit(claim.job.id, claim.attempt, Status.FAILED, error=error)

    def cancel(self, claim: Claim) -> Status | None:
        return self._jobs.commit(claim.job.id, claim.attempt, Status.CANCELED)

    def draw_next(self) -> str:
        """Take a job, take two steps, finish it."""
        claim = self.claim()
        for step in (1, 2):
            self.step(claim, step, 2)
        self.finish(claim)
        return claim.job.id

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self.close()

    def close(self) -> None:
        self._redis.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.announce(models=("easel-mini",))
            while (claim := self._jobs.claim("default", self._name)) is not None:
                self.step(claim, 1, 1)
                self.finish(claim)
            self._stopping.wait(0.02)
