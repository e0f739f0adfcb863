"""The truth about models: one that cannot be loaded keeps nothing else from being drawn; an edit needs no restart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.settings import REPOSITORY
from tests.e2e.stack import easel_up, until

pytestmark = pytest.mark.slow

ROW = """
[{name}]
source = "{source}"
size = {{ minimum = 128, maximum = 384, multiple = 32, width = 128, height = 128 }}
num_inference_steps = 2
"""


def write(path: Path, *rows: tuple[str, str]) -> None:
    """As editors do: another file in the place of the old one."""
    path.with_suffix(".new").write_text("".join(ROW.format(name=name, source=source) for name, source in rows))
    path.with_suffix(".new").replace(path)


def test_a_broken_model_says_so_and_an_edited_catalogue_is_taken(tmp_path: Path) -> None:
    # Given a default model whose weights are broken, and one that is sound
    mini = REPOSITORY / "models" / "easel-mini"
    shutil.copytree(mini, tmp_path / "broken")
    weights = next((tmp_path / "broken" / "unet").glob("*.safetensors"))
    weights.write_bytes(b"no weights")
    catalog = tmp_path / "catalog.toml"
    write(catalog, ("broken", "broken"), ("sound", str(mini)))
    with easel_up(tmp_path / "data", EASEL_CATALOG=str(catalog)) as stack:

        def state(name: str) -> str | None:
            seen = stack.http.get(f"/v1/models/{name}")
            return str(seen.json()["state"]) if seen.status_code == 200 else None

        # Then the stack is there, and says which cannot be drawn with
        assert state("broken") == "failed"
        failed = stack.finish(stack.post(prompt="a cat")["id"])
        assert failed["error"]["code"] == "model_load_failed"
        assert failed["attempts"] == 0
        assert stack.finish(stack.post(prompt="a cat", model="sound")["id"])["status"] == "succeeded"

        # When the weights are mended and a row is added while a job runs
        running = stack.post(prompt="a dog", model="sound", num_inference_steps=40)
        shutil.copy(mini / "unet" / weights.name, weights)
        write(catalog, ("broken", "broken"), ("sound", str(mini)), ("added", str(mini)))
        until(lambda: state("added") == "available" and state("broken") != "failed", 15, "the worker to notice")

        # Then all three draw, and what ran has come to its end
        for name in ("broken", "added"):
            assert stack.finish(stack.post(prompt="a cat", model=name)["id"])["status"] == "succeeded"
        assert stack.finish(running["id"])["status"] == "succeeded"

        # and what is taken out is known no more
        write(catalog, ("sound", str(mini)))
        until(lambda: state("broken") is None, 15, "the api to notice")
        assert stack.http.post("/v1/generations", json={"prompt": "x", "model": "broken"}).status_code == 404
