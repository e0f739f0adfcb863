"""Takes webhook rows from the outbox and sees them delivered or given up. Knows the rules, not the network.

At least once: a sender that dies leaves its row to come back when the row's lease is over.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from redis.exceptions import RedisError

from app.keeper.courier import Answer, Courier
from app.keeper.hosts import Hosts
from app.keeper.payload import build_body
from app.keeper.schedule import delay_after
from app.keeper.signing import new_secret, signed_headers
from app.presentation import Sign
from core.store import Delivery, JobStore, Outbox

logger = logging.getLogger(__name__)

MIN_LEASE_SECONDS: Final = 20.0
SETTLE_MARGIN_SECONDS: Final = 5.0
GONE: Final = 410
BUSY_SECONDS: Final = (0.2, 0.8)
"""How long a row waits, at least and at most, whose host has enough deliveries under way."""


class Sender:
    """Several threads may share one; each works off one row at a time."""

    def __init__(
        self,
        outbox: Outbox,
        jobs: JobStore,
        courier: Courier,
        *,
        base_url: str,
        sign: Sign,
        version: str,
        secret: str | None,
        timeout_seconds: float,
        stopping: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._jobs = jobs
        self._courier = courier
        self._base_url = base_url
        self._sign = sign
        self._user_agent = f"Easel/{version}"
        self._secret = secret
        self._lease_seconds = max(MIN_LEASE_SECONDS, timeout_seconds + SETTLE_MARGIN_SECONDS)
        self._stopping = stopping
        self._hosts = Hosts()
        self._clock = clock

    def drain(self) -> None:
        """Deliver until nothing is due."""
        while not self._stopping.is_set() and self.deliver_one():
            pass

    def deliver_one(self) -> bool:
        """Work off the most overdue row; False if none is due."""
        delivery = self._outbox.take(self._lease_seconds)
        if delivery is None:
            return False
        with self._hosts.visit(delivery.url) as welcome:
            if welcome:
                self._deliver(delivery)
            else:
                pause = random.uniform(*BUSY_SECONDS)  # noqa: S311 - spreads load, hides nothing
                self._outbox.defer(delivery.message_id, pause)
        return True

    def _deliver(self, delivery: Delivery) -> None:
        try:
            answer = self._attempt(delivery)
        except RedisError:
            raise
        except Exception:
            # A row that cannot even be prepared must not hold up the others; it runs out of attempts.
            logger.exception("webhook could not be prepared", extra=_context(delivery))
            answer = Answer(status=None, error="the message could not be prepared")
        self._settle(delivery, answer)

    def _attempt(self, delivery: Delivery) -> Answer:
        body = delivery.body
        if body is None:
            body = build_body(delivery, self._jobs.get(delivery.job_id), self._base_url, self._sign)
            self._outbox.keep_body(delivery.message_id, body)
        secret = self._secret or self._outbox.secret(new_secret())
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": self._user_agent,
            **signed_headers(secret, delivery.message_id, int(self._clock()), body),
        }
        return self._courier.post(delivery.url, body, headers)

    def _settle(self, delivery: Delivery, answer: Answer) -> None:
        state: Literal["delivered", "dead", "pending"] = "delivered"
        delay: float | None = None
        if not answer.accepted:
            delay = delay_after(delivery.attempts, answer.retry_after)
            over = answer.hopeless or answer.status == GONE or delay is None
            state = "dead" if over else "pending"
        logger.log(
            logging.INFO if answer.accepted else logging.WARNING,
            "webhook %s: %s",
            state,
            answer.error or answer.status,
            extra=_context(delivery),
        )
        self._write_down(
            lambda: self._outbox.settle(
                delivery.message_id,
                state,
                delay_seconds=delay or 0,
                last_status=answer.status,
                last_error=answer.error,
            )
        )

    def _write_down(self, settle: Callable[[], None]) -> None:
        """Hold on to the outcome while Redis is away: forgetting it would deliver the message twice."""
        give_up = time.monotonic() + self._lease_seconds
        while True:
            try:
                return settle()
            except RedisError:
                if time.monotonic() > give_up or self._stopping.wait(0.5):
                    raise


def _context(delivery: Delivery) -> dict[str, object]:
    return {"message_id": delivery.message_id, "job_id": delivery.job_id, "attempt": delivery.attempts}
