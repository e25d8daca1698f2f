# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Logplex: a ring buffer of log lines per app, and the sessions through which clients read it."""

from __future__ import annotations

import re
import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

RING_SIZE = 1500
SESSION_SECONDS = 300.0


@dataclass(frozen=True)
class Line:
    """One log line. `number` grows by one for each line of an app; `ps` is the process, such as `web.1`."""

    number: int
    source: str
    ps: str
    text: str


@dataclass(frozen=True)
class Session:
    """What a client asked for when it opened a log session; `secret` is the last part of its URL."""

    secret: str
    app: str
    lines: int
    tail: bool
    source: str | None
    dyno: str | None
    opened: float

    def wants(self, line: Line) -> bool:
        if self.source and line.source != self.source:
            return False
        return not self.dyno or line.ps == self.dyno or line.ps.split(".")[0] == self.dyno


class Logplex:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings: dict[str, deque[Line]] = {}
        self._counts: dict[str, int] = {}
        self._sessions: dict[str, Session] = {}
        self._secrets: set[str] = set()
        self._closed = False

    def write(self, app: str, source: str, ps: str, message: str) -> None:
        """Add a message to the log of `app`, one line for each of its lines."""
        with self._changed:
            ring = self._rings.setdefault(app, deque(maxlen=RING_SIZE))
            for part in re.split(r"\r?\n", message.rstrip("\r\n")):
                self._counts[app] = number = self._counts.get(app, 0) + 1
                stamp = datetime.now(UTC).isoformat(timespec="microseconds")
                ring.append(Line(number, source, ps, f"{stamp} {source}[{ps}]: {part}"))
            self._changed.notify_all()

    def open(self, app: str, *, lines: int, tail: bool, source: str | None, dyno: str | None) -> Session:
        secret = f"{uuid.uuid4()}-{secrets.token_hex(8)}"
        session = Session(secret, app, lines, tail, source, dyno, time.monotonic())
        with self._changed:
            self._sessions[secret] = session
            self._secrets.add(secret)
        return session

    def session(self, secret: str) -> Session | None:
        """The session of this secret, unless it is unknown or has expired."""
        with self._changed:
            session = self._sessions.get(secret)
        if session is None or time.monotonic() - session.opened > SESSION_SECONDS:
            return None
        return session

    def read(self, session: Session, after: int | None = None) -> Iterator[Line]:
        """The session's lines: first from the ring, then, for a tail, as they come.

        `after` is the number of the last line that the client has seen already.
        """
        return self._follow(session, self._start(session) if after is None else after)

    def _follow(self, session: Session, seen: int) -> Iterator[Line]:
        while True:
            with self._changed:
                fresh = self._newer(session.app, seen)
                while session.tail and not fresh and not self._closed:
                    self._changed.wait()
                    fresh = self._newer(session.app, seen)
            for line in fresh:
                seen = line.number
                if session.wants(line):
                    yield line
            if not session.tail or self._closed:
                return

    def close(self) -> None:
        """End all tails."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def secrets(self) -> set[str]:
        with self._changed:
            return set(self._secrets)

    def _start(self, session: Session) -> int:
        """The number of the line before the first one to show."""
        with self._changed:
            ring = self._rings.get(session.app, deque())
            wanted = [line.number for line in ring if session.wants(line)]
            if session.lines <= 0 or not wanted:
                return self._counts.get(session.app, 0)
            return wanted[-session.lines :][0] - 1

    def _newer(self, app: str, seen: int) -> list[Line]:
        ring = self._rings.get(app)
        return [line for line in ring if line.number > seen] if ring else []
