"""Every task, of every family, by every wire, in every format: one request, however it is spelled.

The tables below are the product's own: a task, a family or a format that is added is asked for here as well.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops

from core.catalog.families import family_defaults
from core.media import Format
from core.tasks import Task, all_tasks
from tests.e2e.stack import Stack, easel_up
from tests.tiny_models import FAMILIES, build
from worker.pipelines.families import traits_of

pytestmark = pytest.mark.slow

SIZE = 64
TOLD = {"prompt": "a red apple", "num_inference_steps": 3, "guidance_scale": 4.0, "seed": 7, "strength": 0.8}

TASKS = [task for task in all_tasks().values() if task.implied]
"""What a model of any family may do; others are networks' tasks, or built on these."""
FORMATS = {task.name: task.medium.formats for task in TASKS}

Wire = Callable[[Stack, Task, str, Format], tuple[str, bytes]]
"""Asks for one output of a task from a model, in a format; the id of its job and the file."""


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


PICTURE = png(Image.radial_gradient("L").resize((SIZE, SIZE)).convert("RGB"))
WHITE_LEFT = Image.new("L", (SIZE, SIZE), 0)
WHITE_LEFT.paste(255, (0, 0, SIZE // 2, SIZE))
CLEAR_LEFT = Image.merge("RGBA", (*Image.open(io.BytesIO(PICTURE)).split(), ImageChops.invert(WHITE_LEFT)))
FILES = {"image": PICTURE, "mask": png(WHITE_LEFT)}


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def native(stack: Stack, task: Task, model: str, kind: Format) -> tuple[str, bytes]:
    own = {name: value for name, value in TOLD.items() if name in (*task.parameters.model_fields, "seed")}
    body = {
        **own,
        "model": model,
        "width": SIZE,
        "height": SIZE,
        "output": {"format": kind.name},
        "inputs": {role.name: in_base64(FILES[role.name]) for role in task.roles},
    }
    job = stack.finish(stack.post(**body)["id"])
    assert job["status"] == "succeeded", job["error"]
    assert (job["task"], job["outputs"][0]["medium"]) == (task.name, kind.media_type)
    return job["id"], stack.http.get(httpx.URL(job["outputs"][0]["url"]).raw_path.decode()).content


def openai(stack: Stack, task: Task, model: str, kind: Format) -> tuple[str, bytes]:
    fields = {
        "prompt": TOLD["prompt"], "model": model, "steps": TOLD["num_inference_steps"],
        "guidance": TOLD["guidance_scale"], "seed": TOLD["seed"], "size": f"{SIZE}x{SIZE}",
        "output_format": kind.name, "response_format": "b64_json",
    }  # fmt: skip
    if not task.roles:
        response = stack.http.post("/v1/images/generations", json=fields)
    else:
        files = {role.name: png(CLEAR_LEFT) if role.name == "mask" else FILES[role.name] for role in task.roles}
        form = {name: str(value) for name, value in {**fields, "strength": TOLD["strength"]}.items()}
        response = stack.http.post("/v1/images/edits", data=form, files=files)
    assert response.status_code == 200, response.text
    answer = response.json()
    return answer["id"], base64.b64decode(answer["data"][0]["b64_json"])


def a1111(stack: Stack, task: Task, model: str, kind: Format) -> tuple[str, bytes]:
    body: dict[str, Any] = {
        "prompt": TOLD["prompt"], "width": SIZE, "height": SIZE, "steps": TOLD["num_inference_steps"],
        "cfg_scale": TOLD["guidance_scale"], "seed": TOLD["seed"],
        "override_settings": {"sd_model_checkpoint": model},
    }  # fmt: skip
    if task.roles:
        body |= {"init_images": [in_base64(PICTURE)], "denoising_strength": TOLD["strength"]}
    if task.role("mask"):
        body["mask"] = in_base64(FILES["mask"])
    response = stack.http.post(f"/sdapi/v1/{'img2img' if task.roles else 'txt2img'}", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    job_id = answer["info"].partition('"easel_job_id": "')[2].partition('"')[0]
    return job_id, base64.b64decode(answer["images"][0])


WIRES: dict[str, tuple[Wire, tuple[str, ...]]] = {
    "native": (native, ("png", "jpeg", "webp")),
    "openai": (openai, ("png", "jpeg", "webp")),
    "a1111": (a1111, ("png",)),
}
"""Each with the formats that its clients can ask for."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real stack with a tiny model of each family, which its row says can do every task.

    Prompts are weighted where they can be: clients of AUTOMATIC1111's wire take that for granted.
    """
    folder = tmp_path_factory.mktemp("conformance")
    tasks = ", ".join(f'"{task.name}"' for task in TASKS)
    rows = [
        f'[{family}]\nsource = "{build(family, folder / family)}"\nfamily = "{family}"\ntasks = [{tasks}]\n'
        f"size = {{ minimum = 32, maximum = 128, multiple = 16, width = {SIZE}, height = {SIZE} }}\n"
        f'prompt_syntax = "{"weighted" if family_defaults(family).get("prompt_chunks") else "plain"}"\n'
        for family in FAMILIES
    ]
    (folder / "catalog.toml").write_text("\n".join(rows))
    with easel_up(
        folder / "data",
        EASEL_CATALOG=str(folder / "catalog.toml"),
        EASEL_MAX_RESIDENT_MODELS=str(len(rows)),
        EASEL_REQUESTS_PER_MINUTE_PER_KEY="0",
    ) as stack:
        yield stack


def can_do(family: str, task: Task) -> bool:
    return traits_of(family).pipeline_for(task.name) is not None


CASES = [(family, task) for family in FAMILIES for task in TASKS if can_do(family, task)]


@pytest.mark.parametrize(("family", "task"), CASES, ids=[f"{family} {task.name}" for family, task in CASES])
def test_every_wire_spells_the_same_request(tiny: Stack, family: str, task: Task) -> None:
    # When one picture is asked for by every wire, in every format that it has
    made = {
        (name, kind.name): wire(tiny, task, family, kind)
        for name, (wire, formats) in WIRES.items()
        for kind in FORMATS[task.name]
        if kind.name in formats
    }

    # Then each is a file of that format, at the size asked for
    for (_, kind), (_, content) in made.items():
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size) == (kind.upper(), (SIZE, SIZE))

    # and all were the same request, which drew the same picture
    jobs = {key: tiny.get(job_id) for key, (job_id, _) in made.items()}
    first = jobs["native", "png"]
    for job in jobs.values():
        assert {name: job[name] for name in ("task", "model", "seeds")} == {
            name: first[name] for name in ("task", "model", "seeds")
        }
        assert job["parameters"] == first["parameters"]
        assert [given["role"] for given in job["inputs"]] == [role.name for role in task.roles]
    pictures = [Image.open(io.BytesIO(content)) for (_, kind), (_, content) in made.items() if kind == "png"]
    for picture in pictures[1:]:
        assert max(high for _, high in ImageChops.difference(pictures[0], picture).getextrema()) <= 1


@pytest.mark.parametrize("family", [family for family in FAMILIES if not all(can_do(family, task) for task in TASKS)])
def test_what_a_family_cannot_do_is_said(tiny: Stack, family: str) -> None:
    for task in (task for task in TASKS if not can_do(family, task)):
        body = {
            "prompt": "x",
            "model": family,
            "inputs": {role.name: in_base64(FILES[role.name]) for role in task.roles},
        }
        job = tiny.finish(tiny.post(**body)["id"])
        assert (job["status"], job["error"]["code"]) == ("failed", "task_not_supported")
