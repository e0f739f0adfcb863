"""Everything a route works with, made once from the settings and handed to routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from anyio import CapacityLimiter
from fastapi import Depends, Request
from redis import Redis

from app.auth.api_keys import KeyAuthenticator
from app.auth.signed_urls import UrlSigner
from app.http.addresses import AddressPolicy
from app.http.fetch import Fetcher
from app.jobs.disconnects import DisconnectPolicy
from app.jobs.group_submission import GroupSubmissions
from app.jobs.notifications import JobNotifier
from app.jobs.sources import Sources
from app.jobs.submission import Submissions
from app.media.decoder import Decoder
from core import telemetry
from core.catalog.catalog import Catalog
from core.catalog.watched import WatchedCatalog
from core.errors import Unauthenticated
from core.keys import Scope
from core.media import MAX_FILE_BYTES
from core.results import ResultStore
from core.settings import Settings
from core.store import (
    ArchiveStore,
    EndpointStore,
    EventLog,
    Feed,
    GroupStore,
    Interruptions,
    JobSearch,
    JobStore,
    KeyStore,
    MarkStore,
    Outbox,
    Previews,
    ReattachRegistry,
    Secrets,
    SelectedModels,
    ShareStore,
    Usage,
    WorkerRegistry,
)
from core.store.connection import connect
from core.store.limits import Limits
from core.store.lineage import Lineage
from core.store.uploads import UploadStore
from core.telemetry import Telemetry

DECODED_AT_A_TIME: Final = 2
"""A picture of the largest size takes some 130 MB meanwhile; who waits for its turn must not hold a thread."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with: one of each, built at start."""

    settings: Settings
    watched_catalog: WatchedCatalog
    redis: Redis
    jobs: JobStore
    search: JobSearch
    marks: MarkStore
    events: EventLog
    feed: Feed
    shares: ShareStore
    archives: ArchiveStore
    previews: Previews
    selected_models: SelectedModels
    interruptions: Interruptions
    outbox: Outbox
    endpoints: EndpointStore
    workers: WorkerRegistry
    results: ResultStore
    uploads: UploadStore
    lineage: Lineage
    sources: Sources
    submissions: Submissions
    groups: GroupStore
    group_submissions: GroupSubmissions
    notifier: JobNotifier
    disconnects: DisconnectPolicy
    decoder: Decoder
    decoder_limiter: CapacityLimiter
    url_signer: UrlSigner
    keys: KeyStore
    authenticator: KeyAuthenticator
    usage: Usage
    telemetry: Telemetry

    @property
    def catalog(self) -> Catalog:
        """The catalogue that is in force now: take it once where two looks must agree."""
        return self.watched_catalog.current()

    @classmethod
    def start(cls, settings: Settings) -> Services:
        """Nothing is sent to Redis yet: an api may start before its Redis does."""
        if settings.redis_url is None:
            raise ValueError("the api needs a Redis or Valkey: set REDIS_URL, or run 'easel up', which brings its own")
        redis = connect(settings.redis_url, prefix=settings.redis_prefix)
        limits = Limits.from_settings(settings)
        jobs, notifier = JobStore(redis, limits), JobNotifier(settings.redis_url, redis.names)
        keys = KeyStore(redis)
        catalog, results, uploads = (
            WatchedCatalog(settings.catalog),
            ResultStore(settings.results_location),
            UploadStore(redis),
        )
        lineage, decoder = Lineage(redis), Decoder(DECODED_AT_A_TIME)
        submissions = Submissions(catalog.current, jobs, results, lineage)
        fetcher = Fetcher(AddressPolicy.of(settings, keys.any_made, settings.fetch_allow_cidrs), MAX_FILE_BYTES)
        return cls(
            settings=settings,
            watched_catalog=catalog,
            redis=redis,
            jobs=jobs,
            search=JobSearch(redis, jobs),
            marks=MarkStore(redis, limits),
            events=EventLog(redis),
            feed=Feed(redis),
            shares=ShareStore(redis),
            archives=ArchiveStore(redis),
            previews=Previews(redis),
            selected_models=SelectedModels(redis),
            interruptions=Interruptions(redis),
            outbox=Outbox(redis),
            endpoints=EndpointStore(redis),
            workers=WorkerRegistry(redis),
            results=results,
            uploads=uploads,
            lineage=lineage,
            sources=Sources(decoder, results, jobs, uploads, fetcher),
            submissions=submissions,
            groups=GroupStore(redis),
            group_submissions=GroupSubmissions(submissions, jobs),
            notifier=notifier,
            disconnects=DisconnectPolicy(notifier, jobs, ReattachRegistry(redis), settings.hangup_seconds),
            decoder=decoder,
            decoder_limiter=CapacityLimiter(DECODED_AT_A_TIME),
            url_signer=UrlSigner(Secrets(redis), settings.result_url_seconds),
            keys=keys,
            authenticator=KeyAuthenticator(settings, keys),
            usage=Usage(redis),
            telemetry=telemetry.start("easel-api", settings.otlp_endpoint),
        )


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _base_url(request: Request) -> str:
    """How this client reached us, so that its URLs work behind a port mapping too; EASEL_PUBLIC_URL decides if set."""
    public_url = _services(request).settings.public_url
    return (public_url or str(request.base_url)).rstrip("/")


def _owner(request: Request) -> str:
    """Whose jobs this request sees; the middleware wrote it down when it checked the key."""
    owner: str | None = request.state.owner
    if owner is None:  # a signature is good for looking at one picture, and for nothing else that names an owner
        raise Unauthenticated(param="Authorization")
    return owner


def _viewer(request: Request) -> str | None:
    """Whose pictures this request sees; None if it came with a signature for the one that it names."""
    owner: str | None = request.state.owner
    return owner


def _allowed(request: Request) -> Callable[[str], bool]:
    """Whether the key of this request may use the model of that id."""
    models: frozenset[str] = request.state.models
    return lambda model_id: not models or model_id in models


def _allowed_adapters(request: Request) -> Callable[[str], bool]:
    """Whether the key of this request may use the adapter of that id."""
    adapters: frozenset[str] = request.state.adapters
    return lambda adapter_id: not adapters or adapter_id in adapters


def _is_admin(request: Request) -> bool:
    """Whether this request may know of the machine's own affairs; without keys everybody may."""
    scopes: frozenset[Scope] = request.state.scopes
    return Scope.ADMIN in scopes


ServicesOf = Annotated[Services, Depends(_services)]
BaseUrl = Annotated[str, Depends(_base_url)]
Owner = Annotated[str, Depends(_owner)]
Viewer = Annotated[str | None, Depends(_viewer)]
IsAdmin = Annotated[bool, Depends(_is_admin)]
AllowedAdapters = Annotated[Callable[[str], bool], Depends(_allowed_adapters)]
Allowed = Annotated[Callable[[str], bool], Depends(_allowed)]
