"""A finished picture and a result store without room: it waits, and is not drawn for nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

import worker.runner
from core.catalog.catalog import Catalog
from core.errors import Unavailable
from core.jobs import Status
from core.results import ResultStore
from tests.full_disk import SIZE, SmallDisk, small_disk
from tests.worker.job_worker import Worker, running
from worker.leases import Stop
from worker.outputs.thumbnails import Reduced


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "results") as disk:
        yield disk


@pytest.fixture
def small(redis: Redis, catalog: Catalog, tmp_path: Path, disk: SmallDisk) -> Iterator[Worker]:
    """A worker whose results go to that disk."""
    with running(redis, catalog, tmp_path) as made:
        yield made


def test_a_picture_waits_for_room(small: Worker, disk: SmallDisk) -> None:
    # Given a disk that is full when a picture is done, and has room a while later
    disk.fill()
    job_id = small.submit(seeds=(1,))
    threading.Timer(1.0, disk.empty).start()
    # When the job is worked off
    small.run()
    # Then it has its picture, by its first attempt
    job = small.job(job_id)
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 1)
    assert small.results.read(job.outputs[0].key)


def test_a_worker_that_stops_while_it_waits_hands_the_job_back(
    small: Worker, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a picture that waits for room
    monkeypatch.setattr(worker.runner, "STORE_PAUSE_SECONDS", 0.05)
    disk.fill()
    job_id = small.submit(seeds=(1,))
    failed, put = threading.Event(), ResultStore.put

    def watched(store: ResultStore, key: str, content: bytes) -> None:
        try:
            put(store, key, content)
        except Unavailable:
            failed.set()
            raise

    monkeypatch.setattr(ResultStore, "put", watched)
    slot = threading.Thread(target=small.run)
    slot.start()
    assert failed.wait(60)
    # When the worker is told to stop
    small.leases.active()[0].stop(Stop.RELEASED)
    slot.join()
    # Then the job is back in line, with its attempt, and is drawn once there is room
    assert (small.job(job_id).status, small.job(job_id).attempts) == (Status.QUEUED, 0)
    disk.empty()
    small.run()
    assert small.job(job_id).status is Status.SUCCEEDED


def test_without_room_it_fails_in_words_and_leaves_nothing(
    small: Worker, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.runner, "OUTAGE_SECONDS", 0.1)
    monkeypatch.setattr(worker.runner, "STORE_PAUSE_SECONDS", 0.05)
    disk.fill()
    job_id = small.submit(seeds=(1,))

    small.run()

    job = small.job(job_id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "storage_full"
    assert "no room for files left: delete pictures" in job.error.message
    assert [path for path in (disk.path / job_id).rglob("*") if path.is_file()] == []


def test_a_picture_without_room_for_its_thumbnail_is_there(small: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Reduced(320, 320, 320, bytes(2 * SIZE))
    monkeypatch.setattr(worker.runner, "thumbnails_of", lambda _: (huge,))
    job_id = small.submit(seeds=(1,))

    small.run()

    job = small.job(job_id)
    assert job.status is Status.SUCCEEDED
    assert job.outputs[0].thumbnails == ()


def test_what_is_written_whole_or_not_at_all(disk: SmallDisk) -> None:
    store = ResultStore(disk.path.as_uri())
    with pytest.raises(Exception, match="no room for files left") as raised:
        store.put("gen_a/1/0.png", bytes(2 * SIZE))
    assert getattr(raised.value, "code", None) == "storage_full"
    assert [path for path in disk.path.rglob("*") if path.is_file()] == []
