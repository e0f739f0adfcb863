"""Every pipeline of the zoo draws through the engine what stock diffusers draws, and requests share its forwards."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from core.catalog.catalog import Catalog
from core.jobs import Stage
from core.schedulers import Scheduler
from tests.worker.engine.drawings import a_request, draw_all, last_event
from tests.zoo.entry import Entry
from tests.zoo.registry import ZOO, save
from tests.zoo.stock import stock_picture
from worker.contract import DrawRequest, Event, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

TOLERANCE = 1e-4
ROUNDING = 0.5 / 255
HEARD = 1e-3
"""By how much other words must change a picture: ten times what is taken for equal."""


def marks_of(entry: Entry) -> list[pytest.MarkDecorator]:
    missing = [name for name in entry.needs if not importable(name)]
    skips = [pytest.mark.skip(reason=f"this pipeline needs {name}, which is not here") for name in missing]
    return [*skips, *([pytest.mark.slow] if entry.slow else [])]


def importable(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


CASES = [
    pytest.param(name, task, id=f"{name}-{task}", marks=marks_of(entry))
    for name, entry in ZOO.items()
    for task in entry.tasks
]
MERGING = [case for case in CASES if not ZOO[str(case.values[0])].unmerged]


@pytest.fixture(autouse=True)
def _advice_of_libraries() -> Iterator[None]:
    """What diffusers and transformers tell the authors of pipelines is no matter of this project's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="diffusers|transformers|torch")
        yield


@dataclass(frozen=True)
class Drawn:
    """A mix and its last events, and the rows of the largest forward of it and of its first request alone."""

    requests: list[DrawRequest]
    events: list[Event]
    rows: int
    rows_alone: int


@pytest.fixture(scope="module")
def drawn(zoo: Path) -> Callable[[str, str], Drawn]:
    """Draws the mix of a pipeline and task, once."""

    @cache
    def draw(name: str, task: str) -> Drawn:
        models = Models(catalog_of(name, zoo), device="cpu")
        alone, together = Engine(models, max_rows=16), Engine(models, max_rows=16)
        requests = a_mix(name, task)
        draw_staggered(alone, requests[:1])
        events = draw_staggered(together, requests)
        return Drawn(requests, events, most_rows(together), most_rows(alone))

    return draw


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


def folder_of(name: str, zoo: Path) -> Path:
    return zoo / name if (zoo / name).exists() else save(name, zoo)


def catalog_of(name: str, zoo: Path) -> Catalog:
    folder_of(name, zoo)
    return Catalog(models=(ZOO[name].model(name),), default=name, folder=zoo)


def request_for(name: str, task: str, **changes: Any) -> DrawRequest:
    entry = ZOO[name]
    settings = {
        "width": entry.sizes.width,
        "height": entry.sizes.height,
        "scheduler": Scheduler.OWN,
        "num_inference_steps": entry.steps[0],
    }
    return a_request(name, task=task, **{**settings, **changes})


def two_of(request: DrawRequest, *seeds: int) -> list[DrawRequest]:
    """A request for as many pictures as there are seeds, as the engine sees it."""
    asked = request.request.evolve(seeds=seeds)
    return [replace(request, request=asked, seed=seed) for seed in seeds]


def a_mix(name: str, task: str) -> list[DrawRequest]:
    """Other words, lengths, steps, seeds, guidance; one asks for two pictures, one for another size."""
    entry = ZOO[name]
    few, more, fewest = sorted(entry.steps)[1], max(entry.steps), min(entry.steps)
    width, height = entry.other
    pair = request_for(
        name,
        task,
        prompt="two zebras, ok",
        negative_prompt="ugly",
        num_inference_steps=more,
        guidance_scale=2.5,
    )
    return [
        request_for(name, task, num_inference_steps=few, seed=1, guidance_scale=5.0),
        *two_of(pair, 2, 3),
        request_for(name, task, prompt="x", negative_prompt="ugly, bad", num_inference_steps=fewest, seed=4),
        request_for(name, task, prompt="a hat", width=width, height=height, num_inference_steps=few, seed=5),
    ]


def draw_staggered(engine: Engine, requests: list[DrawRequest]) -> list[Event]:
    """The first two at once, then another every second turn."""
    drawings = [engine.submit(request) for request in requests[:2]]
    late = list(requests[2:])
    turn = 0
    with torch.no_grad():
        while late or engine.active or engine.waiting:
            if late and turn % 2:
                drawings.append(engine.submit(late.pop(0)))
            engine.tick()
            turn += 1
    return [last_event(drawing) for drawing in drawings]


def most_rows(engine: Engine) -> int:
    """Of the largest forward that denoised."""
    return max((rows for (_, stage, rows) in engine.stats.forwards if stage == Stage.DENOISE), default=0)


def stock_on(zoo: Path, entry: Entry, request: DrawRequest) -> torch.Tensor:
    with torch.no_grad():
        return stock_picture(folder_of(request.model, zoo), entry, request)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_stock_pipeline_hears_its_words_and_keeps_its_size(zoo: Path, name: str, task: str) -> None:
    """Else a wrong argument would not show in the tests below."""
    entry = ZOO[name]
    first = request_for(name, task)
    other = request_for(name, task, prompt="two zebras, ok")
    wide = request_for(name, task, width=entry.other[0], height=entry.other[1])

    picture = stock_on(zoo, entry, first)

    assert picture.isfinite().all()
    assert picture.shape == (3, entry.sizes.height, entry.sizes.width)
    assert float((picture - stock_on(zoo, entry, other)).abs().max()) > HEARD
    assert stock_on(zoo, entry, wide).shape == (3, entry.other[1], entry.other[0])


@pytest.mark.parametrize(("name", "task"), CASES)
def test_each_picture_of_a_staggered_mix_is_what_stock_diffusers_draws_alone(
    zoo: Path, drawn: Callable[[str, str], Drawn], name: str, task: str
) -> None:
    mix = drawn(name, task)
    for request, event in zip(mix.requests, mix.events, strict=True):
        assert isinstance(event, Finished), event
        expected = stock_on(zoo, ZOO[name], request).permute(1, 2, 0)
        assert event.result.shape == expected.shape
        off = float((event.result / 255 - expected).abs().max()) - ROUNDING
        assert off <= TOLERANCE, (off, request.parameters)


@pytest.mark.parametrize(("name", "task"), MERGING)
def test_requests_share_forwards(drawn: Callable[[str, str], Drawn], name: str, task: str) -> None:
    """More rows in one forward than two that are told the same have: those of prompts of other lengths are in it."""
    mix = drawn(name, task)
    assert mix.rows > mix.rows_alone * (1 if ZOO[name].equal_lengths else 2)


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(entry)) for name, entry in ZOO.items()])
def test_tiling_chaos_and_weird_change_the_picture_or_are_named(zoo: Path, name: str) -> None:
    """Each alone is what it is beside the others, and nothing that a model cannot do is passed over in silence."""
    models = Models(catalog_of(name, zoo), device="cpu")
    asked: list[dict[str, Any]] = [{}, {"tiling": True}, {"chaos": 100}, {"weird": 3000}]
    requests = [request_for(name, ZOO[name].tasks[0], **each) for each in asked]

    usual, *changed = draw_all(models, requests)

    assert isinstance(usual, Finished), usual
    for request, told, event in zip(requests[1:], asked[1:], changed, strict=True):
        (field,) = told
        if isinstance(event, Failed):
            assert (field, event.error.code) == ("tiling", "tiling_not_possible")
            continue
        assert isinstance(event, Finished)
        named = any(field in note for note in event.notes)
        assert named is torch.equal(event.result, usual.result), event.notes
        (alone,) = draw_all(models, [request])
        assert isinstance(alone, Finished)
        off = (alone.result.int() - event.result.int()).abs()
        # A random net may magnify the rounding of a few values
        assert float((off > 1).float().mean()) < 0.01
