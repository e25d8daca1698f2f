# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of practice 4.1: what the answers to three probes prove."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import ProbeResult
from ansible_collections.raxx.deprovision.plugins.module_utils._proof import Verdict, judge, password_accepted, works

LIVE = ProbeResult("logs_in", current_user="rose", session_user="rose", forbidden_sqlstate="42501")
DRIFTED = replace(LIVE, permitted_sqlstate="42501")
WRONG = ProbeResult("refused", "28P01", "auth_failed")
SILENT = ProbeResult("inconclusive", reason="TimeoutError")


def refused(sqlstate: str, routine: str | None = None) -> ProbeResult:
    return ProbeResult("refused", sqlstate, routine)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (LIVE, True),
        (WRONG, False),
        (refused("28P01"), False),  # a pooler names no place in the source
        (refused("28000", "InitializeSessionUserId"), True),  # the role may not log in
        (refused("28000"), True),
        (refused("28000", "ClientAuthentication"), None),  # no line of pg_hba.conf
        (refused("53300", "InitializeSessionUserId"), True),  # limit of the role
        (refused("53300", "CheckMyDatabase"), True),  # limit of the database
        (refused("53300", "InitPostgres"), True),  # only reserved places are left
        (refused("53300", "ProcArrayAdd"), None),  # server full
        (refused("53300"), None),
        (refused("3D000", "InitPostgres"), True),
        (refused("42501", "CheckMyDatabase"), True),
        (refused("57P03", "ProcessStartupPacket"), None),  # starting up or shutting down
        (refused("08P01"), None),
        (refused("XX000"), None),
        (SILENT, None),
    ],
)
def test_what_an_answer_says_of_the_password(answer: ProbeResult, accepted: bool | None) -> None:
    assert password_accepted(answer) is accepted


@pytest.mark.parametrize(
    ("new", "live"),
    [
        (LIVE, True),
        (WRONG, False),
        (refused("28000", "InitializeSessionUserId"), False),
        (refused("42501", "CheckMyDatabase"), False),
        (refused("53300", "InitializeSessionUserId"), None),
        (refused("57P03"), None),
        (SILENT, None),
        (replace(LIVE, current_user="owner"), False),
        (replace(LIVE, session_user="rose-rotating"), False),
        (replace(LIVE, permitted_sqlstate="42501"), False),
        (replace(LIVE, permitted_sqlstate="42P01"), False),
        (replace(LIVE, permitted_sqlstate="57014"), None),
        (replace(LIVE, forbidden_sqlstate=None), False),
        (replace(LIVE, forbidden_sqlstate="42P01"), False),
        (replace(LIVE, forbidden_sqlstate="55P03"), None),
    ],
)
def test_when_the_new_credential_is_live(new: ProbeResult, live: bool | None) -> None:
    assert works(new, "rose", forbidden_asked=True)[0] is live


def test_a_forbidden_query_that_was_not_asked_for_is_not_missed() -> None:
    assert works(replace(LIVE, forbidden_sqlstate=None), "rose", forbidden_asked=False) == (True, "")


OBSERVED, UNCLEAR, NOT_PROVED = "observed", "inconclusive", "not_proved_by_login"


@pytest.mark.parametrize(
    ("new", "control", "old", "new_live", "old_dead", "grade", "code"),
    [
        (LIVE, WRONG, WRONG, True, True, OBSERVED, None),
        (LIVE, WRONG, None, True, None, NOT_PROVED, None),
        (DRIFTED, WRONG, WRONG, False, None, OBSERVED, "grant_drift"),
        (DRIFTED, WRONG, None, False, None, OBSERVED, "grant_drift"),
        (DRIFTED, WRONG, LIVE, False, False, OBSERVED, "old_credential_alive"),
        (replace(DRIFTED, current_user="owner"), WRONG, WRONG, False, None, OBSERVED, "new_credential_not_live"),
        (replace(LIVE, permitted_sqlstate="42P01"), WRONG, WRONG, False, None, OBSERVED, "new_credential_not_live"),
        (LIVE, WRONG, LIVE, True, False, OBSERVED, "old_credential_alive"),
        (LIVE, WRONG, refused("28000", "InitializeSessionUserId"), True, False, OBSERVED, "old_credential_alive"),
        (LIVE, WRONG, refused("53300", "InitializeSessionUserId"), True, False, OBSERVED, "old_credential_alive"),
        (LIVE, SILENT, LIVE, True, False, OBSERVED, "old_credential_alive"),
        (WRONG, WRONG, LIVE, False, False, OBSERVED, "old_credential_alive"),
        (LIVE, WRONG, refused("53300"), True, None, UNCLEAR, "proof_inconclusive"),
        (LIVE, WRONG, SILENT, True, None, UNCLEAR, "proof_inconclusive"),
        (LIVE, SILENT, WRONG, True, None, UNCLEAR, "proof_inconclusive"),
        (SILENT, SILENT, SILENT, None, None, UNCLEAR, "proof_inconclusive"),
        (SILENT, WRONG, WRONG, None, None, UNCLEAR, "proof_inconclusive"),
        (WRONG, WRONG, WRONG, False, None, OBSERVED, "new_credential_not_live"),
        (WRONG, WRONG, None, False, None, OBSERVED, "new_credential_not_live"),
        # Nothing is proved where passwords are not checked, whatever else was answered.
        (LIVE, LIVE, WRONG, None, None, UNCLEAR, "path_does_not_check_passwords"),
        (LIVE, LIVE, LIVE, None, None, UNCLEAR, "path_does_not_check_passwords"),
        (LIVE, refused("42501", "CheckMyDatabase"), WRONG, None, None, UNCLEAR, "path_does_not_check_passwords"),
    ],
)
def test_what_three_probes_prove(
    new: ProbeResult,
    control: ProbeResult,
    old: ProbeResult | None,
    new_live: bool | None,
    old_dead: bool | None,
    grade: str,
    code: str | None,
) -> None:
    verdict = judge(new, control, old, expected_user="rose", forbidden_asked=True, want_dead=True)
    assert replace(verdict, text="") == Verdict(new_live, old_dead, grade, code)
    assert bool(verdict.text) == bool(code)


@pytest.mark.parametrize(("want_dead", "state"), [(False, "not handed out by this run"), (True, "the apps have it")])
def test_a_missing_right_is_told_from_a_dead_credential(want_dead: bool, state: str) -> None:
    """2b, 2d: whoever is told that the credential is dead rotates once more, and meets the same."""
    verdict = judge(DRIFTED, WRONG, WRONG, expected_user="rose", forbidden_asked=True, want_dead=want_dead)
    assert verdict.text.startswith("The credential of rose works, but the role lacks a right")
    assert state in verdict.text


def test_a_new_credential_alone_says_nothing_of_the_old_one() -> None:
    verdict = judge(LIVE, WRONG, None, expected_user="rose", forbidden_asked=True, want_dead=False)
    assert verdict == Verdict(True, None, OBSERVED)
