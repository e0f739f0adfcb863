"""Several jobs as one group: all of them are accepted, or none is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.jobs.prompt_parameters import Variant
from app.jobs.submission import Submissions
from core.errors import PayloadTooLarge
from core.store import JobStore, NewGroup, NewJob, SubmittedGroup
from core.store.groups import Member, new_group_id

MOST_BYTES: Final = 256 * 2**20
"""Of all files that the jobs of a group start from: each has copies of its own."""


@dataclass(frozen=True, slots=True)
class PreparedGroup:
    """Jobs whose files are stored, and their group."""

    jobs: tuple[NewJob, ...]
    group: NewGroup


class GroupSubmissions:
    """Every wire submits its groups here. The calls block, as those of `Submissions` do."""

    def __init__(self, submissions: Submissions, jobs: JobStore) -> None:
        self._submissions = submissions
        self._jobs = jobs

    def prepare(
        self, variants: Sequence[Variant], prompt: str, owner: str, idempotency_key: str | None = None
    ) -> PreparedGroup:
        """The jobs of `variants`, each looked at before a file of the first is written.

        The files of one job at a time are in memory. Raises what `Submissions.prepare` does.
        """
        for variant in variants:
            self._submissions.check(variant.request)
        jobs: list[NewJob] = []
        written = 0
        try:
            for variant in variants:
                prepared = self._submissions.prepare(variant.request, owner, idempotency_key)
                written += sum(map(len, prepared.files.values()))
                if written > MOST_BYTES:
                    raise PayloadTooLarge(
                        f"the pictures that {len(variants)} jobs start from have more than {MOST_BYTES // 2**20} MiB "
                        "together: ask for fewer jobs at once, or start from smaller pictures",
                        param="inputs",
                    )
                jobs.append(prepared.new)
                self._submissions.store(prepared)
        except BaseException:
            self._discard(jobs)
            raise
        members = tuple(
            Member(job=new.id, label=variant.label, outputs=len(new.request.seeds))
            for variant, new in zip(variants, jobs, strict=True)
        )
        return PreparedGroup((*jobs,), NewGroup(new_group_id(), prompt, members))

    def submit(self, prepared: PreparedGroup) -> SubmittedGroup:
        """Raises what `JobStore.submit_group` does; then nothing of the group is left."""
        needed = False
        try:
            submitted = self._jobs.submit_group(prepared.jobs, prepared.group)
            needed = not submitted.replayed
        finally:
            if not needed:
                self._discard(prepared.jobs)
        for new in prepared.jobs if needed else ():
            self._submissions.note_parents(new)
        return submitted

    def _discard(self, jobs: Sequence[NewJob]) -> None:
        for new in jobs:
            self._submissions.discard(new)
