"""Makes and compiles graphs on a thread of its own, beside the drawing, while memory allows."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from worker.allocator import give_memory_back
from worker.backends.graph_files import ExportError, GraphFiles
from worker.backends.graphs import Graphs
from worker.backends.openvino_graph import CompiledGraph

logger = logging.getLogger(__name__)

RESERVE_BYTES: Final = 1536 * 2**20
"""Memory that compiled graphs leave to everything else,"""
LEFT: Final = 0.5
"""and of what was free before the first of them this share at least."""
COPY: Final = 1.5
"""What a compiled graph takes of memory, as a multiple of its weights: they are laid out anew for each size. What the
last one of the same file took counts where that was more."""
WORKSPACE_BYTES: Final = 64 * 2**20
"""And for what passes through it, a row."""


class Builder:
    """One for all models of a process. `free_bytes` says what memory is left, None where that is not known."""

    def __init__(self, files: GraphFiles, threads: int, free_bytes: Callable[[], int | None]) -> None:
        self._files = files
        self._threads = threads
        self._free_bytes = free_bytes
        self._wanted: queue.Queue[tuple[Graphs, int] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._free_at_first: int | None = None
        self._taken: dict[Path, int] = {}

    def want(self, graphs: Graphs, size: int) -> None:
        """Have a graph for `size` rows made, after those that were wanted before."""
        self._wanted.put((graphs, size))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="graphs", daemon=True)
            self._thread.start()
            # The interpreter must not end under a thread that compiles.
            atexit.register(self.close)

    def wait(self) -> None:
        """Until all that was wanted is there, or is not to be had."""
        self._wanted.join()

    def close(self) -> None:
        """End what is being made and wait for the thread."""
        self._closed = True
        self._files.close()
        self._wanted.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        # Of the usual priority: one that gives way would hold the interpreter's lock while others have the cores.
        while (wanted := self._wanted.get()) is not None:
            try:
                if not self._closed and wanted[0].refusal is None:
                    self._build(*wanted)
            except Exception as error:
                if not self._closed:
                    reason = str(error) if isinstance(error, ExportError) else "it could not be compiled"
                    logger.info("no graph", exc_info=error)
                    wanted[0].refuse(reason)
            finally:
                if self._wanted.empty():
                    give_memory_back()  # compiling takes several times what is kept of it
                self._wanted.task_done()

    def _build(self, graphs: Graphs, size: int) -> None:
        began = time.monotonic()
        # Once for all sizes: finding it reads all of the weights.
        path = graphs.path = graphs.path or self._files.find(graphs.source, graphs.signature, self._room())
        usual = size * WORKSPACE_BYTES + int(COPY * path.with_suffix(".bin").stat().st_size)
        needed = max(usual, self._taken.get(path, 0))
        free, room = self._free_bytes(), self._room()
        about = {"graph": graphs.name, "rows": size}
        if room is not None and room < needed:
            graphs.deny(size)
            logger.info("no memory for a compiled graph", extra={**about, "free": free, "needed": needed})
            return
        graphs.add(size, CompiledGraph(path, graphs.signature, size, self._threads))
        left = self._free_bytes()
        if free is not None and left is not None:
            self._taken[path] = max(self._taken.get(path, 0), free - left)
        logger.info("graph compiled", extra={**about, "seconds": round(time.monotonic() - began, 2)})

    def _room(self) -> int | None:
        """Bytes that graphs may take now; None where that is not known."""
        free = self._free_bytes()
        if free is None:
            return None
        if self._free_at_first is None:
            self._free_at_first = free
        return free - max(RESERVE_BYTES, int(LEFT * self._free_at_first))
