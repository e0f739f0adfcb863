"""All that happens to a key's generations, as server-sent events: one stream for a whole page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.api.events import EVENT_ID_PATTERN, RETRY_MS, LastEventId, checked
from app.api.jobs import view
from app.auth.access import needs
from app.http.errors import documented
from app.http.sse import HEADERS, STILL_HERE, Heartbeat
from app.services import BaseUrl, Owner, Services, ServicesOf
from core.errors import QuotaExceeded
from core.keys import Scope
from core.store import Change

router = APIRouter(prefix="/v1/events", tags=["generations"], dependencies=[needs(Scope.READ)])

GATHER_SECONDS: Final = 0.1
"""What changes within this time goes out together, each job once."""

MAX_STREAMS: Final = 50
"""Of one owner to one api process."""

EXAMPLE: Final = (
    "id: 1784000000000-0\n\nid: 1784000000000-1\nevent: generation\n"
    'data: {"id": "gen_…", "status": "running", …}\n\n'
    'id: 1784000000900-0\nevent: deleted\ndata: {"id": "gen_…"}\n\n'
)

EVENT: Final = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "pattern": EVENT_ID_PATTERN},
        "event": {"enum": ["generation", "deleted", "reset"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "First the id to go on from, without an event. Then `generation`, whose data is the whole "
        "generation, whenever one was accepted, started, went on (twice a second at most), ended or was marked; "
        "`deleted` with its `id`; and `reset` where events are missing between `Last-Event-ID` and now: list your "
        "generations anew. A comment every 15 s keeps it open. It ends when the key does.",
        "content": {"text/event-stream": {"itemSchema": EVENT, "example": EXAMPLE}},
    },
    **documented(400, 429, 503),
}


@router.get("", summary="Watch all of your generations", response_class=StreamingResponse, responses=RESPONSES)
def stream_changes(
    services: ServicesOf, owner: Owner, base_url: BaseUrl, last_event_id: LastEventId = None
) -> Response:
    """Open it first and list your generations then: so nothing falls between. Reconnect with `Last-Event-ID`."""
    after = checked(last_event_id)
    if services.notifier.listeners(owner) >= MAX_STREAMS:
        raise QuotaExceeded(
            f"{MAX_STREAMS} streams of this key are open, the most there may be: close one",
            code="too_many_streams",
            retry_after=5,
        )
    return StreamingResponse(_stream(services, owner, base_url, after), media_type="text/event-stream", headers=HEADERS)


async def _stream(services: Services, owner: str, base_url: str, after: str | None) -> AsyncIterator[bytes]:
    """Ends when the key is revoked, or when this process is told to stop."""
    with services.notifier.listen(owner) as changed:
        begun, last = await run_in_threadpool(_begin, services, owner, after)
        yield f"retry: {RETRY_MS}\n".encode() + begun
        heartbeat = Heartbeat()
        while True:
            changed.clear()
            changes = await run_in_threadpool(services.feed.read, owner, last)
            if changes:
                yield await run_in_threadpool(_told, services, base_url, changes)
                last = changes[-1].id
                heartbeat.spoke()
            if services.notifier.closed or not await run_in_threadpool(services.authenticator.knows, owner):
                return
            if heartbeat.seconds <= 0:
                yield STILL_HERE
                heartbeat.spoke()
            await services.notifier.wait(changed, heartbeat.seconds)
            await asyncio.sleep(GATHER_SECONDS)


def _begin(services: Services, owner: str, after: str | None) -> tuple[bytes, str]:
    """What a stream says first, and the id that it goes on from."""
    if after is not None and services.feed.reaches(owner, after):
        return f"id: {after}\n\n".encode(), after
    last = services.feed.last(owner)
    return (f"id: {last}\n\n".encode() if after is None else _event(last, "reset", "{}")), last


def _told(services: Services, base_url: str, changes: Sequence[Change]) -> bytes:
    """The events of `changes`: of those of one job the last, for it is told as it is now."""
    newest = {change.job: change for change in changes}
    told = sorted(newest.values(), key=lambda change: tuple(map(int, change.id.split("-"))))
    jobs = services.jobs.several([change.job for change in told])
    return b"".join(
        _event(change.id, "reset", "{}")
        if change.kind == "reset"
        else _event(change.id, "deleted", json.dumps({"id": change.job}))
        if job is None
        else _event(change.id, "generation", view(services, job, base_url).model_dump_json())
        for change, job in zip(told, jobs, strict=True)
    )


def _event(event_id: str, kind: str, data: str) -> bytes:
    return f"id: {event_id}\nevent: {kind}\ndata: {data}\n\n".encode()
