"""A real HTTP receiver on loopback that answers as it is told and remembers what it saw."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Seen:
    """One request as it arrived; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, **headers: str) -> Script:
    """An empty answer; `Retry_After="5"` becomes the header Retry-After."""

    def run(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return run


@dataclass
class Receiver:
    """`scripts` are used up one a request; after that everything is answered 204."""

    url: str
    port: int
    scripts: list[Script] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def told_of(self, job_id: str) -> list[Seen]:
        """The webhooks about this job."""
        return [seen for seen in self.seen if json.loads(seen.body)["data"]["id"] == job_id]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    receiver: Receiver

    def get_request(self) -> Any:
        self.receiver.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:  # its sender was killed on the way: nothing was delivered
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.seen.append(Seen(self.path, headers, body))
        script = receiver.scripts.pop(0) if receiver.scripts else answer(204)
        script(self)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def running_receiver(
    address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    server = Server((address, port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(url=f"http://{address}:{server.server_port}/hook", port=server.server_port)
    server.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
