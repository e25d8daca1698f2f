# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""From the ledger to what people and files are told: the checklist, the notes, the verdict and the result file."""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger, Rotation
from ansible_collections.raxx.deprovision.plugins.module_utils._plan import plan_lines
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import (
    NOT_COVERED,
    Credential,
    Progress,
    checklist,
    evaluate,
    steps_done,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

Record = t.Mapping[str, t.Any]

# A failure with one of these codes leaves something open rather than wrong.
_OPEN_ENDED = ("proof_inconclusive", "log_inconclusive", "unreachable")


@dataclass(frozen=True)
class Outcome:
    """What is to be said of one event. C(lines) is the checklist, or in check mode the plan."""

    event: Event
    progress: Progress
    facts: Facts
    rotations: dict[str, int]
    failures: tuple[Record, ...]
    lines: tuple[str, ...]
    now: datetime
    check_mode: bool = False

    @property
    def result(self) -> str:
        if self.progress.complete:
            return "complete"
        wrong = [failure for failure in self.failures if failure.get("code") not in _OPEN_ENDED]
        return "failed" if wrong else "incomplete"

    @property
    def verdict(self) -> str:
        """The one line at the end."""
        if self.check_mode:
            return f"PLAN: {self.event.id}; nothing was changed"
        if self.progress.complete:
            return f"COMPLETE: {self.event.id}"
        head = f"{self.result.upper()}: {self.event.id}."
        said = [f"{failure['step']} ({failure['host']}): {failure['message']}" for failure in self.failures]
        missing = [name for name, checkpoint in self.progress.checkpoints.items() if not checkpoint.done] or [
            "closing the ticket"
        ]
        if said:
            return f"{head} What happened: {' '.join(said)} Missing: {', '.join(missing)}."
        return f"{head} Missing: {'; '.join(self.progress.missing or missing)}."

    @property
    def ticket(self) -> Record:
        return t.cast("Record", self.facts.get("ticket", {}))

    def finished_rotations(self) -> list[dict[str, t.Any]]:
        if not self.progress.ready_to_close:
            return []
        return [{"credential": name, "rotation": number} for name, number in self.rotations.items()]

    def as_event(self) -> dict[str, t.Any]:
        """The event as RV(events) of M(raxx.deprovision.deprovision_result) documents it."""
        return {
            "event": self.event.id,
            "email": self.event.email,
            "operator": self.event.operator,
            "ticket_id": str(self.ticket.get("id", "")),
            "ticket_number": self.ticket.get("number", 0),
            "closed": self.progress.closed_at is not None,
            "ready_for_audit_row": self.progress.ready_for_audit_row,
            "ready_to_close": self.progress.ready_to_close,
            "audit_notes": self._audit_notes(),
            "ticket_note": self._ticket_note(),
            "rotations": self.rotations,
            "result": self.result,
        }

    def as_file(self, environment: str) -> dict[str, t.Any]:
        """The content of C(result.json)."""
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
            "debts": [],
            "not_covered": list(NOT_COVERED),
            "failures": [dict(failure) for failure in self.failures],
        }

    def _window(self) -> str:
        return f"window {format_time(self.event.notice)} to {format_time(self.now)} UTC"

    def _audit_notes(self) -> str:
        done = ", ".join(steps_done(self.progress))
        return f"{self.event.email} removed from the audit infrastructure; steps {done}, 6; {self._window()}"

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
                "Not covered: " + "; ".join(NOT_COVERED),
            ]
        )


def collect(
    ledger: Ledger | None,
    events: t.Sequence[Record],
    credentials: t.Sequence[Record],
    failures: t.Sequence[Record],
    *,
    check_mode: bool,
    now: datetime,
) -> list[Outcome]:
    """Judges C(events) by what the ledger says now. Without a ledger nothing is known but C(failures)."""
    newest = {
        str(credential["name"]): ledger.newest_rotation(credential["name"]) if ledger and not credential["waived"] else None
        for credential in credentials
    }
    outcomes = []
    for record in events:
        event = Event(record["event"], record["email"], record["operator"], parse(record["notice"]), parse(record["opened"]))
        known = ledger.events_of(event.email) if ledger else []
        facts = next((item.facts for item in known if item.event.id == event.id), {})
        rotations = _covering(ledger, facts, newest, event.opened)
        progress = evaluate(
            event, facts, [_credential(item, rotations.get(item["name"]), event.operator) for item in credentials]
        )
        outcomes.append(
            Outcome(
                event,
                progress,
                facts,
                {name: rotation.number for name, rotation in rotations.items()},
                tuple(failures),
                tuple(plan_lines(record, facts, credentials, rotations) if check_mode else checklist(progress, now)),
                now,
                check_mode,
            )
        )
    return outcomes


def _covering(
    ledger: Ledger | None, facts: Facts, newest: t.Mapping[str, Rotation | None], opened: datetime
) -> dict[str, Rotation]:
    """The rotations that cover the event: those it was closed with, or the newest that was begun after it was opened."""
    if ledger and "closed" in facts:
        closed_with = {name: ledger.rotation(name, number) for name, number in facts["closed"]["rotations"].items()}
        return {name: rotation for name, rotation in closed_with.items() if rotation}
    return {name: rotation for name, rotation in newest.items() if rotation and rotation.begun >= opened}


def _credential(item: Record, rotation: Rotation | None, operator: str) -> Credential:
    return Credential(
        name=item["name"],
        step=int(item["step"]),
        facts=rotation.facts if rotation else None,
        waived_by=operator if item["waived"] else None,
        checks=tuple(item["checks"]),
        consumers=tuple(consumer["app"] for consumer in item["consumers"]),
    )


def write_file(path: Path, content: t.Any, *, check_mode: bool) -> bool:
    """Writes C(content) as JSON, whole or not at all; in check mode, not at all. V(False) if the file holds it already."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    if check_mode:
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return True
