# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""From the ledger to what people and files are told: the checklist, the notes, the verdict and the result file."""

from __future__ import annotations

import os
import re
import tempfile
import typing as t
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._event_journal import SEAL, Covering, EventJournal, journal, seal
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger, Rotation, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import both, each
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import (
    NOT_COVERED,
    Credential,
    Progress,
    checklist,
    debt_words,
    evaluate,
    next_look,
    steps_done,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._record import Case, build
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

Record = t.Mapping[str, t.Any]

# The verdict on several people names no more of those of whom the same is to be said; the checklist above it has them all.
MOST_NAMES = 10
_WORST_FIRST = ("FAILED", "INCOMPLETE", "PLAN", "COMPLETE")

# A failure with one of these codes leaves something open rather than wrong.
_OPEN_ENDED = ("role_separation_off", "proof_inconclusive", "log_inconclusive", "unreachable", "parked")
# So does a prerequisite that is not met: what needs it was not tried. But that a role lacks a right is wrong whenever it is seen.
_PREREQUISITE = re.compile(r"[PY]\d")


@dataclass(frozen=True)
class Outcome:
    """What is to be said of one event.

    C(failures) are those of this run. They keep an open event from being finished, whatever the ledger says; the record of a
    closed event stays what it is. C(lines) is the checklist; in check mode the plan is shown in its place.
    C(credentials), C(covering) and C(journal) are what its evidence is made of.
    """

    event: Event
    progress: Progress
    facts: Facts
    scope: Record
    failures: tuple[Record, ...]
    lines: tuple[str, ...]
    now: datetime
    credentials: tuple[Credential, ...]
    covering: tuple[Covering, ...]
    journal: EventJournal
    check_mode: bool = False

    @property
    def closed(self) -> bool:
        return self.progress.closed_at is not None

    @property
    def good(self) -> bool:
        """Whether this run may end with status 0: complete and nothing failed; in check mode, nothing failed."""
        return not self.failures and (self.check_mode or self.progress.complete)

    @property
    def result(self) -> str:
        """The result of the event."""
        if self.progress.complete and (self.closed or not self.failures):
            return "complete"
        return "incomplete" if all(_is_open_ended(failure) for failure in self.failures) else "failed"

    @property
    def ready_for_audit_row(self) -> bool:
        return self.progress.ready_for_audit_row and self._open

    @property
    def ready_to_close(self) -> bool:
        return self.progress.ready_to_close and self._open

    @property
    def _open(self) -> bool:
        """Whether nothing of this run, and no earlier end, keeps the event from being finished."""
        return not self.failures and not self.closed

    @property
    def said(self) -> tuple[str, str]:
        """The word of the verdict, and what it says behind the id of the event."""
        said = " ".join(f"{failure['step']} ({failure['host']}): {failure['message']}" for failure in self.failures)
        if self.check_mode:
            return "PLAN", "; nothing was changed" + (f". A real run would not get through: {said}" if said else "")
        if self.closed and said:
            return "FAILED", f" is closed, and its record stays as it is. What happened in this run: {said}"
        ended = parse(self.progress.closed_at) if self.progress.closed_at else self.now
        late = " OVERDUE: more than four hours since the notice." if ended > self.event.deadline else ""
        if self.progress.complete:
            return "COMPLETE", f"{'.' if late else ''}{late}"
        missing = self.progress.undone or ["closing the ticket"]
        if said:
            return self.result.upper(), f". What happened: {said} Missing: {', '.join(missing)}.{late}"
        return "INCOMPLETE", f". Missing: {'; '.join(self.progress.missing or missing)}.{late}"

    @property
    def ticket(self) -> Record:
        return t.cast("Record", self.facts.get("ticket", {}))

    def rotations(self) -> list[dict[str, t.Any]]:
        """The rotations that cover the event, with C(credential) and C(rotation)."""
        return [{"credential": rotation.credential, "rotation": rotation.number} for rotation in self.covering]

    def as_event(self) -> dict[str, t.Any]:
        """The event as RV(events) of M(raxx.deprovision.deprovision_result) documents it."""
        return {
            "event": self.event.id,
            "email": self.event.email,
            "operator": self.event.operator,
            "opened": format_time(self.event.opened),
            "ticket_id": str(self.ticket.get("id", "")),
            "ticket_number": self.ticket.get("number", 0),
            "closed": self.closed,
            "look": next_look(self.facts),
            "ready_for_recheck": self.progress.ready_for_recheck and self._open,
            "ready_for_audit_row": self.ready_for_audit_row,
            "ready_to_close": self.ready_to_close,
            "audit_notes": self._audit_notes(),
            "audit_anchor": self._head(),
            "ticket_note": self._ticket_note(),
            "debt_note": " ".join(debt_words(debt, debt["since"]) for debt in self.progress.debts),
            "debt_marker": f"{self.event.id} debt "
            + ", ".join(debt.get("credential") or debt["app"] for debt in self.progress.debts),
            "scope": dict(self.scope),
            "result": self.result,
        }

    def as_file(self, environment: str) -> dict[str, t.Any]:
        """The content of C(result.json). What fails after an event is closed is not part of its record."""
        return {
            "event": self.event.id,
            "environment": environment,
            "email": self.event.email,
            "operator": self.event.operator,
            "ticket": self.ticket.get("number"),
            "result": self.result,
            "window": self.progress.window(),
            "checkpoints": {name: checkpoint.as_dict() for name, checkpoint in self.progress.checkpoints.items()},
            "credentials": self.progress.credentials,
            "debts": self.progress.debts,
            "not_covered": list(NOT_COVERED),
            "failures": [] if self.closed else [dict(failure) for failure in self.failures],
        }

    def record(self, environment: str, keyid: str | None) -> dict[str, t.Any]:
        """What the files of the evidence are rendered from. C(keyid) counts only while nothing is sealed."""
        return build(
            Case(
                progress=self.progress,
                facts=self.facts,
                scope=self.scope,
                credentials=self.credentials,
                rotations=self.covering,
                journal=self.journal,
                environment=environment,
                result=self.result,
                failures=() if self.closed else self.failures,
                now=self.now,
                keyid=self.journal.sealed.get("keyid") if self.journal.sealed else keyid,
            )
        )

    def seal(self, keyid: str | None) -> Facts:
        """The fact that is to seal the journal, made right before the audit row; empty if it is too early or was made already."""
        due = self.ready_for_audit_row and SEAL not in self.facts
        return seal(self.event, self.facts, self.covering, keyid) if due else {}

    def _head(self) -> str:
        """The head of the sealed journal, as the audit row and the ticket have it; empty if nothing is sealed."""
        return f"head sha256:{self.journal.sealed['head']}" if self.journal.sealed else ""

    def _anchor(self) -> str:
        """What the audit row and the ticket say of the journal, so that whoever edits it must edit them too."""
        sealed = self.journal.sealed
        return f"journal of {len(sealed['order'])} records, {self._head()}" if sealed else "journal not sealed"

    def _window(self) -> str:
        return f"window {format_time(self.event.notice)} to {format_time(self.now)} UTC"

    def _audit_notes(self) -> str:
        done = ", ".join(steps_done(self.progress))
        return f"{self.event.email} removed from the audit infrastructure; steps {done}, 6; {self._window()}; {self._anchor()}"

    def _ticket_note(self) -> str:
        checkpoints = [
            f"{name} {checkpoint.grade} {checkpoint.at or ''}: {checkpoint.detail}"
            for name, checkpoint in self.progress.checkpoints.items()
        ]
        return "\n".join(
            [
                f"Access of {self.event.email} to the audit infrastructure is removed (SOC 2 CC6.3).",
                self._window(),
                f"Operator {self.event.operator}",
                *checkpoints,
                f"Evidence: {self._anchor()}",
                "Not covered: " + "; ".join(NOT_COVERED),
            ]
        )


@dataclass(frozen=True)
class Known:
    """What the ledger says: the facts of the events by their ids, and rotations by credential and number."""

    facts: t.Mapping[str, Facts]
    rotations: t.Mapping[t.Tuple[str, int], Rotation]
    separation_debts: t.Mapping[str, Facts]

    def covering(self, credential: str, opened: datetime) -> list[Rotation]:
        """The rotations of the credential that cover an open event, the newest last."""
        found = (known for (name, _number), known in self.rotations.items() if name == credential and known.begun >= opened)
        return sorted(found, key=lambda known: known.number)

    def with_facts(self, event: str, facts: Facts) -> Known:
        return replace(self, facts={**self.facts, event: {**self.facts[event], **facts}})


def read(ledger: Ledger, events: t.Sequence[Record], scope: Record) -> Known:
    """What there is to know of C(events) and of the credentials of C(scope)."""
    found, separation_debts = both(
        lambda: each(lambda record: ledger.event_facts(record["email"], record["event"]) or {}, events),
        ledger.role_separation_debts,
    )
    facts = {record["event"]: known for record, known in zip(events, found, strict=True)}
    rotations = {}
    still_open = [parse(record["opened"]) for record in events if "closed" not in facts[record["event"]]]
    if still_open:
        names = [credential["name"] for credential in scope["credentials"]]
        for begun in each(lambda name: ledger.rotations_since(name, min(still_open)), names):
            rotations.update({(rotation.credential, rotation.number): rotation for rotation in begun})
    recorded = {
        (item["name"], number)
        for known in facts.values()
        for item in known.get("closed", {}).get("scope", {}).get("credentials", [])
        for number in item["rotations"]
    }
    for name, number in recorded - rotations.keys():
        if closed := ledger.rotation(name, number):
            rotations[name, number] = closed
    return Known(facts, rotations, separation_debts)


def known_without_ledger(events: t.Sequence[Record], scope: Record, now: datetime) -> Known:
    """Where the ledger cannot be reached nothing is known but what this run did itself."""
    return Known({record["event"]: _facts_of_this_run(record, scope, now) for record in events}, {}, {})


def judge(
    known: Known,
    events: t.Sequence[Record],
    scope: Record,
    failures: t.Sequence[Record],
    *,
    check_mode: bool,
    now: datetime,
) -> list[Outcome]:
    """What is to be said of C(events), by what is known of them."""
    outcomes = []
    for record in events:
        event = Event(record["event"], record["email"], record["operator"], parse(record["notice"]), parse(record["opened"]))
        facts = known.facts[event.id]
        mine = facts["closed"]["scope"] if "closed" in facts else _covered(scope, known, event.opened)
        covering = [
            Covering(rotation.credential, rotation.number, rotation.facts)
            for item in mine["credentials"]
            for number in item["rotations"]
            if (rotation := known.rotations.get((item["name"], number)))
        ]
        credentials = [_credential(item, covering, facts) for item in mine["credentials"]]
        progress = evaluate(
            event,
            facts,
            consoles=mine["consoles"],
            credentials=credentials,
            records=mine["records"],
            separation_debts=known.separation_debts,
        )
        lines = () if check_mode else tuple(checklist(progress, now))
        chained = journal(event, facts, covering)
        outcomes.append(
            Outcome(
                event,
                progress,
                facts,
                mine,
                (*failures, *_damage(chained)),
                lines,
                now,
                credentials=tuple(credentials),
                covering=tuple(covering),
                journal=chained,
                check_mode=check_mode,
            )
        )
    return outcomes


def _facts_of_this_run(record: Record, scope: Record, now: datetime) -> Facts:
    """Where the ledger cannot be reached: what the person had, and that the consoles were locked all the same."""
    present = record["present"]
    lockout = {
        "at": format_time(now),
        "account": bool(present),
        "by": record["operator"],
        "removed": [item["group"] for item in present.get("memberships", [])],
        "ended": [item["id"] for item in present.get("sessions", [])],
    }
    return {"before": present, **{fact_name("lockout", console): lockout for console in scope["locked_out"]}}


def _covered(scope: Record, known: Known, opened: datetime) -> dict[str, t.Any]:
    """What an open event is about, with the numbers of the rotations that cover each credential, the newest last.

    The fact C(closed) keeps this, so that later rotations and a later inventory change nothing for a closed event.
    """
    credentials = [
        {
            "name": item["name"],
            "step": int(item["step"]),
            "checks": list(item["checks"]),
            "consumers": [consumer["app"] for consumer in item["consumers"]],
            "waived": bool(item["waived"]),
            "rotations": [rotation.number for rotation in known.covering(item["name"], opened)],
        }
        for item in scope["credentials"]
    ]
    return {"consoles": list(scope["consoles"]), "records": list(scope["records"]), "credentials": credentials}


def _credential(item: Record, covering: t.Sequence[Covering], facts: Facts) -> Credential:
    *earlier, newest = [None, *(rotation.facts for rotation in covering if rotation.credential == item["name"])]
    return Credential(
        name=item["name"],
        step=item["step"],
        facts=newest,
        waiver=facts.get(fact_name("waiver", item["name"])),
        waived_now=item["waived"],
        checks=tuple(item["checks"]),
        consumers=tuple(item["consumers"]),
        earlier=tuple(filter(None, earlier)),
    )


def verdict(outcomes: t.Sequence[Outcome]) -> str:
    """The one line at the end. Of several people it begins with the worst and with how many are done; the same is said once."""
    alike: dict[tuple[str, str], list[str]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: _WORST_FIRST.index(outcome.said[0])):
        alike.setdefault(outcome.said, []).append(outcome.event.id)
    lines = [f"{word}: {_names(events)}{ending}" for (word, ending), events in alike.items()]
    if len(outcomes) > 1:
        done = "" if outcomes[0].check_mode else f"{sum(outcome.good for outcome in outcomes)} of "
        lines.insert(0, f"{next(iter(alike))[0]}: {done}{len(outcomes)} people")
    return " | ".join(lines)


def _names(events: t.Sequence[str]) -> str:
    more = len(events) - MOST_NAMES
    return ", ".join(events[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _is_open_ended(failure: Record) -> bool:
    if failure.get("code") == "grant_drift":
        return False
    return failure.get("code") in _OPEN_ENDED or _PREREQUISITE.match(failure.get("step", "")) is not None


def _damage(chained: EventJournal) -> list[Record]:
    """A failure if the ledger does not hold any more what was sealed."""
    if chained.intact:
        return []
    lost = ", ".join(chained.lost)
    error = DeprovisionError(
        "ledger_damaged",
        "The ledger does not hold what was sealed before the audit row: "
        + (f"missing are {lost}." if lost else "a fact was changed later."),
    )
    return [{"host": "ledger", "step": "step 7", "task": "", "code": error.code, "message": error.as_text()}]


def check_writable(directory: Path, *, check_mode: bool) -> None:
    """Raises C(evidence_not_written) unless files can be made below C(directory), which need not exist yet (I14).

    A file is made and removed again to prove it, save in check mode.
    """
    nearest = next(place for place in (directory, *directory.parents) if place.exists())
    allowed = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    try:
        if allowed and not check_mode:
            with tempfile.NamedTemporaryFile("wb", dir=nearest, prefix=".") as file:
                file.write(b"canary")
                file.flush()
    except OSError:
        allowed = False
    if not allowed:
        raise DeprovisionError("evidence_not_written", f"No evidence can be written below {directory}.")
