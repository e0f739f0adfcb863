"""An OpenAI call as server-sent events: partial pictures on the way, then the pictures."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from PIL import Image
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from app.http.errors import translate
from app.http.sse import STILL_HERE, Heartbeat
from app.jobs.outcome import failure_of, in_base64
from app.services import Services
from app.wires.openai.answers import NO_USAGE, looks, mark_fetched, unix
from app.wires.openai.fields import ImagesInput
from core.errors import EaselError, Unavailable
from core.jobs import Job, Status
from core.store import NewJob, Preview

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """The events of one call; `kind` is how their types begin."""

    services: Services
    new: NewJob
    job: Job
    body: ImagesInput
    kind: str

    async def events(self) -> AsyncIterator[bytes]:
        """Until the last picture, or an error. A client that hangs up before leaves its job behind."""
        ended = False
        try:
            async with self.services.disconnects.holding(self.new, self.job):
                async for event in self._on_the_way():
                    yield event
            ended = True
            await self.services.disconnects.answered(self.new, self.job.id)
            async for event in self._at_the_end(await run_in_threadpool(self._fresh)):
                yield event
        except (EaselError, RedisError) as error:
            yield self._error(translate(error))
        finally:
            if not ended:
                self.services.disconnects.left(self.new, self.job)

    async def _on_the_way(self) -> AsyncIterator[bytes]:
        """Partial pictures, and comments that keep the connection open, until the job has ended."""
        yield b": accepted\n\n"
        heartbeat, shown, step = Heartbeat(), 0, 0
        with self.services.notifier.listen(self.job.id) as changed:
            while True:
                changed.clear()
                job = await run_in_threadpool(self._fresh)
                if job.is_terminal:
                    return
                if self.services.notifier.closed:
                    raise Unavailable("the api stops; ask again", code="try_again")
                preview = await run_in_threadpool(self._due, shown, step)
                if preview is not None:
                    yield await run_in_threadpool(self._partial, job, preview, shown)
                    shown, step = shown + 1, preview.step
                    heartbeat.spoke()
                if heartbeat.seconds <= 0:
                    yield STILL_HERE
                    heartbeat.spoke()
                await self.services.notifier.wait(changed, heartbeat.seconds)

    def _fresh(self) -> Job:
        """The job as it is now; one that was deleted meanwhile counts as canceled."""
        return self.services.jobs.get(self.job.id) or self.job.evolve(status=Status.CANCELED)

    def _due(self, shown: int, step: int) -> Preview | None:
        """A new preview, if it is time for partial picture number `shown`: they are spread over the steps."""
        wanted = self.body.partial_images or 0
        if shown >= wanted:
            return None
        preview = self.services.previews.latest(self.job.id)
        if preview is None or preview.step <= step or preview.step * (wanted + 1) < preview.steps * (shown + 1):
            return None
        return preview

    def _partial(self, job: Job, preview: Preview, index: int) -> bytes:
        file = io.BytesIO()
        kind = job.request.output.format
        Image.open(io.BytesIO(preview.jpeg), formats=("JPEG",)).save(file, kind.upper())
        return self._event(
            "partial_image",
            job,
            b64_json=base64.b64encode(file.getvalue()).decode(),
            partial_image_index=index,
            created_at=unix(job.created_at),
        )

    async def _at_the_end(self, job: Job) -> AsyncIterator[bytes]:
        if job.status is not Status.SUCCEEDED:
            yield self._error(failure_of(job))
            return
        for image in job.outputs:
            yield self._event(
                "completed",
                job,
                b64_json=await run_in_threadpool(in_base64, self.services.results, image),
                created_at=unix(job.finished_at or job.created_at),
                usage=NO_USAGE,
                seed=image.seed,
                id=job.id,
                timings=job.timings,
            )
        await run_in_threadpool(mark_fetched, job, self.services)

    def _event(self, kind: str, job: Job, **fields: Any) -> bytes:  # noqa: ANN401 - any JSON
        name = f"{self.kind}.{kind}"
        data = {"type": name, **fields, **looks(job, self.body)}
        return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()

    def _error(self, error: EaselError) -> bytes:
        view = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
        return f"event: error\ndata: {json.dumps({'type': 'error', 'error': view})}\n\n".encode()
