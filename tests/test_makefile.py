"""Which Python `make` takes, on machines that have several or none that will do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

REPOSITORY = Path(__file__).parents[1]
MAKE = shutil.which("make") or "make"
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TAKEN = [minor for minor in range(8, 20) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])]
RANGE = f"Python 3.{TAKEN[0]} to 3.{TAKEN[-1]}"

# One that says it is another version, and makes no environment.
PYTHON = """#!/bin/sh
[ "$1" = -c ] || { echo "Python 3.%(minor)s.0"; exit 0; }
exec '%(real)s' -c 'import sys; sys.version_info = (3, %(minor)s, 0); exec(sys.argv[1])' "$2"
"""
SHIM = "#!/bin/sh\necho 'the command exists in other versions' >&2\nexit 127\n"


def install(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(script, encoding="utf-8")
    file.chmod(0o755)


def python(minor: int) -> str:
    return PYTHON % {"minor": minor, "real": sys.executable}


def make(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Makes an environment in `folder`, with what `folder` holds as all programs that there are."""
    environment = folder / "environment"
    return subprocess.run(
        [MAKE, *options, f"VENV={environment}", f"{environment}/bin/python"],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={"PATH": str(folder)},
    )


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (["python3.11", "python3.13", "python3"], "python3.11"),
        (["python3.13", "python3.14", "python3"], "python3.13"),
        (["python3.14"], "python3.14"),
        (["python3"], "python3"),
        ([], "python3"),  # which the message then names
    ],
)
def test_the_oldest_python_is_taken(tmp_path: Path, there: list[str], taken: str) -> None:
    for name in there:
        install(tmp_path, name, python(12))

    assert f"\n{taken} -m venv " in make(tmp_path, "-n").stdout


def test_a_shim_that_leads_nowhere_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path, "python3.11", SHIM)
    install(tmp_path, "python3.12", python(12))

    assert "\npython3.12 -m venv " in make(tmp_path, "-n").stdout


@pytest.mark.parametrize("minor", TAKEN)
def test_every_python_of_the_package_will_do(tmp_path: Path, minor: int) -> None:
    install(tmp_path, f"python3.{minor}", python(minor))

    done = make(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("minor", [TAKEN[0] - 1, TAKEN[-1] + 1])
def test_another_is_refused_with_what_to_do(tmp_path: Path, minor: int) -> None:
    install(tmp_path, "python3", python(minor))

    refused = make(tmp_path)

    assert refused.returncode != 0
    assert f"Easel needs {RANGE}; found: Python 3.{minor}.0. Try: make" in refused.stdout


@pytest.mark.parametrize("page", ["Makefile", "README.md", "docs/quick-start.md"])
def test_the_range_is_told_as_it_is(page: str) -> None:
    assert RANGE in (REPOSITORY / page).read_text(encoding="utf-8")


def test_every_python_of_the_package_is_looked_for_and_the_lock_is_for_all() -> None:
    (sought,) = re.findall(r"for each in (.*) python3;", MAKEFILE)
    assert sought.split() == [f"python3.{minor}" for minor in TAKEN]
    assert f"--python-version 3.{TAKEN[0]} --universal" in MAKEFILE
