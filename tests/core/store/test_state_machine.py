"""A model of a job's life, walked at random by hypothesis against the real scripts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from core.jobs import TRANSITIONS, Progress, Stage, Status
from core.store import EventLog, JobStore, Verdict
from core.store.jobs import Limits
from tests.core.samples import QUEUE, new_job, outbox_rows, picture

MAX_ATTEMPTS = 3
HOOK = "https://example.com/hook"


@dataclass
class Expected:
    """What the model believes of one job."""

    status: Status = Status.QUEUED
    attempts: int = 0
    holder: int | None = None
    cancel_requested: bool = False
    images: int = 0

    def end(self, status: Status) -> None:
        self.status, self.holder = status, None


class JobLife(RuleBasedStateMachine):
    redis: Redis

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.jobs = JobStore(self.redis, Limits(max_attempts=MAX_ATTEMPTS))
        self.events = EventLog(self.redis)
        self.expected: dict[str, Expected] = {}
        self.order: list[str] = []
        self.workers = itertools.count()
        self.owners: dict[str, str] = {}

    def pick(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.order)) if self.order else "gen_unknown"

    @rule(owner=st.sampled_from(["alice", "bob"]))
    def submit(self, owner: str) -> None:
        job = self.jobs.submit(new_job(owner=owner, webhook_url=HOOK)).job
        self.expected[job.id] = Expected()
        self.order.append(job.id)
        self.owners[job.id] = owner

    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        if self.order:
            self.jobs.submit(new_job(job_id=self.pick(data), webhook_url=HOOK))

    @rule(target=claims)
    def claim_next(self) -> object:
        return self.claim() or multiple()

    def claim(self) -> tuple[str, int] | None:
        # Each time another worker: what one worker may hold at a time is not the model's concern.
        claim = self.jobs.claim(QUEUE, f"w{next(self.workers)}")
        waiting = [job_id for job_id in self.order if self.expected[job_id].status is Status.QUEUED]
        if claim is None:
            assert not waiting
            return None
        of_this_owner = [job_id for job_id in waiting if self.owners[job_id] == claim.job.owner]
        assert claim.job.id == of_this_owner[0]
        expected = self.expected[claim.job.id]
        expected.status = Status.RUNNING
        expected.attempts += 1
        expected.holder = claim.attempt
        assert claim.job.attempts == expected.attempts
        return claim.job.id, claim.attempt

    def verdict(self, held: tuple[str, int]) -> Verdict:
        expected = self.expected[held[0]]
        if expected.holder != held[1]:
            return Verdict.LOST
        return Verdict.CANCEL if expected.cancel_requested else Verdict.HELD

    @rule(held=claims)
    def renew(self, held: tuple[str, int]) -> None:
        assert self.jobs.renew([held]) == {held: self.verdict(held)}

    @rule(held=claims, step=st.integers(1, 20))
    def progress(self, held: tuple[str, int], step: int) -> None:
        before = self.jobs.get(held[0])
        answer = self.jobs.progress(*held, Progress(stage=Stage.DENOISE, step=step, steps=20))
        assert answer is self.verdict(held)
        if answer is Verdict.LOST:
            assert self.jobs.get(held[0]) == before

    @rule(held=claims, succeeds=st.booleans(), times=st.integers(1, 2))
    def commit_once_or_twice(self, held: tuple[str, int], succeeds: bool, times: int) -> None:
        """Also late: a claim stays in the bundle after its end."""
        self.commit(held, succeeds, times)

    def commit(self, held: tuple[str, int], succeeds: bool, times: int) -> None:
        job_id, attempt = held
        expected, verdict = self.expected[job_id], self.verdict(held)
        wanted = Status.SUCCEEDED if succeeds else Status.FAILED
        images = (picture(job_id, attempt),) if succeeds else ()
        answers = {self.jobs.commit(job_id, attempt, wanted, images=images) for _ in range(times)}
        if verdict is not Verdict.LOST:
            ended = Status.CANCELED if verdict is Verdict.CANCEL else wanted
            expected.end(ended)
            expected.images = len(images) if verdict is Verdict.HELD else 0
            assert answers == {ended}
        else:
            # What ended under this very attempt is told again; nothing else is.
            assert answers <= {None, expected.status}

    @rule(held=claims)
    def hand_back(self, held: tuple[str, int]) -> None:
        self.release(held)

    def release(self, held: tuple[str, int]) -> None:
        job_id, attempt = held
        expected, verdict = self.expected[job_id], self.verdict(held)
        assert self.jobs.release(job_id, attempt, QUEUE) is (verdict is not Verdict.LOST)
        if verdict is Verdict.CANCEL:
            expected.end(Status.CANCELED)
        elif verdict is Verdict.HELD:
            expected.status, expected.holder = Status.QUEUED, None
            expected.attempts -= 1

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = self.pick(data)
        job = self.jobs.cancel(job_id)
        if job is None:
            assert job_id not in self.expected
            return
        expected = self.expected[job_id]
        if expected.status is Status.QUEUED:
            expected.end(Status.CANCELED)
        expected.cancel_requested = expected.cancel_requested or not expected.status.is_terminal

    def running(self) -> list[str]:
        return [job_id for job_id in self.order if self.expected[job_id].status is Status.RUNNING]

    def die(self, job_id: str) -> None:
        """The lease of a running job runs out and the reaper sees it."""
        self.redis.zadd("easel:leases", {job_id: 1})
        self.jobs.reap()
        expected = self.expected[job_id]
        expected.holder = None
        if expected.cancel_requested:
            expected.end(Status.CANCELED)
        elif expected.attempts >= MAX_ATTEMPTS:
            expected.end(Status.FAILED)
        else:
            expected.status = Status.QUEUED

    @rule(data=st.data())
    def worker_dies(self, data: st.DataObject) -> None:
        if self.running():
            self.die(data.draw(st.sampled_from(self.running())))

    # The next rules are sequences that single steps would hit too rarely: without them, mutants of the scripts live.

    def speak_late(self, held: tuple[str, int]) -> None:
        """Everything that a worker may still say of an attempt that is no longer its own."""
        assert self.verdict(held) is Verdict.LOST
        self.renew(held)
        self.progress(held, step=1)
        assert self.jobs.release(*held, QUEUE) is False
        self.commit(held, succeeds=True, times=1)

    @rule(target=claims, held=claims)
    def a_frozen_worker_wakes_up(self, held: tuple[str, int]) -> object:
        if self.verdict(held) is Verdict.LOST:
            return multiple()
        self.die(held[0])
        again = self.claim()
        self.speak_late(held)
        return again or multiple()

    @rule(target=claims, held=claims)
    def a_worker_speaks_after_it_handed_back(self, held: tuple[str, int]) -> object:
        if self.verdict(held) is Verdict.LOST:
            return multiple()
        self.release(held)
        again = self.claim()
        self.speak_late(held)
        return again or multiple()

    @rule(target=claims)
    def workers_keep_dying(self) -> object:
        """Claim and die until a job is at its end; every claim is left over for late calls."""
        held = []
        for _ in range(2 * MAX_ATTEMPTS):
            claim = self.claim()
            if claim is None:
                break
            held.append(claim)
            self.die(claim[0])
            if self.expected[claim[0]].status.is_terminal:
                break
        return multiple(*held)

    @rule(data=st.data())
    def the_worker_of_a_canceled_job_dies(self, data: st.DataObject) -> None:
        if self.running():
            job_id = data.draw(st.sampled_from(self.running()))
            self.jobs.cancel(job_id)
            self.expected[job_id].cancel_requested = True
            self.die(job_id)

    @rule(target=claims)
    def a_cancel_comes_just_before_the_result(self) -> object:
        held = self.claim()
        if held is None:
            return multiple()
        self.jobs.cancel(held[0])
        self.expected[held[0]].cancel_requested = True
        self.commit(held, succeeds=True, times=1)
        return held

    @rule()
    def reap_for_nothing(self) -> None:
        reaped = self.jobs.reap()
        assert (reaped.requeued, reaped.failed, reaped.canceled) == ((), (), ())

    @invariant()
    def every_record_is_as_expected(self) -> None:
        for job_id, expected in self.expected.items():
            job = self.jobs.get(job_id)
            assert job is not None
            assert job.status is expected.status
            assert job.attempts == expected.attempts
            assert job.attempts <= MAX_ATTEMPTS
            assert len(job.images) == expected.images
            assert (job.finished_at is not None) is job.status.is_terminal

    @invariant()
    def the_indexes_agree_with_the_records(self) -> None:
        def of(status: Status) -> set[bytes]:
            return {job_id.encode() for job_id, seen in self.expected.items() if seen.status is status}

        waiting = {member for owner in ("alice", "bob") for member in self.redis.smembers(f"easel:waiting:{owner}")}
        assert set(self.redis.zrange(f"easel:pending:{QUEUE}", 0, -1)) == waiting == of(Status.QUEUED)
        assert set(self.redis.zrange("easel:leases", 0, -1)) == of(Status.RUNNING)
        ended = {job_id.encode() for job_id, seen in self.expected.items() if seen.status.is_terminal}
        assert set(self.redis.zrange("easel:expiries", 0, -1)) == ended

    @invariant()
    def each_job_ends_once_and_is_owed_one_webhook(self) -> None:
        for job_id, expected in self.expected.items():
            told = [event.type for event in self.events.read(job_id)]
            endings = [Status(word) for word in told if word in set(Status) and Status(word).is_terminal]
            assert endings == ([expected.status] if expected.status.is_terminal else [])
            assert not endings or told[-1] == endings[0]
            assert outbox_rows(self.redis, job_id) == len(endings)

    @invariant()
    def each_step_is_one_that_the_statuses_allow(self) -> None:
        words = {"queued": Status.QUEUED, "started": Status.RUNNING}
        for job_id in self.order:
            told = [words.get(event.type) or event.type for event in self.events.read(job_id)]
            path = [Status(word) for word in told if word in set(Status)]
            for before, after in itertools.pairwise(path):
                assert after in TRANSITIONS[before]


@pytest.fixture
def machine(redis: Redis) -> Iterator[type[JobLife]]:
    JobLife.redis = redis
    yield JobLife
    del JobLife.redis


def test_a_jobs_life_at_random(machine: type[JobLife]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
