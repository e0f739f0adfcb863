"""The Dockerfiles, read as text: small, without root, and each with what its process needs and no more."""

from __future__ import annotations

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from core.env_example import variable_of
from core.settings import REPOSITORY, Settings

FILES = {name: (REPOSITORY / "docker" / f"{name}.Dockerfile").read_text(encoding="utf-8") for name in ("api", "worker")}
IGNORE = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()


def instructions(name: str, kind: str) -> list[str]:
    joined = FILES[name].replace("\\\n", " ")
    return [line.split(None, 1)[1] for line in joined.splitlines() if line.startswith(f"{kind} ")]


@pytest.mark.parametrize("name", FILES)
def test_the_image_runs_as_the_user_that_owns_its_folders(name: str) -> None:
    assert instructions(name, "USER") == ["10001:10001"]
    (setup,) = [run for run in instructions(name, "RUN") if "useradd" in run]
    assert "--uid 10001" in setup
    assert "--gid 10001" in setup
    assert "install -d -o easel -g easel /data /data/results" in setup


@pytest.mark.parametrize("name", FILES)
def test_versions_are_the_locked_ones(name: str) -> None:
    (install,) = [run for run in instructions(name, "RUN") if "pip install" in run]
    assert "-c requirements.lock" in install
    assert f"'.[{name},s3,otel]'" in install  # a fleet stores in buckets and is traced


@pytest.mark.parametrize("name", FILES)
def test_the_python_is_the_oldest_that_the_package_takes_as_make_takes_it(name: str) -> None:
    assert instructions(name, "ARG")[0] == "PYTHON=3.11"
    assert all(image.startswith("python:${PYTHON}-slim") for image in instructions(name, "FROM"))


@pytest.mark.parametrize("name", FILES)
def test_the_command_is_a_module_of_ours(name: str) -> None:
    (command,) = instructions(name, "CMD")
    module = re.findall(r'"([^"]+)"', command)[-1]
    assert importlib.util.find_spec(f"{module}.__main__") is not None


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_a_setting(name: str) -> None:
    known = {variable_of(field) for field in Settings.model_fields}
    assert set(re.findall(r"\bEASEL_[A-Z0-9_]+\b", FILES[name])) <= known


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_exists_and_is_not_ignored(name: str) -> None:
    allowed = {line.removeprefix("!") for line in IGNORE if line.startswith("!")}
    copied = [source for copy in instructions(name, "COPY") if "--from" not in copy for source in copy.split()[:-1]]
    assert copied
    for source in copied:
        assert (REPOSITORY / source).exists()
        assert source in allowed


@pytest.mark.parametrize(
    "path", [".env", ".git/config", "models/easel-mini/unet/config.json", "easel-data/x", ".venv/x"]
)
def test_secrets_and_weights_stay_out_of_the_build(path: str) -> None:
    assert IGNORE[1] == "*"
    allowed = [line.removeprefix("!") for line in IGNORE if line.startswith("!")]
    assert not any(fnmatch(part, pattern) for part in (path, Path(path).parts[0]) for pattern in allowed)


def test_the_api_image_has_no_torch() -> None:
    assert "torch" not in "".join(instructions("api", "RUN"))
    assert "TORCH_INDEX" in "".join(instructions("worker", "ARG"))
