"""API keys: make, list, renew and end them, with a key that may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.auth.key_admin import KeyAdmin
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput, changes_of
from app.services import Owner, ServicesOf
from core.errors import Forbidden
from core.keys import LOCAL_OWNER, MAX_EXPIRY_SECONDS, MAX_OVERLAP_SECONDS, OVERLAP_SECONDS, ApiKey, KeyPolicy, Scope
from core.store import IssuedKey


def _not_local(owner: Owner) -> None:
    """Without keys, anybody on this machine could make one and so lock the others out."""
    if owner == LOCAL_OWNER:
        raise Forbidden("this needs an API key with the scope 'admin'; 'easel keys create' on the server makes one")


router = APIRouter(
    prefix="/v1/keys",
    tags=["keys"],
    route_class=JsonRoute,
    dependencies=[needs(Scope.ADMIN), Depends(_not_local)],
)

NO_STORE: Final = {"Cache-Control": "no-store"}

KeyId = Annotated[
    str,
    Path(
        description="The part of the key between the underscores.",
        examples=["1f0c9a7e"],
        json_schema_extra={"pattern": "^[0-9a-f]{8}$"},
    ),
]


class KeyInput(KeyPolicy, StrictInput):
    """A key to make."""

    expires_in: int | None = Field(default=None, ge=1, le=MAX_EXPIRY_SECONDS, description="Seconds it is good for.")


if TYPE_CHECKING:
    KeyChanges = StrictInput
else:
    KeyChanges = changes_of("KeyChanges", KeyPolicy, "What to change of a key.")


class RotationInput(StrictInput):
    """How to change a key's secret."""

    overlap_seconds: int = Field(
        default=OVERLAP_SECONDS, ge=0, le=MAX_OVERLAP_SECONDS, description="How long the old secret stays good."
    )


class UsedView(BaseModel):
    """Counted from 0:00 UTC."""

    images: int = Field(description="Pictures that came or may still come.")
    worker_seconds: float = Field(description="Seconds that workers were busy with jobs that have ended.")


class KeyDetail(ApiKey):
    """A key, and what it has used of the day."""

    used_today: UsedView


class IssuedKeyView(ApiKey):
    """A key with its whole text, this once."""

    key: str = Field(description="Keep it now: it is shown only here.", examples=["ek_1f0c9a7e_…"])


class KeyList(BaseModel):
    """Every key that was ever made, oldest first; those of EASEL_API_KEYS are not among them."""

    object: Literal["list"] = "list"
    data: tuple[ApiKey, ...]


def _admin(services: ServicesOf) -> KeyAdmin:
    return KeyAdmin(services.keys, lambda: services.catalog)


Admin = Annotated[KeyAdmin, Depends(_admin)]


def _shown_once(issued: IssuedKey, response: Response) -> IssuedKeyView:
    response.headers.update(NO_STORE)
    return IssuedKeyView(**issued.key.__dict__, key=issued.text)


@router.post("", status_code=201, summary="Make a key", responses=documented(400, 403, 413, 415, 503))
def create_key(body: KeyInput, admin: Admin, response: Response) -> IssuedKeyView:
    """The answer has the key's text, this once."""
    policy = body.model_dump(exclude={"expires_in"})
    return _shown_once(admin.create(policy, expires_in=body.expires_in), response)


@router.get("", summary="List the keys", responses=documented(403, 503))
def list_keys(services: ServicesOf) -> KeyList:
    """What each may do, and when it was used last."""
    return KeyList(data=services.keys.list())


@router.get("/{key_id}", summary="Look at a key", responses=documented(403, 404, 503))
def get_key(key_id: KeyId, services: ServicesOf) -> KeyDetail:
    """One key of the list, with what it has used of the day."""
    key = services.keys.find(key_id)
    used = services.usage.today(key.owner)
    today = UsedView(images=used.images, worker_seconds=round(used.worker_seconds, 1))
    return KeyDetail(**key.__dict__, used_today=today)


@router.patch("/{key_id}", summary="Change a key", responses=documented(400, 403, 404, 413, 415, 503))
def change_key(key_id: KeyId, body: KeyChanges, admin: Admin) -> ApiKey:
    """What it may do from the next request on; fields that are left out stay as they are, null takes a limit away."""
    return admin.change(key_id, body.model_dump(exclude_unset=True))


@router.post("/{key_id}/rotate", summary="Renew a key", responses=documented(400, 403, 404, 409, 413, 415, 503))
def rotate_key(key_id: KeyId, body: RotationInput, services: ServicesOf, response: Response) -> IssuedKeyView:
    """A new secret under the same id, with the same jobs. The old one stays good for a while."""
    return _shown_once(services.keys.rotate(key_id, overlap_seconds=body.overlap_seconds), response)


@router.delete("/{key_id}", summary="End a key", responses=documented(403, 404, 503))
def revoke_key(key_id: KeyId, services: ServicesOf) -> ApiKey:
    """At once and for good. It stays on the list."""
    return services.keys.revoke(key_id)
