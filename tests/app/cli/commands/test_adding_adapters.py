"""`easel models add` for what guides a model and is no LoRA."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from core.catalog.catalog import Catalog
from tests.app.cli.conftest import Easel
from tests.weight_files import safetensors_of


def a_net(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"_class_name": "ControlNetModel", "cross_attention_dim": 768}))
    return folder


def test_a_controlnet_is_added_and_removed(easel_models: Easel, catalog: Path, tmp_path: Path) -> None:
    # When one is added
    net = a_net(tmp_path / "control_v11p_sd15_canny")
    added = easel_models("add", net, "--id", "edges", "--yes")
    # Then the catalogue has its row, and it is said how to ask for it
    assert added.exit_code == 0, added.output
    row = Catalog.load(catalog).adapter("edges")
    assert (row.kind, row.family, row.preprocessor, row.source) == ("controlnet", "sd15", "canny", str(net))
    assert "--control edges=PICTURE" in added.output
    # And goes as it came
    assert easel_models("remove", "edges", "--yes").exit_code == 0
    assert "adapters" not in tomllib.loads(catalog.read_text())


def test_a_textual_inversion_becomes_a_word_of_its_models(easel_models: Easel, catalog: Path, tmp_path: Path) -> None:
    # Given a file of one, and a model
    file = safetensors_of(tmp_path / "easy negative.safetensors", {"emb_params": (4, 768)})
    model = Catalog.load(catalog).models[0].id
    # When it is added without its model, then that is asked for
    refused = easel_models("add", file, "--yes")
    assert refused.exit_code == 2
    assert "--for MODEL" in refused.output
    # When it is, then prompts for that model have a word more
    added = easel_models("add", file, "--for", model, "--yes")
    assert added.exit_code == 0, added.output
    assert Catalog.load(catalog).model(model).embeddings == {"easy-negative": str(file)}
    # And another beside it, by a word of one's own
    other = easel_models("add", file, "--for", model, "--id", "bad", "--yes", "--json")
    assert json.loads(other.stdout)["kind"] == "textual-inversion"
    assert Catalog.load(catalog).model(model).embeddings == {"easy-negative": str(file), "bad": str(file)}
