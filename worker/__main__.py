"""`python -m worker`: load models, start the engine, start the slots, stop cleanly."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import torch

from core import logs, telemetry
from core.catalog.catalog import Catalog, CatalogError
from core.catalog.watched import WatchedCatalog
from core.metrics_server import expose
from core.queue import run_slot
from core.results import ResultStore
from core.settings import Settings
from core.store import JobStore, Previews, WorkerInfo, WorkerRegistry
from core.store.connection import connect
from core.store.limits import Limits
from core.tasks import tasks_of
from worker.allocator import keep_freed_memory
from worker.backends.backends import Backends
from worker.backends.graph_files import GRAPHS, GraphFiles
from worker.backends.openvino_library import is_installed
from worker.engine.engine import Engine
from worker.engine.tuning_cache import ROW_LIMITS, TuningCache
from worker.engine.warmup import warm_up
from worker.gil import shorten_switch_interval
from worker.leases import Leases, Stop
from worker.metrics import JobMetrics, registry_of
from worker.observers import Observers
from worker.pipelines.devices import device_named, machine_of
from worker.pipelines.memory import MemoryOptions, free_memory
from worker.pipelines.models import Models
from worker.runner import JobRunner
from worker.threads import adaptive_threads
from worker.watchdog import Watchdog, end_process

logger = logging.getLogger(__name__)


def main() -> int:
    """Serve one queue until told to stop; the exit code is 1 if the catalogue is wrong, 2 for wrong settings."""
    settings = Settings.read()
    name = name_this_process()
    logs.configure(settings, worker=name)
    if settings.redis_url is None:
        logger.error("the worker needs REDIS_URL; `easel up` sets it for you")
        return 2
    keep_freed_memory()
    shorten_switch_interval()
    if settings.torch_threads:
        torch.set_num_threads(settings.torch_threads)
    if fault := missing_device(settings.device) or missing_backend(settings.backend):
        logger.error("cannot start: %s", fault)
        return 2
    try:
        models = load_models(settings, WatchedCatalog(settings.catalog))
    except CatalogError as error:
        logger.error("cannot start: %s", error)
        return 1
    serve(settings, models, settings.redis_url, name)
    return 0


def name_this_process() -> str:
    """One that no other process has, here or elsewhere; where and as what it runs can be read from it."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def load_models(settings: Settings, catalog: WatchedCatalog) -> Models:
    """The models with the first ones of this queue already resident, as far as they can be loaded."""
    options = MemoryOptions(
        dtype=settings.dtype,
        attention_slicing=settings.attention_slicing,
        vae_slicing=settings.vae_slicing,
        vae_tiling=settings.vae_tiling,
    )
    device = device_named(settings.device)
    models = Models(
        catalog,
        options,
        device=device,
        max_resident=settings.max_resident_models,
        allow_downloads=settings.allow_downloads,
        backends=Backends(
            settings.backend, device, GraphFiles(settings.data_dir / GRAPHS), partial(free_memory, device)
        ),
    )
    drawing = {model.id for model in models.catalog.drawing}
    served = [model_id for model_id in served_models(settings, models.catalog) if model_id in drawing]
    models.preload(served[: settings.max_resident_models])
    return models


def served_models(settings: Settings, catalog: Catalog) -> list[str]:
    """The ids of this queue's models, the default first."""
    served = [model.id for model in catalog.models if model.queue == settings.queue]
    return sorted(served, key=lambda model_id: model_id != catalog.default)


def serve(settings: Settings, models: Models, redis_url: str, name: str) -> None:
    """Run the engine on this, the main thread, and the slots beside it, until a signal says stop."""
    redis = connect(redis_url, patient=True, prefix=settings.redis_prefix)
    store = JobStore(redis, Limits.from_settings(settings))
    engine = warm_engine(settings, models)
    described = Described(settings, models, engine.refresh)
    leases = Leases(
        redis,
        store,
        WorkerRegistry(redis),
        described(info_of(settings, models, name)),
        settings.renew_seconds,
        described,
    )
    watchdog = Watchdog(lambda: bool(leases.active()), settings.hang_seconds)
    spans = telemetry.start("easel-worker", settings.otlp_endpoint)
    metrics = JobMetrics()
    runner = JobRunner(
        store=store,
        results=ResultStore(settings.results_location),
        leases=leases,
        submit=engine.submit,
        observers=Observers(
            on_activity=watchdog.on_activity, previews=Previews(redis), telemetry=spans, metrics=metrics
        ),
    )
    signals = StopSignals()
    signals.install()
    slots = [
        threading.Thread(target=run_slot, args=(settings.queue, redis, runner, signals.stopping), name=f"slot-{number}")
        for number in range(settings.slots)
    ]
    expose(registry_of(engine, models.device, metrics), settings.metrics_host, settings.worker_metrics_port)
    leases.start()
    watchdog.start()
    for slot in slots:
        slot.start()
    threading.Thread(
        target=wind_down, args=(settings.grace_seconds, signals, leases, slots, engine), daemon=True
    ).start()
    logger.info("worker ready", extra={"device": leases.worker.device, "models": leases.worker.models})
    try:
        engine.run()
    except Exception:
        logger.critical("the engine died, ending the worker", exc_info=True)
        end_process()
    watchdog.stop()
    spans.close()
    logger.info("worker stopped")


def info_of(settings: Settings, models: Models, name: str) -> WorkerInfo:
    """What this worker says of itself that does not change."""
    return WorkerInfo(name=name, queue=settings.queue, device=str(models.device), slots=settings.slots)


class Described:
    """Brings what a worker says of itself up to date; `changed` is called when the catalogue is another one."""

    def __init__(self, settings: Settings, models: Models, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._models = models
        self._changed = changed
        self._seen = models.catalog

    def __call__(self, worker: WorkerInfo) -> WorkerInfo:
        """Which models it has, which of them are loaded or failed, and what it can do with the others."""
        models, catalog = self._models, self._models.catalog
        if catalog is not self._seen:
            self._seen = catalog
            self._changed()
        served = [catalog.model(model_id) for model_id in served_models(self._settings, catalog)]
        loaded = models.loaded
        absent = [row for row in served if row.id not in loaded]
        failed = {row.id: told for row in absent if (told := models.failures.of(row, catalog))}
        paused = {row.id for row in absent if models.failures.pausing(row, catalog)}
        return worker.evolve(
            models=tuple(row.id for row in served),
            capabilities={row.id: tasks_of(row) for row in served if row.id not in paused},
            loaded=tuple(model_id for model_id in loaded if model_id in {row.id for row in served}),
            loading=models.loading,
            failed=failed,
            backends=models.backends,
        )


def missing_device(device: str) -> str | None:
    """Why there is no such device, in words; None if there is."""
    there = {"auto": True, "cpu": True, "mps": torch.backends.mps.is_available()}
    kind, _, number = device.partition(":")
    found = torch.cuda.device_count() > int(number or 0) if kind == "cuda" else there.get(kind, True)
    return (
        None
        if found
        else f"EASEL_DEVICE={device}, and torch finds none here: set EASEL_DEVICE=auto, see 'easel doctor'"
    )


def missing_backend(backend: str) -> str | None:
    """Why there is no such backend, in words; None if there is."""
    if backend != "openvino" or is_installed():
        return None
    return "EASEL_BACKEND=openvino, and it is not installed: 'pip install openvino', or set EASEL_BACKEND=auto"


def warm_engine(settings: Settings, models: Models) -> Engine:
    """An engine that knows what was learned of this machine, and has drawn with every model that is loaded."""
    adapts = models.device.type == "cpu" and not settings.torch_threads
    limits = TuningCache(settings.data_dir / ROW_LIMITS, machine_of(models.device))
    engine = Engine(models, between=adaptive_threads() if adapts else lambda: None, limits=limits)
    for model_id in models.loaded:
        warm_up(engine, models.catalog.model(model_id))
    return engine


class StopSignals:
    """SIGTERM and SIGINT: the first sets `stopping`, another one `hurry`."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.hurry = threading.Event()

    def install(self) -> None:
        """Listen from now on; on the main thread only."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.stopping.is_set():
            self.hurry.set()
        self.stopping.set()


def wind_down(
    grace_seconds: float, signals: StopSignals, leases: Leases, slots: list[threading.Thread], engine: Engine
) -> None:
    """Once told to stop: let running jobs finish for a while, release the rest unharmed, then end the engine."""
    signals.stopping.wait()
    deadline = time.monotonic() + grace_seconds
    while any(slot.is_alive() for slot in slots):
        # Looked at again and again: a slot may have claimed its last job just before it was told to stop.
        if time.monotonic() >= deadline or signals.hurry.is_set():
            for hold in leases.active():
                hold.stop(Stop.RELEASED)
        time.sleep(0.05)
    leases.leave()
    engine.stop()


if __name__ == "__main__":
    sys.exit(main())
