"""What is left of a job in Redis once it was told and deleted: no word of its prompt."""

from __future__ import annotations

import pytest
from redis import Redis

from app.keeper.sender import Sender
from core.jobs import Status
from core.store import EventLog, JobStore, Preview, Previews
from tests.app.keeper.receiver import Receiver, answer
from tests.core.samples import QUEUE, new_job, picture

PROMPT = b"a red apple"


def everything(redis: Redis) -> bytes:
    """All that Redis holds, keys and values, as one text."""
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
    jobs.commit(job_id, claim.attempt, Status.SUCCEEDED, images=(picture(job_id),))
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


def test_a_message_that_is_still_owed_keeps_its_bytes(
    sender: Sender, jobs: JobStore, receiver: Receiver, redis: Redis
) -> None:
    # Given a failed delivery of a job that is then deleted
    job_id = jobs.submit(new_job(webhook_url=receiver.url)).job.id
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job_id, claim.attempt, Status.SUCCEEDED, images=(picture(job_id),))
    receiver.scripts.append(answer(500))
    sender.deliver_one()
    jobs.delete(job_id)

    # When it is tried again
    redis.zadd("easel:outbox", {f"msg_{job_id.removeprefix('gen_')}": 1}, xx=True)
    sender.deliver_one()

    # Then the receiver gets the same bytes, and then they are gone
    assert receiver.seen[0].body == receiver.seen[1].body
    assert PROMPT not in everything(redis)
