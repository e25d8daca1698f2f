# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The events of the people who leave, as a run finds them or opens them (P4, P5)."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import replace
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._event import event_id
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import EventRecord, Facts, Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import each
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time

# The kinds of facts that are written before an event is opened: a run that is killed may leave them alone.
BEFORE_OPENING = ("before", "waiver", "locking", "planned", "approved")


def check_notice(record: EventRecord | None, notice: datetime | None) -> None:
    """Raises C(invalid_input) if an event that is open was opened with another notice than C(notice)."""
    if record and not record.closed and notice and record.event.notice != notice:
        raise DeprovisionError(
            "invalid_input",
            f"{record.event.id} was opened with the notice {format_time(record.event.notice)}, and facts are written once.",
            next_step="Leave notice out, or give the one that is recorded.",
        )


def check_closed(emails: t.Sequence[str], known: t.Sequence[EventRecord | None]) -> None:
    """Raises C(run_in_progress) if an event is open after all: another run opened it after this one saw that none is (I3)."""
    for email, record in zip(emails, known, strict=True):
        if record is None or not record.closed:
            raise DeprovisionError(
                "run_in_progress",
                f"Nothing was changed. Every event was closed a moment ago, and that of {email} is not any more "
                f"({record.event.id if record else 'it is not there'}); another run must be at work.",
            )


def earlier_namesakes(emails: t.Sequence[str], opened: datetime) -> dict[str, int]:
    """How many before each in the list get an event of the same name, but for its number."""
    counted: Counter[str] = Counter()
    earlier = {}
    for email in emails:
        name = event_id(email, opened)
        earlier[email] = counted[name]
        counted[name] += 1
    return earlier


def write_and_open(
    ledger: Ledger, found: t.Sequence[EventRecord], stated: Facts, people: t.Mapping[str, t.Any]
) -> list[EventRecord]:
    """The events with those of C(stated) that they did not have yet; what is not open yet is opened when all else is written."""
    facts = [dict(record.facts) for record in found]
    unopened = [index for index, record in enumerate(found) if "opened" not in record.facts]
    wanted: dict[tuple[int, str], t.Any] = {}
    for index, record in enumerate(found):
        if not record.closed:
            first = {} if "opened" in record.facts else {"before": people.get(record.event.email, {})}
            wanted.update({(index, name): fact for name, fact in {**first, **stated}.items() if name not in record.facts})

    def write(entry: tuple[int, str]) -> Facts:
        index, name = entry
        event = found[index].event
        return ledger.record_event(event.email, event.id, {name: wanted[entry]})

    for (index, _name), fact in zip(wanted, each(write, list(wanted)), strict=True):
        facts[index].update(fact)
    records = [replace(record, facts=known) for record, known in zip(found, facts, strict=True)]
    for index, record in zip(unopened, each(ledger.open_event, [records[index] for index in unopened]), strict=True):
        records[index] = record
    return records
