"""The events of a generation as they happen, as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.api.jobs import JobId, find, view
from app.auth.access import needs
from app.http.errors import documented
from app.http.sse import HEADERS, STILL_HERE, Heartbeat
from app.services import BaseUrl, Owner, Services, ServicesOf
from core.errors import InvalidRequest
from core.jobs import TERMINAL_STATUSES, Job
from core.keys import Scope
from core.store import Event
from core.store.events import EVENT_ID

router = APIRouter(prefix="/v1/generations", tags=["generations"], dependencies=[needs(Scope.READ)])

RETRY_MS: Final = 2000

EVENT_ID_PATTERN: Final = "^[0-9]{1,18}-[0-9]{1,18}$"

EXAMPLE: Final = (
    'id: 1784000000000-0\nevent: progress\ndata: {"stage": "denoise", "step": 12, "steps": 20}\n\n'
    'id: 1784000000900-0\nevent: succeeded\ndata: {"id": "gen_…", "status": "succeeded", "outputs": […], …}\n\n'
)

EVENT: Final = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": EVENT_ID_PATTERN},
        "event": {"enum": ["queued", "started", "progress", "canceling", "succeeded", "failed", "canceled"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events until the job ends: `queued`, `started`, `progress`, `canceling`, then one of "
        "`succeeded`, `failed`, `canceled`, whose data is the whole generation. A comment every 15 s keeps it open.",
        "content": {"text/event-stream": {"itemSchema": EVENT, "example": EXAMPLE}},
    },
    204: {"description": "`Last-Event-ID` is the last event of a finished job: there is nothing to come."},
    **documented(400, 404, 503),
}

LastEventId = Annotated[
    str | None,
    Header(
        description="The last event that you have: the stream goes on after it.",
        examples=["1784000000000-0"],
        json_schema_extra={"pattern": f"{EVENT_ID_PATTERN}|^$"},
    ),
]


@router.get("/{job_id}/events", summary="Watch a generation", response_class=StreamingResponse, responses=RESPONSES)
async def stream_events(
    job_id: JobId, services: ServicesOf, owner: Owner, base_url: BaseUrl, last_event_id: LastEventId = None
) -> Response:
    """What happened so far and what happens next; reconnect with `Last-Event-ID` and miss nothing."""
    after = checked(last_event_id)
    job = await run_in_threadpool(find, services, job_id, owner)
    if after and job.is_terminal:
        if not await run_in_threadpool(services.events.read, job_id, after):
            return Response(status_code=204)
    return StreamingResponse(_stream(services, job, base_url, after), media_type="text/event-stream", headers=HEADERS)


def checked(last_event_id: str | None) -> str | None:
    """The id of the last event that a client has, None without one. Raises InvalidRequest for what is no id."""
    if last_event_id and EVENT_ID.fullmatch(last_event_id) is None:
        raise InvalidRequest(
            f"Last-Event-ID must be the id of an event, such as 1784000000000-0, not '{last_event_id[:60]}'",
            param="Last-Event-ID",
        )
    return last_event_id or None


async def _stream(services: Services, job: Job, base_url: str, after: str | None) -> AsyncIterator[bytes]:
    """Ends with the terminal event, when the job is deleted, or when this process is told to stop."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    heartbeat = Heartbeat()
    with services.notifier.listen(job.id) as changed:
        while True:
            changed.clear()
            for event in await run_in_threadpool(services.events.read, job.id, after):
                data = await run_in_threadpool(_data, services, job.id, base_url, event)
                yield f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n".encode()
                after = event.id
                heartbeat.spoke()
                if event.type in TERMINAL_STATUSES:
                    return
            if services.notifier.closed or await run_in_threadpool(services.jobs.get, job.id) is None:
                return
            if heartbeat.seconds <= 0:
                yield STILL_HERE
                heartbeat.spoke()
            await services.notifier.wait(changed, heartbeat.seconds)


def _data(services: Services, job_id: str, base_url: str, event: Event) -> str:
    """One line of JSON: the whole generation for its last event."""
    job = services.jobs.get(job_id) if event.type in TERMINAL_STATUSES else None
    return view(services, job, base_url).model_dump_json() if job else json.dumps(event.data)
