"""Every route of the application, by every method, against everybody who has no business there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from app.auth.routes import SAFE, RouteRow, RouteTable
from core.keys import KeyPolicy, Scope
from core.store import KeyStore
from tests.app.conftest import KEY, Connect
from tests.app.fake_worker import FakeWorker
from tests.app.test_isolation import OURS, Holder, fitting, holder

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "FOO")
REFUSED = (401, 403)
WRONG = ["", "Bearer wrong", f"Bearer {KEY}x", "Bearer ek_00000000_wrong", "Basic d3Jvbmc6d3Jvbmc="]


class Names(dict[str, str]):
    """Values for the parameters of paths; of those that name nobody's, any will do."""

    def __missing__(self, name: str) -> str:
        return "0"


@pytest.fixture
def guarded(connect: Connect) -> Iterator[TestClient]:
    with connect(api_keys=(SecretStr(KEY),), requests_per_minute_per_key=0) as client:
        yield client


@pytest.fixture
def alice(guarded: TestClient, redis: Redis, worker: FakeWorker) -> Holder:
    """A key that has one of everything that addresses name."""
    return holder(guarded, redis, worker, "alice")


def rows(client: TestClient) -> tuple[RouteRow, ...]:
    return RouteTable(client.app.routes).rows  # type: ignore[attr-defined]


def calls(client: TestClient, theirs: Holder) -> list[tuple[str, str, RouteRow]]:
    """Each method and address that has a route, with what `theirs` are as the addresses' parameters."""
    found = [
        (method, row.path.format_map(Names(theirs.ids)), row) for row in rows(client) for method in sorted(row.methods)
    ]
    assert len(found) >= 45
    return found


def call(client: TestClient, method: str, path: str, authorization: str, body: object = "wrong") -> Any:
    """With a body that no route takes, or else some would draw; nor an id to go on from: a stream would not end."""
    sent = body if method in ("POST", "PUT", "PATCH") else None
    headers = {"Authorization": authorization, **({"Last-Event-ID": "wrong"} if path == "/v1/events" else {})}
    return client.request(method, path, json=sent, headers=headers)


@pytest.mark.parametrize("authorization", WRONG)
def test_a_stranger_gets_nothing_but_what_is_public(guarded: TestClient, alice: Holder, authorization: str) -> None:
    for method, path, row in calls(guarded, alice):
        answer = call(guarded, method, path, authorization)
        if row.access.public:
            assert answer.status_code not in REFUSED, (method, path)
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_what_is_public_shows_nothing_of_anybodys(guarded: TestClient) -> None:
    public = {row.path for row in rows(guarded) if row.access.public}

    shared = {"/s/page.css", "/s/{public_id}", "/s/{public_id}/picture.{extension}", "/s/{public_id}/small"}
    assert public == {
        *("/", "/studio/{name}", "/openapi.json", "/health/live", "/health/ready"),
        *shared,
        *("/gallery", "/v1/gallery"),
    }


@pytest.mark.parametrize("scope", Scope)
def test_a_key_opens_what_its_scope_covers_and_nothing_of_anothers(
    guarded: TestClient, alice: Holder, redis: Redis, scope: Scope
) -> None:
    # Given a key with one scope, and what is Alice's
    key = f"Bearer {KeyStore(redis).create(KeyPolicy(name='bob', scopes=(scope,))).text}"

    for method, path, row in calls(guarded, alice):
        # When it calls a route, naming hers
        named = set(re.findall(r"{(\w+)", row.path)) & set(OURS)
        answer = call(guarded, method, path, key, fitting(row.path) if named else "wrong")

        # Then it is refused by the declaration, and otherwise told that there is no such thing
        where = (scope, method, path, answer.text)
        if not row.access.public and scope not in row.access.scopes:
            assert answer.status_code == 403, where
            assert answer.json()["error"]["code"] == "permission_denied"
        elif named:
            assert answer.status_code == 404, where
        else:
            assert answer.status_code not in (*REFUSED, 405), where


def test_a_key_that_may_look_changes_nothing(guarded: TestClient) -> None:
    assert not [row for row in rows(guarded) if Scope.READ in row.access.scopes and not row.methods <= SAFE]


def test_a_wrong_method_needs_a_key_as_its_address_does(guarded: TestClient, alice: Holder, redis: Redis) -> None:
    key = f"Bearer {KeyStore(redis).create(KeyPolicy(name='bob', scopes=(Scope.READ,))).text}"
    for path in {row.path for row in rows(guarded)}:
        there = [row for row in rows(guarded) if row.path == path]
        known = frozenset[str]().union(*(row.methods for row in there))
        address = path.format_map(Names(alice.ids))
        for method in (method for method in METHODS if method not in known):
            strangers, ours = (call(guarded, method, address, authorization) for authorization in ("", key))
            assert strangers.status_code == (405 if all(row.access.public for row in there) else 401), (method, path)
            assert ours.status_code == 405, (method, path)
            assert ours.headers["allow"] == ", ".join(sorted(known))


def test_a_wrong_address_beside_routes_with_keys_needs_one(guarded: TestClient) -> None:
    for path in ("/v1/nothing", "/v1/", "/v1/results/x", "/sdapi/v1/nothing", "/sdapi/v2/txt2img", "/metrics/x"):
        for method in METHODS:
            assert call(guarded, method, path, "").status_code == 401, (method, path)
            assert call(guarded, method, path, f"Bearer {KEY}").status_code == 404, (method, path)


def test_a_wrong_address_elsewhere_does_not(guarded: TestClient) -> None:
    for path in ("/nothing", "/v1", "/favicon.ico", "/studio/nothing.js", "//v1/keys", "/health/x"):
        assert guarded.get(path).status_code == 404, path


def test_without_keys_all_routes_are_open_but_those_of_keys(client: TestClient) -> None:
    for row in rows(client):
        for method in row.methods:
            status = call(client, method, row.path.format_map(Names()), "").status_code
            assert (status in REFUSED) == row.path.startswith("/v1/keys"), (method, row.path)


def test_basic_opens_only_what_declares_it(guarded: TestClient, alice: Holder) -> None:
    # Given a good key as the password of HTTP Basic, as A1111's clients send it
    for method, path, row in calls(guarded, alice):
        # When it is sent anywhere
        answer = guarded.request(method, path, auth=("", KEY), json="wrong" if method == "POST" else None)

        # Then it is a key on the routes of that wire only
        if not row.access.public:
            assert (answer.status_code == 401) != path.startswith(("/sdapi/", "/controlnet/")), (method, path)
