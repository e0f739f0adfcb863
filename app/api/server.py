"""What a page must know of this server: what it allows, how busy it is, and what is left of the caller's limits."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.services import IsAdmin, Owner, Services, ServicesOf
from core.keys import LOCAL_OWNER, Scope, is_issued, key_id_of
from core.store import WorkerInfo
from core.store.counters import Counters
from core.store.heartbeat import KeeperHeartbeat

router = APIRouter(prefix="/v1/server", tags=["server"], dependencies=[needs(Scope.READ)])


class QueueView(BaseModel):
    """One queue, of all keys."""

    name: str
    waiting: int
    oldest_seconds: float = Field(description="How long the job that came first has waited.")
    workers: int = Field(description="Living workers that serve it.")
    slots: int = Field(description="Jobs that they hold at once.")


class UsageView(BaseModel):
    """What the caller has under way, has used of the day in UTC, and keeps; a limit that is null is none."""

    waiting: int
    max_waiting: int
    running: int
    max_running: int
    images_today: int = Field(description="Pictures that came or may still come.")
    images_per_day: int | None
    worker_seconds_today: float
    worker_seconds_per_day: int | None
    kept: int = Field(description="Outputs that are favourites or in folders.")
    max_kept: int
    retention_hours: float = Field(description="Hours after its end until a job that is not kept is removed.")


class WorkerView(BaseModel):
    """A living worker, for the owner of the server."""

    name: str
    queue: str
    device: str
    slots: int
    loaded: tuple[str, ...]
    loading: str | None
    failed: dict[str, str] = Field(description="Models that it could not load, and why.")


class KeyUsage(BaseModel):
    """What a key has under way and has used of the day, for the owner of the server."""

    id: str | None = Field(description="That of `GET /v1/keys`; null for the callers of a server without keys.")
    name: str
    waiting: int
    running: int
    images_today: int
    worker_seconds_today: float


class AdminView(BaseModel):
    """What only keys with the scope `admin` are told, and everybody where there are no keys."""

    keeper: bool = Field(description="Whether the process lives that takes care of crashes, expiry and webhooks.")
    webhooks_waiting: int
    workers: tuple[WorkerView, ...]
    keys: tuple[KeyUsage, ...] = Field(description="Those that have used something today or have something under way.")


class ServerView(BaseModel):
    """This server now."""

    object: Literal["server"] = "server"
    version: str
    public_gallery: bool = Field(description="Whether shared pictures may be listed at /gallery.")
    running: int = Field(description="Jobs of all keys that workers hold.")
    queues: tuple[QueueView, ...]
    usage: UsageView
    admin: AdminView | None


@router.get("", summary="Look at this server", responses=documented(503))
def get_server(services: ServicesOf, owner: Owner, is_admin: IsAdmin) -> ServerView:
    """What it allows, how busy it is, and what is left of your limits; keys with the scope `admin` see who uses it."""
    workers, counters = services.workers.alive(), Counters(services.redis)
    return ServerView(
        version=version("easel"),
        public_gallery=services.settings.public_gallery,
        running=counters.running(),
        queues=tuple(
            _queue(name, line.waiting, line.oldest_seconds, workers)
            for name, line in counters.lines(services.catalog.queues()).items()
        ),
        usage=_usage(services, owner),
        admin=_admin(services, workers, counters) if is_admin else None,
    )


def _queue(name: str, waiting: int, oldest: float, workers: tuple[WorkerInfo, ...]) -> QueueView:
    serving = [worker for worker in workers if worker.queue == name]
    return QueueView(
        name=name,
        waiting=waiting,
        oldest_seconds=round(oldest, 1),
        workers=len(serving),
        slots=sum(worker.slots for worker in serving),
    )


def _usage(services: Services, owner: str) -> UsageView:
    """Limits are those of the caller's own key, then those of the server."""
    settings = services.settings
    key = services.keys.get(key_id_of(owner)) if is_issued(owner) else None
    held, used = services.usage.held(owner), services.usage.today(owner)
    return UsageView(
        waiting=held.waiting,
        max_waiting=(key and key.max_queued) or settings.max_queued_per_key,
        running=held.running,
        max_running=(key and key.max_running) or settings.max_running_per_key,
        images_today=used.images,
        images_per_day=(key and key.images_per_day) or settings.images_per_day_per_key or None,
        worker_seconds_today=round(used.worker_seconds, 1),
        worker_seconds_per_day=(key and key.worker_seconds_per_day) or settings.worker_seconds_per_day_per_key or None,
        kept=services.marks.kept(owner),
        max_kept=settings.max_kept_per_key,
        retention_hours=(key and key.retention_hours) or settings.retention_hours,
    )


def _admin(services: Services, workers: tuple[WorkerInfo, ...], counters: Counters) -> AdminView:
    shown = ("name", "queue", "device", "slots", "loaded", "loading")
    return AdminView(
        keeper=KeeperHeartbeat(services.redis).is_alive(),
        webhooks_waiting=counters.undelivered(),
        workers=tuple(
            WorkerView(
                **{name: getattr(worker, name) for name in shown},
                failed={model: failure.reason for model, failure in worker.failed.items()},
            )
            for worker in workers
        ),
        keys=tuple(_key_usages(services)),
    )


def _key_usages(services: Services) -> list[KeyUsage]:
    named: list[tuple[str, str | None, str]] = [(LOCAL_OWNER, None, "without a key")]
    named += [(owner, None, "of EASEL_API_KEYS") for owner in services.authenticator.configured]
    named += [(key.owner, key.id, key.name) for key in services.keys.list()]
    found = []
    for owner, key_id, name in named:
        held, used = services.usage.held(owner), services.usage.today(owner)
        row = KeyUsage(
            id=key_id,
            name=name,
            waiting=held.waiting,
            running=held.running,
            images_today=used.images,
            worker_seconds_today=round(used.worker_seconds, 1),
        )
        if row.waiting or row.running or row.images_today or row.worker_seconds_today:
            found.append(row)
    return found
