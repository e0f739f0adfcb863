"""Where the configuration of a single file comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.client import AskedWrongly, ClientError
from app.cli.models import single_files
from app.cli.models.single_files import Configuration, checkpoint_of, configuration_of
from core.settings import Settings
from tests.app.cli.commands.test_models import single_file


@pytest.fixture
def file(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole model in one file, where the hub cannot be reached."""

    def unreachable(module: str, question: object) -> None:
        raise ClientError("no network")

    monkeypatch.setattr(single_files, "ask", unreachable)
    return single_file(models / "sd15", tmp_path / "mine.safetensors")


def test_a_folder_that_is_named_comes_first_then_one_beside_the_file(file: Path, models: Path) -> None:
    checkpoint, named = checkpoint_of(file), str(models / "sd15")
    assert configuration_of(file, checkpoint, {"config": named}, Settings()) == Configuration(models / "sd15", named)
    beside = file.with_name("mine.safetensors.config")
    beside.mkdir()
    assert configuration_of(file, checkpoint, {}, Settings()) == Configuration(beside)


@pytest.mark.parametrize("installed", [True, False])
def test_without_the_hub_it_is_made_of_the_file_s_shapes_where_there_is_a_vocabulary(
    file: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(single_files, "has_vocabulary", lambda: installed)
    if installed:
        found = configuration_of(file, checkpoint_of(file), {}, Settings())
        assert (found.folder / "model_index.json").is_file()
        assert found.named is None
    else:
        with pytest.raises(ClientError, match="--config FOLDER"):
            configuration_of(file, checkpoint_of(file), {}, Settings())


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_text("<html>Not found</html>")
    with pytest.raises(AskedWrongly, match=r"x\.safetensors"):
        checkpoint_of(tmp_path / "x.safetensors")
