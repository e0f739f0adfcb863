"""The application: every route, the door before them, the envelope behind them. Knows no route's inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app import door, errors, openapi
from app.a1111 import drawings, listings
from app.api import endpoints, events, generations, health, keys, metrics, models, previews, results, webhooks
from app.farewell import Farewell
from app.metrics import registry_of
from app.openai import edits
from app.openai import generations as openai_generations
from app.openai.bare import BarePaths
from app.services import Services
from app.studio import pages
from app.timing import Timing
from app.tracing import Tracing
from core.settings import Settings
from core.store import Rates


def create_app(settings: Settings) -> FastAPI:
    """The api for these settings. Raises OpenDoor, CatalogError or ValueError if they do not make one."""
    services = Services.start(settings)
    door.check_settings(settings, services.keys)
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
    native = (generations, events, previews, results, models, webhooks, endpoints, keys, health, metrics, pages)
    routers = [module.router for module in (*native, openai_generations, edits, drawings, listings)]
    for router in routers:
        app.include_router(router)
    app.state.paths = [route for router in routers for route in router.routes]
    errors.install(app)
    openapi.install(app, services.catalog, keys=bool(settings.api_keys))
    app.add_middleware(
        door.Door,
        settings=settings,
        keyring=services.keyring,
        signatures=services.signatures,
        rates=Rates(services.redis),
    )
    app.add_middleware(Timing, registry=app.state.registry)
    app.add_middleware(Tracing, telemetry=services.telemetry)
    app.add_middleware(Farewell, bell=services.bell)
    app.add_middleware(BarePaths)  # the last one added is the first one met: the door sees the whole path
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    async with services.bell.ringing():
        yield
    services.decoding.close()
    services.telemetry.close()
    services.redis.close()
