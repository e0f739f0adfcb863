"""Deliveries from the outbox to a real receiver: signed, retried, given up, never told to the log."""

from __future__ import annotations

import json
import logging
import threading

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from standardwebhooks import Webhook, WebhookVerificationError

from app.http.addresses import AddressPolicy
from app.keeper.http_sender import HttpSender
from app.keeper.schedule import DELAYS
from app.keeper.sender import Sender
from core.jobs import Status
from core.store import JobStore, Outbox
from core.webhooks import secret_of_owner
from tests.app.keeper.conftest import SECRET
from tests.app.keeper.receiver import Receiver, answer
from tests.core.samples import QUEUE, new_job, picture


def finished(jobs: JobStore, url: str) -> str:
    """The message id of a job that has just succeeded."""
    job = jobs.submit(new_job(webhook_url=url)).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job.id, claim.attempt, Status.SUCCEEDED, outputs=(picture(job.id),))
    return f"msg_{job.id.removeprefix('gen_')}"


def due_now(redis: Redis, message_id: str) -> None:
    assert redis.zadd("easel:outbox", {message_id: 1}, xx=True, ch=True) == 1


def seconds_until_due(redis: Redis, message_id: str) -> float:
    due = redis.zscore("easel:outbox", message_id)
    assert due is not None
    seconds, microseconds = redis.time()
    return due / 1000 - seconds - microseconds / 1e6


def test_a_webhook_is_the_job_signed(sender: Sender, jobs: JobStore, outbox: Outbox, receiver: Receiver) -> None:
    # Given
    message_id = finished(jobs, receiver.url)

    # When
    assert sender.deliver_one()

    # Then
    (seen,) = receiver.seen
    message = Webhook(SECRET).verify(seen.body, seen.headers)
    assert message["type"] == "generation.succeeded"
    assert message["data"]["id"] == f"gen_{message_id.removeprefix('msg_')}"
    assert message["data"]["status"] == "succeeded"
    assert message["data"]["metadata"] == {"order": "42"}
    assert message["data"]["outputs"][0]["url"].startswith("https://easel.example/v1/results/gen_")
    assert message["data"]["outputs"][0]["url"].endswith("/0.png?sig=x")
    assert seen.headers["webhook-id"] == message_id
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["user-agent"] == "Easel/1.2.3"
    assert len(seen.body) < 20_000
    assert outbox.state(message_id)["state"] == "delivered"
    assert not sender.deliver_one()


def test_the_jobs_of_a_key_are_signed_with_its_own_secret(sender: Sender, jobs: JobStore, receiver: Receiver) -> None:
    # Given a job of a key that was made, deleted before its owner was told
    owner = "key_1f0c9a7e"
    job = jobs.submit(new_job(owner=owner, webhook_url=receiver.url)).job
    jobs.cancel(job.id)
    jobs.delete(job.id)

    # When
    assert sender.deliver_one()

    # Then the server's secret, or another key's, does not fit
    (seen,) = receiver.seen
    Webhook(secret_of_owner(SECRET, owner)).verify(seen.body, seen.headers)
    for wrong in (SECRET, secret_of_owner(SECRET, "key_00000000")):
        with pytest.raises(WebhookVerificationError):
            Webhook(wrong).verify(seen.body, seen.headers)


def test_a_retry_sends_the_same_bytes_under_the_same_id(
    jobs: JobStore, outbox: Outbox, receiver: Receiver, redis: Redis
) -> None:
    # Given a sender with a clock, and a receiver that is down at first
    clock = iter([1_000.0, 2_000.0])
    sender = Sender(
        outbox,
        jobs,
        HttpSender(AddressPolicy(["127.0.0.0/8"]), seconds=5),
        base_url="https://easel.example",
        sign=lambda path: "sig=x",
        version="1",
        secret=SECRET,
        timeout_seconds=5,
        stopping=threading.Event(),
        clock=lambda: next(clock),
    )
    receiver.scripts.append(answer(500))
    message_id = finished(jobs, receiver.url)

    # When
    sender.deliver_one()
    first_state, first_due = outbox.state(message_id), seconds_until_due(redis, message_id)
    due_now(redis, message_id)
    sender.deliver_one()

    # Then
    first, second = receiver.seen
    assert first_state["state"] == "pending"
    assert first_state["last_error"] == "the receiver answered 500"
    assert 3 <= first_due <= 6
    assert second.body == first.body
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert [seen.headers["webhook-timestamp"] for seen in receiver.seen] == ["1000", "2000"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert outbox.state(message_id)["state"] == "delivered"


def test_ten_failures_are_the_end_and_follow_the_table(
    sender: Sender, jobs: JobStore, outbox: Outbox, receiver: Receiver, redis: Redis
) -> None:
    # Given
    receiver.scripts.extend([answer(503)] * 20)
    message_id = finished(jobs, receiver.url)

    # When
    waits = []
    for _ in range(9):
        sender.deliver_one()
        waits.append(seconds_until_due(redis, message_id))
        due_now(redis, message_id)
    sender.deliver_one()

    # Then
    assert len(receiver.seen) == 10
    assert outbox.state(message_id)["state"] == "dead"
    assert redis.zcard("easel:outbox") == 0
    for wait, delay in zip(waits, DELAYS[1:], strict=True):
        assert 0.9 * delay - 3 <= wait <= 1.1 * delay + 3


@pytest.mark.parametrize(("status", "state"), [(410, "dead"), (404, "pending"), (302, "pending"), (202, "delivered")])
def test_what_an_answer_means(
    sender: Sender, jobs: JobStore, outbox: Outbox, receiver: Receiver, status: int, state: str
) -> None:
    receiver.scripts.append(answer(status))
    message_id = finished(jobs, receiver.url)
    sender.deliver_one()
    assert outbox.state(message_id)["state"] == state
    assert outbox.state(message_id)["last_status"] == str(status)


def test_a_receiver_may_ask_for_patience(sender: Sender, jobs: JobStore, receiver: Receiver, redis: Redis) -> None:
    receiver.scripts.append(answer(429, Retry_After="3600"))
    message_id = finished(jobs, receiver.url)
    sender.deliver_one()
    assert 3_590 <= seconds_until_due(redis, message_id) <= 3_601


def test_a_url_that_is_none_is_given_up_at_once(sender: Sender, jobs: JobStore, outbox: Outbox) -> None:
    message_id = finished(jobs, "mailto:someone@example.com")
    sender.deliver_one()
    assert outbox.state(message_id)["state"] == "dead"


def test_a_job_deleted_meanwhile_is_still_reported(sender: Sender, jobs: JobStore, receiver: Receiver) -> None:
    # Given
    message_id = finished(jobs, receiver.url)
    job_id = f"gen_{message_id.removeprefix('msg_')}"
    jobs.delete(job_id)

    # When
    sender.deliver_one()

    # Then
    message = Webhook(SECRET).verify(receiver.seen[0].body, receiver.seen[0].headers)
    assert message["type"] == "generation.succeeded"
    assert message["data"] == {"id": job_id, "object": "generation", "status": "succeeded"}


def test_a_row_that_cannot_be_prepared_holds_up_nobody(
    sender: Sender, jobs: JobStore, outbox: Outbox, receiver: Receiver, redis: Redis
) -> None:
    # Given a record that nobody can read, and another job after it
    poison = finished(jobs, receiver.url)
    redis.hset(f"easel:job:gen_{poison.removeprefix('msg_')}", "request", "{")
    due_now(redis, poison)
    sound = finished(jobs, receiver.url)

    # When
    sender.drain()

    # Then
    assert outbox.state(sound)["state"] == "delivered"
    assert outbox.state(poison)["state"] == "pending"
    assert outbox.state(poison)["last_error"] == "the message could not be prepared"
    assert seconds_until_due(redis, poison) > 0

    # And it is given up like any other
    for _ in range(9):
        due_now(redis, poison)
        sender.deliver_one()
    assert outbox.state(poison)["state"] == "dead"


def test_without_a_secret_in_the_settings_one_is_made_and_kept(
    jobs: JobStore, outbox: Outbox, receiver: Receiver
) -> None:
    # Given
    senders = [
        Sender(
            outbox,
            jobs,
            HttpSender(AddressPolicy(["127.0.0.0/8"]), seconds=5),
            base_url="https://easel.example",
            sign=lambda path: "sig=x",
            version="1",
            secret=None,
            timeout_seconds=5,
            stopping=threading.Event(),
        )
        for _ in range(2)
    ]

    # When
    for sender in senders:
        finished(jobs, receiver.url)
        sender.deliver_one()

    # Then
    verifier = Webhook(outbox.secret("whsec_unused"))
    for seen in receiver.seen:
        verifier.verify(seen.body, seen.headers)
    assert len(receiver.seen) == 2


def test_an_outcome_survives_a_moment_without_redis(
    sender: Sender, jobs: JobStore, outbox: Outbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Redis that is away when the delivery is written down
    message_id = finished(jobs, receiver.url)
    settle, failures = outbox.settle, [RedisConnectionError("gone"), RedisConnectionError("gone")]

    def flaky(*args: object, **kwargs: object) -> None:
        if failures:
            raise failures.pop()
        settle(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "settle", flaky)

    # When
    sender.deliver_one()

    # Then
    assert outbox.state(message_id)["state"] == "delivered"
    assert len(receiver.seen) == 1


def test_senders_share_the_work(sender: Sender, jobs: JobStore, receiver: Receiver, outbox: Outbox) -> None:
    # Given
    messages = {finished(jobs, receiver.url) for _ in range(40)}

    # When
    threads = [threading.Thread(target=sender.drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Then each went out once
    assert sorted(seen.headers["webhook-id"] for seen in receiver.seen) == sorted(messages)


def test_logs_hold_no_secret_no_url_and_no_body(
    sender: Sender, jobs: JobStore, receiver: Receiver, caplog: pytest.LogCaptureFixture, redis: Redis
) -> None:
    # Given
    caplog.set_level(logging.INFO, logger="app")
    receiver.scripts.extend([answer(500), answer(204)])
    finished(jobs, receiver.url + "?token=hush")

    # When
    sender.deliver_one()
    for message_id in redis.zrange("easel:outbox", 0, -1):
        due_now(redis, message_id.decode())
    sender.deliver_one()

    # Then
    text = json.dumps([{**record.__dict__, "exc_info": None} for record in caplog.records], default=str)
    assert "webhook pending" in text
    assert "webhook delivered" in text
    for canary in (SECRET, SECRET.removeprefix("whsec_"), "hush", receiver.url, "a red apple", "v1,"):
        assert canary not in text
