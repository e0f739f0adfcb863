"""`easel keys` typed as an operator would: on the embedded Valkey, stopped or running, and on a Redis by URL."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.stack.valkey import data_folder_lock, embedded_valkey
from core.store import KeyStore

runner = CliRunner()


def easel(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def short(elsewhere: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where the path of a socket is not too long to be found there."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        yield Path(folder)
        monkeypatch.undo()


def test_a_key_is_made_listed_renewed_and_ended(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    made = easel("keys", "create", "web shop", "--scope", "read", "--weight", "2", "--expires-days", "1")
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    key = KeyStore(redis).verify(text)
    assert key is not None
    assert (key.name, key.scopes, key.weight) == ("web shop", ("read",), 2.0)

    rows = json.loads(easel("keys", "list", "--json").stdout)
    assert [row["id"] for row in rows] == [key.id]
    assert text[-43:] not in json.dumps(rows)
    assert key.id in easel("keys", "list").stdout

    renewed = easel("keys", "rotate", key.id, "--overlap-hours", "0", "--json")
    assert KeyStore(redis).verify(text) is None
    assert KeyStore(redis).verify(json.loads(renewed.stdout)["key"]) is not None
    assert easel("keys", "revoke", key.id).exit_code == 0
    assert "revoked" in easel("keys", "list").stdout


def test_a_key_is_changed(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given
    monkeypatch.setenv("REDIS_URL", redis_url)
    text = easel("keys", "create", "web shop", "--images-per-day", "5", "--max-queued", "3").stdout.strip()
    key_id = text.split("_")[1]

    # When
    done = easel("keys", "edit", key_id, "--weight", "2", "--unlimited", "images-per-day", "--json")

    # Then
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert (row["weight"], row["images_per_day"], row["max_queued"], row["name"]) == (2.0, None, 3, "web shop")
    wrong = easel("keys", "edit", key_id, "--unlimited", "weight")
    assert wrong.exit_code == 2
    assert "images-per-day" in wrong.output
    assert easel("keys", "edit", "00000000", "--weight", "2").exit_code == 1


def test_without_a_redis_it_is_that_of_the_data_folder(short: Path) -> None:
    # Given an Easel that does not run, then one that does
    folder = short / "easel-data"
    first = easel("keys", "create", "first").stdout.strip()
    with data_folder_lock(folder), embedded_valkey(folder) as url, Redis.from_url(url) as redis:
        second = easel("keys", "create", "second").stdout.strip()
        # Then both are there, and survive
        assert [KeyStore(redis).verify(text) is not None for text in (first, second)] == [True, True]
    assert [row["name"] for row in json.loads(easel("keys", "list", "--json").stdout)] == ["first", "second"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create"], 2, "Missing argument"),
        (["create", "x", "--scope", "root"], 2, "root"),
        (["create", "x", "--model", "nope"], 2, "no model 'nope'"),
        (["create", "x", "--weight", "0"], 2, "weight"),
        (["create", "x", "--expires-days", "4000"], 2, "expires-days"),
        (["create", "x", "--max-queued", "0"], 2, "max-queued"),
        (["edit", "00000000", "--model", "nope"], 1, "no key '00000000'"),
        (["rotate", "00000000", "--overlap-hours", "1000"], 2, "overlap-hours"),
        (["revoke", "nope"], 1, "no key 'nope'"),
        (["rotate", "00000000"], 1, "no key '00000000'"),
    ],
)
def test_mistakes_are_told(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    result = easel("keys", *arguments)

    assert result.exit_code == code
    assert said in result.output.replace("\n", " ")
    assert redis.keys() == []


def test_a_redis_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    result = easel("keys", "list")

    assert result.exit_code == 1
    assert "cannot use Redis" in result.output
