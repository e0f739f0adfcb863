"""Clients that submit over HTTP until each of their jobs is acknowledged, whatever happens. Knows no fault."""

from __future__ import annotations

import threading
import time
from typing import Final

import httpx

CLIENTS: Final = 4
RETRY_SECONDS: Final = 0.1

CANARY: Final = "a yellow canary"
"""In every prompt, and to be found in no log."""

STEPS: Final = 30
"""A third of a second: long enough that every kill of a worker meets jobs under way."""


class Load:
    """`count` jobs, each with a key of its own, `a_second` in all; `acknowledged` has the ids by key."""

    def __init__(self, url: str, count: int, a_second: float, webhook: str) -> None:
        self.acknowledged: dict[int, str] = {}
        self.refused: list[str] = []
        self.mistakes: list[str] = []
        self.retries = 0
        self._url = url
        self._numbers = iter(range(count))
        self._every = 1 / a_second
        self._started = time.monotonic()
        self._webhook = webhook
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._submit_all) for _ in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _submit_all(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as http:
            while True:
                with self._lock:
                    number = next(self._numbers, None)
                if number is None:
                    return
                time.sleep(max(0.0, self._started + number * self._every - time.monotonic()))
                self._submit(http, number)

    def _submit(self, http: httpx.Client, number: int) -> None:
        body = {"prompt": f"{CANARY} {number}", "seed": number, "num_inference_steps": STEPS, "webhook": self._webhook}
        while True:
            try:
                answer = http.post("/v1/generations", json=body, headers={"Idempotency-Key": f"job-{number}"})
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 202:
                self.acknowledged[number] = answer.json()["id"]
                return
            # An api that is killed answers nothing, one that stops or has lost its Redis 503: it is asked again.
            if answer is not None and answer.status_code == 500:
                self.mistakes.append(answer.text)
            if answer is not None and answer.status_code < 500:
                self.refused.append(f"{answer.status_code} {answer.text}")
                return
            self.retries += 1
            time.sleep(RETRY_SECONDS)
