"""The command line typed as a newcomer would, including wrongly; no server runs here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from app.cli import app
from app.commands.jobs import jobs_table, models_table
from app.up import _local_host
from tests.e2e.stack import free_port

runner = CliRunner()


def easel(*arguments: str | Path) -> Result:
    return runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and a port where nobody listens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EASEL_PORT", str(free_port()))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["generate"], 2, "say what to draw"),
        (["generate", "x", "--from", "prompts.txt"], 2, "say what to draw"),
        (["generate", "--from", "missing.txt"], 2, "missing.txt"),
        (["generate", "-"], 2, "no prompt to draw"),
        (["generate", "an apple", "--out", "apple.gif"], 1, ".png, .jpg or .webp"),
        (["jobs"], 1, "cannot reach http://127.0.0.1"),
        (["jobs", "--limit", "0"], 2, "limit"),
        (["cancel", "gen_x", "--server", "http://127.0.0.1:9"], 1, "cannot reach http://127.0.0.1:9"),
        (["up", "--port", "99999999"], 2, "EASEL_PORT"),
        (["up", "--host", "0.0.0.0"], 2, "EASEL_API_KEYS"),
        (["upp"], 2, "No such command"),
    ],
)
def test_mistakes_are_told(arguments: list[str], code: int, said: str) -> None:
    result = easel(*arguments)
    assert result.exit_code == code
    assert said in result.output.replace("\n", " ")
    assert "Traceback" not in result.output


def test_wrong_environment_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_API_KEYS", "short")
    result = easel("doctor")
    assert result.exit_code == 2
    assert "EASEL_API_KEYS" in result.output


def test_doctor_finds_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    # Given a Redis that can lose jobs, and a catalogue whose model is not there
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[sdxl]\nsource = "nowhere"\nfamily = "sdxl"\n')
    monkeypatch.setenv("EASEL_CATALOG", str(catalog))
    monkeypatch.setenv("REDIS_URL", redis_url)
    # When the doctor looks
    result = easel("doctor", "--json")
    # Then it says both, with what to do, and fails
    assert result.exit_code == 1
    findings = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert findings["model sdxl"]["state"] == "problem"
    assert "EASEL_ALLOW_DOWNLOADS" in findings["model sdxl"]["advice"]
    assert findings["redis"]["state"] == "problem"
    assert "appendonly yes" in findings["redis"]["advice"]
    assert findings["port"]["state"] == "ok"


def test_what_people_wrote_is_no_markup() -> None:
    # Given a prompt, as other tools like them, that looks like rich's markup
    prompt = "a fox, [ugly], [cat:dog:0.5] [/b]"
    job = {
        "id": "gen_1",
        "status": "succeeded",
        "created_at": "2026-01-02T03:04:05Z",
        "input": {"model": "easel-mini", "seeds": [1], "prompt": prompt},
    }
    # When it is listed
    console = Console(width=200)
    with console.capture() as printed:
        console.print(jobs_table([job]))
    # Then it is there as it was written
    assert prompt in printed.get()


def test_models_are_listed_for_people() -> None:
    row = {
        "id": "easel-mini",
        "is_default": True,
        "ready": True,
        "size": {"width": 256, "height": 256, "minimum": 128, "maximum": 384, "multiple": 32},
        "num_inference_steps": 20,
        "scheduler": "ddim",
        "description": "small [pictures]",
    }
    console = Console(width=200)
    with console.capture() as printed:
        console.print(models_table([row]))
    assert "easel-mini (default)" in printed.get()
    assert "small [pictures]" in printed.get()


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.1.2.3", "10.1.2.3")])
def test_a_server_on_every_address_is_reached_over_loopback(host: str, reached: str) -> None:
    assert _local_host(host) == reached


def test_version_is_printed() -> None:
    assert easel("--version").output.startswith("easel ")
