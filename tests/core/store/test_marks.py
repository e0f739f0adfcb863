"""Favourites and folders: what they keep, how much may be kept, and the outputs that go one by one."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from redis import Redis

from core.errors import Conflict, NotFound, QuotaExceeded
from core.jobs import Job, Mark, Status
from core.key_names import KeyNames
from core.store import Folder, JobStore, MarkStore, NewJob
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job, picture

KEY = KeyNames()


@pytest.fixture
def marks(redis: Redis) -> MarkStore:
    return MarkStore(redis, Limits(max_kept_per_owner=3))


def drawn(jobs: JobStore, new: NewJob | None = None, outputs: int = 1) -> Job:
    """A job that has succeeded."""
    job = jobs.submit(new or new_job()).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    pictures = [picture(job.id).evolve(index=index, key=f"{job.id}/1/{index}.png") for index in range(outputs)]
    jobs.commit(job.id, claim.attempt, Status.SUCCEEDED, outputs=tuple(pictures))
    return known(jobs, job.id)


def known(jobs: JobStore, job_id: str) -> Job:
    job = jobs.get(job_id)
    assert job is not None
    return job


def test_a_mark_keeps_and_its_end_begins_the_retention_anew(jobs: JobStore, marks: MarkStore, redis: Redis) -> None:
    # Given a job of two pictures whose retention is almost over
    job = drawn(jobs, outputs=2)
    assert job.expires_at is not None
    soon = (redis.time()[0] + 10) * 1000
    redis.zadd(KEY("expiries"), {job.id: soon})

    # When both are marked, then it never expires
    marks.mark(job.id, 0, favourite=True)
    marks.mark(job.id, 1, folders=["foxes"])
    assert known(jobs, job.id).expires_at is None
    assert redis.zscore(KEY("expiries"), job.id) is None

    # and when one mark is left, neither
    marks.mark(job.id, 0, favourite=False)
    assert known(jobs, job.id).expires_at is None

    # When the last one goes, then a whole retention is left
    marks.mark(job.id, 1, folders=[])
    due = redis.zscore(KEY("expiries"), job.id)
    assert due is not None
    assert due - redis.time()[0] * 1000 > 6.9 * 24 * 3600 * 1000
    expires_at = known(jobs, job.id).expires_at
    assert expires_at is not None
    assert expires_at.timestamp() * 1000 == due


def test_what_is_left_out_stays(jobs: JobStore, marks: MarkStore) -> None:
    job = drawn(jobs)
    marks.mark(job.id, 0, folders=["b", "a", "b"])
    marks.mark(job.id, 0, favourite=True)
    marks.mark(job.id, 0)
    assert known(jobs, job.id).marks == {0: Mark(favourite=True, folders=("b", "a"))}


def test_there_is_no_mark_on_what_is_not_there(jobs: JobStore, marks: MarkStore, redis: Redis) -> None:
    job = drawn(jobs)
    for job_id, index in (("gen_none", 0), (job.id, 1)):
        with pytest.raises(NotFound):
            marks.mark(job_id, index, favourite=True)
    # nor on what the keeper is about to remove
    redis.zadd(KEY("expiries"), {job.id: 1})
    with pytest.raises(NotFound):
        marks.mark(job.id, 0, favourite=True)


def test_what_is_not_to_be_stored_cannot_be_kept(jobs: JobStore, marks: MarkStore, redis: Redis) -> None:
    job = jobs.submit(replace(new_job(), store=False)).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job.id, claim.attempt, Status.SUCCEEDED, outputs=(picture(job.id),))
    with pytest.raises(Conflict, match="store"):
        marks.mark(job.id, 0, favourite=True)
    assert redis.zscore(KEY("expiries"), job.id) is not None


def test_so_many_and_no_more_are_kept(jobs: JobStore, marks: MarkStore) -> None:
    # Given as many marked pictures as there may be
    ids = [drawn(jobs).id for _ in range(4)]
    for job_id in ids[:3]:
        marks.mark(job_id, 0, favourite=True)

    # Then another is refused, in words, and one that is kept already can be filed as well
    with pytest.raises(QuotaExceeded, match="you keep 3 pictures"):
        marks.mark(ids[3], 0, folders=["foxes"])
    marks.mark(ids[0], 0, folders=["foxes"])
    assert marks.kept("alice") == 3

    # and there is room again when one is let go
    marks.mark(ids[1], 0, favourite=False)
    marks.mark(ids[3], 0, folders=["foxes"])


def test_folders_are_counted_renamed_joined_and_removed(jobs: JobStore, marks: MarkStore) -> None:
    # Given
    first, second = drawn(jobs), drawn(jobs)
    marks.mark(first.id, 0, folders=["foxes", "Best: of all"])
    marks.mark(second.id, 0, folders=["foxes"])
    assert marks.folders("alice") == (Folder("Best: of all", 1), Folder("foxes", 2))
    assert marks.folders("bob") == ()

    # When one gets a new name, another's name, its own name
    marks.rename_folder("alice", "foxes", "füchse")
    assert marks.folders("alice") == (Folder("Best: of all", 1), Folder("füchse", 2))
    marks.rename_folder("alice", "füchse", "Best: of all")
    marks.rename_folder("alice", "Best: of all", "Best: of all")
    assert marks.folders("alice") == (Folder("Best: of all", 2),)
    assert known(jobs, first.id).marks == {0: Mark(folders=("Best: of all",))}

    # and is removed, then the pictures are there and nothing keeps them
    marks.remove_folder("alice", "Best: of all")
    assert marks.folders("alice") == ()
    assert known(jobs, first.id).expires_at is not None
    for change in (lambda: marks.remove_folder("alice", "foxes"), lambda: marks.rename_folder("alice", "foxes", "x")):
        with pytest.raises(NotFound):
            change()


def test_a_deleted_job_leaves_no_word_behind(jobs: JobStore, marks: MarkStore, redis: Redis) -> None:
    job = drawn(jobs, outputs=2)
    marks.mark(job.id, 0, favourite=True, folders=["vulpes"])
    marks.mark(job.id, 1, folders=["vulpes"])

    jobs.delete(job.id)

    for name in redis.scan_iter(KEY("*")):  # type: ignore[arg-type] # any name
        assert b"vulpes" not in name
        assert b"vulpes" not in (redis.dump(name) or b"")
        assert b"apple" not in (redis.dump(name) or b"")
    assert marks.kept("alice") == 0


class TestOutputs:
    def test_one_goes_and_the_others_keep_their_numbers(self, jobs: JobStore, marks: MarkStore, redis: Redis) -> None:
        job = drawn(jobs, outputs=3)
        marks.mark(job.id, 1, favourite=True)

        assert marks.remove_output(job.id, 1)

        left = known(jobs, job.id)
        assert [output.index for output in left.outputs] == [0, 2]
        assert left.outputs == (job.outputs[0], job.outputs[2])
        assert (left.marks, marks.kept("alice")) == ({}, 0)
        assert left.expires_at is not None
        with pytest.raises(NotFound):
            marks.remove_output(job.id, 1)

    def test_the_only_one_does_not_go_alone(self, jobs: JobStore, marks: MarkStore) -> None:
        job = drawn(jobs)
        assert not marks.remove_output(job.id, 0)
        assert known(jobs, job.id) == job

    def test_of_many_removals_at_once_none_is_undone(self, jobs: JobStore, marks: MarkStore) -> None:
        job = drawn(jobs, outputs=12)
        threads = [threading.Thread(target=marks.remove_output, args=(job.id, index)) for index in range(1, 12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [output.index for output in known(jobs, job.id).outputs] == [0]


def test_outputs_of_older_records_go_too(jobs: JobStore, marks: MarkStore, redis: Redis) -> None:
    # Given a record that called its outputs images
    job = drawn(jobs)
    images = [
        {"index": index, "key": f"k{index}", "seed": 7, "size_bytes": 3, "format": "png", "width": 8, "height": 8}
        for index in range(2)
    ]
    redis.hset(KEY("job", job.id), mapping={"images": json.dumps(images)})

    # When one is removed, then the other is there
    assert marks.remove_output(job.id, 0)
    assert [output.key for output in known(jobs, job.id).outputs] == ["k1"]
