"""What it costs that every request has LoRAs of its own: `python -m benchmarks.adapters`.

Sixteen requests with eight LoRAs, all at hand: together in the engine, where rows with other LoRAs share a forward;
switched, where stock diffusers sets each LoRA and draws its two requests as one static batch; and one by one. Torch
alone draws on every side, and beside them the engine draws the same requests without LoRAs. The sides take turns; the
medians of the rounds count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file

from benchmarks.runs import engine_latencies
from benchmarks.workloads import Workload, bundled, changed, of_catalog, told
from core.catalog.adapter import AdapterRow
from core.jobs import Adapter
from worker.contract import DrawRequest
from worker.pipelines.arguments import call_arguments

LORAS: Final = 8
EACH: Final = 2
RANK: Final = 8


def random_lora(unet: torch.nn.Module, file: Path, seed: int) -> None:
    """A LoRA of every linear layer and convolution of `unet`."""
    noise, tensors = torch.Generator().manual_seed(seed), {}
    for name, layer in unet.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            size, last = layer.weight.shape, (1, 1) if layer.weight.ndim == 4 else ()
            rank = min(RANK, size[0], size[1:].numel())
            tensors[f"unet.{name}.lora_A.weight"] = 0.01 * torch.randn(rank, *size[1:], generator=noise)
            tensors[f"unet.{name}.lora_B.weight"] = 0.01 * torch.randn(size[0], rank, *last, generator=noise)
    save_file(tensors, file)


def guided(folder: Path) -> Workload:
    """The bundled model, with its LoRAs in the catalogue."""
    plain = bundled(folder, "cpu")
    unet = plain.models.get(plain.name).pipeline.unet
    rows = []
    for number in range(LORAS):
        file = folder / f"lora-{number}.safetensors"
        random_lora(unet, file, number)
        rows.append(AdapterRow(id=f"lora-{number}", source=str(file), models=(plain.name,)))
    return of_catalog(plain.models.catalog.evolve(adapters=tuple(rows)), folder, "cpu", 256, "eager")


def requests_of(work: Workload, seed: int) -> list[DrawRequest]:
    """Two for each LoRA, those of one LoRA beside each other."""
    made = []
    for number in range(LORAS * EACH):
        request = changed(work.usual, seed + number, prompt=f"picture {seed + number}")
        adapters = (Adapter(id=f"lora-{number // EACH}", weight=0.8),)
        made.append(DrawRequest(request=request.request.evolve(adapters=adapters), seed=request.seed))
    return made


def without(requests: Sequence[DrawRequest]) -> list[DrawRequest]:
    return [DrawRequest(request=each.request.evolve(adapters=()), seed=each.seed) for each in requests]


def stock(work: Workload) -> Any:  # noqa: ANN401 - diffusers is untyped
    """A pipeline of its own, with all LoRAs loaded as diffusers does it."""
    pipeline = of_catalog(work.models.catalog, work.models.catalog.folder, "cpu", 256, "eager").models.get(work.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in work.models.catalog.adapters:
            pipeline.pipeline.load_lora_weights(row.source, adapter_name=row.id.replace("-", "_"))
    return pipeline


def switched(model: Any, requests: Sequence[DrawRequest], at_once: int) -> float:  # noqa: ANN401
    """Seconds until all are drawn, each LoRA set when its turn comes, `at_once` requests a call."""
    began = time.perf_counter()
    for start in range(0, len(requests), at_once):
        batch = requests[start : start + at_once]
        lora = batch[0].request.adapters[0]
        pipeline = model.pipeline_for(batch[0])
        pipeline.set_adapters([lora.id.replace("-", "_")], [lora.weight])
        arguments = call_arguments(pipeline, batch[0], model.traits, model.row)
        arguments |= {name: [getattr(told(each), name) for each in batch] for name in ("prompt", "negative_prompt")}
        generators = [torch.Generator("cpu").manual_seed(each.seed) for each in batch]
        pipeline(**arguments, generator=generators, output_type="pt")
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        work = guided(Path(name))
        model = stock(work)
        engine_latencies(work, requests_of(work, 0))
        seen: dict[str, list[float]] = {}
        for number in range(1, rounds + 1):
            requests = requests_of(work, 1000 * number)
            seen.setdefault("together", []).append(engine_latencies(work, requests)[0])
            seen.setdefault("together, without LoRAs", []).append(engine_latencies(work, without(requests))[0])
            seen.setdefault("switched, two at once", []).append(switched(model, requests, EACH))
            seen.setdefault("switched, one by one", []).append(switched(model, requests, 1))
    for side, seconds in seen.items():
        print(f"{side:<26}{len(requests) / statistics.median(seconds):6.2f} images/s")
    print(json.dumps({"seconds": seen, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
