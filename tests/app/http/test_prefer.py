"""The wait preference of RFC 7240."""

from __future__ import annotations

import pytest

from app.http.prefer import wait_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=10"], 10),
        (["wait"], 30),
        (["WAIT = 5"], 5),
        (['wait="5"'], 5),
        (["respond-async, wait=3"], 3),
        (["respond-async", "wait=3"], 3),
        (["wait=3, wait=9"], 3),
        (["wait=3; strict"], 3),
        (["wait=0"], 0),
        (["wait=86400"], 60),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon, wait=2"], 2),
        (["waiting=5"], None),
        (["wait=" + "9" * 400], None),
        ([""], None),
    ],
)
def test_how_long_a_client_would_wait(headers: list[str], seconds: int | None) -> None:
    assert wait_seconds(headers) == seconds
