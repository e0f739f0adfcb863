"""A receiver that hangs holds up its own messages, and an owner of many such receivers their own; nobody else's."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from redis import Redis

from app.keeper.delivery_slots import MAX_PER_HOST, MAX_PER_OWNER, DeliverySlots
from app.keeper.process import SENDERS
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
    slots = DeliverySlots(per_host=1)
    with slots.take("https://a.test/hook", "x") as first:
        with (
            slots.take("https://A.test:8443/other", "y") as second,
            slots.take("https://b.test/", "x") as elsewhere,
        ):
            assert (first, second, elsewhere) == (True, False, True)
        with slots.take("https://a.test/", "x") as still_full:
            assert not still_full
    with slots.take("https://a.test/", "x") as again:
        assert again
    assert not slots._busy


def test_a_url_without_a_host_is_no_error() -> None:
    with DeliverySlots().take("http://[broken", "x") as free:
        assert free


def test_many_names_do_not_help_their_owner() -> None:
    # Given an owner with as many deliveries under way as there may be, each to another host
    slots = DeliverySlots()
    with ExitStack() as under_way:
        for number in range(MAX_PER_OWNER):
            assert under_way.enter_context(slots.take(f"https://{number}.test/", "greedy"))

        # Then the next one waits, and another owner's does not
        with (
            slots.take("https://another.test/", "greedy") as theirs,
            slots.take("https://0.test/", "other") as ours,
        ):
            assert (theirs, ours) == (False, True)
    assert MAX_PER_OWNER < SENDERS


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
