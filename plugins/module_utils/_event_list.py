# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The list of all departures of a period, and whether it is complete. Pure functions."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import EventRecord
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

OPEN, COMPLETE = "open", "complete"


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


def gaps(numbers: t.Sequence[int]) -> t.List[int]:
    """The numbers between 1 and the last one that are missing."""
    return sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))


def lines(entries: t.Sequence[t.Mapping[str, t.Any]], unopened: t.Sequence[str], missing: t.Sequence[int]) -> t.List[str]:
    """The list, for a person: one line for each event, then what is not as it should be."""
    found = [_line(entry) for entry in entries]
    total = sum(entry["result"] == COMPLETE for entry in entries)
    found.append(f"{len(entries)} events, {total} complete, {len(entries) - total} open")
    found += [f"claimed, but never opened (a run was killed at its very beginning): {name}" for name in unopened]
    if missing:
        found.append(f"no record of the runs {', '.join(map(str, missing))}")
    return found


def _line(entry: t.Mapping[str, t.Any]) -> str:
    late = "OVERDUE" if entry["overdue"] else "in time"
    ticket = f"ticket {entry['ticket']}" if entry["ticket"] else "no ticket"
    window = f"{_short(entry['notice'])} to {_short(entry['ended'])}"
    return f"{entry['event']:<44} {entry['result']:<8} {late:<7}  {window}  {ticket}"


def _short(at: str | None) -> str:
    return f"{at[:19]}Z" if at else "-" * 20
