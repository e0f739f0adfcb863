"""The records that tests of the store and of the keeper start from."""

from __future__ import annotations

from redis import Redis

from core.jobs import GenerationRequest, Priority, new_job_id
from core.media import Artifact
from core.schedulers import Scheduler
from core.store import Claim, JobStore, NewJob
from core.tasks.diffusion import DiffusionParameters

QUEUE = "default"

PARAMETERS = DiffusionParameters(
    prompt="a red apple",
    width=256,
    height=256,
    num_inference_steps=20,
    guidance_scale=4.0,
    scheduler=Scheduler.DDIM,
)
REQUEST = GenerationRequest(task="text-to-image", model="easel-mini", parameters=PARAMETERS, seeds=(7,))


def new_job(
    *,
    owner: str = "alice",
    queue: str = QUEUE,
    job_id: str | None = None,
    webhook_url: str | None = None,
    idempotency_key: str | None = None,
    fingerprint: str = "",
    steps: int = PARAMETERS.num_inference_steps,
    priority: Priority = Priority.NORMAL,
    weight: float = 1.0,
    expires_in: float | None = None,
) -> NewJob:
    return NewJob(
        id=job_id or new_job_id(),
        owner=owner,
        queue=queue,
        request=REQUEST.evolve(parameters=PARAMETERS.evolve(num_inference_steps=steps)),
        priority=priority,
        weight=weight,
        expires_in=expires_in,
        metadata={"order": "42"},
        webhook_url=webhook_url,
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
    )


def claimed(jobs: JobStore, webhook_url: str | None = None) -> Claim:
    """A new job, running at the worker `w1`."""
    jobs.submit(new_job(webhook_url=webhook_url))
    claim = jobs.claim(QUEUE, "w1")
    assert claim is not None
    return claim


def picture(job_id: str, attempt: int = 1) -> Artifact:
    return Artifact(
        index=0,
        key=f"{job_id}/{attempt}/0.png",
        seed=7,
        medium="image/png",
        size_bytes=3,
        facts={"width": 256, "height": 256},
    )


def worker_dies(redis: Redis, job_id: str) -> None:
    """What time does to a silent worker, at once: its lease is over."""
    assert redis.zadd("easel:leases", {job_id: 1}, xx=True, ch=True) == 1


def outbox_rows(redis: Redis, job_id: str) -> int:
    """Webhook rows that were ever written for the job and are kept."""
    return sum(redis.hget(key, "job") == job_id.encode() for key in redis.scan_iter("easel:delivery:*"))
