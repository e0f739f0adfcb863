"""Small networks are told by the names and shapes in their header, upscalers with their scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file

from core.catalog.checkpoint import CheckpointError, read_checkpoint
from tests.network_files import older_names, write_networks
from tests.weight_files import Shapes, safetensors_of
from worker.nets.compact import Compact
from worker.nets.rrdb import RRDB


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_compact_networks(tmp_path: Path, scale: int) -> None:
    save_file(Compact(8, 3, scale).state_dict(), tmp_path / "net.safetensors")

    told = read_checkpoint(tmp_path / "net.safetensors")

    assert (told.kind, told.family, told.tasks, told.scale) == ("upscaler", "upscaler", ("upscale",), scale)
    assert (told.refusal, told.pipeline, told.is_network) == (None, None, True)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(("doublings", "folded"), [(2, 1), (2, 2), (2, 4), (1, 1), (3, 1)])
def test_rrdb_networks_by_both_sets_of_names(tmp_path: Path, doublings: int, folded: int, older: bool) -> None:
    net = RRDB(8, 2, 4, doublings, folded)
    state = older_names(net.state_dict(), 2, doublings) if older else net.state_dict()
    save_file(state, tmp_path / "net.safetensors")

    told = read_checkpoint(tmp_path / "net.safetensors")

    assert (told.kind, told.scale) == ("upscaler", net.scale)


def test_mattes_and_describers(tmp_path: Path) -> None:
    write_networks(tmp_path)

    for name, task in (("matte", "remove-background"), ("describer", "image-to-text")):
        told = read_checkpoint(tmp_path / f"{name}.safetensors")
        assert (told.kind, told.family, told.tasks, told.scale) == (name, name, (task,), None)


@pytest.mark.parametrize(
    "shapes",
    [
        {"body.0.weight": (8, 3, 3, 3), "body.1.weight": (8,)},
        {"body.0.weight": (8, 3, 3, 3), "body.2.weight": (13, 8, 3, 3)},
        {"body.0.bias": (8,)},
        {"conv_first.weight": (8, 5, 3, 3), "body.0.rdb1.conv1.weight": (4, 8, 3, 3)},
        {"conv_first.weight": (8,), "body.0.rdb1.conv1.weight": (4, 8, 3, 3)},
        {"conv_first.weight": (8, 12, 3, 3), "body.0.rdb1.conv1.weight": (4, 8, 3, 3)},
        {"model.0.weight": (8, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (4, 8, 3, 3)},
    ],
)
def test_names_of_an_upscaler_with_other_shapes_are_refused(tmp_path: Path, shapes: Shapes) -> None:
    path = safetensors_of(tmp_path / "net.safetensors", shapes)

    with pytest.raises(CheckpointError, match="names as an upscaler has"):
        read_checkpoint(path)


def test_an_upscaler_of_another_kind_is_one_that_its_header_does_not_describe(tmp_path: Path) -> None:
    path = safetensors_of(tmp_path / "swinir.safetensors", {"conv_first.weight": (60, 3, 3, 3), "norm.weight": (60,)})

    told = read_checkpoint(path)

    assert (told.kind, told.scale, told.is_network) == ("upscaler", None, False)
    assert told.refusal is not None
