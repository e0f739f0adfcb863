"""The catalogue's file keeps what people wrote in it, whatever a command changes."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.cli.client import ClientError
from app.cli.models.catalog_file import CatalogFile
from core.catalog.catalog import CatalogError
from tests.app.cli.conftest import CATALOG

ROW = {"source": "/x", "size": {"width": 512, "height": 512}, "tasks": ["text-to-image"]}


def test_a_row_goes_behind_the_others_and_nothing_else_changes(catalog: Path) -> None:
    # Given a catalogue that its group may read
    catalog.chmod(0o640)
    # When a model is put there whose id has a dot
    CatalogFile(catalog).put("sd_xl_1.0", ROW, default=False)
    # Then all that was there stands as it was, and the file's rights are the same
    text = catalog.read_text()
    assert text.startswith(CATALOG)
    assert text.removeprefix(CATALOG) == (
        '\n["sd_xl_1.0"]\nsource = "/x"\nsize = { width = 512, height = 512 }\ntasks = ["text-to-image"]\n'
    )
    assert catalog.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in catalog.parent.iterdir()] == [catalog.name]


def test_a_row_is_replaced_in_its_place(catalog: Path) -> None:
    CatalogFile(catalog).put("first", ROW, default=False)
    text = catalog.read_text()
    assert list(tomllib.loads(text)) == ["default", "first", "second"]
    assert "# The second is for large pictures.\n" in text
    assert "dall-e-2" not in text


def test_a_removed_row_leaves_the_comments_of_its_neighbours(catalog: Path) -> None:
    CatalogFile(catalog).make_default("second")
    CatalogFile(catalog).remove("first")
    assert catalog.read_text() == (
        "# My models.\n"
        'default = "second"\n\n'
        "# The second is for large pictures.\n"
        '[second]\nsource = "second"\nfamily = "flux"\n'
    )


def test_a_default_is_set_where_there_was_none(catalog: Path) -> None:
    catalog.write_text('# Mine.\n[a]\nsource = "a"\n[b]\nsource = "b"')
    CatalogFile(catalog).make_default("b")
    assert tomllib.loads(catalog.read_text())["default"] == "b"
    assert "# Mine.\n[a]" in catalog.read_text()


def test_what_would_be_no_catalogue_is_not_written(catalog: Path) -> None:
    with pytest.raises(CatalogError, match=r"catalog\.toml: model 'bad'"):
        CatalogFile(catalog).put("bad", {"source": "/x", "size": {"width": 7}}, default=False)
    assert catalog.read_text() == CATALOG
    assert [each.name for each in catalog.parent.iterdir()] == [catalog.name]


def test_changes_of_several_commands_at_once_are_all_made(catalog: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: CatalogFile(catalog).put(f"m{n}", ROW, default=False), range(16)))
    assert set(CatalogFile(catalog).ids()) == {"first", "second", *(f"m{n}" for n in range(16))}


def test_behind_a_link_the_file_itself_is_changed(catalog: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(catalog)
    CatalogFile(link).put("new", ROW, default=True)
    assert link.is_symlink()
    assert tomllib.loads(catalog.read_text())["default"] == "new"


def test_an_empty_file_gets_its_first_model(catalog: Path) -> None:
    catalog.write_text("")
    CatalogFile(catalog).put("only", ROW, default=True)
    assert tomllib.loads(catalog.read_text()) == {"default": "only", "only": ROW}


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="set EASEL_CATALOG"):
        CatalogFile(tmp_path / "no.toml")


def test_a_broken_file_is_told_and_left_alone(catalog: Path) -> None:
    catalog.write_text("[first\n")
    with pytest.raises(CatalogError, match="cannot read the model catalogue"):
        CatalogFile(catalog).put("new", ROW, default=False)
    assert catalog.read_text() == "[first\n"
