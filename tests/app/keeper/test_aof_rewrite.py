"""What is left of a job in Redis once it was told and deleted: no word of its prompt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from app.keeper.expiry import Expiry
from app.keeper.sender import Sender
from core.jobs import Progress, Stage, Status
from core.results import ResultStore
from core.store import EndpointStore, EventLog, JobStore, Preview, Previews
from core.webhooks import WebhookEvent
from tests.app.keeper.receiver import Receiver, answer
from tests.core.samples import QUEUE, new_job, picture

PROMPT = b"a red apple"


def everything(redis: Redis) -> bytes:
    """All that Redis holds, keys and values, as one text."""
    redis.config_set("rdbcompression", "no")  # or a dump would not say it in these words
    return b"\n".join(key + (redis.dump(key) or b"") + repr(_value(redis, key)).encode() for key in redis.scan_iter())


def _value(redis: Redis, key: bytes) -> object:
    kind = redis.type(key)
    return redis.hgetall(key) if kind == b"hash" else redis.get(key) if kind == b"string" else None


@pytest.mark.parametrize("status", [204, 410], ids=["delivered", "given up"])
def test_a_deleted_job_leaves_no_prompt(
    sender: Sender, jobs: JobStore, receiver: Receiver, redis: Redis, status: int
) -> None:
    # Given a job that was drawn, and its owner told or not to be told again
    job_id = jobs.submit(new_job(webhook_url=receiver.url)).job.id
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    Previews(redis).show(job_id, Preview(jpeg=b"\xff\xd8", step=1, steps=2))
    jobs.commit(job_id, claim.attempt, Status.SUCCEEDED, outputs=(picture(job_id),))
    assert PROMPT in everything(redis)
    receiver.scripts.append(answer(status))
    sender.deliver_one()
    assert PROMPT in receiver.seen[0].body

    # When it is deleted
    assert jobs.delete(job_id)

    # Then nothing says what it was
    assert PROMPT not in everything(redis)
    assert EventLog(redis).read(job_id) == ()
    assert redis.exists(f"easel:preview:{job_id}") == 0


@pytest.mark.parametrize("store", [True, False], ids=["expired", "not to be stored"])
def test_a_job_that_goes_by_itself_leaves_no_prompt(
    sender: Sender, jobs: JobStore, receiver: Receiver, redis: Redis, tmp_path: Path, store: bool
) -> None:
    # Given a job of an owner with an endpoint that hears of everything, sent with an idempotency key
    events = (WebhookEvent.STARTED, WebhookEvent.PROGRESS, WebhookEvent.COMPLETED)
    EndpointStore(redis).create("alice", receiver.url, events=events)
    new = replace(new_job(webhook_url=receiver.url, idempotency_key="the-order-key", fingerprint="f"), store=store)
    job_id = jobs.submit(new).job.id
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.progress(job_id, claim.attempt, Progress(stage=Stage.DENOISE, step=1, steps=2))
    Previews(redis).show(job_id, Preview(jpeg=b"\xff\xd8", step=1, steps=2))
    results = ResultStore(tmp_path.as_uri())
    results.put(picture(job_id).key, PROMPT)
    jobs.commit(job_id, claim.attempt, Status.SUCCEEDED, outputs=(picture(job_id),))
    while sender.deliver_one():
        pass
    assert len(receiver.seen) == 4
    assert PROMPT in everything(redis)

    # When its time is over: its picture was fetched, or it was kept for as long as jobs are
    due = redis.zscore("easel:expiries", job_id)
    jobs.fetched(job_id, 0)
    assert (redis.zscore("easel:expiries", job_id) == due) is store
    redis.zadd("easel:expiries", {job_id: 1}, xx=True)
    Expiry(jobs, results).round()

    # Then neither Redis nor the disk says what it was, nor under which key it was sent
    assert PROMPT not in everything(redis)
    assert b"the-order-key" not in everything(redis)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_message_that_is_still_owed_keeps_its_bytes(
    sender: Sender, jobs: JobStore, receiver: Receiver, redis: Redis
) -> None:
    # Given a failed delivery of a job that is then deleted
    job_id = jobs.submit(new_job(webhook_url=receiver.url)).job.id
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job_id, claim.attempt, Status.SUCCEEDED, outputs=(picture(job_id),))
    receiver.scripts.append(answer(500))
    sender.deliver_one()
    jobs.delete(job_id)

    # When it is tried again
    redis.zadd("easel:outbox", {f"msg_{job_id.removeprefix('gen_')}": 1}, xx=True)
    sender.deliver_one()

    # Then the receiver gets the same bytes, and then they are gone
    assert receiver.seen[0].body == receiver.seen[1].body
    assert PROMPT not in everything(redis)
