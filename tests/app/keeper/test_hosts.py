"""A receiver that hangs holds up its own messages, and nobody else's."""

from __future__ import annotations

import threading

from redis import Redis

from app.keeper.hosts import MAX_PER_HOST, Hosts
from app.keeper.sender import Sender
from core.store import JobStore, Outbox
from tests.app.keeper.receiver import Receiver, running_receiver
from tests.core.samples import new_job


def owe(jobs: JobStore, url: str) -> str:
    """A message that is due."""
    job = jobs.submit(new_job(webhook_url=url)).job
    jobs.cancel(job.id)
    return f"msg_{job.id.removeprefix('gen_')}"


def test_a_host_is_full_until_somebody_leaves() -> None:
    hosts = Hosts(limit=1)
    with hosts.visit("https://a.test/hook") as first:
        with hosts.visit("https://A.test:8443/other") as second, hosts.visit("https://b.test/") as elsewhere:
            assert (first, second, elsewhere) == (True, False, True)
        with hosts.visit("https://a.test/") as still_full:
            assert not still_full
    with hosts.visit("https://a.test/") as again:
        assert again


def test_a_url_without_a_host_is_no_error() -> None:
    with Hosts().visit("http://[broken") as welcome:
        assert welcome


def test_a_hanging_receiver_holds_up_only_its_own(
    sender: Sender, jobs: JobStore, outbox: Outbox, receiver: Receiver, redis: Redis
) -> None:
    # Given a receiver that hangs with as many messages as it may have, and one more for it
    receiver.scripts += [lambda handler: receiver.closing.wait(60) and None] * MAX_PER_HOST
    for _ in range(MAX_PER_HOST):
        owe(jobs, receiver.url)
    threads = [threading.Thread(target=sender.deliver_one, daemon=True) for _ in range(MAX_PER_HOST)]
    for thread in threads:
        thread.start()
    while len(receiver.seen) < MAX_PER_HOST:
        threading.Event().wait(0.01)
    late = owe(jobs, receiver.url)

    with running_receiver(address="127.0.0.2") as healthy:
        other = owe(jobs, healthy.url)
        # When the next sender looks for work
        assert sender.deliver_one()
        assert sender.deliver_one()

        # Then the healthy one was told, and the late message waits a moment with no attempt used
        assert len(healthy.seen) == 1
    assert outbox.state(other)["state"] == "delivered"
    assert outbox.state(late) | {"state": "pending", "attempts": "0"} == outbox.state(late)
    due = redis.zscore("easel:outbox", late)
    assert due is not None
    assert len(receiver.seen) == MAX_PER_HOST
    receiver.closing.set()
    for thread in threads:
        thread.join()
