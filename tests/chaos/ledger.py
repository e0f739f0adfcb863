"""The reckoning after the chaos: what was acknowledged against what is in the store. Knows records, starts nothing."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from core.jobs import TERMINAL_STATUSES, Job, Status
from core.store import EventLog
from tests.chaos.cluster import Cluster
from tests.chaos.quick_engine import colour


@dataclass
class Ledger:
    """What was found; the lists hold ids and must be empty, `statuses` and `attempts` are counts."""

    acknowledged: int
    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    without_row: list[str] = field(default_factory=list)
    wrong_picture: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    worker_crashed: int = 0

    @property
    def started_again(self) -> int:
        return sum(count for attempts, count in self.attempts.items() if attempts > 1)

    def assert_kept(self, max_attempts: int = 3) -> None:
        """Nothing lost, nothing twice, every picture its owner's."""
        assert not self.lost, f"lost: {self.lost}"
        assert not self.unfinished, f"unfinished: {self.unfinished}"
        assert not self.doubled, f"ended not exactly once: {self.doubled}"
        assert not self.unknown, f"accepted twice, or never told: {self.unknown}"
        assert not self.without_row, f"without their one webhook row: {self.without_row}"
        assert not self.wrong_picture, f"another attempt's or job's picture: {self.wrong_picture}"
        assert max(self.attempts) <= max_attempts
        assert self.statuses.keys() <= {Status.SUCCEEDED, Status.FAILED}
        assert self.statuses[Status.FAILED] == self.worker_crashed


def reckon(cluster: Cluster, acknowledged: Iterable[str]) -> Ledger:
    """Compare every acknowledged job with its record, its events, its webhook row and its picture."""
    ids = list(acknowledged)
    assert len(ids) == len(set(ids)), "two submissions were answered with one job"
    ledger = Ledger(acknowledged=len(ids))
    kept = {key.decode().removeprefix("easel:job:") for key in cluster.redis.scan_iter("easel:job:*", count=1000)}
    ledger.unknown = sorted(kept - set(ids))
    rows = Counter(_row_jobs(cluster))
    events = EventLog(cluster.redis)
    for job_id in ids:
        job = cluster.jobs.get(job_id)
        if job is None:
            ledger.lost.append(job_id)
            continue
        ledger.statuses[job.status] += 1
        ledger.attempts[job.attempts] += 1
        ledger.worker_crashed += job.error is not None and job.error.code == "worker_crashed"
        if not job.is_terminal:
            ledger.unfinished.append(job_id)
            continue
        ends = [event.type for event in events.read(job_id) if event.type in TERMINAL_STATUSES]
        if ends != [job.status]:
            ledger.doubled.append(job_id)
        if rows[job_id] != 1:
            ledger.without_row.append(job_id)
        if job.status is Status.SUCCEEDED and not _is_its_own(cluster, job):
            ledger.wrong_picture.append(job_id)
    return ledger


def _row_jobs(cluster: Cluster) -> Iterable[str]:
    for key in cluster.redis.scan_iter("easel:delivery:*", count=1000):
        owner: Any = cluster.redis.hget(key, "job")
        yield owner.decode()


def _is_its_own(cluster: Cluster, job: Job) -> bool:
    """The picture was drawn by the attempt that committed, of this job's seed, and is whole."""
    fence: Any = cluster.redis.hget(f"easel:job:{job.id}", "fence")
    (image,) = job.outputs
    picture = Image.open(io.BytesIO(cluster.results.read(image.key)))
    return (
        image.key == f"{job.id}/{int(fence)}/0.png"
        and picture.text["seed"] == str(job.request.seeds[0])  # type: ignore[attr-defined]
        and picture.convert("L").getextrema() == (colour(job.request.seeds[0]),) * 2
    )
