"""The catalogue: what a row may say, and what a model says to a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.catalog.catalog import Catalog, CatalogError
from core.catalog.model import Model, SizeGrid
from core.errors import InvalidRequest, NotFound
from core.schedulers import Scheduler
from core.settings import Settings
from core.tasks import task_named
from tests.core.samples import PARAMETERS

ROW = '[small]\nsource = "small"\nfamily = "sd15"\n'


def load(folder: Path, text: str) -> Catalog:
    path = folder / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    return Catalog.load(path)


def model(**fields: Any) -> Model:
    return Model.model_validate({"id": "small", "source": "small", "family": "sd15", "scheduler": "euler", **fields})


def test_the_catalogue_that_ships_is_sound() -> None:
    catalog = Catalog.load(Settings().catalog)
    assert catalog.model(None).id == catalog.default
    assert catalog.queues()


def test_a_row_needs_a_source_and_a_family_only(tmp_path: Path) -> None:
    # When
    catalog = load(tmp_path, ROW)

    # Then the first row is the default
    assert catalog.default == "small"
    assert catalog.model(None) == catalog.model("small")
    assert catalog.model("small").queue == "default"
    assert catalog.queues() == ("default",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["names no model"]),
        ("[small", ["cannot read"]),
        ('default = "large"\n' + ROW, ["default = 'large'"]),
        (
            ROW + 'aliases = ["dall-e-3"]\n[large]\nsource = "x"\naliases = ["dall-e-3"]\n',
            ["dall-e-3", "'large'", "'small'"],
        ),
        (ROW + 'aliases = ["small"]\n', ["alias", "'small'"]),
        (ROW + "size = { buckets = [[500, 512]] }\n", ["'small'", "500x512"]),
        ('[small]\nfamily = "sd15"\n', ["'small'", "source"]),
        (ROW + "colour = 1\n", ["'small'", "colour"]),
        (ROW + "max_steps = 0\n", ["'small'", "max_steps"]),
        (ROW + 'scheduler = "heun"\nschedulers = ["euler"]\n', ["'small'", "heun"]),
        (ROW + 'tasks = ["text-to-smell"]\n', ["'small'", "text-to-smell", "text-to-image"]),
        (ROW + "size = { multiple = 64, width = 100 }\n", ["'small'", "width 100"]),
        (ROW + "size = { minimum = 0 }\n", ["'small'", "minimum"]),
        ('["Bad Id"]\nsource = "x"\nfamily = "sd15"\n', ["'Bad Id'", "id"]),
        ('[small]\nsource = "x"\nfamily = "No Family"\n', ["'small'", "family"]),
        ("small = 3\n", ["'small'"]),
        (ROW + 'loras = { "a.safetensors" = "strong" }\n', ["'small'", "loras.a.safetensors", "strong", "number"]),
        (ROW + 'loras = { "a.safetensors" = 11 }\n', ["'small'", "loras.a.safetensors", "less than or equal to 10"]),
    ],
)
def test_an_error_names_the_row_and_the_field(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as raised:
        load(tmp_path, text)
    for word in words:
        assert word in str(raised.value)
    assert str(tmp_path / "catalog.toml") in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="nowhere"):
        Catalog.load(tmp_path / "nowhere.toml")


def test_an_unknown_model_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'small'") as raised:
        load(tmp_path, ROW).model("large")
    assert raised.value.code == "model_not_found"
    assert raised.value.param == "model"


def test_a_source_is_a_folder_or_a_hub_id(tmp_path: Path) -> None:
    catalog = load(tmp_path, ROW)
    assert catalog.local_path("small") is None
    (tmp_path / "small").mkdir()
    assert catalog.local_path("small") == tmp_path / "small"


@pytest.mark.parametrize("family", ["sd15", "sdxl", "sd3", "flux", "some-other"])
def test_every_family_has_fitting_schedulers(family: str, tmp_path: Path) -> None:
    row = load(tmp_path, ROW.replace("sd15", family)).model("small")
    flow = family in ("sd3", "flux")
    assert row.scheduler in row.schedulers
    assert (Scheduler.FLOW_MATCH_EULER in row.schedulers) is flow
    assert row.negative_prompt is (family != "flux")


GRID = SizeGrid(minimum=128, maximum=384, multiple=32, width=256, height=256)


@given(st.integers(-10_000, 10_000))
def test_the_nearest_size_is_on_the_grid_and_nearest(pixels: int) -> None:
    fitting = range(128, 385, 32)
    assert abs(GRID.nearest(pixels) - pixels) == min(abs(size - pixels) for size in fitting)
    assert GRID.nearest(pixels) in fitting


@given(st.integers(8, 500), st.integers(1, 200))
def test_a_bound_off_the_grid_is_not_offered(minimum: int, multiple: int) -> None:
    try:
        grid = SizeGrid(minimum=minimum, maximum=2_048, multiple=multiple, width=multiple * 4, height=multiple * 4)
    except ValidationError:
        return
    for pixels in (0, minimum, 5_000):
        assert minimum <= grid.nearest(pixels) <= 2_048
        assert grid.nearest(pixels) % multiple == 0


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"width": 250}, "width", "it takes 128 to 384 in steps of 32; 256 would fit"),
        ({"height": 4_000}, "height", "384 would fit"),
        ({"width": 8}, "width", "128 would fit"),
        ({"num_inference_steps": 51}, "num_inference_steps", "over the 50"),
        ({"scheduler": Scheduler.FLOW_MATCH_EULER}, "scheduler", "it takes euler, "),
        ({"negative_prompt": "blur"}, "negative_prompt", "takes no negative_prompt"),
        ({"n": 5}, "n", "over the 4"),
        ({"n": 4, "num_inference_steps": 50}, "n", "fewer images"),
    ],
)
def test_a_refusal_names_the_field_and_what_would_fit(changes: dict[str, Any], param: str, words: str) -> None:
    # Given
    strict = model(size=GRID, max_steps=50, negative_prompt=False, max_images=4, max_work=10_000_000)
    task = task_named("text-to-image")
    task.check(strict, PARAMETERS, 1)

    # When
    outputs = changes.pop("n", 1)
    with pytest.raises(InvalidRequest) as raised:
        task.check(strict, PARAMETERS.evolve(**changes), outputs)

    # Then
    assert raised.value.param == param
    assert words in raised.value.message
    assert raised.value.status == 400


def test_pictures_that_a_model_reads_at_every_step_cost_too() -> None:
    # Given a model that reads as many pixels of each given picture as it draws, and one that reads a fixed number
    image_to_image = task_named("image-to-image")
    parameters = image_to_image.parameters.model_validate({**PARAMETERS.model_dump(), "strength": 1.0})
    alone = parameters.cost
    drawn = model(tasks=("image-to-image",), reference_pixels="drawn", max_work=2 * alone)
    fixed = model(tasks=("image-to-image",), reference_pixels=10, max_work=alone + 10 * parameters.steps)

    # Then one picture fits and two do not
    for row in (drawn, fixed):
        image_to_image.check(row, parameters, 1, 1)
        with pytest.raises(InvalidRequest, match="pixels of given pictures a step"):
            image_to_image.check(row, parameters, 1, 2)
