# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The list of all departures of a period, and what in the ledger speaks against its being complete. Pure functions."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._lease import EVERYBODY, Lease
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import EventRecord
from ansible_collections.raxx.deprovision.plugins.module_utils._opening import BEFORE_OPENING
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

OPEN, COMPLETE = "open", "complete"

FactNames = t.Mapping[t.Tuple[str, str], t.Sequence[str]]  # by the key of a person and the id of an event


def in_period(records: t.Iterable[EventRecord], since: datetime | None, before: datetime | None) -> t.List[EventRecord]:
    """The events that were opened from C(since) on and before C(before)."""
    return [
        record
        for record in records
        if (since is None or record.event.opened >= since) and (before is None or record.event.opened < before)
    ]


def entry(record: EventRecord, now: datetime) -> t.Dict[str, t.Any]:
    """One event of the list. An event that is closed was complete: the ticket is closed after everything else."""
    event, closed = record.event, record.facts.get("closed")
    lockouts = [fact["at"] for name, fact in record.facts.items() if name.startswith("lockout-")]
    ended = parse(closed["at"]) if closed else now
    return {
        "event": event.id,
        "email": event.email,
        "operator": event.operator,
        "ticket": record.facts.get("ticket", {}).get("number"),
        "result": COMPLETE if closed else OPEN,
        "notice": format_time(event.notice),
        "opened": format_time(event.opened),
        "lockout": max(lockouts, key=parse, default=None),
        "ended": closed["at"] if closed else None,
        "overdue": ended > event.deadline,
        "head": record.facts.get("sealed", {}).get("head"),
    }


def without_opening(names: FactNames, claims: t.Mapping[str, str]) -> t.Tuple[t.List[str], t.List[t.Dict[str, t.Any]]]:
    """The events that are not on record as opened: those that a killed run may have left so, and those that no run leaves so.

    A run claims the id, notes what must be known of the event (L(BEFORE_OPENING)), then that it is opened, and only then
    anything else.
    """
    unopened, impossible = set(claims), []
    for (_person, event), facts in sorted(names.items()):
        if "opened" in facts:
            unopened.discard(event)
        elif event not in claims or not {name.partition("-")[0] for name in facts} <= set(BEFORE_OPENING):
            unopened.discard(event)
            impossible.append({"event": event, "facts": list(facts)})
    return sorted(unopened), impossible


def gaps(leases: t.Iterable[Lease], last: int) -> t.List[int]:
    """The numbers between 1 and C(last) that no lease has."""
    return sorted(set(range(1, last + 1)) - {lease.number for lease in leases})


def without_event(leases: t.Iterable[Lease], names: FactNames, claims: t.Mapping[str, str]) -> t.List[t.Dict[str, t.Any]]:
    """Whom a run was to work on, though nothing in the ledger is about an event of theirs. A run for many names nobody."""
    known = {person for person, _event in names} | set(claims.values())
    return [
        {"person": person, "run": lease.number, "operator": lease.charge.operator, "since": lease.since}
        for lease in leases
        for person in lease.charge.people
        if person not in known and lease.charge.people != EVERYBODY
    ]


def lines(found: t.Mapping[str, t.Any]) -> t.List[str]:
    """The list, for a person: one line for each event, then what is not as it should be. C(found) is what the module returns."""
    entries, missing = found["events"], found["missing_runs"]
    total = sum(entry["result"] == COMPLETE for entry in entries)
    return [
        *map(_line, entries),
        f"{len(entries)} events, {total} complete, {len(entries) - total} open",
        *(f"claimed, and not on record as opened: {name}" for name in found["unopened"]),
        *(
            f"not on record as opened, but there are other facts of it ({', '.join(event['facts'])}): {event['event']}"
            for event in found["opening_missing"]
        ),
        *(
            f"named by run {run['run']} of {run['operator']} ({_short(run['since'])}), and without an event: {run['person']}"
            for run in found["people_without_event"]
        ),
        *([f"no record of the runs {', '.join(map(str, missing))}"] if missing else []),
    ]


def _line(entry: t.Mapping[str, t.Any]) -> str:
    late = "OVERDUE" if entry["overdue"] else "in time"
    ticket = f"ticket {entry['ticket']}" if entry["ticket"] else "no ticket"
    window = f"{_short(entry['notice'])} to {_short(entry['ended'])}"
    return f"{entry['event']:<44} {entry['result']:<8} {late:<7}  {window}  {ticket}"


def _short(at: str | None) -> str:
    return f"{at[:19]}Z" if at else "-" * 20
