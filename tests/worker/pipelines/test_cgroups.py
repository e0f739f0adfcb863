"""A container's limit is found in made-up trees of both versions, wherever in the tree it hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.pipelines.cgroups import memory_left

GROUP_V2 = {"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 600\ninactive_file 50\n"}
GROUP_V1 = {
    "memory.limit_in_bytes": "1000",
    "memory.usage_in_bytes": "700",
    "memory.stat": "inactive_file 1\ntotal_inactive_file 50\n",
}


def write(group: Path, files: dict[str, str]) -> None:
    group.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (group / name).write_text(text, encoding="ascii")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "self"


def test_version_2_counts_what_the_kernel_can_reclaim_as_left(tmp_path: Path, mine: Path) -> None:
    mine.write_text("0::/easel/worker\n", encoding="ascii")
    write(tmp_path / "tree" / "easel" / "worker", GROUP_V2)
    assert memory_left(tmp_path / "tree", mine) == 350


def test_version_1_hangs_under_its_controller(tmp_path: Path, mine: Path) -> None:
    mine.write_text("5:cpu,cpuacct:/elsewhere\n4:memory:/easel\n0::/\n", encoding="ascii")
    write(tmp_path / "tree" / "memory" / "easel", GROUP_V1)
    assert memory_left(tmp_path / "tree", mine) == 350


def test_the_tightest_group_around_us_decides(tmp_path: Path, mine: Path) -> None:
    mine.write_text("0::/pod/worker\n", encoding="ascii")
    write(tmp_path / "tree" / "pod" / "worker", GROUP_V2)
    write(tmp_path / "tree" / "pod", GROUP_V2 | {"memory.current": "900"})
    assert memory_left(tmp_path / "tree", mine) == 150


def test_a_container_that_sees_its_own_group_as_the_root(tmp_path: Path, mine: Path) -> None:
    # Given a path that only the host knows
    mine.write_text("0::/host/docker/abc\n", encoding="ascii")
    write(tmp_path / "tree", GROUP_V2)
    assert memory_left(tmp_path / "tree", mine) == 350


def test_more_used_than_allowed_leaves_nothing(tmp_path: Path, mine: Path) -> None:
    write(tmp_path / "tree", GROUP_V2 | {"memory.current": "2000"})
    assert memory_left(tmp_path / "tree", mine) == 0


@pytest.mark.parametrize("files", [{}, GROUP_V2 | {"memory.max": "max"}, {"memory.max": "1000"}])
def test_nothing_is_known_where_nothing_is_limited(tmp_path: Path, mine: Path, files: dict[str, str]) -> None:
    write(tmp_path / "tree", files)
    assert memory_left(tmp_path / "tree", mine) is None
