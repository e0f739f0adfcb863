"""Limits outlive the process, by machine; a file that makes no sense is as good as none."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from worker.engine.tuning_cache import MAX_KINDS, MAX_MACHINES, TuningCache


def test_limits_are_read_back_by_the_machine_that_learned_them(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "limits.json"
    TuningCache(path, "two threads").write({"unet": 32})
    TuningCache(path, "one thread").write({"unet": 8, "vae": 4})
    assert TuningCache(path, "two threads").read() == {"unet": 32}
    assert TuningCache(path, "one thread").read() == {"unet": 8, "vae": 4}
    assert TuningCache(path, "a gpu").read() == {}
    assert [each.name for each in path.parent.iterdir()] == ["limits.json"]


def test_workers_of_one_machine_keep_what_the_others_learned(tmp_path: Path) -> None:
    one, other = (TuningCache(tmp_path / "limits.json", "m") for _ in range(2))
    one.write({"unet": 8, "vae": 4})
    other.write({"unet": 16, "text": 2})
    assert one.read() == {"vae": 4, "unet": 16, "text": 2}


def test_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    for number in range(MAX_MACHINES + 5):
        TuningCache(path, f"machine {number}").write({f"kind {kind}": 1 for kind in range(MAX_KINDS + 5)})
    machines = json.loads(path.read_text(encoding="utf-8"))
    assert list(machines) == [f"machine {number}" for number in range(5, MAX_MACHINES + 5)]
    assert list(machines["machine 5"]) == [f"kind {kind}" for kind in range(5, MAX_KINDS + 5)]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b'{"m": 3}', b'{"m": {"unet": "8"}}', b'{"m": {"unet": 0}}', b'{"m": {"u": true}}'],
)
def test_a_file_that_makes_no_sense_is_logged_and_written_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "limits.json"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert TuningCache(path, "m").read() == {}
    assert caplog.messages == ["row limits unreadable, learning them anew"]
    TuningCache(path, "m").write({"unet": 8})
    assert TuningCache(path, "m").read() == {"unet": 8}


def test_a_folder_that_cannot_be_written_to_only_costs_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        TuningCache(tmp_path / "file" / "limits.json", "m").write({"unet": 8})
    assert caplog.messages[-1] == "row limits not kept"


def test_no_file_yet_is_nothing_to_warn_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert TuningCache(tmp_path / "limits.json", "m").read() == {}
    assert not caplog.messages
