"""Lists, positions and events: what the store tells those who ask."""

from __future__ import annotations

from redis import Redis

from core.jobs import Progress, Stage, Status
from core.store import EventLog, JobStore, KeeperHeartbeat, WorkerInfo, WorkerRegistry
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job


def test_pages_are_newest_first_and_meet_without_gaps(redis: Redis) -> None:
    # Given
    jobs = JobStore(redis, Limits())
    ids = [jobs.submit(new_job()).job.id for _ in range(7)]
    jobs.submit(new_job(owner="bob"))

    # When
    pages, cursor = [], None
    while not pages or cursor is not None:
        page = jobs.list("alice", before=cursor, limit=3)
        pages.append([job.id for job in page.jobs])
        cursor = page.cursor

    # Then
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [job_id for page in pages for job_id in page] == ids[::-1]


def test_a_full_last_page_has_no_cursor(redis: Redis) -> None:
    jobs = JobStore(redis, Limits())
    for _ in range(3):
        jobs.submit(new_job())
    assert jobs.list("alice", before=None, limit=3).cursor is None


def test_jobs_that_come_in_between_do_not_shift_the_pages(redis: Redis) -> None:
    # Given
    jobs = JobStore(redis, Limits())
    ids = [jobs.submit(new_job()).job.id for _ in range(4)]
    first = jobs.list("alice", before=None, limit=2)

    # When
    jobs.submit(new_job())
    second = jobs.list("alice", before=first.cursor, limit=2)

    # Then
    assert [job.id for job in second.jobs] == ids[1::-1]


def test_the_position_counts_those_before(jobs: JobStore) -> None:
    # Given
    waiting = [jobs.submit(new_job()).job for _ in range(3)]

    # When
    jobs.claim(QUEUE, "w")

    # Then
    assert [jobs.position(job) for job in waiting] == [None, 1, 2]


def test_events_tell_the_life_of_a_job_in_order(jobs: JobStore, events: EventLog) -> None:
    # Given
    job = jobs.submit(new_job()).job
    jobs.claim(QUEUE, "w")
    jobs.progress(job.id, 1, Progress(stage=Stage.DENOISE, step=1, steps=20))
    jobs.progress(job.id, 1, Progress(stage=Stage.DENOISE, step=2, steps=20))
    jobs.commit(job.id, 1, Status.SUCCEEDED)

    # When
    told = events.read(job.id)

    # Then
    assert [event.type for event in told] == ["queued", "started", "progress", "progress", "succeeded"]
    assert told[3].data == {"stage": "denoise", "step": 2, "steps": 20}
    assert events.read(job.id, after=told[1].id) == told[2:]
    assert events.read(job.id, after=told[-1].id) == ()
    assert events.read("gen_unknown") == ()


def test_an_unknown_job_is_none(jobs: JobStore) -> None:
    assert jobs.get("gen_unknown") is None


def test_workers_that_fall_silent_are_forgotten(redis: Redis) -> None:
    # Given
    registry = WorkerRegistry(redis)
    infos = [WorkerInfo(name=name, queue=QUEUE, device="cpu", slots=8) for name in ("w1", "w2", "w3")]
    for info in infos:
        registry.announce(info)

    # When one withdraws and the row of another runs out
    registry.withdraw("w1")
    redis.delete("easel:worker:w2")

    # Then
    assert registry.alive() == (infos[2],)
    assert redis.smembers("easel:workers") == {b"w3"}
    assert 0 < redis.ttl("easel:worker:w3") <= 15


def test_a_keeper_is_heard_for_a_while(redis: Redis) -> None:
    heartbeat = KeeperHeartbeat(redis)
    assert not heartbeat.is_alive()
    heartbeat.beat()
    assert heartbeat.is_alive()
    assert 0 < redis.ttl("easel:keeper") <= 15
