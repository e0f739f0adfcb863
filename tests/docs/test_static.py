"""What cannot be run here is at least spelled right: commands, options, settings, services and metrics exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml

from app.cli import main as cli
from core.catalog.catalog import Catalog
from core.env_example import variable_of
from core.settings import Settings
from tests.docs.pages import PAGES, ROOT, RUN_ELSEWHERE, SHELLS, Block, blocks

NOT_RUN: Final = {
    "make run": "installs, and stays in the foreground",
    "easel doctor": "looks at port 8000, which may be anybody's here; tests/app/cli/test_main.py runs it",
    "easel --install-completion": "changes the reader's shell; tests/app/cli/test_main.py asks for completions",
    "cp .env.example": "needs Docker",
    "export REDIS_URL": "needs two GPUs, a bucket and a Redis elsewhere",
    "easel keys": "from the first key on, the others would need one; tests/app/cli/commands/test_keys.py runs them",
    "easel models add": "fetches from the hub; tests/app/cli/models/test_hub.py and commands/test_models.py run them",
    "easel models convert": "the same",
    "easel models show": "needs a model that was added; tests/app/cli/commands/test_models.py runs them",
    "docker compose": "needs Docker",
    "from standardwebhooks": "a fragment for the eye; docs/api.md runs it whole",
    "import litellm": "it is not among what Easel installs",
    "git pull": "needs Docker and a newer version",
    "# core/tasks/": "added to a copy of the tree by tests/e2e/test_where_does_it_go.py, as all of that page",
    "# worker/": "the same",
    "# app/": "the same",
}
"""How a block begins that is marked `no-run`, and why it cannot run in a test."""

OF_CLIENTS: Final = {"EASEL_URL", "EASEL_API_KEY"}
ALL: Final = [block for page in PAGES for block in blocks(page)]
SHELL: Final = [block for block in ALL if block.language in SHELLS]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SOURCES: Final = "\n".join(
    path.read_text(encoding="utf-8") for folder in ("app", "core", "worker") for path in (ROOT / folder).rglob("*.py")
)


def name(block: Block) -> str:
    return f"{block.page.name}:{block.line}"


def commands(program: str) -> list[Any]:
    """Every command line of the shell blocks that calls `program`, as its words."""
    found = []
    for block in SHELL:
        for row in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(row, comments=True)
            at = next((i for i, word in enumerate(words) if word.removeprefix(".venv/bin/") == program), None)
            if at is not None and (at == 0 or words[at - 1] != program):
                found.append(pytest.param(words[at + 1 :], id=f"{name(block)} {row[:60]}"))
    return found


@pytest.mark.parametrize("block", [block for block in ALL if not block.runs], ids=name)
def test_what_is_not_run_has_a_reason(block: Block) -> None:
    assert any(block.text.startswith(start) for start in NOT_RUN)


def test_every_reason_is_needed() -> None:
    starts = [block.text for block in ALL if not block.runs]
    assert [start for start in NOT_RUN if not any(text.startswith(start) for text in starts)] == []


@pytest.mark.parametrize("block", [b for b in ALL if b.page.name not in RUN_ELSEWHERE], ids=name)
def test_no_block_is_of_a_kind_that_nobody_checks(block: Block) -> None:
    assert block.language in {"bash", "sh", "python", "toml", "text"}
    assert set(block.marks) <= {"no-run"}


@pytest.mark.parametrize("words", commands("easel"))
def test_commands_and_options_exist(words: list[str]) -> None:
    command: Any = typer.main.get_command(cli.app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    of_the_root = all(word.startswith("--") for word in words)
    assert of_the_root or not hasattr(command, "commands"), f"no such command: {words}"
    known = {option for parameter in command.params for option in parameter.opts}
    for option in (word.partition("=")[0] for word in words if word.startswith("-")):
        assert option in known


@pytest.mark.parametrize("words", commands("docker"))
def test_profiles_services_and_volumes_exist(words: list[str]) -> None:
    profiles = {profile for service in COMPOSE["services"].values() for profile in service.get("profiles", [])}
    volumes = {f"{COMPOSE['name']}_{volume}" for volume in COMPOSE["volumes"]}
    for before, word in pairwise(words):
        assert before != "--profile" or word in profiles
        assert before != "exec" or word in COMPOSE["services"]
        assert before != "-v" or word.startswith(("/", "$")) or word.partition(":")[0] in volumes


@pytest.mark.parametrize("words", commands("python"))
def test_modules_exist(words: list[str]) -> None:
    assert words[0] != "-m" or importlib.util.find_spec(words[1]) is not None


@pytest.mark.parametrize("words", commands("make"))
def test_targets_exist(words: list[str]) -> None:
    assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_settings_and_metrics_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    settings = {variable_of(field) for field in Settings.model_fields} | OF_CLIENTS
    assert set(re.findall(r"\b(?:EASEL_[A-Z_]+[A-Z]|REDIS_URL)\b", text)) <= settings
    metrics = set(re.findall(r"`(easel_[a-z_]+)`", text)) - {f"{COMPOSE['name']}_{name}" for name in COMPOSE["volumes"]}
    assert [metric for metric in metrics if f'"{metric.removesuffix("_total")}"' not in SOURCES] == []


@pytest.mark.parametrize("block", [block for block in ALL if block.language == "toml"], ids=name)
def test_rows_of_the_catalogue_are_good(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text(block.text, encoding="utf-8")
    assert Catalog.load(file).models
