"""Who may come in: host names, keys, and whose jobs are whose."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.auth.api_keys import owner_of
from app.auth.binding import InsecureBinding
from app.main import create_app
from core.settings import Settings
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker

KEYS = (SecretStr(KEY), SecretStr(OTHER_KEY))
MINE = {"Authorization": f"Bearer {KEY}"}
THEIRS = {"Authorization": f"Bearer {OTHER_KEY}"}

GOOD_HOSTS = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8000"]
STRANGE_HOSTS = ["evil.test", "evil.test:8000", "localhost.evil.test", "10.0.0.1", "0.0.0.0", "[::2]"]
BROKEN_HOSTS = ["", "[", "a b", "http://localhost", "localhost/x", "user@localhost", "localhost:", "[::1", "a\\b"]


@pytest.mark.parametrize("path", ["/", "/health/live", "/v1/models", "/nothing", "/openapi.json"])
class TestHost:
    @pytest.mark.parametrize("host", GOOD_HOSTS)
    def test_this_machine_by_name_is_let_in(self, client: TestClient, path: str, host: str) -> None:
        assert client.get(path, headers={"Host": host}).status_code in (200, 404)

    @pytest.mark.parametrize("host", STRANGE_HOSTS)
    def test_a_name_rebound_to_this_machine_is_not(self, client: TestClient, path: str, host: str) -> None:
        response = client.get(path, headers={"Host": host})

        assert response.status_code == 421
        assert response.json()["error"]["code"] == "misdirected_request"

    @pytest.mark.parametrize("host", BROKEN_HOSTS)
    def test_what_is_no_host_is_refused(self, client: TestClient, path: str, host: str) -> None:
        assert client.get(path, headers={"Host": host}).status_code == 400


def test_two_hosts_are_none(client: TestClient) -> None:
    response = client.get("/v1/models", headers=[("Host", "localhost"), ("Host", "evil.test")])

    assert response.status_code == 400


def test_the_public_name_is_let_in(connect: Connect) -> None:
    with connect(public_url="https://pictures.example/easel") as client:
        assert client.get("/v1/models", headers={"Host": "pictures.example"}).status_code == 200


def test_keys_make_every_host_name_good(connect: Connect) -> None:
    with connect(api_keys=KEYS, host="0.0.0.0") as client:
        assert client.get("/v1/models", headers={"Host": "pictures.example", **MINE}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "pictures.example"])
def test_no_keys_means_this_machine_only(settings: Settings, host: str) -> None:
    with pytest.raises(InsecureBinding, match="EASEL_API_KEYS"):
        create_app(settings.model_copy(update={"host": host}))


class TestKeys:
    @pytest.mark.parametrize(
        "authorization",
        ["", KEY, "Bearer", "Bearer ", "Bearer wrong", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}",
         "Bearer \xe9", f"Bearer {KEY},{OTHER_KEY}"],
    )  # fmt: skip
    def test_no_key_or_a_wrong_one_is_401(self, connect: Connect, authorization: str) -> None:
        with connect(api_keys=KEYS) as client:
            for method, path in (("GET", "/v1/models"), ("POST", "/v1/generations"), ("GET", "/v1/nothing")):
                headers = {"Authorization": authorization.encode("latin-1")}
                response = client.request(method, path, headers=headers)

                assert response.status_code == 401
                assert response.json()["error"]["code"] == "invalid_api_key"
                assert response.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("headers", [MINE, {"Authorization": f"bearer  {KEY}"}, THEIRS])
    def test_a_known_key_is_let_in(self, connect: Connect, headers: dict[str, str]) -> None:
        with connect(api_keys=KEYS) as client:
            assert client.get("/v1/models", headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "path", ["/", "/studio/studio.js", "/studio/styles/1-page.css", "/health/live", "/openapi.json"]
    )
    def test_the_page_and_health_need_none(self, connect: Connect, path: str) -> None:
        with connect(api_keys=KEYS) as client:
            assert client.get(path).status_code == 200

    def test_the_job_of_another_key_does_not_exist(self, connect: Connect, worker: FakeWorker) -> None:
        with connect(api_keys=KEYS) as client:
            # Given a finished job of mine
            job = client.post("/v1/generations", json={"prompt": "x"}, headers=MINE).json()
            worker.draw_next()
            picture = client.get(job["urls"]["get"], headers=MINE).json()["outputs"][0]["url"]
            assert client.get(picture, headers=MINE).status_code == 200

            # Then the other key cannot see, stream, cancel or delete it, nor its picture
            for method, url in (
                ("GET", job["urls"]["get"]),
                ("GET", job["urls"]["events"]),
                ("POST", job["urls"]["cancel"]),
                ("DELETE", job["urls"]["get"]),
                ("GET", picture),
            ):
                assert client.request(method, url, headers=THEIRS).status_code == 404
            assert client.get("/v1/generations", headers=THEIRS).json()["data"] == []
            assert len(client.get("/v1/generations", headers=MINE).json()["data"]) == 1

    def test_idempotency_keys_are_each_owners_own(self, connect: Connect) -> None:
        with connect(api_keys=KEYS) as client:
            ids = {
                client.post("/v1/generations", json={"prompt": "x"}, headers={**who, "Idempotency-Key": "same"}).json()[
                    "id"
                ]
                for who in (MINE, THEIRS)
            }
        assert len(ids) == 2


def test_an_owner_does_not_give_its_key_away() -> None:
    assert owner_of(KEY).startswith("key_")
    assert len(owner_of(KEY)) == 20
    assert KEY not in owner_of(KEY)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1:9"])
@pytest.mark.parametrize("path", ["/v1/generations", "/sdapi/v1/interrupt"])
def test_other_pages_may_not_change_anything(client: TestClient, origin: str, path: str) -> None:
    answer = client.post(path, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "cross_origin")


def test_our_own_page_may_behind_a_proxy_too(connect: Connect) -> None:
    # Given a server that is reached under a public name, by a proxy that keeps its own Host
    with connect(public_url="https://img.example.com") as client:
        # When the page of that name sends something
        answer = client.post("/sdapi/v1/interrupt", headers={"Origin": "https://img.example.com"})
    # Then it is taken
    assert answer.status_code == 200
