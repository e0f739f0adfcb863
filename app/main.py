"""The application: every route, authentication before them, one error envelope behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from app.api import (
    endpoints,
    events,
    generations,
    health,
    keys,
    lineage,
    metrics,
    models,
    previews,
    results,
    uploads,
    webhooks,
)
from app.api.collectors import registry_of
from app.api.generation_schema import bound_by_catalog
from app.auth import middleware
from app.http import errors, openapi
from app.http.latency import LatencyMiddleware
from app.http.tracing import TracingMiddleware
from app.jobs.shutdown import ShutdownMiddleware
from app.services import Services
from app.studio import pages
from app.wires.a1111 import drawings, listings
from app.wires.openai import edits
from app.wires.openai import generations as openai_generations
from app.wires.openai.bare import BarePaths
from core.settings import Settings
from core.store import Rates


def create_app(settings: Settings) -> FastAPI:
    """The api for these settings. Raises OpenDoor, CatalogError or ValueError if they do not make one."""
    services = Services.start(settings)
    middleware.check_settings(settings, services.keys)
    app = FastAPI(
        title="Easel",
        version=version("easel"),
        docs_url=None,  # both load their scripts from elsewhere, and this must work without a network
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.registry = registry_of(services)
    native = (
        generations,
        events,
        previews,
        lineage,
        uploads,
        results,
        models,
        webhooks,
        endpoints,
        keys,
        health,
        metrics,
        pages,
    )
    routers = [module.router for module in (*native, metrics, pages, openai_generations, edits, drawings, listings)]
    for router in routers:
        app.include_router(router)
    app.state.paths = [route for router in routers for route in router.routes]
    errors.install(app)
    narrowed = {"GenerationInput": partial(bound_by_catalog, catalog=services.catalog)}
    openapi.install(app, narrowed, keys=bool(settings.api_keys))
    app.add_middleware(
        middleware.AuthMiddleware,
        settings=settings,
        authenticator=services.authenticator,
        url_signer=services.url_signer,
        rates=Rates(services.redis),
    )
    app.add_middleware(LatencyMiddleware, registry=app.state.registry)
    app.add_middleware(TracingMiddleware, telemetry=services.telemetry)
    app.add_middleware(ShutdownMiddleware, notifier=services.notifier)
    app.add_middleware(BarePaths)  # the last one added is the first one met: the door sees the whole path
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    async with services.notifier.ringing():
        yield
    services.decoder.close()
    services.telemetry.close()
    services.redis.close()
