"""The command line typed as a newcomer would, including wrongly; no server runs here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from app.cli.commands.jobs import jobs_table
from app.cli.commands.keys import keys_table
from app.cli.main import app
from app.cli.models.listing import models_table
from app.stack.up import local_host
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("no_server")

runner = CliRunner()


def easel(*arguments: str | Path) -> Result:
    return runner.invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["generate"], 2, "say what to draw"),
        (["generate", "x", "--from", "prompts.txt"], 2, "say what to draw"),
        (["generate", "--from", "missing.txt"], 2, "missing.txt"),
        (["generate", "-"], 2, "no prompt to draw"),
        (["generate", "an apple", "--out", "apple.gif"], 2, "say --format"),
        (["models", "--server", "127.0.0.1:9"], 1, "cannot reach http://127.0.0.1:9"),
        (["models", "--server", "127.0.0.1:9"], 1, "'easel up' starts it here"),
        (["models", "--server", "http://127.0.0.1:port"], 2, "no address of a server"),
        (["up", "--data-dir", "/proc/nowhere"], 1, "cannot write to the data folder /proc/nowhere"),
        (["keys", "list", "--data-dir", "/proc/nowhere"], 1, "cannot write to the data folder /proc/nowhere"),
        (["generate", "an apple", "--data-dir", "/proc/nowhere"], 1, "cannot write to the data folder /proc/nowhere"),
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
    for variable, value in (("EASEL_API_KEYS", "short"), ("REDIS_URL", "http://redis"), ("EASEL_SLOTS", "many")):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            result = easel("doctor")
        assert result.exit_code == 2
        assert variable in result.output


def test_wrong_catalogue_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a catalogue that is none
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('default = "m"\n[m]\nsource = "m"\nfamily = "No Such"\n')
    monkeypatch.setenv("EASEL_CATALOG", str(catalog))
    # When everything is started with it
    result = easel("up", "--port", str(free_port()), "--data-dir", str(tmp_path / "data"))
    # Then the file is named, before anything ran
    assert result.exit_code == 1
    assert "catalog.toml" in result.output
    assert "Traceback" not in result.output


def test_an_id_is_never_cut() -> None:
    # Given a narrow terminal, a long prompt and two models
    prompt = "a penguin and many more words " * 5
    jobs = [
        {
            "id": f"gen_{model * 10}",
            "status": "succeeded",
            "created_at": "2026-01-02T03:04:05Z",
            "task": "text-to-image",
            "model": model,
            "seeds": [1, 2, 3],
            "parameters": {"prompt": prompt},
        }
        for model in ("mini", "sdxl")
    ]
    console = Console(width=80)
    # When the jobs are listed
    with console.capture() as printed:
        console.print(jobs_table(jobs))
    # Then each can be copied for `easel cancel`
    for job in jobs:
        assert str(job["id"]) in printed.get()
    assert "2026-01-02" in printed.get()


def test_jobs_of_several_tasks_and_of_a_newer_server_are_listed() -> None:
    # Given an edit, and a job whose task and status this version does not know
    known = {"id": "gen_1", "created_at": "2026-01-02T03:04:05Z", "model": "mini", "seeds": [1]}
    edit = {**known, "task": "inpaint", "status": "running", "parameters": {"prompt": "a pear"}}
    other = {**known, "task": "[sing]", "status": "resting", "parameters": {}}
    # When they are listed
    console = Console(width=120)
    with console.capture() as printed:
        console.print(jobs_table([edit, other]))
    # Then each is told by what it is
    for word in ("inpaint", "running", "a pear", "[sing]", "resting"):
        assert word in printed.get()


def test_nothing_is_said_to_be_nothing() -> None:
    assert jobs_table([]) == "no jobs"
    assert "whoever reaches Easel may use it" in str(keys_table([]))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes(shell: str) -> None:
    asked = {
        "bash": {"COMP_WORDS": "easel gen", "COMP_CWORD": "1"},
        "zsh": {"_TYPER_COMPLETE_ARGS": "easel gen"},
        "fish": {"_TYPER_COMPLETE_ARGS": "easel gen", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [Path(sys.executable).parent / "easel"],
        env={**os.environ, "_EASEL_COMPLETE": f"complete_{shell}", **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "generate" in done.stdout, done.stderr


def test_what_people_wrote_is_no_markup() -> None:
    # Given a prompt, as other tools like them, that looks like rich's markup
    prompt = "a fox, [ugly], [cat:dog:0.5] [/b]"
    job = {
        "id": "gen_1",
        "status": "succeeded",
        "created_at": "2026-01-02T03:04:05Z",
        "task": "text-to-image",
        "model": "easel-mini",
        "seeds": [1],
        "parameters": {"prompt": prompt},
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
        "state": "ready",
        "tasks": ["text-to-image"],
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
    assert local_host(host) == reached


def test_version_is_printed() -> None:
    assert easel("--version").output.startswith("easel ")
