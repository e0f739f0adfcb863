"""What is counted: each end once, each wait and run in its bucket, the line as it is."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from core.jobs import Status
from core.store import JobStore, Outbox
from core.store.counters import BOUNDS, Counters, Histogram
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job

MODEL = "easel-mini"


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis, Limits())


@pytest.fixture
def counters(redis: Redis) -> Counters:
    return Counters(redis)


def started(store: JobStore, redis: Redis, *, waited: float, ran: float) -> tuple[str, int]:
    """A running job with its past moved back."""
    store.submit(new_job())
    claim = store.claim(QUEUE, "w")
    assert claim is not None
    began = time.time() - ran
    times = {"started_at": round(began * 1000), "created_at": round((began - waited) * 1000)}
    redis.hset(f"easel:job:{claim.job.id}", mapping=times)
    return claim.job.id, claim.attempt


def test_each_end_is_counted_once_with_its_model(store: JobStore, redis: Redis, counters: Counters) -> None:
    # Given a success whose commit is sent twice, a failure, and a cancel of a job that never began
    job_id, attempt = started(store, redis, waited=0, ran=0)
    for _ in range(2):
        store.commit(job_id, attempt, Status.SUCCEEDED)
    store.commit(*started(store, redis, waited=0, ran=0), Status.FAILED)
    store.cancel(store.submit(new_job()).job.id)

    counted = counters.counted()

    assert counted.jobs == {(MODEL, "succeeded"): 1, (MODEL, "failed"): 1, (MODEL, "canceled"): 1}
    assert sum(counted.waits[MODEL].buckets.values()) == 2
    assert sum(counted.runs[MODEL].buckets.values()) == 1


@pytest.mark.parametrize("index", range(len(BOUNDS)))
def test_each_bound_has_its_bucket(store: JobStore, redis: Redis, counters: Counters, index: int) -> None:
    # Given a job that waited a little less than a bound, or longer than all
    waited = 700.0 if BOUNDS[index] == "+Inf" else float(BOUNDS[index]) - 0.05
    store.commit(*started(store, redis, waited=waited, ran=0), Status.FAILED)

    histogram = counters.counted().waits[MODEL]

    assert {bound: n for bound, n in histogram.buckets.items() if n} == {BOUNDS[index]: 1}
    assert tuple(histogram.buckets) == BOUNDS
    assert histogram.sum == pytest.approx(waited, abs=0.01)


def test_a_run_is_timed_from_its_first_start(store: JobStore, redis: Redis, counters: Counters) -> None:
    store.commit(*started(store, redis, waited=2, ran=7), Status.SUCCEEDED)

    run = counters.counted().runs[MODEL]

    assert (run.buckets["10"], run.sum) == (1, pytest.approx(7, abs=1))


def test_a_histogram_adds_up() -> None:
    histogram = Histogram()
    histogram.buckets.update({"1": 2, "60": 3})

    assert [(bound, n) for bound, n in histogram.cumulative() if bound in ("0.5", "1", "30", "60", "+Inf")] == [
        ("0.5", 0),
        ("1", 2),
        ("30", 2),
        ("60", 5),
        ("+Inf", 5),
    ]


def test_the_line_has_a_length_and_an_age(store: JobStore, redis: Redis, counters: Counters) -> None:
    first = store.submit(new_job()).job
    store.submit(new_job())
    redis.hset(f"easel:job:{first.id}", "created_at", round((time.time() - 90) * 1000))

    lines = counters.lines([QUEUE, "large"])

    assert (lines[QUEUE].waiting, lines[QUEUE].oldest_seconds) == (2, pytest.approx(90, abs=2))
    assert (lines["large"].waiting, lines["large"].oldest_seconds) == (0, 0)
    assert counters.running() == 0
    store.claim(QUEUE, "w")
    assert counters.running() == 1


def test_deliveries_by_how_they_went(store: JobStore, redis: Redis, counters: Counters) -> None:
    # Given a webhook that is tried twice and then arrives
    outbox = Outbox(redis)
    store.cancel(store.submit(new_job(webhook_url="https://example.com/hook")).job.id)
    assert counters.undelivered() == 1
    for state in ("pending", "delivered", "delivered"):
        delivery = outbox.take(0)
        if delivery is not None:
            outbox.settle(delivery.message_id, "pending" if state == "pending" else "delivered")

    assert counters.counted().deliveries == {"retried": 1, "delivered": 1}
    assert counters.undelivered() == 0
