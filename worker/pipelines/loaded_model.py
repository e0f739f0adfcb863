"""A resident model: the pipeline as it was loaded, and one of its own for each request."""

from __future__ import annotations

import copy
import inspect
import logging
from functools import lru_cache
from typing import Any, Final

import torch
from diffusers import DiffusionPipeline

from core.catalog.model import Model
from core.errors import JobFailure
from core.schedulers import NoiseSchedule, Scheduler
from worker.contract import DrawRequest
from worker.pipelines.components import is_hookable
from worker.pipelines.families import traits_of
from worker.pipelines.schedulers import build_scheduler

logger = logging.getLogger(__name__)

SCHEDULERS_KEPT: Final = 32

VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class LoadedModel:
    """A resident pipeline; requests get shallow copies of it, with the components shared."""

    def __init__(self, row: Model, pipeline: Any, device: torch.device) -> None:  # noqa: ANN401 - diffusers is untyped
        self.row = row
        self.device = device
        self.pipeline = pipeline
        self.traits = traits_of(row.family)
        self._by_task: dict[str, Any] = {}
        # Building one takes milliseconds, copying it less.
        self._scheduler = lru_cache(maxsize=SCHEDULERS_KEPT)(self._new_scheduler)

    def pipeline_for(self, request: DrawRequest) -> Any:  # noqa: ANN401
        """A pipeline object of the request's own: shared components, a fresh scheduler.

        The scheduler is the one that its parameters name, else of the model's own kind. Raises JobFailure
        (`task_not_supported`) if no pipeline of the model does the task.
        """
        if request.task not in self._by_task:
            self._by_task[request.task] = self._build(request.task)
        pipeline = copy.copy(self._by_task[request.task])
        named = getattr(request.parameters, "scheduler", None)
        schedule = getattr(request.parameters, "noise_schedule", None)
        # Some solvers keep lists that they never set anew: a shallow copy would share them.
        pipeline.scheduler = copy.deepcopy(self._scheduler(named, request.steps, schedule))
        return pipeline

    def _new_scheduler(self, name: str | None, steps: int, schedule: str | None) -> Any:  # noqa: ANN401
        own = self.pipeline.scheduler
        return build_scheduler(
            Scheduler(name or Scheduler.OWN),
            own.config,
            steps,
            NoiseSchedule(schedule or NoiseSchedule.AUTOMATIC),
            told=self.row.scheduler_config,
            own=type(own),
        )

    def _build(self, task: str) -> Any:  # noqa: ANN401
        kind = self.traits.pipeline_for(task)
        if kind is None:
            raise self._cannot(task)
        try:
            pipeline = with_components_of(self.pipeline, kind)
        except ValueError as error:  # diffusers has no pipeline of this make for the task
            if is_pipeline(kind) or task not in self.row.tasks[:1]:
                logger.warning("no pipeline for a task", extra={"model": self.row.id, "task": task, "why": str(error)})
                raise self._cannot(task) from error
            pipeline = copy.copy(self.pipeline)  # what it was made for it does by itself
        pipeline.set_progress_bar_config(disable=True)
        return settled(pipeline, self.device) if is_hookable(pipeline) else pipeline

    def _cannot(self, task: str) -> JobFailure:
        return JobFailure(f"model '{self.row.id}' does not do {task}", code="task_not_supported")


def is_pipeline(kind: Any) -> bool:  # noqa: ANN401
    """Whether `kind` is a pipeline class; diffusers' Auto classes are none."""
    return isinstance(kind, type) and issubclass(kind, DiffusionPipeline)


def with_components_of(pipeline: Any, kind: Any) -> Any:  # noqa: ANN401
    """A pipeline of `kind`, a class or one of diffusers' Auto classes, that shares the components of `pipeline`.

    Raises ValueError if there is none of that kind, or components are missing. `from_pipe` of a class itself would
    bring all components into one dtype, under the requests that use them.
    """
    if not is_pipeline(kind):
        return kind.from_pipe(pipeline)
    known = {**pipeline.config, **pipeline.components}
    wanted = [each for each in inspect.signature(kind).parameters.values() if each.kind not in VARIADIC]
    if missing := [each.name for each in wanted if each.default is each.empty and each.name not in known]:
        raise ValueError(f"{kind.__name__} needs {', '.join(missing)}, which {type(pipeline).__name__} has not")
    return kind(**{each.name: known[each.name] for each in wanted if each.name in known})


def settled(pipeline: Any, device: torch.device) -> Any:  # noqa: ANN401
    """`pipeline`, told where it runs.

    A stock pipeline looks for hooks that say so in every module it has, five times a call: milliseconds of Python in
    which no forward runs.
    """
    stock = type(pipeline)
    pipeline.__class__ = type(stock.__name__, (stock,), {"_execution_device": property(lambda self: device)})
    return pipeline
