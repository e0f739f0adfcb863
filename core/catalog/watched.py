"""The catalogue that is in force: read again when its file has changed, kept when what is there now is wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.catalog.catalog import Catalog, CatalogError

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0

Stamp = tuple[int, int, int]
"""When a file was written, its size and its inode: editors put a new file in the place of the old one."""


class WatchedCatalog:
    """Any thread may ask; the file is looked at once in `every` seconds at most. Raises CatalogError at first only."""

    def __init__(self, path: Path, every: float = LOOK_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp = stamp_of(path)
        self._catalog = Catalog.load(path)
        self._looked_at = clock()
        self.fault: str | None = None
        """What is wrong with the file as it is now, in words; None while it is the one in force."""
        self.version = 0
        """Grows whenever another catalogue comes into force."""

    def current(self) -> Catalog:
        """The catalogue in force: the file's, or the last one that was right."""
        with self._lock:
            now = self._clock()
            if now - self._looked_at >= self._every:
                self._looked_at = now
                self._look()
            return self._catalog

    def _look(self) -> None:
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._catalog = Catalog.load(self._path)
        except CatalogError as error:
            self.fault = str(error)
            logger.error("the changed catalogue is wrong, the old one stays in force: %s", error)
        else:
            self.fault = None
            self.version += 1
            logger.info("catalogue read again", extra={"models": [model.id for model in self._catalog.models]})


def stamp_of(path: Path) -> Stamp | None:
    """None where there is no file."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
