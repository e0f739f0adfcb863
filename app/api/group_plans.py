"""What a group would be: how many jobs and pictures its prompt makes, before anything is submitted."""

from __future__ import annotations

from typing import Final, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.api.asking import asked
from app.api.generation_input import GenerationInput
from app.api.groups import variants_wanted
from app.auth.access import needs
from app.http.bodies import described_body
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.jobs.request import resolve
from app.jobs.wildcards import with_choices
from app.services import Owner, ServicesOf
from core.keys import Scope
from core.tasks import sets_of_roles, starting_roles

router = APIRouter(prefix="/v1/group-plans", tags=["groups"], route_class=JsonRoute)

MOST_PROMPTS: Final = 10


class GroupPlan(BaseModel):
    """A group that has not been submitted."""

    object: Literal["group_plan"] = "group_plan"
    jobs: int
    pictures: int
    cost: int = Field(description="Row-pixels x frames x steps of all of them, as limits count them.")
    prompts: tuple[str, ...] = Field(description="The words of the first ten jobs; wildcards as they may be chosen.")


@router.post(
    "",
    summary="Count the jobs of a prompt",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    openapi_extra=described_body(GenerationInput, files=starting_roles(), together=sets_of_roles(), needed=("prompt",)),
    responses=documented(400, 403, 404, 413, 415, 422, 429, 503),
)
async def plan_group(request: Request, services: ServicesOf, owner: Owner) -> GroupPlan:
    """The body of POST /v1/groups. Nothing is submitted; what that would refuse of the request itself is refused here,
    but the limits of a key and of the server are asked only when it is submitted."""
    async with asked(request, "groups") as said:

        def plan() -> GroupPlan:
            with services.sources.opening(owner) as opening:
                variants = variants_wanted(said, said.wanted(opening), services.catalog, opening)
                resolved = [
                    resolve(with_choices(variant.request, services.catalog), services.catalog) for variant in variants
                ]
            return GroupPlan(
                jobs=len(resolved),
                pictures=sum(len(each.seeds) for each in resolved),
                cost=sum(len(each.seeds) * each.parameters.cost for each in resolved),
                prompts=tuple(str(getattr(each.parameters, "prompt", "")) for each in resolved[:MOST_PROMPTS]),
            )

        return await to_thread.run_sync(plan, limiter=services.decoder_limiter)
