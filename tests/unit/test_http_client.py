# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of every HTTP API, where only a real server will do: one that never comes to an end (I4)."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _bounded_http, _http
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import UnreachableError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TIMEOUT = 0.3  # seconds


class Server:
    """Answers one request with C(begin), and then with C(piece) again and again, until the client has gone or it is enough."""

    def __init__(self, begin: bytes, piece: bytes, pause: float) -> None:
        self.cut = threading.Event()
        self._answer = begin, piece, pause
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        begin, piece, pause = self._answer
        with self._listening, self._listening.accept()[0] as line:
            line.recv(65536)
            try:
                line.sendall(begin)
                for __ in range(int(5 / pause)):
                    line.sendall(piece)
                    if self.cut.wait(pause):
                        break
            except OSError:
                self.cut.set()

    def end(self) -> None:
        self.cut.set()
        with contextlib.suppress(OSError):
            self._listening.close()
        self._thread.join(10)


@pytest.fixture
def serve() -> t.Iterator[t.Callable[..., Server]]:
    servers: list[Server] = []

    def begin(begin: bytes, piece: bytes, pause: float = 0.02) -> Server:
        servers.append(Server(begin, piece, pause))
        return servers[-1]

    yield begin
    for server in servers:
        server.end()


def client(server: Server) -> _http.HttpClient:
    return _http.HttpClient("Heroku", server.url, {}, timeout=TIMEOUT, parse_error=lambda _status, _body: (None, ""))


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"X-Padding: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_an_answer_that_trickles_in_is_given_up(serve: t.Callable[..., Server], begin: bytes, piece: bytes) -> None:
    """A time-out between two bytes held a task for ever, and the lease of its run was renewed meanwhile."""
    server = serve(begin, piece)
    with pytest.raises(UnreachableError) as caught:
        client(server).request("POST", "/x")
    assert server.cut.wait(2)
    assert caught.value.outcome_unknown


def test_an_answer_without_end_is_given_up(serve: t.Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bounded_http, "LARGEST_BODY", 100_000)
    server = serve(HEAD + b"\r\n", b" " * 50_000, 0.001)
    with pytest.raises(UnreachableError) as caught:
        client(server).request("POST", "/x")
    assert server.cut.wait(2)
    assert "AnswerTooLongError" in caught.value.message


def test_an_answer_in_time_is_taken(serve: t.Callable[..., Server]) -> None:
    server = serve(HEAD + b'Content-Length: 11\r\n\r\n{"a": "\xc3\xa9"}', b"")
    assert client(server).request("POST", "/x").body == {"a": "é"}
