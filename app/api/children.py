"""Go on from a finished picture: another one like it, more of it, larger, cut out. Each is a job with a parent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request, Response

from app.api.accepted import CREATED, Prefer, answered
from app.api.child_inputs import (
    DescribeInput,
    ExtendInput,
    PanInput,
    ReframeInput,
    RemixInput,
    RemoveBackgroundInput,
    RerollInput,
    UpscaleInput,
    VaryInput,
    ZoomInput,
)
from app.api.job_options import JobOptions
from app.api.jobs import JobId, find
from app.auth.access import needs
from app.http.errors import documented
from app.http.idempotency import IdempotencyKey
from app.http.json_bodies import PictureRoute
from app.jobs.children import (
    Parents,
    again,
    enlarged_anew,
    extended,
    model_doing,
    request_drawing,
    transformed,
    upscaler_for,
    varied,
)
from app.jobs.placement import framed, panned, reframed, zoomed
from app.jobs.request import JobRequest, fingerprint_of
from app.jobs.view import GenerationView
from app.services import Allowed, BaseUrl, Owner, ServicesOf
from core.errors import Conflict, NotFound
from core.jobs import Job, Status
from core.keys import Scope
from core.media import IMAGE
from core.store import Submitted

router = APIRouter(
    prefix="/v1/generations/{job_id}/outputs/{index}",
    tags=["generations"],
    route_class=PictureRoute,
    dependencies=[needs(Scope.GENERATE, metered=True)],
)

RESPONSES: Final = {**CREATED, **documented(400, 403, 404, 409, 413, 415, 422, 429, 503)}

PICTURES: Final = frozenset(each.media_type for each in IMAGE.formats)

Index = Annotated[int, Path(ge=0, le=99, description="Which of its outputs.")]
B = TypeVar("B", bound=JobOptions)
Make = Callable[[Parents, B], JobRequest]


class Child:
    """One job to be made of the picture that the address names, and its answer."""

    def __init__(
        self,
        job_id: JobId,
        index: Index,
        request: Request,
        response: Response,
        services: ServicesOf,
        owner: Owner,
        base_url: BaseUrl,
        allowed: Allowed,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> None:
        self.allowed = allowed
        self._job_id = job_id
        self._index = index
        self._request = request
        self._response = response
        self._services = services
        self._owner = owner
        self._base_url = base_url
        self._idempotency_key = idempotency_key

    async def made(self, body: B, make: Make[B]) -> GenerationView:
        """Submit what `make` makes of the picture. Raises NotFound, Conflict or InvalidRequest."""
        services = self._services

        def begin() -> Submitted:
            parent = self._parent()
            with services.sources.opening(self._owner) as opening:
                drawn = request_drawing(parent, self._of_owner)
                parents = Parents(parent, self._index, drawn, services.catalog, opening, services.results)
                wanted = replace(make(parents, body), fingerprint=self._fingerprint(body), **body.options())
                prepared = services.submissions.prepare(wanted, self._owner, self._idempotency_key)
            return services.submissions.submit(prepared)

        submitted = await to_thread.run_sync(begin, limiter=services.decoder_limiter)
        return await answered(submitted, self._request, self._response, services, self._base_url)

    def _parent(self) -> Job:
        job = find(self._services, self._job_id, self._owner)
        if job.status is not Status.SUCCEEDED:
            raise Conflict(f"the generation is {job.status}: there is nothing to go on from", code="job_not_finished")
        output = job.output(self._index)
        if output is None:
            raise NotFound(f"the generation has no output {self._index}", code="result_not_found", param="index")
        if output.medium not in PICTURES:
            raise Conflict(f"output {self._index} is {output.medium}, and no picture to go on from", code="no_picture")
        return job

    def _of_owner(self, job_id: str) -> Job | None:
        job = self._services.jobs.get(job_id)
        return job if job is not None and job.owner == self._owner else None

    def _fingerprint(self, body: JobOptions) -> str:
        said = body.model_dump(mode="json", exclude_none=True, exclude={"mask"})
        mask = getattr(body, "mask", None)
        digests = [self._job_id, str(self._index), *([mask.fingerprint()] if mask is not None else [])]
        return fingerprint_of(type(body).__name__, said, digests)


ChildOf = Annotated[Child, Depends()]


@router.post("/reroll", status_code=202, summary="The same once more", responses=RESPONSES)
async def reroll(body: RerollInput, child: ChildOf) -> GenerationView:
    """The same request, with another seed."""
    return await child.made(body, lambda parents, said: again(parents, said.changes()))


@router.post("/vary", status_code=202, summary="Another one like it", responses=RESPONSES)
async def vary(body: VaryInput, child: ChildOf) -> GenerationView:
    """A little other, or much; with a mask, just there."""
    return await child.made(body, lambda parents, said: varied(parents, said.share, said.changes(), said.mask))


@router.post("/remix", status_code=202, summary="Other words for its composition", responses=RESPONSES)
async def remix(body: RemixInput, child: ChildOf) -> GenerationView:
    """The picture drawn over by another prompt."""
    return await child.made(
        body,
        lambda parents, said: varied(parents, said.strength, {**said.changes(), "prompt": said.needed("prompt")}),
    )


@router.post("/pan", status_code=202, summary="Go on beside it", responses=RESPONSES)
async def pan(body: PanInput, child: ChildOf) -> GenerationView:
    """The picture as it is, and more of it in one direction."""

    def panned_on(parents: Parents, said: PanInput) -> JobRequest:
        placement = panned(parents.size, parents.model.size, said.direction, said.by)
        return extended(parents, placement, said.changes())

    return await child.made(body, panned_on)


@router.post("/zoom", status_code=202, summary="Zoom out", responses=RESPONSES)
async def zoom(body: ZoomInput, child: ChildOf) -> GenerationView:
    """The picture smaller, and what is around it."""
    return await child.made(
        body, lambda parents, said: extended(parents, zoomed(parents.size, said.factor), said.changes())
    )


@router.post("/reframe", status_code=202, summary="Bring it to another shape", responses=RESPONSES)
async def reframe(body: ReframeInput, child: ChildOf) -> GenerationView:
    """All of the picture, and what is missing for the shape."""

    def reframed_to(parents: Parents, said: ReframeInput) -> JobRequest:
        placement = reframed(parents.size, parents.model.size, said.number)
        return extended(parents, placement, said.changes())

    return await child.made(body, reframed_to)


@router.post("/extend", status_code=202, summary="Draw on beside it, by the pixel", responses=RESPONSES)
async def extend(body: ExtendInput, child: ChildOf) -> GenerationView:
    """The picture as it is, and what is missing of a larger frame around it."""

    def framed_by(parents: Parents, said: ExtendInput) -> JobRequest:
        placement = framed(parents.size, parents.shown_size, parents.model.size, said.margins)
        return extended(parents, placement, said.changes())

    return await child.made(body, framed_by)


@router.post("/upscale", status_code=202, summary="Make it larger", responses=RESPONSES)
async def upscale(body: UpscaleInput, child: ChildOf) -> GenerationView:
    """The picture larger: as it is, or with details that were not there."""

    def enlarged(parents: Parents, said: UpscaleInput) -> JobRequest:
        if said.mode == "creative":
            return enlarged_anew(parents, said.scale, said.changes())
        model = said.model or upscaler_for(parents.catalog, said.scale, child.allowed)
        return transformed(parents, "upscale", model, {"scale": said.scale, **said.changes()})

    return await child.made(body, enlarged)


@router.post("/remove-background", status_code=202, summary="Cut it out", responses=RESPONSES)
async def remove_background(body: RemoveBackgroundInput, child: ChildOf) -> GenerationView:
    """What it shows, on nothing: a PNG or WebP picture with transparency."""
    return await child.made(body, lambda parents, said: _done("remove-background", parents, said.model, child))


@router.post("/describe", status_code=202, summary="Find words for it", responses=RESPONSES)
async def describe(body: DescribeInput, child: ChildOf) -> GenerationView:
    """Prompts that could have made it, four unless `n` says otherwise: the `text` among each output's facts."""
    return await child.made(body, lambda parents, said: _done("image-to-text", parents, said.model, child))


def _done(task: str, parents: Parents, model: str | None, child: Child) -> JobRequest:
    return transformed(parents, task, model or model_doing(task, parents.catalog, child.allowed), {})
