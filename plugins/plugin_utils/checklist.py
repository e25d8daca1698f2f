# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback P(raxx.deprovision.runbook#callback) knows of a run, and the lines that show it. Knows nothing of Ansible.

Times are seconds of a clock that only goes forward; the caller says what time it is.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

# A piece of a line: the text, and what it is (a key of the caller's colours).
Piece = t.Tuple[str, str]
Line = t.List[Piece]

PLAIN, GOOD, BUSY, BAD, FAINT, WARN, NEXT = "plain", "good", "busy", "bad", "faint", "warn", "next"

TITLES = {
    "P": "prerequisites",
    "1a": "removed from Console's groups",
    "1b": "Console sessions ended",
    "2": "raptor credentials rotated",
    "3": "archive credentials rotated",
    "4": "app verified",
    "5": "no session left",
    "6": "audit row written",
    "7": "ticket closed",
}
# The rows that a role stands for. A credential's host says which of 2 and 3 is meant.
ROWS_OF_ROLE = {
    "prerequisites": ("P",),
    "step1_lock_out": ("1a", "1b"),
    "step23_rotate": ("2", "3"),
    "step23_distribute": ("2", "3"),
    "step23_prove_old_dead": ("2", "3"),
    "step4_verify_app": ("4",),
    "step5_recheck_sessions": ("5",),
    "step6_audit_row": ("6",),
    "step7_close": ("7",),
}
# Rows that are worked on side by side. When one of a later group begins, whatever was not reached before has been passed by.
GROUPS = (("P",), ("1a",), ("1b",), ("2", "3", "4"), ("5",), ("6",), ("7",))
# The facts of the ledger that finish a row. All others are finished by the result of a module.
FINISH = {"verified": "4", "recheck": "5", "audit_row": "6", "closed": "7"}
# A credential is behind the run when both are noted.
_CREDENTIAL_DONE = ("dead", "checked")
# What the facts of the ledger mean, in the order in which they are written.
MILESTONES = {
    "settled": "rotated",
    "parked": "PARKED",
    "stored": "stored",
    "unparked": "no longer parked",
    "live": "new one works",
    "distributed": "handed out",
    "dead": "old one refused",
    "checked": "checks passed",
    "verified": "verified",
}

_TITLE_WIDTH = max(len(title) for title in TITLES.values())
MARKS = {
    "todo": ("[ ]", FAINT),
    "busy": ("[>]", BUSY),
    "done": ("[x]", GOOD),
    "failed": ("[!]", BAD),
    "passed": ("[-]", FAINT),
}
_WIDE = 90
_BAR = 20


@dataclass
class Wait:
    """A task that is under way. C(bound) is the longest time that it may take, in seconds, if it has one.

    It is worth showing after C(shown_after) seconds. C(begins): the row begins with it, unless it turns out to be skipped.
    """

    host: str
    what: str
    since: float
    row: str = ""
    bound: float | None = None
    shown_after: float = 0.0
    begins: bool = False

    def words(self, now: float) -> str:
        spent = clock(now - self.since)
        return f"{self.host}: {self.what}  {spent} of at most {clock(self.bound)}" if self.bound else f"{self.host}: {self.what}"


@dataclass
class Row:
    """A step. C(state) is a key of the marks; C(facts) are those that this run has noted, by the host that they are about."""

    state: str = "todo"
    since: float | None = None
    until: float | None = None
    facts: dict[str, list[str]] = field(default_factory=dict)

    def seconds(self, now: float) -> float | None:
        return None if self.since is None else (now if self.until is None else self.until) - self.since

    def words(self) -> str:
        said = {host: [MILESTONES[fact] for fact in facts if fact in MILESTONES] for host, facts in self.facts.items()}
        return "; ".join(f"{host}: {', '.join(words)}" for host, words in said.items() if words)

    def end(self, state: str, now: float) -> None:
        self.state, self.until = state, now


class Checklist:
    """The rows, what is under way, and the window. C(began) is when the run began.

    A row is marked as done only by what the ledger has noted in this run, or by a module that has looked at the end state. What a
    result says at the end may know more: it also has the facts of earlier runs.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self.title = ""
        self.deadline: float | None = None
        self.deadline_text = ""
        self.rows: dict[str, Row] = {}
        self.waits: dict[t.Hashable, Wait] = {}

    def use(self, roles: t.Iterable[str]) -> None:
        """Shows the rows of those roles that a playbook has."""
        found = {row for role in roles for row in ROWS_OF_ROLE.get(role, ())}
        self.rows = {name: Row() for name in TITLES if name in found}

    def begin(self, name: str, now: float) -> list[str]:
        """A task of the row begins. Returns the rows whose state is another one for it."""
        row = self.rows.get(name)
        if row is None or row.state not in ("todo", "passed"):
            return []
        row.state, row.until = "busy", None
        row.since = now if row.since is None else row.since
        return [*self._pass_by(name, now), name]

    def finish(self, name: str, now: float) -> list[str]:
        """The row has reached its end. Returns it, unless that was known."""
        row = self.rows.get(name)
        if row is None or row.state in ("done", "failed"):
            return []
        row.end("done", now)
        return [name]

    def fail(self, name: str, now: float) -> None:
        if name in self.rows:
            self.rows[name].end("failed", now)

    def note(self, name: str, host: str, fact: str, now: float) -> tuple[str, list[str]]:
        """The ledger holds a fact about C(host). Returns its words, if they are new, and the rows that it finishes."""
        row = self.rows.get(name)
        if row is None or fact in row.facts.setdefault(host, []):
            return "", []
        row.facts[host].append(fact)
        if fact in FINISH:
            return MILESTONES.get(fact, ""), self.finish(FINISH[fact], now)
        rotated = [facts for facts in row.facts.values() if "settled" in facts or "dead" in facts]
        done = fact in _CREDENTIAL_DONE and all(wanted in facts for facts in rotated for wanted in _CREDENTIAL_DONE)
        return MILESTONES.get(fact, ""), self.finish(name, now) if done else []

    def end(self, now: float) -> list[str]:
        """The run is over. Returns the rows that it passed by."""
        self.waits.clear()
        begun = [name for name, row in self.rows.items() if row.state == "busy"]
        for name in begun:
            self.rows[name].end("passed", now)
        return begun

    def _pass_by(self, name: str, now: float) -> list[str]:
        group = next(number for number, names in enumerate(GROUPS) if name in names)
        before = {other: self.rows[other] for names in GROUPS[:group] for other in names if other in self.rows}
        begun = [other for other, row in before.items() if row.state == "busy"]
        for row in before.values():
            if row.state in ("todo", "busy"):
                row.end("passed", now)
        return begun


def clock(seconds: float) -> str:
    """For example 0:07, 12:30 or 3:59:48."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def short(name: str, row: Row) -> Piece:
    """One step, for a line of its own."""
    mark, kind = MARKS[row.state]
    passed = ": not finished" if row.facts else ": only looked at"
    return f"{mark} {name:<2} {TITLES[name]}{passed if row.state == 'passed' else ''}", kind


def row_line(name: str, row: Row, now: float, width: int) -> Line:
    """One step. What has been reached is said if there is room for it."""
    mark, kind = MARKS[row.state]
    body = BAD if row.state == "failed" else FAINT if row.state in ("todo", "passed") else PLAIN
    seconds = row.seconds(now)
    spent = f"{clock(seconds) if seconds is not None else '':>7}"
    words = row.words() if width >= _WIDE else ""
    reached = f"  {words}" if words else ""
    return [(mark, kind), (f" {name:<2} {TITLES[name]:<{_TITLE_WIDTH}} ", body), (spent, FAINT), (reached, PLAIN)]


def wait_line(wait: Wait, now: float, width: int) -> Line:
    """What is under way, and how much of its time is spent."""
    spent = now - wait.since
    if wait.bound is None:
        return [(f"       {wait.host}: {wait.what}", BUSY), (f"  {clock(spent)}", FAINT)]
    figures = f"{clock(spent)} of at most {clock(wait.bound)}"
    head = f"       {wait.host}: {wait.what}"
    filled = min(int(_BAR * spent / wait.bound), _BAR) if wait.bound else _BAR
    drawn = "#" * filled + "-" * (_BAR - filled)
    if len(head) + len(figures) + _BAR + 6 <= width:
        return [(head, BUSY), (f"  [{drawn}]  ", BUSY), (figures, PLAIN)]
    room = width - len(figures) - 2
    return [(shorten(head, room), BUSY), (f"  {figures}", PLAIN)]


def header(checklist: Checklist, now: float) -> list[Line]:
    """Whose access, how long it has taken, and how much of the four hours is left."""
    lines: list[Line] = [[(checklist.title, PLAIN)]] if checklist.title else []
    spent: Line = [(f"{clock(now - checklist.began)} elapsed", PLAIN)]
    if checklist.deadline is not None:
        left = checklist.deadline - now
        if left < 0:
            spent.append((f"   OVERDUE by {clock(-left)}", BAD))
        else:
            kind = GOOD if left > 3600 else BUSY if left > 900 else BAD
            spent.append((f"   {clock(left)} left, until {checklist.deadline_text}", kind))
    return [*lines, spent]


def lines(checklist: Checklist, now: float, width: int, height: int) -> list[Line]:
    """Everything that a live display shows, cut to C(width) columns and C(height) lines."""
    body: list[tuple[str, Line]] = []
    waits = [wait for wait in checklist.waits.values() if now - wait.since >= wait.shown_after]
    for name, row in checklist.rows.items():
        body.append((row.state, row_line(name, row, now, width)))
        body += [("busy", wait_line(wait, now, width)) for wait in waits if wait.row == name]
    # Rows that are finished, or not begun, are the first to go on a low screen.
    head = header(checklist, now)
    tail = [wait_line(wait, now, width) for wait in waits if wait.row not in checklist.rows]
    for state in ("done", "passed", "todo"):
        for entry in [entry for entry in body if entry[0] == state]:
            if len(head) + len(body) + len(tail) <= height:
                break
            body.remove(entry)
    shown = [*head, *(line for _state, line in body), *tail]
    return [cut(line, width) for line in shown[: max(height, 1)]]


def text(line: Line) -> str:
    return "".join(piece for piece, _kind in line).rstrip()


def cut(line: Line, width: int) -> Line:
    """The line, no longer than C(width)."""
    short: Line = []
    for piece, kind in line:
        room = width - sum(len(said) for said, _kind in short)
        if len(piece) > room:
            short.append((shorten(piece, room), kind))
            break
        short.append((piece, kind))
    return short


def shorten(words: str, room: int) -> str:
    return words if len(words) <= room else words[: max(room - 2, 0)] + ".."[: max(room, 0)]
