# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of PostgreSQL that take their time to log in (practice 4.3): one of them can be half done when a password changes."""

from __future__ import annotations

import threading
import time
import typing as t

from pg8000 import native  # type: ignore[import-untyped]
from psycopg2.extensions import parse_dsn

CHALLENGE = (11).to_bytes(4, "big")  # the server has looked up the password, and waits for the client's proof of it


class HalfDoneLogin(threading.Thread):
    """Begins to log in with the password in C(url), and sends its proof of it only C(delay) seconds later.

    C(begun) is set in between. C(link) is the session, or V(None) if there is none.
    """

    def __init__(self, url: str, delay: float) -> None:
        super().__init__(daemon=True)
        self._where, self._delay = parse_dsn(url), delay
        self.begun = threading.Event()
        self.link: t.Any = None

    def run(self) -> None:
        handle = native.Connection.handle_AUTHENTICATION_REQUEST

        class Slow(native.Connection):  # type: ignore[misc]
            def handle_AUTHENTICATION_REQUEST(connection, data: bytes, context: t.Any) -> None:  # noqa: N802, N805  # pylint: disable=no-self-argument
                if data[:4] == CHALLENGE:
                    self.begun.set()
                    time.sleep(self._delay)
                handle(connection, data, context)

        where = self._where
        self.link = Slow(
            where["user"], host=where["host"], port=int(where["port"]), database=where["dbname"], password=where["password"],
            ssl_context=True, timeout=30,
        )  # fmt: skip

    def answers(self) -> bool:
        """Whether the session is there and alive."""
        try:
            return bool(self.link and self.link.run("SELECT 1"))
        except Exception:  # noqa: BLE001  # any error of a line that is cut
            return False


class SlowClient(threading.Thread):
    """Logs in again and again with the same C(url), slowly, until C(rotated) says that the password changed meanwhile.

    C(delay), in seconds, must be shorter than the server's authentication_timeout.
    """

    def __init__(self, url: str, rotated: t.Callable[[], bool], delay: float = 1.2) -> None:
        super().__init__(daemon=True)
        self._url, self._rotated, self._delay = url, rotated, delay
        self._stopping = threading.Event()
        self.last: HalfDoneLogin | None = None

    def run(self) -> None:
        while not self._stopping.is_set() and not self._rotated():
            if self.last and self.last.link:
                self.last.link.close()
            self.last = HalfDoneLogin(self._url, self._delay)
            self.last.start()
            self.last.join()

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def answers(self) -> bool:
        """Whether the last session that it got is alive."""
        return self.last is not None and self.last.answers()
