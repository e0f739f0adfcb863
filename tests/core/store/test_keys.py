"""API keys at rest: only digests, one secret and for a day its predecessor, ends that are ends."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from redis import Redis

from core.errors import NotFound
from core.keys import OVERLAP_SECONDS, KeyPolicy, Scope
from core.store import KeyStore
from core.store.keys import KEY, USED_SECONDS

POLICY = KeyPolicy(name="web shop")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(redis: Redis, clock: Clock) -> KeyStore:
    return KeyStore(redis, clock)


def test_a_key_opens_with_its_whole_text_only(keys: KeyStore) -> None:
    issued = keys.create(POLICY)
    match = KEY.fullmatch(issued.text)
    assert match is not None
    assert keys.verify(issued.text) == issued.key
    other = keys.create(POLICY)
    mixed = f"ek_{issued.key.id}_{other.text[-43:]}"
    unknown = f"ek_{'0' * 8}_{issued.text[-43:]}"
    flipped = issued.text[:-1] + ("A" if issued.text[-1] != "A" else "B")
    for wrong in (mixed, unknown, flipped, issued.text[:-1], issued.text + "A", issued.text.upper(), "", "ek__"):
        assert keys.verify(wrong) is None, wrong


def test_what_was_decided_comes_back(keys: KeyStore) -> None:
    policy = KeyPolicy(
        name="büro & co",
        scopes=(Scope.READ,),
        models=("mini", "flux-tiny"),
        weight=2.5,
        max_queued=3,
        requests_per_minute=0,
        images_per_day=100,
        worker_seconds_per_day=50,
    )
    issued = keys.create(policy, expires_in=60)

    assert issued.key.model_dump(include=set(KeyPolicy.model_fields)) == policy.model_dump()
    assert issued.key.expires_at is not None
    assert (issued.key.expires_at - issued.key.created_at).total_seconds() == 60
    assert keys.get(issued.key.id) == issued.key
    assert keys.list() == (issued.key,)


def test_redis_holds_no_secret(keys: KeyStore, redis: Redis) -> None:
    secrets = [keys.create(POLICY).text[-43:] for _ in range(2)]
    rotated = keys.rotate(keys.list()[0].id)
    everything = b"".join(redis.dump(name) or b"" for name in redis.keys())

    assert everything
    for secret in (*secrets, rotated.text[-43:]):
        assert secret.encode() not in everything


def test_the_old_secret_is_good_for_a_day(keys: KeyStore, clock: Clock) -> None:
    # Given a key with a new secret
    first = keys.create(POLICY)
    second = keys.rotate(first.key.id)
    # Then both open it, with the same jobs behind, until a day is over
    for text in (first.text, second.text):
        found = keys.verify(text)
        assert found is not None
        assert found.owner == first.key.owner
    clock.now += OVERLAP_SECONDS - 1
    assert keys.verify(first.text) is not None
    clock.now += 1
    assert keys.verify(first.text) is None
    assert keys.verify(second.text) is not None


def test_only_the_last_two_secrets_count(keys: KeyStore) -> None:
    first = keys.create(POLICY)
    second, third = keys.rotate(first.key.id), keys.rotate(first.key.id)

    assert [keys.verify(text) is not None for text in (first.text, second.text, third.text)] == [False, True, True]


def test_a_rotation_that_is_sent_twice_keeps_the_old_secret(keys: KeyStore, redis: Redis) -> None:
    first = keys.create(POLICY)
    keys.rotate(first.key.id)
    digest = redis.hget(f"easel:key:{first.key.owner}", "digest")
    assert digest is not None
    keys._run("rotate_key", first.key.owner, digest, "99999999999999")

    assert keys.verify(first.text) is not None


def test_expired_and_revoked_keys_are_known_but_not_usable(keys: KeyStore, clock: Clock) -> None:
    lasting, short = keys.create(POLICY), keys.create(POLICY, expires_in=10)
    assert keys.is_usable(short.key)
    clock.now += 10
    assert not keys.is_usable(short.key)
    assert keys.is_usable(lasting.key)

    revoked = keys.revoke(lasting.key.id)
    clock.now += 5
    again = keys.revoke(lasting.key.id)
    assert not keys.is_usable(revoked)
    assert revoked == again == keys.verify(lasting.text)


def test_use_is_written_down_once_a_minute(keys: KeyStore, clock: Clock) -> None:
    key = keys.create(POLICY).key

    def last_used() -> float | None:
        found = keys.get(key.id)
        assert found is not None
        keys.used(found)
        kept = keys.get(key.id)
        assert kept is not None
        return kept.last_used_at and kept.last_used_at.timestamp()

    start = clock.now
    assert last_used() == start
    clock.now += USED_SECONDS - 1
    assert last_used() == start
    clock.now += 1
    assert last_used() == start + USED_SECONDS


@pytest.mark.parametrize("key_id", ["", "*", "0" * 8, "x" * 8, "../../etc"])
def test_there_is_no_other_key(keys: KeyStore, key_id: str) -> None:
    keys.create(POLICY)

    assert keys.get(key_id) is None
    for change in (keys.find, keys.rotate, keys.revoke):
        with pytest.raises(NotFound):
            change(key_id)


def test_a_revoked_key_was_still_made(keys: KeyStore) -> None:
    assert not keys.any_made()
    keys.revoke(keys.create(POLICY).key.id)
    assert keys.any_made()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "a\nb"), ("scopes", ()), ("scopes", ("root",)), ("models", ("A B",)), ("weight", 0),
     ("weight", float("inf")), ("max_queued", 0), ("requests_per_minute", -1), ("images_per_day", 0)],
)  # fmt: skip
def test_a_policy_has_bounds(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        KeyPolicy.model_validate({"name": "x", field: value})


def test_the_time_tells_neither_id_nor_secret(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes is compared as often, whole, and by the function that takes as long for all."""
    # Given a key with an old secret too
    text = keys.create(KeyPolicy(name="shop")).text
    renewed = keys.rotate(text[3:11])
    assert renewed is not None
    compared: list[tuple[int, int]] = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", noted)
    seen = []
    for came in (renewed.text, text, f"{text[:12]}{'A' * 43}", f"ek_00000000_{text[-43:]}"):
        compared.clear()
        keys.verify(came)
        seen.append(tuple(compared))

    # Then the right one, the old one, a wrong one and one of no key cost the same
    assert set(seen) == {((64, 64), (64, 64))}
