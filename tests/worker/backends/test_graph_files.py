"""Graphs are made in a process of their own, kept by what they were made of, and nobody is told of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from core.catalog.catalog import Catalog
from worker.backends.graph_files import ExportError, GraphFiles, Source, key_of
from worker.backends.openvino_graph import CompiledGraph
from worker.backends.signatures import Described, describe
from worker.pipelines.models import Models


@pytest.fixture
def unet(catalog: Catalog) -> torch.nn.Module:
    """A denoiser of the test's own."""
    unet: torch.nn.Module = Models(catalog, device="cpu").get("sd15").pipeline.unet
    return unet


def a_call(rows: int = 1) -> Described:
    generator = torch.Generator().manual_seed(0)
    return describe(
        {
            "sample": torch.randn(rows, 4, 8, 8, generator=generator),
            "timestep": torch.tensor(500),
            "encoder_hidden_states": torch.randn(rows, 77, 32, generator=generator),
            "return_dict": False,
        }
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_a_graph_made_by_another_process_computes_what_the_module_does(
    unet: torch.nn.Module, tmp_path: Path, threads: int
) -> None:
    # Given a call of a module
    call = a_call(rows=2)
    # When its graph is made as a worker does it, and compiled for as many rows, beside each other where threads allow
    files = GraphFiles(tmp_path)
    path = files.find(Source(unet, ""), call.signature)
    graph = CompiledGraph(path, call.signature, rows=2, threads=threads)
    # Then the output is the module's
    with torch.no_grad():
        expected = unet(*call.tensors, return_dict=False)[0]  # type: ignore[operator]
    (output,) = graph.run(call.tensors)
    assert torch.allclose(output, expected, atol=1e-5)
    # And the file is found again, with nothing of the work left beside it
    made = path.stat().st_ino
    assert files.find(Source(unet, ""), call.signature).stat().st_ino == made
    assert {file.suffix for file in tmp_path.iterdir()} == {".xml", ".bin", ".lock"}


def test_other_weights_are_another_graph(unet: torch.nn.Module) -> None:
    # Given the key of a module's graph
    signature = a_call().signature
    before = key_of(Source(unet, ""), signature)
    # When one weight changes
    with torch.no_grad():
        next(iter(unet.parameters())).view(-1)[0] += 1
    # Then the key is another one
    assert key_of(Source(unet, ""), signature) != before


def test_what_cannot_be_made_says_why(unet: torch.nn.Module, tmp_path: Path) -> None:
    # Given a call that the module does not take
    call = describe({"sample": torch.randn(2, 3, 8, 8), "timestep": torch.tensor(1), "return_dict": False})
    # When a graph is asked for
    with pytest.raises(ExportError) as raised:
        GraphFiles(tmp_path).find(Source(unet, ""), call.signature)
    # Then the reason is the module's own, and no half-made file is left
    assert "encoder_hidden_states" in str(raised.value)
    assert not [*tmp_path.glob("*.xml"), *tmp_path.glob("*.bin")]


def test_without_memory_none_is_made(unet: torch.nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="MiB of memory are needed to make one"):
        GraphFiles(tmp_path).find(Source(unet, ""), a_call().signature, room=2**10)


def test_what_is_being_made_ends_with_the_worker(unet: torch.nn.Module, tmp_path: Path) -> None:
    # Given a graph that is being made
    files = GraphFiles(tmp_path)
    raised: list[Exception] = []

    def find() -> None:
        try:
            files.find(Source(unet, ""), a_call().signature)
        except ExportError as error:
            raised.append(error)

    thread = threading.Thread(target=find)
    thread.start()
    # When the worker ends
    files.close()
    thread.join(60)
    # Then it does not wait for it
    assert not thread.is_alive()
    assert [str(error) for error in raised] == ["the process was ended"]


def test_openvino_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    # Given the package by which it reports its use
    package = tmp_path / "openvino_telemetry"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it was loaded')\n")
    # When the library is loaded the way we do it
    code = "from worker.backends.openvino_library import openvino; print(openvino().convert_model.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    # Then it works, and that package was not loaded
    assert done.stdout.strip() == "convert_model", done.stderr
