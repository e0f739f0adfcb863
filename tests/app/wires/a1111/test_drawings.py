"""txt2img and img2img as AUTOMATIC1111's clients call them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr

from core.results import ResultStore, input_key
from core.settings import Settings
from tests.app.answers import request_of
from tests.app.conftest import KEY, MODELS, serving
from tests.app.fake_worker import PICTURE, FakeWorker
from tests.app.wires.openai.files import file_of, plain

RED = base64.b64encode(file_of(plain(300, 200))).decode()


@pytest.fixture
def drawing(worker: FakeWorker) -> Iterator[FakeWorker]:
    with worker:
        yield worker


def post(server: str, path: str, **body: Any) -> dict[str, Any]:
    response = httpx.post(f"{server}/sdapi/v1/{path}", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return {**answer, "info": json.loads(answer["info"])}


LORAS = """
[adapters.inked]
source = "inked.safetensors"
family = "sd15"
weight = 0.7

[adapters.other]
source = "other.safetensors"
family = "flux"
"""


def test_loras_in_the_prompt_are_the_job_s(settings: Settings, drawing: FakeWorker) -> None:
    # Given a server with LoRAs, which its clients can list
    settings.catalog.write_text(MODELS + LORAS)
    with serving(settings) as server:
        assert [row["name"] for row in httpx.get(f"{server}/sdapi/v1/loras").json()] == ["inked", "other"]
        # When a prompt names one that goes with the model, one that does not, and one that nobody has
        answer = post(server, "txt2img", prompt="a fox <lora:inked:0.5> <lora:other:1>, red<lora:gone:1>")
        job = job_of(server, answer)
        # Or the same twice, then it counts twice, as far as a weight may go
        twice = job_of(server, post(server, "txt2img", prompt="<lora:inked:6> <lora:inked:6>"))
    assert twice["adapters"] == {"loras": [{"id": "inked", "weight": 10.0}]}
    # Then the model is told the words and guided by the first; of the others the job says that it went without
    assert job["parameters"]["prompt"] == "a fox , red"
    assert job["adapters"] == {"loras": [{"id": "inked", "weight": 0.5}]}
    assert sum("drawn without it" in note for note in job["notes"]) == 2


def job_of(server: str, answer: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] = httpx.get(f"{server}/v1/generations/{answer['info']['easel_job_id']}").json()
    return job


def stored(settings: Settings, answer: dict[str, Any], name: str) -> Image.Image:
    key = input_key(answer["info"]["easel_job_id"], name, 0, "png")
    return Image.open(io.BytesIO(ResultStore(settings.results_location).read(key)))


@pytest.mark.usefixtures("drawing")
def test_text_to_image(server: str) -> None:
    # Given what a client sends, fields without a meaning here and nulls among them
    answer = post(
        server,
        "txt2img",
        prompt="a red apple",
        negative_prompt="blurry",
        width=512,
        height=512,
        steps=5,
        cfg_scale=7,
        seed=7,
        batch_size=2,
        n_iter=2,
        sampler_name="DPM++ 2M Karras",
        scheduler="Karras",
        enable_hr=False,
        restore_faces=None,
        script_args=[],
        override_settings={"sd_model_checkpoint": "mini [abcdef]", "CLIP_stop_at_last_layers": 2},
    )
    # Then there are n x m pictures, and the info says how they were made
    assert [base64.b64decode(image) for image in answer["images"]] == [PICTURE] * 4
    info = answer["info"]
    assert (info["seed"], info["all_seeds"]) == (7, [7, 8, 9, 10])
    assert (info["width"], info["height"], info["steps"], info["cfg_scale"]) == (256, 256, 5, 7)
    assert (info["sampler_name"], info["sd_model_name"]) == ("DPM++ 2M", "mini")
    assert info["infotexts"][1] == (
        "a red apple\nNegative prompt: blurry\n"
        "Steps: 5, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 8, Size: 256x256, Model: mini"
    )
    assert answer["parameters"]["prompt"] == "a red apple"
    # and it was an ordinary job
    told = job_of(server, answer)["parameters"]
    assert (told["scheduler"], told["noise_schedule"]) == ("dpmpp-2m", "karras")


@pytest.mark.usefixtures("drawing")
def test_tiling_is_asked_for_and_told_by_its_name(server: str) -> None:
    tiled, plain = (post(server, "txt2img", prompt="moss", tiling=tiling) for tiling in (True, None))
    assert [job_of(server, answer)["parameters"]["tiling"] for answer in (tiled, plain)] == [True, False]
    assert "Tiling: True" in tiled["info"]["infotexts"][0]
    assert "Tiling" not in plain["info"]["infotexts"][0]


@pytest.mark.usefixtures("drawing")
def test_what_was_taken_instead_is_in_the_notes(server: str) -> None:
    # Given a sampler and a noise schedule that diffusers has not, and more steps than the model takes
    answer = post(server, "txt2img", sampler_name="Restart", scheduler="KL Optimal", steps=1000)

    # Then the nearest is drawn with
    job = job_of(server, answer)
    told = job["parameters"]
    assert (told["scheduler"], told["noise_schedule"], told["num_inference_steps"]) == ("heun", "karras", 100)
    # and the job and the answer say so
    sampler, schedule, steps = job["notes"]
    assert ("'Restart'" in sampler, "'KL Optimal'" in schedule, "steps 1000" in steps) == (True, True, True)
    assert answer["info"]["notes"] == job["notes"]
    assert 'Notes: "model' in answer["info"]["infotexts"][0]


@pytest.mark.usefixtures("drawing")
def test_nothing_said_is_the_model_s_own(server: str) -> None:
    asked = request_of(job_of(server, post(server, "txt2img", seed=-1)))

    assert (asked["prompt"], asked["num_inference_steps"], asked["guidance_scale"]) == ("", 20, 5.0)
    assert (asked["scheduler"], asked["task"]) == ("euler", "text-to-image")


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_image_to_image(server: str, settings: Settings, prefix: str) -> None:
    answer = post(server, "img2img", prompt="a hat", init_images=[prefix + RED], width=256, height=192)

    asked = request_of(job_of(server, answer))
    assert (asked["task"], asked["strength"]) == ("image-to-image", 0.75)
    assert stored(settings, answer, "image").size == (256, 192)


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(("invert", "left", "right"), [(0, 255, 0), (1, 0, 255)])
def test_a_mask_is_white_where_to_draw(server: str, settings: Settings, invert: int, left: int, right: int) -> None:
    mask = Image.new("L", (300, 200), 0)
    mask.paste(255, (0, 0, 150, 200))

    answer = post(
        server,
        "img2img",
        init_images=[RED],
        mask=base64.b64encode(file_of(mask)).decode(),
        inpainting_mask_invert=invert,
        denoising_strength=0.9,
    )

    asked = request_of(job_of(server, answer))
    assert (asked["task"], asked["strength"]) == ("inpaint", 0.9)
    kept = stored(settings, answer, "mask")
    assert (kept.getpixel((10, 100)), kept.getpixel((kept.width - 10, 100))) == (left, right)


@pytest.mark.parametrize(
    ("path", "body", "param", "words"),
    [
        ("txt2img", {"sampler_name": "Oiler b"}, "sampler_name", "there are 'Euler', 'Euler a'"),
        ("txt2img", {"sampler_name": "Euler", "scheduler": "Caras"}, "scheduler", "did you mean 'Karras'?"),
        ("txt2img", {"batch_size": 5}, "batch_size", "is 5, over the 4 pictures that model 'mini' draws in one call"),
        ("txt2img", {"n_iter": 3, "batch_size": 2}, "batch_size", "batch_size 2 x n_iter 3 is 6, over the 4"),
        ("txt2img", {"prompt": "a" * 262_145}, "prompt", "at most 262144"),
        ("img2img", {}, "init_images", "is required"),
        ("img2img", {"init_images": ["?"]}, "init_images", "must be a picture in base64"),
        ("img2img", {"init_images": [base64.b64encode(b"GIF89a").decode()]}, "init_images", "cannot be read"),
        ("img2img", {"init_images": [RED], "mask": "?"}, "mask", "must be a picture in base64"),
    ],
)
def test_what_is_wrong_is_said(server: str, path: str, body: dict[str, Any], param: str, words: str) -> None:
    response = httpx.post(f"{server}/sdapi/v1/{path}", json=body)

    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param, error
    assert words in error["message"]


def test_an_unknown_checkpoint(server: str) -> None:
    response = httpx.post(
        f"{server}/sdapi/v1/txt2img", json={"override_settings": {"sd_model_checkpoint": "sdxl.safetensors [x]"}}
    )

    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_a_picture_may_be_large_and_not_too_large(server: str) -> None:
    for size, status in ((2, 400), (40, 413)):
        body = {"init_images": ["A" * (size * 2**20)]}
        assert httpx.post(f"{server}/sdapi/v1/img2img", json=body).status_code == status


def test_http_basic_with_the_key_as_password(settings: Settings) -> None:
    with serving(settings.model_copy(update={"api_keys": (SecretStr(KEY),)})) as url:
        options = f"{url}/sdapi/v1/options"
        assert httpx.get(options, auth=("anybody", KEY)).status_code == 200
        assert httpx.get(options, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
        for headers in ({}, {"Authorization": "Basic ???"}, {"Authorization": f"Basic {KEY}"}):
            assert httpx.get(options, headers=headers).status_code == 401
        assert httpx.get(options, auth=(KEY, "wrong")).status_code == 401
        # and only here
        assert httpx.get(f"{url}/v1/models", auth=("anybody", KEY)).status_code == 401


@pytest.mark.usefixtures("drawing")
def test_brackets_are_weights_where_the_model_takes_them(server: str) -> None:
    answer = post(server, "txt2img", prompt="a (red:1.3) apple", negative_prompt="[blurry]")

    told = job_of(server, answer)["parameters"]
    assert (told["prompt"], told["negative_prompt"]) == ("a (red:1.3) apple", "[blurry]")
    assert told["prompt_syntax"] == "weighted"
    assert answer["info"]["easel_notes"] == []


@pytest.mark.usefixtures("drawing")
def test_brackets_are_left_out_and_that_is_said_where_it_does_not(settings: Settings) -> None:
    settings.catalog.write_text(MODELS.replace("[mini]", "[mini]\nprompt_chunks = false"))
    with serving(settings) as server:
        answer = post(server, "txt2img", prompt=r"a (red:1.3) \(apple\)", negative_prompt="ugly")
        told = job_of(server, answer)["parameters"]

    assert (told["prompt"], told["prompt_syntax"]) == ("a red (apple)", "plain")
    assert answer["info"]["easel_notes"] == ["model 'mini' takes no weights in prompts: (word:1.3) was read as word"]
