"""All of Easel on one machine: embedded Valkey, keeper, workers and api, started, watched and stopped in order."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from app.auth.binding import check_settings
from app.stack.liveness import Liveness
from app.stack.process import MAX_EARLY_EXITS, Child
from app.stack.valkey import data_folder_lock, embedded_valkey
from app.stack.worker_count import count_workers
from core.catalog.catalog import Catalog
from core.settings import Settings
from core.store import KeyStore, WorkerRegistry
from core.store.connection import connect

logger = logging.getLogger(__name__)

MAX_PORT: Final = 65535
READY_SECONDS: Final = 300.0
"""Loading a large model from a cold disk takes minutes."""


QUIET_WORKER: Final = {
    # OpenMP threads that spin for each other crawl as soon as anything else runs, and those that do not spin fall
    # asleep at every layer. Measured on two cores, eight pictures a forward: idle 1.54 s with 2,000 turns, 1.32 with
    # 30,000, 1.29 with 100,000; beside one busy process 4.0, 6.1 and 7.8 s.
    "GOMP_SPINCOUNT": "30000",
    # The library's advice is for people who write Python, not for those who start a server.
    "TRANSFORMERS_VERBOSITY": "error",
}
"""What the environment may override."""


class StackFailed(RuntimeError):
    """A part of the stack could not be started; the message says which and why."""


class Stack:
    """The running processes. `tend` must be called now and then: it restarts what has ended or is stuck."""

    def __init__(self, settings: Settings, children: list[Child], liveness: list[Liveness]) -> None:
        self.url = settings.base_url
        self._probe = f"http://{local_host(settings.host)}:{settings.port}/health/ready"
        self._children = children
        self._liveness = liveness

    def tend(self) -> None:
        for worker in self._liveness:
            worker.check()
        for child in self._children:
            child.revive()

    def wait_ready(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return once the api says it is ready, and all workers with it.

        Raises StackFailed if a part keeps ending or the time is up.
        """
        deadline = time.monotonic() + READY_SECONDS
        reason = "the api does not answer"
        while time.monotonic() < deadline and not stopped():
            self.tend()
            failing = [child.name for child in self._children if child.early_exits >= MAX_EARLY_EXITS]
            if failing:
                raise StackFailed(f"{failing[0]} cannot be started; its messages are above")
            reason = self._unready() or ""
            if not reason:
                return
            time.sleep(0.2)
        if not stopped():
            raise StackFailed(f"not ready after {READY_SECONDS:.0f} s: {reason}")

    def _unready(self) -> str | None:
        """Why the stack is not ready, or None if it is."""
        try:
            # A proxy of the environment knows nothing of this machine's loopback.
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(self._probe, timeout=2) as answer:
                missing = len(self._liveness) - int(json.load(answer)["workers"])
                return f"{missing} of {len(self._liveness)} workers are not ready" if missing > 0 else None
        except urllib.error.HTTPError as error:
            return str(json.load(error)["error"]["message"])
        except OSError as error:
            return str(error)


@contextmanager
def running_stack(settings: Settings, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Stack]:
    """Start everything, with `environment` for all of it; on leaving, stop it: the api first, Valkey last.

    Raises InsecureBinding if the api would be open to the network, CatalogError if the catalogue cannot be read.
    """
    _check_port(settings)
    count = count_workers(settings, Catalog.load(settings.catalog))
    ports = metrics_ports(settings, count)
    with data_folder_lock(settings.data_dir), _redis(settings) as redis_url:
        redis = connect(redis_url, prefix=settings.redis_prefix)
        check_settings(settings, KeyStore(redis))
        variables = {
            **QUIET_WORKER,
            **os.environ,
            **environment,
            "REDIS_URL": redis_url,
            "EASEL_HOST": settings.host,
            "EASEL_PORT": str(settings.port),
            "EASEL_DATA_DIR": str(settings.data_dir.resolve()),
        }
        api, keeper = (
            Child(name, [sys.executable, "-m", module], variables)
            for name, module in (("api", "app"), ("keeper", "app.keeper"))
        )
        workers = [
            Child(name, [sys.executable, "-m", "worker"], {**variables, "EASEL_WORKER_METRICS_PORT": str(port)})
            for name, port in zip(names_of(count), ports, strict=True)
        ]
        children = [keeper, *workers, api]
        registry = WorkerRegistry(redis)
        try:
            for child in children:
                child.start()
            liveness = [Liveness(worker, registry, settings.renew_seconds) for worker in workers]
            yield Stack(settings, children, liveness)
        finally:
            for child in (api, *workers):
                child.terminate()
            api.wait(timeout=10)
            deadline = time.monotonic() + settings.grace_seconds + 10
            for worker in workers:
                worker.wait(timeout=max(0, deadline - time.monotonic()))
            keeper.terminate()
            keeper.wait(timeout=10)


def names_of(count: int) -> list[str]:
    """What the lines of each of `count` workers begin with."""
    return ["worker"] if count == 1 else [f"worker {number}" for number in range(1, count + 1)]


def metrics_ports(settings: Settings, count: int) -> list[int]:
    """Where the workers answer Prometheus, 0 if nowhere: from the port of the settings on, past the others' ports.

    Raises StackFailed if there are not enough.
    """
    first, taken = settings.worker_metrics_port, {settings.keeper_metrics_port, settings.port}
    if first == 0:
        return [0] * count
    free = [port for port in range(first, min(first + count + len(taken), MAX_PORT + 1)) if port not in taken]
    if len(free) < count:
        raise StackFailed(f"EASEL_WORKER_METRICS_PORT={first} leaves no ports for {count} workers; choose a lower one")
    return free[:count]


@contextmanager
def _redis(settings: Settings) -> Iterator[str]:
    if settings.redis_url is not None:
        yield settings.redis_url
    else:
        with embedded_valkey(settings.data_dir) as url:
            yield url


def local_host(host: str) -> str:
    """Where this machine reaches a server that listens on `host`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def _check_port(settings: Settings) -> None:
    """Say so before anything starts. Raises StackFailed if the port is taken or not ours to use."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StackFailed(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another --port"
            ) from error
