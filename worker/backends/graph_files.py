"""The graphs that were made of modules, in the data folder: found by what they were made of, the oldest removed.

A graph is made in a process of its own, of low priority: tracing holds the interpreter's lock for seconds, in which no
picture would be drawn.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from worker.backends.signatures import Signature

logger = logging.getLogger(__name__)

GRAPHS: Final = "graphs"
"""In the data folder."""

KEPT_BYTES: Final = 8 * 2**30
"""Of all graphs together: those that were not used for longest are removed."""

SCRATCH: Final = "making-"
SPEC: Final = "spec.json"
MODULE: Final = "module"
EXPORT_SECONDS: Final = 900
ERROR: Final = re.compile(r"\w+Error: .+")
LIBRARIES: Final = ("torch", "diffusers", "transformers", "openvino")


class ExportError(RuntimeError):
    """A module could not be made a graph; the message says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A module to make a graph of: `owner` is a model that can be saved, `part` the path of the module in it."""

    owner: Any
    part: str

    @property
    def library(self) -> str:
        """Whose model it is: `diffusers` or `transformers`."""
        return type(self.owner).__module__.partition(".")[0]

    @property
    def config(self) -> dict[str, Any]:
        """What the model was made with."""
        config = self.owner.config
        return dict(config if isinstance(config, Mapping) else config.to_dict())

    @property
    def module(self) -> torch.nn.Module:
        """The module itself."""
        found: torch.nn.Module = self.owner.get_submodule(self.part)
        return found


class GraphFiles:
    """The folder of graphs; processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[str] | None = None
        self._closed = False

    def find(self, source: Source, signature: Signature, room: int | None = None) -> Path:
        """The graph's file; made now if there is none, in `room` bytes of memory. Raises ExportError.

        Takes seconds, or minutes for a large model; belongs on a thread that nothing waits for.
        """
        path = self._folder / f"{key_of(source, signature)}.xml"
        with self._locked(path):
            if not path.exists():
                self._make(source, signature, path, room)
                self._prune(path)
            os.utime(path)
        return path

    def close(self) -> None:
        """End what is being made."""
        self._closed = True
        if self._child is not None:
            self._child.terminate()

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """One process makes a graph, the others of this machine wait for it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{path.stem}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make(self, source: Source, signature: Signature, path: Path, room: int | None) -> None:
        # The model as it is saved and read again, as it is traced, and in the graph.
        needed = 3 * sum(tensor.nbytes for tensor in source.owner.state_dict().values())
        if shutil.disk_usage(self._folder).free < needed:
            raise ExportError(f"{needed >> 20} MiB of disk are needed in {self._folder}")
        if room is not None and room < needed:
            left = max(0, room) >> 20
            raise ExportError(f"{needed >> 20} MiB of memory are needed to make one, and {left} are left for it")
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self._folder) as scratch:
            work = Path(scratch)
            # In pieces, each of which holds the interpreter's lock for a moment only.
            source.owner.save_pretrained(work / MODULE, max_shard_size="200MB")
            spec = {
                "library": source.library,
                "class": type(source.owner).__name__,
                "part": source.part,
                **asdict(signature),
            }
            (work / SPEC).write_text(json.dumps(spec), encoding="utf-8")
            self._run(work)
            (work / "graph.bin").rename(path.with_suffix(".bin"))
            (work / "graph.xml").rename(path)

    def _run(self, work: Path) -> None:
        command = [sys.executable, "-m", "worker.backends.export", str(work)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        self._child = subprocess.Popen(  # noqa: S603 - a fixed command
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            if self._closed:
                self._child.terminate()
            _, told = self._child.communicate(timeout=EXPORT_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            raise ExportError(f"it took more than {EXPORT_SECONDS} s") from None
        if self._child.returncode:
            logger.info("no graph was made", extra={"told": told[-4000:]})
            raise ExportError("the process was ended" if self._closed else reason_in(told))

    def _prune(self, newest: Path) -> None:
        for left in self._folder.glob(f"{SCRATCH}*"):  # by a process that was killed
            if time.time() - left.stat().st_mtime > EXPORT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        graphs = sorted(self._folder.glob("*.xml"), key=lambda each: each.stat().st_mtime, reverse=True)
        kept = 0
        for graph in graphs:
            files = (graph, graph.with_suffix(".bin"))
            kept += sum(file.stat().st_size for file in files if file.exists())
            if kept > KEPT_BYTES and graph != newest:
                for file in (*files, graph.with_suffix(".lock")):
                    file.unlink(missing_ok=True)


def reason_in(told: str) -> str:
    """The first error in what a process said on its way out: what follows came of it, and advice of OpenVINO."""
    errors = ERROR.findall(told)
    return str(errors[0] if errors else told.strip().rsplit("\n", 1)[-1])[:300]


def key_of(source: Source, signature: Signature) -> str:
    """Equal for equal weights, configurations, calls and libraries; reads all of the weights."""
    digest = hashlib.blake2b(digest_size=20)
    libraries = {name: version(name) for name in LIBRARIES}
    about = [type(source.owner).__name__, source.part, asdict(signature), libraries, source.config]
    digest.update(json.dumps(about, default=str, sort_keys=True).encode())
    for name, tensor in source.module.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
