# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""When to stop and call somebody: one departure that meets one trouble after the other, and is finished in spite of them.

Each run must end with what happened, the state of each credential, what is safe to do next, and whom to call.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from tests.e2e.runs import Run, deprovision
from tests.e2e.world import CONFIG_VARS, LEAVER, Record, Sandbox, login_state

CALL = "Call: nobody: this is the sandbox"
PARKED = "/raxx/sandbox/raptor/RAPTOR_APP_DB_URL"
ONE_ATTEMPT = {"step4_verify_app_smoke_retries": 0}


@pytest.fixture(scope="module")
def seed() -> Record:
    """A machine identity's token may read once: it is over before anything is written. The operator's token stays good."""
    return {"infisical": {"token_uses": 1}}


@dataclass
class Trouble:
    """A run that met trouble, with the rotations and the config before it, and the state of the credentials after it."""

    run: Run
    rotations: dict[str, int]
    old: dict[str, str]
    claims: Record

    @property
    def end(self) -> str:
        """The last lines: the checklist, whom to call, and the verdict."""
        return self.run.words[self.run.words.rindex("Show the checklist") :]


def met(sandbox: Sandbox, **given: t.Any) -> Trouble:
    rotations, old = sandbox.rotations(), sandbox.config()
    run = deprovision(sandbox, LEAVER, **given)
    return Trouble(run, rotations, old, run.result["credentials"])


@pytest.fixture(scope="module")
def unknown_error(sandbox: Sandbox) -> Trouble:
    sandbox.fault("heroku", "/credentials_rotation$", "error", method="POST")
    try:
        return met(sandbox)
    finally:
        sandbox.mend()


@pytest.fixture(scope="module")
def drift(sandbox: Sandbox, unknown_error: Trouble) -> tuple[Trouble, Run]:
    """The run, and a rollback that somebody tries then."""
    sandbox.sql("raptor", "REVOKE SELECT ON audit_archival_runs FROM raptor_app")
    try:
        return met(sandbox), deprovision(sandbox, None, playbook="playbooks/rollback.yml")
    finally:
        sandbox.sql("raptor", "GRANT SELECT ON audit_archival_runs TO raptor_app")


@pytest.fixture(scope="module")
def drifted(drift: tuple[Trouble, Run]) -> Trouble:
    return drift[0]


@pytest.fixture(scope="module")
def expired(sandbox: Sandbox, drifted: Trouble) -> Trouble:
    """The vault's token is over in mid-run; and the app lacks a right that no query of the proof needs."""
    machine_identity = {
        "INFISICAL_TOKEN": None,
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": sandbox.at["infisical"]["client_id"],
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": sandbox.at["infisical"]["client_secret"],
    }
    sandbox.sql("raptor", "REVOKE SELECT ON audit_events FROM raptor_app")
    try:
        return met(sandbox, environment=machine_identity, **ONE_ATTEMPT)
    finally:
        sandbox.sql("raptor", "GRANT SELECT ON audit_events TO raptor_app")


@pytest.fixture(scope="module")
def refused_row(sandbox: Sandbox, expired: Trouble) -> Trouble:
    table = "ALTER TABLE audit_archival_runs"
    sandbox.sql("raptor", f"{table} ADD CONSTRAINT closed CHECK (run_type NOT LIKE '%deprovisioning') NOT VALID")
    try:
        return met(sandbox)
    finally:
        sandbox.sql("raptor", f"{table} DROP CONSTRAINT closed")


def test_an_unknown_error_of_the_rotation_stops_it_and_costs_nobody_a_credential(
    sandbox: Sandbox, unknown_error: Trouble
) -> None:
    """E1, E7, 2a, 3a."""
    run = unknown_error.run
    assert run.status != 0
    assert run.last_line.startswith("FAILED: ")
    for name in CONFIG_VARS:
        assert f"rotate the credential {name} of" in run.last_line
        assert unknown_error.claims[name] == dict.fromkeys(unknown_error.claims[name], False)
    assert "Next: Stop and escalate" in run.last_line
    assert "[rotation_unknown]" in run.last_line
    assert CALL in unknown_error.end
    assert {login_state(url) for name, url in unknown_error.old.items() if name in CONFIG_VARS.values()} == {"ok"}
    assert sandbox.access(LEAVER) == (0, 0)


def test_grant_drift_stops_before_the_rotation_and_after_the_lockout(sandbox: Sandbox, drifted: Trouble) -> None:
    """2a, practice R0: a new credential would lack the same right, and the app would be without one."""
    run = drifted.run
    assert run.status != 0
    assert "The credential of raptor_app works, but the role may not run the query that must work" in run.last_line
    assert "Next: Re-apply the role's grants, then run the same command again. [grant_drift]" in run.last_line
    assert CALL in drifted.end
    assert not any(claim for claims in drifted.claims.values() for claim in claims.values())
    assert {login_state(drifted.old[variable]) for variable in CONFIG_VARS.values()} == {"ok"}


def test_a_rollback_that_would_help_nobody_is_refused(drift: tuple[Trouble, Run]) -> None:
    """E5."""
    drifted, rollback = drift
    assert rollback.status != 0
    assert "[grant_drift]" in rollback.last_line
    assert {login_state(drifted.old[variable]) for variable in CONFIG_VARS.values()} == {"ok"}


def test_a_token_that_ends_in_mid_run_parks_the_url(sandbox: Sandbox, expired: Trouble) -> None:
    """2b, E7: a refusal costs no more than an outage."""
    run = expired.run
    assert (expired.rotations, sandbox.rotations()) == (dict.fromkeys(CONFIG_VARS, 0), dict.fromkeys(CONFIG_VARS, 1))
    assert run.status != 0
    assert f"The URL is parked in {PARKED}." in run.last_line
    assert "Next: When the store is well again, run the same command; it pays the debt. [parked]" in run.last_line
    claims = expired.claims["raptor_app"]
    assert (claims["rotated"], claims["stored"], claims["distributed"], claims["old_dead"]) == (True, False, True, True)
    assert {login_state(expired.old[variable]) for variable in CONFIG_VARS.values()} == {"28P01"}


def test_a_red_smoke_suite_and_grant_drift_in_the_log_stop_the_run(sandbox: Sandbox, expired: Trouble) -> None:
    """E2, E7, 2d, 4: the log tells that the credential works and the role lacks a right; nothing is rotated for it again."""
    run = expired.run
    assert run.last_line.startswith("FAILED: ")
    for words in ("(raptor_app): The smoke suite", "(E2). [smoke_failed]", "step 4 (raptor): The log of app", "[grant_drift]"):
        assert words in run.last_line
    assert "Stop and escalate if the cause is not clear within 15 minutes" in run.last_line
    assert "Re-apply the role's grants" in run.last_line
    assert CALL in expired.end
    assert all(expired.claims["audit_archiver"].values())
    assert run.result["checkpoints"]["C4"]["grade"] == "missing"


def test_an_audit_table_that_refuses_the_row_leaves_only_the_row_open(sandbox: Sandbox, refused_row: Trouble) -> None:
    """E3, E7, 6, I5: the debt is paid and the app verified on the way, without another rotation."""
    run = refused_row.run
    assert run.status != 0
    assert "[audit_schema]" in run.last_line
    assert "only the row is missing" in run.last_line
    assert CALL in refused_row.end
    assert all(claim for claims in refused_row.claims.values() for claim in claims.values())
    assert run.result["debts"] == []
    assert sandbox.rotations() == refused_row.rotations
    assert all(ticket["status"] != "closed" for ticket in sandbox.tickets(run.result["event"]))
    assert sandbox.serves()


def test_the_same_command_finishes_it_when_all_is_mended(sandbox: Sandbox, refused_row: Trouble) -> None:
    """I12."""
    done = deprovision(sandbox, LEAVER)
    assert (done.status, done.result["result"]) == (0, "complete"), done.output
    assert sandbox.rotations() == refused_row.rotations
