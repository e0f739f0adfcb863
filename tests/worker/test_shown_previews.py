"""Previews while a job runs: shown in time, and no reason to lose a picture."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import pytest
from PIL import Image
from redis import Redis

from core.jobs import Status
from core.store import Previews
from tests.worker.job_worker import Worker
from worker.observers import Observers


def test_previews_are_shown_while_it_runs(worker: Worker, redis: Redis) -> None:
    # Given a worker that shows previews, and a job that takes longer than the time between two of them
    previews = Previews(redis)
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=replace(worker.run, observers=Observers(previews=previews)))
    slot.start()
    # When it runs
    while slot.is_alive() and previews.latest(job_id) is None:
        threading.Event().wait(0.01)
    worker.store.cancel(job_id)
    slot.join()
    # Then there was one, of a step on the way
    preview = previews.latest(job_id)
    assert preview is not None
    assert 0 < preview.step < preview.steps == 150
    assert Image.open(io.BytesIO(preview.jpeg)).format == "JPEG"


def test_a_preview_that_cannot_be_painted_costs_no_picture(
    worker: Worker, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[object] = []
    monkeypatch.setattr("worker.engine.previews.ColourMap.jpeg", lambda *latents: painted.append(latents) or 1 / 0)
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    replace(worker.run, observers=Observers(previews=Previews(redis)))()
    job = worker.job(job_id)
    assert job.status is Status.SUCCEEDED
