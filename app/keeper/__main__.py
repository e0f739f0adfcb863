"""`python -m app.keeper`: runs the keeper until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from app.keeper.process import run_keeper
from core import logs
from core.catalog.catalog import CatalogError
from core.settings import Settings

logger = logging.getLogger("app.keeper")


def main() -> int:
    """Keep leases, deliveries and files in order until told to stop; the exit status."""
    settings = Settings.read()
    logs.configure(settings)
    # They log URLs and headers, and those of a webhook may hold secrets.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.redis_url is None:
        logger.error("REDIS_URL is not set; `easel up` starts everything, Redis included, on one machine")
        return 2
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        run_keeper(settings, settings.redis_url, stopping)
    except CatalogError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
