"""POST /v1/recipes: what pictures of three programs say of how they were made, as requests of this server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image, PngImagePlugin

from core.jobs import GenerationRequest
from core.settings import Settings
from tests.app.conftest import MODELS, connected
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of, plain
from worker.outputs.image import encode

LINE = (
    "a (red:1.3) fox, <lora:inked:0.8> <lora:lost:1>\nin the snow\n"
    "Negative prompt: blurry\n"
    "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 4294967297, Size: 512x768, "
    'Model hash: 879db523c3, Model: mini_v1, Clip skip: 2, Lora hashes: "inked: abc, lost: def", Version: v1.10.1'
)

ADAPTERS = """
[adapters.inked]
source = "inked.safetensors"
family = "sd15"
"""

GRAPH: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": ["20", 0],
            "steps": 22,
            "cfg": 6,
            "sampler_name": "dpmpp_2m_sde_gpu",
            "scheduler": "karras",
            "denoise": 1,
            "model": ["10", 0],
            "positive": ["12", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\\\mini.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 256, "height": 320, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["21", 0], "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry, embedding:bad", "clip": ["10", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "inked.safetensors",
            "strength_model": 0.6,
            "strength_clip": 1,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
    "11": {"class_type": "CLIPTextEncode", "inputs": {"text": "soft light", "clip": ["10", 1]}},
    "12": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["11", 0]}},
    "20": {"class_type": "PrimitiveInt", "inputs": {"value": 99}},
    "21": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a red fox"}},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.catalog.write_text(MODELS + ADAPTERS)
    return settings


def png(**texts: str) -> bytes:
    said = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        said.add_text(name, text) if text.isascii() else said.add_itxt(name, text)
    return file_of(plain(64, 64), pnginfo=said)


def read(client: TestClient, content: bytes) -> Response:
    return client.post("/v1/recipes", files={"image": ("it.png", content, "image/png")})


def test_the_line_of_automatic1111(client: TestClient) -> None:
    # Given a picture with its line, of a model, a LoRA and a size that this server has not
    answer = read(client, png(parameters=LINE)).json()
    # Then all that can be had is there, within what the model takes
    assert answer["source"] == "automatic1111"
    assert answer["recipe"] == {
        "model": "mini",
        "prompt": "a (red:1.3) fox, \nin the snow",
        "negative_prompt": "blurry",
        "prompt_syntax": "weighted",
        "width": 224,
        "height": 320,
        "num_inference_steps": 30,
        "guidance_scale": 7.5,
        "seed": 1,
        "scheduler": "dpmpp-2m",
        "noise_schedule": "karras",
        "adapters": {"loras": [{"id": "inked", "weight": 0.8}]},
    }
    # and what cannot is said
    notes = " / ".join(answer["notes"])
    for words in ("'mini_v1'", "LoRA 'lost'", "512x768", "seed 4294967297", "Clip skip: 2"):
        assert words in notes
    assert client.post("/v1/generations", json=answer["recipe"]).status_code == 202


@pytest.mark.parametrize(
    "charset",
    [b"UNICODE\0" + LINE.encode("utf-16-be"), b"UNICODE\0" + LINE.encode("utf-16-le"), b"ASCII\0\0\0" + LINE.encode()],
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_its_line_in_exif(client: TestClient, kind: str, charset: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = charset

    answer = read(client, file_of(plain(64, 64), kind, exif=exif)).json()

    assert (answer["source"], answer["recipe"]["num_inference_steps"]) == ("automatic1111", 30)


def test_the_graph_of_comfyui(client: TestClient) -> None:
    answer = read(client, png(prompt=json.dumps(GRAPH), workflow="{}")).json()

    assert answer["source"] == "comfyui"
    assert answer["recipe"] == {
        "model": "mini",
        "prompt": "a red fox, soft light",
        "negative_prompt": "blurry, bad",
        "prompt_syntax": "weighted",
        "width": 256,
        "height": 320,
        "num_inference_steps": 22,
        "guidance_scale": 6.0,
        "seed": 99,
        "scheduler": "dpmpp-2m-sde",
        "noise_schedule": "karras",
        "adapters": {"loras": [{"id": "inked", "weight": 0.6}]},
    }
    assert answer["notes"] == []


def test_a_graph_of_two_samplers_and_one_of_parts(client: TestClient) -> None:
    # Given a second sampler that goes on with what the first has drawn
    second = {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 5, "latent_image": ["3", 0], "steps": 9}}
    answer = read(client, png(prompt=json.dumps({"30": second, **GRAPH}))).json()
    # Then the first one's recipe is taken, and that is said
    assert answer["recipe"]["num_inference_steps"] == 22
    assert "2 samplers" in answer["notes"][0]
    # Given Flux's graph, where the parts of a sampler are nodes
    flux = {
        "1": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {
                "noise": ["2", 0],
                "guider": ["3", 0],
                "sampler": ["4", 0],
                "sigmas": ["5", 0],
                "latent_image": ["6", 0],
            },
        },
        "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 12}},
        "3": {"class_type": "BasicGuider", "inputs": {"model": ["7", 0], "conditioning": ["8", 0]}},
        "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "5": {
            "class_type": "BasicScheduler",
            "inputs": {"scheduler": "simple", "steps": 20, "denoise": 1, "model": ["7", 0]},
        },
        "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 512, "height": 512}},
        "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux-tiny.safetensors"}},
        "8": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["9", 0]}},
        "9": {"class_type": "CLIPTextEncode", "inputs": {"text": "a ship"}},
    }
    told = read(client, png(prompt=json.dumps(flux))).json()["recipe"]
    assert (told["model"], told["prompt"], told["seed"]) == ("flux-tiny", "a ship", 12)
    assert (told["num_inference_steps"], told["guidance_scale"]) == (20, 3.5)


@pytest.mark.parametrize(
    "graph",
    [
        {
            "1": {
                "class_type": "KSampler",
                "inputs": {"model": ["1", 0], "positive": ["1", 0], "latent_image": ["1", 0]},
            }
        },
        {"1": {"class_type": "KSampler", "inputs": {"seed": "9" * 400, "steps": 1e400, "cfg": "x", "model": ["9", 0]}}},
        {"1": {"class_type": "KSampler", "inputs": {"steps": True, "positive": [[], {}], "sampler_name": {"a": 1}}}},
        {"1": {"class_type": "KSampler"}},
        {"1": {"class_type": "KSampler", "inputs": [1]}, "2": 5},
    ],
)
def test_graphs_without_sense_break_nothing(client: TestClient, graph: dict[str, Any]) -> None:
    answer = read(client, png(prompt=json.dumps(graph)))

    assert answer.status_code == 200
    assert answer.json()["recipe"]["model"] == "mini"


def test_our_own(client: TestClient, worker: FakeWorker) -> None:
    # Given a job, and the files that a worker makes of it in every format
    import torch

    body = {
        "prompt": "a füchs",
        "seed": 7,
        "negative_prompt": "fog",
        "num_inference_steps": 9,
        "width": 320,
        "height": 256,
    }
    client.post("/v1/generations", json={**body, "adapters": {"loras": [{"id": "inked", "weight": 0.5}]}})
    request = worker.claim().job.request
    pixels = torch.zeros((256, 320, 3), dtype=torch.uint8)
    for kind in ("png", "jpeg", "webp"):
        asked: GenerationRequest = request.evolve(output=request.output.evolve(format=kind))
        # When it is read
        answer = read(client, encode(pixels, asked, 7, {}).content).json()
        # Then asking for it again gives the same
        assert answer["source"] == "easel"
        assert answer["notes"] == []
        assert answer["recipe"].items() >= body.items()
        assert answer["recipe"]["adapters"] == {"loras": [{"id": "inked", "weight": 0.5}]}


def test_recipes_of_ours_that_need_more_than_words(client: TestClient) -> None:
    # Given a picture drawn over another, and one that was only enlarged
    over = {"task": "image-to-image", "model": "mini", "prompt": "a fox", "strength": 0.5, "seed": 1}
    assert "image-to-image" in read(client, png(easel=json.dumps(over))).json()["notes"][0]
    larger = {
        "task": "upscale",
        "model": "up",
        "scale": 2,
        "seed": 1,
        "of": {"model": "mini", "prompt": "a fox", "seed": 5},
    }
    answer = read(client, png(easel=json.dumps(larger))).json()
    assert (answer["recipe"]["prompt"], answer["recipe"]["seed"]) == ("a fox", 5)


def test_pictures_without_a_recipe_are_told(client: TestClient) -> None:
    for content in (
        png(),
        png(parameters="just words"),
        png(prompt="[1]"),
        png(prompt='{"a": 1}'),
        file_of(plain(), "JPEG"),
    ):
        answer = read(client, content)
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "no_recipe"
        assert "carries no recipe" in answer.json()["error"]["message"]
    assert read(client, b"not a picture").status_code == 400
    assert client.post("/v1/recipes", json={}).json()["error"]["param"] == "image"


def test_words_that_are_too_long_are_no_recipe(client: TestClient) -> None:
    # Given a compressed chunk of 4 MiB of text in a few kB
    said = PngImagePlugin.PngInfo()
    said.add_text("parameters", "a" * 2**22, zip=True)
    assert read(client, file_of(plain(64, 64), pnginfo=said)).status_code in (400, 422)


def test_a_key_reads_its_own_pictures_by_name_only(settings: Settings) -> None:
    with connected(settings) as client:
        answer = client.post("/v1/recipes", json={"image": {"generation": "gen_" + "0" * 40, "index": 0}})
        assert answer.status_code == 404
