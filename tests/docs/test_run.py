"""What the documentation shows works: its blocks are run, page by page, against a running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, RUN_ELSEWHERE, SHELLS, blocks
from tests.e2e.stack import Stack
from tests.ports import free_port

pytestmark = pytest.mark.slow

RUNNABLE = SHELLS | {"python"}
TO_RUN = {page: [block for block in blocks(page) if block.runs and block.language in RUNNABLE] for page in PAGES}
HERE = [page for page, found in TO_RUN.items() if found and page.name not in RUN_ELSEWHERE]


@pytest.mark.parametrize("page", HERE, ids=lambda page: page.name)
def test_page(stack: Stack, page: Path, tmp_path: Path) -> None:
    # Given the blocks of the page, with the addresses of this machine
    url = str(stack.http.base_url).rstrip("/")
    here = {"http://127.0.0.1:8000": url, "9000": str(free_port()), ".venv/bin/": ""}
    program = [(block.line, block.language, replaced(block.text, here)) for block in TO_RUN[page]]
    # When they are run in their order
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_page.py"))],
        input=json.dumps(program),
        cwd=tmp_path,
        env={**os.environ, "EASEL_URL": url, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Then none of them fails
    assert done.returncode == 0, f"{page.name}\n{done.stdout}\n{done.stderr}"


def replaced(text: str, here: dict[str, str]) -> str:
    for shown, real in here.items():
        text = text.replace(shown, real)
    return text
