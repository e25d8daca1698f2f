# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What the facts of the ledger amount to: checkpoints with grades, what is missing, and what may be done next.

Everything here is a pure function of facts, so a run that was killed and continued elsewhere comes to the same claims (I12).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

Facts = t.Mapping[str, t.Any]

# Grades of proof; a claim has exactly one. MISSING is no grade of proof but its absence.
OBSERVED = "observed"
ATTESTED = "attested"
INCONCLUSIVE = "inconclusive"
MISSING = "missing"

_DONE = (OBSERVED, ATTESTED)

# E4 and S1: said in every result, so that nobody takes silence for coverage.
NOT_COVERED = (
    "Single sign-on, identity provider and passkey revocation (E4)",
    "GitHub, Heroku collaborator, Cloudflare and Google Workspace off-boarding (S1)",
)


@dataclass(frozen=True)
class Checkpoint:
    """C(at) is the time of the observation (RFC 3339, UTC), or V(None) if there was none. C(detail) is one line for a person."""

    grade: str
    at: str | None
    detail: str

    @property
    def done(self) -> bool:
        return self.grade in _DONE

    def as_dict(self) -> dict[str, t.Any]:
        return {"grade": self.grade, "at": self.at, "detail": self.detail}


@dataclass(frozen=True)
class Credential:
    """One credential of the inventory in this run. C(facts) are those of the rotation that covers the event, or V(None).

    C(step) is V(2) or V(3). C(waived_by) names who stated that the person had no access of this kind, where nothing is rotated.
    """

    name: str
    step: int
    facts: Facts | None
    waived_by: str | None = None
    checks: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()

    def has(self, fact: str) -> bool:
        return self.facts is not None and fact in self.facts

    def missing(self) -> list[str]:
        """What still has to happen to this credential, in order, in the operator's words."""
        if self.waived_by:
            return []
        needed = {"settled": "rotate", "stored": "store", "live": "prove the new one"}
        if self.consumers:
            needed["distributed"] = "distribute"
        if self.checks:
            needed["checked"] = " and ".join(self.checks)
        left = [words for fact, words in needed.items() if not self.has(fact)]
        if not self.has("dead"):
            left.append("prove the old one dead")
        return left

    def claims(self) -> dict[str, bool | None]:
        """The claims of the result file. V(None): not applicable, or not known."""
        if self.waived_by:
            return dict.fromkeys(("rotated", "stored", "distributed", "new_live", "old_dead", "old_sessions_ended"))
        dead = (self.facts or {}).get("dead", {})
        return {
            "rotated": self.has("settled"),
            "stored": self.has("stored"),
            "distributed": self.has("distributed") if self.consumers else None,
            "new_live": self.has("live"),
            "old_dead": bool(dead.get("old_dead")),
            "old_sessions_ended": self.has("dead") and dead.get("sessions_left") == 0,
        }


@dataclass(frozen=True)
class Progress:
    """How far one event has come."""

    event: Event
    checkpoints: dict[str, Checkpoint]
    credentials: dict[str, dict[str, bool | None]]
    closed_at: str | None

    @property
    def missing(self) -> list[str]:
        """The checkpoints that are not done, as C(C2: reason) lines."""
        return [f"{name}: {checkpoint.detail}" for name, checkpoint in self.checkpoints.items() if not checkpoint.done]

    @property
    def ready_for_audit_row(self) -> bool:
        """The row is written only after everything else is proved (I9)."""
        return all(checkpoint.done for name, checkpoint in self.checkpoints.items() if name != "C6")

    @property
    def ready_to_close(self) -> bool:
        """The ticket closes only after the row is durable (I9)."""
        return not self.missing

    @property
    def complete(self) -> bool:
        return self.ready_to_close and self.closed_at is not None

    def window(self) -> dict[str, str | None]:
        return {
            "notice": format_time(self.event.notice),
            "opened": format_time(self.event.opened),
            "lockout": self.checkpoints["C1"].at,
            "ended": self.closed_at,
            "deadline": format_time(self.event.deadline),
        }


def evaluate(event: Event, facts: Facts, credentials: t.Sequence[Credential]) -> Progress:
    """Judges the facts of one event and of the rotations that cover it."""
    return Progress(
        event,
        {
            "C1": _lockout(facts),
            "C2": _rotated(2, credentials),
            "C3": _rotated(3, credentials),
            "C4": _verified(credentials),
            "C5": _rechecked(facts),
            "C6": _logged(facts),
        },
        {credential.name: credential.claims() for credential in credentials},
        facts["closed"]["at"] if "closed" in facts else None,
    )


def _lockout(facts: Facts) -> Checkpoint:
    fact = facts.get("lockout")
    if not fact:
        return Checkpoint(MISSING, None, "the person has not been locked out of Console")
    if fact.get("account") is False:
        return Checkpoint(ATTESTED, fact["at"], f"no Console account, as {fact['by']} stated; none was found")
    before = facts.get("before", {})
    groups = ", ".join(membership["group"] for membership in before.get("memberships", []))
    sessions = len(before.get("sessions", []))
    return Checkpoint(OBSERVED, fact["at"], f"removed from {groups or 'no group'}; sessions ended: {sessions}; none left")


def _rotated(step: int, credentials: t.Sequence[Credential]) -> Checkpoint:
    mine = [credential for credential in credentials if credential.step == step]
    waived = [credential for credential in mine if credential.waived_by]
    if mine and len(waived) == len(mine):
        return Checkpoint(ATTESTED, None, f"not needed: no direct database access, as {waived[0].waived_by} stated")
    left = [f"{credential.name}: {', '.join(credential.missing())}" for credential in mine if credential.missing()]
    if left or not mine:
        return Checkpoint(MISSING, None, f"still to do for {'; '.join(left)}" if left else "no credential was in this run")
    unproved = [credential.name for credential in mine if not credential.waived_by and not credential.claims()["old_dead"]]
    if unproved:
        return Checkpoint(INCONCLUSIVE, None, f"the old password of {', '.join(unproved)} could not be proved dead by a log-in")
    last = max(str((credential.facts or {})["dead"]["at"]) for credential in mine if not credential.waived_by)
    names = ", ".join(credential.name for credential in mine)
    return Checkpoint(OBSERVED, last, f"{names}: rotated, stored, new one works, old one refused with 28P01, old sessions ended")


def _verified(credentials: t.Sequence[Credential]) -> Checkpoint:
    mine = [credential for credential in credentials if credential.consumers and not credential.waived_by]
    left = [credential.name for credential in mine if not credential.has("verified")]
    if left or not mine:
        return Checkpoint(MISSING, None, f"no clean log window with {', '.join(left)}" if left else "no app was in this run")
    facts = [t.cast("Facts", credential.facts)["verified"] for credential in mine]
    last = max(facts, key=lambda fact: str(fact["at"]))
    return Checkpoint(OBSERVED, last["at"], f"smoke green; log clean from {last['from']} to {last['to']} ({last['lines']} lines)")


def _rechecked(facts: Facts) -> Checkpoint:
    fact = facts.get("recheck")
    if not fact:
        return Checkpoint(MISSING, None, "sessions have not been asked for again")
    again = fact.get("ended", 0)
    return Checkpoint(OBSERVED, fact["at"], "0 active sessions" + (f" ({again} new ones had to be ended)" if again else ""))


def _logged(facts: Facts) -> Checkpoint:
    fact = facts.get("audit_row")
    if not fact:
        return Checkpoint(MISSING, None, "no audit row")
    return Checkpoint(OBSERVED, fact["completed_at"], f"{fact['run_type']}, ticket {fact['ticket']}, operator {fact['operator']}")


_STEPS = {
    "C1": "1  locked out of Console",
    "C2": "2  raptor credentials rotated",
    "C3": "3  archive credentials rotated",
    "C4": "4  app verified",
    "C5": "5  no session left",
    "C6": "6  audit row written",
}


def checklist(progress: Progress, now: datetime) -> list[str]:
    """The lines that the operator sees: the window, one line per checkpoint, the ticket."""
    event = progress.event
    end = parse(progress.closed_at) if progress.closed_at else now
    lines = [
        f"{event.id}: {event.email}, by {event.operator}; {_window_words(event, end, closed=progress.closed_at is not None)}"
    ]
    for name, checkpoint in progress.checkpoints.items():
        mark = "x" if checkpoint.done else " "
        at = checkpoint.at[11:19] + "Z" if checkpoint.at else "-" * 9
        lines.append(f"[{mark}] {_STEPS[name]:<32} {at}  {checkpoint.grade}: {checkpoint.detail}")
    mark, at = ("x", progress.closed_at[11:19] + "Z") if progress.closed_at else (" ", "-" * 9)
    lines.append(f"[{mark}] {'7  ticket closed':<32} {at}")
    return lines


def _window_words(event: Event, end: datetime, *, closed: bool) -> str:
    used, left = end - event.notice, event.deadline - end
    if left < timedelta(0):
        return f"{_duration(used)} since the notice, OVERDUE by {_duration(-left)}"
    return f"{_duration(used)} from notice to close" if closed else f"{_duration(used)} since the notice, {_duration(left)} left"


def _duration(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def steps_done(progress: Progress) -> list[str]:
    """The steps for the audit row's notes (step 6), for example C(1) to C(5)."""
    return [name[1] for name, checkpoint in progress.checkpoints.items() if checkpoint.done and name != "C6"]
