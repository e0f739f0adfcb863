"""A group as its owner sees it: how far its jobs are, and their pictures so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from app.jobs.view import EXAMPLE_ID, OutputView, Sign, View, shown_outputs, signed_url
from core.jobs import Job, JobError, Status
from core.store.groups import Group

EXAMPLE_GROUP: Final = "grp_129470bd720493e23467c2043315c9d5a80a0c08"

GONE: Final = "gone"
"""What is said of a job that was deleted, or whose time is over."""


class GroupUrls(View):
    """Where to look, where to cancel, and one picture of all pictures so far."""

    get: str
    cancel: str
    sheet: str = Field(description="A PNG; carries a signature as pictures do.")


class GroupMemberView(View):
    """One job of a group, in short; its `url` has all of it."""

    id: str = Field(examples=[EXAMPLE_ID])
    label: str = Field(description="What it has and the others have not.", examples=["red, 16:9"])
    status: Status | str = Field(description="That of the job, or `gone`.")
    url: str
    outputs: tuple[OutputView, ...]
    error: JobError | None


class GroupView(View):
    """Jobs that were asked for together."""

    id: str = Field(examples=[EXAMPLE_GROUP])
    object: Literal["group"] = "group"
    prompt: str = Field(description="As it was written.")
    status: Status | str = Field(
        description="`queued` until one has started, `running` until all have ended, then `failed` if one has failed, "
        "`canceled` if one was, or else `succeeded`. Jobs that are gone do not count."
    )
    counts: dict[str, int] = Field(description="How many jobs are in each status, and how many are `gone`.")
    created_at: datetime
    generations: tuple[GroupMemberView, ...]
    urls: GroupUrls


def present_group(group: Group, jobs: Sequence[Job | None], *, base_url: str, sign: Sign) -> GroupView:
    """The owner's view of `group`, whose `jobs` are given in its order; `base_url` has no trailing slash."""
    path = f"/v1/groups/{group.id}"
    statuses = [GONE if job is None else str(job.status) for job in jobs]
    return GroupView(
        id=group.id,
        prompt=group.prompt,
        status=together(jobs),
        counts={**dict.fromkeys(Status, 0), GONE: 0, **Counter(statuses)},
        created_at=group.created_at,
        generations=tuple(
            GroupMemberView(
                id=member.job,
                label=member.label,
                status=status,
                url=f"{base_url}/v1/generations/{member.job}",
                outputs=shown_outputs(job, base_url=base_url, sign=sign) if job is not None else (),
                error=job.error if job is not None else None,
            )
            for member, job, status in zip(group.members, jobs, statuses, strict=True)
        ),
        urls=GroupUrls(
            get=f"{base_url}{path}",
            cancel=f"{base_url}{path}/cancel",
            sheet=signed_url(group.owner, f"{path}/sheet", base_url, sign),
        ),
    )


def together(jobs: Sequence[Job | None]) -> Status:
    """One status for all of a group's jobs."""
    there = {job.status for job in jobs if job is not None}
    if there == {Status.QUEUED}:
        return Status.QUEUED
    if any(job is not None and not job.is_terminal for job in jobs):
        return Status.RUNNING
    return next((status for status in (Status.FAILED, Status.CANCELED) if status in there), Status.SUCCEEDED)
