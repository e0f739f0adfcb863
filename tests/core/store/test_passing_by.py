"""Jobs that a worker cannot do, and words that it does not know: they hold up nobody and break nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from core.jobs import Job
from core.key_names import KeyNames
from core.keys import KeyPolicy
from core.store import EndpointStore, JobStore, KeyStore
from core.store.limits import Limits
from core.webhooks import WebhookEvent
from tests.core.samples import QUEUE, new_job

KEY = KeyNames()
WORDS = {"easel-mini": ("text-to-image",)}
SMELLS = {"easel-mini": ("text-to-image", "text-to-smell")}


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, Limits())


def submit(jobs: JobStore, owner: str, count: int) -> list[Job]:
    return [jobs.submit(new_job(owner=owner)).job for _ in range(count)]


def owners(jobs: JobStore, count: int, capabilities: dict[str, tuple[str, ...]]) -> list[str]:
    """Whose the next jobs are."""
    claims = [jobs.claim(QUEUE, "w", capabilities) for _ in range(count)]
    return [claim.job.owner for claim in claims if claim is not None]


def wait_for_another_worker(jobs: JobStore, redis: Redis, owner: str, count: int) -> None:
    for job in submit(jobs, owner, count):
        redis.hset(KEY("job", job.id), "task", "text-to-smell")


def test_who_was_passed_by_has_earned_no_credit(jobs: JobStore, redis: Redis) -> None:
    # Given an owner whose jobs nobody could do while another's were drawn
    wait_for_another_worker(jobs, redis, "a", 20)
    submit(jobs, "b", 60)
    assert set(owners(jobs, 40, WORDS)) == {"b"}

    # When a worker comes that can do both, and a newcomer with one job
    submit(jobs, "c", 1)
    drawn = owners(jobs, 11, SMELLS)

    # Then all take turns from now on, within two jobs as ever, and the newcomer waits for one of each
    assert "c" in drawn[:3]
    assert abs(drawn.count("a") - drawn.count("b")) <= 2


def test_the_clock_does_not_run_backwards(jobs: JobStore, redis: Redis) -> None:
    # Given an owner who was passed by, then served
    wait_for_another_worker(jobs, redis, "a", 1)
    submit(jobs, "b", 60)
    owners(jobs, 40, WORDS)
    assert owners(jobs, 1, SMELLS) == ["a"]

    # When somebody new comes, then they take turns with who has waited all the time
    submit(jobs, "new", 10)
    assert abs(owners(jobs, 10, WORDS).count("new") - 5) <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"scheduler": "brownian"}},
        {"parameters": None},
        {"output": {"format": ["hologram"]}},
        {"seeds": "many"},
    ],
)
def test_a_request_of_a_later_schema_is_shown_as_far_as_it_is_understood(
    jobs: JobStore, redis: Redis, changes: dict[str, Any]
) -> None:
    (job,) = submit(jobs, "a", 1)
    written = {**json.loads(redis.hget(KEY("job", job.id), "request") or "{}"), **changes}
    redis.hset(KEY("job", job.id), mapping={"request": json.dumps(written), "schema": "99"})

    (listed,) = jobs.list("a", before=None, limit=5).jobs

    assert (listed.request.task, listed.request.model) == ("text-to-image", "easel-mini")
    assert owners(jobs, 1, WORDS) == []


def test_a_job_with_a_later_status_is_not_taken_for_ended(jobs: JobStore, redis: Redis) -> None:
    (job,) = submit(jobs, "a", 1)
    redis.hset(KEY("job", job.id), "status", "paused")
    assert jobs.delete(job.id) is False


def test_a_key_keeps_the_scopes_that_are_known(redis: Redis) -> None:
    keys = KeyStore(redis)
    issued = keys.create(KeyPolicy(name="shop"))
    redis.hset(KEY("key", issued.key.owner), "scopes", json.dumps(["generate", "train"]))
    (key,) = keys.list()
    assert key.scopes == ("generate",)
    assert keys.verify(issued.text) == key


def test_a_key_with_no_scope_that_is_known_opens_nothing(redis: Redis) -> None:
    keys = KeyStore(redis)
    issued = keys.create(KeyPolicy(name="shop"))
    redis.hset(KEY("key", issued.key.owner), "scopes", json.dumps(["train"]))
    assert keys.verify(issued.text) is None
    assert keys.list() == ()


def test_an_endpoint_keeps_the_events_that_are_known(redis: Redis) -> None:
    endpoints = EndpointStore(redis)
    made = endpoints.create("a", "https://example.com", events=(WebhookEvent.COMPLETED,))
    redis.hset(KEY("endpoint", made.id), "events", "completed queued")
    (endpoint,) = endpoints.list("a")
    assert endpoint.events == (WebhookEvent.COMPLETED,)
