# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The journal of an event: one record for each fact of the ledger, chained in an order that every machine finds again.

The order is that of the times of the facts, up to the seal: the write-once fact C(sealed), made before the audit row, keeps the
names in the order in which they were chained, and the head. What came after it follows by its time. So facts can be added to the
end of a journal, but none can be added to, changed in or taken from what was sealed without another head.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import Record, chain, head
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse
from ansible_collections.raxx.deprovision.plugins.module_utils._version import VERSION

SEAL = "sealed"


@dataclass(frozen=True)
class Covering:
    """A rotation that covers an event."""

    credential: str
    number: int
    facts: Facts

    def source(self, fact: str) -> str:
        return f"credentials/{self.credential}/{self.number:04d}/{fact}"


@dataclass(frozen=True)
class EventJournal:
    """C(sealed) is the fact, empty if there is none; C(intact): what was sealed is still what the ledger holds."""

    records: t.Tuple[Record, ...]
    sealed: Facts
    intact: bool

    @property
    def head(self) -> str:
        return head(self.records)

    @property
    def lost(self) -> t.List[str]:
        """The names that were sealed, and that the ledger does not have any more."""
        known = {record["fact"] for record in self.records}
        return [name for name in self.sealed.get("order", []) if name not in known]


def source(fact: str) -> str:
    """The name of a fact of the event itself in its journal."""
    return f"event/{fact}"


def journal(event: Event, facts: Facts, rotations: t.Iterable[Covering]) -> EventJournal:
    """The journal of an event. That of a closed event does not grow any more, whatever happens to its rotations later."""
    found = _collected(event, facts, rotations)
    sealed: Facts = facts.get(SEAL, {})
    first = [name for name in sealed.get("order", []) if name in found]
    rest = sorted(found.keys() - set(first), key=lambda name: _position(event, name, found[name]))
    records = chain([_record(event, name, found[name]) for name in [*first, *rest]], event.id)
    intact = not sealed or (len(first) == len(sealed["order"]) and head(records[: len(first)]) == sealed["head"])
    return EventJournal(tuple(records), sealed, intact)


def seal(event: Event, facts: Facts, rotations: t.Iterable[Covering], keyid: str | None) -> Facts:
    """The fact C(sealed) for what the ledger holds now. C(keyid) is that of the key that the evidence is to be signed with.

    C(collection) is the version that the evidence names from then on, whoever renders it.
    """
    records = journal(event, facts, rotations).records
    return {"head": head(records), "order": [record["fact"] for record in records], "keyid": keyid, "collection": VERSION}


def _collected(event: Event, facts: Facts, rotations: t.Iterable[Covering]) -> t.Dict[str, Facts]:
    found = {source(name): fact for name, fact in facts.items()}
    closed = facts.get("closed")
    # The clock of the machine that wrote a fact may have been ahead of the one that closed the event.
    sealed = set(facts.get(SEAL, {}).get("order", []))
    for rotation in rotations:
        for name, fact in rotation.facts.items():
            full = rotation.source(name)
            if closed is None or full in sealed or parse(_at(event, fact)) <= parse(closed["at"]):
                found[full] = fact
    return found


def _position(event: Event, name: str, fact: Facts) -> t.Tuple[datetime, int, str]:
    """The event begins with its opening and what the person had then, whatever else has the same time."""
    rank = {source("opened"): 0, source("before"): 1}.get(name, 2)
    # A run that came no further may have noted facts before the one that opened the event.
    return (event.opened if rank < 2 else max(event.opened, parse(_at(event, fact))), rank, name)


def _at(event: Event, fact: Facts) -> str:
    return str(fact.get("at") or format_time(event.opened))


def _record(event: Event, name: str, fact: Facts) -> Record:
    return {"event": event.id, "fact": name, "at": _at(event, fact), "value": _without_floats(fact)}


def _without_floats(value: t.Any) -> t.Any:
    """C(value) with each float as text, for a float has no canonical form."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {str(key): _without_floats(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_floats(item) for item in value]
    return value
