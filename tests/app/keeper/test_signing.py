"""Signatures, checked by an independent verifier."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.keeper.signing import signed_headers
from core.webhooks import new_secret


@given(st.text(min_size=1, max_size=2_000), st.integers(24, 64))
def test_an_independent_verifier_accepts_every_body(text: str, size: int) -> None:
    # Given
    secret = "whsec_" + base64.b64encode(b"k" * size).decode()
    body = text.encode()

    # When
    headers = signed_headers([secret], "msg_1", int(time.time()), b'{"a":"' + body.hex().encode() + b'"}')

    # Then
    Webhook(secret).verify(b'{"a":"' + body.hex().encode() + b'"}', headers)


@pytest.mark.parametrize("part", ["body", "id", "timestamp", "secret"])
def test_a_change_anywhere_breaks_the_signature(part: str) -> None:
    # Given
    secret, now = new_secret(), int(time.time())
    headers = signed_headers([secret], "msg_1", now, b"{}")

    # When
    body = b"{ }" if part == "body" else b"{}"
    if part == "id":
        headers["webhook-id"] = "msg_2"
    if part == "timestamp":
        headers["webhook-timestamp"] = str(now - 1)
    verifier = Webhook(new_secret() if part == "secret" else secret)

    # Then
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body, headers)


def test_the_signature_of_the_specification() -> None:
    """The example of the Standard Webhooks repository."""
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_fresh_and_long() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)
