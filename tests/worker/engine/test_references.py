"""Pictures to go by, each at its own strength, beside requests without: each as stock diffusers draws it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from hypothesis import HealthCheck, given, settings
from PIL import Image

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.families import family_defaults
from core.catalog.model import Model
from core.jobs import Adapter
from core.media import Guide
from core.schedulers import Scheduler
from tests.guide_files import write_image_encoder, write_ip_adapter
from tests.lora_files import diffusers_lora, write
from tests.worker.engine.drawings import a_request, draw_all, guided_by, plain_pipeline, requests_for
from tests.zoo.flux import klein
from worker.contract import DrawRequest, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

TOLERANCE = 1e-4 + 0.5 / 255
MODELS = ("sd15", "sdxl")
SEEN = [
    Image.fromarray(np.random.default_rng(n).integers(0, 255, (6, 4, 3), dtype=np.uint8)).resize((70, 90))
    for n in range(3)
]


def referring(request: DrawRequest, *guides: Guide) -> DrawRequest:
    """`request` with a picture to go by for each of `guides`."""
    return guided_by(request, "reference", guides, SEEN)


@pytest.fixture(scope="module")
def guided(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The catalogue of tiny models with two IP-Adapters and a LoRA for each."""
    folder, rows = tmp_path_factory.mktemp("ip"), []
    write_image_encoder(folder / "image_encoder")
    models = Models(catalog, device="cpu", max_resident=len(MODELS))
    for model in MODELS:
        pipeline = models.get(model).pipeline
        for name, full in (("plain", False), ("full", True)):
            file = write_ip_adapter(pipeline, folder / f"{model}-{name}.safetensors", full=full)
            rows.append(AdapterRow(id=f"{model}-{name}", kind="ip-adapter", source=str(file), models=(model,)))
        lora = write(diffusers_lora(pipeline, "unet"), folder / f"{model}-lora.safetensors")
        rows.append(AdapterRow(id=f"{model}-lora", source=str(lora), models=(model,)))
    return catalog.evolve(adapters=tuple(rows))


@pytest.fixture(scope="module")
def engine_models(guided: Catalog) -> Models:
    return Models(guided, device="cpu", max_resident=len(MODELS))


@pytest.fixture(scope="module")
def stock(catalog: Catalog) -> Models:
    return Models(catalog, device="cpu", max_resident=len(MODELS))


def stock_picture(guided: Catalog, stock: Models, request: DrawRequest) -> torch.Tensor:
    """What stock diffusers draws, by a pipeline that loads these adapters for this one request."""
    pipeline, arguments = plain_pipeline(stock, request)
    given = [each.guide for each in request.request.inputs if each.guide]
    folder = guided.local_path(guided.model(request.model).source)
    pipeline.unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    for lora in request.request.adapters:
        pipeline.load_lora_weights(guided.adapter(lora.id).source, adapter_name="one")
        pipeline.set_adapters(["one"], [lora.weight])
    if given:
        files = [Path(guided.adapter(str(guide.adapter)).source) for guide in given]
        pipeline.load_ip_adapter(
            str(files[0].parent), subfolder="", weight_name=[file.name for file in files], local_files_only=True
        )
        pipeline.set_ip_adapter_scale([guide.weight for guide in given])
        arguments["ip_adapter_image"] = [*request.inputs["reference"]]
    with torch.no_grad():
        picture: torch.Tensor = pipeline(**arguments).images[0]
    return picture


@st.composite
def requests(draw: st.DrawFn, model: str) -> DrawRequest:
    request = draw(requests_for(model, ["text-to-image", "image-to-image", "inpaint"]))
    if draw(st.booleans()):
        loras = (Adapter(id=f"{model}-lora", weight=draw(st.sampled_from([1.0, 0.4]))),)
        request = DrawRequest(request=request.request.evolve(adapters=loras), seed=request.seed, inputs=request.inputs)
    names = draw(st.lists(st.sampled_from([f"{model}-plain", f"{model}-full"]), max_size=2))
    weights = st.sampled_from([1.0, 0.4, 0.7])
    return referring(request, *(Guide(adapter=name, weight=draw(weights)) for name in names))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False)
@given(data=st.data())
def test_a_mix_of_references_equals_each_alone(
    guided: Catalog, engine_models: Models, stock: Models, model: str, data: st.DataObject
) -> None:
    mix = data.draw(st.lists(requests(model), min_size=2, max_size=5))
    for request, event in zip(mix, draw_all(engine_models, mix), strict=True):
        assert isinstance(event, Finished), event
        drawn = event.result.permute(2, 0, 1).double() / 255
        assert (drawn - stock_picture(guided, stock, request)).abs().max() <= TOLERANCE


def test_with_and_without_references_share_forwards(guided: Catalog) -> None:
    # Given a model whose adapters were asked for once
    models = Models(guided, device="cpu")
    mix = [
        referring(a_request("sd15", seed=seed), *(Guide(adapter=name, weight=weight) for name, weight in guides))
        for seed, guides in enumerate([[("sd15-plain", 1.0)], [("sd15-plain", 0.3)], [("sd15-full", 1.0)], []])
    ]
    draw_all(models, mix)
    # When requests with other strengths and adapters, and one with none, are drawn
    engine = Engine(models, max_rows=16)
    for request in mix:
        engine.submit(request)
    engine.stop()
    engine.run()
    # Then each step is one forward of all their rows
    assert sum(count for (_, stage, _), count in engine.stats.forwards.items() if stage == "denoise") == 4


def test_a_file_that_is_none_fails_its_own_job_only(guided: Catalog, tmp_path: Path) -> None:
    wrong: list[Any] = [
        guided.adapter("sd15-lora").evolve(id="a-lora", kind="ip-adapter"),
        guided.adapter("sdxl-plain").evolve(id="for-sdxl", models=("sd15",)),
    ]
    models = Models(guided.evolve(adapters=(*guided.adapters, *wrong)), device="cpu")
    mix = [referring(a_request("sd15"), Guide(adapter=name)) for name in ("a-lora", "for-sdxl")]
    *bad, good = draw_all(models, [*mix, a_request("sd15")])
    for event in bad:
        assert isinstance(event, Failed)
        assert event.error.code == "adapter_not_fitting"
    assert isinstance(good, Finished)


def test_a_model_that_reads_pictures_itself_is_given_them(tmp_path: Path) -> None:
    # Given one, and the picture that stock diffusers draws by two pictures
    pipeline = klein()
    pipeline.save_pretrained(tmp_path / "klein")
    row = Model.model_validate(
        {"id": "klein", "source": "klein", "family": "flux2", **family_defaults("flux2"), "size": {"minimum": 32}}
    )
    models = Models(Catalog(models=(row,), default="klein", folder=tmp_path), device="cpu")
    request = a_request("klein", scheduler=Scheduler.OWN, num_inference_steps=2)
    with torch.no_grad():
        stock = (
            models.get("klein")
            .pipeline(
                image=[*SEEN[:2]],
                prompt="a red apple",
                width=64,
                height=64,
                num_inference_steps=2,
                guidance_scale=5.0,
                generator=torch.Generator().manual_seed(1),
                output_type="pt",
            )
            .images[0]
        )
    # When it is asked for those two, and for none
    by_two, by_none = draw_all(models, [referring(request, Guide(), Guide()), request])
    # Then they are what it goes by
    assert isinstance(by_two, Finished), by_two
    assert isinstance(by_none, Finished)
    assert (by_two.result.permute(2, 0, 1).double() / 255 - stock).abs().max() <= TOLERANCE
    assert not torch.equal(by_two.result, by_none.result)


def test_an_encoder_of_another_make_is_said(guided: Catalog, tmp_path: Path) -> None:
    other = write_image_encoder(tmp_path / "encoder", states=48)
    wrong = guided.adapter("sd15-full").evolve(image_encoder=str(other))
    models = Models(guided.evolve(adapters=(wrong,)), device="cpu")
    (event,) = draw_all(models, [referring(a_request("sd15"), Guide(adapter="sd15-full"))])
    assert isinstance(event, Failed)
    assert event.error.code == "adapter_not_fitting"
    assert "image encoder" in event.error.message
    # And one that is not there yet may be later
    late = guided.adapter("sd15-full").evolve(image_encoder=str(tmp_path / "later"))
    models = Models(guided.evolve(adapters=(late,)), device="cpu")
    request = referring(a_request("sd15"), Guide(adapter="sd15-full"))
    (missing,) = draw_all(models, [request])
    write_image_encoder(tmp_path / "later")
    (found,) = draw_all(models, [request])
    assert isinstance(missing, Failed)
    assert missing.error.code == "adapter_missing"
    assert isinstance(found, Finished)
