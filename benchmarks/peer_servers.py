"""Starts and stops the servers that `benchmarks.peers` compares, and asks each for a picture through its public API.

A peer is the module `peer_NAME`, in a process group of its own, and may run in an environment of its own.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from app.stack.up import running_stack
from benchmarks.checkpoints import Checkpoint
from benchmarks.load import FINISHED
from core.settings import REPOSITORY, Settings

Ask = Callable[[httpx.AsyncClient, dict[str, Any]], Awaitable[bytes]]

START_SECONDS: Final = 1200.0
"""The first start of some converts the model."""

EASEL: Final = "easel"
BACKENDS: Final = {EASEL: "eager", "easel-openvino": "openvino"}
EASEL_PORTS: Final = {EASEL: 8198, "easel-openvino": 8199}
"""One each: connections of a server that was killed hold its port for a while."""
EASEL_TITLES: Final = {EASEL: "Easel, eager", "easel-openvino": "Easel, OpenVINO"}


@dataclass(frozen=True)
class Peer:
    """Another way to serve a checkpoint. It takes part where `package` can be imported.

    `given` are the arguments of its module after the port: fields of the checkpoint, or `ir`, a folder of its own for
    what it converts. `refuses` says, by the name of a checkpoint, why it does not load that one.
    """

    name: str
    title: str
    port: int
    package: str
    install: str
    given: tuple[str, ...] = ("folder",)
    refuses: Mapping[str, str] = field(default_factory=dict)


PEERS: Final = (
    Peer("fastapi", "FastAPI", 8195, "fastapi", "pip install fastapi uvicorn"),
    Peer("litserve", "LitServe", 8196, "litserve", "pip install litserve"),
    Peer("ray", "Ray Serve", 8197, "ray", "pip install 'ray[serve]'"),
    Peer(
        "openvino",
        "diffusers with OpenVINO",
        8193,
        "openvino",
        "pip install openvino",
        ("folder", "ir"),
        {"sd15": "optimum-intel, for which it stands in, loads this model"},
    ),
    Peer(
        "optimum",
        "optimum-intel",
        8194,
        "optimum.intel",
        "in an environment of its own: pip install 'optimum-intel[openvino,diffusers]' fastapi uvicorn pydantic",
        ("folder", "ir"),
        {
            "easel-mini": "optimum-intel exports no text encoder that is a BERT and no AutoencoderTiny (and OpenVINO "
            "GenAI says \"Unsupported 'BertModel' text encoder type\"); 'openvino' does by hand what it does"
        },
    ),
    Peer(
        "sdcpp",
        "stable-diffusion.cpp",
        8192,
        "cyllama",
        "pip install cyllama==0.2.18",
        ("file",),
        {"easel-mini": "stable-diffusion.cpp has no file layout for its text encoder, UNet and autoencoder"},
    ),
)


def absence(peer: Peer, model: Checkpoint, python: str) -> str | None:
    """Why `peer` cannot take part, in words; None if it can."""
    if reason := peer.refuses.get(model.name):
        return reason
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({peer.package.split('.')[0]!r}) is None)"
    found = subprocess.run([python, "-c", code], check=False).returncode == 0
    return None if found else f"not installed: {peer.install}"


def backends_of_easel() -> dict[str, str]:
    """Easel by the names under which it takes part, and the backend of each; one where there is nothing to choose."""
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('openvino') is None)"
    there = subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    return BACKENDS if there and "backend" in Settings.model_fields else {EASEL: BACKENDS[EASEL]}


@contextmanager
def serving(peer: Peer, model: Checkpoint, cache: Path, python: str) -> Iterator[Ask]:
    """The peer's server, once it answers. Ends the program if it does not start."""
    if answers(peer.port):
        raise SystemExit(f"port {peer.port} is taken")
    places = {"folder": model.folder, "file": model.file, "ir": cache / f"{peer.name}-{model.name}"}
    arguments = [str(peer.port), *(str(places[each]) for each in peer.given)]
    process = subprocess.Popen(
        [python, "-m", f"benchmarks.peer_{peer.name}", *arguments], start_new_session=True, cwd=REPOSITORY
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(peer.port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{peer.name} does not start")
            time.sleep(0.2)
        yield ask_peer
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kindly first: Ray's own processes are in other groups, and it ends them itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):  # it may have ended by itself
            os.killpg(process.pid, number)
            process.wait(10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).is_success
    except httpx.TransportError:
        return False


async def ask_peer(client: httpx.AsyncClient, body: dict[str, Any]) -> bytes:
    answer = (await client.post("/predict", json=body)).raise_for_status()
    return base64.b64decode(answer.json()["file"])


@contextmanager
def easel(name: str, model: Checkpoint, data: Path, waiting: int) -> Iterator[Ask]:
    """Easel with the backend of `name` and that model alone; `waiting` jobs may be queued at once."""
    settings = Settings.read(port=EASEL_PORTS[name], data_dir=data, catalog=model.catalog)
    environment = {
        "EASEL_CATALOG": str(model.catalog),
        "EASEL_BACKEND": BACKENDS[name],
        "EASEL_MAX_QUEUED_PER_KEY": str(waiting),
        "EASEL_LOG_LEVEL": "WARNING",
    }
    with running_stack(settings, environment) as stack:
        stack.wait_ready()
        yield asking_easel(model.name)


def asking_easel(model: str) -> Ask:
    """How a client that holds its connection gets its picture of the model of that name."""

    async def ask(client: httpx.AsyncClient, body: dict[str, Any]) -> bytes:
        answer = await client.post("/v1/generations", json={"model": model, **body}, headers={"Prefer": "wait=60"})
        while (job := answer.raise_for_status().json())["status"] not in FINISHED:
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            answer = await client.get(job["urls"]["get"])
        return (await client.get(job["outputs"][0]["url"])).raise_for_status().content

    return ask
