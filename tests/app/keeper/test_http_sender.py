"""Slow, endless and broken receivers: none may hold a sender for longer than the limit."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from app.http import egress
from app.http.addresses import AddressPolicy
from app.keeper.http_sender import MAX_ANSWER_BYTES, HttpSender
from tests.app.keeper.receiver import Receiver, answer, running_receiver

LOOPBACK = AddressPolicy(["127.0.0.0/8"])
LIMIT = 1.0
SLACK = 20.0
"""Machines that run tests are busy; without the limit these receivers would hold on for minutes."""

TLS = Path(__file__).parent / "tls"


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(600):
        handler.wfile.write(b"a")
        time.sleep(0.1)


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(600):
        handler.wfile.write(b"a")
        time.sleep(0.1)


def say_nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.server.receiver.closing.wait(60)  # type: ignore[attr-defined]


def timed_post(url: str, body: bytes = b"{}", limit: float = LIMIT) -> tuple[float, int | None, str]:
    began = time.monotonic()
    result = HttpSender(LOOPBACK, seconds=limit).post(url, body, {})
    return time.monotonic() - began, result.status, result.error


@pytest.mark.parametrize("script", [drip_headers, say_nothing])
def test_the_limit_is_on_the_whole_not_on_each_read(receiver: Receiver, script: object) -> None:
    receiver.scripts.append(script)  # type: ignore[arg-type]
    seconds, status, error = timed_post(receiver.url)
    assert seconds < LIMIT + SLACK
    assert status is None
    assert error == "no answer within 1 s"


def test_a_status_counts_though_its_body_drips(receiver: Receiver) -> None:
    receiver.scripts.append(drip_body)
    seconds, status, _ = timed_post(receiver.url, limit=5)
    assert seconds < LIMIT + SLACK
    assert status == 200


def test_an_endless_answer_is_cut_off(receiver: Receiver) -> None:
    # Given
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            while sent < 200 * 1024 * 1024:
                sent += handler.wfile.write(b"a" * 65_536)
        except OSError:
            return

    receiver.scripts.append(endless)

    # When
    seconds, status, _ = timed_post(receiver.url, limit=5)

    # Then what was taken is the limit and what the sockets held
    assert status == 200
    assert seconds < LIMIT + SLACK
    assert sent < 100 * MAX_ANSWER_BYTES


def test_a_receiver_that_does_not_read_is_given_up() -> None:
    # Given a socket that accepts and never reads
    with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        # When
        seconds, status, error = timed_post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", b"a" * 30_000_000)

    # Then
    assert status is None
    assert seconds < LIMIT + SLACK
    assert error == "no answer within 1 s"


def test_a_name_server_that_hangs_is_given_up() -> None:
    # Given
    release = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        release.wait(60)
        return []

    # When
    began = time.monotonic()
    result = HttpSender(LOOPBACK, seconds=LIMIT, resolver=hanging).post("http://hooks.example/", b"{}", {})
    release.set()

    # Then
    assert result.status is None
    assert time.monotonic() - began < LIMIT + SLACK


def test_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    _, status, error = timed_post(f"http://127.0.0.1:{port}/")
    assert status is None
    assert error.startswith("no connection")


def test_an_answer_that_is_no_http_is_a_failure(receiver: Receiver) -> None:
    receiver.scripts.append(lambda handler: handler.wfile.write(b"220 smtp.example ESMTP\r\n") and None)
    _, status, error = timed_post(receiver.url, limit=5)
    assert status is None
    assert error == "the connection broke: RemoteProtocolError"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", None)])
def test_retry_after_is_read(receiver: Receiver, header: str, seconds: float | None) -> None:
    receiver.scripts.append(answer(503, Retry_After=header))
    result = HttpSender(LOOPBACK, seconds=5).post(receiver.url, b"{}", {})
    assert result.retry_after == seconds


@pytest.fixture
def secure_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A TLS server whose certificate is for hooks.example, trusted here."""
    trusting = ssl.create_default_context(cafile=str(TLS / "hooks.example.pem"))
    monkeypatch.setattr(egress, "_tls", lambda: trusting)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(TLS / "hooks.example.pem", TLS / "hooks.example.key")
    with running_receiver(tls=serving) as receiver:
        yield receiver.port


@pytest.mark.parametrize(("host", "accepted"), [("hooks.example", True), ("other.example", False)])
def test_tls_checks_the_name_though_the_address_is_dialled(secure_port: int, host: str, accepted: bool) -> None:
    http_sender = HttpSender(LOOPBACK, seconds=5, resolver=lambda name, port: ["127.0.0.1"])
    assert http_sender.post(f"https://{host}:{secure_port}/", b"{}", {}).accepted is accepted
