# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What the answers to login attempts prove about a credential. Pure decisions; texts of a server are never looked at."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import (
    FORBIDDEN,
    LOGS_IN,
    REFUSED,
    WRONG_PASSWORD,
    ProbeResult,
)

OBSERVED, NOT_PROVED, UNCLEAR = "observed", "not_proved_by_login", "inconclusive"

# Where PostgreSQL stands, in its own source, when it refuses for a reason that it looks at only after the password was right.
AFTER_PASSWORD = {"InitializeSessionUserId", "CheckMyDatabase", "InitPostgres"}
# Where it refuses without having looked at the password: no line of pg_hba.conf fits, or the line wants something else.
BEFORE_PASSWORD = {"ClientAuthentication", "auth_failed"}
# A query that fails for one of these reasons says nothing about rights.
PASSING_CLASSES = {"08", "40", "53", "55", "57", "58"}


@dataclass(frozen=True)
class Verdict:
    """C(code) is V(None) if everything that was asked for is proved, else the code of the failure; C(text) says why."""

    new_live: bool | None
    old_dead: bool | None
    grade: str
    code: str | None = None
    text: str = ""


def password_accepted(answer: ProbeResult) -> bool | None:
    """Whether the server found the password right; V(None) if the answer does not tell.

    A refusal after the password was right (role locked, limit reached, database missing, no right to connect) proves that
    the password still works.
    """
    if answer.outcome != REFUSED:
        return True if answer.outcome == LOGS_IN else None
    return {
        WRONG_PASSWORD: False,
        "28000": answer.routine not in BEFORE_PASSWORD or None,
        "53300": answer.routine in AFTER_PASSWORD or None,
        "3D000": True,
        FORBIDDEN: True,
    }.get(str(answer.sqlstate))


def works(new: ProbeResult, expected_user: str, forbidden_asked: bool) -> tuple[bool | None, str]:
    """Whether the new credential is live, and why not. C(forbidden_asked): a query that must be refused was tried."""
    if new.outcome != LOGS_IN:
        accepted = password_accepted(new)
        # A limit of connections passes; whatever else comes after the password does not.
        live = None if accepted is None or new.sqlstate == "53300" else False
        return live, f"its log-in ends in {_answer(new)}"
    if (new.current_user, new.session_user) != (expected_user, expected_user):
        return False, f"its session belongs to {new.session_user} acting as {new.current_user}, not to {expected_user}"
    if new.permitted_sqlstate:
        return _unless_passing(new.permitted_sqlstate), f"the query that must work ends in SQLSTATE {new.permitted_sqlstate}"
    if forbidden_asked and new.forbidden_sqlstate != FORBIDDEN:
        end = f"ends in SQLSTATE {new.forbidden_sqlstate} instead of {FORBIDDEN}" if new.forbidden_sqlstate else "works"
        return _unless_passing(new.forbidden_sqlstate or ""), f"the query that must be refused {end}"
    return True, ""


def lacks_right(answer: ProbeResult, expected_user: str) -> bool:
    """Whether everything about the log-in is right, and the role still may not do what it must: its grants have drifted."""
    return (
        answer.outcome == LOGS_IN
        and (answer.current_user, answer.session_user) == (expected_user, expected_user)
        and answer.permitted_sqlstate == FORBIDDEN
    )


def judge(
    new: ProbeResult,
    control: ProbeResult,
    old: ProbeResult | None,
    *,
    expected_user: str,
    forbidden_asked: bool,
    want_dead: bool,
) -> Verdict:
    """What one burst of probes proves. C(control) is the new user with a random password; C(old) is V(None) if it was not known.

    C(want_dead): the old credential is to be judged too, else only the new one.
    """
    live, why = works(new, expected_user, forbidden_asked)
    accepted = password_accepted(old) if old else None
    if password_accepted(control):
        return Verdict(
            None, None, UNCLEAR, "path_does_not_check_passwords", f"A random password for {expected_user} was accepted."
        )
    if old and accepted:
        return Verdict(live, False, OBSERVED, "old_credential_alive", f"The old password is accepted: {_answer(old)}.")
    if live is False:
        return Verdict(False, None, OBSERVED, *_not_live(new, expected_user, why, handed_out=want_dead))
    unclear = [
        f"{name} ends in {_answer(answer)}" for name, answer in (("control", control), ("old", old))
        if answer and password_accepted(answer) is None
    ]  # fmt: skip
    if live is None:
        unclear.insert(0, why)
    if unclear:
        return Verdict(
            live, None, UNCLEAR, "proof_inconclusive", f"The probes of {expected_user} prove nothing: {'; '.join(unclear)}."
        )
    if want_dead and old is None:
        return Verdict(True, None, NOT_PROVED)
    return Verdict(True, True if want_dead else None, OBSERVED)


def _not_live(new: ProbeResult, user: str, why: str, *, handed_out: bool) -> tuple[str, str]:
    """The code, and what it is about a new credential that does not work as it must."""
    if not lacks_right(new, user):
        return "new_credential_not_live", f"The new credential of {user} is not live: {why}."
    state = "the apps have it" if handed_out else "it is in its store or parked, and was not handed out by this run"
    return "grant_drift", f"The credential of {user} works, but the role lacks a right: {why}; {state}."


def _unless_passing(sqlstate: str) -> bool | None:
    return None if sqlstate[:2] in PASSING_CLASSES else False


def _answer(answer: ProbeResult) -> str:
    if answer.outcome == LOGS_IN:
        return "a session"
    return f"SQLSTATE {answer.sqlstate}" if answer.sqlstate else f"no answer ({answer.reason})"
