"""The job or the group that an address names, if the caller may see it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from app.jobs.group_view import EXAMPLE_GROUP
from app.jobs.view import EXAMPLE_ID, GenerationView, present
from app.services import Services
from core.errors import NotFound
from core.jobs import JOB_ID, Job, Status
from core.store import Group
from core.store.groups import GROUP_ID
from core.store.marks import no_output

JobId = Annotated[
    str,
    Path(
        description="The id that POST /v1/generations answered.",
        examples=[EXAMPLE_ID],
        json_schema_extra={"pattern": f"^{JOB_ID.pattern}$"},
    ),
]
"""A wrong shape is no mistake in the request but an address with nothing at it: the pattern is for readers only."""

GroupId = Annotated[
    str,
    Path(
        description="The id that POST /v1/groups answered.",
        examples=[EXAMPLE_GROUP],
        json_schema_extra={"pattern": f"^{GROUP_ID.pattern}$"},
    ),
]


def find(services: Services, job_id: str, owner: str | None) -> Job:
    """The owner's job; anybody's if `owner` is None. Raises NotFound for one that is gone or is somebody else's."""
    job = services.jobs.get(job_id) if JOB_ID.fullmatch(job_id) else None
    if job is None or owner not in (None, job.owner):
        raise NotFound("there is no such generation", code="generation_not_found", param="job_id")
    return job


def find_group(services: Services, group_id: str, owner: str | None) -> Group:
    """The owner's group; anybody's if `owner` is None. Raises NotFound."""
    group = services.groups.get(group_id)
    if group is not None and not any(jobs_of(services, group)):
        services.groups.delete(group)  # its prompt is to be kept no longer than the last of its jobs
        group = None
    if group is None or owner not in (None, group.owner):
        raise NotFound("there is no such group", code="group_not_found", param="group_id")
    return group


def jobs_of(services: Services, group: Group) -> tuple[Job | None, ...]:
    """Its jobs in their order, None for one that is gone."""
    return services.jobs.several([member.job for member in group.members])


def view(services: Services, job: Job, base_url: str) -> GenerationView:
    """The job as its owner sees it, with its place in the queue."""
    position = services.jobs.position(job) if job.status is Status.QUEUED else None
    return present(job, base_url=base_url, sign=services.url_signer.sign, queue_position=position)


def retry_after(services: Services, shown: GenerationView, queue: str) -> int:
    """Seconds until it is worth asking again: 1 for what is running or next, more the longer the queue."""
    ahead = (shown.queue_position or 1) - 1
    return 1 if ahead == 0 else min(30, services.jobs.drain_seconds(queue, ahead))


def forget(services: Services, job: Job) -> None:
    """Delete a finished job with its files."""
    services.lineage.forget(job.id)
    services.results.delete_prefix(job.id)  # before the record: what is left half done can be deleted again
    services.jobs.delete(job.id)


def forget_output(services: Services, job: Job, index: int) -> None:
    """Delete one output with its file; with the last one the job goes. Raises NotFound."""
    output = job.output(index)
    if output is None:
        raise no_output(index)
    if len(job.outputs) > 1:
        services.results.delete_with_variants(output.key)  # before the record, for the same reason
        if services.marks.remove_output(job.id, index):
            return services.jobs.fetched(job.id, index)  # who waits for all to be fetched waits for no one that is gone
    forget(services, job)
