"""`easel doctor`: what is wrong on this machine, and what to do about it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final, Literal

import typer
from redis.exceptions import RedisError
from rich.table import Table
from rich.text import Text

from app.client import Client
from app.commands.terminal import JsonOption, settings, show
from core.catalog import Catalog, CatalogError
from core.settings import Settings
from core.store.connection import connect

LOW_DISK_BYTES: Final = 2 * 2**30
PROBE: Final = (
    "import json, torch; cuda = torch.cuda.is_available(); "
    "print(json.dumps({'version': torch.__version__, 'threads': torch.get_num_threads(), "
    "'device': torch.cuda.get_device_name(0) if cuda else 'cpu', "
    "'memory': torch.cuda.mem_get_info(0)[1] if cuda else None}))"
)
"""Run in another process: the HTTP side never imports torch."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and what came of it; `advice` says what to do unless all is well."""

    what: str
    state: Literal["ok", "warning", "problem"]
    found: str
    advice: str = ""


def doctor(as_json: JsonOption = False) -> None:
    """Check device, Redis, disk, models and port; the exit code is 1 if something is wrong."""
    chosen = settings()
    findings = [*torch_findings(), *model_findings(chosen), *disk_findings(chosen), *redis_findings(chosen)]
    findings += port_findings(chosen)
    show([asdict(finding) for finding in findings], as_json, lambda: findings_table(findings))
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def torch_findings() -> Iterator[Finding]:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        yield Finding(
            "torch", "problem", "cannot be imported", "pip install 'easel[worker]', or run the worker elsewhere"
        )
        return
    seen = json.loads(done.stdout)
    where = f"torch {seen['version']} on {seen['device']}"
    if seen["memory"] is None:
        yield Finding("torch", "ok", f"{where}, {seen['threads']} threads")
    else:
        yield Finding("torch", "ok", f"{where}, {seen['memory'] / 2**30:.0f} GiB")


def model_findings(chosen: Settings) -> Iterator[Finding]:
    try:
        catalog = Catalog.load(chosen.catalog)
    except CatalogError as error:
        yield Finding("models", "problem", str(error), "mend the file, or set EASEL_CATALOG")
        return
    for model in catalog.models:
        if catalog.local_folder(model) is not None:
            yield Finding(f"model {model.id}", "ok", f"folder {model.source}")
        elif chosen.allow_downloads:
            yield Finding(f"model {model.id}", "ok", f"from the hub: {model.source}")
        else:
            advice = "put the folder there, or set EASEL_ALLOW_DOWNLOADS=true if it is a hub id"
            yield Finding(f"model {model.id}", "problem", f"no folder {model.source}", advice)


def disk_findings(chosen: Settings) -> Iterator[Finding]:
    folder = next(path for path in (chosen.data_dir.resolve(), *chosen.data_dir.resolve().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    state: Literal["ok", "warning"] = "ok" if free > LOW_DISK_BYTES else "warning"
    advice = "" if state == "ok" else "make room: pictures are kept for EASEL_RETENTION_HOURS"
    yield Finding("disk", state, f"{free / 2**30:.1f} GiB free for {chosen.data_dir}", advice)


def redis_findings(chosen: Settings) -> Iterator[Finding]:
    if chosen.redis_url is None:
        yield Finding("redis", "ok", "embedded, started by 'easel up', every write on disk before its answer")
        return
    try:
        seen = connect(chosen.redis_url).config_get("append*", "maxmemory-policy")
    except RedisError as error:
        yield Finding("redis", "problem", f"cannot be used: {error}", "start it, or mend REDIS_URL")
        return
    config = {str(name): str(value) for name, value in dict(seen).items()}
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    wrong = {name: value for name, value in wanted.items() if config.get(name) != value}
    if wrong:
        advice = ", ".join(f"{name} {value}" for name, value in wrong.items())
        yield Finding("redis", "problem", "accepted jobs can be lost", f"set in its configuration: {advice}")
    else:
        yield Finding("redis", "ok", "every write is on disk before its answer, nothing is evicted")


def port_findings(chosen: Settings) -> Iterator[Finding]:
    with Client(chosen.base_url) as client:
        if client.is_up():
            yield Finding("port", "ok", f"Easel runs at {chosen.base_url}")
            return
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", chosen.port)) == 0:
            yield Finding("port", "problem", f"{chosen.port} is used by something else", "set EASEL_PORT to another")
        else:
            yield Finding("port", "ok", f"{chosen.port} is free")


def findings_table(findings: list[Finding]) -> Table:
    colors = {"ok": "green", "warning": "yellow", "problem": "red"}
    table = Table("what", "state", "found", "what to do")
    for finding in findings:
        table.add_row(
            finding.what, f"[{colors[finding.state]}]{finding.state}[/]", Text(finding.found), Text(finding.advice)
        )
    return table
