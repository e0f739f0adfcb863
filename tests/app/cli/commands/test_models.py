"""`easel models` as people type it, wrongly too: each mistake ends in a sentence, and the catalogue is as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.app.cli.conftest import CATALOG, Easel


@pytest.mark.slow
def test_a_folder_is_added_shown_checked_and_removed(
    easel_models: Easel, models: Path, catalog: Path, tmp_path: Path
) -> None:
    # When a folder is added
    added = easel_models("add", f"{models}/sdxl/", "--yes", "--alias", "sd_xl_base_1.0.safetensors", "--queue", "large")
    assert added.exit_code == 0, added.output
    # Then its row says what it is
    row = tomllib.loads(catalog.read_text())["sdxl"]
    assert row["source"] == str(models / "sdxl")
    assert (row["family"], row["queue"], row["scheduler"]) == ("sdxl", "large", "euler")
    assert row["tasks"] == ["text-to-image", "image-to-image", "inpaint"]
    assert (row["size"]["width"], row["size"]["multiple"]) == (64, 8)
    # And it is listed, by its alias too, and draws, and what it drew is kept
    listed = json.loads(easel_models("list", "--json").output)
    assert [each["id"] for each in listed] == ["first", "second", "sdxl"]
    assert listed[2]["here"] is True
    told = json.loads(easel_models("show", "sd_xl_base_1.0.safetensors", "--json").output)
    assert (told["id"], told["path"], told["differences"]) == ("sdxl", str(models / "sdxl"), [])
    checked = easel_models("check", "sdxl", "--size", "64x48", "--save", tmp_path / "drawn.png")
    assert checked.exit_code == 0, checked.output
    assert "it draws" in checked.output
    assert (tmp_path / "drawn.png").exists()
    # And when it is taken out, its folder stays
    assert easel_models("remove", "sdxl", "--yes").exit_code == 0
    assert (models / "sdxl").is_dir()
    assert catalog.read_text() == CATALOG


def test_whoever_says_no_keeps_the_catalogue(
    easel_models: Easel, models: Path, catalog: Path, at_terminal: None
) -> None:
    done = easel_models("add", models / "sd15", stdin="n\n")
    assert done.exit_code == 1
    assert "[sd15]" in done.output
    assert "not added: the catalogue is as it was" in done.output
    assert catalog.read_text() == CATALOG
    assert easel_models("add", models / "sd15", stdin="y\n").exit_code == 0
    assert easel_models("remove", "sd15", stdin="n\n").exit_code == 1
    assert "sd15" in tomllib.loads(catalog.read_text())


def test_a_dry_run_writes_nothing(easel_models: Easel, models: Path, catalog: Path) -> None:
    done = easel_models("add", models / "sd15", "--dry-run", "--json")
    answer = json.loads(done.stdout)
    assert (answer["id"], answer["written"], answer["row"]["family"]) == ("sd15", False, "sd15")
    assert catalog.read_text() == CATALOG


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add"], 2, "Missing argument"),
        (["add", "./sd51"], 2, "there is no folder or file ./sd51"),
        (["add", "{models}/sd51", "--yes"], 2, "did you mean"),
        (["add", "{models}", "--yes"], 2, "is no model itself"),
        (["add", "{models}/sd15"], 2, "say --yes"),
        (["add", "{models}/sd15", "--yes", "--id", "Big Model"], 2, "--id Big Model: lower-case letters"),
        (["add", "{models}/sd15", "--yes", "--id", "first"], 2, "--replace writes its row anew"),
        (["add", "{models}/sd15", "--yes", "--alias", "dall-e-2"], 2, "is a name of model 'first' already"),
        (["add", "{models}/sd15", "--yes", "--alias", "second"], 2, "is a name of model 'second' already"),
        (["add", "{models}/sd15", "--yes", "--size", "big"], 2, "--size big"),
        (["add", "{models}/sd15", "--yes", "--dtype", "fp16"], 2, "dtype"),
        (["add", "{models}/sd15/unet", "--yes"], 2, "is one component"),
        (["show", "third"], 2, "there is no model 'third' in the catalogue: it has first"),
        (["check", "third"], 2, "there is no model 'third'"),
        (["remove", "first", "--yes"], 2, "easel models set-default second"),
        (["remove", "second"], 2, "say --yes"),
        (["remove", "third", "--yes"], 2, "there is no model 'third'"),
        (["set-default", "third"], 2, "there is no model 'third'"),
        (["check", "first", "--save", "/no/where.png"], 2, "there is no folder /no"),
    ],
)
def test_mistakes_are_told(
    easel_models: Easel, models: Path, catalog: Path, words: list[str], code: int, said: str
) -> None:
    done = easel_models(*[word.format(models=models) for word in words])
    assert done.exit_code == code, done.output
    assert said in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert catalog.read_text() == CATALOG


def test_code_in_a_folder_is_refused(easel_models: Easel, models: Path, catalog: Path) -> None:
    # Given a folder that names code of its own
    index = models / "sd15/model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "_class_name": ["pipeline", "Mine"]}))
    # When somebody adds it
    done = easel_models("add", models / "sd15", "--yes")
    # Then it says why not
    assert done.exit_code == 2, done.output
    assert "Easel runs no code from a model's folder" in " ".join(done.output.split())
    assert catalog.read_text() == CATALOG


def test_pickled_weights_are_refused(easel_models: Easel, models: Path) -> None:
    weights = models / "sd15/unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    done = easel_models("add", models / "sd15", "--yes")
    assert done.exit_code == 2
    assert "is not safetensors" in done.output


@pytest.mark.slow
def test_a_model_that_is_there_is_replaced_when_asked(easel_models: Easel, models: Path, catalog: Path) -> None:
    assert easel_models("add", models / "sd15", "--yes").exit_code == 0
    again = easel_models("add", models / "sd15", "--yes")
    assert again.exit_code == 2
    assert "model 'sd15' is this source already" in again.output
    assert easel_models("add", models / "sd15", "--yes", "--replace", "--queue", "slow").exit_code == 0
    assert easel_models("add", models / "sd15", "--yes", "--id", "twin", "--default").exit_code == 0
    rows = tomllib.loads(catalog.read_text())
    assert rows["sd15"]["queue"] == "slow"
    assert (rows["default"], rows["twin"]["source"]) == ("twin", rows["sd15"]["source"])


def test_a_default_is_set(easel_models: Easel, catalog: Path) -> None:
    done = easel_models("set-default", "second", "--json")
    assert json.loads(done.output) == {"default": "second"}
    assert catalog.read_text() == CATALOG.replace('default = "first"', 'default = "second"')


def test_the_last_model_and_a_folder_of_one_s_own_stay(easel_models: Easel, models: Path, catalog: Path) -> None:
    catalog.write_text(f'[only]\nsource = "{models}/sd15"\n')
    last = easel_models("remove", "only", "--yes")
    assert (last.exit_code, "is the only model" in last.output) == (2, True)
    catalog.write_text(f'[a]\nsource = "a"\n[only]\nsource = "{models}/sd15"\n')
    own = easel_models("remove", "only", "--yes", "--files")
    assert own.exit_code == 2
    assert "is yours" in own.output
    assert (models / "sd15").is_dir()


@pytest.mark.parametrize("words", [["list"], ["add", "x/y", "--yes"], ["show", "a"], ["remove", "a", "--yes"]])
def test_a_broken_catalogue_is_told(easel_models: Easel, catalog: Path, words: list[str]) -> None:
    catalog.write_text('[a\nsource = "x"\n')
    done = easel_models(*words)
    assert done.exit_code == 1
    assert f"cannot read the model catalogue {catalog}" in done.output.replace("\n", "")


def test_a_missing_catalogue_is_told(easel_models: Easel, catalog: Path, models: Path) -> None:
    catalog.unlink()
    done = easel_models("add", models / "sd15", "--yes")
    assert done.exit_code == 1
    assert "set EASEL_CATALOG" in done.output


def test_a_catalogue_of_somebody_else_s_is_told_before_anything_is_done(
    easel_models: Easel, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a catalogue that this user may read only (root may always write, so the look itself is replaced)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    # When a model is added that would have to be fetched
    done = easel_models("add", "owner/name", "--yes")
    # Then the catalogue is told of first
    assert done.exit_code == 1
    assert "cannot be written by this user" in done.output


def test_a_lora_is_added_beside_the_models(easel_models: Easel, catalog: Path, tmp_path: Path) -> None:
    # Given a LoRA for Stable Diffusion 1, with what kohya's scripts say of it
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{layer}.lora_down.weight": torch.ones(4, 768), f"{layer}.lora_up.weight": torch.ones(320, 4)}
    said = {
        "ss_output_name": "Ink on paper",
        "ss_tag_frequency": '{"10_ink": {"inked": 20, "fox": 3}}',
        "ss_dataset_dirs": '{"10_ink": {"n_repeats": 10, "img_count": 20}}',
    }
    save_file(tensors, tmp_path / "inked.safetensors", said)
    # When it is looked at, added with a weight, added again, and taken out
    shown = easel_models("add", tmp_path / "inked.safetensors", "--dry-run")
    before = catalog.read_text()
    added = easel_models("add", f"{tmp_path / 'inked.safetensors'}:0.8", "--for", "first", "--id", "ink", "--yes")
    row = tomllib.loads(catalog.read_text())["adapters"]["ink"]
    again = easel_models("add", tmp_path / "inked.safetensors", "--id", "ink", "--yes")
    removed = easel_models("remove", "ink", "--yes")
    # Then its family and words are told, and the catalogue has it as long as it is wanted
    assert "sd15" in shown.output
    assert "trigger_words" in shown.output
    assert before == CATALOG
    assert added.exit_code == 0, added.output
    assert (row["models"], row["weight"], row["trigger_words"]) == (["first"], 0.8, ["inked"])
    assert row["description"] == "Ink on paper"
    assert again.exit_code == 2
    assert "--replace" in again.output
    assert removed.exit_code == 0, removed.output
    assert tomllib.loads(catalog.read_text()) == tomllib.loads(CATALOG)


@pytest.mark.slow
def test_a_single_file_is_added_with_a_folder_of_its_kind(
    easel_models: Easel, models: Path, catalog: Path, tmp_path: Path
) -> None:
    # Given a file of weights alone, as model sites have them, and a LoRA
    file = single_file(models / "sd15", tmp_path / "dreamshaper_8.safetensors")
    lora = tmp_path / "lora.safetensors"
    layer = "lora_unet_down_blocks_0_attentions_0_proj_in"
    save_file({f"{layer}.lora_{way}.weight": torch.ones(4, 4) for way in ("down", "up")}, lora)
    # When each is added
    alone = easel_models("add", file, "--yes")
    added = easel_models("add", file, "--yes", "--config", models / "sd15")
    other = easel_models("add", lora, "--yes")
    # Then the file needs a configuration, and draws with it; the LoRA is told for what it is
    assert alone.exit_code == 1
    assert "--config FOLDER" in alone.output
    assert added.exit_code == 0, added.output
    row = tomllib.loads(catalog.read_text())["dreamshaper_8"]
    assert (row["family"], row["config"], row["size"]["width"]) == ("sd15", str(models / "sd15"), 512)
    assert easel_models("check", "dreamshaper_8", "--size", "64x64").exit_code == 0
    assert other.exit_code == 2
    assert "LoRA" in other.output
    # And written as a folder once, it needs the other one no more
    done = easel_models("convert", "dreamshaper_8", tmp_path / "folder")
    assert done.exit_code == 0, done.output
    row = tomllib.loads(catalog.read_text())["dreamshaper_8"]
    assert (row["source"], "config" in row) == (str(tmp_path / "folder"), False)
    assert easel_models("check", "dreamshaper_8", "--size", "64x64").exit_code == 0


def single_file(pipeline: Path, path: Path) -> Path:
    parts = {part: next((pipeline / part).glob("*.safetensors")) for part in ("unet", "vae", "text_encoder")}
    tensors = {f"{part}.{name}": tensor for part, file in parts.items() for name, tensor in load_file(file).items()}
    save_file(tensors, path)
    return path


@pytest.mark.slow
def test_what_draws_nothing_is_a_fault(easel_models: Easel, models: Path, catalog: Path) -> None:
    # Given a model whose autoencoder was zeroed, and one with a broken file
    weights = models / "sd15/vae/diffusion_pytorch_model.safetensors"
    save_file({name: torch.zeros_like(tensor) for name, tensor in load_file(weights).items()}, weights)
    assert easel_models("add", models / "sd15", "--yes").exit_code == 0
    # When they are checked
    flat = easel_models("check", "sd15")
    # Then the reason is told, and the exit code says so
    assert flat.exit_code == 1
    assert "one flat colour" in flat.output
    weights.write_bytes(weights.read_bytes()[:5000])
    broken = easel_models("check", "sd15", "--json")
    assert broken.exit_code == 1
    assert "not a safetensors file" in json.loads(broken.stdout)["faults"][0]


def test_what_a_row_says_and_its_files_do_not_is_shown(easel_models: Easel, models: Path, catalog: Path) -> None:
    assert easel_models("add", models / "sd15", "--yes").exit_code == 0
    catalog.write_text(catalog.read_text().replace('family = "sd15"\ntasks', 'family = "sdxl"\ntasks'))
    told = json.loads(easel_models("show", "sd15", "--json").stdout)
    assert told["differences"] == [{"field": "family", "row": "sdxl", "files": "sd15"}]
    gone = json.loads(easel_models("show", "second", "--json").stdout)
    assert gone["path"] is None
    assert "there is nothing at second" in gone["problem"]


def test_the_real_command_is_stopped_by_ctrl_c(models: Path, catalog: Path) -> None:
    # Given the command as people run it, while it looks at a model
    easel = subprocess.Popen(
        [Path(sys.executable).parent / "easel", "models", "add", models / "sd15", "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Where the tests run in the background of a script, it is ignored, and so it would be here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not children_of(easel.pid):
        time.sleep(0.01)
    # When it gets what a terminal sends on Ctrl-C: to all of its processes
    os.killpg(easel.pid, signal.SIGINT)
    told, _ = easel.communicate(timeout=60)
    # Then it ends as commands do, and the catalogue is as it was
    assert easel.returncode == 130
    assert "Traceback" not in told
    assert catalog.read_text() == CATALOG


def children_of(process: int) -> str:
    return Path(f"/proc/{process}/task/{process}/children").read_text()
