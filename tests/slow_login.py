# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of PostgreSQL that take their time to log in (practice 4.3): one of them can be half done when a password changes."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
import typing as t

from pg8000 import DatabaseError, InterfaceError, native  # type: ignore[import-untyped]
from psycopg2.extensions import parse_dsn

CHALLENGE = (11).to_bytes(4, "big")  # the server has looked up the password, and waits for the client's proof of it


# Longer than Heroku takes from the new password to the end of the old sessions, also on a busy machine.
LOGIN_SECONDS = 4.0
PATIENT_SERVER = "10s"  # authentication_timeout
APART_SECONDS = 1.0
KEPT = 10  # so many log-ins go back further than the moment at which a rotation is noticed


class HalfDoneLogin(threading.Thread):
    """Begins to log in with the password in C(url), and sends its proof of it only C(delay) seconds later.

    C(begun) is set in between. C(link) is the session, or V(None) if there is none: not yet, or it was refused.
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
        # The password may have changed before the log-in began.
        with contextlib.suppress(DatabaseError, InterfaceError):
            self.link = Slow(
                where["user"], host=where["host"], port=int(where["port"]), database=where["dbname"], password=where["password"],
                ssl_context=True, timeout=30,
            )  # fmt: skip

    def close(self) -> None:
        self.join()
        with contextlib.suppress(Exception):  # a line that is cut already
            if self.link:
                self.link.close()

    def answers(self) -> bool:
        """Whether the session is there and alive."""
        try:
            return bool(self.link and self.link.run("SELECT 1"))
        except Exception:  # noqa: BLE001  # any error of a line that is cut
            return False


class SlowClient(threading.Thread):
    """Logs in again and again with the same C(url), slowly, until C(rotated) says that the password changed meanwhile.

    The log-ins overlap, so that whenever the password changes some of them are half done. The server's authentication_timeout
    must be C(PATIENT_SERVER).
    """

    def __init__(self, url: str, rotated: t.Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self._url, self._rotated = url, rotated
        self._stopping = threading.Event()
        self._logins: collections.deque[HalfDoneLogin] = collections.deque()

    def run(self) -> None:
        while not self._rotated():
            self._logins.append(HalfDoneLogin(self._url, LOGIN_SECONDS))
            self._logins[-1].start()
            if len(self._logins) > KEPT:
                self._logins.popleft().close()
            if self._stopping.wait(APART_SECONDS):
                return

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def answers(self) -> bool:
        """Whether one of the last sessions that it got is alive."""
        return any(login.answers() for login in tuple(self._logins))
