"""Signed addresses: they open one picture, for a while, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from openai import OpenAI
from pydantic import SecretStr
from redis import Redis

from app.auth.routes import RouteTable
from app.auth.signed_urls import UrlSigner, is_signed
from core.errors import Forbidden
from core.settings import Settings
from core.store import Secrets
from tests.app.conftest import KEY, OTHER_KEY, Connect, serving
from tests.app.fake_worker import PICTURE, FakeWorker

PATH = "/v1/results/gen_1/0.png"
NOON = 1_000_000_000.0
KEYS = (SecretStr(KEY), SecretStr(OTHER_KEY))
MINE = {"Authorization": f"Bearer {KEY}"}
THEIRS = {"Authorization": f"Bearer {OTHER_KEY}"}


def at(redis: Redis, moment: float) -> UrlSigner:
    """An api process of its own."""
    return UrlSigner(Secrets(redis), 3600, clock=lambda: moment)


def test_one_process_knows_what_another_signed(redis: Redis) -> None:
    query = at(redis, NOON).sign(PATH).encode()

    at(redis, NOON).check(PATH, query)
    redis.flushall()
    with pytest.raises(Forbidden):
        at(redis, NOON).check(PATH, query)


def test_it_is_good_for_its_time_and_not_longer(redis: Redis) -> None:
    query = at(redis, NOON).sign(PATH).encode()
    until = int(query.partition(b"exp=")[2].partition(b"&")[0])
    assert NOON + 3600 <= until < NOON + 3660

    at(redis, until - 1).check(PATH, query)
    with pytest.raises(Forbidden) as caught:
        at(redis, until).check(PATH, query)
    assert caught.value.code == "url_expired"


def test_who_asks_again_soon_gets_the_same_address(redis: Redis) -> None:
    assert at(redis, NOON).sign(PATH) == at(redis, NOON + 10).sign(PATH)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(place=st.integers(0, 200), flip=st.integers(1, 255))
def test_another_byte_anywhere_closes_it(redis: Redis, place: int, flip: int) -> None:
    signed = at(redis, NOON)
    whole = bytearray(f"{PATH}?{signed.sign(PATH)}".encode())
    whole[place % len(whole)] ^= flip
    path, _, query = whole.decode("latin-1").partition("?")

    with pytest.raises(Forbidden):
        signed.check(path, query.encode("latin-1"))


@pytest.mark.parametrize(
    "query", [b"", b"sig=", b"exp=9999999999", b"exp=&sig=", b"exp=x&sig=\xff", b"sig=%00&exp=%ff"]
)
def test_what_is_no_signature_opens_nothing(redis: Redis, query: bytes) -> None:
    with pytest.raises(Forbidden):
        at(redis, NOON).check(PATH, query)


def test_only_looking_can_be_signed() -> None:
    assert is_signed("GET", b"exp=1&sig=x")
    assert is_signed("HEAD", b"exp=1&sig=x")
    assert not is_signed("DELETE", b"exp=1&sig=x")
    assert not is_signed("GET", b"exp=1")


def test_only_pictures_can_be_signed(client: TestClient) -> None:
    rows = RouteTable(client.app.routes).rows  # type: ignore[attr-defined]
    signed = {row.path for row in rows if row.access.signed}

    files = "/v1/results/{job_id}"
    assert signed == {
        f"{files}/{{index}}.{{extension}}",
        f"{files}/{{index}}-{{side}}.webp",
        f"{files}/inputs/{{role}}-{{index}}.{{extension}}",
        "/v1/groups/{group_id}/sheet",
        "/v1/archives/{archive_id}.zip",
    }


class TestOverHttp:
    @pytest.fixture
    def guarded(self, connect: Connect) -> Iterator[TestClient]:
        with connect(api_keys=KEYS) as client:
            yield client

    @pytest.fixture
    def url(self, guarded: TestClient, worker: FakeWorker) -> str:
        job = guarded.post("/v1/generations", json={"prompt": "x"}, headers=MINE).json()
        worker.draw_next()
        address: str = guarded.get(job["urls"]["get"], headers=MINE).json()["outputs"][0]["url"]
        return address

    def test_the_address_in_the_view_needs_no_key(self, guarded: TestClient, url: str) -> None:
        response = guarded.get(url)

        assert (response.status_code, response.content) == (200, PICTURE)
        assert guarded.get(url, headers={"If-None-Match": response.headers["etag"]}).status_code == 304

    def test_a_wrong_signature_is_403_and_none_is_401(self, guarded: TestClient, url: str) -> None:
        bare = url.partition("?")[0]
        other_picture = url.replace("/0.png", "/1.png")
        for wrong in (f"{url}A", f"{url[:-1]}", url.replace("exp=", "exp=9"), f"{bare}?exp=1&sig=x", other_picture):
            response = guarded.get(wrong)
            assert response.status_code == 403, wrong
            assert response.json()["error"]["code"] == "invalid_signature"
        assert guarded.get(bare).status_code == 401
        assert guarded.delete(url).status_code == 401

    def test_an_old_address_is_403(self, guarded: TestClient, url: str, redis: Redis) -> None:
        path = httpx.URL(url).path
        response = guarded.get(f"{path}?{at(redis, NOON).sign(path)}")

        assert response.status_code == 403
        assert response.json()["error"]["code"] == "url_expired"

    def test_a_key_decides_where_there_is_one(self, guarded: TestClient, url: str) -> None:
        assert guarded.get(url, headers=THEIRS).status_code == 404
        assert guarded.get(f"{url}A", headers=MINE).status_code == 200
        assert guarded.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 401

    def test_without_keys_addresses_are_plain(self, client: TestClient, worker: FakeWorker) -> None:
        job = client.post("/v1/generations", json={"prompt": "x"}).json()
        worker.draw_next()
        url = client.get(job["urls"]["get"]).json()["outputs"][0]["url"]

        assert url.endswith("/0.png")
        assert client.get(f"{url}?exp=1&sig=stale").status_code == 200


def test_an_openai_client_fetches_its_picture_without_its_key(settings: Settings, worker: FakeWorker) -> None:
    # Given a server with two keys, and a picture of the first
    with serving(settings.model_copy(update={"api_keys": KEYS})) as server, worker:
        with OpenAI(base_url=f"{server}/v1", api_key=KEY, max_retries=0) as client:
            answer = client.images.generate(prompt="a red apple", n=2, response_format="url")
        assert answer.data is not None
        one, other = (httpx.URL(image.url or "") for image in answer.data)
        # When it is fetched without a key, then it is there
        assert httpx.get(one).content == PICTURE
        # and the signature is good for no other picture, and for nothing but fetching
        assert httpx.get(one.copy_with(path=other.path)).status_code == 403
        assert httpx.get(one.copy_with(query=None)).status_code == 401
        job = one.copy_with(path=f"/v1/generations/{answer.id}")  # type: ignore[attr-defined]
        assert httpx.get(job).status_code == 401
        assert httpx.delete(job).status_code == 401
