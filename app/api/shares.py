"""Share a picture by an address of its own, see what is shared, and withdraw it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.jobs import find
from app.auth.access import needs
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.jobs.view import EXAMPLE_ID
from app.services import BaseUrl, Owner, ServicesOf
from core.errors import InvalidRequest, NotFound
from core.jobs import JOB_ID
from core.keys import Scope
from core.media import IMAGE
from core.store import Share
from core.store.marks import no_output
from core.store.shares import SHARE_ID

router = APIRouter(prefix="/v1/shares", tags=["shares"], route_class=JsonRoute, dependencies=[needs(Scope.GENERATE)])

PICTURES: Final = frozenset(each.media_type for each in IMAGE.formats)

ShareId = Annotated[
    str,
    Path(
        description="The id that POST /v1/shares answered.",
        examples=["q3Zk0mJ8bq2mB1T0c9xYhA"],
        json_schema_extra={"pattern": f"^{SHARE_ID.pattern}$"},
    ),
]


class ShareInput(StrictInput):
    """Which picture, and who is to find it."""

    generation: str = Field(
        description="The id of one of your generations.",
        examples=[EXAMPLE_ID],
        json_schema_extra={"pattern": f"^{JOB_ID.pattern}$"},
    )
    index: int = Field(default=0, ge=0, le=99, description="Which of its outputs.")
    listed: bool = Field(
        default=False,
        description="Whether it is in the public gallery, too, where the owner of this server allows one.",
    )


class ShareView(BaseModel):
    """A picture that is shown to whoever has its address."""

    id: str
    object: Literal["share"] = "share"
    url: str = Field(description="The page to send to others: the picture, its prompt and its recipe.")
    generation: str
    index: int
    listed: bool
    created_at: datetime


class ShareList(BaseModel):
    """All that you share, newest first."""

    object: Literal["list"] = "list"
    data: tuple[ShareView, ...]


@router.post("", status_code=201, summary="Share a picture", responses=documented(400, 404, 413, 415, 429, 503))
def create_share(body: ShareInput, services: ServicesOf, owner: Owner, base_url: BaseUrl) -> ShareView:
    """It can be seen, with its prompt, by whoever has its `url`, until you withdraw it, delete it, or its time is over.
    A picture has one address: asked for again, it is the same, listed or not as you say now."""
    job = find(services, body.generation, owner)
    output = job.output(body.index)
    if output is None:
        raise no_output(body.index)
    if output.medium not in PICTURES:
        raise InvalidRequest(f"only pictures can be shared, and this is {output.medium}", param="index")
    if body.listed and not services.settings.public_gallery:
        raise InvalidRequest(
            "this server has no public gallery (its owner would set EASEL_PUBLIC_GALLERY=1): share it unlisted",
            code="no_public_gallery",
            param="listed",
        )
    return _view(services.shares.share(owner, job.id, body.index, listed=body.listed), base_url)


@router.get("", summary="List what you share", dependencies=[needs(Scope.READ)], responses=documented(503))
def list_shares(services: ServicesOf, owner: Owner, base_url: BaseUrl) -> ShareList:
    """Each with its address."""
    return ShareList(data=tuple(_view(share, base_url) for share in services.shares.of(owner)))


@router.delete("/{share_id}", status_code=204, summary="Withdraw a picture", responses=documented(404, 503))
def withdraw_share(share_id: ShareId, services: ServicesOf, owner: Owner) -> None:
    """From now on nobody finds anything at its address. The picture stays yours."""
    share = services.shares.get(share_id)
    if share is None or share.owner != owner:
        raise no_share()
    services.shares.withdraw(share.id)


def no_share() -> NotFound:
    """The answer to who names a share that there is not, or not any more."""
    return NotFound("there is no such share; it may have been withdrawn", code="share_not_found", param="share_id")


def _view(share: Share, base_url: str) -> ShareView:
    return ShareView(
        id=share.id,
        url=f"{base_url}/s/{share.id}",
        generation=share.job,
        index=share.index,
        listed=share.listed,
        created_at=share.created_at,
    )
