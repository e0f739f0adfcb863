"""Files that a test adds to the product, as whoever writes a task, a family or a medium would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from core import tasks
from worker.pipelines import families

AddModule = Callable[[ModuleType, str, str], None]
"""Put a file into a package: the package, the module's name, its source."""


@contextmanager
def added_modules(folder: Path) -> Iterator[AddModule]:
    """Until the end of the block the packages find them, as files of their own."""
    added: list[tuple[ModuleType, str]] = []
    with pytest.MonkeyPatch.context() as patch:

        def add(package: ModuleType, name: str, source: str) -> None:
            beside = folder / package.__name__
            beside.mkdir(parents=True, exist_ok=True)
            (beside / f"{name}.py").write_text(dedent(source), encoding="utf-8")
            if str(beside) not in package.__path__:
                patch.setattr(package, "__path__", [*package.__path__, str(beside)])
            added.append((package, name))
            look_again()

        yield add
    for package, name in added:
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)
    look_again()


def look_again() -> None:
    """Let go of what was found before."""
    importlib.invalidate_caches()
    for found in (tasks.all_tasks, families.all_traits, families.traits_of):
        found.cache_clear()
