# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines at the end of a terminal, looked at as a terminal shows them."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
import typing as t

import pyte
import pytest
from ansible.utils.display import _synchronize_textiowrapper
from ansible_collections.raxx.deprovision.plugins.plugin_utils.screen import Screen


class Terminal:
    """A terminal: what is written to C(stream) is on C(screen)."""

    def __init__(self, columns: int = 40, rows: int = 10) -> None:
        self.main, other = pty.openpty()
        self.stream = os.fdopen(other, "w", encoding="utf-8")
        self.screen = pyte.HistoryScreen(columns, rows)
        self.stdout = self.stderr = t.cast("t.TextIO", self.stream)
        self._parser = pyte.ByteStream(self.screen)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shows(self) -> list[str]:
        os.set_blocking(self.main, False)
        while True:
            try:
                self._parser.feed(os.read(self.main, 65536))
            except BlockingIOError:
                return [line.rstrip() for line in self.screen.display if line.strip()]


@pytest.fixture
def terminal() -> t.Iterator[Terminal]:
    made = Terminal()
    yield made
    made.stream.close()
    os.close(made.main)


class Lines:
    def __init__(self, *lines: str) -> None:
        self.now = list(lines)

    def __call__(self, columns: int, rows: int) -> tuple[list[str], list[int]]:
        cut = [line[:columns] for line in self.now[:rows]]
        return cut, [len(line) for line in cut]


@pytest.fixture
def lines() -> Lines:
    return Lines("one", "two")


@pytest.fixture
def screen(terminal: Terminal, lines: Lines) -> t.Iterator[Screen]:
    made = Screen(lines, threading.RLock(), terminal)
    made.start()
    made.draw()
    yield made
    made.stop(keep=False)


def test_lines_are_drawn_over_those_that_were(terminal: Terminal, screen: Screen, lines: Lines) -> None:
    assert terminal.shows() == ["one", "two"]
    lines.now = ["1", "2", "3"]
    screen.draw()
    assert terminal.shows() == ["1", "2", "3"]
    lines.now = ["1"]
    screen.draw()
    assert terminal.shows() == ["1"]


def test_whatever_is_written_stays_above(terminal: Terminal, screen: Screen) -> None:
    terminal.stdout.write("a result\n")
    terminal.stderr.write("[WARNING]: of somebody else\n")
    assert terminal.shows() == ["a result", "[WARNING]: of somebody else", "one", "two"]


def test_drawing_and_a_message_of_ansible_do_not_wait_for_each_other(terminal: Terminal, lines: Lines) -> None:
    """Ansible holds its lock while it writes a message, and whoever else writes to the terminal needs the same lock."""
    lock, drawing, writing = threading.RLock(), threading.Event(), threading.Event()
    _synchronize_textiowrapper(terminal.stdout, lock)

    def render(columns: int, rows: int) -> tuple[list[str], list[int]]:
        drawing.set()
        writing.wait(0.5)
        return lines(columns, rows)

    def message() -> None:
        with lock:
            writing.set()
            terminal.stdout.write("a message\n")

    made = Screen(render, lock, terminal)
    made.start()
    assert drawing.wait(5)
    writer = threading.Thread(target=message, daemon=True)
    writer.start()
    writer.join(5)
    assert not writer.is_alive(), "they wait for each other"
    made.stop(keep=True)
    assert terminal.shows() == ["a message", "one", "two"]


def test_nothing_is_drawn_into_a_line_that_is_not_finished(terminal: Terminal, screen: Screen) -> None:
    terminal.stdout.write("Are you sure? ")
    screen.draw()
    assert terminal.shows() == ["Are you sure?"]
    terminal.stdout.write("yes\n")
    assert terminal.shows() == ["Are you sure? yes", "one", "two"]


def test_nothing_is_drawn_while_a_task_asks(terminal: Terminal, screen: Screen, lines: Lines) -> None:
    screen.hold(on=True)
    lines.now = ["changed"]
    screen.draw()
    assert terminal.shows() == []
    screen.hold(on=False)
    screen.draw()
    assert terminal.shows() == ["changed"]


def test_lines_that_a_narrower_terminal_has_wrapped_go_away_whole(terminal: Terminal, screen: Screen, lines: Lines) -> None:
    lines.now = ["x" * 39, "y" * 39]
    screen.draw()
    terminal.shows()
    # As a terminal that wraps what is there: four rows now.
    terminal.resize(20, 10)
    terminal.screen.reset()
    terminal.screen.resize(10, 20)
    terminal.screen.draw("x" * 39)
    terminal.screen.linefeed()
    terminal.screen.carriage_return()
    terminal.screen.draw("y" * 39)
    terminal.screen.linefeed()
    terminal.screen.carriage_return()
    lines.now = ["a", "b"]
    screen.draw()
    assert terminal.shows() == ["a", "b"]


def test_nothing_that_is_drawn_again_gets_into_the_history(terminal: Terminal, screen: Screen, lines: Lines) -> None:
    for number in range(30):
        lines.now = [f"line {number}", "two"]
        screen.draw()
        terminal.stdout.write(f"result {number}\n")
    terminal.shows()
    above = ["".join(cell.data for cell in line.values()).rstrip() for line in terminal.screen.history.top]
    assert above
    assert [line for line in above if not line.startswith("result")] == []


@pytest.mark.parametrize(("keep", "left"), [(True, ["one", "two"]), (False, [])])
def test_the_end_gives_everything_back(terminal: Terminal, lines: Lines, keep: bool, left: list[str]) -> None:
    screen = Screen(lines, threading.RLock(), terminal)
    screen.start()
    screen.draw()
    screen.stop(keep=keep)
    assert terminal.stdout is terminal.stderr is terminal.stream
    assert terminal.shows() == left
    screen.stop(keep=keep)


@pytest.mark.parametrize(("name", "possible"), [("xterm", True), ("dumb", False), (None, False)])
def test_a_terminal_that_cannot_move_its_cursor_gets_none(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str | None, possible: bool
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if name:
        monkeypatch.setenv("TERM", name)
    assert Screen.possible(terminal.stream) is possible
