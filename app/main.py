"""The application: every route, the middleware before them, the envelope behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from types import ModuleType

from fastapi import FastAPI

from app import api, wires
from app.api.collectors import registry_of
from app.api.generation_schema import bound_by_catalog, guides_bound_by_catalog
from app.auth.binding import check_settings
from app.auth.middleware import AuthMiddleware
from app.auth.routes import RouteTable
from app.http import errors, openapi
from app.http.latency import LatencyMiddleware
from app.http.tracing import TracingMiddleware
from app.jobs.shutdown import ShutdownMiddleware
from app.public import pages as public_pages
from app.services import Services
from app.studio import pages
from core.settings import Settings
from core.store import Rates


def create_app(settings: Settings) -> FastAPI:
    """The api for these settings.

    Raises InsecureBinding, UndeclaredAccess, CatalogError or ValueError if they do not make one.
    """
    services = Services.start(settings)
    check_settings(settings, services.keys)
    app = FastAPI(
        title="Easel",
        version=version("easel"),
        openapi_url=None,  # app.api.document has it, so that it declares who may call it as every route does
        docs_url=None,  # both load their scripts from elsewhere, and this must work without a network
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.registry = registry_of(services)
    served_wires = [*_modules_of(wires)]
    native = [module.router for module in _modules_of(api) if hasattr(module, "router")]
    for router in (
        *native,
        pages.router,
        public_pages.router,
        *(router for wire in served_wires for router in wire.routers),
    ):
        app.include_router(router)
    routes = RouteTable(app.routes)
    routes.check()
    errors.install(app)
    narrowed = {
        "GenerationInput": lambda schema: bound_by_catalog(schema, services.catalog),
        "InputsInput": lambda schema: guides_bound_by_catalog(schema, services.catalog),
    }

    def versions() -> int:
        services.watched_catalog.current()
        return services.watched_catalog.version

    openapi.install(app, narrowed, routes.refusals(), services.authenticator.needed, versions)
    app.add_middleware(
        AuthMiddleware,
        settings=settings,
        authenticator=services.authenticator,
        url_signer=services.url_signer,
        rates=Rates(services.redis),
        routes=app.routes,
    )
    app.add_middleware(LatencyMiddleware, registry=app.state.registry)
    app.add_middleware(TracingMiddleware, telemetry=services.telemetry)
    app.add_middleware(ShutdownMiddleware, notifier=services.notifier)
    for middleware in (each for wire in served_wires for each in getattr(wire, "middleware", ())):
        app.add_middleware(middleware)  # the last one added is the first one met: all others see a wire's whole path
    return app


def _modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of the native API and the wires are found: what is new is served without a word here."""
    for found in iter_modules(package.__path__, f"{package.__name__}."):
        yield import_module(found.name)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    async with services.notifier.listening():
        yield
    services.decoder.close()
    services.telemetry.close()
    services.redis.close()
