# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What a run would change, by name, as data with a digest: the plan that a check run writes and that a real run can be held to.

A plan depends on what there is to change, and on where the inventory says that it is, alone. Neither the clock nor the date in an
event's id is part of it, so the plan of a check run today and that of the real run tomorrow, on another machine, have the same
digest as long as nothing else has changed.
"""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import canonical, digest
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import Credential

Record = t.Mapping[str, t.Any]
Change = t.Dict[str, t.Any]

FORMAT = "https://raxx.app/deprovision/plan/v2"
_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{64})")

# One sentence for each kind of change; the fields are those of the change.
_WORDS = {
    "remove_membership": "remove {email} from the group {group} ({console})",
    "end_session": "end session {id} of {email}, begun {started_at}, {user_agent} ({console})",
    "rotate": "rotate {role} of {app}",
    "rotate_forced": "rotate {role} of {app} at once, ending its connections",
    "store": "write the URL of {credential} to {kind} {place}",
    "remove_parked": "remove the parked URL of {credential} from {kind} {place}",
    "set_config": "set {config_var} on {app} and restart it",
    "prove_dead": "prove the old password of {credential} dead and end its sessions",
    "check": "run {check} for {credential}",
    "write_row": "write one row of audit_archival_runs for {email} ({record})",
    "close_ticket": "{verb} the ticket {ticket}",
}


@dataclass(frozen=True)
class Plan:
    """C(people) are addresses in order, C(changes) what would change in the order of the runbook. No secret is in it.

    C(targets) is where the names lead, as the filter C(plan_targets) gives it.
    """

    environment: str
    people: tuple[str, ...]
    changes: tuple[Change, ...]
    targets: t.Mapping[str, t.Any]

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "format": FORMAT,
            "environment": self.environment,
            "people": list(self.people),
            "changes": [dict(change) for change in self.changes],
            "targets": dict(self.targets),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the plan, in hexadecimal."""
        return digest(canonical(self.as_dict()))

    def lines(self) -> list[str]:
        """One line per change, for a person."""
        return [line(change) for change in self.changes] or ["  change nothing"]

    @property
    def steps(self) -> list[str]:
        """The steps of the runbook in which something would change."""
        return list(dict.fromkeys(change["step"] for change in self.changes))

    @classmethod
    def from_dict(cls, content: t.Any) -> Plan:
        """From C(as_dict). Raises C(invalid_input) if it is none."""
        try:
            changes = tuple(dict(change) for change in content["changes"])
            plan = cls(str(content["environment"]), tuple(content["people"]), changes, dict(content["targets"]))
            plan.lines()
            canonical(plan.as_dict())
            known = content["format"] == FORMAT
        except (KeyError, TypeError, ValueError):
            known = False
        if not known:
            raise DeprovisionError("invalid_input", "The file is not a plan of this collection.")
        return plan


def line(change: Change) -> str:
    """A change in the operator's words."""
    return f"  {change['step']:<3} {_WORDS[change['action']].format_map(change)}"


def make_plan(
    events: t.Sequence[Record],
    credentials: t.Sequence[tuple[Record, Credential]],
    *,
    environment: str,
    records: t.Sequence[str],
    targets: t.Mapping[str, t.Any],
    forced: bool = False,
    ticket: int | None = None,
) -> Plan:
    """What a run would change. Pure: C(events) are entries of RV(events) of deprovision_event, not opened yet where they are new.

    C(credentials) are those of the inventory, each with what the ledger knows of the rotation that covers all open events.
    """
    people = sorted(events, key=lambda event: str(event["email"]))
    changes = [change for event in people for change in _lockout(event)]
    unfinished = [event for event in people if not event["closed"]]
    if unfinished:
        for item, known in sorted(credentials, key=lambda pair: (pair[0]["step"], pair[0]["name"])):
            changes += _credential(item, known, forced=forced)
    for event in unfinished:
        changes += _closing(event, records, ticket)
    return Plan(environment, tuple(event["email"] for event in people), tuple(changes), targets)


def _lockout(event: Record) -> list[Change]:
    email, present = event["email"], event["present"]
    groups = [
        {"step": "1a", "action": "remove_membership", "email": email, "group": item["group"], "console": item.get("console", "")}
        for item in present.get("memberships", [])
    ]
    sessions = [
        {
            "step": "1b",
            "action": "end_session",
            "email": email,
            "console": item.get("console", ""),
            **{name: item.get(name) for name in ("id", "started_at", "user_agent")},
        }
        for item in present.get("sessions", [])
    ]
    return [
        *sorted(groups, key=lambda item: (item["console"], item["group"])),
        *sorted(sessions, key=lambda item: (item["console"], str(item["id"]).zfill(20))),
    ]


def _credential(item: Record, known: Credential, *, forced: bool) -> list[Change]:
    """What is left to do to a credential. A part whose outcome may have changed since is listed until all of it is verified."""
    if known.waived or item["waived"] or (known.consumers and known.has(*known.per_app("verified"))):
        return []
    name, step = item["name"], item["step"]

    def change(letter: str, action: str, **named: t.Any) -> Change:
        return {"step": f"{step}{letter}", "action": action, "credential": name, **named}

    store = item["store"]
    place = "/".join(filter(None, (str(store.get("path") or "").rstrip("/"), str(store["name"]))))
    changes = []
    if not known.has("settled"):
        changes.append(change("a", "rotate_forced" if forced else "rotate", role=item["role"], app=item["app"]))
    changes.append(change("b", "store", kind=store["kind"], place=place))
    if known.has("parked") and not known.has("unparked"):
        parked = known.fact("parked")
        changes.append(change("b", "remove_parked", kind=parked["kind"], place=parked["name"]))
    changes += [
        change("c", "set_config", app=consumer["app"], config_var=consumer["config_var"]) for consumer in item["consumers"]
    ]
    changes.append(change("", "prove_dead"))
    return changes + [change("", "check", check=check.replace("_", "-")) for check in item["checks"]]


def _closing(event: Record, records: t.Sequence[str], ticket: int | None) -> list[Change]:
    facts: Facts = event["facts"]
    email = event["email"]
    changes: list[Change] = [
        {"step": "6", "action": "write_row", "email": email, "record": record}
        for record in records
        if fact_name("audit_row", record) not in facts
    ]
    known = facts.get("ticket", {}).get("number") or ticket
    # The ticket's subject has the date in it, so a ticket without a number goes by the person.
    close = {"verb": "close", "ticket": str(known)} if known else {"verb": "find or create, and close,", "ticket": f"for {email}"}
    return [*changes, {"step": "7", "action": "close_ticket", "email": email, **close}]


def parse_digest(text: str) -> str:
    """The digest that the operator gave, without C(sha256:). Raises C(invalid_input)."""
    found = _DIGEST.fullmatch(text.strip().lower())
    if not found:
        raise DeprovisionError(
            "invalid_input",
            f"plan is not the digest of a plan: {text[:80]!r}.",
            next_step="Give the 64 characters that the check run printed.",
        )
    return found[2]


def difference(own: Plan, given: Plan) -> list[str]:
    """What C(own) would do and C(given) would not, by name, and the other way round."""
    lines = []
    if (own.environment, own.people) != (given.environment, given.people):
        lines.append(
            f"this run is for {', '.join(own.people)} on {own.environment}, "
            f"the plan was for {', '.join(given.people)} on {given.environment}"
        )
    lines += [f"would now also: {' '.join(line(change).split())}" for change in _beyond(own, given)]
    lines += [f"would no longer: {' '.join(line(change).split())}" for change in _beyond(given, own)]
    now, before = leaves(own.targets), leaves(given.targets)
    differing = [path for path in sorted(now.keys() | before.keys()) if now.get(path) != before.get(path)]
    lines += [f"{path}: {before.get(path, 'nothing')} -> {now.get(path, 'nothing')}" for path in differing]
    return lines or ["the same changes in another order"]


def _beyond(one: Plan, other: Plan) -> list[Change]:
    """The changes of C(one) that C(other) has not, or not as often."""
    left = Counter(canonical(change) for change in other.changes)
    found = []
    for change in one.changes:
        if left[canonical(change)]:
            left[canonical(change)] -= 1
        else:
            found.append(change)
    return found


def leaves(value: t.Mapping[str, t.Any], path: str = "") -> dict[str, str]:
    """Whatever is no mapping in C(value), as text, by the names that lead to it with dots between them."""
    found = {}
    for name, item in value.items():
        if isinstance(item, t.Mapping):
            found.update(leaves(item, f"{path}{name}."))
        else:
            found[f"{path}{name}"] = item if isinstance(item, str) else canonical(item).decode()
    return found


def refuse(own: Plan, wanted: str, given: Plan | None) -> None:
    """Raises C(plan_differs) unless the digest of C(own) is C(wanted). C(given) is the plan with that digest, if known."""
    if own.digest == wanted:
        return
    if given is not None:
        said = "What differs: " + "; ".join(difference(own, given)) + "."
    else:
        mine = "; ".join(" ".join(text.split()) for text in own.lines())
        said = f"No file of the plan {wanted} is at hand, so what differs cannot be named. The plan of this run: {mine}."
    raise DeprovisionError(
        "plan_differs",
        f"Nothing was changed. The plan of this run ({own.digest}) is not the one that was given ({wanted}). {said}",
        details={"digest": own.digest, "wanted": wanted},
    )
