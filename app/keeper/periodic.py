"""Runs an action again and again until told to stop, whatever happens in it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def repeat(name: str, every_seconds: float, action: Callable[[], None], stopping: threading.Event) -> None:
    """Call `action`, pause, and so on. Redis going away is logged once and waited out."""
    lost = False
    while not stopping.is_set():
        try:
            action()
        except RedisError as error:
            if not lost:
                logger.warning("%s: lost Redis, waiting for it: %s", name, error)
            lost = True
        except Exception:
            logger.exception("%s: a round failed, the next one may not", name)
        else:
            if lost:
                logger.info("%s: Redis is back", name)
            lost = False
        stopping.wait(every_seconds)
