"""Receivers and stores for the keeper's tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from app.http.addresses import AddressPolicy
from app.keeper.http_sender import HttpSender
from app.keeper.sender import Sender
from core.store import JobStore, Outbox
from core.store.limits import Limits
from core.webhooks import new_secret
from tests.app.keeper.receiver import Receiver, running_receiver

SECRET = new_secret()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, Limits())


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis)


@pytest.fixture
def sender(jobs: JobStore, outbox: Outbox) -> Sender:
    return Sender(
        outbox,
        jobs,
        HttpSender(AddressPolicy(["127.0.0.0/8"]), seconds=5),
        base_url="https://easel.example",
        sign=lambda path: "sig=x",
        version="1.2.3",
        secret=SECRET,
        timeout_seconds=5,
        stopping=threading.Event(),
    )
