# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The record of a departure: one value from which every file of its evidence is rendered.

A pure function of facts, so another machine, and a run that continues a killed one, come to the same record (I12).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._claims import Claim, by_step, claims_of
from ansible_collections.raxx.deprovision.plugins.module_utils._event_journal import Covering, EventJournal, source
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import (
    MISSING,
    NOT_COVERED,
    Credential,
    Progress,
    latest_look,
    outcome,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse
from ansible_collections.raxx.deprovision.plugins.module_utils._version import VERSION

Value = t.Dict[str, t.Any]

SCHEMA = "https://raxx.app/deprovision/record/v1"
# S2 asks for four hours; PS-4 of NIST for one hour where the impact is high.
WARN_SECONDS, FAIL_SECONDS = 3600, 4 * 3600
# S4: the manual estimate, in minutes, step by step.
PHASES = (
    ("1", "Lock out of Console", 10),
    ("2", "Rotate the credentials of Raptor", 30),
    ("3", "Rotate the credentials of the archive", 20),
    ("4", "Verify the app", 5),
    ("5", "Look for sessions again", 5),
    ("6", "Write the audit row", 5),
    ("7", "Close the ticket", 0),
)


@dataclass(frozen=True)
class Case:
    """Everything that a record is made of."""

    progress: Progress
    facts: Facts
    scope: t.Mapping[str, t.Any]
    credentials: t.Tuple[Credential, ...]
    rotations: t.Tuple[Covering, ...]
    journal: EventJournal
    environment: str
    result: str
    failures: t.Tuple[t.Mapping[str, t.Any], ...]
    now: datetime
    keyid: str | None = None


def build(case: Case) -> Value:
    """The record, in JSON values without floats."""
    progress, event = case.progress, case.progress.event
    claims = claims_of(
        progress, case.facts, scope=case.scope, credentials=case.credentials, rotations=case.rotations, now=case.now
    )
    return {
        "schema": SCHEMA,
        "event": event.id,
        "environment": case.environment,
        "email": event.email,
        "operator": event.operator,
        "collection": case.journal.sealed.get("collection", VERSION),
        "result": case.result,
        "window": progress.window(),
        "timeliness": _timeliness(case),
        "checkpoints": {name: checkpoint.as_dict() for name, checkpoint in progress.checkpoints.items()},
        "credentials": progress.credentials,
        "debts": progress.debts,
        "not_covered": list(NOT_COVERED),
        "failures": [dict(failure) for failure in case.failures],
        "ticket": dict(case.facts.get("ticket", {})),
        "plan": case.facts.get("planned"),
        "approval": case.facts.get("approved"),
        "audit_row": _rows(case),
        "claims": [claim.as_dict() for claim in claims],
        "steps": _steps(case, claims),
        "phases": _phases(case),
        "timeline": _timeline(case),
        "population": {"before": _before(case), "after": _after(case), "items": _items(case)},
        "rotations": [_rotation(rotation) for rotation in case.rotations],
        "proofs": [proof for proof in map(_proof, case.rotations) if proof],
        "integrity": _integrity(case),
    }


def _seconds(case: Case, at: str | None) -> int | None:
    return int((parse(at) - case.progress.event.notice).total_seconds()) if at else None


def _timeliness(case: Case) -> Value:
    closed = case.progress.closed_at
    return {
        "lockout_seconds": _seconds(case, case.progress.checkpoints["C1"].at),
        "end_seconds": _seconds(case, closed),
        "warn_seconds": WARN_SECONDS,
        "fail_seconds": FAIL_SECONDS,
        "overdue": (parse(closed) if closed else case.now) > case.progress.event.deadline,
    }


def _rows(case: Case) -> t.List[Value]:
    found = {record: case.facts.get(fact_name("audit_row", record)) for record in case.scope["records"]}
    kept = ("run_type", "completed_at", "ticket", "operator")
    return [{"record": record, **{name: fact.get(name) for name in kept}} for record, fact in found.items() if fact]


# -- steps and times


def _steps(case: Case, claims: t.Sequence[Claim]) -> t.List[Value]:
    spans = _spans(case)
    return [
        {
            **step,
            "begun": spans.get(step["id"], (None, None))[0],
            "ended": spans.get(step["id"], (None, None))[1],
            "by": step["by"] or _rotators(case, step["id"]),
        }
        for step in by_step(claims)
    ]


def _rotators(case: Case, step: str) -> t.List[str]:
    """Who claimed the rotations of a part of step 2 or 3."""
    found = [_rotation(rotation)["by"] for rotation in case.rotations if step.startswith(str(_step_of(case, rotation)))]
    return list(dict.fromkeys(filter(None, found)))


def _spans(case: Case) -> t.Dict[str, t.Tuple[str | None, str | None]]:
    """When each step was begun and ended, as far as the facts tell."""
    opened = format_time(case.progress.event.opened)
    at = {name: checkpoint.at for name, checkpoint in case.progress.checkpoints.items()}
    open_still = any(case.progress.checkpoints[name].grade == MISSING for name in ("C2", "C3", "C4"))
    spans = {
        "1a": (opened, at["C1"]),
        "1b": (opened, at["C1"]),
        "5": (None if open_still else _last(at["C2"], at["C3"], at["C4"]), at["C5"]),
        "6": (at["C5"], at["C6"]),
        "7": (at["C6"], case.progress.closed_at),
        "4": (_first(*(fact.get("from") for fact in _rotation_facts(case, "verified-"))), at["C4"]),
    }
    for step in (2, 3):
        mine = [rotation for rotation in case.rotations if _step_of(case, rotation) == step]
        spans[f"{step}a"] = (_first(*_times(mine, "intent")), _last(*_times(mine, "settled")))
        spans[f"{step}b"] = (_first(*_times(mine, "settled")), _last(*_times(mine, "stored")))
        spans[f"{step}c"] = (_first(*_times(mine, "live")), _last(*_times(mine, "distributed-"), *_late(mine, step)))
        spans["2d"] = spans.get("2d") or (_first(*_times(mine, "distributed-")), _last(*_times(mine, "dead", "checked")))
    return spans


def _late(rotations: t.Sequence[Covering], step: int) -> t.List[str]:
    """Step 3 has no d: its checks and proofs belong to 3c."""
    return _times(rotations, "dead", "checked") if step == 3 else []


def _step_of(case: Case, rotation: Covering) -> int:
    return next(credential.step for credential in case.credentials if credential.name == rotation.credential)


def _rotation_facts(case: Case, kind: str) -> t.List[Facts]:
    return [fact for rotation in case.rotations for name, fact in rotation.facts.items() if name.startswith(kind)]


def _times(rotations: t.Sequence[Covering], *kinds: str) -> t.List[str]:
    return [
        fact["at"]
        for rotation in rotations
        for name, fact in rotation.facts.items()
        for kind in kinds
        if (name.startswith(kind) if kind.endswith("-") else name == kind)
    ]


def _first(*times: str | None) -> str | None:
    return min(filter(None, times), key=parse, default=None)


def _last(*times: str | None) -> str | None:
    return max(filter(None, times), key=parse, default=None)


def _phases(case: Case) -> t.List[Value]:
    spans = _spans(case)
    at = {name: checkpoint.at for name, checkpoint in case.progress.checkpoints.items()}
    bounds = {
        "1": spans["1a"],
        "2": (spans["2a"][0], at["C2"]),
        "3": (spans["3a"][0], at["C3"]),
        **{step: spans[step] for step in ("4", "5", "6", "7")},
    }
    return [
        {"step": step, "title": title, "begun": bounds[step][0], "ended": bounds[step][1], "manual_minutes": minutes}
        for step, title, minutes in PHASES
    ]


# -- the timeline

# The step that a fact belongs to and what it says, by the beginning of its name.
_EVENTS = {
    "opened": ("", "event opened, by {operator}"),
    "before": ("", "what the person had was listed"),
    "planned": ("", "plan {digest} made"),
    "approved": ("", "approved by {by}, as {stated_by} stated"),
    "waiver": ("3", "stated by {by}: no direct database access"),
    "waived": ("", "gap accepted by {by} until {until}"),
    "locking": ("1", "lock-out begun, by {by}"),
    "lockout": ("1", "locked out of Console, by {by}"),
    "ticket": ("", "ticket {number} noted"),
    "recheck": ("5", "looked for sessions again: ended {ended}, removed {removed}"),
    "sealed": ("6", "journal sealed, head {head}"),
    "audit_row": ("6", "audit row written: {run_type}"),
    "closed": ("7", "ticket and event closed, by {by}"),
    "intent": ("{step}a", "rotation claimed, by {operator}"),
    "settled": ("{step}a", "rotated"),
    "parked": ("{step}b", "the store did not take it ({code}); parked in {kind} {name}"),
    "stored": ("{step}b", "stored in {kind} {name}, version {version}"),
    "unparked": ("{step}b", "parked copy removed"),
    "live": ("{step}b", "the new one works"),
    "distributed": ("{step}c", "handed out with release {release}"),
    "dead": ("{step}", "the old one tried: {old_sqlstate}; sessions ended {sessions_ended}, left {sessions_left}"),
    "tried": ("{step}", "the old one was not proved dead: {code}"),
    "checked": ("{check}", "checks passed: {checks}"),
    "verified": ("4", "log clean: {lines} lines, {requests} requests"),
}


class _Known(dict):  # type: ignore[type-arg]
    """Fills a text with what a fact says, and with a question mark where it says nothing."""

    def __missing__(self, key: str) -> str:
        return "?"


def _timeline(case: Case) -> t.List[Value]:
    steps = {credential.name: credential.step for credential in case.credentials}
    entries = [
        {
            "at": format_time(case.progress.event.notice),
            "step": "",
            "what": "notice of the departure",
            "subject": "",
            "source": source("opened"),
        }
    ]
    for record in case.journal.records:
        kind, _dash, subject = record["fact"].rpartition("/")[2].partition("-")
        credential = record["fact"].split("/")[1] if record["fact"].startswith("credentials/") else ""
        # Facts of which there can be several have numbers.
        step, words = _EVENTS.get(kind.rstrip("0123456789"), ("", kind))
        number = steps.get(credential, 0)
        said = _Known({name: _shown(name, value) for name, value in record["value"].items()})
        entries.append(
            {
                "at": record["at"],
                "step": step.format(step=number, check="2d" if number == 2 else "3c"),
                "what": words.format_map(said),
                "subject": " to ".join(filter(None, (credential, subject))),
                "source": record["fact"],
            }
        )
    return sorted(entries, key=lambda entry: parse(entry["at"]))


def _shown(name: str, value: t.Any) -> str:
    if name == "checks":
        value = [check.replace("_", "-") for check in value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# -- the population


def _before(case: Case) -> t.List[Value]:
    before = case.facts.get("before", {})
    return [
        _listing(case, listing, listing["console"], case.progress.event.operator, _rows_of(before, listing))
        for listing in before.get("listings", [])
    ]


def _rows_of(before: Facts, listing: Facts) -> t.List[Facts]:
    """The rows of one listing, as they were when their digest was made."""
    return [
        {name: value for name, value in item.items() if name not in ("console", "account")}
        for item in before.get(listing["kind"], [])
        if (item.get("console"), item.get("account")) == (listing["console"], listing["account"])
    ]


def _after(case: Case) -> t.List[Value]:
    looks = [look for look in (latest_look(case.facts, console) for console in case.scope["consoles"]) if look]
    # A look that still found something is no fact, so its rows are none.
    return [_listing(case, listing, look["app"], look["by"], []) for look in looks for listing in look.get("listings", [])]


def _listing(case: Case, listing: Facts, console: str, operator: str, rows: t.List[Facts]) -> Value:
    kept = ("kind", "query", "parameters", "server", "server_time", "local_time", "rows", "sha256", "collection")
    return {
        "console": console,
        **{name: listing.get(name) for name in kept},
        "accounts": [listing["account"]],
        "asked_by": {"role": listing.get("role"), "operator": operator},
        "content": rows,
    }


def _items(case: Case) -> t.List[Value]:
    before = case.facts.get("before", {})
    lockouts = {
        fact.get("app"): fact
        for fact in (case.facts.get(fact_name("lockout", console)) for console in case.scope["consoles"])
        if fact
    }
    items = []
    for kind, key, plural in (("membership", "group", "memberships"), ("session", "id", "sessions")):
        for item in before.get(plural, []):
            lockout = lockouts.get(item.get("console"))
            items.append(
                {
                    "kind": kind,
                    "console": item.get("console", ""),
                    "name": str(item[key]),
                    "facts": {name: value for name, value in item.items() if name != "console"},
                    "outcome": outcome(lockout, "removed" if kind == "membership" else "ended", item[key]),
                    "at": lockout["at"] if lockout else None,
                    "by": lockout.get("by") if lockout else None,
                }
            )
    return items


# -- proofs and integrity


def _rotation(rotation: Covering) -> Value:
    """C(by) and C(begun) are of who claimed it; its other facts name nobody. C(written): the apps whose config var was set."""
    intent = rotation.facts.get("intent", {})
    apps = {name.partition("-")[2]: fact for name, fact in rotation.facts.items() if name.startswith("distributed-")}
    return {
        "credential": rotation.credential,
        "rotation": rotation.number,
        "by": intent.get("operator"),
        "begun": intent.get("at"),
        "written": [app for app, fact in apps.items() if fact.get("written")],
    }


def _proof(rotation: Covering) -> Value | None:
    dead = rotation.facts.get("dead")
    if not dead:
        return None
    probes = (
        ("new URL", "logs in", "logs in" if dead.get("new_live") else None),
        ("old URL", "28P01", dead.get("old_sqlstate")),
        ("new user, random password", "28P01", dead.get("control_sqlstate")),
    )
    kept = ("sessions_ended", "sessions_left", "oldest_session", "older_than")
    return {
        "credential": rotation.credential,
        "rotation": rotation.number,
        "at": dead["at"],
        "grade": dead.get("grade"),
        "probes": [{"probe": probe, "required": required, "answer": answer} for probe, required, answer in probes],
        "users": list(dead.get("users") or []),
        **{name: dead.get(name) for name in kept},
        "observer": dict(dead.get("observer") or {}),
    }


def _integrity(case: Case) -> Value:
    sealed = case.journal.sealed
    rows = [fact_name("audit_row", record) in case.facts for record in case.scope["records"]]
    ticket = f"ticket {case.facts.get('ticket', {}).get('number', '')}".strip()
    return {
        "chain": case.progress.event.id,
        "records": len(case.journal.records),
        "head": case.journal.head,
        "sealed": {"head": sealed["head"], "at": sealed["at"], "records": len(sealed["order"])} if sealed else None,
        "intact": case.journal.intact,
        "anchors": [
            {"where": "audit_archival_runs, notes", "state": "written" if rows and all(rows) else "open"},
            {"where": f"{ticket}, closing note", "state": "written" if case.progress.closed_at else "open"},
        ],
        # Whether the statement is signed differs from machine to machine, and the record does not.
        "signature": {"state": "to be signed" if case.keyid else "unsigned", "keyid": case.keyid},
    }
