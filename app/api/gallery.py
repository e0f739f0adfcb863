"""The public gallery, where the owner of the server allows one: pictures that their makers have listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from app.api.shares import no_share
from app.auth.access import PUBLIC, needs
from app.http.errors import documented
from app.services import BaseUrl, Services, ServicesOf
from core.errors import NotFound
from core.jobs import Job
from core.keys import Scope
from core.media import Artifact
from core.store import Share
from core.store.shares import SHARE_ID

router = APIRouter(prefix="/v1/gallery", tags=["shares"], dependencies=[PUBLIC])

PublicId = Annotated[
    str, Path(description="The id of a share.", json_schema_extra={"pattern": f"^{SHARE_ID.pattern}$"})
]


@dataclass(frozen=True, slots=True)
class Shown:
    """A share that may be looked at, with what it shows."""

    share: Share
    job: Job
    output: Artifact

    @property
    def prompt(self) -> str:
        """What it was drawn by; nothing for what has no prompt of its own."""
        return str(getattr(self.job.request.parameters, "prompt", ""))


class GalleryQuery(BaseModel):
    """Which page of the gallery."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=40, ge=1, le=100, description="Pictures a page.")
    cursor: str | None = Field(default=None, pattern=r"^[0-9a-f]{1,13}$", description="`next_cursor` of a page.")


class GalleryPicture(BaseModel):
    """A picture that its maker has listed."""

    id: str
    url: str = Field(description="Its page.")
    picture: str = Field(description="Its file.")
    prompt: str
    width: int
    height: int
    created_at: datetime


class GalleryPage(BaseModel):
    """Pictures, newest first."""

    object: Literal["list"] = "list"
    data: list[GalleryPicture]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null at the end.")


@router.get("", summary="Look at the public gallery", responses=documented(400, 404, 503))
def list_gallery(query: Annotated[GalleryQuery, Query()], services: ServicesOf, base_url: BaseUrl) -> GalleryPage:
    """Needs no key. 404 where the owner of the server allows no gallery."""
    found, cursor = gallery_page(services, query.cursor, query.limit)
    return GalleryPage(
        data=[
            GalleryPicture(
                id=each.share.id,
                url=f"{base_url}/s/{each.share.id}",
                picture=f"{base_url}{picture_path(each)}",
                prompt=each.prompt,
                width=int(each.output.facts["width"]),
                height=int(each.output.facts["height"]),
                created_at=each.share.created_at,
            )
            for each in found
        ],
        next_cursor=cursor,
    )


@router.delete(
    "/{public_id}",
    status_code=204,
    summary="Withdraw anybody's picture",
    dependencies=[needs(Scope.ADMIN)],
    responses=documented(404, 503),
)
def withdraw_any(public_id: PublicId, services: ServicesOf) -> None:
    """For the owner of the server: of whomever it is, listed or not, nobody finds it any more."""
    if not services.shares.withdraw(public_id):
        raise no_share()


def picture_path(shown: Shown) -> str:
    """Where the file of a share is."""
    return f"/s/{shown.share.id}/picture.{shown.output.extension}"


def gallery_page(services: Services, cursor: str | None, limit: int) -> tuple[list[Shown], str | None]:
    """Pictures that everybody may find, and where the next page begins. Raises NotFound where there is no gallery."""
    if not services.settings.public_gallery:
        raise NotFound("this server has no public gallery", code="no_public_gallery")
    shares, following = services.shares.listed(before=int(cursor, 16) if cursor else None, limit=limit)
    return shown(services, shares), None if following is None else f"{following:x}"


def shown(services: Services, shares: Sequence[Share]) -> list[Shown]:
    """Those of `shares` that may be looked at: the picture is there, and whoever shares it has a good key."""
    known = {owner: services.authenticator.knows(owner) for owner in {share.owner for share in shares}}
    found = []
    for share, job in zip(shares, services.jobs.several([share.job for share in shares]), strict=True):
        output = job.output(share.index) if job is not None and known[share.owner] else None
        if job is not None and output is not None:
            found.append(Shown(share, job, output))
    return found
