"""API keys: make, list, renew and end them, with a key that may."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.services import Owner, Services, ServicesOf
from core.errors import Forbidden, InvalidRequest, NotFound
from core.keys import LOCAL_OWNER, MAX_LIMIT, ApiKey, KeyPolicy, Limit, ModelId, Scope, Scopes
from core.store import IssuedKey


def _not_local(owner: Owner) -> None:
    """Without keys, anybody on this machine could make one and so lock the others out."""
    if owner == LOCAL_OWNER:
        raise Forbidden("this needs an API key with the scope 'admin'; 'easel keys create' on the server makes one")


router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=JsonRoute, dependencies=[Depends(_not_local)])

MAX_SECONDS: Final = 10 * 366 * 24 * 3600
ALWAYS: Final = frozenset({"name", "scopes", "models", "weight"})
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

    expires_in: int | None = Field(default=None, ge=1, le=MAX_SECONDS, description="Seconds it is good for.")


class KeyChanges(StrictInput):
    """What to change of a key."""

    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")
    scopes: Scopes | None = None
    models: Annotated[tuple[ModelId, ...], Field(strict=False)] | None = Field(default=None, max_length=64)
    weight: float | None = Field(default=None, ge=0.01, le=100)
    max_queued: Limit | None = None
    max_running: Limit | None = None
    requests_per_minute: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    images_per_day: Limit | None = None
    worker_seconds_per_day: Limit | None = None
    retention_hours: float | None = Field(default=None, ge=0.01, le=24 * 366)


class RotationInput(StrictInput):
    """How to change a key's secret."""

    overlap_seconds: int = Field(
        default=24 * 3600, ge=0, le=30 * 24 * 3600, description="How long the old secret stays good."
    )


class KeyView(BaseModel):
    """A key without its secret, which nobody can be told again."""

    id: str = Field(examples=["1f0c9a7e"])
    object: Literal["api_key"] = "api_key"
    name: str
    scopes: tuple[Scope, ...]
    models: tuple[str, ...] = Field(description="The models it may ask for; empty: all.")
    weight: float
    max_queued: int | None
    max_running: int | None
    requests_per_minute: int | None
    images_per_day: int | None
    worker_seconds_per_day: int | None
    retention_hours: float | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class UsedView(BaseModel):
    """Counted from 0:00 UTC."""

    images: int = Field(description="Pictures that came or may still come.")
    worker_seconds: float = Field(description="Seconds that workers were busy with jobs that have ended.")


class KeyDetail(KeyView):
    """A key, and what it has used of the day."""

    used_today: UsedView


class IssuedKeyView(KeyView):
    """A key with its whole text, this once."""

    key: str = Field(description="Keep it now: it is shown only here.", examples=["ek_1f0c9a7e_…"])


class KeyList(BaseModel):
    """Every key that was ever made, oldest first; those of EASEL_API_KEYS are not among them."""

    object: Literal["list"] = "list"
    data: list[KeyView]


def view(key: ApiKey) -> KeyView:
    return KeyView(**{name: getattr(key, name) for name in KeyView.model_fields if name in ApiKey.model_fields})


def issued_view(issued: IssuedKey) -> IssuedKeyView:
    return IssuedKeyView(**view(issued.key).model_dump(), key=issued.text)


def changed(key: ApiKey, changes: Mapping[str, Any]) -> KeyPolicy:
    """The key's policy with `changes`; None takes a limit away, and leaves what every key must have."""
    kept = key.model_dump(include=set(KeyPolicy.model_fields))
    needed = {name for name, value in kept.items() if value is not None and name in ALWAYS}
    wanted = {name: value for name, value in changes.items() if value is not None or name not in needed}
    return KeyPolicy.model_validate({**kept, **wanted})


def check_models(models: tuple[str, ...], services: Services) -> None:
    """Raise InvalidRequest for a model that this server does not have."""
    known = [model.id for model in services.catalog.models]
    for name in models:
        if name not in known:
            raise InvalidRequest(
                f"there is no model '{name}' here; there is {', '.join(known)}",
                code="model_not_found",
                param="models",
            )


@router.post("", status_code=201, summary="Make a key", responses=documented(400, 403, 413, 415, 503))
def create_key(body: KeyInput, services: ServicesOf, response: Response) -> IssuedKeyView:
    """The answer has the key's text, this once."""
    check_models(body.models, services)
    response.headers.update(NO_STORE)
    policy = KeyPolicy.model_validate(body.model_dump(exclude={"expires_in"}))
    return issued_view(services.keys.create(policy, expires_in=body.expires_in))


@router.get("", summary="List the keys", responses=documented(403, 503))
def list_keys(services: ServicesOf) -> KeyList:
    """What each may do, and when it was used last."""
    return KeyList(data=[view(key) for key in services.keys.list()])


@router.get("/{key_id}", summary="Look at a key", responses=documented(403, 404, 503))
def get_key(key_id: KeyId, services: ServicesOf) -> KeyDetail:
    """One key of the list, with what it has used of the day."""
    key = _found(services.keys.get(key_id))
    used = services.usage.today(key.owner)
    today = UsedView(images=used.images, worker_seconds=round(used.worker_seconds, 1))
    return KeyDetail(**view(key).model_dump(), used_today=today)


@router.patch("/{key_id}", summary="Change a key", responses=documented(400, 403, 404, 413, 415, 503))
def change_key(key_id: KeyId, body: KeyChanges, services: ServicesOf) -> KeyView:
    """What it may do from the next request on; fields that are left out stay as they are, null takes a limit away."""
    key = _found(services.keys.get(key_id))
    policy = changed(key, body.model_dump(exclude_unset=True))
    check_models(policy.models, services)
    return view(_found(services.keys.edit(key_id, policy)))


@router.post("/{key_id}/rotate", summary="Renew a key", responses=documented(400, 403, 404, 409, 413, 415, 503))
def rotate_key(key_id: KeyId, body: RotationInput, services: ServicesOf, response: Response) -> IssuedKeyView:
    """A new secret under the same id, with the same jobs. The old one stays good for a while."""
    response.headers.update(NO_STORE)
    return issued_view(_found(services.keys.rotate(key_id, overlap_seconds=body.overlap_seconds)))


@router.delete("/{key_id}", summary="End a key", responses=documented(403, 404, 503))
def revoke_key(key_id: KeyId, services: ServicesOf) -> KeyView:
    """At once and for good. It stays on the list."""
    return view(_found(services.keys.revoke(key_id)))


Found = TypeVar("Found")


def _found(value: Found | None) -> Found:
    if value is None:
        raise NotFound("there is no such key", code="key_not_found", param="key_id")
    return value
