"""Every kind of refusal as the official client raises it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai as wheel
import pytest
from openai import OpenAI
from pydantic import SecretStr

from core.settings import Settings
from tests.app.conftest import KEY, serving
from tests.app.fake_worker import FakeWorker

WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"prompt": ""}, "prompt", "invalid_value", "must say what to draw"),
    ({"prompt": "a" * 32_001}, "prompt", "invalid_value", "at most 32000 characters, not 32001"),
    ({"n": 11}, "n", "invalid_value", "must be at most 10"),
    ({"n": 0}, "n", "invalid_value", "must be at least 1"),
    ({"model": "mini", "n": 5}, "n", "invalid_value", "over the 4 of model 'mini'"),
    ({"size": "big"}, "size", "invalid_size", "WIDTHxHEIGHT"),
    ({"model": "mini", "size": "250x256"}, "size", "invalid_value", "256 would fit"),
    ({"quality": "best"}, "quality", "invalid_value", "must be one of 'auto', 'low'"),
    ({"background": "transparent"}, "background", "unsupported_value", "no model of this server draws transparency"),
    ({"output_format": "gif"}, "output_format", "unsupported_value", "png, jpeg and webp"),
    ({"output_format": "svg"}, "output_format", "unsupported_value", "png, jpeg and webp"),
    ({"output_compression": 50}, "output_compression", "invalid_value", "lossless"),
    ({"output_format": "jpeg", "output_compression": 101}, "output_compression", "invalid_value", "at most 100"),
    ({"moderation": "none"}, "moderation", "invalid_value", "must be one of"),
    ({"response_format": "file"}, "response_format", "invalid_value", "'url' or 'b64_json'"),
    ({"style": "noir"}, "style", "invalid_value", "'vivid' or 'natural'"),
    ({"partial_images": 4}, "partial_images", "invalid_value", "at most 3"),
    ({"complexity": "high"}, "complexity", "unsupported_value", "not done by this server"),
    ({"frame_count": 3}, "frame_count", "unsupported_value", "not done by this server"),
    ({"svg": {"model": "x"}}, "svg", "unsupported_value", "not done by this server"),
    ({"extra_body": {"seeds": 3}}, "seeds", "unknown_parameter", "did you mean 'seed'?"),
    ({"extra_body": {"seed": -2}}, "seed", "invalid_value", "must be at least -1"),
    ({"extra_body": {"steps": 101}}, "steps", "invalid_value", "over the 100 of model 'mini'"),
    ({"extra_body": {"steps": 5, "num_inference_steps": 6}}, "steps", "invalid_value", "send one"),
    ({"extra_body": {"scheduler": "flow-match-euler"}}, "scheduler", "invalid_value", "does not fit model 'mini'"),
    ({"model": "flux-tiny", "extra_body": {"negative_prompt": "x"}}, "negative_prompt", "invalid_value", "takes no"),
]


@pytest.mark.parametrize(("fields", "param", "code", "words"), WRONG)
def test_a_wrong_field_is_named(openai: OpenAI, fields: dict[str, Any], param: str, code: str, words: str) -> None:
    with pytest.raises(wheel.BadRequestError) as refused:
        openai.images.generate(**{"prompt": "a red apple", **fields})

    error = refused.value
    assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
    assert words in error.message


def test_an_unknown_model(openai: OpenAI) -> None:
    with pytest.raises(wheel.NotFoundError) as refused:
        openai.images.generate(model="sdxl", prompt="a red apple")

    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    assert "'mini', 'flux-tiny'" in refused.value.message


@pytest.mark.parametrize("path", ["", "/v1"])
def test_a_wrong_key(settings: Settings, path: str) -> None:
    with serving(settings.model_copy(update={"api_keys": (SecretStr(KEY),)})) as url:
        with OpenAI(base_url=url + path, api_key="wrong") as client:
            with pytest.raises(wheel.AuthenticationError) as refused:
                client.images.generate(prompt="a red apple")
            assert refused.value.code == "invalid_api_key"
            with pytest.raises(wheel.AuthenticationError):
                client.models.list()
        with OpenAI(base_url=url + path, api_key=KEY) as client:
            assert len(client.models.list().data) == 2


def test_a_full_queue(settings: Settings) -> None:
    # Given a server whose queue holds one job of a key, and that job
    with serving(settings.model_copy(update={"max_queued_per_key": 1})) as url:
        httpx.post(f"{url}/v1/generations", json={"prompt": "a red apple"}).raise_for_status()
        # When another comes
        with (
            OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
            pytest.raises(wheel.RateLimitError) as refused,
        ):
            client.images.generate(prompt="a red apple")
    # Then the client knows that it may try again, and when
    assert (refused.value.code, refused.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert int(refused.value.response.headers["retry-after"]) >= 1


def failure(url: str, end: Callable[[], object]) -> wheel.APIStatusError:
    """What a client that may try again twice gets to see when its job meets such an end."""
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=2) as client, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.images.generate, prompt="a red apple")
        while not httpx.get(f"{url}/v1/generations").json()["data"]:
            time.sleep(0.02)
        end()
        with pytest.raises(wheel.APIStatusError) as failed:
            asking.result()
    return failed.value


def test_a_failed_generation_is_not_tried_again(server: str, worker: FakeWorker) -> None:
    error = failure(server, lambda: worker.fail(worker.claim()))

    assert isinstance(error, wheel.InternalServerError)
    assert (error.code, error.type) == ("out_of_memory", "server_error")
    assert "does not fit the device" in error.message
    jobs = httpx.get(f"{server}/v1/generations").json()["data"]
    assert [job["id"] for job in jobs] == [error.request_id]


def test_a_withheld_picture_is_a_refusal(server: str, worker: FakeWorker) -> None:
    error = failure(server, lambda: worker.fail(worker.claim(), code="content_filtered"))

    assert isinstance(error, wheel.BadRequestError)
    assert (error.code, error.type) == ("moderation_blocked", "image_generation_user_error")


def test_a_generation_canceled_elsewhere(server: str) -> None:
    def cancel() -> None:
        job = httpx.get(f"{server}/v1/generations").json()["data"][0]
        httpx.post(job["urls"]["cancel"]).raise_for_status()

    error = failure(server, cancel)

    assert isinstance(error, wheel.BadRequestError)
    assert error.code == "generation_canceled"


def test_no_redis(settings: Settings) -> None:
    with serving(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as url:
        with (
            OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
            pytest.raises(wheel.InternalServerError) as failed,
        ):
            client.images.generate(prompt="a red apple")
    assert (failed.value.status_code, failed.value.code) == (503, "service_unavailable")
    assert failed.value.response.headers["retry-after"] == "5"
