# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator sees: ansible-playbook in a terminal, in a pipe, and with -v."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pyte
import pytest

from tests.e2e.inventories import copy_inventory
from tests.e2e.world import ROOT, Sandbox, clean_environment
from tests.leaks import Leaks

CHECKLIST = re.compile(r"^\[x\] ([1-7])  .*\d\d:\d\d:\d\dZ", re.MULTILINE)
STEPS = ["1", "2", "3", "4", "5", "6", "7"]


@dataclass
class Seen:
    """C(screens) is what the terminal showed, whenever it had changed; C(raw) is everything that came."""

    status: int
    raw: str
    screens: list[list[str]]
    left: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.left)

    @property
    def last_line(self) -> str:
        return next(line for line in reversed(self.left) if line.strip())


def command(sandbox: Sandbox, email: str, *arguments: str, inventory: Path | None = None) -> tuple[list[str], dict[str, str]]:
    place = sandbox.place
    environment = {**sandbox.environment, **clean_environment(place / "home"), "TERM": "xterm-256color"}
    chosen = ["-i", str(inventory / "hosts.yml")] if inventory else []
    evidence = f"evidence_directory={place / 'evidence'}"
    return ["ansible-playbook", "deprovision.yml", "-e", f"email={email}", "-e", evidence, *chosen, *arguments], environment


def in_terminal(
    sandbox: Sandbox, email: str, *arguments: str, columns: int = 100, rows: int = 40, then: int | None = None, **more: t.Any
) -> Seen:
    """A run in a terminal of so many columns, which has C(then) columns as soon as the person is locked out."""
    environment = more.pop("environment", {})
    words, base = command(sandbox, email, *arguments, **more)
    # Wide enough for pyte, which does not wrap again what is there when its size changes.
    screen = pyte.HistoryScreen(columns, rows, history=5000)
    parser = pyte.Stream(screen)
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    child = subprocess.Popen(
        words, cwd=ROOT, env={**base, **environment}, stdin=other, stdout=other, stderr=other, start_new_session=True
    )
    os.close(other)
    raw, screens = b"", []
    while True:
        try:
            came = os.read(main, 65536)
        except OSError:  # nobody writes to it any more
            break
        if not came:
            break
        raw += came
        parser.feed(came.decode("utf-8", "replace"))
        screens.append([line.rstrip() for line in screen.display if line.strip()])
        if then and any(line.startswith("[x] 1b") for line in screens[-1]):
            fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, then, 0, 0))
            screen.resize(rows, then)
            then = None
    os.close(main)
    status = child.wait(60)
    above = ["".join(line[column].data for column in range(screen.columns)).rstrip() for line in screen.history.top]
    seen = Seen(status, raw.decode("utf-8", "replace"), screens, [*above, *(line.rstrip() for line in screen.display)])
    assert not Leaks(sandbox.secrets()).in_bytes(raw)
    return seen


def in_pipe(sandbox: Sandbox, email: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    words, environment = command(sandbox, email, *arguments)
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not Leaks(sandbox.secrets()).in_bytes((done.stdout + done.stderr).encode())
    return done


@pytest.fixture(scope="module")
def checked(sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    return in_pipe(sandbox, "jordan.smith@raxx.example", "--check")


@pytest.fixture(scope="module")
def watched(sandbox: Sandbox, checked: object) -> Seen:
    """The run itself, in a wide terminal with colours, with a log window that is long enough to be looked at."""
    inventory = copy_inventory(sandbox.place / "patient")
    hosts = inventory / "hosts.yml"
    hosts.write_text(hosts.read_text(encoding="utf-8").replace("app_log_window: 2", "app_log_window: 20"), encoding="utf-8")
    return in_terminal(sandbox, "jordan.smith@raxx.example", inventory=inventory)


def test_a_check_run_shows_the_plan(checked: subprocess.CompletedProcess[str]) -> None:
    assert checked.returncode == 0
    assert "CHECK RUN, nothing is changed" in checked.stdout
    assert "  2a  rotate raptor_app of raxx-api-sandbox" in checked.stdout
    assert "[x] 2" not in checked.stdout
    assert checked.stdout.strip().splitlines()[-1].startswith("PLAN: ")
    assert "\x1b" not in checked.stdout


def test_a_run_is_a_live_checklist(watched: Seen) -> None:
    assert watched.status == 0, watched.text
    assert watched.last_line.startswith("COMPLETE: DEPROV-")
    row = re.compile(r"\[.\] (P|1a|1b|\d)  ?[A-Za-z]")
    marks = ["".join(line[1] for line in screen if row.match(line)) for screen in watched.screens]
    # From nothing done to nearly everything; both credentials at once; what is done stays done.
    assert "         " in marks
    assert any(re.fullmatch("xxx>>.   ", mark) for mark in marks)
    assert any(re.search(r"\d:\d\d:\d\d left, until \d\d:\d\d UTC", line) for screen in watched.screens for line in screen)


def test_the_log_window_shows_how_much_of_it_has_passed(watched: Seen) -> None:
    """And of the minute that a quiet one lasts longer."""
    waits = {line.strip() for screen in watched.screens for line in screen if "log window" in line and "[" in line}
    assert len(waits) > 3
    assert all(re.fullmatch(r"raptor: log window  \[#*-*\]  \d:\d\d of at most 1:20", line) for line in waits)


def test_the_checklist_is_there_once_and_nothing_of_the_live_one_is_left(watched: Seen) -> None:
    assert CHECKLIST.findall(watched.text) == STEPS
    assert "[x] 1a" not in watched.text
    assert "left, until" not in watched.text
    assert "TASK [" not in watched.text


def test_a_pipe_gets_one_line_for_each_thing(sandbox: Sandbox, watched: Seen) -> None:
    done = in_pipe(sandbox, "priya.patel@raxx.example")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("COMPLETE: DEPROV-")
    assert CHECKLIST.findall(done.stdout) == STEPS
    said = [timed[1].strip() for line in lines if (timed := re.match(r" +\d+:\d\d  (.*)", line))]
    for row in ("P  pre", "1a ", "1b ", "2  ", "3  ", "4  ", "5  ", "6  ", "7  "):
        found = [line[1] for line in said if re.match(rf"\[.\] {row}", line)]
        assert found == [">", "x"], (row, done.stdout)
    for words in ("rotated", "stored", "new one works", "handed out", "old one refused", "checks passed"):
        assert f"raptor_app: {words}" in said
    assert "\x1b" not in done.stdout


def test_a_failure_says_what_happened_and_what_to_do_next(sandbox: Sandbox, watched: Seen) -> None:
    """In a narrow terminal that becomes narrower, without colours."""
    sandbox.fault("infisical", ".", "error", method="PATCH")
    try:
        seen = in_terminal(sandbox, "mateo.garcia@raxx.example", columns=80, then=60, environment={"NO_COLOR": "1"})
    finally:
        sandbox.mend()
    assert seen.status == 2
    words = " ".join(seen.text.split())
    assert "FAILED step 2, raptor_app: Put the URL into the vault" in words
    assert "What Infisical gave no usable answer to PATCH" in words
    assert "Next Check the system and run the same command again" in words
    assert "Code unreachable (docs/operations.md)" in words
    assert "INCOMPLETE: DEPROV-" in words
    assert not {"invocation", "module_args", "fatal:"} & set(words.split())
    # Only the cursor is moved and lines are erased; nothing is coloured.
    assert not re.search(r"\x1b\[[0-9;]*m", seen.raw)
    assert max(len(line) for screen in seen.screens[-5:] for line in screen) <= 60


def test_a_hidden_failure_is_said_by_what_the_playbook_keeps_of_it(sandbox: Sandbox, watched: Seen) -> None:
    """E1: the task has no_log, for its result holds the URL."""
    sandbox.fault("heroku", "rotat", "error", method="POST")
    try:
        done = in_pipe(sandbox, "jordan.smithers@raxx.example")
    finally:
        sandbox.mend()
    assert done.returncode == 2
    assert "What it says may hold a secret and is not shown." in done.stdout
    assert re.search(r"  What  .*Heroku.*\n  Next  .*\n  Code  [a-z_]+", done.stdout), done.stdout


def test_a_step_that_is_not_reached_is_not_said_to_have_begun(sandbox: Sandbox, watched: Seen) -> None:
    sandbox.fault("aws", ".", "error")
    try:
        done = in_pipe(sandbox, "jordan.smithers@raxx.example")
    finally:
        sandbox.mend()
    said = re.findall(r"^ +\d+:\d\d  \[(.)\] (\w+)", done.stdout, re.MULTILINE)
    assert ("x", "1b") in said
    assert {row for _mark, row in said} == {"P", "1a", "1b", "7"}, done.stdout


def test_a_refusal_is_the_last_line(sandbox: Sandbox, watched: Seen) -> None:
    done = in_pipe(sandbox, "jordan.smit@raxx.example")
    assert done.returncode == 2
    assert re.search(r"FAILED  console: .*\n  What  Nothing was changed\..*\n  Next  Mend all of this", done.stdout)
    assert done.stdout.strip().splitlines()[-1].startswith("REFUSED: ")


def test_v_shows_every_task_as_ansible_does(sandbox: Sandbox, watched: Seen) -> None:
    seen = in_terminal(sandbox, "jordan.smith@raxx.example", "-v", "--check", columns=500)
    assert "TASK [raxx.deprovision.step1_lock_out : Remove every group membership (1a)]" in seen.raw
    assert "PLAY RECAP" in seen.raw
    assert "\x1b[K" not in seen.raw
    assert seen.last_line.startswith("PLAN: ")
