"""The tasks: everything that can be asked for, a file each, found by themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from core.catalog.model import Model
from core.errors import InvalidRequest
from core.tasks.task import CONTROL, GUIDES, REFERENCE, Parameters, Role, Task

__all__ = [
    "CONTROL",
    "GUIDES",
    "REFERENCE",
    "Parameters",
    "Role",
    "Task",
    "all_tasks",
    "implied_task",
    "parameters_of",
    "roles",
    "sets_of_roles",
    "starting_roles",
    "task_named",
    "tasks_of",
]


@cache
def all_tasks() -> Mapping[str, Task]:
    """Every task by its name, in the order of their files' names."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found: list[Task] = [module.TASK for module in modules if hasattr(module, "TASK")]
    return MappingProxyType({task.name: task for task in found})


def task_named(name: str) -> Task:
    """Raises InvalidRequest for a name that no task has."""
    task = all_tasks().get(name)
    if task is None:
        raise InvalidRequest(f"there is no task '{name[:60]}'; there are {', '.join(all_tasks())}", param="task")
    return task


def implied_task(given: Collection[str]) -> Task:
    """The task that starts from inputs of just these roles. Raises InvalidRequest if none does."""
    wanted = set(given) - {role.name for role in GUIDES}
    for task in all_tasks().values():
        if task.implied and {role.name for role in task.roles} == wanted:
            return task
    takes = "; ".join(
        f"{task.name} takes {' and '.join(role.name for role in task.roles) or 'none'}" for task in all_tasks().values()
    )
    raise InvalidRequest(f"no task takes the inputs {', '.join(sorted(wanted))} and no others: {takes}", param="inputs")


def tasks_of(model: Model) -> tuple[str, ...]:
    """The names of all tasks that `model` can do: those of its row first, then what builds on them."""
    return tuple(dict.fromkeys((*model.tasks, *(task.name for task in all_tasks().values() if task.fits(model)))))


def roles() -> tuple[str, ...]:
    """The names of all roles that any task has."""
    return tuple(dict.fromkeys(role.name for task in all_tasks().values() for role in task.every_role))


def starting_roles() -> tuple[str, ...]:
    """The names of the roles that tasks start from, without those of what may guide any of them."""
    return tuple(dict.fromkeys(role.name for task in all_tasks().values() for role in task.roles))


def sets_of_roles() -> list[tuple[str, ...]]:
    """The roles that go together: those of each task that is implied by them."""
    return [tuple(role.name for role in task.roles) for task in all_tasks().values() if task.implied]


def parameters_of(task: str) -> type[Parameters]:
    """How the parameters of that task are read; those of a task from a newer version as they stand."""
    known = all_tasks().get(task)
    return Parameters if known is None else known.parameters
