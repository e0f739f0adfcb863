"""Looks at the machine: torch and its device, memory, disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, Final

from app.cli.checks.finding import Finding, State
from app.stack.memory import GIB, WORKER_BYTES, read_memory
from core.settings import Settings

LOW_DISK_BYTES: Final = 2 * GIB
NO_DISK_BYTES: Final = GIB // 8
PROBE: Final = (
    "import json, torch; cuda = torch.cuda.is_available(); "
    "print(json.dumps({'version': torch.__version__, 'threads': torch.get_num_threads(), "
    "'kinds': ['cpu'] + ['cuda'] * cuda + ['mps'] * torch.backends.mps.is_available(), "
    "'devices': [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())], "
    "'memory': torch.cuda.mem_get_info(0) if cuda else None}))"
)
"""Run in another process: the HTTP side never imports torch."""


def torch_findings(chosen: Settings) -> Iterator[Finding]:
    """Whether torch can be imported, asked of a process of its own, and which device a worker would use."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        advice = "pip install 'easel[worker]', or run the worker elsewhere"
        yield Finding("torch", "problem", "cannot be imported", advice)
        return
    yield device_finding(json.loads(done.stdout.splitlines()[-1]), chosen.device)


def device_finding(seen: dict[str, Any], device: str) -> Finding:
    """Whether the device of the settings is there."""
    where = ", ".join(seen["devices"]) or f"the CPU, {seen['threads']} threads"
    found = f"torch {seen['version']} on {where}"
    if seen["memory"] is not None:
        free, total = seen["memory"]
        found += f", {free / GIB:.1f} of {total / GIB:.0f} GiB free"
    kind, _, number = device.partition(":")
    there = kind == "auto" or kind in seen["kinds"]
    if there and kind == "cuda" and number:
        there = int(number) < len(seen["devices"])
    if there:
        return Finding("device", "ok", found)
    advice = f"there is no {device} here: set EASEL_DEVICE=auto, or look at the driver and at which torch is installed"
    return Finding("device", "problem", found, advice)


def memory_findings(chosen: Settings) -> Iterator[Finding]:
    """Where the system tells it. Only workers that were asked for count: others start where there is room."""
    memory = read_memory()
    if memory is None:
        return
    found = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    workers = max(1, chosen.workers)
    if memory.available > workers * WORKER_BYTES:
        yield Finding("memory", "ok", found)
    else:
        advice = "stop something else" + (f", or lower EASEL_WORKERS={workers}" if workers > 1 else "")
        yield Finding("memory", "warning", found, f"{advice}; else the system may end the worker")


def disk_findings(chosen: Settings) -> Iterator[Finding]:
    """Whether the data folder can be written, and how many bytes are free there."""
    wanted = chosen.data_dir.resolve()
    folder = next(path for path in (wanted, *wanted.parents) if path.exists())
    try:
        free = shutil.disk_usage(folder).free
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x" * 4096)
    except OSError as error:
        advice = "make room, or set EASEL_DATA_DIR to a folder that this user may write to"
        yield Finding("disk", "problem", f"cannot write to {folder}: {error.strerror}", advice)
        return
    state: State = "ok" if free > LOW_DISK_BYTES else "warning" if free > NO_DISK_BYTES else "problem"
    advice = "" if state == "ok" else "make room, or shorten EASEL_RETENTION_HOURS, for which pictures are kept"
    yield Finding("disk", state, f"{free / GIB:.1f} GiB free for {chosen.data_dir}", advice)
