"""Networks through the engine: pictures larger, cut out and described, beside others, and files that are none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.catalog.catalog import Catalog
from core.errors import JobFailure
from core.jobs import GenerationRequest, Stage
from tests.network_files import VOCABULARY, write_networks
from tests.worker.engine.drawings import draw_all, events_of, last_event
from worker.contract import Canceled, DrawRequest, Finished, Progressed
from worker.engine.engine import Engine
from worker.nets.describer import Seen
from worker.pipelines.models import Models
from worker.pipelines.networks.describer import Teller, with_article
from worker.pipelines.networks.upscaler import TILE, Upscaler


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(write_networks(tmp_path_factory.mktemp("networks")), device="cpu")


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def asking(task: str, model: str, picture: Image.Image, seeds: tuple[int, ...] = (1,), **told: Any) -> DrawRequest:
    request = GenerationRequest(task=task, model=model, parameters=told, seeds=seeds)
    return DrawRequest(request=request, seed=seeds[0], inputs={"image": (picture,)})


def result(event: Any) -> Any:
    assert isinstance(event, Finished), event
    return event.result


@pytest.mark.parametrize(
    ("model", "scale", "size"), [("up4", 4.0, (40, 28)), ("up2", 2.0, (20, 14)), ("up4", 1.5, (15, 10))]
)
def test_a_picture_becomes_larger(networks: Models, model: str, scale: float, size: tuple[int, int]) -> None:
    made = result(draw_all(networks, [asking("upscale", model, noise(10, 7), scale=scale)])[0])
    assert (made.dtype, (made.shape[1], made.shape[0])) == (torch.uint8, size)


@pytest.mark.parametrize("model", ["up4", "up2"])
def test_tiles_join_to_what_the_whole_picture_would_be(networks: Models, model: str) -> None:
    # Given a picture of nine tiles, whose sides they do not fill, and which begin anywhere
    picture = noise(2 * TILE + 61, 2 * TILE - 37)
    net: Any = networks.get(model).pipeline
    assert isinstance(net, Upscaler)
    # When it is enlarged tile by tile, and at once
    tiled = result(draw_all(networks, [asking("upscale", model, picture, scale=float(net.scale))])[0])
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
    padded = torch.nn.functional.pad(pixels, (net.margin,) * 4, mode="replicate")
    around = net.margin * net.scale
    with torch.no_grad():
        whole = net.module(padded)[0, :, around:-around, around:-around].permute(1, 2, 0)
    # Then both are the same, but for the last bit
    assert (tiled.int() - (whole * 255).round().clamp(0, 255).int()).abs().max() <= 1


def test_tiles_are_steps_between_which_it_can_be_canceled(networks: Models) -> None:
    # Given a picture of four tiles under way, and another one
    engine = Engine(networks)
    first = engine.submit(asking("upscale", "up4", noise(2 * TILE, 2 * TILE), scale=4.0))
    other = engine.submit(asking("upscale", "up4", noise(TILE, TILE, 1), scale=4.0))
    with torch.no_grad():
        for _ in range(3):
            engine.tick()
        # When it is canceled between two of them
        first.cancel()
        while engine.has_work():
            engine.tick()
    # Then it has told of some, and the other one is drawn as it is alone
    events = events_of(first)
    told = [
        (event.step, event.steps)
        for event in events
        if isinstance(event, Progressed) and event.stage is Stage.TRANSFORM
    ]
    assert told
    assert 0 < told[-1][0] < told[-1][1] == 4
    assert isinstance(events[-1], Canceled)
    alone = draw_all(networks, [asking("upscale", "up4", noise(TILE, TILE, 1), scale=4.0)])[0]
    assert torch.equal(result(last_event(other)), result(alone))


def test_what_a_picture_shows_is_cut_out(networks: Models) -> None:
    # When pictures of several shapes are cut out
    for size in ((64, 64), (300, 100), (31, 200)):
        made = result(draw_all(networks, [asking("remove-background", "matte", noise(*size))])[0])
        # Then they have their size, and opacity besides colours
        assert (made.dtype, tuple(made.shape)) == (torch.uint8, (size[1], size[0], 4))


def test_a_picture_is_described_in_several_ways(networks: Models) -> None:
    seeds = (5, 6, 7, 8)
    picture = noise(64, 64)
    requests = [asking("image-to-text", "describer", picture, seeds) for _ in seeds]
    requests = [
        DrawRequest(request=each.request, seed=seed, inputs=each.inputs)
        for each, seed in zip(requests, seeds, strict=True)
    ]
    told = [result(event) for event in draw_all(networks, requests)]
    assert len(set(told)) > 1
    for text in told:
        assert text.endswith((" on a white background", " on a blue background"))
        assert text.startswith(("a 3d render of ", "3d ", "a flat icon of "))


@pytest.mark.parametrize(
    ("motifs", "number", "words"),
    [
        ((9.0, 0.0, 1.0), 0, "a 3d render of an apple on a blue background"),
        ((9.0, 0.0, 1.0), 1, "3d a red apple on a blue background"),
        ((9.0, 0.0, 1.0), 3, "3d sunglasses on a blue background"),
        ((5.0, 4.8, 0.0), 0, "a 3d render of an apple and a fox on a blue background"),
    ],
)
def test_words_follow_from_what_is_seen(networks: Models, motifs: tuple[float, ...], number: int, words: str) -> None:
    teller: Any = networks.get("describer").pipeline
    assert isinstance(teller, Teller)
    seen = Seen(torch.tensor([motifs]), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert teller.told(seen, number) == words


def test_articles() -> None:
    assert [with_article(name) for name in ("owl", "fox", "grapes", "glass")] == [
        "an owl",
        "a fox",
        "grapes",
        "a glass",
    ]


def test_small_networks_take_no_model_s_place(catalog: Catalog, tmp_path: Path) -> None:
    # Given room for one model, which is in use
    rows = write_networks(tmp_path)
    both = catalog.evolve(
        models=(*(row.evolve(source=str(catalog.local_path(row.source))) for row in catalog.models), *rows.models),
        folder=tmp_path,
    )
    models = Models(both, device="cpu", max_resident=1)
    models.get("sd15")
    # Then a network has room beside it, and the next model still has none
    assert models.has_room_for("up4", in_use={"sd15"})
    models.get("up4", in_use={"sd15"})
    assert not models.has_room_for("sdxl", in_use={"sd15", "up4"})
    models.get("sdxl")
    assert models.loaded == ("up4", "sdxl")


@pytest.mark.parametrize(
    ("row", "content", "why"),
    [
        ("up4", b"\x80\x04pickled", "not a safetensors file"),
        ("up4", {"unet.weight": torch.zeros(2)}, "spandrel"),
        ("up4", {"body.0.weight": torch.zeros(2, 3, 3, 3), "body.2.weight": torch.zeros(12, 2)}, "other shapes"),
        ("matte", {"down.0.0.weight": torch.zeros(4, 3, 3, 3)}, "no matte network"),
        ("describer", {"motifs.bias": torch.zeros(3)}, "no describer"),
    ],
)
def test_a_file_that_is_none_is_said_to_be(tmp_path: Path, row: str, content: Any, why: str) -> None:
    catalog = write_networks(tmp_path)
    if isinstance(content, bytes):
        (tmp_path / f"{row}.safetensors").write_bytes(content)
    else:
        save_file(content, tmp_path / f"{row}.safetensors")
    with pytest.raises(JobFailure, match=why) as failure:
        Models(catalog, device="cpu").get(row)
    assert failure.value.code == "model_load_failed"
    assert str(tmp_path) not in failure.value.message


def test_a_row_that_says_another_scale_is_said_to(tmp_path: Path) -> None:
    catalog = write_networks(tmp_path)
    shutil.copy(tmp_path / "up2.safetensors", tmp_path / "up4.safetensors")
    with pytest.raises(JobFailure, match="2 times as large, and the row of model 'up4' says scale = 4"):
        Models(catalog, device="cpu").get("up4")


def test_words_that_do_not_belong_to_it_are_refused(tmp_path: Path) -> None:
    catalog = write_networks(tmp_path)
    assert len(VOCABULARY["motifs"]) == 3
    save_file({"motifs.bias": torch.zeros(3)}, tmp_path / "describer.safetensors", metadata={"vocabulary": "{}"})
    with pytest.raises(JobFailure, match="no describer with its words"):
        Models(catalog, device="cpu").get("describer")
