"""`easel models add owner/name` against a hub on loopback: real downloads by huggingface_hub, in the real child."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.catalog.hub_cache import repository_folder, snapshot_of
from tests.app.cli.conftest import Easel
from tests.app.cli.models.fake_hub import FakeHub, running_hub
from tests.app.cli.models.test_loras import write_lora

pytestmark = pytest.mark.slow

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def hub(models: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with running_hub() as hub:
        hub.repositories["me/tiny"] = models / "sd15"
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_TOKEN", "hf_mine")
        yield hub


def test_only_what_is_needed_is_fetched_and_the_row_needs_no_network(
    easel_models: Easel, hub: FakeHub, catalog: Path, models: Path
) -> None:
    # Given a repository with pickles, code and another copy of the weights beside what the pipeline needs
    for name in ("unet/diffusion_pytorch_model.bin", "unet/run.py", "all.safetensors", "model.ckpt"):
        (models / "sd15" / name).write_text("no")
    (models / "sd15/README.md").write_text("---\nlicense: openrail++\n---\n# Tiny\n\nA tiny model that draws noise.\n")
    # When it is added
    done = easel_models("add", "me/tiny", "--yes", "--alias", "gpt-image-1")
    # Then the row says what its card says, and what it does not need was not asked for
    assert done.exit_code == 0, done.output
    row = tomllib.loads(catalog.read_text())["tiny"]
    assert (row["source"], row["family"], row["license"]) == ("me/tiny", "sd15", "openrail++")
    assert (row["description"], row["aliases"]) == ("A tiny model that draws noise.", ["gpt-image-1"])
    fetched = {line.rpartition("/resolve/")[2].partition("/")[2] for line in hub.asked if "/resolve/" in line}
    assert UNET in fetched
    assert not [name for name in fetched if name.endswith((".bin", ".py", ".ckpt")) or name == "all.safetensors"]
    assert hub.tokens >= {"Bearer hf_mine"}
    # And it draws though the hub is gone
    hub.repositories.clear()
    assert easel_models("check", "tiny").exit_code == 0
    assert str(snapshot_of("me/tiny")) in easel_models("show", "tiny").output


def test_a_download_that_broke_off_goes_on_where_it_stopped(easel_models: Easel, hub: FakeHub, catalog: Path) -> None:
    # Given a connection that ends in the middle of a file, which is written in pieces of 10 MiB
    (hub.repositories["me/tiny"] / "README.md").write_text("A card that says a lot. " * 500_000)
    hub.breaks["README.md"] = 11_000_000
    # When the model is added, again if the first one gives up
    done = easel_models("add", "me/tiny", "--yes")
    if done.exit_code:
        assert "the same command goes on from there" in done.output
        done = easel_models("add", "me/tiny", "--yes")
    # Then the rest of the file was fetched, and not its beginning again
    assert done.exit_code == 0, done.output
    assert hub.ranges
    assert hub.ranges[0] == "README.md bytes=10485760-"


def test_gated_missing_and_empty_repositories_are_told(
    easel_models: Easel, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a gated model
    hub.gated.add("me/tiny")
    gated = easel_models("add", "me/tiny", "--yes")
    assert gated.exit_code == 2
    assert f"accept its terms at {hub.url}/me/tiny" in gated.output
    # And one that is not there
    missing = easel_models("add", "me/tine", "--yes")
    assert missing.exit_code == 2
    assert "has no model 'me/tine'" in missing.output
    # And one that is no pipeline
    hub.repositories["me/files"] = models / "files"
    (models / "files").mkdir()
    shutil.copy(models / "sd15" / UNET, models / "files/xl.safetensors")
    other = easel_models("add", "https://huggingface.co/me/files/tree/main", "--yes")
    assert other.exit_code == 2
    assert "me/files/xl.safetensors" in other.output
    for done in (gated, missing, other):
        assert "Traceback" not in done.output


def test_no_network_is_told(easel_models: Easel, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalog.read_text()
    offline = easel_models("add", "me/tiny", "--yes")
    assert offline.exit_code == 1
    assert "HF_HUB_OFFLINE is set" in offline.output
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    unreachable = easel_models("add", "me/tiny", "--yes")
    assert unreachable.exit_code == 1
    assert "could not be fetched from http://127.0.0.1:9" in unreachable.output
    assert catalog.read_text() == before


def test_the_files_go_with_the_row_when_asked(easel_models: Easel, hub: FakeHub, catalog: Path) -> None:
    assert easel_models("add", "me/tiny", "--yes").exit_code == 0
    assert repository_folder("me/tiny").is_dir()
    done = easel_models("remove", "tiny", "--files", "--yes")
    assert done.exit_code == 0
    assert "freed" in done.output
    assert not repository_folder("me/tiny").exists()
    assert "tiny" not in tomllib.loads(catalog.read_text())


def test_a_lora_is_fetched_with_its_model_and_found_again_without_a_network(
    easel_models: Easel, hub: FakeHub, catalog: Path, tmp_path: Path
) -> None:
    # Given a repository that is a LoRA, and one with several
    (tmp_path / "lcm").mkdir()
    (tmp_path / "many/in").mkdir(parents=True)
    file = write_lora(tmp_path / "lcm/pytorch_lora_weights.safetensors")
    shutil.copy(file, tmp_path / "many/in/Hyper-SD15-8steps-lora.safetensors")
    shutil.copy(file, tmp_path / "many/other.safetensors")
    hub.repositories |= {"me/lcm-lora-sdv1-5": tmp_path / "lcm", "me/many": tmp_path / "many"}

    # When models are added with them, by repository, by file and by the address of its page
    one = easel_models("add", "me/tiny", "--lora", "me/lcm-lora-sdv1-5:0.7", "--yes", "--id", "one")
    named = "me/many/in/Hyper-SD15-8steps-lora.safetensors"
    two = easel_models("add", "me/tiny", "--lora", named, "--yes", "--id", "two")
    page = "https://huggingface.co/me/many/blob/main/in/Hyper-SD15-8steps-lora.safetensors"
    three = easel_models("add", "me/tiny", "--lora", page, "--dry-run", "--id", "three")
    both = easel_models("add", "me/tiny", "--lora", "me/many", "--yes", "--id", "four")

    # Then the rows name them by their place on the hub, and are drawn with as they want
    assert (one.exit_code, two.exit_code, three.exit_code) == (0, 0, 0), one.output + two.output + three.output
    rows = tomllib.loads(catalog.read_text())
    assert rows["one"]["loras"] == {"me/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors": 0.7}
    assert (rows["one"]["scheduler"], rows["one"]["num_inference_steps"]) == ("lcm", 4)
    assert rows["two"]["loras"] == {named: 1.0}
    assert (rows["two"]["scheduler"], rows["two"]["num_inference_steps"]) == ("ddim", 8)
    assert named in three.output
    assert both.exit_code == 2
    assert "name one of them, such as --lora me/many/" in " ".join(both.output.split())

    # And they draw, and can be added again, though the hub is gone
    hub.repositories.clear()
    assert easel_models("check", "one").exit_code == 0
    again = easel_models("add", "me/tiny", "--lora", "me/lcm-lora-sdv1-5", "--lora", named, "--dry-run", "--id", "five")
    assert again.exit_code == 0, again.output
