"""One OpenAI call from its submission to its answer."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.http.errors import CLIENT_CLOSED_REQUEST
from app.http.sse import HEADERS
from app.jobs.disconnects import ClientDisconnected
from app.jobs.submission import Prepared
from app.services import Services
from app.wires.openai.answers import images_answer
from app.wires.openai.fields import ImagesInput
from app.wires.openai.streams import Stream
from core.jobs import Job
from core.store import NewJob

logger = logging.getLogger(__name__)

READ_TIMEOUT: Final = "x-stainless-read-timeout"
SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
RETRY_COUNT: Final = "x-stainless-retry-count"

BACKSTOP_SECONDS: Final = 15.0
"""A job has this much longer than its client waits and may be away for: the deadline is for an api that died, and one
that is merely busy must come first. What ends a job is its client, and that is no failure."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a client asked, as a job to submit; `kind` is how the types of events begin."""

    body: ImagesInput
    prepared: Prepared
    kind: str

    @property
    def new(self) -> NewJob:
        """The job to submit."""
        return self.prepared.new


async def respond(call: Call, request: Request, services: Services, base_url: str) -> Response:
    """Submit the job, or find that of the client's first try, and answer with its pictures or stream them."""
    job = await _begin(call, request, services)
    if call.body.stream:
        events = Stream(services, call.new, job, call.body, call.kind).events()
        return StreamingResponse(events, media_type="text/event-stream", headers={**HEADERS, "x-request-id": job.id})
    try:
        job = await services.disconnects.wait(request, call.new, job)
    except ClientDisconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return await run_in_threadpool(images_answer, job, call.body, services, base_url)


async def _begin(call: Call, request: Request, services: Services) -> Job:
    job, new, patience = None, call.new, patience_of(call, request)
    if patience is not None:
        patience += services.settings.hangup_seconds + BACKSTOP_SECONDS
        new = replace(new, expires_in=patience)
    if is_retry(request) and new.idempotency_key is None:
        job = await services.disconnects.adopt(new)
    if job is None:
        async with services.disconnects.submitting(new):
            prepared = Prepared(new, call.prepared.files)
            job = (await run_in_threadpool(services.submissions.submit, prepared)).job
    elif patience is not None:
        await run_in_threadpool(services.jobs.postpone, job.id, patience)
    known = job.id != call.new.id
    logger.info("images call accepted", extra={"job_id": job.id, "model": job.request.model, "known": known})
    return job


def patience_of(call: Call, request: Request) -> float | None:
    """Seconds for which the client will wait, if it says so and is the only one to whom the pictures matter."""
    said = request.headers.get(READ_TIMEOUT, "")
    elsewhere = call.new.webhook_url is not None or call.new.idempotency_key is not None
    if elsewhere or call.new.expires_in is not None or call.body.stream or not SECONDS.fullmatch(said):
        return None
    return max(1.0, float(said))


def is_retry(request: Request) -> bool:
    """OpenAI's clients try again by themselves, and say so."""
    return request.headers.get(RETRY_COUNT, "0") not in ("", "0")
