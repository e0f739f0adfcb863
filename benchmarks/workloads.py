"""The models and the requests that the engine is measured with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import torch

from core.catalog.catalog import Catalog
from core.catalog.model import Model, SizeGrid
from core.jobs import GenerationRequest
from core.schedulers import Scheduler
from core.tasks.diffusion import DiffusionParameters
from tests import tiny_models
from worker.contract import DrawRequest
from worker.engine.tuning_cache import ROW_LIMITS, TuningCache
from worker.pipelines.devices import machine_of
from worker.pipelines.models import Models

CATALOG = Path(__file__).parent.parent / "models" / "catalog.toml"
EQUAL_REQUESTS = 8
MIXED_REQUESTS = 16
SATURATING_REQUESTS = 48
"""At hand at once, some six times what a worker's slots hold: the few that end last, in batches that nobody fills up,
weigh little."""


@dataclass(frozen=True)
class Workload:
    """A resident model, a usual request, the side in pixels of one that is large beside it, what engines learned."""

    name: str
    models: Models
    usual: DrawRequest
    large_side: int
    limits: TuningCache

    def equal(self, seed: int) -> list[DrawRequest]:
        """Requests that one static batch could draw. Prompts differ, so that no cache of pictures would help."""
        return [changed(self.usual, seed + index, prompt=f"picture {seed + index}") for index in range(EQUAL_REQUESTS)]

    def mixed(self, seed: int, count: int = MIXED_REQUESTS) -> list[DrawRequest]:
        """Requests that no static batch can draw: steps, guidance and schedulers all differ."""
        steps = cycle((4, 8, 12, 20))
        guidance = cycle((4.0, 1.0, 7.0))
        schedulers = cycle((Scheduler.DDIM, Scheduler.EULER, Scheduler.DPMPP_2M, Scheduler.EULER_ANCESTRAL))
        kinds = islice(zip(steps, guidance, schedulers, strict=False), count)
        return [
            changed(
                self.usual,
                seed + index,
                prompt=f"picture {seed + index}",
                num_inference_steps=length,
                guidance_scale=scale,
                scheduler=scheduler,
            )
            for index, (length, scale, scheduler) in enumerate(kinds)
        ]


def words_to_image(model: str, *, seed: int, **parameters: object) -> DrawRequest:
    """One picture from words."""
    request = GenerationRequest(task="text-to-image", model=model, parameters=parameters, seeds=(seed,))
    return DrawRequest(request=request, seed=seed)


def changed(request: DrawRequest, seed: int, **parameters: object) -> DrawRequest:
    """The same with another seed, and some other parameters."""
    told = request.parameters.evolve(**parameters)
    return DrawRequest(request=request.request.evolve(parameters=told, seeds=(seed,)), seed=seed)


def told(request: DrawRequest) -> DiffusionParameters:
    """The parameters, which are those of a picture."""
    assert isinstance(request.parameters, DiffusionParameters)
    return request.parameters


def tiny(folder: Path, device: str) -> Workload:
    """A random Stable Diffusion of 5 M parameters at 128 pixels."""
    torch.manual_seed(0)
    pipeline = tiny_models.sd15(sample_size=16, block_out_channels=(64, 128), norm_num_groups=32, attention_head_dim=8)
    tiny_models.save(pipeline, folder / "tiny")
    size = SizeGrid(minimum=64, maximum=256, multiple=8, width=128, height=128)
    row = Model(id="tiny", source="tiny", family="sd15", size=size, scheduler=Scheduler.DDIM)
    return workload(Catalog(models=(row,), default="tiny", folder=folder), folder, device, large_side=256)


def bundled(folder: Path, device: str) -> Workload:
    return workload(Catalog.load(CATALOG), folder, device, large_side=384)


def workload(catalog: Catalog, folder: Path, device: str, large_side: int) -> Workload:
    row = catalog.model(None)
    usually = {**DiffusionParameters.defaults(row, {}), "num_inference_steps": 12, "guidance_scale": 4.0}
    usual = words_to_image(row.id, prompt="picture", seed=0, **usually)
    models = Models(catalog, device=device)
    models.preload([row.id])
    return Workload(row.id, models, usual, large_side, TuningCache(folder / ROW_LIMITS, machine_of(models.device)))
