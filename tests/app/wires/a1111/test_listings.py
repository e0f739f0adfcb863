"""Options, models, samplers, progress and interrupt, as AUTOMATIC1111's clients use them."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from redis import Redis

from core.settings import Settings
from core.store import Preview, Previews
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker


def get(server: str, path: str) -> Any:
    response = httpx.get(f"{server}/sdapi/v1/{path}")
    assert response.status_code == 200, response.text
    return response.json()


def test_a_client_chooses_a_model_once(server: str, worker: FakeWorker) -> None:
    # Given a client that reads the options, changes the checkpoint and writes them back
    options = get(server, "options")
    assert options["sd_model_checkpoint"] == "mini"
    assert [model["title"] for model in get(server, "sd-models")] == ["mini", "flux-tiny"]
    written = httpx.post(f"{server}/sdapi/v1/options", json={**options, "sd_model_checkpoint": "flux-tiny"})
    assert written.status_code == 200
    # When it draws without naming a model
    assert get(server, "options")["sd_model_checkpoint"] == "flux-tiny"
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(httpx.post, f"{server}/sdapi/v1/txt2img", json={"sampler_name": "Euler a"}, timeout=30)
        while not (jobs := httpx.get(f"{server}/v1/generations").json()["data"]):
            time.sleep(0.02)
        httpx.post(f"{server}/sdapi/v1/interrupt")
        drawing.result()
    # Then it is that one, with its own sampler, since it cannot use the client's
    assert (jobs[0]["model"], jobs[0]["parameters"]["scheduler"]) == ("flux-tiny", "flow-match-euler")


def test_an_unknown_model_cannot_be_chosen(server: str) -> None:
    refused = httpx.post(f"{server}/sdapi/v1/options", json={"sd_model_checkpoint": "sdxl"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert get(server, "options")["sd_model_checkpoint"] == "mini"


def test_the_lists(server: str) -> None:
    samplers = {sampler["name"]: sampler["aliases"] for sampler in get(server, "samplers")}
    assert "k_euler_a" in samplers["Euler a"]
    assert {"Euler", "DDIM", "DPM++ 2M", "DPM++ SDE", "PLMS"} <= samplers.keys()
    schedules = {schedule["name"]: schedule["label"] for schedule in get(server, "schedulers")}
    assert {"automatic": "Automatic", "karras": "Karras", "sgm_uniform": "SGM Uniform"}.items() <= schedules.items()
    assert [upscaler["name"] for upscaler in get(server, "upscalers")] == ["None", "Lanczos"]
    assert get(server, "loras") == []


def test_progress_and_interrupt(server: str, worker: FakeWorker, redis: Redis) -> None:
    # Given nothing to do
    assert get(server, "progress")["progress"] == 0
    assert get(server, "progress")["state"]["job_count"] == 0
    # and then a job of this client half done, and one of another protocol
    other = httpx.post(f"{server}/v1/generations", json={"prompt": "a sun", "model": "flux-tiny"}).json()
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(
            httpx.post, f"{server}/sdapi/v1/txt2img", json={"prompt": "a red apple", "steps": 10}, timeout=30
        )
        while get(server, "progress")["state"]["job_count"] == 0:
            time.sleep(0.02)
        claim = worker.claim()
        worker.step(claim, 5, 10)
        Previews(redis).show(claim.job.id, Preview(jpeg=b"small", step=5, steps=10))
        # When it asks, then it sees how far and how
        seen = get(server, "progress")
        assert (seen["progress"], seen["state"]["sampling_step"], seen["state"]["sampling_steps"]) == (0.5, 5, 10)
        assert base64.b64decode(seen["current_image"]) == b"small"
        assert get(server, "progress?skip_current_image=true")["current_image"] is None
        # and when it interrupts, its own job is told to stop and the other is not
        assert httpx.post(f"{server}/sdapi/v1/interrupt").json() == {}
        assert worker.step(claim, 6, 10) == "cancel"
        worker.cancel(claim)
        answer = drawing.result()
    assert (answer.status_code, answer.json()["images"]) == (200, [])
    assert httpx.get(other["urls"]["get"]).json()["status"] == "queued"


def test_textual_inversions_are_listed_for_the_chosen_model(settings: Settings) -> None:
    rows = MODELS.replace("[flux-tiny]", 'embeddings = { "easynegative" = "easy.safetensors" }\n\n[flux-tiny]')
    settings.catalog.write_text(rows)

    with serving(settings) as server:
        assert [*get(server, "embeddings")["loaded"]] == ["easynegative"]
        httpx.post(f"{server}/sdapi/v1/options", json={"sd_model_checkpoint": "flux-tiny"})
        assert get(server, "embeddings")["loaded"] == {}
        assert [*get(server, "embeddings")["skipped"]] == ["easynegative"]
        shown = httpx.get(f"{server}/v1/models/mini").json()
    assert shown["embeddings"] == ["easynegative"]
