"""Pictures that compiled graphs draw are those that torch draws, and what no graph can answer is left to torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from core.schedulers import Scheduler
from tests.tiny_models import TASKS
from tests.worker.backends.conftest import Compile
from tests.worker.engine.drawings import a_request, draw_all
from worker.backends.backends import Backends
from worker.backends.builder import Builder
from worker.backends.graph_files import GraphFiles
from worker.contract import DrawRequest, Finished
from worker.pipelines.models import Models

TOLERANCE = 1e-4
MODELS = ("sd15", "sdxl", "sd3", "flux", "mini")


def pictures(models: Models, requests: Sequence[DrawRequest]) -> list[np.ndarray]:
    events = draw_all(models, requests)
    assert all(isinstance(event, Finished) for event in events), events
    return [event.result.numpy().astype(np.float64) / 255 for event in events if isinstance(event, Finished)]


def answered(models: Models, model: str) -> dict[str, int]:
    """The calls that graphs answered, by module."""
    counts: dict[str, int] = {}
    for graphs in models.get(model).backend.graphs:
        assert graphs.refusal is None, graphs.refusal
        counts[graphs.name] = counts.get(graphs.name, 0) + graphs.answered
    return counts


def by_torch(models: Models, model: str) -> list[int]:
    """The calls of each signature that were left to torch."""
    return [graphs.asked - graphs.answered for graphs in models.get(model).backend.graphs]


def test_tiled_pictures_are_left_to_torch_and_chaotic_ones_are_not(models: Models, compile_models: Compile) -> None:
    # Given what torch draws, and graphs of the model
    plain = a_request("mini", seed=3)
    requests = [a_request("mini", seed=3, tiling=True), a_request("mini", seed=3, chaos=50)]
    expected = [pictures(models, [request])[0] for request in [*requests, plain]]
    compiled, backends = compile_models()
    pictures(compiled, [plain])
    backends.wait()
    before = answered(compiled, "mini")
    denoiser = "UNet2DConditionModel.forward"
    # When a picture is drawn whose convolutions are not those of the graph, and one whose words are pushed
    drawn = [pictures(compiled, [request])[0] for request in requests]
    # Then each is the one that torch draws, and graphs answered the steps that had edges
    for one, other in zip(drawn, expected[:2], strict=True):
        assert np.abs(one - other).max() <= TOLERANCE + 1 / 255
    assert answered(compiled, "mini")[denoiser] - before[denoiser] == 4 + 2
    # And one that is drawn beside a tiled one is as it is alone
    backends.wait()
    beside = pictures(compiled, [requests[0], plain])[1]
    backends.wait()  # what it wants besides is not to be built while the next test sets its warnings
    assert np.abs(beside - expected[2]).max() <= TOLERANCE + 1 / 255


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_mixed_batch_on_graphs_is_the_one_that_torch_draws(
    models: Models, compile_models: Compile, model: str
) -> None:
    # Given unlike requests for every task
    compiled, backends = compile_models()
    requests = [
        a_request(model, task=task, seed=seed, num_inference_steps=3 + seed % 3, guidance_scale=(1.0, 4.0)[seed % 2])
        for seed, task in enumerate([*TASKS, *TASKS, "text-to-image"])
    ]
    # When they are drawn before there are graphs, and again once there are
    before = pictures(compiled, requests)
    backends.wait()
    pictures(compiled, requests)
    backends.wait()
    after = pictures(compiled, requests)
    # Then graphs did the work, and the pictures are those of torch to the last rounding to 8 bits
    expected = pictures(models, requests)
    counts = answered(compiled, model)
    parts = compiled.get(model).pipeline.components
    encoders = {f"{type(part).__name__}.forward" for name, part in parts.items() if name.startswith("text_encoder")}
    assert len(counts) == len(encoders) + 3
    assert all(counts.values())
    # And torch is asked for nothing any more
    left = by_torch(compiled, model)
    pictures(compiled, requests)
    assert by_torch(compiled, model) == left
    for drawn in (before, after):
        for one, other in zip(drawn, expected, strict=True):
            assert np.abs(one - other).max() <= TOLERANCE + 1 / 255


@st.composite
def mixes(draw: st.DrawFn) -> list[DrawRequest]:
    """Requests of one model at one size, so that few graphs are needed."""
    model = draw(st.sampled_from(["sd15", "mini"]))
    return [
        a_request(
            model,
            prompt=draw(st.sampled_from(["a red apple", "two zebras, ok", ""])),
            num_inference_steps=draw(st.integers(2, 8)),
            guidance_scale=draw(st.sampled_from([1.0, 2.5, 7.0])),
            scheduler=draw(st.sampled_from([Scheduler.DDIM, Scheduler.EULER_ANCESTRAL, Scheduler.DPMPP_2M])),
            seed=draw(st.integers(0, 2**32 - 1)),
        )
        for _ in range(draw(st.integers(2, 9)))
    ]


@pytest.mark.slow
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mix=mixes())
def test_every_picture_of_a_random_mix_on_graphs_equals_torch(
    models: Models, shared: tuple[Models, Backends], mix: list[DrawRequest]
) -> None:
    compiled, backends = shared
    drawn = pictures(compiled, mix)
    backends.wait()
    for one, other in zip(drawn, pictures(models, mix), strict=True):
        assert np.abs(one - other).max() <= TOLERANCE + 1 / 255


@pytest.fixture(scope="module")
def shared(compile_models: Compile) -> tuple[Models, Backends]:
    return compile_models()


def test_a_module_whose_graph_differs_is_left_to_torch_and_said(models: Models, compile_models: Compile) -> None:
    # Given a denoiser whose weights are others since its graph was made
    compiled, backends = compile_models()
    requests = [a_request("sd15", seed=seed) for seed in range(2)]
    pictures(compiled, requests)
    backends.wait()
    unet = compiled.get("sd15").pipeline.unet
    with torch.no_grad():
        unet.conv_out.weight.mul_(1.5)
    # When the graph is asked for the first time
    drawn = pictures(compiled, requests)
    # Then the picture is torch's, and the model says that it is drawn without
    changed = Models(models.catalog, device="cpu")
    with torch.no_grad():
        changed.get("sd15").pipeline.unet.conv_out.weight.mul_(1.5)
    for one, other in zip(drawn, pictures(changed, requests), strict=True):
        assert np.abs(one - other).max() <= TOLERANCE + 1 / 255
    assert "UNet2DConditionModel" in str(compiled.get("sd15").backend)
    assert "differs from that of torch" in str(compiled.get("sd15").backend)


def test_without_memory_no_graph_is_compiled(compile_models: Compile) -> None:
    # Given a machine that is nearly full
    compiled, backends = compile_models(free_bytes=2**20)
    # When pictures are drawn
    for _ in range(3):
        pictures(compiled, [a_request("sd15")])
        backends.wait()
    # Then torch drew them, and it is said where a graph would have had to be made first
    assert not any(graphs.answered for graphs in compiled.get("sd15").backend.graphs)


def test_graphs_take_half_of_what_was_free_and_no_more(tmp_path: Path) -> None:
    # Given 8 GiB that are free
    free = 8 * 2**30
    builder = Builder(GraphFiles(tmp_path), 1, lambda: free)
    assert builder._room() == 4 * 2**30
    # When others, or graphs, take three of them, and then three more
    free = 5 * 2**30
    assert builder._room() == 2**30
    free = 2 * 2**30
    # Then there is no room left
    assert (builder._room() or 0) < 0


@pytest.mark.parametrize("row", ["eager", None])
def test_a_row_or_the_setting_keeps_a_model_with_torch(compile_models: Compile, row: Any) -> None:
    # Given a choice for all models and one of the row
    compiled, _ = compile_models(choice="eager" if row is None else "auto")
    catalog = compiled.catalog
    rows = tuple(each.evolve(backend=row) for each in catalog.models)
    compiled = Models(catalog.evolve(models=rows), device="cpu", backends=compiled._backends)
    # Then either is heeded
    assert compiled.get("sd15").backend.name == "eager"


def test_half_precision_is_left_to_torch(compile_models: Compile) -> None:
    # Given a model in bfloat16, of which a graph would be another one
    compiled, _ = compile_models()
    catalog = compiled.catalog
    rows = tuple(each.evolve(dtype="bfloat16") for each in catalog.models)
    halved = Models(catalog.evolve(models=rows), device="cpu", backends=compiled._backends)
    # Then nothing is compiled
    assert halved.get("sd15").backend.name == "eager"
