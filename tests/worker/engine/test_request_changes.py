"""`tiling`, `chaos` and `weird` change the pictures of those that ask for them, in forwards shared with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.jobs import Stage
from core.media import Guide
from tests.guide_files import controlnet_for
from tests.worker.engine.drawings import MASK, PICTURE, a_request, draw_all, guided_by, last_event
from worker.contract import DrawRequest, Event, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

ROUNDING = 1
"""Of 255: what other rows in a forward may change, at the border between two levels."""

MODELS = ("sd15", "sdxl", "sd3", "flux", "mini")
ASKING: Sequence[dict[str, Any]] = ({}, {"tiling": True}, {"chaos": 60}, {"weird": 2000}, {"tiling": True, "chaos": 60})


def picture_of(event: Event) -> torch.Tensor:
    assert isinstance(event, Finished), event
    picture: torch.Tensor = event.result
    return picture.int()


def apart(one: torch.Tensor, other: torch.Tensor) -> int:
    return int((one - other).abs().max())


def alone(models: Models, request: DrawRequest) -> torch.Tensor:
    return picture_of(draw_all(models, [request])[0])


def in_one_engine(models: Models, requests: Sequence[DrawRequest]) -> tuple[list[torch.Tensor], Engine]:
    engine = Engine(models)
    drawings = [engine.submit(request) for request in requests]
    engine.stop()
    engine.run()
    return [picture_of(last_event(drawing)) for drawing in drawings], engine


def forwards_of(engine: Engine, stage: Stage) -> int:
    return sum(count for (_, each, _), count in engine.stats.forwards.items() if each == stage)


@pytest.mark.parametrize("task", ["text-to-image", "inpaint"])
@pytest.mark.parametrize("model", MODELS)
def test_all_of_them_share_forwards_and_each_is_as_alone(models: Models, model: str, task: str) -> None:
    # Given requests of one seed that differ in nothing but what is asked for here
    requests = [a_request(model, task=task, seed=4, **asked) for asked in ASKING]

    # When they are drawn together
    pictures, engine = in_one_engine(models, requests)

    # Then each is what it is alone, and unlike the first
    for request, picture in zip(requests, pictures, strict=True):
        assert apart(picture, alone(models, request)) <= ROUNDING, request.parameters
    assert all(apart(picture, pictures[0]) > 0 for picture in pictures[1:])
    # And they took no more denoising forwards than as many without any of it
    _, without = in_one_engine(models, [a_request(model, task=task, seed=seed) for seed in range(len(ASKING))])
    assert forwards_of(engine, Stage.DENOISE) == forwards_of(without, Stage.DENOISE)


def test_a_request_in_a_tiled_one_s_forward_keeps_its_edges(models: Models) -> None:
    """To the last bit but for rounding: rows that do not wrap are filled with zeros, as ever."""
    plain = a_request("sd15", seed=9, guidance_scale=1.0)
    beside, _ = in_one_engine(models, [plain, a_request("sd15", seed=10, tiling=True, guidance_scale=1.0)])
    assert apart(beside[0], alone(models, plain)) <= ROUNDING


def seam_of(picture: torch.Tensor) -> float:
    """How much more neighbours differ across the edge that copies share than inside, of the worse of both ways."""
    pixels = picture.numpy().astype(np.float64)
    ratios = []
    for axis in (0, 1):
        steps = np.abs(pixels - np.roll(pixels, 1, axis)).mean(axis=(1 - axis, 2))
        ratios.append(steps[0] / steps[1:].mean())
    return float(max(ratios))


def mean_seam(models: Models, model: str, *, tiling: bool) -> float:
    """Of noise, as these models draw it."""
    asked = [a_request(model, seed=seed, num_inference_steps=6, tiling=tiling) for seed in range(12)]
    return float(np.mean([seam_of(picture_of(event)) for event in draw_all(models, asked)]))


@pytest.mark.parametrize(("model", "inside", "seam"), [("sd15", 1.1, 1.3), ("sdxl", 1.1, 1.3), ("mini", 1.7, 4.0)])
def test_tiled_pictures_have_no_seam(models: Models, model: str, inside: float, seam: float) -> None:
    assert mean_seam(models, model, tiling=True) < inside
    assert mean_seam(models, model, tiling=False) > seam


@pytest.mark.parametrize("model", ["sd3", "flux"])
def test_nor_have_those_of_transformers(models: Models, model: str) -> None:
    """Those of random ones have hardly one without: they know no edges."""
    assert mean_seam(models, model, tiling=True) < 1.15


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_chaos_goes_by_the_seed_and_weird_by_the_words(models: Models, model: str) -> None:
    def drawn(**asked: Any) -> torch.Tensor:
        return alone(models, a_request(model, **{"seed": 3, **asked}))

    # Given the same seed, the same picture; and the most is further off than a little
    usual = drawn()
    for name, little, most in (("chaos", 5, 100), ("weird", 50, 3000)):
        assert apart(drawn(**{name: most}), drawn(**{name: most})) == 0
        off = [float((drawn(**{name: value}) - usual).abs().float().mean()) for value in (little, most)]
        assert 0 < off[0] < off[1]
    # And nothing at all without
    assert apart(drawn(chaos=0, weird=0, tiling=False), usual) == 0


def test_where_guidance_calls_twice_only_the_call_with_the_prompt_is_pushed(models: Models) -> None:
    """Of two rows the one with the negative prompt comes first, and stays as it is."""
    seen: list[torch.Tensor] = []
    unet = models.get("sd15").pipeline.unet
    watch = unet.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["encoder_hidden_states"]), with_kwargs=True
    )
    try:
        usual, chaotic = (alone(models, a_request("sd15", chaos=chaos, num_inference_steps=2)) for chaos in (0, 50))
    finally:
        watch.remove()
    assert apart(usual, chaotic) > 0
    before, after = seen[0], seen[2]
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])
    assert torch.allclose(before[1].std(), after[1].std(), rtol=1e-3)
    assert torch.equal(seen[2], seen[3])


def test_a_picture_that_is_drawn_over_tiles_too(models: Models) -> None:
    tiled, plain = (
        a_request("sd15", task="image-to-image", image=PICTURE, strength=0.7, tiling=tiling) for tiling in (True, False)
    )
    assert apart(alone(models, tiled), alone(models, plain)) > 0


def test_a_model_that_cannot_tile_fails_the_job_and_says_so(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a pipeline none of whose denoising steps can be changed
    monkeypatch.setattr("worker.pipelines.tiling.Tiled.wraps", lambda self: False)

    # When a tiled picture is asked for, and one that is not
    refused, drawn = draw_all(models, [a_request("flux", tiling=True), a_request("flux")])

    # Then the one fails and names the field and the model, and the other is drawn
    assert isinstance(refused, Failed)
    assert refused.error.code == "tiling_not_possible"
    assert "tiling" in refused.error.message
    assert "'flux'" in refused.error.message
    assert isinstance(drawn, Finished)


@pytest.fixture(scope="module")
def with_nets(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder, rows = tmp_path_factory.mktemp("nets"), []
    plain = Models(catalog, device="cpu", max_resident=2)
    for model in ("sd15", "flux"):
        controlnet_for(plain.get(model).pipeline, seed=0).save_pretrained(folder / model)
        told = {"id": f"{model}-net", "kind": "controlnet", "source": str(folder / model), "models": (model,)}
        rows.append(AdapterRow.model_validate(told))
    return Models(catalog.evolve(adapters=tuple(rows)), device="cpu", max_resident=2)


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_control_nets_see_the_same_torus(with_nets: Models, model: str) -> None:
    """Those of transformers are rolled as the latents are, or what they say would stand in another place."""
    guide = Guide(adapter=f"{model}-net")
    requests = [
        guided_by(a_request(model, tiling=tiling, seed=6), "control", [guide], [PICTURE]) for tiling in (True, False)
    ]
    pictures, _ = in_one_engine(with_nets, [*requests, a_request(model, tiling=True)])
    for request, picture in zip(requests, pictures, strict=False):
        assert apart(picture, alone(with_nets, request)) <= ROUNDING
    assert apart(*pictures[:2]) > 0


def test_where_a_model_draws_one_picture_at_a_time(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """As offloading and perturbed attention do: nothing parks, and all of it holds."""
    expected = [alone(models, a_request("mini", seed=2, **asked)) for asked in ASKING]
    for place in ("worker.engine.hooks", "worker.pipelines.row_padding", "worker.pipelines.loaded_model"):
        monkeypatch.setattr(f"{place}.is_hookable", lambda pipeline: False)
    one_by_one = Models(models.catalog, device="cpu", max_resident=1)
    for asked, picture in zip(ASKING, expected, strict=True):
        assert apart(alone(one_by_one, a_request("mini", seed=2, **asked)), picture) <= ROUNDING


def test_masks_are_part_of_the_torus(models: Models) -> None:
    request = a_request("sd15", task="inpaint", mask=MASK, tiling=True, seed=8)
    assert apart(alone(models, request), alone(models, a_request("sd15", task="inpaint", mask=MASK, seed=8))) > 0
