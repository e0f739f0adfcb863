"""The examples of docs/clients.md, run as they stand against a running stack."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import Stack

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def address_of(stack: Stack, text: str) -> str:
    assert "http://127.0.0.1:8000" in text
    return text.replace("http://127.0.0.1:8000", str(stack.http.base_url).rstrip("/"))


@pytest.mark.parametrize("program", [block for block in blocks("python") if "import litellm" not in block])
def test_programs(stack: Stack, tmp_path: Path, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", address_of(stack, program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_curl(stack: Stack) -> None:
    openai, a1111 = (
        json.loads(subprocess.run(["bash", "-c", address_of(stack, text)], capture_output=True, check=True).stdout)
        for text in blocks("sh")
    )

    assert openai["data"][0]["url"].endswith(".png")
    assert base64.b64decode(a1111["images"][0]).startswith(b"\x89PNG")
    assert json.loads(a1111["info"])["all_seeds"] == [7]
