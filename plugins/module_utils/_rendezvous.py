# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Heroku's rendezvous: the TLS connection over which the output of an attached one-off dyno arrives.

The protocol has no framing and no heartbeat: a line with a secret goes out, a greeting comes back when the dyno is up, then
its output. The exit status is known only from a marker line that the command itself writes last.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections import deque
from dataclasses import dataclass
from time import monotonic, sleep
from urllib.parse import urlsplit

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._log_lines import authentication_failure
from ansible_collections.raxx.deprovision.plugins.module_utils._output import LINES_KEPT, Lines, clean

SYSTEM = "Heroku rendezvous"
CONNECT_TIMEOUT = 10.0  # seconds
CONNECT_ATTEMPTS = 3
_GREETING = b"rendezvous"
_END_OF_INPUT = b"\x04"
_MARKER = re.compile(rb"\xef\xbf\xbf heroku-command-exit-status: (\d{1,3})")


@dataclass(frozen=True)
class Output:
    """What a command wrote, and how it ended. C(exit_status) is V(None) if the connection ended before the marker arrived.

    C(started) says that the greeting arrived: before it no command has run. C(refused_role) is the database role whose login
    PostgreSQL refused according to the output (an empty string if not named), else V(None).
    """

    exit_status: int | None
    lines: tuple[str, ...]
    started: bool
    refused_role: str | None


def with_marker(command: str) -> str:
    """C(command) with the tail that writes its exit status in the form that L(attach) looks for."""
    return f'{command.rstrip()} ; echo "\uffff heroku-command-exit-status: $?"'


def attach(url: str, *, timeout: float, ca_path: str | None = None) -> Output:
    """Connects to C(url), which is a secret, and reads until the marker or the end, for at most C(timeout) seconds.

    Raises UnreachableError if no connection could be made; then the command has not been started.
    """
    parts = urlsplit(url)
    if parts.scheme != "rendezvous" or not parts.hostname:
        raise DeprovisionError("unsupported_dyno", "Heroku offers no rendezvous for the one-off dyno.", system=SYSTEM)
    deadline = monotonic() + timeout
    secret = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    with _connect(parts.hostname, parts.port or 5000, ca_path) as connection:
        reader = _Reader()
        try:
            connection.sendall(f"{secret}\r\n".encode())
            while reader.exit_status is None:
                left = deadline - monotonic()
                if left <= 0:
                    break
                connection.settimeout(left)
                data = connection.recv(16384)
                if not data:
                    break
                greeted = reader.started
                reader.feed(data)
                if reader.started and not greeted:
                    connection.sendall(_END_OF_INPUT)  # nothing is typed: a command that reads gets an end of file
        except OSError:  # cut or timed out: what has arrived decides
            pass
    return reader.finish()


class _Reader:
    """Takes the stream in chunks of any size and makes lines of it."""

    def __init__(self) -> None:
        self.started = False
        self.exit_status: int | None = None
        self._split = Lines()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._refused_role: str | None = None

    def feed(self, data: bytes) -> None:
        for line in self._split.feed(data):
            self._take(line)

    def finish(self) -> Output:
        """The end of the stream. What is left over is a line too, but no marker: digits of its number may be missing."""
        rest = self._split.rest.rstrip(b"\r")
        if rest and not _MARKER.search(rest):
            self._take(rest)
        return Output(self.exit_status, tuple(self._lines), self.started, self._refused_role)

    def _take(self, line: bytes) -> None:
        if self.exit_status is not None:  # nothing after the marker counts
            return
        if not self.started and line == _GREETING:
            self.started = True
            return
        # The marker stands in the middle of a line if the output does not end with a line end.
        marker = _MARKER.search(line)
        if marker:
            self.exit_status = int(marker[1])
            line = line[: marker.start()]
            if not line:
                return
        text = line.decode(errors="replace")
        if self._refused_role is None:
            self._refused_role = authentication_failure(text)
        self._lines.append(clean(text))


def _connect(host: str, port: int, ca_path: str | None) -> ssl.SSLSocket:
    """A verified TLS connection. Connecting may be repeated: as long as the secret was not sent, nothing has happened."""
    try:
        context = ssl.create_default_context(cafile=ca_path or None)
    except OSError as error:
        raise DeprovisionError(
            "invalid_input", f"The CA file {ca_path} cannot be used ({type(error).__name__}).", system=SYSTEM
        ) from None
    for attempt in range(1, CONNECT_ATTEMPTS + 1):
        try:
            plain = socket.create_connection((host, port), timeout=CONNECT_TIMEOUT)
            try:
                return context.wrap_socket(plain, server_hostname=host)
            except BaseException:
                plain.close()
                raise
        except ssl.SSLCertVerificationError as error:
            raise UnreachableError(
                "unreachable",
                f"The certificate of {SYSTEM} at {host}:{port} is not trusted ({error.verify_message}). The command has not run.",
                system=SYSTEM,
                next_step="Set heroku_ca_path (HEROKU_CA_PATH) to the file of the CA that signed it.",
            ) from None
        except OSError as error:
            if attempt == CONNECT_ATTEMPTS:
                raise UnreachableError(
                    "unreachable",
                    f"No connection to {SYSTEM} at {host}:{port} ({type(error).__name__}). The command has not run.",
                    system=SYSTEM,
                    next_step=f"Check that outgoing connections to port {port} are allowed, then run the same command again.",
                ) from None
        sleep(1.0)
    raise AssertionError("the last attempt returns or raises")
