"""Answers Prometheus on a port of its own, beside whatever a process does."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, start_http_server

logger = logging.getLogger(__name__)


def expose(registry: CollectorRegistry, host: str, port: int) -> None:
    """Serve `registry` from a daemon thread until the process ends; nothing if `port` is 0.

    A port that cannot be had is logged and done without: pictures matter more than their numbers.
    """
    if port == 0:
        return
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        logger.error("no metrics: cannot listen", extra={"host": host, "port": port, "reason": str(error)})
    else:
        logger.info("metrics", extra={"host": host, "port": port})
