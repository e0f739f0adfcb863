"""The job record as a Redis hash and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from core.jobs import GenerationRequest, Job, JobError, Mark, Priority, Progress
from core.media import Artifact
from core.store.schema_1 import upgraded_output, upgraded_request
from core.store.searched_text import search_fields
from core.tasks import Parameters

SCHEMA: Final = 2
"""Of the records that this version writes; it reads older ones, and newer ones as far as it understands them.

1: a flat request and images. 2: a typed task, its parameters, inputs and outputs.
"""


def pairs(fields: Mapping[str, str | bytes | int | float]) -> list[str | bytes | int | float]:
    """Field, value, field, value … as HSET takes them."""
    return [item for pair in fields.items() for item in pair]


def request_fields(
    request: GenerationRequest,
    *,
    metadata: Mapping[str, str],
    webhook_url: str | None,
    retention_ms: int,
    priority: Priority,
    weight: float,
    store: bool,
    traceparent: str | None,
    notes: tuple[str, ...],
) -> dict[str, str | int | float]:
    """What `submit` writes; the script adds id, status, times and counters."""
    return {
        "request": request.model_dump_json(),
        "metadata": json.dumps(dict(metadata)),
        "webhook_url": webhook_url or "",
        "retention_ms": retention_ms,
        "priority": priority,
        "schema": SCHEMA,
        "task": request.task,
        "model": request.model,
        "n": len(request.seeds),
        "cost": request.cost,
        "weight": weight,
        "store": int(store),
        "traceparent": traceparent or "",
        "submission_notes": json.dumps(list(notes)),
        **search_fields(request),
    }


def result_fields(
    outputs: tuple[Artifact, ...],
    timings: Mapping[str, float],
    notes: tuple[str, ...],
    error: JobError | None,
) -> dict[str, str]:
    """What `commit` writes."""
    fields = {
        "outputs": json.dumps([output.model_dump(mode="json") for output in outputs]),
        "timings": json.dumps(dict(timings)),
        "notes": json.dumps(list(notes)),
    }
    if error is not None:
        fields["error"] = error.model_dump_json()
    return fields


def moment(milliseconds: str | None) -> datetime | None:
    """Milliseconds since 1970, as the scripts write times, in UTC; None for none."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC) if milliseconds else None


def job_from_hash(raw: Mapping[bytes, bytes]) -> Job | None:
    """The record of a hash as HGETALL gives it; None for an empty one."""
    if not raw:
        return None
    field = {name.decode(): value.decode() for name, value in raw.items()}
    progress = None
    if "stage" in field:
        progress = Progress.model_validate({name: field[name] for name in ("stage", "step", "steps")})
    schema = int(field.get("schema", "1"))
    created_at = moment(field["created_at"])
    assert created_at is not None  # noqa: S101 - submit.lua always writes it
    return Job(
        id=field["id"],
        owner=field["owner"],
        schema_number=schema,
        status=field["status"],
        queue=field["queue"],
        priority=field["priority"],
        request=_request(field["id"], field["request"], schema),
        metadata=json.loads(field["metadata"]),
        webhook_url=field["webhook_url"] or None,
        store=field.get("store") != "0",
        traceparent=field.get("traceparent") or None,
        created_at=created_at,
        started_at=moment(field.get("started_at")),
        finished_at=moment(field.get("finished_at")),
        expires_at=moment(field.get("expires_at")),
        attempts=int(field["attempts"]),
        cancel_requested=field.get("cancel_requested") == "1",
        worker=field.get("worker"),
        progress=progress,
        timings=json.loads(field.get("timings", "{}")),
        outputs=_outputs(field),
        marks=_marks(field),
        error=JobError.model_validate_json(field["error"]) if "error" in field else None,
        notes=(*json.loads(field.get("submission_notes", "[]")), *json.loads(field.get("notes", "[]"))),
    )


def _request(job_id: str, text: str, schema: int) -> GenerationRequest:
    document = json.loads(text)
    if schema < SCHEMA:
        document = upgraded_request(job_id, document)
    try:
        return GenerationRequest.model_validate(document)
    except ValidationError:
        if schema <= SCHEMA:
            raise
        return _as_far_as_read(document)


def _as_far_as_read(document: Mapping[str, Any]) -> GenerationRequest:
    """A later version's request, to be shown only: no worker of this version is given it."""
    words = {name: str(document.get(name, "")) for name in ("task", "model")}
    kept = document.get("parameters")
    return GenerationRequest(
        **words, parameters=Parameters.model_validate(kept if isinstance(kept, dict) else {}), seeds=()
    )


def _outputs(field: Mapping[str, str]) -> tuple[Artifact, ...]:
    if "images" in field:
        return tuple(Artifact.model_validate(upgraded_output(image)) for image in json.loads(field["images"]))
    return tuple(Artifact.model_validate(output) for output in json.loads(field.get("outputs", "[]")))


def _marks(field: Mapping[str, str]) -> dict[int, Mark]:
    """Of each output that has any; core/store/lua/marks.lua writes them."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in field.items():
        kind, _, index = name.partition(":")
        if kind == "favourite":
            found.setdefault(int(index), {})[kind] = value == "1"
        elif kind == "folders":
            found.setdefault(int(index), {})[kind] = tuple(value.split("\n"))
    return {index: Mark(**marks) for index, marks in sorted(found.items())}
