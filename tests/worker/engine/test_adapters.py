"""Requests with other LoRAs, or none, share forwards, and each picture is the one that stock diffusers draws alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.jobs import Adapter
from tests.lora_files import diffusers_lora, kohya_lora, write
from tests.worker.engine.drawings import a_request, draw_all, plain_picture, requests_for
from worker.contract import DrawRequest, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

TOLERANCE = 1e-4
ROUNDING = 0.5 / 255
"""Pixels leave the engine in 8 bits."""

PARTS = {
    "sd15": ("unet", "text_encoder"),
    "sdxl": ("unet", "text_encoder", "text_encoder_2"),
    "sd3": ("transformer", "text_encoder", "text_encoder_2"),
    "flux": ("transformer", "text_encoder"),
}
NAMES = ("whole", "denoiser", "kohya")


@pytest.fixture(scope="module")
def guided(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The catalogue of tiny models with three LoRAs for each."""
    folder, rows = tmp_path_factory.mktemp("loras"), []
    models = Models(catalog, device="cpu", max_resident=len(PARTS))
    for model, parts in PARTS.items():
        pipeline = models.get(model).pipeline
        files = {
            "whole": diffusers_lora(pipeline, *parts, seed=1),
            "denoiser": diffusers_lora(pipeline, parts[0], seed=2, endings=("to_q", "to_out.0", "conv1", "proj_in")),
        }
        if model in {"sd15", "sdxl"}:
            files["kohya"] = kohya_lora(pipeline, *parts, seed=3)
        for name, tensors in files.items():
            file = write(tensors, folder / f"{model}-{name}.safetensors")
            rows.append(AdapterRow(id=f"{model}-{name}", source=str(file), models=(model,)))
    return catalog.evolve(adapters=tuple(rows))


@pytest.fixture(scope="module")
def engine_models(guided: Catalog) -> Models:
    return Models(guided, device="cpu", max_resident=len(PARTS))


@pytest.fixture(scope="module")
def stock(guided: Catalog) -> Models:
    """Models whose pipelines have all of their LoRAs loaded by diffusers itself."""
    models = Models(guided, device="cpu", max_resident=len(PARTS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in guided.adapters:
            models.get(row.models[0]).pipeline.load_lora_weights(row.source, adapter_name=row.id.replace("-", "_"))
    return models


def with_loras(request: DrawRequest, **weights: float) -> DrawRequest:
    adapters = tuple(Adapter(id=f"{request.model}-{name}", weight=weight) for name, weight in weights.items())
    return DrawRequest(request=request.request.evolve(adapters=adapters), seed=request.seed, inputs=request.inputs)


def stock_picture(stock: Models, request: DrawRequest) -> torch.Tensor:
    pipeline: Any = stock.get(request.model).pipeline
    adapters = request.request.adapters
    if not adapters:
        pipeline.disable_lora()
        return plain_picture(stock, request)
    pipeline.enable_lora()
    pipeline.set_adapters([each.id.replace("-", "_") for each in adapters], [each.weight for each in adapters])
    return plain_picture(stock, request)


@st.composite
def requests(draw: st.DrawFn, model: str) -> DrawRequest:
    names = [name for name in NAMES if name != "kohya" or model in {"sd15", "sdxl"}]
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    request = draw(requests_for(model, ["text-to-image", "image-to-image", "inpaint"]))
    return with_loras(request, **{name: draw(st.sampled_from([1.0, 0.4, -0.7])) for name in chosen})


@pytest.mark.slow
@pytest.mark.parametrize("model", PARTS)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False)
@given(data=st.data())
def test_a_mix_of_loras_equals_each_alone(
    engine_models: Models, stock: Models, model: str, data: st.DataObject
) -> None:
    mix = data.draw(st.lists(requests(model), min_size=2, max_size=6))
    for request, event in zip(mix, draw_all(engine_models, mix), strict=True):
        assert isinstance(event, Finished), event
        drawn = event.result.permute(2, 0, 1).double() / 255
        assert (drawn - stock_picture(stock, request)).abs().max() <= TOLERANCE + ROUNDING


def test_other_loras_share_the_forwards(guided: Catalog) -> None:
    # Given a model whose LoRAs were asked for once
    models = Models(guided, device="cpu")
    loras: list[dict[str, float]] = [{"whole": 1.0}, {"denoiser": 0.5}, {"whole": 0.3, "kohya": 1.0}, {}]
    mix = [with_loras(a_request("sd15", seed=seed), **each) for seed, each in enumerate(loras)]
    draw_all(models, mix)
    # When requests with others, and one with none, are drawn
    engine = Engine(models, max_rows=16)
    for request in mix:
        engine.submit(request)
    engine.stop()
    engine.run()
    # Then each step is one forward of all their rows
    assert sum(count for (_, stage, _), count in engine.stats.forwards.items() if stage == "denoise") == 4


def test_a_lora_changes_the_picture_and_its_weight_how_much(engine_models: Models) -> None:
    # Given one seed with a LoRA at no, half and full weight
    mix = [with_loras(a_request("sd15")), *(with_loras(a_request("sd15"), whole=weight) for weight in (0.5, 1.0))]
    none, half, full = (event.result.float() for event in draw_all(engine_models, mix) if isinstance(event, Finished))
    # Then the pictures differ, the full one the most
    assert 0 < (half - none).abs().mean() < (full - none).abs().mean()


Break = Callable[[Catalog, Path], Path]


def of_another_model(catalog: Catalog, folder: Path) -> Path:
    pipeline = Models(catalog, device="cpu").get("flux").pipeline
    return write(diffusers_lora(pipeline, "transformer"), folder / "other.safetensors")


def cut_short(catalog: Catalog, folder: Path) -> Path:
    whole = Path(catalog.adapter("sd15-whole").source).read_bytes()
    file = folder / "cut.safetensors"
    file.write_bytes(whole[: len(whole) // 2])
    return file


def no_weights(catalog: Catalog, folder: Path) -> Path:
    file = folder / "page.safetensors"
    file.write_text("<html>404</html>")
    return file


def half_a_layer(catalog: Catalog, folder: Path) -> Path:
    pipeline = Models(catalog, device="cpu").get("sd15").pipeline
    tensors = diffusers_lora(pipeline, "unet")
    return write({name: each for name, each in tensors.items() if "lora_A" in name}, folder / "half.safetensors")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (of_another_model, "the model has none of the layers that it changes"),
        (cut_short, "is not safetensors"),
        (no_weights, "is not safetensors"),
        (half_a_layer, "broken"),
    ],
)
def test_a_broken_or_foreign_file_fails_its_own_job_only(
    guided: Catalog, tmp_path: Path, broken: Break, words: str
) -> None:
    # Given a LoRA that is none for the model
    file = broken(guided, tmp_path)
    row = AdapterRow(id="sd15-broken", source=str(file), models=("sd15",))
    models = Models(guided.evolve(adapters=(*guided.adapters, row)), device="cpu")
    # When it is asked for, twice, beside others
    mix = [
        with_loras(a_request("sd15"), **loras)
        for loras in ({"broken": 1.0}, {"whole": 1.0}, {"broken": 0.5, "whole": 1.0}, {})
    ]
    first, good, second, plain = draw_all(models, mix)
    # Then those jobs fail, in words, and the others are drawn as ever
    for event in (first, second):
        assert isinstance(event, Failed)
        assert event.error.code == "adapter_not_fitting"
        assert words in event.error.message
        assert "broken" in event.error.message
    assert isinstance(good, Finished)
    assert isinstance(plain, Finished)


def test_a_file_that_is_gone_is_said(guided: Catalog, tmp_path: Path) -> None:
    row = AdapterRow(id="sd15-gone", source=str(tmp_path / "gone.safetensors"), models=("sd15",))
    models = Models(guided.evolve(adapters=(row,)), device="cpu")
    (event,) = draw_all(models, [with_loras(a_request("sd15"), gone=1.0)])
    assert isinstance(event, Failed)
    assert event.error.code == "adapter_missing"
    assert "gone.safetensors" in event.error.message


def test_layers_that_found_no_place_are_counted_in_the_job(guided: Catalog, tmp_path: Path) -> None:
    # Given a LoRA with a layer that the model has not
    pipeline = Models(guided, device="cpu").get("sd15").pipeline
    tensors = diffusers_lora(pipeline, "unet")
    name = next(name for name in tensors if name.endswith("lora_A.weight"))
    for end in ("lora_A.weight", "lora_B.weight"):
        found = tensors[name.removesuffix("lora_A.weight") + end]
        tensors[f"unet.down_blocks.9.attentions.0.transformer_blocks.0.attn1.to_q.{end}"] = found.clone()
    file = write(tensors, tmp_path / "more.safetensors")
    row = AdapterRow(id="sd15-more", source=str(file), models=("sd15",))
    models = Models(guided.evolve(adapters=(row,)), device="cpu")
    # When it is drawn with
    (event,) = draw_all(models, [with_loras(a_request("sd15"), more=1.0)])
    # Then the job says so
    assert isinstance(event, Finished)
    assert event.notes == (f"LoRA 'sd15-more': 1 of its {len(tensors) // 2} layers found no place in the model",)


def test_the_least_used_leave_beyond_the_bound(guided: Catalog) -> None:
    # Given room for the factors of one
    models = Models(guided, device="cpu")
    adapters = models.get("sd15").adapters
    assert adapters is not None
    (lora, _), *_ = adapters.loras([Adapter(id="sd15-whole")])
    adapters._loras._max_bytes = lora.size_bytes
    # When another comes while the first is in use
    adapters.loras([Adapter(id="sd15-kohya")])
    # Then only the newer is kept, and the first goes on
    assert len(adapters) == 1
    assert adapters._guides[lora.number] is lora
    del lora, _
    (event,) = draw_all(models, [with_loras(a_request("sd15"), whole=1.0)])
    assert isinstance(event, Finished)
