"""The answer to a job that was asked for: accepted, or, within the wait that the client has, ended."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final

from fastapi import Header, Request, Response
from starlette.concurrency import run_in_threadpool

from app.api.jobs import retry_after, view
from app.http.prefer import wait_seconds
from app.jobs.notifications import until_finished
from app.jobs.view import GenerationView
from app.services import Services
from core.jobs import Job
from core.store import Submitted

logger = logging.getLogger(__name__)

Prefer = Annotated[
    str | None,
    Header(
        description="`wait=N` holds the answer until the job ends, N seconds at most (60 is the limit).",
        examples=["wait=5"],
    ),
]

RETRY_AFTER: Final = {"description": "Seconds until it is worth asking again.", "schema": {"type": "integer"}}
CREATED_HEADERS: Final[dict[str, Any]] = {
    "Location": {"description": "The job's address.", "schema": {"type": "string", "format": "uri"}},
    "Preference-Applied": {"description": "The `wait` that was honoured.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {"description": "`true` if this job existed already.", "schema": {"type": "string"}},
}
CREATED: Final[dict[int | str, Any]] = {
    200: {
        "model": GenerationView,
        "description": "The job, ended within the `wait` that you asked for.",
        "headers": CREATED_HEADERS,
    },
    202: {"headers": {**CREATED_HEADERS, "Retry-After": RETRY_AFTER}},
}
"""What OpenAPI says of the answers."""


async def answered(
    submitted: Submitted, request: Request, response: Response, services: Services, base_url: str
) -> GenerationView:
    """The job as its owner sees it, once it has ended or the client's wait is over."""
    job = submitted.job
    logger.info(
        "generation accepted", extra={"job_id": job.id, "model": job.request.model, "replayed": submitted.replayed}
    )
    seconds = wait_seconds(request.headers.getlist("prefer"))
    if seconds is not None:
        job = await until_finished(services.notifier, services.jobs, job, seconds)
        response.headers["Preference-Applied"] = f"wait={seconds}"
    if submitted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    shown = await run_in_threadpool(shown_now, services, job, base_url, response)
    response.headers["Location"] = shown.urls.get
    if seconds is not None and job.is_terminal:
        response.status_code = 200
    return shown


def shown_now(services: Services, job: Job, base_url: str, response: Response) -> GenerationView:
    """The view of `job`, and when to ask again if there is reason to."""
    shown = view(services, job, base_url)
    if not job.is_terminal:
        response.headers["Retry-After"] = str(retry_after(services, shown, job.queue))
    return shown
