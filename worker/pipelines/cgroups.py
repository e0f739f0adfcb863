"""How much memory this process's container leaves it, by Linux's control groups of both versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

TREE: Final = Path("/sys/fs/cgroup")
MINE: Final = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class Files:
    """What the version calls its files, and the controller: that of version 1 has a folder and a line of `MINE` of its
    own, version 2 has one tree for all and names none."""

    controller: str
    limit: str
    used: str
    reclaimable: str


VERSIONS: Final = (
    Files("", "memory.max", "memory.current", "inactive_file"),
    Files("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def memory_left(tree: Path = TREE, mine: Path = MINE) -> int | None:
    """Bytes until the tightest limit of our group and of those around it; None where nothing is limited."""
    left = [
        bytes_left(folder, files)
        for files in VERSIONS
        for folder in groups_around(tree / files.controller, own_group(mine, files.controller))
    ]
    return min((each for each in left if each is not None), default=None)


def own_group(mine: Path, controller: str) -> str:
    """Lines are `number:controllers:path`; version 2 names no controller. The root's where nothing is said."""
    if not mine.exists():
        return "/"
    lines = (line.split(":", 2) for line in mine.read_text(encoding="utf-8").splitlines())
    return next((path for _, controllers, path in lines if controller in controllers.split(",")), "/")


def groups_around(root: Path, path: str) -> list[Path]:
    """Our group and its parents up to the root, as far as they can be seen.

    A container often sees its own group as the root, and by a path that only the host knows.
    """
    own = root / path.strip("/")
    return [folder for folder in (own, *own.parents) if folder.is_relative_to(root) and folder.is_dir()]


def bytes_left(group: Path, files: Files) -> int | None:
    """The limit less what is used; cached files that nobody reads are given up before anything fails."""
    limit, used = number_in(group / files.limit), number_in(group / files.used)
    if limit is None or used is None:
        return None
    return max(0, limit - used + reclaimable(group / "memory.stat", files.reclaimable))


def number_in(file: Path) -> int | None:
    """None where the file is missing or says `max`."""
    text = text_of(file).strip()
    return int(text) if text.isdigit() else None


def reclaimable(stat: Path, name: str) -> int:
    """Bytes of the field `name` in a group's `memory.stat`; 0 without one."""
    fields = (line.split() for line in text_of(stat).splitlines())
    return next((int(field[1]) for field in fields if field[0] == name), 0)


def text_of(file: Path) -> str:
    """Empty where it cannot be read: the root group has no limits, and groups come and go."""
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
