"""Endpoints in the store: their owners', told of what they asked for, and disabled when they are no more."""

from __future__ import annotations

import pytest
from redis import Redis

from core.errors import Conflict
from core.jobs import Progress, Stage, Status
from core.store import EndpointStore, JobStore, Outbox
from core.webhooks import MAX_ENDPOINTS, Endpoint, WebhookEvent
from tests.core.samples import QUEUE, new_job

URL = "https://example.com/hook"
EVERYTHING = tuple(WebhookEvent)


@pytest.fixture
def endpoints(redis: Redis) -> EndpointStore:
    return EndpointStore(redis)


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis)


def made(endpoints: EndpointStore, *events: WebhookEvent, owner: str = "alice") -> Endpoint:
    return endpoints.create(owner, URL, events=events or (WebhookEvent.COMPLETED,))


def draw(jobs: JobStore, owner: str = "alice", webhook_url: str | None = None) -> str:
    """The id of a job that was started, made one step and succeeded."""
    job = jobs.submit(new_job(owner=owner, webhook_url=webhook_url)).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.progress(job.id, claim.attempt, Progress(stage=Stage.DENOISE, step=1, steps=20))
    jobs.progress(job.id, claim.attempt, Progress(stage=Stage.DENOISE, step=2, steps=20))
    jobs.commit(job.id, claim.attempt, Status.SUCCEEDED)
    return job.id


def fail(outbox: Outbox, status: int | None = 500) -> bool:
    """Take what is due and give it up; whether its endpoint was disabled for it."""
    delivery = outbox.take(20)
    assert delivery is not None
    return outbox.settle(delivery.message_id, "dead", last_status=status, last_error="no", seconds=0.25)


def test_an_endpoint_hears_of_what_it_asked_for(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    # Given
    ends, starts, all_of_it = (
        made(endpoints),
        made(endpoints, WebhookEvent.STARTED),
        made(endpoints, *EVERYTHING),
    )

    # When
    job_id = draw(jobs)

    # Then two progress reports within a second are one message
    def types(endpoint: Endpoint) -> list[str]:
        log = endpoints.deliveries(endpoint.id)
        assert {delivery.job_id for delivery in log} == {job_id}
        return sorted(delivery.type for delivery in log)

    assert types(ends) == ["generation.succeeded"]
    assert types(starts) == ["generation.started"]
    assert types(all_of_it) == ["generation.progress", "generation.started", "generation.succeeded"]
    taken = [outbox.take(20) for _ in range(6)]
    assert taken[-1] is None
    assert len({delivery.message_id for delivery in taken if delivery}) == 5
    assert {delivery.type for delivery in taken if delivery and delivery.once} == {"generation.progress"}


def test_the_jobs_own_webhook_is_told_too(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    made(endpoints)
    draw(jobs, webhook_url="https://example.com/mine")
    told = [outbox.take(20), outbox.take(20)]
    assert {delivery.url for delivery in told if delivery} == {URL, "https://example.com/mine"}
    assert [bool(delivery.secrets) for delivery in told if delivery and delivery.url != URL] == [False]


def test_an_owner_sees_and_hears_of_their_own(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    endpoint = made(endpoints)

    draw(jobs, owner="bob")

    assert outbox.take(20) is None
    assert endpoints.list("bob") == ()
    assert endpoints.get("bob", endpoint.id) is None
    assert endpoints.edit("bob", endpoint.id, {"enabled": False}) is None
    assert endpoints.rotate("bob", endpoint.id) is None
    assert endpoints.test("bob", endpoint.id) is None
    assert not endpoints.remove("bob", endpoint.id)
    assert [mine.id for mine in endpoints.list("alice")] == [endpoint.id]


def test_a_message_goes_where_the_endpoint_is_now(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    endpoint = made(endpoints)
    draw(jobs)
    endpoints.edit("alice", endpoint.id, {"url": "https://example.com/moved"})
    delivery = outbox.take(20)
    assert delivery is not None
    assert delivery.url == "https://example.com/moved"


@pytest.mark.parametrize("removed", [True, False])
def test_nothing_goes_to_an_endpoint_that_is_off(
    endpoints: EndpointStore, jobs: JobStore, outbox: Outbox, redis: Redis, removed: bool
) -> None:
    # Given a message on its way
    endpoint = made(endpoints)
    draw(jobs)
    (message,) = endpoints.deliveries(endpoint.id)

    # When
    if removed:
        endpoints.remove("alice", endpoint.id)
    else:
        endpoints.edit("alice", endpoint.id, {"enabled": False})

    # Then
    assert outbox.take(20) is None
    assert outbox.state(message.id)["state"] == "dead"
    assert redis.zcard("easel:outbox") == 0
    draw(jobs)
    assert redis.zcard("easel:outbox") == 0


def test_for_a_day_both_secrets_sign(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox, redis: Redis) -> None:
    # Given
    issued = endpoints.create("alice", URL, events=(WebhookEvent.COMPLETED,))
    endpoint_id = issued.id

    # When
    renewed = endpoints.rotate("alice", endpoint_id)
    draw(jobs)
    first = outbox.take(20)
    redis.hset(f"easel:endpoint:{endpoint_id}", "old_until", 1)
    draw(jobs)
    second = outbox.take(20)

    # Then
    assert renewed is not None
    assert renewed.secret != issued.secret
    assert first is not None
    assert first.secrets == (renewed.secret, issued.secret)
    assert second is not None
    assert second.secrets == (renewed.secret,)


def test_gone_disables_at_once(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    endpoint = made(endpoints)
    draw(jobs)

    assert fail(outbox, 410)

    after = endpoints.get("alice", endpoint.id)
    assert after is not None
    assert (after.enabled, after.disabled_reason) == (False, "gone")


def test_five_days_of_failures_disable_and_enabling_forgives(
    endpoints: EndpointStore, jobs: JobStore, outbox: Outbox, redis: Redis
) -> None:
    # Given an endpoint that fails for the first time
    endpoint = made(endpoints)
    draw(jobs)
    assert not fail(outbox)
    key = f"easel:endpoint:{endpoint.id}"

    # When it still fails 120 hours later
    redis.hincrby(key, "failing_since", -120 * 3_600_000)
    draw(jobs)
    assert fail(outbox, None)

    # Then
    after = endpoints.get("alice", endpoint.id)
    assert after is not None
    assert (after.enabled, after.disabled_reason) == (False, "failing")
    again = endpoints.edit("alice", endpoint.id, {"enabled": True})
    assert again is not None
    assert (again.enabled, again.disabled_reason, again.failing_since) == (True, None, None)


def test_one_success_clears_the_failures(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    endpoint = made(endpoints)
    draw(jobs)
    fail(outbox)
    draw(jobs)
    delivery = outbox.take(20)
    assert delivery is not None
    outbox.settle(delivery.message_id, "delivered", last_status=204)
    after = endpoints.get("alice", endpoint.id)
    assert after is not None
    assert after.failing_since is None
    assert after.last_success_at is not None


def test_the_log_tells_every_attempt_and_sends_again(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    # Given
    endpoint = made(endpoints)
    draw(jobs)
    fail(outbox, 503)
    (dead,) = endpoints.deliveries(endpoint.id)
    assert (dead.state, dead.next_attempt_at) == ("dead", None)

    # When
    pending = endpoints.redeliver("alice", endpoint.id, dead.id)
    delivery = outbox.take(20)
    assert delivery is not None
    outbox.settle(delivery.message_id, "delivered", last_status=200, seconds=0.5)

    # Then
    assert pending is not None
    assert pending.state == "pending"
    assert pending.next_attempt_at is not None
    assert delivery.message_id == dead.id
    assert delivery.attempts == 1
    (delivered,) = endpoints.deliveries(endpoint.id)
    assert delivered.state == "delivered"
    assert [(a.status, a.error, a.seconds) for a in delivered.attempts] == [(503, "no", 0.25), (200, "", 0.5)]


def test_no_message_of_another_endpoint_is_sent_again(endpoints: EndpointStore, jobs: JobStore, outbox: Outbox) -> None:
    mine, other = made(endpoints), made(endpoints, owner="bob")
    draw(jobs, owner="bob")
    (foreign,) = endpoints.deliveries(other.id)
    assert endpoints.redeliver("alice", mine.id, foreign.id) is None
    assert endpoints.redeliver("alice", mine.id, "msg_unknown") is None


def test_the_log_keeps_the_last_hundred(endpoints: EndpointStore) -> None:
    endpoint = made(endpoints)
    sent = [endpoints.test("alice", endpoint.id) for _ in range(103)]
    kept = {delivery.id for delivery in endpoints.deliveries(endpoint.id)}
    assert len(kept) == 100
    assert kept <= {delivery.id for delivery in sent if delivery}


def test_there_is_a_most(endpoints: EndpointStore) -> None:
    for _ in range(MAX_ENDPOINTS):
        made(endpoints)
    with pytest.raises(Conflict, match="remove one"):
        made(endpoints)
    made(endpoints, owner="bob")
