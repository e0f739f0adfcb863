"""Signatures: as the specification computes them, and as its library for receivers checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.keeper.signing import signed_headers
from core.webhooks import new_secret


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=2_000), st.integers(24, 64))
def test_every_body_is_signed_as_specified(text: str, size: int) -> None:
    # Given
    keys, now = (b"k" * size, b"l" * size), int(time.time())
    secrets = ["whsec_" + base64.b64encode(key).decode() for key in keys]
    body = json.dumps({"a": text}, ensure_ascii=False).encode()

    # When
    headers = signed_headers(secrets, "msg_1", now, body)

    # Then
    signed = b"msg_1." + str(now).encode() + b"." + body
    digests = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }
    for secret in secrets:
        Webhook(secret).verify(body, headers)


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
