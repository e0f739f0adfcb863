"""Signed addresses: they open one picture, for an hour, and nothing else."""

from __future__ import annotations

import time

import httpx
import pytest
from openai import OpenAI
from pydantic import SecretStr
from redis import Redis

from app import signatures
from app.signatures import Signatures
from core.settings import Settings
from core.store import Secrets
from tests.app.conftest import KEY, OTHER_KEY, serving
from tests.app.fake_worker import PICTURE, FakeWorker

PATH = "/v1/results/gen_1/0.png"


def test_only_what_was_signed_is_open(redis: Redis) -> None:
    # Given an address signed by one api process; when another looks at it
    query = Signatures(Secrets(redis)).sign(PATH, "ann").encode()
    other = Signatures(Secrets(redis))
    # Then it knows whose it is
    assert other.owner(PATH, query) == "ann"
    # and nothing else opens
    assert other.owner("/v1/results/gen_1/1.png", query) is None
    assert other.owner("/v1/generations", other.sign("/v1/generations", "ann").encode()) is None
    for wrong in (
        b"",
        b"owner=ann&expires=99999999999&signature=x",
        query.replace(b"ann", b"bob"),
        query.replace(b"expires=", b"expires=9"),
        query[:-1],
        b"signature=\xff&expires=\xff",
    ):
        assert other.owner(PATH, wrong) is None, wrong
    redis.flushall()
    assert Signatures(Secrets(redis)).owner(PATH, query) is None


def test_after_an_hour_it_is_closed(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = Signatures(Secrets(redis))
    query = signed.sign(PATH, "ann").encode()
    later = time.time() + signatures.LIFETIME_SECONDS + 1
    monkeypatch.setattr(signatures.time, "time", lambda: later)

    assert signed.owner(PATH, query) is None


def test_a_client_fetches_its_picture_without_its_key(settings: Settings, worker: FakeWorker) -> None:
    # Given a server with two keys, and a picture of the first
    keys = (SecretStr(KEY), SecretStr(OTHER_KEY))
    with serving(settings.model_copy(update={"api_keys": keys})) as server, worker:
        with OpenAI(base_url=f"{server}/v1", api_key=KEY, max_retries=0) as client:
            answer = client.images.generate(prompt="a red apple", n=2, response_format="url")
        assert answer.data is not None
        one, other = (httpx.URL(image.url or "") for image in answer.data)
        # When it is fetched without a key, then it is there
        assert httpx.get(one).content == PICTURE
        # and the signature is good for no other picture, and for nothing but fetching
        assert httpx.get(one.copy_with(path=other.path)).status_code == 401
        assert httpx.get(one.copy_with(query=None)).status_code == 401
        job = one.copy_with(path=f"/v1/generations/{answer.id}")  # type: ignore[attr-defined]
        assert httpx.get(job).status_code == 401
        assert httpx.delete(job).status_code == 401
