"""What holds of all of the api's source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import app

FOLDER = Path(app.__file__).parent
SOURCES = sorted(FOLDER.rglob("*.py"))
LIGHT = ["app.main", "app.__main__", "app.keeper.__main__"]


@pytest.mark.parametrize("module", LIGHT)
def test_the_api_starts_without_the_gpu_side(module: str) -> None:
    heavy = ("torch", "diffusers", "transformers", "worker")
    code = f"import {module}, sys; print([name for name in {heavy} if name in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)

    assert seen.stdout.strip() == "[]"


def _handlers(source: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node for node in functions if any("router." in ast.unparse(mark) for mark in node.decorator_list)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(FOLDER)))
def test_a_route_is_async_only_if_it_awaits(source: Path) -> None:
    """One that does not would hold the event loop, and with it every other request."""
    for handler in _handlers(source):
        awaits = any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(handler))
        assert isinstance(handler, ast.AsyncFunctionDef) == awaits, handler.name
        assert ast.get_docstring(handler), handler.name


def test_there_are_routes_to_look_at() -> None:
    assert sum(len(_handlers(source)) for source in SOURCES) >= 12
