"""Go on from a finished picture: reroll, vary, remix, pan, zoom, reframe. Each is a job of its own, with a parent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response

from app.api.accepted import CREATED, Prefer, answered
from app.api.child_inputs import ChildInput, PanInput, ReframeInput, RemixInput, RerollInput, VaryInput, ZoomInput
from app.api.jobs import JobId, find
from app.auth.access import needs
from app.http.errors import documented
from app.http.idempotency import IdempotencyKey
from app.http.json_bodies import MAX_PICTURE_BYTES, JsonRoute
from app.jobs.children import Parents, again, extended, varied
from app.jobs.placement import panned, reframed, zoomed
from app.jobs.request import JobRequest, fingerprint_of
from app.jobs.view import GenerationView
from app.services import BaseUrl, Owner, Services, ServicesOf
from core.errors import Conflict, NotFound
from core.jobs import Job, Status
from core.keys import Scope
from core.store import Submitted


class PictureRoute(JsonRoute):
    """A mask may travel inside the JSON, in base64."""

    max_bytes = MAX_PICTURE_BYTES


router = APIRouter(
    prefix="/v1/generations/{job_id}/outputs/{index}",
    tags=["generations"],
    route_class=PictureRoute,
    dependencies=[needs(Scope.GENERATE, metered=True)],
)

RESPONSES: Final = {**CREATED, **documented(400, 403, 404, 409, 413, 415, 422, 429, 503)}

Index = Annotated[int, Path(ge=0, le=99, description="Which of its outputs.")]
B = TypeVar("B", bound=ChildInput)
Make = Callable[[Parents, B], JobRequest]


@router.post("/reroll", status_code=202, summary="The same once more", responses=RESPONSES)
async def reroll(
    job_id: JobId,
    index: Index,
    body: RerollInput,
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """The same request, with another seed."""
    child = _Child(services, owner, job_id, index, "reroll", idempotency_key)
    submitted = await child.submit(body, lambda parents, said: again(parents, said.changes()))
    return await answered(submitted, request, response, services, base_url)


@router.post("/vary", status_code=202, summary="Another one like it", responses=RESPONSES)
async def vary(
    job_id: JobId,
    index: Index,
    body: VaryInput,
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """A little other, or much; with a mask, just there."""
    child = _Child(services, owner, job_id, index, "vary", idempotency_key)
    submitted = await child.submit(body, lambda parents, said: varied(parents, said.share, said.changes(), said.mask))
    return await answered(submitted, request, response, services, base_url)


@router.post("/remix", status_code=202, summary="Other words for its composition", responses=RESPONSES)
async def remix(
    job_id: JobId,
    index: Index,
    body: RemixInput,
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """The picture drawn over by another prompt."""
    child = _Child(services, owner, job_id, index, "remix", idempotency_key)
    submitted = await child.submit(
        body,
        lambda parents, said: varied(parents, said.strength, {**said.changes(), "prompt": said.needed("prompt")}),
    )
    return await answered(submitted, request, response, services, base_url)


@router.post("/pan", status_code=202, summary="Go on beside it", responses=RESPONSES)
async def pan(
    job_id: JobId,
    index: Index,
    body: PanInput,
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """The picture as it is, and more of it in one direction."""
    child = _Child(services, owner, job_id, index, "pan", idempotency_key)
    submitted = await child.submit(
        body,
        lambda parents, said: extended(
            parents, panned(parents.size, parents.model.size, said.direction, said.by), said.changes()
        ),
    )
    return await answered(submitted, request, response, services, base_url)


@router.post("/zoom", status_code=202, summary="Zoom out", responses=RESPONSES)
async def zoom(
    job_id: JobId,
    index: Index,
    body: ZoomInput,
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """The picture smaller, and what is around it."""
    child = _Child(services, owner, job_id, index, "zoom", idempotency_key)
    submitted = await child.submit(
        body, lambda parents, said: extended(parents, zoomed(parents.size, said.factor), said.changes())
    )
    return await answered(submitted, request, response, services, base_url)


@router.post("/reframe", status_code=202, summary="Bring it to another shape", responses=RESPONSES)
async def reframe(
    job_id: JobId,
    index: Index,
    body: ReframeInput,
    request: Request,
    response: Response,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> GenerationView:
    """All of the picture, and what is missing for the shape."""
    child = _Child(services, owner, job_id, index, "reframe", idempotency_key)
    submitted = await child.submit(
        body,
        lambda parents, said: extended(
            parents, reframed(parents.size, parents.model.size, said.number), said.changes()
        ),
    )
    return await answered(submitted, request, response, services, base_url)


class _Child:
    """One job to be made of a picture."""

    def __init__(
        self, services: Services, owner: str, job_id: str, index: int, action: str, idempotency_key: str | None
    ) -> None:
        self._services = services
        self._owner = owner
        self._job_id = job_id
        self._index = index
        self._action = action
        self._idempotency_key = idempotency_key

    async def submit(self, body: B, make: Make[B]) -> Submitted:
        """Submit what `make` makes of the picture. Raises NotFound, Conflict or InvalidRequest."""

        def begin() -> Submitted:
            services, parent = self._services, self._parent()
            with services.sources.opening(self._owner) as opening:
                parents = Parents(parent, self._index, services.catalog, opening, services.results)
                wanted = self._completed(make(parents, body), body)
                prepared = services.submissions.prepare(wanted, self._owner, self._idempotency_key)
            return services.submissions.submit(prepared)

        return await to_thread.run_sync(begin, limiter=self._services.decoder_limiter)

    def _parent(self) -> Job:
        job = find(self._services, self._job_id, self._owner)
        if job.status is not Status.SUCCEEDED:
            raise Conflict(f"the generation is {job.status}: there is nothing to go on from", code="job_not_finished")
        if all(output.index != self._index for output in job.outputs):
            raise NotFound(f"the generation has no output {self._index}", code="result_not_found", param="index")
        return job

    def _completed(self, made: JobRequest, body: ChildInput) -> JobRequest:
        said = body.model_dump(mode="json", exclude_none=True, exclude={"mask"})
        mask = getattr(body, "mask", None)
        digests = [self._job_id, str(self._index), *([mask.fingerprint()] if mask is not None else [])]
        return replace(
            made,
            seed=body.seed,
            n=body.n,
            priority=body.priority,
            expires_in=body.expires_in,
            store=body.store,
            webhook=body.webhook,
            metadata=body.metadata,
            fingerprint=fingerprint_of(self._action, said, digests),
        )
