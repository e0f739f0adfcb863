"""Wildcards: what the catalogue says of them, and what becomes of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalog.catalog import Catalog, CatalogError
from core.catalog.wildcards import choose, names_in

ROW = '\n[mini]\nsource = "mini"\nfamily = "sd15"\n'
ANIMALS = {"animal": ("fox", "hen", "owl", "cow"), "pair": ("__animal__ and __animal__",), "a/b_c": ("x",)}


def loaded(folder: Path, text: str) -> Catalog:
    path = folder / "catalog.toml"
    path.write_text(text + ROW)
    return Catalog.load(path)


def test_lists_and_files(tmp_path: Path) -> None:
    (tmp_path / "colours.txt").write_text("# of the sea\nnavy\n\n  teal  \n")

    catalog = loaded(tmp_path, '[wildcards]\nanimal = ["fox", "hen"]\ncolour = "colours.txt"')

    assert catalog.wildcards == {"animal": ("fox", "hen"), "colour": ("navy", "teal")}
    assert [model.id for model in catalog.models] == ["mini"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[wildcards]\nanimal = []", "list of words"),
        ('[wildcards]\nanimal = ["fox", 3]', "list of words"),
        ('[wildcards]\n"An imal" = ["fox"]', "name has small letters"),
        ('[wildcards]\nanimal = "nothing.txt"', "cannot be read"),
        ('wildcards = ["fox"]', "table of names"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CatalogError, match=words):
        loaded(tmp_path, text)


def test_the_same_seed_chooses_the_same() -> None:
    chosen = [choose("a __animal__ in snow", ANIMALS, seed).text for seed in range(40)]

    assert chosen == [choose("a __animal__ in snow", ANIMALS, seed).text for seed in range(40)]
    assert set(chosen) == {f"a {animal} in snow" for animal in ANIMALS["animal"]}


def test_each_name_is_chosen_by_itself_and_told() -> None:
    found = {choose("__animal__, __animal__", ANIMALS, seed).text for seed in range(40)}
    assert any(one != other for one, other in (text.split(", ") for text in found))

    chosen = choose("__pair__ by __nobody__", ANIMALS, 7)
    assert "__animal__" not in chosen.text
    assert chosen.text.endswith("by __nobody__")
    assert any("there is no wildcard '__nobody__'" in told for told in chosen.told)
    assert any(told.startswith("__pair__ became") for told in chosen.told)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a __a/b_c__ thing", ("a/b_c",)),
        ("__init__ and _animal_", ()),
        ("__animal____animal__", ("animal", "animal")),
        ("____", ()),
    ],
)
def test_names_are_found(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text, ANIMALS) == names


def test_what_names_itself_ends() -> None:
    assert choose("__loop__", {"loop": ("x __loop__",)}, 1).text == "x x x x __loop__"
