# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What the facts of the ledger amount to: checkpoints with grades, what is missing, and what may be done next.

Everything here is a pure function of facts, so a run that was killed and continued elsewhere comes to the same claims (I12).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import fact_name, fact_subject
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

Facts = t.Mapping[str, t.Any]

# Grades of proof; a claim has exactly one. MISSING is no grade of proof but its absence.
OBSERVED = "observed"
ATTESTED = "attested"
INCONCLUSIVE = "inconclusive"
MISSING = "missing"

# How the event is called under which a rollback rotates.
ROLLBACK = "ROLLBACK-"

_DONE = (OBSERVED, ATTESTED)

# The code of a proof that could not tell; any other leaves its claim unproved, and is told as what it is.
INCONCLUSIVE_CODE = "proof_inconclusive"
PROVE_DEAD = "prove the old one dead"
# What a debt says of a parked URL.
_PARKED = ("kind", "name", "code")

# E4 and S1: said in every result, so that nobody takes silence for coverage.
NOT_COVERED = (
    "Single sign-on, identity provider and passkey revocation (E4)",
    "GitHub, Heroku collaborator, Cloudflare and Google Workspace off-boarding (S1)",
)


@dataclass(frozen=True)
class Checkpoint:
    """C(at) is the time of the observation (RFC 3339, UTC), or V(None) if there was none. C(detail) is one line for a person."""

    grade: str
    at: str | None
    detail: str

    @property
    def done(self) -> bool:
        return self.grade in _DONE

    def as_dict(self) -> dict[str, t.Any]:
        return {"grade": self.grade, "at": self.at, "detail": self.detail}


@dataclass(frozen=True)
class Credential:
    """One credential of the inventory. C(facts) are those of the newest rotation that covers the event, or V(None); C(earlier)
    those of further ones that cover it, which others have begun. C(step) is 2 or 3.

    C(waiver) is the fact that somebody stated that the person had no access of this kind. It counts only while nothing was
    rotated; C(waived_now) stands for it in a check run, which writes no fact.
    """

    name: str
    step: int
    facts: Facts | None
    waiver: Facts | None = None
    waived_now: bool = False
    checks: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    earlier: tuple[Facts, ...] = ()

    @property
    def waived(self) -> bool:
        return self.facts is None and (self.waiver is not None or self.waived_now)

    def fact(self, name: str) -> Facts:
        """The fact C(name), empty if there is none."""
        return t.cast("Facts", (self.facts or {}).get(name, {}))

    def has(self, *names: str) -> bool:
        return self.facts is not None and all(name in self.facts for name in names)

    def per_app(self, kind: str) -> list[str]:
        """The names of the facts of C(kind), one for each app that uses the credential."""
        return [fact_name(kind, app) for app in self.consumers]

    def missing(self) -> list[str]:
        """What still has to happen to this credential, in order, in the operator's words."""
        if self.waived:
            return []
        needed = {"rotate": ["settled"], self._storing(): ["stored"], "prove the new one": ["live"]}
        needed["distribute"] = self.per_app("distributed")
        needed[" and ".join(check.replace("_", "-") for check in self.checks)] = ["checked"] if self.checks else []
        missing = [words for words, facts in needed.items() if facts and not self.has(*facts)]
        if any(map(is_parked, self._rotations)):
            missing.append("remove the parked copy")
        return missing + ([] if all(self.proofs) else [PROVE_DEAD])

    @property
    def proofs(self) -> list[Facts]:
        """The proof of death of each rotation, empty where there is none: the person may have known what any of them replaced."""
        return [facts.get("dead", {}) for facts in self._rotations]

    @property
    def last_try(self) -> Facts | None:
        """The last attempt to prove the old one dead that did not, unless it was proved afterwards."""
        tries = [fact for facts in self._rotations if "dead" not in facts for fact in _tries(facts)]
        return max(tries, key=lambda fact: parse(fact["at"]), default=None)

    @property
    def _rotations(self) -> list[Facts]:
        return [*self.earlier, self.facts or {}]

    def _storing(self) -> str:
        parked = self.fact("parked")
        return f"store (parked in {parked['kind']} {parked['name']} for {parked['code']})" if parked else "store"

    def debts(self) -> list[dict[str, t.Any]]:
        """Each URL that is parked, until its store holds it or its successor, and the parked copy is gone (2b, I15)."""
        return [
            {"credential": self.name, "since": facts["parked"]["at"]} | {name: facts["parked"][name] for name in _PARKED}
            for facts in self._rotations
            if is_parked(facts)
        ]

    def claims(self) -> dict[str, bool | None]:
        """The claims of the result file. V(None): not applicable."""
        if self.waived:
            return dict.fromkeys(("rotated", "stored", "distributed", "new_live", "old_dead", "old_sessions_ended"))
        return {
            "rotated": self.has("settled"),
            "stored": self.has("stored"),
            "distributed": self.has(*self.per_app("distributed")) if self.consumers else None,
            "new_live": self.has("live"),
            "old_dead": all(proof.get("old_dead") is True for proof in self.proofs),
            "old_sessions_ended": all(proof.get("sessions_left") == 0 for proof in self.proofs),
        }


@dataclass(frozen=True)
class Progress:
    """How far one event has come."""

    event: Event
    checkpoints: dict[str, Checkpoint]
    credentials: dict[str, dict[str, bool | None]]
    debts: list[dict[str, t.Any]]
    closed_at: str | None

    @property
    def undone(self) -> list[str]:
        """The names of the checkpoints that are not done."""
        return [name for name, checkpoint in self.checkpoints.items() if not checkpoint.done]

    @property
    def missing(self) -> list[str]:
        """The checkpoints that are not done, as C(C2: reason) lines."""
        return [f"{name}: {self.checkpoints[name].detail}" for name in self.undone]

    @property
    def ready_for_recheck(self) -> bool:
        """C5 is the last look: it counts only after everything before it is proved (I6)."""
        return set(self.undone) <= {"C5", "C6"}

    @property
    def ready_for_audit_row(self) -> bool:
        """The row is written only after C5 (I9)."""
        return set(self.undone) <= {"C6"}

    @property
    def ready_to_close(self) -> bool:
        """The ticket closes only after the row is durable (I9)."""
        return not self.undone

    @property
    def complete(self) -> bool:
        return self.ready_to_close and self.closed_at is not None

    def window(self) -> dict[str, str | None]:
        return {
            "notice": format_time(self.event.notice),
            "opened": format_time(self.event.opened),
            "lockout": self.checkpoints["C1"].at,
            "ended": self.closed_at,
            "deadline": format_time(self.event.deadline),
        }


def evaluate(
    event: Event,
    facts: Facts,
    *,
    consoles: t.Sequence[str],
    credentials: t.Sequence[Credential],
    records: t.Sequence[str],
    separation_debts: t.Mapping[str, Facts] | None = None,
) -> Progress:
    """Judges the facts of one event and of the rotations that cover it.

    C(consoles), C(credentials) and C(records) are what the event is about: each of them must have its own facts.
    C(separation_debts) are the apps that work on the owner's credential now (E6); they concern an event that is still open.
    """
    consumers = {app for credential in credentials for app in credential.consumers}
    borrowing = {app: owed for app, owed in (separation_debts or {}).items() if app in consumers and "closed" not in facts}
    checkpoints = {
        "C1": _lockout(facts, consoles),
        "C2": _rotated(2, credentials),
        "C3": _rotated(3, credentials),
        "C4": _verified(credentials, borrowing),
    }
    checkpoints["C5"] = _rechecked(facts, consoles, after=[checkpoint.at for checkpoint in checkpoints.values() if checkpoint.at])
    checkpoints["C6"] = _logged(facts, records)
    return Progress(
        event,
        checkpoints,
        {credential.name: credential.claims() for credential in credentials},
        [debt for credential in credentials for debt in credential.debts()]
        + [separation_debt(app, owed) for app, owed in borrowing.items()],
        facts["closed"]["at"] if "closed" in facts else None,
    )


def _each(facts: Facts, kind: str, subjects: t.Iterable[str]) -> tuple[list[Facts], list[str]]:
    """The facts of C(kind) that there are, and the subjects that have none."""
    found = {subject: facts.get(fact_name(kind, subject)) for subject in subjects}
    return [fact for fact in found.values() if fact], [subject for subject, fact in found.items() if not fact]


def _lockout(facts: Facts, consoles: t.Sequence[str]) -> Checkpoint:
    done, left = _each(facts, "lockout", consoles)
    if left or not done:
        return Checkpoint(MISSING, None, f"the person has not been locked out of {', '.join(left) or 'any console'}")
    at = max(str(fact["at"]) for fact in done)
    if all(fact.get("account") is False for fact in done):
        return Checkpoint(ATTESTED, at, f"no Console account, as {done[0]['by']} stated; none was found")
    before = facts.get("before", {})
    groups, groups_gone = _taken_from_all(before.get("memberships", []), done, "group", "removed")
    sessions, sessions_gone = _taken_from_all(before.get("sessions", []), done, "id", "ended")
    words = [f"removed from {', '.join(groups) or 'no group'}; sessions ended: {len(sessions)}"] if groups or sessions else []
    if groups_gone or sessions_gone:
        number = len(sessions_gone)
        counted = [f"{number} session{'s' if number > 1 else ''}"] if number else []
        words.append(f"already gone: {', '.join([*groups_gone, *counted])}")
    if not words:
        return Checkpoint(OBSERVED, at, "no group membership and no session was found when the event was opened; none is there")
    return Checkpoint(OBSERVED, at, "; ".join([*words, "none left"]))


def _taken_from_all(before: t.Sequence[Facts], lockouts: t.Sequence[Facts], key: str, verb: str) -> list[list[t.Any]]:
    """What L(taken) says of every console together. A lock-out that does not name its console speaks of all of them."""
    each = [(lockout.get("app"), taken(before, lockout, key, verb)) for lockout in lockouts]
    return [[name for _app, name in dict.fromkeys((app, name) for app, pair in each for name in pair[part])] for part in (0, 1)]


def taken(before: t.Iterable[Facts], lockout: Facts, key: str, verb: str) -> tuple[list[t.Any], list[t.Any]]:
    """Of what the person had in one console, what this procedure removed, and what was gone already when it looked."""
    app = lockout.get("app")
    had = [item[key] for item in before if app is None or item.get("console", app) == app]
    later = [name for name in lockout.get(verb, []) if name not in had]
    removed = [name for name in had if outcome(lockout, verb, name) == "removed"] + later
    return removed, [name for name in had if outcome(lockout, verb, name) != "removed"]


def outcome(lockout: Facts | None, verb: str, name: t.Any) -> str:
    """What became of something that the person had when the event was opened."""
    if lockout is None:
        return "open"
    # An earlier run that was killed before it could note what it had removed counts as having removed it.
    removed = name in lockout.get(verb, []) or lockout.get("continued", False)
    return "removed" if removed else "already gone"


def _rotated(step: int, credentials: t.Sequence[Credential]) -> Checkpoint:
    mine = [credential for credential in credentials if credential.step == step]
    waived = [credential for credential in mine if credential.waived]
    if mine and len(waived) == len(mine):
        waiver = waived[0].waiver or {}
        return Checkpoint(
            ATTESTED, waiver.get("at"), f"not needed: no direct database access, as {waiver.get('by', 'the operator')} stated"
        )
    left = [f"{credential.name}: {', '.join(credential.missing())}" for credential in mine if credential.missing()]
    tries = [found for credential in mine if credential.missing() == [PROVE_DEAD] and (found := credential.last_try)]
    if left and len(left) == len(tries) and all(found["code"] == INCONCLUSIVE_CODE for found in tries):
        return Checkpoint(INCONCLUSIVE, max(found["at"] for found in tries), "; ".join(found["message"] for found in tries))
    if left or not mine:
        return Checkpoint(MISSING, None, f"still to do for {'; '.join(left)}" if left else "no credential of this step is known")
    rotated = [credential for credential in mine if not credential.waived]
    unproved = [credential.name for credential in rotated if not _is_proved_dead(credential)]
    if unproved:
        return Checkpoint(INCONCLUSIVE, None, f"the old password of {', '.join(unproved)} and its sessions were not proved dead")
    last = max(
        str(credential.fact(name)["at"])
        for credential in rotated
        for name in ("dead", "checked", *credential.per_app("distributed"))
        if credential.has(name)
    )
    names = ", ".join(credential.name for credential in rotated)
    return Checkpoint(OBSERVED, last, f"{names}: rotated, stored, new one works, old one refused with 28P01, old sessions ended")


def _is_proved_dead(credential: Credential) -> bool:
    claims = credential.claims()
    return claims["old_dead"] is True and claims["old_sessions_ended"] is True


def is_parked(facts: Facts) -> bool:
    """Whether the fallback still holds the URL of a rotation with these facts (2b)."""
    return "parked" in facts and "unparked" not in facts


def next_try(facts: Facts) -> str:
    """The name of the fact that says what came of another attempt to prove the old credential dead."""
    return f"tried{len(_tries(facts)) + 1}"


def _tries(facts: Facts) -> list[Facts]:
    return [fact for name, fact in facts.items() if re.fullmatch(r"tried\d+", name)]


def separation_debt(app: str, owed: Facts) -> dict[str, t.Any]:
    """An app that works on the owner's credential until it is proved to work on its own again (E6)."""
    return {"app": app, "kind": "role_separation", "since": owed["at"], "by": owed["by"]}


def rollback_debt(credential: Credential) -> dict[str, t.Any] | None:
    """The rotation of a rollback (E5) that is not finished: it needs all that one for a departure needs, log windows included.

    C(since) is when the rollback began, which every credential that it rotates has in common.
    """
    intent = credential.fact("intent")
    finished = not credential.missing() and credential.has(*credential.per_app("verified"))
    if finished or not intent["event"].startswith(ROLLBACK):
        return None
    return {"credential": credential.name, "kind": "rollback", "since": intent["since"], "by": intent["operator"]}


def superseded_debt(credential: str, number: int, facts: Facts) -> dict[str, t.Any]:
    """The parked copy of a rotation that another one has followed since: a secret that nobody needs (I15)."""
    parked = facts["parked"]
    place = {"name": parked["name"], "since": parked["at"]}
    return {"credential": credential, "kind": "superseded", **place, "rotation": number}


def debt_words(debt: t.Mapping[str, t.Any], since: str) -> str:
    """A debt for a person: what is owed, C(since) when, and what pays it."""
    if debt["kind"] == "role_separation":
        return (
            f"{debt['app']} works on the owner's credential since {since}, switched by {debt['by']} (E6)."
            " playbooks/rollback.yml -e restore=true pays the debt once the new credential works."
        )
    if debt["kind"] == "rollback":
        return (
            f"The rotation of {debt['credential']} in a rollback is not finished since {since}, begun by {debt['by']} (E5)."
            " playbooks/rollback.yml continues it; with -e new_rotation=true it rotates once more instead."
        )
    if debt["kind"] == "superseded":
        return (
            f"A copy of an earlier URL of {debt['credential']} is left in ssm {debt['name']} since {since}."
            " playbooks/sync_vault.yml removes it once the store has the present one."
        )
    return (
        f"The URL of {debt['credential']} is parked in {debt['kind']} {debt['name']} since {since}, because its store did not"
        f" take it ({debt['code']}). The same command pays the debt when the store is well again."
    )


def _verified(credentials: t.Sequence[Credential], borrowing: t.Mapping[str, Facts]) -> Checkpoint:
    mine = [credential for credential in credentials if credential.consumers and not credential.waived]
    on_the_owners = sorted({app for credential in mine for app in credential.consumers} & set(borrowing))
    if on_the_owners:
        return Checkpoint(MISSING, None, f"{', '.join(on_the_owners)} works on the owner's credential (E6)")
    left = [credential.name for credential in mine if not credential.has(*credential.per_app("verified"))]
    if left or not mine:
        return Checkpoint(MISSING, None, f"no clean log window with {', '.join(left)}" if left else "no app is known")
    facts = [credential.fact(name) for credential in mine for name in credential.per_app("verified")]
    last = max(facts, key=lambda fact: str(fact["at"]))
    return Checkpoint(
        OBSERVED,
        last["at"],
        f"smoke green; log clean from {_clock(last['from'])} to {_clock(last['to'])},"
        f" {last['lines']} lines, {last['requests']} requests",
    )


def _looks(facts: Facts) -> list[tuple[int, str, Facts]]:
    """Every look for sessions (step 5): its number, the console as it stands in the fact's name, and the fact."""
    found = ((re.fullmatch(r"recheck(\d+)-(.+)", name), fact) for name, fact in facts.items())
    return [(int(match[1]), match[2], fact) for match, fact in found if match]


def next_look(facts: Facts) -> int:
    """A number that no look has yet."""
    return max((number for number, _console, _fact in _looks(facts)), default=0) + 1


def _looks_at(facts: Facts, console: str) -> list[Facts]:
    return [fact for _number, where, fact in _looks(facts) if where == fact_subject(console)]


def came_back(facts: Facts, console: str) -> int:
    """How many memberships and sessions all looks at a console have found and taken away."""
    return sum(int(look.get("ended", 0)) + int(look.get("removed", 0)) for look in _looks_at(facts, console))


def latest_look(facts: Facts, console: str) -> Facts | None:
    """The last of the looks at a console; every run that has come so far looks again."""
    return max(_looks_at(facts, console), key=lambda look: parse(look["at"]), default=None)


def _clock(at: str) -> str:
    """The time of day, to the second, for a person."""
    return at[11:19] + "Z"


def _rechecked(facts: Facts, consoles: t.Sequence[str], *, after: t.Sequence[str]) -> Checkpoint:
    latest = {console: latest_look(facts, console) for console in consoles}
    done, left = [look for look in latest.values() if look], [console for console, look in latest.items() if not look]
    if left or not done:
        return Checkpoint(MISSING, None, f"{', '.join(left) or 'no console'} has not been asked again after everything else")
    at = min(str(fact["at"]) for fact in done)
    if any(parse(earlier) > parse(at) for earlier in after):
        return Checkpoint(INCONCLUSIVE, at, "the last look came before what it must follow")
    again = sum(came_back(facts, console) for console in consoles)
    return Checkpoint(OBSERVED, at, "0 active sessions" + (f" ({again} new ones were found and ended)" if again else ""))


def _logged(facts: Facts, records: t.Sequence[str]) -> Checkpoint:
    done, left = _each(facts, "audit_row", records)
    if left or not done:
        return Checkpoint(MISSING, None, "no audit row")
    last = done[-1]
    return Checkpoint(
        OBSERVED, last["completed_at"], f"{last['run_type']}, ticket id {last['ticket']}, operator {last['operator']}"
    )


_STEPS = {
    "C1": "1  locked out of Console",
    "C2": "2  raptor credentials rotated",
    "C3": "3  archive credentials rotated",
    "C4": "4  app verified",
    "C5": "5  no session left",
    "C6": "6  audit row written",
}


def checklist(progress: Progress, now: datetime) -> list[str]:
    """The lines that the operator sees: the window, one line per checkpoint, the ticket."""
    event = progress.event
    end = parse(progress.closed_at) if progress.closed_at else now
    lines = [
        f"{event.id}: {event.email}, by {event.operator}; {_window_words(event, end, closed=progress.closed_at is not None)}"
    ]
    for name, checkpoint in progress.checkpoints.items():
        mark = "x" if checkpoint.done else " "
        at = checkpoint.at[11:19] + "Z" if checkpoint.at else "-" * 9
        lines.append(f"[{mark}] {_STEPS[name]:<32} {at}  {checkpoint.grade}: {checkpoint.detail}")
    mark, at = ("x", progress.closed_at[11:19] + "Z") if progress.closed_at else (" ", "-" * 9)
    lines.append(f"[{mark}] {'7  ticket closed':<32} {at}")
    return lines


def _window_words(event: Event, end: datetime, *, closed: bool) -> str:
    used, left = end - event.notice, event.deadline - end
    if left < timedelta(0):
        return f"{_duration(used)} since the notice, OVERDUE by {_duration(-left)}"
    return f"{_duration(used)} from notice to close" if closed else f"{_duration(used)} since the notice, {_duration(left)} left"


def _duration(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def steps_done(progress: Progress) -> list[str]:
    """The steps for the audit row's notes (step 6), for example C(1) to C(5)."""
    return [name[1] for name, checkpoint in progress.checkpoints.items() if checkpoint.done and name != "C6"]
