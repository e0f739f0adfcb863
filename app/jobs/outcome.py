"""What a job came to, for a client that waited for it: the bytes of its pictures, or why there are none."""

from __future__ import annotations

import base64

from core.errors import EaselError, InvalidRequest, JobFailure, NotFound
from core.jobs import Job, JobError, Status
from core.media import Artifact
from core.results import ResultStore


class PictureRefused(InvalidRequest):
    """The picture was withheld."""

    type = "image_generation_user_error"
    default_code = "moderation_blocked"


def in_base64(results: ResultStore, output: Artifact) -> str:
    """Raises NotFound if somebody deleted it meanwhile."""
    try:
        return base64.b64encode(results.read(output.key)).decode()
    except FileNotFoundError as error:
        raise NotFound("the picture is gone from the result store", code="result_not_found") from error


def failure_of(job: Job) -> EaselError:
    """Why there is no picture; trying again would not help."""
    if job.status is Status.CANCELED:
        return InvalidRequest(f"the generation {job.id} was canceled", code="generation_canceled")
    error = job.error or JobError(code="generation_failed", message="the generation failed")
    if error.code == "content_filtered":
        return PictureRefused(error.message)
    return JobFailure(error.message, code=error.code)
