"""Serves the application by uvicorn."""

from __future__ import annotations

import logging
import socket
from typing import Final

import uvicorn

from app.main import create_app
from app.services import Services
from core.settings import Settings

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5
"""What is left for requests in flight after a SIGTERM; streams are told to end at once."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than clients and proxies keep a connection that nobody uses (httpx 5 s, nginx and load balancers 60 s): the
server must not be the one who closes it, just when a request is on its way."""


ACCESS_FIELDS: Final = 5
"""Of a line of uvicorn: client, method, address, version, status."""


class Server(uvicorn.Server):
    """Ends open streams before it waits for them: uvicorn tells an application too late."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        services: Services = self.config.app.state.services  # type: ignore[union-attr] # we gave it a FastAPI
        services.notifier.close()
        await super().shutdown(sockets)


def without_query(record: logging.LogRecord) -> bool:
    """The line of a request, of its address no more than the path: a query may hold a signature."""
    if isinstance(record.args, tuple) and len(record.args) == ACCESS_FIELDS:
        client, method, address, *rest = record.args
        record.args = (client, method, str(address).partition("?")[0], *rest)
    return True


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ValueError if the settings do not make an api."""
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http="h11",
        ws="none",
        log_config=None,
        access_log=settings.log_level == "DEBUG",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    logging.getLogger("uvicorn.access").addFilter(without_query)
    logger.info("api listens", extra={"host": settings.host, "port": settings.port})
    Server(config).run()
