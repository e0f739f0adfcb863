"""The waiting line: who is next, who pays what, and when waiting has an end."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from core.jobs import Priority, Status
from core.store import JobStore
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, Limits())


def starts(jobs: JobStore, count: int) -> list[str]:
    """The owners of the next `count` jobs."""
    claims = [jobs.claim(QUEUE, "w") for _ in range(count)]
    return [claim.job.owner for claim in claims if claim is not None]


def test_a_whale_does_not_hold_up_a_single_job(jobs: JobStore) -> None:
    # Given one owner with a hundred jobs, some of them running
    for _ in range(100):
        jobs.submit(new_job(owner="whale"))
    starts(jobs, 5)
    # When another submits one
    single = jobs.submit(new_job(owner="minnow")).job
    # Then it is told so, and is among the next two
    assert jobs.position(single) in (1, 2)
    assert "minnow" in starts(jobs, 2)


def test_weights_and_costs_decide_the_shares(jobs: JobStore) -> None:
    # Given three owners with more work than is drawn: B of weight 3, C with jobs four times as large
    for _ in range(60):
        jobs.submit(new_job(owner="a"))
        jobs.submit(new_job(owner="b", weight=3.0))
        jobs.submit(new_job(owner="c", steps=80))
    # When 80 jobs are drawn
    drawn = Counter(starts(jobs, 80))
    # Then each got its share of the work: 1 : 3 : 1, where a job of C counts four
    assert abs(drawn["a"] - 18.8) <= 2
    assert abs(drawn["b"] - 56.5) <= 2
    assert abs(drawn["c"] - 4.7) <= 2


@settings(max_examples=25, deadline=None)
@given(submitted=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), min_size=12, max_size=40))
def test_nobody_with_work_falls_behind_by_more_than_a_job(submitted: list[tuple[str, int]], redis_url: str) -> None:
    # Given owners with jobs of random cost, all waiting
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        jobs = JobStore(redis, Limits())
        costs: dict[str, list[int]] = {}
        for owner, steps in submitted:
            jobs.submit(new_job(owner=owner, steps=steps))
            costs.setdefault(owner, []).append(steps)
        largest = max(steps for _, steps in submitted)
        left = {owner: list(queue) for owner, queue in costs.items()}
        served = dict.fromkeys(costs, 0)
        # When jobs are drawn while every owner still has some
        while all(left.values()):
            claim = jobs.claim(QUEUE, "w")
            assert claim is not None
            served[claim.job.owner] += left[claim.job.owner].pop(0)
            # Then the work done for any two of them differs by a job of the largest cost at most
            # (Goyal et al. 1996, theorem 1, for equal weights)
            assert max(served.values()) - min(served.values()) <= 2 * largest


def test_a_higher_class_goes_first(jobs: JobStore) -> None:
    low, normal, high = (
        jobs.submit(new_job(owner="a", priority=priority)).job
        for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH)
    )
    assert [jobs.position(job) for job in (high, normal, low)] == [1, 2, 3]
    claims = [jobs.claim(QUEUE, "w") for _ in range(3)]
    assert [claim.job.id for claim in claims if claim] == [high.id, normal.id, low.id]


def test_idle_time_earns_no_credit(jobs: JobStore) -> None:
    # Given an owner who drew nothing while another drew twenty jobs
    for _ in range(30):
        jobs.submit(new_job(owner="busy"))
    starts(jobs, 20)
    # When they come with ten jobs
    for _ in range(10):
        jobs.submit(new_job(owner="late"))
    # Then from now on the two take turns
    assert Counter(starts(jobs, 10)) == {"busy": 5, "late": 5}


def test_positions_take_turns_into_account(jobs: JobStore) -> None:
    for _ in range(5):
        jobs.submit(new_job(owner="a"))
    mine = [jobs.submit(new_job(owner="b")).job for _ in range(2)]
    assert [jobs.position(job) for job in mine] == [2, 4]
    jobs.cancel(mine[0].id)
    assert jobs.position(mine[0]) is None
    assert jobs.position(mine[1]) == 2


def test_the_running_limit_of_an_owner_holds(redis: Redis) -> None:
    # Given a limit of two, and one owner with three jobs, another with one
    jobs = JobStore(redis, Limits(max_running_per_owner=2))
    for _ in range(3):
        jobs.submit(new_job(owner="a"))
    jobs.submit(new_job(owner="b"))
    # When as many are claimed as there are
    claims = [jobs.claim(QUEUE, "w") for _ in range(4)]
    # Then the third of A waits until one of A's has ended
    running = [claim for claim in claims if claim is not None]
    assert Counter(claim.job.owner for claim in running) == {"a": 2, "b": 1}
    first = next(claim for claim in running if claim.job.owner == "a")
    jobs.commit(first.job.id, first.attempt, Status.SUCCEEDED)
    assert starts(jobs, 1) == ["a"]


def test_a_job_handed_back_is_not_paid_twice(jobs: JobStore) -> None:
    # Given two owners with two jobs each
    for owner in ("a", "b"):
        for _ in range(2):
            jobs.submit(new_job(owner=owner))
    # When A's first job is claimed, handed back and claimed again
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    assert claim.job.owner == "a"
    jobs.release(claim.job.id, claim.attempt, QUEUE)
    # Then A is next again, with the same job, and after it B
    again = jobs.claim(QUEUE, "w")
    assert again is not None
    assert again.job.id == claim.job.id
    assert starts(jobs, 3) == ["b", "a", "b"]


@pytest.mark.parametrize("running", [False, True])
def test_a_deadline_ends_the_job(jobs: JobStore, redis: Redis, running: bool) -> None:
    # Given a job that has an hour, waiting or running
    job = jobs.submit(new_job(expires_in=3600)).job
    claim = jobs.claim(QUEUE, "w") if running else None
    assert jobs.reap().expired == ()
    # When the hour is over
    redis.zadd("easel:deadlines", {job.id: 1})
    reaped = jobs.reap()
    assert (reaped.expired, reaped.failed) == ((job.id,), ())
    # Then it failed, says why, and a worker that still draws it has lost it
    ended = jobs.get(job.id)
    assert ended is not None
    assert ended.status is Status.FAILED
    assert ended.error is not None
    assert ended.error.code == "deadline_exceeded"
    if claim is not None:
        assert jobs.commit(job.id, claim.attempt, Status.SUCCEEDED) is None
    assert redis.zcard("easel:deadlines") == 0
