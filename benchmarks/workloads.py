"""The models and the requests that the engine is measured with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import torch

from benchmarks import checkpoints
from benchmarks.checkpoints import Checkpoint
from core.catalog.catalog import Catalog
from core.catalog.model import Backend, Model, SizeGrid
from core.jobs import GenerationRequest
from core.schedulers import Scheduler
from core.tasks.diffusion import DiffusionParameters
from tests import tiny_models
from worker.backends.backends import Backends
from worker.backends.graph_files import GRAPHS, GraphFiles
from worker.contract import DrawRequest
from worker.engine.tuning_cache import ROW_LIMITS, TuningCache
from worker.pipelines.devices import device_named, machine_of
from worker.pipelines.memory import free_memory
from worker.pipelines.models import Models


@dataclass(frozen=True)
class Amounts:
    """How much is drawn with a model, by how long a step of it takes.

    `saturating` requests are at hand at once, some six times what a worker's slots hold: the few that end last, in
    batches that nobody fills up, weigh little. `rows` are the sizes that the bare modules are tried at, `alone` the
    steps of pictures alone; the others' steps are divided by `divisor`. `pairs` runs of two sides take turns.
    """

    equal: int = 8
    mixed: int = 16
    saturating: int = 48
    rows: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    alone: tuple[int, ...] = (4, 8, 20)
    divisor: int = 1
    pairs: int = 3


USUAL_STEPS: Final = 12
LARGE: Final = Amounts(equal=4, mixed=6, saturating=8, rows=(1, 2, 4, 8), alone=(4, 8), divisor=4, pairs=1)


@dataclass(frozen=True)
class Workload:
    """A resident model, a usual request, the side in pixels of one that is large beside it, what engines learned.

    With a backend that is not eager everything that draws with the model does so by it, plain diffusers too.
    """

    name: str
    models: Models
    usual: DrawRequest
    large_side: int
    limits: TuningCache
    backends: Backends
    amounts: Amounts = Amounts()

    def equal(self, seed: int) -> list[DrawRequest]:
        """Requests that one static batch could draw. Prompts differ, so that no cache of pictures would help."""
        numbers = range(seed, seed + self.amounts.equal)
        return [changed(self.usual, number, prompt=f"picture {number}") for number in numbers]

    def mixed(self, seed: int, count: int) -> list[DrawRequest]:
        """Requests that no static batch can draw: steps, guidance and schedulers all differ."""
        steps = cycle(max(2, each // self.amounts.divisor) for each in (4, 8, 12, 20))
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


def tiny(folder: Path, device: str, backend: Backend = "eager") -> Workload:
    """A random Stable Diffusion of 5 M parameters at 128 pixels."""
    torch.manual_seed(0)
    pipeline = tiny_models.sd15(sample_size=16, block_out_channels=(64, 128), norm_num_groups=32, attention_head_dim=8)
    tiny_models.save(pipeline, folder / "tiny")
    size = SizeGrid(minimum=64, maximum=256, multiple=8, width=128, height=128)
    row = Model(id="tiny", source="tiny", family="sd15", size=size, scheduler=Scheduler.DDIM)
    return of_catalog(Catalog(models=(row,), default="tiny", folder=folder), folder, device, 256, backend)


def bundled(folder: Path, device: str, backend: Backend = "eager") -> Workload:
    return workload(checkpoints.bundled(folder), folder, device, 384, backend)


def sd15(folder: Path, device: str, cache: Path, backend: Backend = "eager") -> Workload:
    """The random model of Stable Diffusion 1.5's size, which is kept in `cache`."""
    return workload(checkpoints.sd15(cache), folder, device, 512, backend, LARGE)


def workload(
    checkpoint: Checkpoint, folder: Path, device: str, large_side: int, backend: Backend, amounts: Amounts = Amounts()
) -> Workload:
    return of_catalog(Catalog.load(checkpoint.catalog), folder, device, large_side, backend, amounts)


def of_catalog(
    catalog: Catalog, folder: Path, device: str, large_side: int, backend: Backend, amounts: Amounts = Amounts()
) -> Workload:
    row = catalog.model(None)
    steps = USUAL_STEPS // amounts.divisor
    usually = {**DiffusionParameters.defaults(row, {}), "num_inference_steps": steps, "guidance_scale": 4.0}
    usual = words_to_image(row.id, prompt="picture", seed=0, **usually)
    where = device_named(device)
    backends = Backends(backend, where, GraphFiles(folder / GRAPHS), partial(free_memory, where))
    models = Models(catalog, device=where, backends=backends)
    models.preload([row.id])
    limits = TuningCache(folder / ROW_LIMITS, machine_of(models.device))
    return Workload(row.id, models, usual, large_side, limits, backends, amounts)
