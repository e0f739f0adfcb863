"""The keeper's threads and what they share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Final

from app.auth.signed_urls import UrlSigner
from app.http.addresses import AddressPolicy
from app.keeper.aof_rewrite import AofRewriter
from app.keeper.expiry import Expiry
from app.keeper.http_sender import HttpSender
from app.keeper.metrics import KeeperMetrics
from app.keeper.periodic import repeat
from app.keeper.reaper import Reaper
from app.keeper.sender import Sender
from app.keeper.unserved import Unserved
from core import telemetry
from core.catalog.watched import WatchedCatalog
from core.metrics_server import expose
from core.results import ResultStore
from core.settings import Settings
from core.store import JobStore, KeyStore, Outbox, Secrets, WorkerRegistry
from core.store.connection import connect
from core.store.heartbeat import KeeperHeartbeat
from core.store.limits import Limits

logger = logging.getLogger(__name__)

REAP_SECONDS: Final = 2.0
EXPIRE_SECONDS: Final = 60.0
SEND_SECONDS: Final = 0.5
SENDERS: Final = 10
"""A receiver that hangs holds half of them at most (see delivery_slots.py); the others go on."""

STOP_SECONDS: Final = 1.5


def run_keeper(settings: Settings, redis_url: str, stopping: threading.Event) -> None:
    """Work until `stopping` is set, then return within two seconds."""
    # Not the patient client: no call here waits long, and each round is tried again anyway.
    metrics = KeeperMetrics()
    spans = telemetry.start("easel-keeper", settings.otlp_endpoint)
    redis = connect(redis_url, prefix=settings.redis_prefix)
    jobs = JobStore(redis, Limits.from_settings(settings))
    unserved = Unserved(jobs, WorkerRegistry(redis), WatchedCatalog(settings.catalog).current)
    reaper = Reaper(jobs, redis, unserved.queues)
    heartbeat = KeeperHeartbeat(redis)
    expiry = Expiry(jobs, ResultStore(settings.results_location))

    def keep() -> None:
        metrics.reaped(reaper.round())
        unserved.round()
        heartbeat.beat()

    rounds: list[tuple[str, float, Callable[[], None]]] = [
        ("reaper", REAP_SECONDS, metrics.timed("reaper", keep)),
        ("expiry", EXPIRE_SECONDS, metrics.timed("expiry", expiry.round)),
        ("aof_rewrite", EXPIRE_SECONDS, metrics.timed("aof_rewrite", AofRewriter(redis).round)),
    ]
    policy = AddressPolicy.of(settings, KeyStore(redis).any_made, settings.webhook_allow_cidrs)
    sender = Sender(
        Outbox(redis),
        jobs,
        HttpSender(policy, settings.webhook_timeout_seconds),
        base_url=settings.base_url,
        sign=UrlSigner(Secrets(redis), settings.result_url_seconds).sign,
        version=version("easel"),
        secret=settings.webhook_secret.get_secret_value() if settings.webhook_secret else None,
        timeout_seconds=settings.webhook_timeout_seconds,
        stopping=stopping,
        attempted=metrics.attempted,
        telemetry=spans,
    )
    rounds += [(f"sender-{number}", SEND_SECONDS, sender.drain) for number in range(SENDERS)]

    # Daemons: a delivery that is under way when the keeper stops is cut off, and its row comes back later.
    threads = [
        threading.Thread(target=partial(repeat, name, seconds, action, stopping), name=name, daemon=True)
        for name, seconds, action in rounds
    ]
    for thread in threads:
        thread.start()
    expose(metrics.registry, settings.metrics_host, settings.keeper_metrics_port)
    logger.info("keeper started")
    stopping.wait()
    end = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    spans.close()
    logger.info("keeper stopped")
