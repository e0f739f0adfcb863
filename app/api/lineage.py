"""Where a generation came from and what was made of it."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.jobs import JobId, find
from app.auth.access import needs
from app.http.errors import documented
from app.jobs.view import OutputView, Sign, shown_outputs
from app.services import BaseUrl, Owner, Services, ServicesOf
from core.jobs import Job
from core.keys import Scope
from core.media import Parent

router = APIRouter(prefix="/v1/generations", tags=["generations"], dependencies=[needs(Scope.READ)])

MAX_NODES: Final = 200
MOST_PROMPT_CHARS: Final = 200


class LineageNode(BaseModel):
    """One generation of the family; of one that was deleted only the id is known."""

    id: str
    status: str | None = Field(description="Null where it was deleted.")
    task: str | None
    created_at: datetime | None
    parents: tuple[Parent, ...] = Field(description="The outputs that it started from.")
    prompt: str | None = Field(description=f"The first {MOST_PROMPT_CHARS} characters; null where it has none.")
    outputs: tuple[OutputView, ...] = Field(description="What came of it, with the addresses of its pictures.")
    url: str


class LineageView(BaseModel):
    """The whole family of a generation, oldest first: all it came from, all that came of it, and their kin."""

    object: Literal["lineage"] = "lineage"
    id: str
    nodes: tuple[LineageNode, ...]
    truncated: bool = Field(description="Whether there are more than are shown.")


@router.get("/{job_id}/lineage", summary="Look at a generation's family", responses=documented(404, 503))
def get_lineage(job_id: JobId, services: ServicesOf, owner: Owner, base_url: BaseUrl) -> LineageView:
    """Its parents, theirs, and what was made of each, as far as they are still there."""
    found, truncated = _family(services, find(services, job_id, owner))
    nodes = [_node(each, job, base_url, services.url_signer.sign) for each, job in found.items()]
    nodes.sort(key=lambda node: (node.created_at is not None, node.created_at or datetime.min))
    return LineageView(id=job_id, nodes=tuple(nodes), truncated=truncated)


def _family(services: Services, start: Job) -> tuple[dict[str, Job | None], bool]:
    """Breadth first from `start`, over parents and children."""
    found: dict[str, Job | None] = {}
    waiting = deque([start.id])
    while waiting and len(found) < MAX_NODES:
        job_id = waiting.popleft()
        if job_id in found:
            continue
        job = services.jobs.get(job_id)
        children = services.lineage.children(job_id)
        if job is None and job_id not in (start.id, *_named_parents(found)):
            continue  # a child that is gone
        found[job_id] = job if job is None or job.owner == start.owner else None
        waiting.extend(parent.generation for parent in (job.request.parents if job else ()))
        waiting.extend(children)
    return found, bool(set(waiting) - found.keys())


def _named_parents(found: dict[str, Job | None]) -> set[str]:
    return {parent.generation for job in found.values() if job for parent in job.request.parents}


def _node(job_id: str, job: Job | None, base_url: str, sign: Sign) -> LineageNode:
    prompt = None if job is None else getattr(job.request.parameters, "prompt", None)
    return LineageNode(
        id=job_id,
        status=None if job is None else str(job.status),
        task=None if job is None else job.request.task,
        created_at=None if job is None else job.created_at,
        parents=() if job is None else job.request.parents,
        prompt=prompt[:MOST_PROMPT_CHARS] if prompt else None,
        outputs=() if job is None else shown_outputs(job, base_url=base_url, sign=sign),
        url=f"{base_url}/v1/generations/{job_id}",
    )
