# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The ledger: write-once facts in SSM that carry what cannot be asked later (I1, I3).

Below the ledger's prefix:

- C(events/<event>): the person's key. Whoever creates it owns the event id.
- C(people/<person>/<event>/<fact>): facts of one departure: C(opened), C(before), C(waiver-<credential>),
  C(locking-<console>), C(lockout-<console>), C(ticket), C(recheck<number>-<console>), C(sealed), C(waived-<claim>),
  C(audit_row-<record>), C(closed).
- C(credentials/<credential>/<number>/<fact>): facts of one rotation: C(intent), C(settled), C(parked), C(stored),
  C(unparked), C(live), C(distributed-<app>), C(checked), C(tried<number>), C(dead), C(verified-<app>). Beside them two
  SecureStrings for a run that must continue this one: C(old), the URL that is being replaced, deleted as soon as it is proved
  dead; and C(key), the key of the fingerprints, deleted when the event closes.
- C(credentials/<credential>/latest): a hint where to start looking for the newest rotation, which is overwritten.
- C(runs/...): which run is in charge of what; see C(_lease.py).
- C(role_separation/<app>/<number>/<fact>): an app works on the owner's credential for a while, a debt (E6): C(owed), C(paid).
- C(attestations/<date>): what was attested of the rehearsal of a day.

A fact is JSON. PutParameter without overwrite is atomic, so the first writer wins and everybody reads the same fact.
A fact whose name ends in a subject holds for that console, credential, app or record alone. No secret is ever a fact.
"""

from __future__ import annotations

import json
import re
import secrets
import typing as t
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event, event_id, person_key
from ansible_collections.raxx.deprovision.plugins.module_utils._fingerprint import fingerprint
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import both
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import Parameter, SsmClient, from_params
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse
from ansible_collections.raxx.deprovision.plugins.module_utils._values import encode

Facts = t.Dict[str, t.Any]

# Values beside the facts of a rotation that are none.
SECRETS = ("key", "old")
# A parameter of the standard tier holds 4096 bytes; a longer fact is kept in parts of this size.
PART_SIZE = 4000


@dataclass(frozen=True)
class EventRecord:
    """One departure with everything that the ledger knows of it."""

    event: Event
    facts: Facts

    @property
    def closed(self) -> bool:
        return "closed" in self.facts


@dataclass(frozen=True)
class Rotation:
    """The C(number)-th rotation of a credential.

    C(key) is V(None) once the event that it belongs to is closed, C(old_url) once the old credential is proved dead.
    """

    credential: str
    number: int
    facts: Facts
    key: str | None = field(default=None, repr=False)
    old_url: str | None = field(default=None, repr=False)

    @property
    def begun(self) -> datetime:
        return parse(self.facts["intent"]["at"], "intent.at")

    @property
    def previous_begun(self) -> datetime | None:
        """When the rotation before this one was begun, if there was one."""
        at = self.facts["intent"].get("previous")
        return parse(at, "intent.previous") if at else None


class Ledger:
    """The facts of one environment, below C(prefix) (for example C(/raxx/prod/deprovision))."""

    def __init__(self, store: SsmClient, prefix: str) -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Ledger:
        """From the option groups C(AWS) and C(LEDGER)."""
        return cls(from_params(params), params["ledger_prefix"])

    def events_of(self, email: str) -> list[EventRecord]:
        """Every event of the person that was opened, oldest first."""
        grouped = _grouped(self._raw(self._person(email)))
        records = [_event_record(name, _decode(raw)) for name, raw in grouped.items() if "opened" in raw]
        return sorted(records, key=_age)

    def event_facts(self, email: str, event: str) -> Facts | None:
        """The facts of one event of the person, or V(None) if it was never opened."""
        raw = self._raw(f"{self._person(email)}/{event}")
        return _decode(raw) if "opened" in raw else None

    def known_facts(self, wanted: t.Sequence[tuple[str, str, t.Iterable[str]]]) -> list[Facts | None]:
        """Those facts that the ledger has, for each (email, event, names of facts) of C(wanted).

        V(None) stands for an event that was never opened. It takes one call for each ten facts, of whomever they are.
        """
        bases = [f"{self._person(email)}/{event}" for email, event, _names in wanted]
        heads = [f"{base}/{name}" for base, (*_whose, names) in zip(bases, wanted, strict=True) for name in ("opened", *names)]
        values = self._values(heads)
        values.update(self._values([part for path, text in values.items() for part in _parts(path, text)]))
        grouped = _grouped(values)
        return [_decode(grouped[base]) if "opened" in grouped.get(base, {}) else None for base in bases]

    def all_events(self) -> list[EventRecord]:
        """Every event of everybody that was opened, oldest first. Reads all that the ledger knows of people."""
        grouped = _grouped(self._raw(f"{self._prefix}/people"))
        records = [_event_record(path.rpartition("/")[2], _decode(raw)) for path, raw in grouped.items() if "opened" in raw]
        return sorted(records, key=_age)

    def open_events(self) -> list[EventRecord]:
        """Every open event of anybody, oldest first."""
        return [record for record in self.all_events() if not record.closed]

    def claimed_events(self) -> dict[str, str]:
        """The ids that were ever claimed, also those of events that were never opened, with the keys of their people."""
        return self._raw(f"{self._prefix}/events")

    def fact_names(self) -> dict[tuple[str, str], list[str]]:
        """The names of the facts of each event, by the key of its person and its id, whether or not it was opened."""
        found = {}
        for path, raw in _grouped(self._raw(f"{self._prefix}/people")).items():
            person, _slash, event = path.partition("/")
            found[person, event] = sorted(name for name in raw if "." not in name)  # a dot is in a part of a long fact
        return found

    def claim_event(self, email: str, *, operator: str, notice: datetime, opened: datetime, taken: int = 0) -> EventRecord:
        """An event of today whose id is the person's from now on.

        It has facts if an earlier run came no further than to note them, and C(opened) among them if another run opened it
        meanwhile.

        C(taken) is how many ids of the same prefix are for others who leave in the same run, however their events are opened
        at the same time.
        """
        person = person_key(email)
        while True:
            name = event_id(email, opened, taken)
            owner = f"{self._prefix}/events/{name}"
            mine = Event(name, email, operator, notice, opened)
            if self._store.create(owner, person):
                return EventRecord(mine, {})
            if _value(self._store.get(owner)) == person:
                facts = _decode(self._raw(f"{self._person(email)}/{name}"))
                if "closed" not in facts:
                    return _event_record(name, facts) if "opened" in facts else EventRecord(mine, facts)
            taken += 1

    def open_event(self, claimed: EventRecord) -> EventRecord:
        """The event, which counts as opened from now on. If another run was first, it is opened as that one said.

        Whatever must be known of it if it is known at all is to be written before.
        """
        event = claimed.event
        opened = self.record_event(event.email, event.id, {"opened": event.as_fact()})
        return _event_record(event.id, {**claimed.facts, **opened})

    def record_event(self, email: str, event: str, facts: Facts) -> Facts:
        """Writes C(facts) of the event with the id C(event) and returns them as the ledger has them."""
        return self._record(f"{self._person(email)}/{event}", facts)

    def record_rotation(self, credential: str, number: int, facts: Facts) -> Facts:
        """Writes C(facts) of a rotation and returns them as the ledger has them."""
        return self._record(self._rotation(credential, number), facts)

    def newest_rotation(self, credential: str) -> Rotation | None:
        """The newest rotation of the credential that was ever begun."""
        hint = self._store.get(f"{self._credential(credential)}/latest")
        number = int(hint.value) if hint else 0
        while True:
            newest, newer = both(
                partial(self._begun, credential, number),
                partial(self._store.get, f"{self._rotation(credential, number + 1)}/intent"),
            )
            if newer is None:
                return newest
            number += 1

    def _begun(self, credential: str, number: int) -> Rotation | None:
        """A rotation that is known to have been begun; V(None) for the number 0, which is before the first."""
        if not number:
            return None
        begun = self._store.until_seen(partial(self.rotation, credential, number))
        if begun is None:
            raise UnreachableError(
                "unreachable", f"Rotation {number} of {credential} was begun, but could not be read yet.", system="AWS SSM"
            )
        return begun

    def rotation(self, credential: str, number: int) -> Rotation | None:
        """The C(number)-th rotation of the credential, or V(None) if it was never begun."""
        base = self._rotation(credential, number)
        raw = self._raw(base)
        return Rotation(credential, number, _decode(raw), raw.get("key"), raw.get("old")) if "intent" in raw else None

    def rotations_since(self, credential: str, since: datetime) -> list[Rotation]:
        """The rotations of the credential that were begun at C(since) or later, newest first."""
        found = []
        rotation = self.newest_rotation(credential)
        while rotation and rotation.begun >= since:
            found.append(rotation)
            earlier = rotation.previous_begun
            rotation = self.rotation(credential, rotation.number - 1) if earlier and earlier >= since else None
        return found

    def unproved_before(self, rotation: Rotation) -> list[Rotation]:
        """The rotations right before C(rotation) that were not finished, newest first: what they replaced was not proved dead."""
        found = []
        earlier = self.rotation(rotation.credential, rotation.number - 1) if rotation.previous_begun else None
        while earlier and earlier.old_url and "dead" not in earlier.facts:
            found.append(earlier)
            earlier = self.rotation(rotation.credential, earlier.number - 1) if earlier.previous_begun else None
        return found

    def parked_before(self, newest: Rotation) -> list[Rotation]:
        """The rotations before C(newest) whose parked copy was never removed, oldest first."""
        bases = {number: self._rotation(newest.credential, number) for number in range(1, newest.number)}
        known = self._values([f"{base}/{fact}" for base in bases.values() for fact in ("parked", "unparked")])
        left = [number for number, base in bases.items() if f"{base}/parked" in known and f"{base}/unparked" not in known]
        return [rotation for number in left if (rotation := self.rotation(newest.credential, number))]

    def recent_rotation(self, credential: str, since: datetime) -> Rotation | None:
        """The newest rotation of the credential, if it covers C(since)."""
        newest = self.newest_rotation(credential)
        return newest if newest and newest.begun >= since else None

    def claim_rotation(
        self, credential: str, *, since: datetime, url: str, event: str, operator: str, at: datetime
    ) -> tuple[Rotation, bool]:
        """The rotation that covers C(since), and whether it is a new one: its intent is durable when this returns (R1).

        C(url) is the credential's present URL. Its keyed fingerprint is part of the intent; the URL itself is kept beside it, so
        that a run that continues this one can still prove it dead.
        """
        while True:
            newest = self.newest_rotation(credential)
            if newest and newest.begun >= since:
                return newest, False
            number = newest.number + 1 if newest else 1
            base = self._rotation(credential, number)
            key = secrets.token_hex(32)
            if not self._store.create(f"{base}/key", key, secure=True):
                # Of a claim that broke off; or of one whose intent was not to be seen yet, and C(url) may be the new one by now.
                if self._store.until_seen(partial(self._store.get, f"{base}/intent")):
                    continue
                key = self._present(f"{base}/key")
            if not self._store.create(f"{base}/old", url, secure=True):
                self._store.put(f"{base}/old", url)
            # Clocks differ: a rotation that is begun for an event never counts as begun before it.
            intent = {
                "at": format_time(max(at, since)),
                "since": format_time(since),
                "event": event,
                "operator": operator,
                "fingerprint": fingerprint(url, key),
                **({"previous": newest.facts["intent"]["at"]} if newest else {}),
            }
            if self._store.create(f"{base}/intent", encode(intent)):
                self._store.put(f"{self._credential(credential)}/latest", str(number), secure=False)
                return Rotation(credential, number, {"intent": intent}, key, url), True

    def role_separation_debts(self) -> dict[str, Facts]:
        """The apps that work on the owner's credential (E6), each with the fact that tells since when and by whom."""
        return {owed["app"]: owed for owed in _owed(self._role_separation()).values()}

    def owe_role_separation(self, app: str, fact: Facts) -> bool:
        """Notes that C(app) works on the owner's credential from now on. Returns V(False) if that was noted already."""
        base, name = f"{self._prefix}/role_separation", fact_subject(app)
        while True:
            facts = self._role_separation()
            if any(owed["app"] == app for owed in _owed(facts).values()):
                return False
            earlier = [path for path in facts if path.startswith(f"{name}/") and path.endswith("/owed")]
            if self._store.create(f"{base}/{name}/{len(earlier) + 1:04d}/owed", encode({**fact, "app": app})):
                return True

    def pay_role_separation(self, app: str, fact: Facts) -> bool:
        """Notes that C(app) works on its own credential again. Returns V(False) if nothing was owed."""
        owed = [path for path, fact in _owed(self._role_separation()).items() if fact["app"] == app]
        return any(self._store.create(f"{self._prefix}/role_separation/{path}/paid", encode(fact)) for path in owed)

    def attestations(self) -> dict[str, Facts]:
        """What was attested of rehearsals, by name: the date, and for another one of that day a number."""
        return _decode(self._raw(f"{self._prefix}/attestations"))

    def record_attestation(self, name: str, fact: Facts) -> bool:
        """Notes a rehearsal under C(name). Returns V(False) if there is one of that name."""
        return self._store.create(f"{self._prefix}/attestations/{name}", encode(fact))

    def forget(self, credential: str, number: int, what: str) -> bool:
        """Destroys the C(key) or the C(old) URL of a rotation. Returns V(False) if it was gone already."""
        return self._store.delete(f"{self._rotation(credential, number)}/{what}")

    def _record(self, base: str, facts: Facts) -> Facts:
        stored: Facts = {}
        for name, value in facts.items():
            text = encode(value)
            parts = [text[start : start + PART_SIZE] for start in range(0, len(text), PART_SIZE)]
            head = text
            if len(parts) > 1:
                # The head comes last: a fact exists once its head does. Parts that another run has left belong to no head.
                mark = secrets.token_hex(4)
                for index, part in enumerate(parts):
                    self._store.create(f"{base}/{name}.{mark}.{index}", part)
                head = encode({"mark": mark, "parts": len(parts)})
            if self._store.create(f"{base}/{name}", head):
                stored[name] = value
            else:
                stored[name] = _decode(self._raw(base))[name]
        return stored

    def _role_separation(self) -> Facts:
        """What is known of role separations, by C(<app>/<number>/<fact>)."""
        return _decode(self._raw(f"{self._prefix}/role_separation"))

    def _raw(self, base: str) -> dict[str, str]:
        """The values below C(base) by their path from there, undecoded."""
        return {parameter.name[len(base) + 1 :]: parameter.value for parameter in self._store.by_path(base)}

    def _values(self, names: t.Sequence[str]) -> dict[str, str]:
        """The values of those of C(names) that there are, by name."""
        return {name: parameter.value for name, parameter in self._store.get_many(names).items()}

    def _present(self, name: str) -> str:
        """The value of a parameter that is known to exist."""
        parameter = self._store.get(name)
        if parameter is None:
            raise UnreachableError("unreachable", f"The parameter {name} exists, but could not be read yet.", system="AWS SSM")
        return parameter.value

    def _person(self, email: str) -> str:
        return f"{self._prefix}/people/{person_key(email)}"

    def _credential(self, credential: str) -> str:
        return f"{self._prefix}/credentials/{credential}"

    def _rotation(self, credential: str, number: int) -> str:
        return f"{self._credential(credential)}/{number:04d}"


def _age(record: EventRecord) -> tuple[datetime, str]:
    """People who leave together have events of the same time."""
    return record.event.opened, record.event.id


def current_event(records: t.Sequence[EventRecord], *, new_event: bool) -> EventRecord | None:
    """The event to continue: the open one; or the last one, closed, unless a new one is asked for."""
    still_open = [record for record in records if not record.closed]
    if still_open:
        return still_open[0]
    return records[-1] if records and not new_event else None


def fact_name(kind: str, subject: str) -> str:
    """The name of a fact of C(kind) that holds for C(subject) alone, a name of the inventory."""
    return f"{kind}-{fact_subject(subject)}"


def fact_subject(subject: str) -> str:
    """C(subject) as it stands in the name of a fact."""
    return re.sub("[^A-Za-z0-9_-]", "-", subject)


def _owed(facts: Facts) -> dict[str, Facts]:
    """The facts C(owed) of role separations that have no C(paid) beside them, by the path of both."""
    paths = {name.rpartition("/")[0] for name in facts}
    return {path: facts[f"{path}/owed"] for path in sorted(paths) if f"{path}/paid" not in facts}


def _event_record(name: str, facts: Facts) -> EventRecord:
    opened = facts["opened"]
    event = Event(name, opened["email"], opened["operator"], parse(opened["notice"]), parse(opened["opened"]))
    return EventRecord(event, facts)


def _decode(raw: t.Mapping[str, str]) -> Facts:
    facts: Facts = {}
    for name, text in raw.items():
        if "." in name or name in SECRETS:
            continue
        try:
            parts = _parts(name, text)
            facts[name] = json.loads("".join(raw[part] for part in parts) if parts else text)
        except (ValueError, KeyError):
            raise DeprovisionError("ledger_damaged", f"The ledger's fact {name!r} cannot be read.", system="AWS SSM") from None
    return facts


def _grouped(values: t.Mapping[str, str]) -> dict[str, dict[str, str]]:
    """C(values) by the path of what they belong to, and below that by their own names."""
    grouped: dict[str, dict[str, str]] = {}
    for path, value in values.items():
        base, _slash, name = path.rpartition("/")
        grouped.setdefault(base, {})[name] = value
    return grouped


def _parts(name: str, text: str) -> list[str]:
    """The names of the values that make up a long fact, if C(text) is the head of one."""
    try:
        head = json.loads(text)
    except ValueError:
        return []
    if not (isinstance(head, dict) and set(head) == {"mark", "parts"}):
        return []
    return [f"{name}.{head['mark']}.{index}" for index in range(head["parts"])]


def _value(parameter: Parameter | None) -> str:
    return parameter.value if parameter else ""
