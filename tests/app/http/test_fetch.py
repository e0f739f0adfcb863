"""Files by URL: what a server sends within the limits, and nothing from where we may not look."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from app.http.addresses import AddressPolicy
from app.http.fetch import Fetcher
from core.errors import InvalidRequest, PayloadTooLarge

LOOPBACK = AddressPolicy(("127.0.0.0/8",))

Serve = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that says what it is told, once, byte for byte, and then hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def served(answer: bytes) -> str:
        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/x.png"

    yield served
    listening.close()


def test_the_bytes_come_as_they_are(serve: Serve) -> None:
    url = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    assert Fetcher(LOOPBACK, max_bytes=5).fetch(url, "inputs.image") == b"hello"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answered 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n", "it answered 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "the connection broke"),
        (b"nonsense\r\n\r\n", "the connection broke"),
    ],
)
def test_what_is_no_file_is_said(serve: Serve, answer: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refused:
        Fetcher(LOOPBACK, max_bytes=1000).fetch(serve(answer), "inputs.image")
    assert (refused.value.param, refused.value.code) == ("inputs.image", "input_not_fetched")


def test_no_more_is_read_than_the_limit(serve: Serve) -> None:
    url = serve(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100_000))
    with pytest.raises(PayloadTooLarge):
        Fetcher(LOOPBACK, max_bytes=70_000).fetch(url, "inputs.image")


def test_whoever_drips_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(InvalidRequest, match=r"within 0\.3 s"):
            Fetcher(LOOPBACK, max_bytes=10, seconds=0.3).fetch(url, "inputs.image")


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://[::1]/x", "http://127.0.0.1/x", "http://0x7f000001/x"])
def test_private_places_are_not_looked_at(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not public"):
        Fetcher(AddressPolicy(), max_bytes=10).fetch(url, "inputs.image")
