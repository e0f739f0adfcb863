"""One registry names all keys, and two Easels with two prefixes share a Redis without a word to each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from redis import Redis

from core.jobs import Status
from core.key_names import DESCRIPTIONS, Family, KeyNames, Single
from core.keys import KeyPolicy
from core.store import (
    EndpointStore,
    EventLog,
    JobStore,
    KeyStore,
    Preview,
    Previews,
    SelectedModels,
    WorkerInfo,
    WorkerRegistry,
)
from core.store.connection import connect
from core.store.limits import Limits
from core.store.uploads import UploadStore, new_upload_id
from core.webhooks import WebhookEvent
from tests.core.samples import new_job, picture

ROOT = Path(__file__).parents[2]
LITERAL = re.compile(r"""['"]easel:""")


def test_every_name_is_described_and_no_other_place_has_any() -> None:
    assert set(DESCRIPTIONS) == {*get_args(Single), *get_args(Family)}
    files = [path for room in ("app", "core", "worker") for path in (ROOT / room).rglob("*.[pl]*")]
    found = [str(path) for path in files if path.suffix in (".py", ".lua") and LITERAL.search(path.read_text("utf-8"))]
    assert found == []


def test_names_are_the_same_for_python_and_for_scripts(redis: Redis) -> None:
    names = KeyNames("other")
    assert (names("leases"), names("backlog", "default", "alice")) == ("other:leases", "other:backlog:default:alice")
    told = redis.eval(names.lua() + "return {KEY.leases, KEY.backlog .. 'default:alice', KEY['webhook:secret']}", 0)
    assert told == [b"other:leases", b"other:backlog:default:alice", b"other:webhook:secret"]


def live(redis: Redis) -> dict[str, object]:
    """A little of everything, and what is seen of it."""
    jobs, keys, endpoints = JobStore(redis, Limits()), KeyStore(redis), EndpointStore(redis)
    new = new_job(webhook_url="https://example.com/", idempotency_key="order-1", fingerprint="f")
    assert not jobs.submit(new).replayed
    jobs.submit(new_job())
    claim = jobs.claim("default", "w1")
    assert claim is not None
    assert claim.job.id == new.id
    Previews(redis).show(new.id, Preview(jpeg=b"x", step=1, steps=2))
    jobs.commit(new.id, claim.attempt, Status.SUCCEEDED, outputs=(picture(new.id),))
    keys.create(KeyPolicy(name="shop"))
    endpoints.create("alice", "https://example.com/", events=(WebhookEvent.COMPLETED,))
    SelectedModels(redis).choose("alice", "mini")
    UploadStore(redis).add(new_upload_id(), "alice", "k", "image/png", 1, {})
    WorkerRegistry(redis).announce(WorkerInfo(name="w1", queue="default", device="cpu", slots=1))
    return seen(redis)


def seen(redis: Redis) -> dict[str, object]:
    jobs = JobStore(redis, Limits())
    listed = jobs.list("alice", before=None, limit=10).jobs
    return {
        "jobs": [job.id for job in listed],
        "pending": jobs.pending("default"),
        "events": [event.type for job in listed for event in EventLog(redis).read(job.id)],
        "keys": len(KeyStore(redis).list()),
        "endpoints": [endpoint.url for endpoint in EndpointStore(redis).list("alice")],
        "model": SelectedModels(redis).chosen("alice"),
        "workers": [worker.name for worker in WorkerRegistry(redis).alive()],
    }


def test_two_easels_share_a_redis(redis: Redis, redis_url: str) -> None:
    one, other = connect(redis_url, prefix="one"), connect(redis_url, prefix="other")
    nothing = seen(other)

    # Given that one of them is used
    mine = live(one)

    # Then the other sees nothing of it, and does the same under the same names without meeting it
    assert seen(other) == nothing
    theirs = live(other)
    assert theirs != mine
    assert {**theirs, "jobs": mine["jobs"]} == mine

    # and when all of the one is deleted the other is as before
    for name in redis.scan_iter("one:*"):
        redis.delete(name)
    assert seen(other) == theirs
    assert seen(one) == nothing
    assert {name.partition(b":")[0] for name in redis.scan_iter("*")} == {b"other", b"rq"}
    assert {name for name in redis.scan_iter("rq:queue:*")} == {b"rq:queue:one-default", b"rq:queue:other-default"}
