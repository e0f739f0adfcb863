"""The ControlNet extension's calls: pictures that guide, listings, and what a preprocessor makes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from core.settings import Settings
from tests.app.api.test_guides import ADAPTERS, a_square, as_text
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.wires.a1111.test_drawings import job_of, post


@pytest.fixture
def drawing(worker: FakeWorker) -> Iterator[FakeWorker]:
    with worker:
        yield worker


def unit(**said: Any) -> dict[str, Any]:
    """One as `webuiapi` 0.9 sends it, every field with it."""
    return {
        "image": as_text(a_square()),
        "mask": None,
        "module": "canny",
        "model": "canny [d14c016b]",
        "weight": 0.6,
        "resize_mode": "Resize and Fill",
        "low_vram": False,
        "processor_res": 512,
        "threshold_a": 64,
        "threshold_b": 128,
        "guidance_start": 0.0,
        "guidance_end": 0.8,
        "control_mode": 0,
        "pixel_perfect": False,
        "hr_option": "Both",
        "enabled": True,
        **said,
    }


def scripts(*units: dict[str, Any]) -> dict[str, Any]:
    return {"controlnet": {"args": [*units]}}


@pytest.mark.usefixtures("drawing")
def test_units_are_the_job_s_guides(settings: Settings) -> None:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with serving(settings) as server:
        # When words are guided by edges, by a picture to go by, and by a unit that is off
        answer = post(
            server,
            "txt2img",
            prompt="a fox",
            alwayson_scripts=scripts(
                unit(),
                unit(model="go-by", module="ip-adapter_clip_sd15", weight=0.3),
                unit(enabled=False),
                unit(model="None", module="reference_only"),
                unit(model="union", module="none", union_control_type="OpenPose"),
            ),
        )
        job = job_of(server, answer)
        # And a picture by its own edges, with a mode of control that we have not
        over = post(
            server,
            "img2img",
            prompt="a fox",
            init_images=[as_text(a_square())],
            alwayson_scripts=scripts(unit(image=None, control_mode="ControlNet is more important")),
        )
        drawn_over = job_of(server, over)
    # Then the job has them, in our words
    assert 'ControlNet 0: "Module: canny, Model: canny, Weight: 0.6' in answer["info"]["infotexts"][0]
    assert any("reference_only" in note for note in job["notes"])
    assert [each["guide"]["mode"] for each in job["inputs"]] == [None, "pose", None]
    guides = {each["role"]: each["guide"] for each in reversed(job["inputs"])}
    assert guides.keys() == {"control", "reference"}
    assert (guides["control"]["adapter"], guides["control"]["weight"], guides["control"]["end"]) == ("canny", 0.6, 0.8)
    assert guides["control"]["thresholds"] == [64, 128]
    assert (guides["reference"]["adapter"], guides["reference"]["weight"]) == ("go-by", 0.3)
    assert [each["role"] for each in drawn_over["inputs"]] == ["image", "control"]
    assert any("control_mode" in note for note in drawn_over["notes"])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"module": "depth_midas"}, "'depth_midas' is not had here"),
        ({"model": "gone"}, "there is no adapter 'gone'"),
        ({"image": None}, "the picture that guides"),
        ({"weight": -1}, "alwayson_scripts.controlnet.args.1.weight"),
    ],
)
def test_wrong_units_are_named(settings: Settings, wrong: dict[str, Any], words: str) -> None:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with serving(settings) as server:
        body = {"prompt": "a fox", "alwayson_scripts": scripts(unit(enabled=False), unit(**wrong))}
        answer = httpx.post(f"{server}/sdapi/v1/txt2img", json=body, timeout=30)
    assert answer.status_code in (400, 404, 422)
    assert words in answer.text


def test_listings_and_detection(settings: Settings) -> None:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with serving(settings) as server:
        assert httpx.get(f"{server}/controlnet/version").json() == {"version": 2}
        assert httpx.get(f"{server}/controlnet/model_list").json() == {"model_list": ["canny", "union", "go-by"]}
        assert "canny" in httpx.get(f"{server}/controlnet/module_list?alias_names=true").json()["module_list"]
        assert httpx.get(f"{server}/sdapi/v1/scripts").json()["txt2img"] == ["controlnet"]
        types = httpx.get(f"{server}/controlnet/control_types").json()["control_types"]
        body = {
            "controlnet_module": "canny",
            "controlnet_input_images": [as_text(a_square())],
            "controlnet_processor_res": 128,
            "controlnet_threshold_a": 100,
            "controlnet_threshold_b": 200,
        }
        found = httpx.post(f"{server}/controlnet/detect", json=body, timeout=30).json()
    assert types["Canny"]["default_model"] == "canny"
    picture = Image.open(io.BytesIO(base64.b64decode(found["images"][0])))
    assert picture.size == (160, 128)
    assert found["info"] == "Success"
