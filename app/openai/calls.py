"""One OpenAI call from its submission to its end. Knows headers and jobs; no field and no answer."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.services import Services
from core.jobs import Job
from core.store import NewJob

logger = logging.getLogger(__name__)

RETRY_COUNT: Final = "x-stainless-retry-count"


async def begin(request: Request, services: Services, new: NewJob) -> Job:
    """The job of this call: a new one, or the one that its first try left behind."""
    job = None
    if is_retry(request):
        job = await run_in_threadpool(services.hangups.adopt, new)
    if job is None:
        job = (await run_in_threadpool(services.jobs.submit, new)).job
    logger.info("images call accepted", extra={"job_id": job.id, "model": job.request.model, "retry": job.id != new.id})
    return job


def is_retry(request: Request) -> bool:
    """OpenAI's clients try again by themselves, and say so."""
    return request.headers.get(RETRY_COUNT, "0") not in ("", "0")
