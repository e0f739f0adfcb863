"""What a webhook says: the event and the job as its owner would see it."""

from __future__ import annotations

import json
from typing import Any, Final

from app.jobs.view import Sign, present
from core.jobs import TERMINAL_STATUSES, Job
from core.store.outbox import Delivery

TEST: Final = "webhook.test"


def build_body(delivery: Delivery, job: Job | None, base_url: str, sign: Sign) -> bytes:
    """The JSON bytes of `delivery`. A job deleted meanwhile is named, with the status it ended in."""
    data: dict[str, Any]
    if delivery.type == TEST:
        data = {"id": delivery.endpoint_id, "object": "webhook_endpoint"}
    elif job is not None:
        data = present(job, base_url=base_url, sign=sign).model_dump(mode="json")
    else:
        data = {"id": delivery.job_id, "object": "generation"}
        if (word := delivery.type.rpartition(".")[2]) in TERMINAL_STATUSES:
            data["status"] = word
    message = {"type": delivery.type, "timestamp": delivery.created_at.isoformat(), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
