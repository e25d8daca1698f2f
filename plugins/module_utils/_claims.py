# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What the evidence claims, one sentence at a time, each with exactly one grade of proof. A pure function of facts."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._event_journal import Covering, source
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import (
    ATTESTED,
    INCONCLUSIVE,
    INCONCLUSIVE_CODE,
    MISSING,
    NOT_COVERED,
    OBSERVED,
    Credential,
    Progress,
    came_back,
    latest_look,
    taken,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse, parse_end

# The grades that the checkpoints do not know.
ACKNOWLEDGED = "acknowledged"
WAIVED = "waived"
UNCOVERED = "not covered"
# A result that was seen, and is bad.
OVERDUE = "overdue"
# From the weakest on: a step has the grade of the weakest of its claims.
_WEAKEST = (MISSING, INCONCLUSIVE, WAIVED, UNCOVERED, ATTESTED, ACKNOWLEDGED, OBSERVED)

TITLES = {
    "1a": "Remove every group membership in Console",
    "1b": "End every active session in Console",
    "2a": "Rotate the credentials of Raptor",
    "2b": "Store the new ones and prove that they work",
    "2c": "Hand them out to the apps and restart them",
    "2d": "Prove the old ones dead; smoke suite",
    "3a": "Rotate the credentials of the archive",
    "3b": "Store the new ones and prove that they work",
    "3c": "Hand them out, prove the old ones dead, run the job once",
    "4": "Smoke suite again, and a clean log",
    "5": "Look for sessions again",
    "6": "Write the audit row",
    "7": "Close the ticket",
}


@dataclass(frozen=True)
class Claim:
    """C(id) is the step and the subject, C(result) a word or two, C(sources) names of records of the journal."""

    id: str
    step: str
    subject: str
    statement: str
    grade: str
    result: str
    at: str | None = None
    detail: str = ""
    by: str = ""
    until: str = ""
    sources: t.Tuple[str, ...] = ()

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {**asdict(self), "sources": list(self.sources)}


def claims_of(
    progress: Progress,
    facts: Facts,
    *,
    scope: t.Mapping[str, t.Any],
    credentials: t.Sequence[Credential],
    rotations: t.Sequence[Covering],
    now: datetime,
) -> t.List[Claim]:
    """Every claim about an event, in the order of the runbook."""
    covering: t.Dict[str, t.List[Covering]] = {}
    for rotation in rotations:
        covering.setdefault(rotation.credential, []).append(rotation)
    steps = sorted(credentials, key=lambda credential: credential.step)
    found = [
        *(claim for console in scope["consoles"] for claim in _lockout(facts, console)),
        *(claim for credential in steps for claim in _credential(credential, covering.get(credential.name, []))),
        *(_rechecked(progress, facts, console) for console in scope["consoles"]),
        *(_logged(facts, record) for record in scope["records"]),
        *_closing(facts),
        _in_time(progress),
        *_uncovered(),
        _approved(facts),
    ]
    return [_waived(claim, facts, now) for claim in found]


def by_step(claims: t.Iterable[Claim]) -> t.List[t.Dict[str, t.Any]]:
    """The steps of the runbook, each with the weakest grade of its claims."""
    grouped: t.Dict[str, t.List[Claim]] = {}
    for claim in claims:
        if claim.step in TITLES:
            grouped.setdefault(claim.step, []).append(claim)
    return [_step(step, grouped[step]) for step in TITLES if step in grouped]


def _step(step: str, claims: t.Sequence[Claim]) -> t.Dict[str, t.Any]:
    weakest = min((claim.grade for claim in claims), key=_WEAKEST.index)
    shown = [claim for claim in claims if claim.grade == weakest] if weakest in (MISSING, INCONCLUSIVE, WAIVED) else claims
    return {
        "id": step,
        "title": TITLES[step],
        "grade": weakest,
        "result": ", ".join(dict.fromkeys(claim.result for claim in shown)),
        "at": max((claim.at for claim in shown if claim.at), key=parse, default=None),
        "detail": "; ".join(_details(shown)),
        # Who accepts a gap has done nothing of the step.
        "by": list(dict.fromkeys(claim.by for claim in shown if claim.by and claim.grade != WAIVED)),
    }


def _details(claims: t.Iterable[Claim]) -> t.Iterator[str]:
    """What the claims say of each subject, after its name."""
    said: t.Dict[str, t.List[str]] = {}
    for claim in claims:
        if claim.detail and claim.detail not in said.setdefault(claim.subject, []):
            said[claim.subject].append(claim.detail)
    return (f"{subject}: {'; '.join(details)}".strip(": ") for subject, details in said.items() if details)


# -- Console


def _lockout(facts: Facts, console: str) -> t.List[Claim]:
    name = fact_name("lockout", console)
    lockout = facts.get(name)
    kinds = (
        ("1a", "memberships", "group", "removed", "", "No group membership is left"),
        ("1b", "sessions", "id", "ended", "session", "No active session is left"),
    )
    claims = []
    for step, kind, key, verb, noun, statement in kinds:
        claim = Claim(f"{step}/{console}", step, console, statement, MISSING, "open")
        if lockout:
            sources = (source(name), source("before"))
            claim = replace(claim, grade=OBSERVED, at=lockout["at"], by=str(lockout.get("by", "")), sources=sources)
            if lockout.get("account") is False:
                detail = f"no Console account, as {claim.by} stated; none was found"
                claim = replace(claim, grade=ATTESTED, result="no account", detail=detail)
            else:
                result, detail = _taken_words(facts.get("before", {}).get(kind, []), lockout, key, verb, noun)
                claim = replace(claim, result=result, detail=detail)
        claims.append(claim)
    return claims


def _taken_words(before: t.Sequence[Facts], lockout: Facts, key: str, verb: str, noun: str) -> t.Tuple[str, str]:
    """What became of what the person had: removed by this procedure, or gone already when it looked.

    Without a C(noun) the names speak for themselves; the id of a session could be taken for a number of sessions.
    """
    removed, gone = taken(before, lockout, key, verb)
    words = []
    for label, names in ((verb, removed), ("already gone", gone)):
        if names:
            plural = "s" if noun and len(names) > 1 else ""
            words.append(" ".join(filter(None, (label, noun + plural, ", ".join(map(str, names))))))
    result = "removed" if removed else "already gone" if gone else "nothing to remove"
    return result, "; ".join(words) or "there was none when the event was opened"


def _rechecked(progress: Progress, facts: Facts, console: str) -> Claim:
    claim = Claim(f"5/{console}", "5", console, "No membership and no active session has come back", MISSING, "open")
    look = latest_look(facts, console)
    if not look:
        return claim
    claim = replace(claim, at=look["at"], by=str(look.get("by", "")), sources=_looked(facts, look))
    if progress.checkpoints["C5"].grade == INCONCLUSIVE:
        return replace(claim, grade=INCONCLUSIVE, result="too early", detail="the last look came before what it must follow")
    again = came_back(facts, console)
    detail = f"{again} new ones were found and ended" if again else "none was found"
    return replace(claim, grade=OBSERVED, result="none left", detail=f"0 active sessions, 0 memberships; {detail}")


def _looked(facts: Facts, look: t.Mapping[str, t.Any]) -> t.Tuple[str, ...]:
    return tuple(source(name) for name, fact in facts.items() if fact is look)


# -- credentials


def _credential(credential: Credential, rotations: t.Sequence[Covering]) -> t.List[Claim]:
    """C(rotations) are those that cover the event, the newest last."""
    claims = _rotation_claims(credential, rotations)
    if credential.waived:
        waiver = credential.waiver or {}
        by = str(waiver.get("by", ""))
        detail = f"no direct database access, as {by or 'the operator'} stated"
        return [
            replace(
                claim,
                grade=ATTESTED,
                result="not needed",
                at=waiver.get("at"),
                by=by,
                detail=detail,
                sources=(source(fact_name("waiver", credential.name)),),
            )
            for claim in claims
        ]
    return claims


def _rotation_claims(credential: Credential, rotations: t.Sequence[Covering]) -> t.List[Claim]:
    rotation = rotations[-1] if rotations else None
    late = "d" if credential.step == 2 else "c"
    claims = [
        _proved(_open(credential, "a", "a", "The platform reports a new credential"), rotation, "settled", "rotated"),
        _stored(credential, rotation),
        _proved(_open(credential, ".live", "b", "The new credential works"), rotation, "live", "new one works"),
    ]
    if credential.has("parked"):
        claims.append(
            _proved(_open(credential, "b.unparked", "b", "No parked copy is left"), rotation, "unparked", "parked copy removed")
        )
    for app in credential.consumers:
        claim = _open(credential, "c", "c", f"{app} has the new credential, and every dyno is younger", app)
        claims.append(_proved(claim, rotation, fact_name("distributed", app), "handed out"))
    if credential.checks:
        checks = " and ".join(check.replace("_", "-") for check in credential.checks)
        claim = _open(credential, "d" if late == "d" else "c.check", late, f"Consumers work: {checks}")
        claims.append(_proved(claim, rotation, "checked", "checks passed"))
    claims += [_dead(credential, rotations, late), _sessions(credential, rotations, late)]
    for app in credential.consumers:
        claim = Claim(
            f"4/{credential.name}@{app}", "4", credential.name, f"Smoke suite green again, log of {app} clean", MISSING, "open"
        )
        claims.append(_proved(claim, rotation, fact_name("verified", app), "clean"))
    return claims


def _open(credential: Credential, part: str, place: str, statement: str, app: str = "") -> Claim:
    """A claim about a credential that nothing proves yet. C(part) and C(place) follow the number of its step."""
    identifier = f"{credential.step}{part}/{credential.name}" + (f"@{app}" if app else "")
    return Claim(identifier, f"{credential.step}{place}", credential.name, statement, MISSING, "open")


def _proved(claim: Claim, rotation: Covering | None, fact: str, result: str) -> Claim:
    """C(claim), proved by one fact of a rotation if there is that fact."""
    found = rotation.facts.get(fact) if rotation else None
    if not rotation or not found:
        return claim
    detail = _detail(fact.partition("-")[0], found)
    return replace(claim, grade=OBSERVED, result=result, at=found["at"], detail=detail, sources=(rotation.source(fact),))


def _detail(kind: str, fact: Facts) -> str:
    words = {
        "settled": "forced" if fact.get("forced") else "",
        "stored": f"{fact.get('kind')} {fact.get('name')}, version {fact.get('version')}, read back",
        "live": f"logged in as {fact.get('user')}",
        "distributed": f"release {fact.get('release')}",
        "checked": ", ".join(check.replace("_", "-") for check in fact.get("checks", [])),
        "unparked": str(fact.get("name", "")),
        "verified": f"from {fact.get('from')} to {fact.get('to')}: {fact.get('lines')} lines, {fact.get('requests')} requests",
    }
    return words.get(kind, "")


def _stored(credential: Credential, rotation: Covering | None) -> Claim:
    claim = _proved(_open(credential, "b", "b", "The store holds the new credential"), rotation, "stored", "stored")
    parked = credential.fact("parked")
    if claim.grade == MISSING and parked and rotation:
        detail = f"in {parked['kind']} {parked['name']}, because of {parked['code']}"
        return replace(claim, result="parked", at=parked["at"], detail=detail, sources=(rotation.source("parked"),))
    return claim


def _dead(credential: Credential, rotations: t.Sequence[Covering], place: str) -> Claim:
    claim = _open(credential, ".dead", place, "The old credential no longer works")
    if not rotations or not all(credential.proofs):
        return _tried(claim, credential, rotations)
    claim = replace(claim, **_proofs(credential, rotations))
    if not credential.claims()["old_dead"]:
        detail = "the old password was not proved dead by a log-in"
        return replace(claim, grade=INCONCLUSIVE, result="not proved by log-in", detail=detail)
    answers = dict.fromkeys(str(proof.get("old_sqlstate", "28P01")) for proof in credential.proofs)
    detail = f"refused with {', '.join(answers)}, a random password as well"
    if credential.earlier:
        detail += f"; so is what {len(credential.earlier)} rotation(s) before it replaced"
    return replace(claim, grade=OBSERVED, result="old one refused", detail=detail)


def _tried(claim: Claim, credential: Credential, rotations: t.Sequence[Covering]) -> Claim:
    """That the old credential was not proved dead, and what came of the last attempt, if there was one."""
    last = credential.last_try
    if not last:
        return claim
    grade, result = (INCONCLUSIVE, "cannot tell") if last["code"] == INCONCLUSIVE_CODE else (MISSING, "not dead")
    sources = tuple(rotation.source(name) for rotation in rotations for name, fact in rotation.facts.items() if fact is last)
    return replace(claim, grade=grade, result=result, at=last["at"], detail=last["message"], sources=sources)


def _sessions(credential: Credential, rotations: t.Sequence[Covering], place: str) -> Claim:
    claim = _open(credential, ".sessions", place, "No session of the old credential is left")
    if not rotations or not all(credential.proofs):
        return claim
    grade, result = (OBSERVED, "no old session left") if credential.claims()["old_sessions_ended"] else (INCONCLUSIVE, "unknown")
    ended = sum(proof.get("sessions_ended") or 0 for proof in credential.proofs)
    left = ", ".join(dict.fromkeys(str(proof.get("sessions_left")) for proof in credential.proofs))
    detail = f"old sessions: ended {ended}, left {left}"
    return replace(claim, grade=grade, result=result, detail=detail, **_proofs(credential, rotations))


def _proofs(credential: Credential, rotations: t.Sequence[Covering]) -> t.Dict[str, t.Any]:
    """When all of a credential's proofs of death were made, and where they stand."""
    return {
        "at": max((proof["at"] for proof in credential.proofs), key=parse),
        "sources": tuple(rotation.source("dead") for rotation in rotations),
    }


# -- the end


def _logged(facts: Facts, record: str) -> Claim:
    name = fact_name("audit_row", record)
    claim = Claim(f"6/{record}", "6", record, "The audit row is there", MISSING, "open")
    row = facts.get(name)
    if not row:
        return claim
    detail = f"{row['run_type']}, ticket id {row['ticket']}, operator {row['operator']}"
    return replace(claim, grade=OBSERVED, result="written", at=row["completed_at"], detail=detail, sources=(source(name),))


def _closing(facts: Facts) -> t.List[Claim]:
    closed = facts.get("closed")
    # The ticket is read back. That a parameter was deleted is what SSM says; it is not asked again.
    claims = [
        Claim("7", "7", "", "The ticket is closed, with the window in its note", MISSING, "open"),
        Claim("7.keys", "7", "", "The keys of the fingerprints are destroyed", MISSING, "open"),
    ]
    if not closed:
        return claims
    known = {"at": closed["at"], "by": str(closed.get("by", "")), "sources": (source("closed"),)}
    number = facts.get("ticket", {}).get("number", "")
    return [
        replace(claims[0], grade=OBSERVED, result="ticket closed", detail=f"ticket {number}".strip(), **known),
        replace(claims[1], grade=ACKNOWLEDGED, result="keys destroyed", **known),
    ]


def _in_time(progress: Progress) -> Claim:
    claim = Claim("S2", "S2", "", "Time from the notice to the end, against four hours (S2)", MISSING, "open")
    if not progress.closed_at:
        return claim
    late = parse(progress.closed_at) > progress.event.deadline
    return replace(
        claim,
        grade=OBSERVED,
        result=OVERDUE if late else "in time",
        at=progress.closed_at,
        sources=(source("opened"), source("closed")),
    )


def _uncovered() -> t.List[Claim]:
    identifiers = {"(E4)": "E4", "(S1)": "S1"}
    known = [(identifiers.get(text.split()[-1], "scope"), text) for text in NOT_COVERED]
    return [Claim(identifier, identifier, "", text, UNCOVERED, "not covered") for identifier, text in known]


def _approved(facts: Facts) -> Claim:
    """That operator and approver are two people is for the reader to see; that they are one is said."""
    approved = facts.get("approved")
    if not approved:
        statement = "Who approved the run: it stands in the ticket, if at all"
        return Claim("approval", "approval", "", statement, UNCOVERED, "not covered")
    by, stated_by = str(approved.get("by", "")), str(approved.get("stated_by", ""))
    return Claim(
        "approval",
        "approval",
        "",
        "The run was approved",
        ATTESTED,
        "approved by the operator" if by == stated_by else "approved",
        at=approved["at"],
        detail="; ".join([f"stated by {stated_by}", *([f"plan {approved['digest']}"] if approved.get("digest") else [])]),
        by=by,
        sources=(source("approved"),),
    )


def _waived(claim: Claim, facts: Facts, now: datetime) -> Claim:
    """A gap that somebody entitled has accepted until a day. It is shown as such; it makes nothing complete."""
    name = fact_name(WAIVED, claim.id)
    waiver = facts.get(name)
    if not waiver or claim.grade not in (MISSING, INCONCLUSIVE):
        return claim
    by, until = str(waiver.get("by", "")), str(waiver.get("until", ""))
    if not by or not _still(until, now):
        return replace(claim, detail=f"{claim.detail} (accepted by {by or '?'}, until {until or '?'}: no longer)".strip())
    detail = f"{waiver.get('reason', 'accepted')} (otherwise {claim.grade})"
    sources = (*claim.sources, source(name))
    return replace(claim, grade=WAIVED, result="accepted", at=waiver["at"], by=by, until=until, detail=detail, sources=sources)


def _still(until: str, now: datetime) -> bool:
    """Whether a term is not over. One that nobody can read is: the evidence must be made whatever a fact says."""
    try:
        return parse_end(until) > now
    except DeprovisionError:
        return False


def check_waivers(facts: t.Mapping[str, Facts]) -> None:
    """Raises C(invalid_input) if one of C(facts), by their names in the ledger, is a waiver that would accept nothing."""
    for name, waiver in facts.items():
        if not name.startswith(fact_name(WAIVED, "")):
            continue
        problem = _problem({key: str(waiver.get(key) or "").strip() for key in ("by", "until", "reason")})
        if problem:
            raise DeprovisionError("invalid_input", f"{name} is a waiver {problem}. Nothing was written.")


def _problem(waiver: t.Mapping[str, str]) -> str:
    """What is wrong with a waiver; empty if it says who accepts what, how long and why."""
    lacking = [key for key, value in waiver.items() if not value]
    if lacking:
        return f"without {', '.join(lacking)}"
    try:
        parse_end(waiver["until"])
    except DeprovisionError:
        return f"until {waiver['until'][:40]!r}, which is neither a date nor an RFC 3339 time with a zone"
    return ""
