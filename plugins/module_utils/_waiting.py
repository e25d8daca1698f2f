# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Bounded waiting: short pauses at first, so that what is quick is seen quickly, and longer ones later."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import typing as t
from time import monotonic, sleep

SHORTEST_PAUSE = 0.25  # seconds


class Wait:
    """A wait that begins now and ends after C(timeout) seconds; pauses grow up to C(longest_pause) seconds."""

    def __init__(self, timeout: float, longest_pause: float) -> None:
        self._begun = monotonic()
        self._timeout = timeout
        self._longest_pause = longest_pause
        self._pause = min(SHORTEST_PAUSE, longest_pause)

    @property
    def elapsed(self) -> float:
        return monotonic() - self._begun

    @property
    def expired(self) -> bool:
        return self.elapsed >= self._timeout

    def pause(self) -> None:
        sleep(self._pause)
        self._pause = min(self._pause * 2, self._longest_pause)

    def hurry(self) -> None:
        """Begins again with short pauses, since something was just set going."""
        self._pause = min(SHORTEST_PAUSE, self._longest_pause)


@contextlib.contextmanager
def bounded(seconds: float, shut_down: t.Callable[[], None]) -> t.Iterator[None]:
    """Calls C(shut_down), in another thread, if the block is not done after C(seconds). C(shut_down) must not raise."""
    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def shut_down(descriptor: int) -> None:
    """Ends whatever waits for the socket with this descriptor, which stays open."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
