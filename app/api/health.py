"""Whether this process lives, and whether a picture could be made now. Needs no key and tells no secret."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.auth.access import PUBLIC
from app.http.errors import documented
from app.services import ServicesOf
from core.catalog.model_state import state_of_model
from core.errors import Unavailable

router = APIRouter(prefix="/health", tags=["health"], dependencies=[PUBLIC])


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """A picture could be made now."""

    status: Literal["ready"] = "ready"
    workers: int = Field(description="Living workers that serve a model of this server.")
    warnings: list[str] = Field(default=[], description="What is wrong without keeping pictures from being made.")


@router.get("/live", summary="Is the process alive")
def get_live() -> Live:
    """Restart the process if this does not answer."""
    return Live()


@router.get("/ready", summary="Can pictures be made", responses=documented(503))
def get_ready(services: ServicesOf) -> Ready:
    """503 with the reason while Redis does not answer, no worker serves a model of this server, or a queue is full."""
    catalog = services.catalog
    queues = catalog.queues()
    serving = [worker for worker in services.workers.alive() if worker.queue in queues]
    if not serving:
        raise Unavailable(
            f"no living worker serves {' or '.join(queues)}; is one started, or still loading its model?",
            code="no_worker",
            retry_after=2,
        )
    limit = services.settings.max_queued
    full = next((queue for queue in queues if services.jobs.pending(queue) >= limit), None)
    if full is not None:
        raise Unavailable(
            f"the queue {full} is full: {limit} jobs wait in it",
            code="queue_full",
            retry_after=services.jobs.drain_seconds(full),
        )
    warnings = [message for model in catalog.models if (message := state_of_model(model, serving).message)]
    if services.watched_catalog.fault:
        warnings.append("the catalogue file is wrong, the last good one is in force: 'easel doctor' says what is wrong")
    return Ready(workers=len(serving), warnings=warnings)
