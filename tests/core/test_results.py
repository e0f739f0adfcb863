"""The result store on disk: whole objects or none."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.results import CHUNK_BYTES, ResultStore, output_key


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore((tmp_path / "with space" / "results").as_uri())


def test_what_is_put_can_be_read(results: ResultStore, tmp_path: Path) -> None:
    results.put("gen_a/1/0.png", b"pixels")
    assert results.read("gen_a/1/0.png") == b"pixels"
    assert (tmp_path / "with space" / "results" / "gen_a" / "1" / "0.png").read_bytes() == b"pixels"


def test_a_large_object_comes_in_chunks(results: ResultStore) -> None:
    # Given
    content = os.urandom(5 * CHUNK_BYTES + 17)
    results.put("gen_a/1/0.png", content)

    # When
    chunks = list(results.stream("gen_a/1/0.png"))

    # Then
    assert b"".join(chunks) == content
    assert len(chunks) > 1


def test_what_is_missing_is_file_not_found(results: ResultStore) -> None:
    with pytest.raises(FileNotFoundError):
        results.read("gen_a/1/0.png")
    with pytest.raises(FileNotFoundError):
        results.stream("gen_a/1/0.png")


def test_a_folder_is_no_object(results: ResultStore) -> None:
    results.put("gen_a/1/0.png", b"pixels")
    with pytest.raises(FileNotFoundError):
        results.read("gen_a/2")


def test_deleting_takes_one_job_and_leaves_no_folder(results: ResultStore, tmp_path: Path) -> None:
    # Given one id that begins like another
    for key in ("gen_a/1/0.png", "gen_a/2/0.png", "gen_a/2/1.png", "gen_ab/1/0.png"):
        results.put(key, b"pixels")

    # When
    deleted = results.delete_prefix("gen_a/")

    # Then
    assert deleted == 3
    assert results.read("gen_ab/1/0.png") == b"pixels"
    assert [path.name for path in (tmp_path / "with space" / "results").iterdir()] == ["gen_ab"]
    assert results.delete_prefix("gen_a/") == 0


def test_a_reader_sees_the_old_or_the_new_and_never_a_part(results: ResultStore) -> None:
    # Given
    old, new = b"o" * 3_000_000, b"n" * 3_000_000
    results.put("gen_a/1/0.png", old)
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(results.read("gen_a/1/0.png"))

    # When
    reader = threading.Thread(target=read)
    reader.start()
    for content in (new, old) * 5:
        results.put("gen_a/1/0.png", content)
    done.set()
    reader.join()

    # Then
    assert seen <= {old, new}


def test_nothing_is_left_beside_the_object(results: ResultStore, tmp_path: Path) -> None:
    results.put("gen_a/1/0.png", b"pixels")
    files = [path.name for path in (tmp_path / "with space").rglob("*") if path.is_file()]
    assert files == ["0.png"]


def test_a_link_is_not_written_through(results: ResultStore, tmp_path: Path) -> None:
    # Given a link where the picture should go
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    folder = tmp_path / "with space" / "results" / "gen_a" / "1"
    folder.mkdir(parents=True)
    (folder / "0.png").symlink_to(outside)

    # When
    results.put("gen_a/1/0.png", b"pixels")

    # Then
    assert outside.read_bytes() == b"precious"


def test_names_are_scoped_by_attempt() -> None:
    assert output_key("gen_a", 2, 3, "webp") == "gen_a/2/3.webp"
