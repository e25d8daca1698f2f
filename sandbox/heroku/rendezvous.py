# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The rendezvous: a TLS listener that joins a client to the terminal of a one-off dyno."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from typing import Protocol

GREETING = b"rendezvous\r\n"
# Clients throw away the first chunk that they read, whatever it is; so it must come alone.
GREETING_SECONDS = 0.05
MARKER = "\uffff".encode()
IDLE_SECONDS = 0.05
HANDSHAKE_SECONDS = 10.0
CLOSING_SECONDS = 1.0
CHUNK = 65536


class Attachable(Protocol):
    def attach(self, client: ssl.SSLSocket) -> None: ...


class Listener:
    """Accepts clients; `find` gives the waiting dyno of a secret. `url` is without the secret."""

    def __init__(self, context: ssl.SSLContext, find: Callable[[str], Attachable | None]) -> None:
        self._context = context
        self._find = find
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"rendezvous://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        threading.Thread(target=self._accept, name="rendezvous", daemon=True).start()

    def stop(self) -> None:
        # A plain close would leave the accepting thread asleep.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, __ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), name="rendezvous client", daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(HANDSHAKE_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with plain, contextlib.suppress(OSError):
            client = self._context.wrap_socket(plain, server_side=True)
            with client:
                dyno = self._find(_first_line(client))
                if dyno is not None:
                    client.settimeout(None)
                    dyno.attach(client)
                close(client)


def relay(client: ssl.SSLSocket, terminal: int, start: Callable[[], subprocess.Popen[bytes]]) -> None:
    """Greet the client, start the process and pass bytes both ways until either side ends."""
    client.sendall(GREETING)
    threading.Event().wait(GREETING_SECONDS)
    process = start()
    output = Output(client)
    try:
        while True:
            waiting = client.pending() > 0
            readable, __, __ = select.select([client.fileno(), terminal], [], [], 0 if waiting else IDLE_SECONDS)
            if waiting or client.fileno() in readable:
                typed = client.recv(CHUNK)
                if not typed:
                    return
                os.write(terminal, typed)
            if terminal in readable:
                data = os.read(terminal, CHUNK)
                if not data:
                    break
                output.add(data)
            elif not readable:
                output.flush_idle()
                if process.poll() is not None:
                    break
    except OSError:
        # The terminal's other end is closed, or the client is gone.
        pass
    with contextlib.suppress(OSError):
        output.flush()


class Output:
    """Sends the dyno's output by whole lines, and the line with the exit status in one piece of its own."""

    def __init__(self, client: ssl.SSLSocket) -> None:
        self._client = client
        self._held = b""

    def add(self, data: bytes) -> None:
        self._held += data
        end = self._held.rfind(b"\n") + 1
        lines, self._held = self._held[:end], self._held[end:]
        self._send(lines)

    def flush_idle(self) -> None:
        """Send an unfinished line, such as a prompt, unless it may become the marker."""
        if MARKER[:1] not in self._held:
            self.flush()

    def flush(self) -> None:
        rest, self._held = self._held, b""
        self._send(rest)

    def _send(self, data: bytes) -> None:
        before, marker, line = data.partition(MARKER)
        for part in (before, marker + line):
            if part:
                self._client.sendall(part)


def close(client: ssl.SSLSocket) -> None:
    """Read what the client still sends, say good-bye in TLS, and wait for its end.

    Closing with unread bytes would reset the connection, and the client would lose the end of the output.
    """
    with contextlib.suppress(OSError):
        client.settimeout(CLOSING_SECONDS)
        while client.pending() or select.select([client], [], [], 0)[0]:
            if not client.recv(CHUNK):
                break
        with contextlib.suppress(ssl.SSLError, TimeoutError):
            client.unwrap()
    with contextlib.suppress(OSError), socket.socket(fileno=client.detach()) as plain:
        plain.settimeout(CLOSING_SECONDS)
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(CHUNK):
            pass


def _first_line(client: ssl.SSLSocket) -> str:
    line = b""
    while not line.endswith(b"\n") and len(line) < 1024:
        byte = client.recv(1)
        if not byte:
            break
        line += byte
    return line.decode(errors="replace").strip()
