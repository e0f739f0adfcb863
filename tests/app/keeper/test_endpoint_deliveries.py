"""What a registered endpoint receives: signed with its own secrets, tests too, and nothing once it is gone."""

from __future__ import annotations

import json

import pytest
from redis import Redis
from standardwebhooks import Webhook, WebhookVerificationError

from app.keeper.sender import Sender
from core.jobs import Status
from core.store import EndpointStore, JobStore
from core.webhooks import WebhookEvent
from tests.app.keeper.conftest import SECRET
from tests.app.keeper.receiver import Receiver, answer
from tests.core.samples import QUEUE, new_job


@pytest.fixture
def endpoints(redis: Redis) -> EndpointStore:
    return EndpointStore(redis)


def draw(jobs: JobStore) -> str:
    job = jobs.submit(new_job()).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job.id, claim.attempt, Status.SUCCEEDED)
    return job.id


def test_old_and_new_receivers_believe_us_after_a_rotation(
    sender: Sender, jobs: JobStore, endpoints: EndpointStore, receiver: Receiver
) -> None:
    # Given
    issued = endpoints.create("alice", receiver.url, events=(WebhookEvent.COMPLETED,))
    renewed = endpoints.rotate("alice", issued.id)
    assert renewed is not None

    # When
    job_id = draw(jobs)
    sender.drain()

    # Then
    (seen,) = receiver.seen
    for secret in (issued.secret, renewed.secret):
        assert Webhook(secret).verify(seen.body, seen.headers)["data"]["id"] == job_id
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(seen.body, seen.headers)


def test_a_start_is_told_with_the_job_as_it_is(
    sender: Sender, jobs: JobStore, endpoints: EndpointStore, receiver: Receiver
) -> None:
    endpoints.create("alice", receiver.url, events=(WebhookEvent.STARTED,))
    jobs.submit(new_job())
    assert jobs.claim(QUEUE, "w") is not None

    sender.drain()

    (seen,) = receiver.seen
    message = json.loads(seen.body)
    assert message["type"] == "generation.started"
    assert message["data"]["status"] == "running"


def test_a_test_message_is_tried_once_even_where_the_endpoint_is_off(
    sender: Sender, endpoints: EndpointStore, receiver: Receiver, redis: Redis
) -> None:
    # Given
    issued = endpoints.create("alice", receiver.url, events=(WebhookEvent.COMPLETED,), enabled=False)
    receiver.scripts.append(answer(500))

    # When
    endpoints.test("alice", issued.id)
    sender.drain()

    # Then
    (seen,) = receiver.seen
    message = Webhook(issued.secret).verify(seen.body, seen.headers)
    assert message["type"] == "webhook.test"
    assert message["data"] == {"id": issued.id, "object": "webhook_endpoint"}
    (logged,) = endpoints.deliveries(issued.id)
    assert (logged.state, logged.attempts[0].status) == ("dead", 500)
    assert redis.zcard("easel:outbox") == 0
    after = endpoints.get("alice", issued.id)
    assert after is not None
    assert after.failing_since is None


def test_redelivered_is_the_job_as_it_is_now(
    sender: Sender, jobs: JobStore, endpoints: EndpointStore, receiver: Receiver
) -> None:
    # Given a message that was delivered, and whose job was deleted since
    endpoint = endpoints.create("alice", receiver.url, events=(WebhookEvent.COMPLETED,))
    job_id = draw(jobs)
    sender.drain()
    (logged,) = endpoints.deliveries(endpoint.id)
    jobs.delete(job_id)

    # When
    endpoints.redeliver("alice", endpoint.id, logged.id)
    sender.drain()

    # Then
    first, second = receiver.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == logged.id
    assert json.loads(second.body)["data"] == {"id": job_id, "object": "generation", "status": "succeeded"}


def test_gone_ends_it(sender: Sender, jobs: JobStore, endpoints: EndpointStore, receiver: Receiver) -> None:
    endpoint = endpoints.create("alice", receiver.url, events=(WebhookEvent.COMPLETED,))
    receiver.scripts.append(answer(410))
    draw(jobs)
    sender.drain()
    draw(jobs)
    sender.drain()
    assert len(receiver.seen) == 1
    after = endpoints.get("alice", endpoint.id)
    assert after is not None
    assert after.disabled_reason == "gone"
