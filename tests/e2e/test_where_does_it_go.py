"""What docs/where-does-it-go.md says is true: each new thing is one file, or one folder, and works over HTTP."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.e2e.stack import Stack, easel_up

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "where-does-it-go.md").read_text(encoding="utf-8")
ADDED = dict(re.findall(r"```python no-run\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real stack of a copy of the tree, with the files of the page added and no other touched."""
    folder = tmp_path_factory.mktemp("extended")
    copy = folder / "easel"
    for room in ("app", "core", "worker", "models"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for path, code in ADDED.items():
        file = copy / path
        assert not file.exists(), f"{path} is there already"
        file.parent.mkdir(exist_ok=True)
        file.write_text(code, encoding="utf-8")
    with easel_up(folder / "data", root=copy) as stack:
        yield stack


def test_the_page_has_one_of_each() -> None:
    assert [path.rpartition("/")[0] for path in ADDED] == [
        "core/tasks", "worker/outputs", "worker/pipelines/families", "app/wires/plain", "app/api",
    ]  # fmt: skip


def test_a_new_task_of_a_new_medium(extended: Stack) -> None:
    # When it is asked for by its name
    job = extended.post(task="text-to-sprite", prompt="a red apple", colours=4, num_inference_steps=4, seed=7)
    job = extended.finish(job["id"])
    # Then it is drawn, encoded and served as what it is
    assert job["status"] == "succeeded", job["error"]
    (output,) = job["outputs"]
    assert (output["medium"], output["facts"], job["parameters"]["colours"]) == (
        "image/gif", {"width": 256, "height": 256}, 4,
    )  # fmt: skip
    response = extended.http.get(httpx.URL(output["url"]).raw_path.decode())
    assert response.headers["content-type"] == "image/gif"
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.format, image.size) == ("GIF", (256, 256))
        assert len(image.convert("RGB").getcolors() or []) <= 4
    # and the server tells of it: what models do, what the document allows, what is wrong with it
    model = extended.http.get("/v1/models").json()["data"][0]
    assert "text-to-sprite" in model["tasks"]
    schema = extended.http.get("/openapi.json").json()["components"]["schemas"]["GenerationInput"]
    assert schema["properties"]["colours"]["description"] == "How many colours there may be."
    for body, param in (
        ({"colours": 1, "task": "text-to-sprite"}, "colours"),
        ({"colours": 4}, "colours"),
        ({"task": "text-to-sprite", "output": {"format": "png"}}, "output.format"),
    ):
        refused = extended.http.post("/v1/generations", json={"prompt": "x", **body})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_new_wire(extended: Stack) -> None:
    response = extended.http.get("/draw/a%20blue%20car", follow_redirects=False)

    assert response.status_code == 303
    job = extended.http.get(response.headers["location"]).json()
    assert (job["task"], job["parameters"]["prompt"]) == ("text-to-image", "a blue car")
    extended.http.post(httpx.URL(job["urls"]["cancel"]).path)


def test_a_new_endpoint(extended: Stack) -> None:
    assert extended.http.get("/v1/count").json()["count"] >= 0
    assert "/v1/count" in extended.http.get("/openapi.json").json()["paths"]
