# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some lines at the end of a terminal that are drawn again and again, while everything else is written above them."""

from __future__ import annotations

import os
import sys
import threading
import typing as t

_TICK = 0.5
# Up by so many lines to the first column; the rest of a line is erased; all below is erased.
_UP, _REST, _BELOW = "\x1b[{}F", "\x1b[K", "\x1b[J"


class Screen:
    """Draws what C(render(columns, rows)) returns: lines, and how wide each of them is.

    While it is active C(sys.stdout) and C(sys.stderr) lead through it, so that whatever anybody writes (a warning, a prompt, a
    message of Ansible itself) is written above the lines. Nothing is drawn while a line is unfinished, as that of a prompt is.

    A thread draws twice a second, for waits end by themselves. It writes to the terminal and does nothing else. Ansible's workers
    are forks; they give up C(sys.stdout) first of all and never come here.

    C(lock) must be the one that Ansible's display holds while it writes or forks: a lock of its own, taken before that one here
    and after it there, would let both wait for each other for ever.
    """

    def __init__(
        self, render: t.Callable[[int, int], tuple[list[str], list[int]]], lock: threading.RLock, streams: t.Any = sys
    ) -> None:
        self._render = render
        self._lock = lock
        self._widths: list[int] = []
        self._drawn: list[str] = []
        self._finished_line = True
        self._held = False
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        # C(streams) has C(stdout) and C(stderr), which are replaced.
        self._streams = streams
        self._stdout, self._stderr = streams.stdout, streams.stderr

    @staticmethod
    def possible(stream: t.TextIO) -> bool:
        """Whether there is a terminal that can do it."""
        return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @property
    def columns(self) -> int:
        """How many a line may have."""
        return self._size().columns - 1

    def start(self) -> None:
        self._stdout, self._stderr = self._streams.stdout, self._streams.stderr
        self._streams.stdout = t.cast("t.TextIO", _Above(self, self._stdout))
        if self._stderr.isatty():
            self._streams.stderr = t.cast("t.TextIO", _Above(self, self._stderr))
        self._thread = threading.Thread(target=self._tick, name="runbook", daemon=True)
        self._thread.start()

    def stop(self, *, keep: bool) -> None:
        """Ends it. With C(keep) the lines stay where they are."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._end.set()
        thread.join()
        with self._lock:
            if keep:
                self.draw()
            else:
                self._put(self._erased())
            self._drawn, self._widths = [], []
            self._streams.stdout, self._streams.stderr = self._stdout, self._stderr

    def hold(self, *, on: bool) -> None:
        """Takes the lines away and draws none until it is off again: a task is about to ask the operator something."""
        with self._lock:
            self._held = on
            if on:
                self._put(self._erased())
                self._drawn, self._widths = [], []

    def draw(self) -> None:
        with self._lock:
            if self._finished_line and not self._held:
                size = self._size()
                drawn, widths = self._render(size.columns - 1, size.lines - 1)
                if drawn != self._drawn:
                    up = _UP.format(self._height()) if self._widths else ""
                    self._put(up + "".join(f"{line}{_REST}\n" for line in drawn) + _BELOW)
                    self._drawn, self._widths = drawn, widths

    def write(self, stream: t.TextIO, words: str) -> int:
        """Writes C(words) to C(stream), above the lines."""
        with self._lock:
            self._put(self._erased())
            self._drawn, self._widths = [], []
            written = stream.write(words)
            stream.flush()
            if words:
                self._finished_line = words.endswith("\n")
            self.draw()
        return written

    def _tick(self) -> None:
        while not self._end.wait(_TICK):
            self.draw()

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stdout.fileno())
        except OSError:
            return os.terminal_size((80, 24))
        # A terminal that was given no size says 0.
        return os.terminal_size((size.columns or 80, size.lines or 24))

    def _height(self) -> int:
        """Rows that are drawn. A terminal that was made narrower since has wrapped them."""
        columns = self._size().columns
        return sum(max(-(-width // columns), 1) for width in self._widths)

    def _erased(self) -> str:
        """What takes the lines away: one by one, since terminals keep what is erased at once in their history."""
        if not self._widths:
            return ""
        height = self._height()
        return _UP.format(height) + f"{_REST}\n" * height + _UP.format(height)

    def _put(self, words: str) -> None:
        if words:
            self._stdout.write(words)
            self._stdout.flush()


class _Above:
    """A stream whose text is written above the lines of a L(Screen); all else is the stream's own."""

    def __init__(self, screen: Screen, stream: t.TextIO) -> None:
        self._screen = screen
        self._stream = stream

    def write(self, words: str) -> int:
        return self._screen.write(self._stream, words)

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._stream, name)
