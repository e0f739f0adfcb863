"""Groups: one prompt that is several jobs. Ask for them, look, list, cancel, delete."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.api.accepted import RETRY_AFTER
from app.api.asking import Asked, asked
from app.api.generation_input import GenerationInput
from app.api.jobs import GroupId, find_group, forget, jobs_of, retry_after, view
from app.auth.access import needs
from app.http.bodies import described_body
from app.http.errors import documented
from app.http.idempotency import IdempotencyKey
from app.http.json_bodies import JsonRoute
from app.jobs.group_view import GroupView, present_group
from app.jobs.prompt_parameters import MOST_JOBS, Variant, variants_of
from app.jobs.request import JobRequest
from app.jobs.sources import OpenFiles
from app.jobs.wildcards import each_its_own
from app.services import BaseUrl, Owner, Services, ServicesOf
from core.catalog.catalog import Catalog
from core.errors import Conflict, IdempotencyMismatch, InvalidRequest
from core.jobs import Job, Status
from core.keys import Scope
from core.store import Group, SubmittedGroup
from core.tasks import sets_of_roles, starting_roles

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/groups", tags=["groups"], route_class=JsonRoute, dependencies=[needs(Scope.READ)])

ACCEPTED: Final[dict[int | str, Any]] = {
    202: {
        "headers": {
            "Location": {"description": "The group's address.", "schema": {"type": "string", "format": "uri"}},
            "Idempotency-Replayed": {
                "description": "`true` if this group existed already.",
                "schema": {"type": "string"},
            },
            "Retry-After": RETRY_AFTER,
        }
    }
}


class GroupPage(BaseModel):
    """Groups, newest first."""

    object: Literal["list"] = "list"
    data: list[GroupView]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null at the end.")


class GroupListQuery(BaseModel):
    """Which groups to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=10, ge=1, le=20, description="Groups a page.")
    cursor: str | None = Field(default=None, pattern=r"^[0-9a-f]{1,13}$", description="`next_cursor` of a page.")


@router.post(
    "",
    status_code=202,
    summary="Ask for several jobs in one prompt",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    response_description="Accepted: all jobs of the group are queued.",
    openapi_extra=described_body(GenerationInput, files=starting_roles(), together=sets_of_roles(), needed=("prompt",)),
    responses={**ACCEPTED, **documented(400, 403, 404, 413, 415, 422, 429, 503)},
)
async def create_group(
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
) -> GroupView:
    """The body of POST /v1/generations, with `prompt_parameters` unless it says false: `{a, b}` in its prompt, and
    `--repeat`, make up to 40 jobs. All of them are accepted, or none is.
    """
    submitted = await _submit(request, services, owner, idempotency_key)
    group = await run_in_threadpool(services.groups.get, submitted.id)
    if group is None:
        raise IdempotencyMismatch(
            "the group of this Idempotency-Key was deleted; use a new key", param="Idempotency-Key"
        )
    logger.info("group accepted", extra={"group_id": group.id, "replayed": submitted.replayed})
    if submitted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    shown = await run_in_threadpool(_shown_now, services, group, base_url, response)
    response.headers["Location"] = shown.urls.get
    return shown


async def _submit(request: Request, services: Services, owner: str, idempotency_key: str | None) -> SubmittedGroup:
    async with asked(request, "groups") as said:

        def begin() -> SubmittedGroup:
            with services.sources.opening(owner) as opening:
                wanted = said.wanted(opening)
                variants = variants_wanted(said, wanted, services.catalog, opening)
                prompt = str(wanted.parameters.get("prompt") or "")
                prepared = services.group_submissions.prepare(variants, prompt, owner, idempotency_key)
            return services.group_submissions.submit(prepared)

        return await to_thread.run_sync(begin, limiter=services.decoder_limiter)


def variants_wanted(said: Asked, wanted: JobRequest, catalog: Catalog, opening: OpenFiles) -> tuple[Variant, ...]:
    """All jobs of the group: those of its prompt, each picture its own where words are chosen by wildcards."""
    reads = said.body.prompt_parameters or "prompt_parameters" not in said.body.model_fields_set
    variants = variants_of(wanted, catalog, opening) if reads else (Variant("", wanted),)
    single = tuple(Variant(each.label, one) for each in variants for one in each_its_own(each.request, catalog))
    if len(single) > MOST_JOBS:
        raise InvalidRequest(
            f"the prompt and its wildcards make {len(single)} jobs; a group has {MOST_JOBS}: ask for fewer pictures",
            param="n",
        )
    return single


@router.get("", summary="List your groups", responses=documented(400, 503))
def list_groups(
    query: Annotated[GroupListQuery, Query()], services: ServicesOf, owner: Owner, base_url: BaseUrl
) -> GroupPage:
    """Newest first, a page at a time; those of which every job is gone are left out."""
    before = int(query.cursor, 16) if query.cursor else None
    groups, following = services.groups.list(owner, before=before, limit=query.limit)
    found = [(group, jobs_of(services, group)) for group in groups]
    return GroupPage(
        data=[_view(services, group, jobs, base_url) for group, jobs in found if any(jobs)],
        next_cursor=None if following is None else f"{following:x}",
    )


@router.get(
    "/{group_id}",
    summary="Look at a group",
    responses={200: {"headers": {"Retry-After": RETRY_AFTER}}, **documented(404, 503)},
)
def get_group(
    group_id: GroupId, services: ServicesOf, owner: Owner, base_url: BaseUrl, response: Response
) -> GroupView:
    """How far its jobs are, and what they have made so far."""
    return _shown_now(services, find_group(services, group_id, owner), base_url, response)


@router.post(
    "/{group_id}/cancel",
    summary="Cancel a group",
    dependencies=[needs(Scope.GENERATE)],
    responses=documented(404, 503),
)
def cancel_group(group_id: GroupId, services: ServicesOf, owner: Owner, base_url: BaseUrl) -> GroupView:
    """Cancel all of its jobs that have not ended; those that have stay as they are."""
    group = find_group(services, group_id, owner)
    for job in reversed(jobs_of(services, group)):  # the last first: a worker takes no other one meanwhile
        if job is not None and not job.is_terminal:
            services.jobs.cancel(job.id)
    return _view(services, group, jobs_of(services, group), base_url)


@router.delete(
    "/{group_id}",
    status_code=204,
    summary="Delete a group",
    dependencies=[needs(Scope.GENERATE)],
    responses=documented(404, 409, 503),
)
def delete_group(group_id: GroupId, services: ServicesOf, owner: Owner) -> None:
    """Forget it with its jobs and their pictures. Cancel it first, or wait for its end."""
    group = find_group(services, group_id, owner)
    jobs = [job for job in jobs_of(services, group) if job is not None]
    unfinished = sum(not job.is_terminal for job in jobs)
    if unfinished:
        raise Conflict(
            f"{unfinished} jobs of the group have not ended: cancel it first, or wait for its end",
            code="job_not_finished",
        )
    for job in jobs:
        forget(services, job)
    services.groups.delete(group)


def _view(services: Services, group: Group, jobs: tuple[Job | None, ...], base_url: str) -> GroupView:
    return present_group(group, jobs, base_url=base_url, sign=services.url_signer.sign)


def _shown_now(services: Services, group: Group, base_url: str, response: Response) -> GroupView:
    """The view of `group`, and when to ask again if there is reason to: when its next job is worth asking for."""
    jobs = jobs_of(services, group)
    waits = [job for job in jobs if job is not None and not job.is_terminal]
    if waits:
        running = any(job.status is not Status.QUEUED for job in waits)
        seconds = 1 if running else retry_after(services, view(services, waits[0], base_url), waits[0].queue)
        response.headers["Retry-After"] = str(seconds)
    return _view(services, group, jobs, base_url)
