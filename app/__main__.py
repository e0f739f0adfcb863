"""`python -m app`: the api as a process. Knows uvicorn; the application is in app.main."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Final

import uvicorn
from pydantic import ValidationError

from app.main import create_app
from app.services import Services
from core import logs
from core.catalog import CatalogError
from core.settings import Settings

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5
"""What is left for requests in flight after a SIGTERM; streams are told to end at once."""


class Server(uvicorn.Server):
    """Ends open streams before it waits for them: uvicorn tells an application too late."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        services: Services = self.config.app.state.services  # type: ignore[union-attr] # we gave it a FastAPI
        services.bell.close()
        await super().shutdown(sockets)


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
    )
    logger.info("api listens", extra={"host": settings.host, "port": settings.port})
    Server(config).run()


def main() -> int:
    try:
        settings = Settings.read()
        logs.configure(settings)
        if settings.log_level == "INFO":
            logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it says in five lines what we say in one
        serve(settings)
    except (CatalogError, ValidationError, ValueError) as error:
        sys.stderr.write(f"easel api: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
