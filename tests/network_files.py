"""Small networks as files, and a catalogue of them: what tests enlarge, cut out and describe with."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.catalog.catalog import Catalog
from worker.nets.compact import Compact
from worker.nets.describer import Describer
from worker.nets.matte import Matte
from worker.nets.rrdb import RRDB

VOCABULARY = {
    "motifs": [["apple", "red apple"], ["fox"], ["sunglasses"]],
    "styles": [["a 3d render of {}", "3d {}"], ["a flat icon of {}"]],
    "colours": ["white", "blue"],
}

ROWS = """
[up4]
source = "up4.safetensors"
family = "upscaler"
scale = 4

[up2]
source = "up2.safetensors"
family = "upscaler"
scale = 2

[matte]
source = "matte.safetensors"
family = "matte"

[describer]
source = "describer.safetensors"
family = "describer"
"""


def write_networks(folder: Path) -> Catalog:
    """One of each, with random weights, behind a catalogue's rows."""
    torch.manual_seed(0)
    save_file(Compact(8, 2, 4).state_dict(), folder / "up4.safetensors")
    save_file(RRDB(8, 1, 4, doublings=2, folded=2).state_dict(), folder / "up2.safetensors")
    save_file(Matte((4, 8, 8)).state_dict(), folder / "matte.safetensors")
    state = Describer(3, 2, 2, (8, 6, 4, 8)).state_dict()
    kept = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    save_file(kept, folder / "describer.safetensors", metadata={"vocabulary": json.dumps(VOCABULARY)})
    (folder / "catalog.toml").write_text(ROWS)
    return Catalog.load(folder / "catalog.toml")


def older_names(state: dict[str, torch.Tensor], depth: int, doublings: int) -> dict[str, torch.Tensor]:
    """An RRDB network's weights as ESRGAN's first implementation names them."""
    ends = {"conv_first": "model.0", "conv_body": f"model.1.sub.{depth}"}
    ends |= {f"conv_up{number}": f"model.{3 * number}" for number in range(1, doublings + 1)}
    ends |= {"conv_hr": f"model.{3 * doublings + 2}", "conv_last": f"model.{3 * doublings + 4}"}
    found = {}
    for name, weights in state.items():
        if name.startswith("body."):
            _, block, dense, convolution, kind = name.split(".")
            found[f"model.1.sub.{block}.{dense.upper()}.{convolution}.0.{kind}"] = weights
        else:
            part, kind = name.split(".")
            found[f"{ends[part]}.{kind}"] = weights
    return found
