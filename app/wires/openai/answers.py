"""A finished job as an OpenAI client expects it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi.responses import JSONResponse

from app.http.errors import render
from app.jobs.outcome import failure_of, in_base64
from app.jobs.view import output_url
from app.services import Services
from app.wires.openai.fields import ImagesInput, Quality, ResponseFormat
from core.jobs import Job, Status
from core.media import Artifact

NO_USAGE: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""The client's type requires it; nobody is billed here."""

SHOWN_QUALITY: Final = {Quality.AUTO: Quality.MEDIUM, Quality.STANDARD: Quality.MEDIUM, Quality.HD: Quality.HIGH}


def images_answer(job: Job, body: ImagesInput, services: Services, base_url: str) -> JSONResponse:
    """The answer of a call whose job has ended. The job's id is in `x-request-id`, for the client's error messages."""
    if job.status is not Status.SUCCEEDED:
        response = render(failure_of(job))
        response.headers["x-should-retry"] = "false"
    else:
        if body.response_format is not ResponseFormat.URL:
            mark_fetched(job, services)
        response = JSONResponse(
            {
                "created": unix(job.finished_at or job.created_at),
                "data": [_image(job, image, body, services, base_url) for image in job.outputs],
                **looks(job, body),
                "usage": NO_USAGE,
                "id": job.id,
                "model": job.request.model,
                "timings": job.timings,
            }
        )
    response.headers["x-request-id"] = job.id
    return response


def _image(job: Job, image: Artifact, body: ImagesInput, services: Services, base_url: str) -> dict[str, Any]:
    beside = {"id": f"{job.id}/{image.index}", "seed": image.seed}
    if body.response_format is not ResponseFormat.URL:
        return {"b64_json": in_base64(services.results, image), **beside}
    return {"url": output_url(job, image, base_url=base_url, sign=services.url_signer.sign), **beside}


def mark_fetched(job: Job, services: Services) -> None:
    """The pictures are in the answer: what is not to be stored need not be kept for another."""
    for image in job.outputs:
        services.jobs.fetched(job.id, image.index)


def looks(job: Job, body: ImagesInput) -> dict[str, Any]:
    """How the pictures look, as answers and events tell it."""
    quality = body.quality or Quality.AUTO
    return {
        "background": "opaque",
        "output_format": job.request.output.format,
        "quality": SHOWN_QUALITY.get(quality, quality),
        "size": size_of(job),
    }


def size_of(job: Job) -> str:
    """Width and height in pixels, as this wire says them."""
    size = job.request.parameters.input_size
    return f"{size[0]}x{size[1]}" if size else "auto"


def unix(moment: datetime) -> int:
    """Whole seconds since 1970, as OpenAI tells moments."""
    return int(moment.timestamp())
