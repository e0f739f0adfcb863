"""Records of other versions: those of before a job was a typed task, and those of a version to come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core.jobs import Job, JobError, Progress, Stage, Status
from core.key_names import KeyNames
from core.media import Artifact
from core.store import EndpointStore, EventLog, JobStore, KeyStore, WorkerRegistry
from core.store.limits import Limits
from core.store.records import SCHEMA
from tests.core.samples import new_job

KEY = KeyNames()
RECORDS: dict[str, Any] = json.loads(Path(__file__).with_name("records_of_schema_1.json").read_text(encoding="utf-8"))
"""All that the version before wrote for seven jobs in every state, a key, an endpoint and a worker."""

EVERYTHING = {"easel-mini": ("text-to-image", "image-to-image", "inpaint")}


def job_id(number: int) -> str:
    return f"gen_{number:040x}"


@pytest.fixture
def before(redis: Redis) -> JobStore:
    """The store of this version, over what the one before left behind."""
    for name, entry in RECORDS.items():
        value = entry["value"]
        match entry["type"]:
            case "hash":
                redis.hset(name, mapping=value)
            case "zset":
                redis.zadd(name, value)
            case "set":
                redis.sadd(name, *value)
            case "list":
                redis.rpush(name, *value)
            case "stream":
                for event_id, fields in value:
                    redis.xadd(name, fields, id=event_id)
            case _:
                redis.set(name, value)
    return JobStore(redis, Limits())


def known(jobs: JobStore, number: int) -> Job:
    job = jobs.get(job_id(number))
    assert job is not None
    return job


def test_what_was_written_before_is_listed_and_shown(before: JobStore) -> None:
    owner = known(before, 1).owner
    assert [job.status for job in before.list("alice", before=None, limit=10).jobs] == [
        Status.QUEUED, Status.QUEUED, Status.RUNNING, Status.CANCELED, Status.FAILED,
    ]  # fmt: skip
    assert [job.id for job in before.list(owner, before=None, limit=10).jobs] == [job_id(7), job_id(1)]

    # An ended job has its pictures
    done = known(before, 1)
    assert (done.schema_number, done.status, done.webhook_url) == (1, Status.SUCCEEDED, "https://example.com/one")
    assert done.outputs[1] == Artifact(
        index=1,
        key=f"{done.id}/1/1.webp",
        medium="image/webp",
        seed=8,
        size_bytes=1001,
        facts={"width": 256, "height": 192},
    )
    assert (done.notes, done.timings) == (("out of memory in denoise",), {"denoise": 1.5})

    # and one that starts from pictures knows where they lie
    waiting = known(before, 6)
    request = waiting.request
    assert (request.task, request.output.format, request.output.quality) == ("inpaint", "jpeg", 80)
    assert request.parameters.model_dump()["strength"] == 0.7
    assert [(given.role, given.key) for given in request.inputs] == [
        ("image", f"{waiting.id}/input/image.png"),
        ("mask", f"{waiting.id}/input/mask.png"),
    ]
    assert known(before, 3).status is Status.CANCELED
    assert known(before, 2).error == JobError(code="out_of_memory", message="too large")
    assert known(before, 4).progress == Progress(stage=Stage.DENOISE, step=5, steps=20)


def test_what_was_written_before_is_claimed_by_who_can_and_ended(before: JobStore, redis: Redis) -> None:
    # Given a worker that draws from words alone, and one that can do everything
    words = {"easel-mini": ("text-to-image",)}
    first = before.claim("default", "words", words)
    assert first is not None
    assert (first.job.id, first.job.request.task) == (job_id(5), "text-to-image")
    assert before.claim("default", "words", words) is None

    claimed = [claim for _ in "ab" if (claim := before.claim("default", "all", EVERYTHING))]
    assert {claim.job.id for claim in claimed} == {job_id(6), job_id(7)}

    # Then both end them, cancel what runs, and forget all of it in time
    for claim in (first, *claimed):
        assert before.commit(claim.job.id, claim.attempt, Status.SUCCEEDED) is Status.SUCCEEDED
    assert before.cancel(job_id(4)) is not None
    redis.zadd(KEY("leases"), {job_id(4): 1})
    assert before.reap().canceled == (job_id(4),)
    for number in range(1, 8):
        redis.zadd(KEY("expiries"), {job_id(number): 1})
    for due in before.expired():
        assert before.delete(due) is True
    assert before.list("alice", before=None, limit=10).jobs == ()


def test_a_repeated_call_of_before_finds_its_job(before: JobStore) -> None:
    again = new_job(owner=known(before, 1).owner, idempotency_key="order-1", fingerprint="f1")
    assert before.submit(again).job.id == job_id(1)


def test_keys_endpoints_events_and_workers_of_before(before: JobStore, redis: Redis) -> None:
    (key,) = KeyStore(redis).list()
    assert (key.name, key.max_running, key.images_per_day) == ("web shop", 3, 500)
    (endpoint,) = EndpointStore(redis).list(key.owner)
    assert endpoint.url == "https://example.com/hooks"
    assert [event.type for event in EventLog(redis).read(job_id(1))] == ["queued", "started", "progress", "succeeded"]
    (worker,) = WorkerRegistry(redis).alive()
    assert worker.models == ("easel-mini",)


@pytest.fixture
def to_come(redis: Redis) -> JobStore:
    """A store in which a newer version wrote, with words that this one does not know."""
    jobs = JobStore(redis, Limits())
    for number, changes in enumerate(
        (
            {"mood": "serene"},
            {
                "request": {"air": "fresh", "parameters": {"notes": ["musk"]}, "task": "text-to-smell"},
                "task": "text-to-smell",
            },
            {"priority": "urgent"},
            {"schema": str(SCHEMA + 97)},
        )
    ):
        new = new_job(job_id=job_id(number))
        jobs.submit(new)
        name = KEY("job", new.id)
        written = json.loads(redis.hget(name, "request") or "{}")
        fields = {**changes}
        if "request" in fields:
            fields["request"] = json.dumps({**written, **fields["request"]})  # type: ignore[dict-item]
        redis.hset(name, mapping=fields)
    return jobs


def test_what_a_newer_version_wrote_is_listed_and_shown(to_come: JobStore) -> None:
    listed = to_come.list("alice", before=None, limit=10).jobs

    assert [job.id for job in listed] == [job_id(3), job_id(2), job_id(1), job_id(0)]
    assert (known(to_come, 1).request.task, known(to_come, 2).priority) == ("text-to-smell", "urgent")
    assert known(to_come, 1).request.parameters.model_dump() == {"notes": ["musk"]}
    assert known(to_come, 3).schema_number == SCHEMA + 97


def test_what_a_newer_version_wrote_is_claimed_by_who_can(to_come: JobStore) -> None:
    # Given a worker of this version, with a field and a class of jobs that it does not know before it
    taken = []
    while claim := to_come.claim("default", "w1", EVERYTHING):
        taken.append(claim.job.id)

    # Then it leaves alone what it cannot do and what it may misread, without a start used
    assert taken == [job_id(0), job_id(2)]
    assert [known(to_come, number).attempts for number in (1, 3)] == [0, 0]
    # and who can smell takes the one
    smelling = to_come.claim("default", "w2", {"easel-mini": ("text-to-smell",)})
    assert smelling is not None
    assert smelling.job.id == job_id(1)


def test_what_a_newer_version_wrote_runs_out_and_is_canceled(to_come: JobStore, redis: Redis) -> None:
    redis.zadd(KEY("deadlines"), {job_id(1): 1})
    assert to_come.reap().expired == (job_id(1),)
    canceled = to_come.cancel(job_id(3))
    assert canceled is not None
    assert canceled.status is Status.CANCELED
    assert to_come.delete(job_id(1)) is True


def test_jobs_that_nobody_can_do_hold_up_nobody(redis: Redis) -> None:
    # Given one owner with many jobs for another worker, and a second owner behind
    jobs = JobStore(redis, Limits())
    for _ in range(30):
        jobs.submit(new_job(owner="alice"))
        redis.hset(KEY("job", jobs.list("alice", before=None, limit=1).jobs[0].id), "task", "text-to-smell")
    jobs.submit(new_job(owner="bob"))
    jobs.submit(new_job(owner="alice"))

    # When a worker takes what it can, Then both get their turn
    owners = [claim.job.owner for _ in "ab" if (claim := jobs.claim("default", "w1", EVERYTHING))]
    assert sorted(owners) == ["alice", "bob"]
    assert jobs.claim("default", "w1", EVERYTHING) is None
    assert jobs.pending("default") == 30
