"""Generations: ask for pictures, look, list, cancel, delete."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.accepted import CREATED, RETRY_AFTER, Prefer, answered, shown_now
from app.api.asking import asked
from app.api.generation_input import GenerationInput
from app.api.jobs import JobId, find, forget, view
from app.auth.access import needs
from app.http.bodies import described_body
from app.http.errors import documented
from app.http.idempotency import IdempotencyKey
from app.http.json_bodies import JsonRoute
from app.jobs.fields import FolderName
from app.jobs.prompt_parameters import only
from app.jobs.view import GenerationView
from app.services import BaseUrl, Owner, Services, ServicesOf
from core.errors import Conflict
from core.jobs import Status
from core.keys import Scope
from core.store import Filter, Submitted
from core.tasks import sets_of_roles, starting_roles

logger = logging.getLogger(__name__)

router = APIRouter(
    prefix="/v1/generations", tags=["generations"], route_class=JsonRoute, dependencies=[needs(Scope.READ)]
)


class GenerationPage(BaseModel):
    """Jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[GenerationView]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null at the end.")


class ListQuery(BaseModel):
    """Which jobs to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=100, description="Jobs a page.")
    cursor: str | None = Field(default=None, pattern=r"^[0-9a-f]{1,13}$", description="`next_cursor` of a page.")
    q: str = Field(
        default="",
        max_length=200,
        description="Only jobs in which each of these words occurs: in the prompts, the model, the names of folders or "
        "the id (6 of its letters or more). What has no prompt, such as a cut-out, is found by the words of what it "
        "was made of.",
        examples=["red apple"],
    )
    task: str | None = Field(default=None, max_length=64, description="Only jobs of this task.")
    model: str | None = Field(default=None, max_length=64, description="Only jobs of the model of this id.")
    status: Status | None = Field(default=None, description="Only jobs in this status.")
    favourite: bool = Field(default=False, description="True: only jobs with an output that is a favourite.")
    folder: FolderName | None = Field(default=None, description="Only jobs with an output in this folder.")


@router.post(
    "",
    status_code=202,
    summary="Ask for pictures",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    response_description="Accepted: the job is queued and will not be lost.",
    openapi_extra=described_body(GenerationInput, files=starting_roles(), together=sets_of_roles(), needed=("prompt",)),
    responses={
        **CREATED,
        **documented(400, 403, 404, 413, 415, 422, 429, 503),
    },
)
async def create_generation(
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """Queue a job. Poll its `urls.get`, stream its `urls.events`, name a `webhook`, or send `Prefer: wait=30`.

    As JSON, or as a multipart form with the pictures as files, each named by its role.
    """
    submitted = await _submit(request, services, owner, idempotency_key)
    return await answered(submitted, request, response, services, base_url)


async def _submit(request: Request, services: Services, owner: str, idempotency_key: str | None) -> Submitted:
    """Read the body, the pictures that it brings or names, and submit the job."""
    async with asked(request, "generations") as said:

        def begin() -> Submitted:
            with services.sources.opening(owner) as opening:
                wanted = said.wanted(opening)
                if said.body.prompt_parameters:
                    wanted = only(wanted, services.catalog, opening)
                prepared = services.submissions.prepare(wanted, owner, idempotency_key)
            return services.submissions.submit(prepared)

        return await to_thread.run_sync(begin, limiter=services.decoder_limiter if said.opens_pictures else None)


@router.get("", summary="List your generations", responses=documented(400, 503))
def list_generations(
    query: Annotated[ListQuery, Query()], services: ServicesOf, owner: Owner, base_url: BaseUrl
) -> GenerationPage:
    """Newest first, a page at a time. Where few of many jobs fit, a page may be short and not yet the last."""
    wanted = Filter(**query.model_dump(include=set(Filter.model_fields)))
    before = int(query.cursor, 16) if query.cursor else None
    if wanted == Filter():
        page = services.jobs.list(owner, before=before, limit=query.limit)
    else:
        page = services.search.page(owner, wanted, before=before, limit=query.limit)
    return GenerationPage(
        data=[view(services, job, base_url) for job in page.jobs],
        next_cursor=None if page.cursor is None else f"{page.cursor:x}",
    )


@router.get(
    "/{job_id}",
    summary="Look at a generation",
    responses={200: {"headers": {"Retry-After": RETRY_AFTER}}, **documented(404, 503)},
)
def get_generation(
    job_id: JobId, services: ServicesOf, owner: Owner, base_url: BaseUrl, response: Response
) -> GenerationView:
    """Its status, progress, place in the queue and, once it has succeeded, its outputs."""
    return shown_now(services, find(services, job_id, owner), base_url, response)


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a generation",
    dependencies=[needs(Scope.GENERATE)],
    responses=documented(404, 503),
)
def cancel_generation(job_id: JobId, services: ServicesOf, owner: Owner, base_url: BaseUrl) -> GenerationView:
    """A queued job ends at once, a running one within a step; a finished one stays as it is."""
    job = services.jobs.cancel(find(services, job_id, owner).id)
    return view(services, job or find(services, job_id, owner), base_url)


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Delete a generation",
    dependencies=[needs(Scope.GENERATE)],
    responses=documented(404, 409, 503),
)
def delete_generation(job_id: JobId, services: ServicesOf, owner: Owner) -> None:
    """Forget a finished job and its pictures. Cancel an unfinished one first."""
    job = find(services, job_id, owner)
    if not job.is_terminal:
        raise Conflict(f"the generation is {job.status}: cancel it first, or wait for its end", code="job_not_finished")
    forget(services, job)
