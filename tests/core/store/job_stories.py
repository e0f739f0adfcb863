"""Sequences of steps that a random walk would take too rarely: without them, mutants of the scripts live."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from core.jobs import Status
from core.store import Verdict
from tests.core.samples import QUEUE
from tests.core.store.job_life import MAX_ATTEMPTS, JobLife


class JobStories(JobLife):
    claims = JobLife.claims

    def speak_late(self, held: tuple[str, int]) -> None:
        """Everything that a worker may still say of an attempt that is no longer its own."""
        assert self.verdict(held) is Verdict.LOST
        self.renew(held)
        self.progress(held, step=1)
        assert self.jobs.release(*held, QUEUE) is False
        self.commit(held, succeeds=True, times=1)

    @precondition(lambda self: self.of(Status.RUNNING))
    @rule(target=claims, data=st.data())
    def a_frozen_worker_wakes_up(self, data: st.DataObject) -> object:
        held = self.pick_held(data)
        self.die(held[0])
        again = self.claim()
        self.speak_late(held)
        return again or multiple()

    @precondition(lambda self: self.of(Status.RUNNING))
    @rule(target=claims, data=st.data())
    def a_worker_speaks_after_it_handed_back(self, data: st.DataObject) -> object:
        held = self.pick_held(data)
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

    @precondition(lambda self: self.of(Status.RUNNING))
    @rule(data=st.data())
    def the_worker_of_a_canceled_job_dies(self, data: st.DataObject) -> None:
        job_id, _ = self.pick_held(data)
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

    @rule(target=claims)
    def a_kept_picture_is_deleted(self) -> object:
        held = self.claim()
        if held is None:
            return multiple()
        self.commit(held, succeeds=True, times=1)
        self.mark_output(held[0], True, ("foxes",))
        self.remove(held[0])
        return held

    @rule(target=claims)
    def time_is_up_while_it_is_drawn(self) -> object:
        self.submit("alice", 3600)
        held = self.claim()
        if held is None or not self.expected[held[0]].has_deadline:
            return held or multiple()
        self.end_in_time(held[0])
        self.speak_late(held)
        return held

    @rule()
    def time_is_up_after_the_end(self) -> None:
        """What has ended stays as it ended."""
        self.submit("bob", 3600)
        held = self.claim()
        if held is not None:
            self.commit(held, succeeds=True, times=1)
            self.redis.zadd("easel:deadlines", {held[0]: 1}, xx=True)
            self.jobs.reap()

    def end_in_time(self, job_id: str) -> None:
        self.redis.zadd("easel:deadlines", {job_id: 1}, xx=True)
        assert self.jobs.reap().expired == (job_id,)
        self.expected[job_id].end(Status.FAILED)
