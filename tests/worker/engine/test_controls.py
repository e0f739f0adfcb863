"""Requests with other ControlNets, other strengths, or none, share forwards, each as stock diffusers draws it alone."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from hypothesis import HealthCheck, given, settings
from PIL import Image

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.media import Guide
from tests import tiny_models
from tests.guide_files import controlnet_for, t2i_adapter_for, union_for
from tests.worker.engine.drawings import a_request, draw_all, guided_by, plain_pipeline, requests_for
from worker.contract import DrawRequest, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

TOLERANCE = 1e-4 + 0.5 / 255
"""Pixels leave the engine in 8 bits."""

MODELS = ("sd15", "sdxl", "sd3", "flux")
STEMS = {"sd15": "StableDiffusion", "sdxl": "StableDiffusionXL", "sd3": "StableDiffusion3", "flux": "Flux"}
ENDINGS = {
    "sd15": {"text-to-image": "", "image-to-image": "Img2Img", "inpaint": "Inpaint"},
    "sdxl": {"text-to-image": "", "image-to-image": "Img2Img", "inpaint": "Inpaint"},
    "sd3": {"text-to-image": ""},
    "flux": {"text-to-image": "", "image-to-image": "Img2Img", "inpaint": "Inpaint"},
}
EDGES = [
    Image.fromarray(np.random.default_rng(n).integers(0, 2, (8, 8, 3), dtype=np.uint8) * 255).resize((64, 64), 0)
    for n in range(3)
]


def controlled(request: DrawRequest, *guides: Guide) -> DrawRequest:
    """`request` with a control picture for each of `guides`."""
    return guided_by(request, "control", guides, EDGES)


@pytest.fixture(scope="module")
def guided(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The catalogue of tiny models with two ControlNets for each, and what else there is."""
    folder, rows = tmp_path_factory.mktemp("nets"), []
    models = Models(catalog, device="cpu", max_resident=len(MODELS))
    for model in MODELS:
        pipeline = models.get(model).pipeline
        for n in range(2):
            controlnet_for(pipeline, seed=n).save_pretrained(folder / f"{model}-net{n}")
            rows.append(row(f"{model}-net{n}", model, folder))
    union_for(models.get("sdxl").pipeline).save_pretrained(folder / "sdxl-union")
    rows.append(row("sdxl-union", "sdxl", folder, modes={"pose": 0, "canny": 3}))
    union_for(models.get("flux").pipeline).save_pretrained(folder / "flux-union")
    rows.append(row("flux-union", "flux", folder, modes={"canny": 0, "pose": 3}))
    return catalog.evolve(adapters=tuple(rows))


def row(name: str, model: str, folder: Path, **more: Any) -> AdapterRow:
    return AdapterRow.model_validate(
        {"id": name, "kind": "controlnet", "source": str(folder / name), "models": (model,), **more}
    )


@pytest.fixture(scope="module")
def engine_models(guided: Catalog) -> Models:
    return Models(guided, device="cpu", max_resident=len(MODELS))


@pytest.fixture(scope="module")
def stock(catalog: Catalog) -> Models:
    return Models(catalog, device="cpu", max_resident=len(MODELS))


def loaded(guided: Catalog, name: str | None) -> Any:
    folder = Path(guided.adapter(name or "").source)
    kind = getattr(diffusers, diffusers.ControlNetModel.load_config(folder)["_class_name"])
    return kind.from_pretrained(folder).eval()


def stock_picture(guided: Catalog, stock: Models, request: DrawRequest) -> torch.Tensor:
    """What stock diffusers draws, by a ControlNet pipeline that is made for this one request."""
    plain, arguments = plain_pipeline(stock, request)
    given = [each.guide for each in request.request.inputs if each.guide]
    if given:
        model = request.model
        union = "union" in str(given[0].adapter) and model == "sdxl"
        marker = "ControlNetUnion" if union else "ControlNet"
        marker = "Adapter" if "sketch" in str(given[0].adapter) else marker
        kind = getattr(diffusers, f"{STEMS[model]}{marker}{ENDINGS[model][request.task]}Pipeline")
        nets = [loaded(guided, guide.adapter) for guide in given]
        several = union or len(given) > 1
        pictures = [*request.inputs["control"]]
        named = (
            "image" if model in {"sd15", "sdxl"} and request.task == "text-to-image" and not union else "control_image"
        )
        arguments |= {"width": 64, "height": 64}
        parts = {name: part for name, part in plain.components.items() if name != "image_encoder"}
        if marker == "Adapter":
            arguments |= {
                "image": pictures[0],
                "adapter_conditioning_scale": given[0].weight,
            }
            parts["adapter"] = nets[0]
        else:
            arguments |= {
                named: pictures if several else pictures[0],
                "controlnet_conditioning_scale": one(several, [guide.weight for guide in given]),
                "control_guidance_start": one(several, [guide.start for guide in given]),
                "control_guidance_end": one(several, [guide.end for guide in given]),
            }
            parts["controlnet"] = nets[0] if union or len(nets) == 1 else nets
            if given[0].mode is not None or (model == "flux" and several):
                modes = guided.adapter(str(given[0].adapter)).modes
                arguments["control_mode"] = one(several, [modes.get(str(guide.mode)) for guide in given])
        if model == "sd15":
            parts["requires_safety_checker"] = False
        taken = inspect.signature(kind).parameters
        parts = {name: part for name, part in parts.items() if name in taken}
        scheduler = plain.scheduler
        plain = kind(**parts)
        plain.scheduler = scheduler
        plain.set_progress_bar_config(disable=True)
    with torch.no_grad(), samples_of(request.seed):
        picture = plain(**arguments).images[0]
    return picture if isinstance(picture, torch.Tensor) else torch.from_numpy(picture).permute(2, 0, 1)


@contextmanager
def samples_of(seed: int) -> Iterator[None]:
    """What a pipeline samples by nobody's generator is that of the request's seed: SD3's reads its control so."""
    stock = DiagonalGaussianDistribution.sample

    def sample(self: Any, generator: torch.Generator | None = None) -> torch.Tensor:
        return stock(self, generator or torch.Generator().manual_seed(seed))

    with mock.patch.object(DiagonalGaussianDistribution, "sample", sample):
        yield


def one(several: bool, values: list[Any]) -> Any:
    return values if several else values[0]


def assert_as_alone(guided: Catalog, models: Models, stock: Models, mix: list[DrawRequest]) -> None:
    for request, event in zip(mix, draw_all(models, mix), strict=True):
        assert isinstance(event, Finished), event
        drawn = event.result.permute(2, 0, 1).double() / 255
        assert (drawn - stock_picture(guided, stock, request)).abs().max() <= TOLERANCE


@st.composite
def requests(draw: st.DrawFn, model: str) -> DrawRequest:
    request = draw(requests_for(model, sorted(ENDINGS[model])))
    nets = draw(st.lists(st.sampled_from([f"{model}-net0", f"{model}-net1"]), max_size=2))
    return controlled(
        request,
        *(
            Guide(
                adapter=net,
                weight=draw(st.sampled_from([1.0, 0.4, 1.5])),
                start=draw(st.sampled_from([0.0, 0.3])),
                end=draw(st.sampled_from([0.7, 1.0])),
            )
            for net in nets
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False)
@given(data=st.data())
def test_a_mix_of_controls_equals_each_alone(
    guided: Catalog, engine_models: Models, stock: Models, model: str, data: st.DataObject
) -> None:
    mix = data.draw(st.lists(requests(model), min_size=2, max_size=5))
    assert_as_alone(guided, engine_models, stock, mix)


@pytest.mark.parametrize("model", MODELS)
def test_one_control_beside_a_plain_request(guided: Catalog, engine_models: Models, stock: Models, model: str) -> None:
    mix = [controlled(a_request(model), Guide(adapter=f"{model}-net0", weight=0.7)), a_request(model, seed=5)]
    assert_as_alone(guided, engine_models, stock, mix)


def test_plain_and_controlled_requests_share_forwards(guided: Catalog) -> None:
    # Given requests with two nets at other strengths, and one with none
    models = Models(guided, device="cpu")
    engine = Engine(models, max_rows=16)
    for seed, guides in enumerate([[("sd15-net0", 1.0)], [("sd15-net0", 0.3)], [("sd15-net1", 1.0)], []]):
        engine.submit(
            controlled(a_request("sd15", seed=seed), *(Guide(adapter=net, weight=weight) for net, weight in guides))
        )
    # When they are drawn
    engine.stop()
    engine.run()
    # Then each of 4 steps is one forward of the UNet with all rows, and one of each net
    rows = [
        rows for (_, stage, rows), count in engine.stats.forwards.items() if stage == "denoise" for _ in range(count)
    ]
    assert sorted(rows) == [2] * 4 + [4] * 4 + [8] * 4


def test_one_net_for_several_kinds_of_control(guided: Catalog, engine_models: Models, stock: Models) -> None:
    mix = [
        controlled(a_request("sdxl"), Guide(adapter="sdxl-union", mode="canny")),
        controlled(
            a_request("sdxl", seed=2),
            Guide(adapter="sdxl-union", mode="pose", weight=0.5),
            Guide(adapter="sdxl-union", mode="canny"),
        ),
        a_request("sdxl", seed=3),
        controlled(a_request("flux"), Guide(adapter="flux-union", mode="pose")),
    ]
    assert_as_alone(guided, engine_models, stock, mix)


def test_a_t2i_adapter_beside_a_controlnet(tmp_path: Path) -> None:
    # Given a model whose blocks come in the order that T2I-Adapters are made for
    pipeline = tiny_models.sd15(
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")
    )
    pipeline.save_pretrained(tmp_path / "sd15")
    t2i_adapter_for(pipeline).save_pretrained(tmp_path / "sd15-sketch")
    controlnet_for(pipeline).save_pretrained(tmp_path / "sd15-net0")
    adapters = (row("sd15-sketch", "sd15", tmp_path, kind="t2i-adapter"), row("sd15-net0", "sd15", tmp_path))
    catalog = Catalog(models=(tiny_models.row("sd15", "sd15"),), adapters=adapters, default="sd15", folder=tmp_path)
    # When it guides one request, a net another, and nothing a third
    mix = [
        controlled(a_request("sd15"), Guide(adapter="sd15-sketch", weight=0.8)),
        controlled(a_request("sd15", seed=2), Guide(adapter="sd15-net0")),
        a_request("sd15", seed=3),
    ]
    # Then each is drawn as alone
    assert_as_alone(catalog, Models(catalog, device="cpu"), Models(catalog, device="cpu"), mix)


def test_a_net_of_another_family_fails_its_own_job_only(guided: Catalog) -> None:
    # Given a row that says that FLUX's net goes with Stable Diffusion
    wrong = guided.adapter("flux-net0").evolve(models=("sd15",))
    models = Models(guided.evolve(adapters=(wrong,)), device="cpu")
    # When it is asked for beside a plain request
    bad, good = draw_all(models, [controlled(a_request("sd15"), Guide(adapter="flux-net0")), a_request("sd15")])
    # Then that job fails, in words
    assert isinstance(bad, Failed)
    assert bad.error.code == "adapter_not_fitting"
    assert "made for another kind of model" in bad.error.message
    assert isinstance(good, Finished)


def test_nets_that_one_request_holds_stay_and_others_leave(guided: Catalog) -> None:
    # Given room for less than one net
    models = Models(guided, device="cpu")
    adapters = models.get("sd15").adapters
    assert adapters is not None
    adapters.controls._max_bytes = 1
    both = controlled(a_request("sd15"), Guide(adapter="sd15-net0"), Guide(adapter="sd15-net1"))
    # When a request asks for two, and then one for another picture by the same two
    assert isinstance(draw_all(models, [both])[0], Finished)
    first = adapters.controls.get("sd15-net0")
    assert isinstance(draw_all(models, [both])[0], Finished)
    # Then they are the same ones still, and one leaves with a request for the other
    assert adapters.controls.get("sd15-net0") is first
    left = weakref.ref(first.module)
    del first
    draw_all(models, [controlled(a_request("sd15"), Guide(adapter="sd15-net1"))])
    assert left() is None
