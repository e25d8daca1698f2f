# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, generated from a run in which nothing went wrong: its writing calls, its tasks and its length."""

from __future__ import annotations

import random
import re
import typing as t
from dataclasses import dataclass, field

CREDENTIALS = ("raptor_app", "audit_archiver")
APPLICATION = "raxx.deprovision"
RANDOM_KILLS = 30
# In one case: at tasks, and at random moments.
KILLS = 5
KILLS_AT_RANDOM = 3
MOMENTS_SEED = 1
# A sample takes at most so many of those that are slow.
SLOW = {"stalled": 1, "down": 1, "kill-tasks": 1, "kill-time": 1, "two-runs": 2}
# The clients of the matrix wait less long than usual, for a stall must outlast them.
TIMEOUTS = {"aws": 4, "database": 3, "heroku": 4, "infisical": 4, "freescout": 4}
STALL_SECONDS = {"aws": 5.0, "postgres": 8.0, "heroku": 6.0, "infisical": 6.0, "freescout": 6.0}

# The kinds of the matrix, and those of the sandbox that they are made of.
KINDS = {
    "not-executed": ("refuse", "error"),
    "executed-then-error": ("act-then-error",),
    "executed-then-dropped": ("act-then-drop",),
    "throttled": ("throttle",),
    "stalled": ("stall",),
    "stale": ("stale",),
    "garbage": ("garbage",),
}
# A statement within a transaction cannot be carried out for good, so only its COMMIT can have been.
STATEMENT_KINDS = ("not-executed", "stalled", "garbage")
FACT = re.escape("/deprovision/")

Record = dict[str, t.Any]


@dataclass(frozen=True)
class Call:
    """A writing call: C(name) for people, C(paths) the regular expressions of its alike ones (one for each credential)."""

    name: str
    system: str
    method: str
    paths: tuple[str, ...]

    def kinds(self, number: int, *, every: bool) -> t.Iterable[str]:
        """All that make sense. Facts are all written by one function, so unless C(every) each of them has one of the kinds."""
        if self.system != "postgres":
            if every or FACT not in self.paths[0]:
                return KINDS
            return (list(KINDS)[number % len(KINDS)],)
        return [kind for kind in (KINDS if self.method == "COMMIT" else STATEMENT_KINDS) if kind != "stale"]


@dataclass(frozen=True)
class Case:
    """C(stratum) is what a sample takes some of each of.

    C(kill_tasks) are the tasks at which the first runs are killed, one each; C(kill_after) are seconds of their time instead.
    C(kill_whole) kills workers as well, as when the machine dies. C(first) is a run that must change nothing, before all others:
    a check run, or one that cannot write its evidence. With C(slow_logins) the leaver's clients are half way through a log-in
    when the passwords change. With C(again) one more run follows when everything is complete.
    """

    id: str
    stratum: str
    fault: Record | None = None
    kill_tasks: tuple[int, ...] = ()
    kill_after: tuple[float, ...] = ()
    kill_whole: bool = False
    together: tuple[float, ...] = ()
    first: t.Literal["", "check", "no-evidence"] = ""
    slow_logins: bool = False
    again: bool = False
    people: tuple[str, ...] = ()
    more: Record = field(default_factory=dict)

    @property
    def runner(self) -> bool:
        """Whether its runs are made by ansible-runner, which keeps events and artifacts of its own."""
        return self.stratum == "executed-then-error"

    @property
    def killed(self) -> bool:
        return bool(self.kill_tasks or self.kill_after)


def calls(log: t.Iterable[Record]) -> list[Call]:
    """The distinct writing calls of a run, in order."""
    found: dict[str, Call] = {}
    for entry in log:
        if not entry["writes"] or (entry["system"] == "postgres" and not entry["path"].startswith(f"{APPLICATION}: ")):
            continue
        pattern = _pattern(entry["path"])
        name = _name(entry)
        call = found.setdefault(name, Call(name, entry["system"], entry["method"], ()))
        if pattern not in call.paths:
            found[name] = Call(name, call.system, call.method, (*call.paths, pattern))
    return list(found.values())


def cases(log: t.Iterable[Record], tasks: int, seconds: float, people: t.Sequence[str], *, every: bool = False) -> list[Case]:
    """The whole matrix."""
    chance = random.Random(MOMENTS_SEED)
    found: list[Case] = []
    down: set[str] = set()
    for place, call in enumerate(calls(log)):
        for number, kind in enumerate(call.kinds(place, every=every)):
            made_of = KINDS[kind]
            path = call.paths[number % len(call.paths)]
            fault: Record = {"system": call.system, "method": call.method, "path": path, "times": 1}
            fault["kind"] = made_of[len(found) % len(made_of)]
            if kind == "stalled":
                fault["seconds"] = STALL_SECONDS[call.system]
            if kind == "stale":
                fault |= {"method": "ANY", "path": ".", "after": path}
            found.append(Case(f"{call.name}={kind}", kind, fault=fault))
        if call.system in ("infisical", "freescout", "heroku") and call.system not in down:
            down.add(call.system)
            found.append(
                Case(
                    f"{call.name}=down",
                    "down",
                    fault={"system": call.system, "method": call.method, "path": call.paths[0], "kind": "error"},
                )
            )
    # The run is killed at a task, those that continue it at later tasks, and the last one comes to the end.
    apart = -(-tasks // KILLS)
    for number in range(1, apart + 1):
        at = tuple(range(number, tasks + 1, apart))
        found.append(Case("kill-tasks=" + "+".join(f"{task:03}" for task in at), "kill-tasks", kill_tasks=at))
    for number in range(RANDOM_KILLS // KILLS_AT_RANDOM):
        moments = tuple(round(chance.uniform(0.3, seconds), 2) for __ in range(KILLS_AT_RANDOM))
        found.append(Case(f"kill-time={number + 1:02}", "kill-time", kill_after=moments, kill_whole=number % 2 == 0))
    first, second = people[:2]
    for number, offset in enumerate((0.0, 0.0, 0.5, 1.5, 3.0, round(seconds / 2, 1))):
        who = (first, second) if number == 1 else (first, first)
        found.append(Case(f"two-runs={number + 1}", "two-runs", together=(0.0, offset), people=who, again=True))
    found += [
        Case("first=check", "first", first="check"),
        Case("first=no-evidence", "first", first="no-evidence"),
        Case("slow-logins", "slow-logins", slow_logins=True),
    ]
    return found


def sample(matrix: t.Sequence[Case], number: int, *, seed: int) -> list[Case]:
    """C(number) cases, as many of each stratum as there are, but few of the slow ones."""
    chance = random.Random(seed)
    strata: dict[str, list[Case]] = {}
    for case in matrix:
        strata.setdefault(case.stratum, []).append(case)
    for members in strata.values():
        chance.shuffle(members)
    for stratum, most in SLOW.items():
        strata[stratum] = strata[stratum][:most]
    chosen: list[Case] = []
    while len(chosen) < number:
        for members in strata.values():
            if members and len(chosen) < number:
                chosen.append(members.pop())
    return chosen


def _pattern(path: str) -> str:
    """The same call in another sandbox: random words and numbers may differ."""
    parts = re.split(r"([0-9a-f]{8,}|(?<![A-Za-z_0-9])[0-9]+(?![A-Za-z_0-9]))", path)
    # Every second part is one of those words or numbers.
    return f"^{''.join('[0-9a-f]+' if number % 2 else re.escape(part) for number, part in enumerate(parts))}$"


def _name(entry: Record) -> str:
    """A short name for people, the same for both credentials."""
    path = entry["path"]
    if entry["system"] == "postgres":
        words = path.removeprefix(f"{APPLICATION}: ").replace(
            "SELECT id FROM admins WHERE id = ANY(?) ORDER BY id FOR UPDATE ", ""
        )
        match = re.search(r"(INSERT INTO|DELETE FROM|UPDATE|pg_terminate_backend\(pid\).*\b(?=true|false))\s*(\w+)", words)
        what = "-".join(match.groups()) if match else words
        what = f"end-sessions-{match[2]}" if match and "pg_terminate" in what else what
        path = f"commit-{what}" if words.startswith("COMMIT") else what
        return _slug(f"sql:{path}")
    path = re.sub("|".join(CREDENTIALS), "credential", path)
    path = re.sub(r"/raxx/sandbox/(deprovision/)?|/postgres/v0/databases/[^/]+|people/[^/]+/[^/]+/|/api/", "", path)
    path = re.sub(r"DEPROV-[^/]*|[0-9a-f]{8,}", "x", path)
    return _slug(f"{entry['system']}:{entry['method'] if entry['system'] != 'aws' else ''}{path}")


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9:]+", "-", re.sub(r"\d+", "N", text)).strip("-").lower()
