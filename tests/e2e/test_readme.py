"""The commands of the README's 'Use it', run as they stand against a running stack."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.stack import Stack

pytestmark = pytest.mark.slow

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
USE_IT = README.split("## Use it")[1].split("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", USE_IT, flags=re.DOTALL)


def address_of(stack: Stack, text: str) -> str:
    return text.replace("http://127.0.0.1:8000", str(stack.http.base_url).rstrip("/"))


def test_curl_tour(stack: Stack) -> None:
    # Given the curl commands of the README
    commands = blocks("sh")
    assert len(commands) == 2
    # When they are run in a shell
    answers = [
        json.loads(subprocess.run(["bash", "-c", address_of(stack, text)], capture_output=True, check=True).stdout)
        for text in commands
    ]
    # Then the first is a job and the second is done, with both pictures
    assert answers[0]["status"] in ("queued", "running")
    assert (answers[1]["status"], len(answers[1]["outputs"])) == ("succeeded", 2)
    stack.finish(answers[0]["id"])


def test_python_tour(stack: Stack, tmp_path: Path) -> None:
    # Given the Python program of the README
    program = address_of(stack, blocks("python")[0])
    # When it is run
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    # Then the picture is there
    with Image.open(tmp_path / "pizza-0.png") as image:
        assert image.size == (256, 256)


def test_every_route_of_the_table_exists(stack: Stack) -> None:
    paths = stack.http.get("/openapi.json").json()["paths"]
    known = {(method, shape(path)) for path, operations in paths.items() for method in operations}
    for method, path in re.findall(r"\| `(GET|POST|DELETE) (/v1/[^`?]+)`", USE_IT):
        assert (method.lower(), shape(path.replace(".png", ".{extension}"))) in known, (method, path)


def shape(path: str) -> str:
    """The path with its parameters' names left out."""
    return re.sub(r"\{\w+\}", "{}", path)
