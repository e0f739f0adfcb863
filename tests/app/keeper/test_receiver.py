"""The receiver of these tests counts what was delivered, and no more."""

from __future__ import annotations

import socket

from tests.app.keeper.receiver import running_receiver

HEAD = b"POST /hook HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n"


def test_a_request_whose_sender_dies_on_the_way_is_no_delivery() -> None:
    with running_receiver() as receiver:
        # Given a sender that is gone after the headers, and one that is not
        for body in (b"", b"{}"):
            with socket.create_connection(("127.0.0.1", receiver.port)) as sender:
                # When it sends
                sender.sendall(HEAD + body)
                sender.shutdown(socket.SHUT_WR)
                while sender.recv(1000):
                    pass
        # Then the second one alone was heard
        assert [seen.body for seen in receiver.seen] == [b"{}"]
