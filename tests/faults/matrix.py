# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays cases, each in a sandbox of its own, and looks at the invariants after every run."""

from __future__ import annotations

import shutil
import time
import traceback
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.world import LEAVER, ROOT, Record, Sandbox
from tests.faults import seed
from tests.faults.cases import Case, cases
from tests.faults.invariants import (
    AT_ANY_TIME,
    WHEN_COMPLETE,
    Check,
    Story,
    changed_nothing,
    leaks_nothing,
    says_what_is_so,
    took_access_away,
)
from tests.faults.runs import Run, Running, claims, wait_for_end
from tests.leaks import CommandLines, Leaks

MORE_RUNS = 2
COLLEAGUE = "priya.patel@raxx.example"


@dataclass
class Outcome:
    """What a case came to: how often an invariant was looked at, and what was wrong."""

    case: str
    checks: int = 0
    violations: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    struck: bool = True


@dataclass(frozen=True)
class Baseline:
    """A run in which nothing goes wrong: what it claims, and the matrix that follows from what it did."""

    claims: Record
    matrix: list[Case]
    outcome: Outcome


def baseline(place: Path, *, root: Path = ROOT, every: bool = False) -> Baseline:
    """Makes the run, and holds it against every invariant too. C(every) is for a matrix without any kind left out."""
    outcome = Outcome("baseline")
    log: list[Record] = []
    story, __ = _play(Case("baseline", "baseline", again=True), place, None, outcome, root, log)
    run = story.runs[0]
    assert run.word == "COMPLETE", run.output[-3000:]
    assert not outcome.violations, outcome.violations
    return Baseline(claims(run.result), cases(log, run.tasks, run.seconds, (LEAVER, COLLEAGUE), every=every), outcome)


class Matrix:
    """Plays cases below C(place), C(workers) at a time. What a case left is kept only if something is wrong."""

    def __init__(self, place: Path, base: Record | None, *, workers: int = 2, root: Path = ROOT) -> None:
        self._place = place
        self._base = base
        self._workers = workers
        self._root = root
        self._commands = CommandLines()

    def play(self, chosen: t.Sequence[Case], tell: t.Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
        with self._commands, ThreadPoolExecutor(self._workers) as pool:
            outcomes = []
            for outcome in pool.map(self._one, chosen):
                tell(outcome)
                outcomes.append(outcome)
        return outcomes

    def _one(self, case: Case) -> Outcome:
        outcome = Outcome(case.id)
        began, earlier = time.monotonic(), len(self._commands.seen)
        place = self._place / case.id.replace(":", ".").replace("=", ".")
        try:
            _story, secrets = _play(case, place, self._base, outcome, self._root)
            found = Leaks(secrets).in_bytes(b"\n".join(tuple(self._commands.seen)[earlier:]))
            outcome.violations += [f"I10: an argument list holds {name}" for name in found]
            outcome.checks += 1
        except Exception:  # noqa: BLE001  # a case that cannot be played must not hide the others
            outcome.violations.append(f"harness: {traceback.format_exc()[-1500:]}")
        outcome.seconds = round(time.monotonic() - began, 1)
        if not outcome.violations:
            shutil.rmtree(place, ignore_errors=True)
        return outcome


def _play(
    case: Case, place: Path, base: Record | None, outcome: Outcome, root: Path, log: list[Record] | None = None
) -> tuple[Story, list[str]]:
    place.mkdir(parents=True)
    people = tuple(dict.fromkeys(case.people)) or (LEAVER,)
    with Sandbox(place, seed.hostile()) as sandbox:
        story = Story(sandbox, people, base, killed=case.killed or bool(case.together), slow_logins=case.slow_logins)
        story.begin()
        if case.first:
            _without_effect(story, _unable(case, sandbox, place, root), outcome)
        if case.fault:
            sandbox.control("POST", "/faults", case.fault)
        try:
            for number, run in enumerate(_first(case, sandbox, place, root)):
                _judge(story, run, outcome, number)
            if case.fault:
                if case.fault["system"] == "aws":
                    # The ledger keeps nobody from being locked out, and there was no other run that could.
                    _check(story, (took_access_away,), outcome, "after the run that met the fault")
                outcome.struck = any(call["struck"] for call in sandbox.control("GET", "/calls"))
                sandbox.mend()
            if log is not None:
                log += sandbox.control("GET", "/calls")
            for email in people:
                _finish(story, email, outcome, root, runner=case.runner)
            if case.killed and not all(wait_for_end(str(run.place)) for run in story.runs):
                outcome.violations.append("I3: a process of a killed run is left")
            story.look()
            _check(story, (*WHEN_COMPLETE, leaks_nothing), outcome, "at the end")
            if case.again:
                story.look()
                story.before, story.calls_before = story.dump, len(story.calls)
                # Where the evidence of the person is, or it would be written anew.
                where = next(run for run in story.runs if run.word == "COMPLETE" and run.email == people[0]).place.parent
                _without_effect(story, Running(sandbox, where / "once-more", people[0], root=root).wait(), outcome)
        finally:
            story.end()
        return story, story.secrets()


def _first(case: Case, sandbox: Sandbox, place: Path, root: Path) -> t.Iterator[Run]:
    """The run that something happens to, or the runs that happen at once."""
    if not case.together:
        kills = [(task, None) for task in case.kill_tasks] + [(None, moment) for moment in case.kill_after]
        for number, (task, moment) in enumerate(kills or [(None, None)], 1):
            running = Running(sandbox, place / f"run-{number}", LEAVER, root=root, kill_task=task, runner=case.runner)
            if moment is not None:
                running.kill_after(moment, whole=case.kill_whole)
            yield running.wait()
        return
    going = []
    for number, (offset, email) in enumerate(zip(case.together, case.people, strict=True), 1):
        time.sleep(offset)
        going.append(Running(sandbox, place / f"at-once-{number}" / "run", email, root=root))
    yield from [running.wait() for running in going]


def _unable(case: Case, sandbox: Sandbox, place: Path, root: Path) -> Run:
    """A run that must change nothing: a check run, or one whose evidence has no place."""
    evidence = place / "evidence"
    if case.first == "no-evidence":
        evidence.touch()
    run = Running(sandbox, place / "first", LEAVER, root=root, check=case.first == "check").wait()
    if case.first == "no-evidence":
        evidence.unlink()
    return run


def _without_effect(story: Story, run: Run, outcome: Outcome) -> None:
    story.runs.append(run)
    story.look()
    _check(story, (changed_nothing, leaks_nothing), outcome, f"after {run.place.name}")


def _finish(story: Story, email: str, outcome: Outcome, root: Path, *, runner: bool = False) -> None:
    """The same command again until it is complete, at most so many times."""
    done = [run for run in story.runs if run.word == "COMPLETE" and run.email == email]
    place = story.runs[0].place.parent
    for number in range(1, MORE_RUNS + 1):
        if done:
            return
        run = Running(story.sandbox, place / f"again-{email.partition('.')[0]}-{number}", email, root=root, runner=runner).wait()
        _judge(story, run, outcome, len(story.runs))
        if run.word == "COMPLETE":
            return
    if not done:
        outcome.violations.append(f"I12: not complete after {MORE_RUNS} more runs: {story.run.last_line[:200]}")


def _judge(story: Story, run: Run, outcome: Outcome, number: int) -> None:
    story.runs.append(run)
    outcome.runs.append(
        f"{run.seconds:.1f}s {run.status} {run.last_line[:120]}" if not run.killed else f"{run.seconds:.1f}s killed"
    )
    story.look()
    stage = f"after run {number + 1}"
    _check(story, AT_ANY_TIME, outcome, stage)
    if not run.killed:
        _check(story, (says_what_is_so,), outcome, stage)
    if run.word == "COMPLETE" and len(story.people) == 1:
        _check(story, WHEN_COMPLETE, outcome, stage)


def _check(story: Story, checks: t.Iterable[Check], outcome: Outcome, stage: str) -> None:
    for check in checks:
        outcome.checks += 1
        words = (check.__doc__ or "").strip()
        outcome.violations += [f"{words} {check.__name__} {stage}: {wrong}" for wrong in check(story)]
