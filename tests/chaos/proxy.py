"""A TCP proxy that swallows one reply and hangs up: the caller cannot know whether it was heard. Knows no protocol."""

from __future__ import annotations

import socket
import threading


class ReplyDropper:
    """Forwards to `port` on loopback; `drop` picks the request whose reply is lost."""

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.dropped = 0
        self._marks: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self, mark: bytes, times: int = 1) -> None:
        """Lose the reply to the next request that holds `mark`, `times` times."""
        self._marks += [mark] * times

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """Requests here, replies in a thread beside; a marked request is sent on, and its first reply ends all."""
        marked = threading.Event()
        with client, socket.create_connection(self._upstream) as server:
            threading.Thread(target=self._answer, args=(client, server, marked), daemon=True).start()
            while request := _received(client):
                mark = next((mark for mark in self._marks if mark in request), None)
                if mark is not None:
                    self._marks.remove(mark)
                    marked.set()
                server.sendall(request)

    def _answer(self, client: socket.socket, server: socket.socket, marked: threading.Event) -> None:
        while reply := _received(server):
            if marked.is_set():
                self.dropped += 1
                break
            client.sendall(reply)
        _hang_up(client)
        _hang_up(server)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 20)
    except OSError:
        return b""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
