"""A resident model: the pipeline as it was loaded, and one of its own for each request."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.guiders.guider_utils import BaseGuidance

from core.catalog.families import family_of
from core.catalog.model import Model
from core.errors import JobFailure
from core.schedulers import NoiseSchedule, Scheduler
from core.tasks import all_tasks
from worker.backends.backends import Installed
from worker.contract import DrawRequest
from worker.pipelines.adapters import Adapters
from worker.pipelines.arguments import ARGUMENTS_OF_ROLES, parameter_names
from worker.pipelines.components import is_hookable
from worker.pipelines.controlled import Controls, component_of, controlled_kind
from worker.pipelines.families import traits_of
from worker.pipelines.schedulers import build_scheduler

logger = logging.getLogger(__name__)

SCHEDULERS_KEPT: Final = 32

PICTURES: Final = frozenset({"image", "mask_image"})
"""The arguments by which a pipeline's class tells whether it starts from words, a picture, or a part of one."""

VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class LoadedModel:
    """A resident pipeline; requests get shallow copies of it, with the components shared.

    `backend` is what computes the forwards of its heavy modules, `adapters` are what may guide them.
    """

    def __init__(self, row: Model, pipeline: Any, device: torch.device) -> None:  # noqa: ANN401 - diffusers is untyped
        self.row = row
        self.device = device
        self.pipeline = pipeline
        self.backend = Installed()
        self.adapters: Adapters | None = None
        self.traits = traits_of(family_of(type(pipeline).__name__))
        self._by_task: dict[str, Any] = {}
        self._stateful: dict[str, tuple[str, ...]] = {}
        # Building one takes milliseconds, copying it less.
        self._scheduler = lru_cache(maxsize=SCHEDULERS_KEPT)(self._new_scheduler)

    def pipeline_for(self, request: DrawRequest, controls: Controls = ()) -> Any:  # noqa: ANN401
        """A pipeline object of the request's own: shared components, a fresh scheduler, and the nets of `controls`.

        The scheduler is the one that its parameters name, else of the model's own kind. Raises JobFailure
        (`task_not_supported`) if no pipeline of the model does the task.
        """
        if request.task not in self._by_task:
            built = self._build(request.task)
            self._stateful[request.task] = stateful_parts(built)
            self._by_task[request.task] = built
        # One with nets is made for each request: kept, it would keep them.
        pipeline = self._controlled(request.task, controls) if controls else copy.copy(self._by_task[request.task])
        for name in self._stateful[request.task]:
            setattr(pipeline, name, copy.deepcopy(getattr(pipeline, name)))
        if getattr(pipeline, "scheduler", None) is None:
            return pipeline
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
        made_for_it = task in self.row.tasks[:1] and task not in self.traits.cannot
        if kind is None and not made_for_it:
            raise self._cannot(task)
        try:
            own = kind is None or (not is_pipeline(kind) and is_made_for(type(self.pipeline), task))
            pipeline = copy.copy(self.pipeline) if own else with_components_of(self.pipeline, kind)
        except ValueError as error:  # diffusers has no pipeline of this make for the task
            if is_pipeline(kind) or not made_for_it:
                logger.warning("no pipeline for a task", extra={"model": self.row.id, "task": task, "why": str(error)})
                raise self._cannot(task) from error
            pipeline = copy.copy(self.pipeline)  # what it was made for it does by itself
        pipeline.set_progress_bar_config(disable=True)
        return settled(pipeline, self.device) if is_hookable(pipeline) else pipeline

    def _controlled(self, task: str, controls: Controls) -> Any:  # noqa: ANN401
        if task in self.traits.cannot:
            raise self._cannot(task)
        kind = controlled_kind(type(self.pipeline), task, controls)
        try:
            pipeline = with_components_of(self.pipeline, kind, component_of(controls))
        except ValueError as error:
            raise JobFailure(f"these adapters cannot guide one picture: {error}", code="adapter_not_fitting") from error
        pipeline.set_progress_bar_config(disable=True)
        return settled(pipeline, self.device) if is_hookable(pipeline) else pipeline

    def _cannot(self, task: str) -> JobFailure:
        return JobFailure(f"model '{self.row.id}' does not do {task}", code="task_not_supported")


def is_made_for(pipeline: type, task: str) -> bool:
    """Whether the class itself does `task`: it takes pictures in the roles of the task, and in no other."""
    known = all_tasks().get(task)
    if known is None:
        return False
    wanted = frozenset(ARGUMENTS_OF_ROLES.get(role.name, role.name) for role in known.roles)
    return wanted == PICTURES & parameter_names(pipeline.__call__)


def stateful_parts(pipeline: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The components beside the scheduler that remember something of a call, by name: every request has its own."""
    parts = pipeline.components.items()
    return tuple(
        name for name, part in parts if name != "scheduler" and isinstance(part, BaseGuidance | SchedulerMixin)
    )


def is_pipeline(kind: Any) -> bool:  # noqa: ANN401
    """Whether `kind` is a pipeline class; diffusers' Auto classes are none."""
    return isinstance(kind, type) and issubclass(kind, DiffusionPipeline)


def with_components_of(pipeline: Any, kind: Any, more: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
    """A pipeline of `kind`, a class or one of diffusers' Auto classes, that shares the components of `pipeline`.

    `more` are components that it has besides.

    Raises ValueError if there is none of that kind, or components are missing. `from_pipe` of a class itself would
    bring all components into one dtype, under the requests that use them.
    """
    if not is_pipeline(kind):
        return kind.from_pipe(pipeline)
    known = {**pipeline.config, **pipeline.components, **(more or {})}
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
