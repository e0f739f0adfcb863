"""What a job may live through, one step at a time, and what must be true after each. Runs nothing by itself."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from redis import Redis

from core.errors import NotFound
from core.jobs import TRANSITIONS, Progress, Stage, Status
from core.store import EventLog, Filter, JobSearch, JobStore, MarkStore, Reaped, Verdict
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job, outbox_rows, picture

MAX_ATTEMPTS = 3
HOOK = "https://example.com/hook"
OWNERS = ("alice", "bob")


@dataclass
class Expected:
    """What the model believes of one job."""

    status: Status = Status.QUEUED
    attempts: int = 0
    holder: int | None = None
    cancel_requested: bool = False
    images: int = 0
    has_deadline: bool = False
    is_favourite: bool = False
    folders: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        return self.is_favourite or bool(self.folders)

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
        self.marks = MarkStore(self.redis, Limits())
        self.search = JobSearch(self.redis, self.jobs)
        self.expected: dict[str, Expected] = {}
        self.order: list[str] = []
        self.workers = itertools.count()
        self.owners: dict[str, str] = {}

    def pick(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.order)) if self.order else "gen_unknown"

    def of(self, status: Status) -> list[str]:
        return [job_id for job_id in self.order if self.expected[job_id].status is status]

    def pick_held(self, data: st.DataObject) -> tuple[str, int]:
        """A running job and the attempt that holds it."""
        job_id = data.draw(st.sampled_from(self.of(Status.RUNNING)))
        holder = self.expected[job_id].holder
        assert holder is not None
        return job_id, holder

    @initialize()
    def some_wait(self) -> None:
        for owner in OWNERS:
            self.submit(owner, None)

    @rule(owner=st.sampled_from(OWNERS), expires_in=st.sampled_from([None, None, 3600]))
    def submit(self, owner: str, expires_in: float | None) -> None:
        job = self.jobs.submit(new_job(owner=owner, webhook_url=HOOK, expires_in=expires_in)).job
        self.expected[job.id] = Expected(has_deadline=expires_in is not None)
        self.order.append(job.id)
        self.owners[job.id] = owner

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        self.jobs.submit(new_job(job_id=self.pick(data), webhook_url=HOOK))

    @rule(target=claims)
    def claim_next(self) -> object:
        return self.claim() or multiple()

    def claim(self) -> tuple[str, int] | None:
        # Each time another worker: what one worker may hold at a time is not the model's concern.
        claim = self.jobs.claim(QUEUE, f"w{next(self.workers)}")
        waiting = self.of(Status.QUEUED)
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
        expected = self.expected.get(held[0])  # None once it was deleted
        if expected is None or expected.holder != held[1]:
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
        expected, verdict = self.expected.get(job_id) or Expected(), self.verdict(held)
        wanted = Status.SUCCEEDED if succeeds else Status.FAILED
        images = (picture(job_id, attempt),) if succeeds else ()
        answers = {self.jobs.commit(job_id, attempt, wanted, outputs=images) for _ in range(times)}
        if verdict is not Verdict.LOST:
            ended = Status.CANCELED if verdict is Verdict.CANCEL else wanted
            expected.end(ended)
            expected.images = len(images) if verdict is Verdict.HELD else 0
            assert answers == {ended}
        else:
            # What ended under this very attempt is told again; nothing else is.
            assert answers <= ({None, expected.status} if job_id in self.expected else {None})

    @precondition(lambda self: self.of(Status.RUNNING))
    @rule(data=st.data())
    def hand_back(self, data: st.DataObject) -> None:
        self.release(self.pick_held(data))

    def release(self, held: tuple[str, int]) -> None:
        job_id, attempt = held
        expected, verdict = self.expected.get(job_id) or Expected(), self.verdict(held)
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

    @precondition(lambda self: self.of(Status.RUNNING))
    @rule(data=st.data())
    def worker_dies(self, data: st.DataObject) -> None:
        self.die(self.pick_held(data)[0])

    @rule(data=st.data())
    def time_is_up(self, data: st.DataObject) -> None:
        """The deadline of some job is over, if it still has one."""
        job_id = self.pick(data)
        self.redis.zadd("easel:deadlines", {job_id: 1}, xx=True)
        self.jobs.reap()
        expected = self.expected.get(job_id)
        if expected is not None and expected.has_deadline and not expected.status.is_terminal:
            expected.end(Status.FAILED)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.remove(self.pick(data))

    def remove(self, job_id: str) -> None:
        expected = self.expected.get(job_id)
        assert self.jobs.delete(job_id) is (None if expected is None else expected.status.is_terminal)
        if expected is not None and expected.status.is_terminal:
            del self.expected[job_id]
            self.order.remove(job_id)

    @rule(
        data=st.data(),
        favourite=st.sampled_from([None, True, False]),
        folders=st.sampled_from([None, (), ("foxes",), ("foxes", "hens")]),
    )
    def mark(self, data: st.DataObject, favourite: bool | None, folders: tuple[str, ...] | None) -> None:
        self.mark_output(self.pick(data), favourite, folders)

    def mark_output(self, job_id: str, favourite: bool | None, folders: tuple[str, ...] | None) -> None:
        expected = self.expected.get(job_id)
        if expected is None or not expected.images:
            with pytest.raises(NotFound):
                self.marks.mark(job_id, 0, favourite=favourite, folders=folders)
            return
        self.marks.mark(job_id, 0, favourite=favourite, folders=folders)
        expected.is_favourite = expected.is_favourite if favourite is None else favourite
        expected.folders = expected.folders if folders is None else folders

    @rule(owner=st.sampled_from(OWNERS), new=st.sampled_from(["hens", "cocks", ""]))
    def rename_or_remove_a_folder(self, owner: str, new: str) -> None:
        inside = [job_id for job_id in self.of_owner(owner) if "foxes" in self.expected[job_id].folders]
        try:
            if new:
                self.marks.rename_folder(owner, "foxes", new)
            else:
                self.marks.remove_folder(owner, "foxes")
        except NotFound:
            assert not inside
        for job_id in inside:
            kept = [name for name in self.expected[job_id].folders if name != "foxes"]
            self.expected[job_id].folders = tuple(dict.fromkeys([*kept, *([new] if new else [])]))

    def of_owner(self, owner: str) -> list[str]:
        return [job_id for job_id in self.order if self.owners[job_id] == owner]

    @rule()
    def reap_for_nothing(self) -> None:
        assert self.jobs.reap() == Reaped((), (), ())

    @invariant()
    def every_record_is_as_expected(self) -> None:
        for job_id, expected in self.expected.items():
            job = self.jobs.get(job_id)
            assert job is not None
            assert job.status is expected.status
            assert job.attempts == expected.attempts
            assert job.attempts <= MAX_ATTEMPTS
            assert len(job.outputs) == expected.images
            assert (job.finished_at is not None) is job.is_terminal
            assert (job.expires_at is not None) is (job.is_terminal and not expected.is_kept)
            assert [(mark.favourite, mark.folders) for mark in job.marks.values()] == (
                [(expected.is_favourite, expected.folders)] if expected.is_kept else []
            )

    @invariant()
    def the_indexes_agree_with_the_records(self) -> None:
        def of(status: Status) -> set[bytes]:
            return {job_id.encode() for job_id in self.of(status)}

        waiting = {member for owner in OWNERS for member in self.redis.smembers(f"easel:waiting:{owner}")}
        assert set(self.redis.zrange(f"easel:pending:{QUEUE}", 0, -1)) == waiting == of(Status.QUEUED)
        assert set(self.redis.zrange("easel:leases", 0, -1)) == of(Status.RUNNING)
        ended = {job_id.encode() for job_id, seen in self.expected.items() if seen.status.is_terminal}
        kept = {job_id.encode() for job_id, seen in self.expected.items() if seen.is_kept}
        assert set(self.redis.zrange("easel:expiries", 0, -1)) == ended - kept
        timed = {job_id.encode() for job_id, seen in self.expected.items() if seen.has_deadline} - ended
        assert set(self.redis.zrange("easel:deadlines", 0, -1)) == timed

    @invariant()
    def marks_are_found_by(self) -> None:
        for owner in OWNERS:
            jobs = [(job_id, self.expected[job_id]) for job_id in reversed(self.of_owner(owner))]
            assert self.found(owner, Filter(favourite=True)) == [one for one, seen in jobs if seen.is_favourite]
            assert self.marks.kept(owner) == len([one for one, seen in jobs if seen.is_kept])
            names = sorted({name for _, seen in jobs for name in seen.folders})
            assert [folder.name for folder in self.marks.folders(owner)] == names
            for folder in self.marks.folders(owner):
                inside = [one for one, seen in jobs if folder.name in seen.folders]
                assert (self.found(owner, Filter(folder=folder.name)), folder.count) == (inside, len(inside))

    def found(self, owner: str, wanted: Filter) -> list[str]:
        return [job.id for job in self.search.page(owner, wanted, before=None, limit=1000).jobs]

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
