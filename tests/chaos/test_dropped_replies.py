"""A reply that is lost on its way: what was asked for has happened, once, and is asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from redis import Redis

from core.jobs import JobError, Status
from core.store import EventLog, JobStore, Verdict
from core.store.connection import connect
from core.store.limits import Limits
from tests.chaos.proxy import ReplyDropper
from tests.chaos.report import Figures
from tests.core.samples import QUEUE, new_job, outbox_rows, picture

TICKETS = f"rq:queue:easel-{QUEUE}"


@pytest.fixture
def proxy(redis_url: str) -> Iterator[ReplyDropper]:
    port = urlsplit(redis_url).port
    assert port is not None
    dropper = ReplyDropper(port)
    yield dropper
    dropper.close()


@pytest.fixture(params=[10, pytest.param(50, marks=pytest.mark.chaos)])
def times(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=[False, True], ids=["the api's client", "the worker's client"])
def through(proxy: ReplyDropper, redis: Redis, request: pytest.FixtureRequest) -> Iterator[JobStore]:
    """A store whose replies get lost, with each kind of client."""
    with connect(f"redis://127.0.0.1:{proxy.port}", patient=request.param) as client:
        yield JobStore(client, Limits())


def test_a_submission_is_accepted_once(
    proxy: ReplyDropper, through: JobStore, redis: Redis, figures: Figures, times: int
) -> None:
    # Given the scripts known to Redis
    through.submit(new_job())
    ids = []
    for _ in range(times):
        # When the reply to a submission is lost
        new = new_job(idempotency_key="k" + new_job().id)
        proxy.drop(new.id.encode())
        ids.append(through.submit(new).job.id)

    # Then each was accepted, once, with one ticket
    assert proxy.dropped == times
    assert len(set(ids)) == times
    assert redis.zcard(f"easel:pending:{QUEUE}") == redis.llen(TICKETS) == times + 1
    assert [event.type for event in EventLog(redis).read(ids[0])] == ["queued"]
    figures.note("lost replies to submit", "0 twice", f"{times} lost, {len(set(ids))} jobs, {len(set(ids))} tickets")


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED])
def test_a_commit_is_written_once(
    proxy: ReplyDropper, through: JobStore, redis: Redis, figures: Figures, times: int, status: Status
) -> None:
    error = JobError(code="out_of_memory", message="m") if status is Status.FAILED else None
    for _ in range(times):
        job_id = through.submit(new_job(webhook_url="http://x.test/")).job.id
        claim = through.claim(QUEUE, "w")
        assert claim is not None
        images = (picture(job_id),) if status is Status.SUCCEEDED else ()

        # When the reply to the commit is lost
        proxy.drop(job_id.encode())
        answered = through.commit(job_id, claim.attempt, status, outputs=images, error=error)

        # Then the worker reads what it wrote, and there is one end and one row
        assert answered is status
        kinds = [event.type for event in EventLog(redis).read(job_id)]
        assert kinds == ["queued", "started", status]
        assert outbox_rows(redis, job_id) == 1
    assert proxy.dropped == times
    figures.note(f"lost replies to commit ({status})", "0 twice", f"{times} lost, {times} ends, {times} webhook rows")


def test_a_claim_whose_reply_is_lost_is_the_same_claim(proxy: ReplyDropper, through: JobStore, redis: Redis) -> None:
    # Given two jobs
    first, second = (through.submit(new_job()).job.id for _ in range(2))
    for job_id in (first, second):
        # When the reply to the claim is lost
        proxy.drop(b"the-worker")
        claim = through.claim(QUEUE, "the-worker")

        # Then the worker holds the job that it was given then, and no attempt is lost
        assert claim is not None
        assert (claim.job.id, claim.job.attempts) == (job_id, 1)
        assert through.renew([(job_id, claim.attempt)]) == {(job_id, claim.attempt): Verdict.HELD}
    assert proxy.dropped == 2
    assert redis.zcard("easel:leases") == 2


def test_a_job_is_handed_back_once(proxy: ReplyDropper, through: JobStore, redis: Redis) -> None:
    # Given
    job_id = through.submit(new_job()).job.id
    claim = through.claim(QUEUE, "w")
    assert claim is not None
    tickets = redis.llen(TICKETS)

    # When the reply to the release is lost
    proxy.drop(job_id.encode())
    through.release(job_id, claim.attempt, QUEUE)

    # Then it waits once, with one ticket more and no attempt used
    job = through.get(job_id)
    assert job is not None
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert redis.zcard(f"easel:pending:{QUEUE}") == 1
    assert redis.llen(TICKETS) == tickets + 1
