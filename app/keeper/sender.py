"""Takes webhook rows from the outbox and sees them delivered or given up.

At least once: a sender that dies leaves its row to come back when the row's lease is over.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from opentelemetry.trace import SpanKind
from redis.exceptions import RedisError

from app.jobs.view import Sign
from app.keeper.delivery_slots import DeliverySlots
from app.keeper.http_sender import Answer, HttpSender
from app.keeper.payload import build_body
from app.keeper.schedule import delay_after
from app.keeper.signing import signed_headers
from core.store import Delivery, JobStore, Outbox
from core.telemetry import Telemetry, mark_failed
from core.tracing import child_of, current, trace_id
from core.webhooks import new_secret, secret_of_owner

logger = logging.getLogger(__name__)

MIN_LEASE_SECONDS: Final = 20.0
SETTLE_MARGIN_SECONDS: Final = 5.0
GONE: Final = 410
BUSY_SECONDS: Final = (0.2, 0.8)
"""How long a row waits, at least and at most, whose host or owner has enough deliveries under way."""


class Sender:
    """Several threads may share one; each works off one row at a time."""

    def __init__(
        self,
        outbox: Outbox,
        jobs: JobStore,
        http_sender: HttpSender,
        *,
        base_url: str,
        sign: Sign,
        version: str,
        secret: str | None,
        timeout_seconds: float,
        stopping: threading.Event,
        clock: Callable[[], float] = time.time,
        attempted: Callable[[int | None, float], None] = lambda status, seconds: None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._outbox = outbox
        self._jobs = jobs
        self._http_sender = http_sender
        self._base_url = base_url
        self._sign = sign
        self._user_agent = f"Easel/{version}"
        self._secret = secret
        self._lease_seconds = max(MIN_LEASE_SECONDS, timeout_seconds + SETTLE_MARGIN_SECONDS)
        self._stopping = stopping
        self._slots = DeliverySlots()
        self._clock = clock
        self._attempted = attempted
        self._telemetry = telemetry or Telemetry()

    def drain(self) -> None:
        """Deliver until nothing is due."""
        while not self._stopping.is_set() and self.deliver_one():
            pass

    def deliver_one(self) -> bool:
        """Work off the most overdue row; False if none is due."""
        delivery = self._outbox.take(self._lease_seconds)
        if delivery is None:
            return False
        with self._slots.take(delivery.url, delivery.owner) as free:
            if free:
                self._deliver(delivery)
            else:
                pause = random.uniform(*BUSY_SECONDS)  # noqa: S311 - spreads load, hides nothing
                self._outbox.defer(delivery.message_id, pause)
        return True

    def _deliver(self, delivery: Delivery) -> None:
        start = time.monotonic()
        try:
            answer = self._attempt(delivery)
        except RedisError:
            raise
        except Exception:
            # A row that cannot even be prepared must not hold up the others; it runs out of attempts.
            logger.exception("webhook could not be prepared", extra=_context(delivery))
            answer = Answer(status=None, error="the message could not be prepared")
        seconds = time.monotonic() - start
        self._attempted(answer.status, seconds)
        self._settle(delivery, answer, seconds)

    def _attempt(self, delivery: Delivery) -> Answer:
        body = delivery.body
        if body is None:
            body = build_body(delivery, self._jobs.get(delivery.job_id), self._base_url, self._sign)
            self._outbox.keep_body(delivery.message_id, body)
        secrets = delivery.secrets or (self._secret_of(delivery.owner),)
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": self._user_agent,
            **signed_headers(secrets, delivery.message_id, int(self._clock()), body),
        }
        about = {"easel.job": delivery.job_id, "easel.message": delivery.message_id, "http.request.method": "POST"}
        with self._telemetry.span("easel.webhook", delivery.traceparent, about, kind=SpanKind.CLIENT) as span:
            trace = current()
            if trace is not None:
                headers["traceparent"] = child_of(trace) if trace == delivery.traceparent else trace
            answer = self._http_sender.post(delivery.url, body, headers)
            if answer.status is not None:
                span.set_attribute("http.response.status_code", answer.status)
            if not answer.accepted:
                mark_failed(span, str(answer.status or "no_answer"))
            return answer

    def _secret_of(self, owner: str) -> str:
        return secret_of_owner(self._secret or self._outbox.secret(new_secret()), owner)

    def _settle(self, delivery: Delivery, answer: Answer, seconds: float) -> None:
        state: Literal["delivered", "dead", "pending"] = "delivered"
        delay: float | None = None
        if not answer.accepted:
            delay = None if delivery.once else delay_after(delivery.attempts, answer.retry_after)
            over = answer.hopeless or answer.status == GONE or delay is None
            state = "dead" if over else "pending"
        logger.log(
            logging.INFO if answer.accepted else logging.WARNING,
            "webhook %s: %s",
            state,
            answer.error or answer.status,
            extra=_context(delivery),
        )
        disabled = self._write_down(
            lambda: self._outbox.settle(
                delivery.message_id,
                state,
                delay_seconds=delay or 0,
                last_status=answer.status,
                last_error=answer.error,
                seconds=seconds,
            )
        )
        if disabled:
            logger.warning("webhook endpoint disabled", extra={"endpoint_id": delivery.endpoint_id})

    def _write_down(self, settle: Callable[[], bool]) -> bool:
        """Hold on to the outcome while Redis is away: forgetting it would deliver the message twice."""
        give_up = time.monotonic() + self._lease_seconds
        while True:
            try:
                return settle()
            except RedisError:
                if time.monotonic() > give_up or self._stopping.wait(0.5):
                    raise


def _context(delivery: Delivery) -> dict[str, object]:
    context: dict[str, object] = {
        "message_id": delivery.message_id,
        "job_id": delivery.job_id,
        "attempt": delivery.attempts,
    }
    if delivery.traceparent is not None:
        context["trace_id"] = trace_id(delivery.traceparent)
    return context
