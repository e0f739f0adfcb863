"""What a webhook says: the event and the job as its owner would see it. Knows no signature and no HTTP."""

from __future__ import annotations

import json
from typing import Any

from app.presentation import Sign, present
from core.jobs import Job
from core.store.outbox import Delivery


def build_body(delivery: Delivery, job: Job | None, base_url: str, sign: Sign) -> bytes:
    """The JSON bytes of `delivery`. A job deleted meanwhile is named, with the status it ended in."""
    if job is not None:
        data: dict[str, Any] = present(job, base_url=base_url, sign=sign).model_dump(mode="json")
    else:
        data = {"id": delivery.job_id, "object": "generation", "status": delivery.type.rpartition(".")[2]}
    message = {"type": delivery.type, "timestamp": delivery.created_at.isoformat(), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
