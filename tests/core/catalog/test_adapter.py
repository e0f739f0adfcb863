"""Adapters in the catalogue: what a row may say, and which models it goes with."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalog.catalog import Catalog, CatalogError
from core.errors import NotFound

MODELS = """
[one]
source = "one"
family = "sd15"

[two]
source = "two"
family = "sdxl"
"""


def loaded(folder: Path, adapters: str) -> Catalog:
    file = folder / "catalog.toml"
    file.write_text(MODELS + adapters)
    return Catalog.load(file)


def test_an_adapter_goes_with_its_family_or_with_the_models_it_names(tmp_path: Path) -> None:
    # Given one that has a family, one that names a model, and one of which nothing is known
    catalog = loaded(
        tmp_path,
        """
        [adapters.style]
        source = "style.safetensors"
        family = "sd15"
        weight = 0.7
        trigger_words = ["inked"]

        [adapters.named]
        source = "named.safetensors"
        family = "sd15"
        models = ["two"]

        [adapters.unknown]
        source = "unknown.safetensors"
        """,
    )
    # Then each model has its own
    assert [row.id for row in catalog.adapters_of(catalog.model("one"))] == ["style"]
    assert [row.id for row in catalog.adapters_of(catalog.model("two"))] == ["named"]
    style = catalog.adapter("style")
    assert (style.kind, style.weight, style.trigger_words) == ("lora", 0.7, ("inked",))


def test_an_adapter_that_is_not_there_is_told_from_those_that_are(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, '[adapters.style]\nsource = "style.safetensors"\n')
    with pytest.raises(NotFound, match="there is no adapter 'stile'; this server has 'style'") as told:
        catalog.adapter("stile")
    assert told.value.code == "adapter_not_found"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("", "adapter 'style': 'source' is missing"),
        ('source = "x"\nweight = 11', "'weight' is '11'"),
        ('source = "x"\nstrength = 1', "there is no field 'strength'"),
        ('source = "x"\nkind = "embedding"', "'kind' is"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(CatalogError, match=words):
        loaded(tmp_path, f"[adapters.style]\n{row}\n")
