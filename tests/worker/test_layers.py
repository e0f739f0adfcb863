"""What serves all families and tasks speaks of none of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.catalog.families import families
from core.tasks import all_tasks
from worker.pipelines.families import all_traits

REPOSITORY = Path(__file__).parents[2]
GENERIC = [
    *sorted((REPOSITORY / "worker" / "engine").glob("*.py")),
    *(path for path in sorted((REPOSITORY / "worker" / "pipelines").glob("*.py")) if path.name != "traits.py"),
    *(REPOSITORY / "worker" / f"{name}.py" for name in ("contract", "inputs", "recipe", "runner")),
]


@pytest.mark.parametrize("path", GENERIC, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_for_all_names_no_family_and_no_task(path: Path) -> None:
    names = {*all_tasks(), *families(), *(family for traits in all_traits() for family in traits.families)}
    source = path.read_text(encoding="utf-8")
    assert not [name for name in names if re.search(rf"[\"']{re.escape(name)}[\"']", source)]
