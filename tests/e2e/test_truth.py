# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong "done" is the worst thing that the procedure can do: each of these once looked finished and was not.

What happens in the middle of a run is brought about by triggers in the database, so that it happens at a certain moment.
"""

from __future__ import annotations

import json

import pytest

from tests.e2e.runs import Run, deprovision
from tests.e2e.world import Sandbox, login_state

PARKED = "/raxx/sandbox/raptor/RAPTOR_APP_DB_URL"
JORDAN, PRIYA, MATEO = "jordan.smith@raxx.example", "priya.patel@raxx.example", "mateo.garcia@raxx.example"


def person(sandbox: Sandbox, email: str) -> int:
    return int(sandbox.sql("console", "SELECT id FROM admins WHERE lower(email) = %s", email)[0][0])


def whenever_sessions_are_ended(sandbox: Sandbox, statement: str) -> None:
    """From now on C(statement) is executed after each statement that ends sessions of Console."""
    sandbox.sql(
        "console",
        f"CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {statement}; RETURN NULL; END $$",
    )
    sandbox.sql("console", "CREATE TRIGGER again AFTER UPDATE ON admin_sessions FOR EACH STATEMENT EXECUTE FUNCTION again()")


def no_longer(sandbox: Sandbox) -> None:
    sandbox.sql("console", "DROP TRIGGER again ON admin_sessions")
    sandbox.sql("console", "DROP FUNCTION again()")


def new_session(sandbox: Sandbox, email: str) -> str:
    columns = "admin_id, started_at, last_seen_at, user_agent"
    return f"INSERT INTO admin_sessions ({columns}) VALUES ({person(sandbox, email)}, now(), now(), 'again')"


def new_membership(sandbox: Sandbox, email: str) -> str:
    columns = "user_id, group_id, granted_at, granted_by"
    return f"INSERT INTO rbac_user_groups ({columns}) VALUES ({person(sandbox, email)}, 1, now(), 1)"


@pytest.fixture(scope="module")
def haunted(sandbox: Sandbox) -> Run:
    """Whenever sessions of the person are ended, a new one appears."""
    whenever_sessions_are_ended(sandbox, new_session(sandbox, PRIYA))
    run = deprovision(sandbox, PRIYA)
    no_longer(sandbox)
    return run


def test_sessions_that_keep_coming_are_never_complete(sandbox: Sandbox, haunted: Run) -> None:
    """5, C5: and neither row nor ticket says so."""
    assert haunted.status != 0
    assert "COMPLETE: " not in haunted.last_line.replace("INCOMPLETE", "")
    assert haunted.result["result"] in ("failed", "incomplete")
    assert not [row for row in sandbox.dump()["raptor"]["audit_archival_runs"] if PRIYA in str(row["notes"])]
    assert all(ticket["status"] != "closed" for ticket in sandbox.tickets(haunted.result["event"]))


def test_the_same_command_finishes_it_when_they_have_stopped(sandbox: Sandbox, haunted: Run) -> None:
    run = deprovision(sandbox, PRIYA)
    assert (run.status, run.result["result"]) == (0, "complete"), run.output
    assert sandbox.access(PRIYA) == (0, 0)


def test_access_after_the_event_was_closed_is_taken_away_and_told(sandbox: Sandbox, haunted: Run) -> None:
    """1a, 1b: the record of a closed event stays as it is, but the run does not end well."""
    closed = deprovision(sandbox, PRIYA).result
    sandbox.sql("console", new_membership(sandbox, PRIYA))
    rotations = sandbox.rotations()
    run = deprovision(sandbox, PRIYA)
    assert run.status != 0
    assert "access_found_after_closing" in run.last_line
    assert run.result == closed
    assert sandbox.access(PRIYA) == (0, 0)
    assert sandbox.rotations() == rotations


def test_a_membership_that_is_granted_again_in_the_middle_is_found(sandbox: Sandbox) -> None:
    """1a again in step 5: a superadmin who is nobody's friend grants it right after step 1."""
    whenever_sessions_are_ended(sandbox, new_membership(sandbox, MATEO))
    try:
        run = deprovision(sandbox, MATEO)
    finally:
        no_longer(sandbox)
    assert (run.status, run.result["result"]) == (0, "complete"), run.output
    assert sandbox.access(MATEO) == (0, 0)
    assert "new ones were found" in run.result["checkpoints"]["C5"]["detail"]


def test_a_vault_that_fails_in_the_middle_costs_neither_the_app_nor_the_proof(sandbox: Sandbox) -> None:
    """2b, I12, I15: the URL is parked, the app gets it, and the next run pays the debt and still proves the old one dead."""
    old = sandbox.credential_url("raptor_app")
    rotations = sandbox.rotations()["raptor_app"]
    sandbox.fault("infisical", ".", "error", method="PATCH")
    try:
        owing = deprovision(sandbox, JORDAN)
    finally:
        sandbox.mend()
    new = sandbox.credential_url("raptor_app")
    assert (owing.status != 0, owing.result["result"]) == (True, "incomplete"), owing.output
    (debt,) = owing.result["debts"]
    assert (debt["credential"], debt["name"]) == ("raptor_app", PARKED)
    assert PARKED in owing.last_line
    claims = owing.result["credentials"]["raptor_app"]
    assert (claims["rotated"], claims["stored"], claims["distributed"], claims["old_dead"]) == (True, False, True, True)
    assert sandbox.parameter(PARKED)["Value"] == new
    assert sandbox.vault() == old
    assert sandbox.serves()
    (ticket,) = sandbox.tickets(owing.result["event"])
    assert ticket["status"] != "closed"
    assert any(PARKED in thread["body"] for thread in ticket["_embedded"]["threads"])

    run = deprovision(sandbox, None, playbook="playbooks/sync_vault.yml")
    assert (run.status, run.result["result"], run.result["debts"]) == (0, "complete", []), run.output
    assert sandbox.rotations()["raptor_app"] == rotations + 1
    assert sandbox.vault() == new
    assert login_state(old) == "28P01"
    assert not [name for name in _parameters(sandbox) if name.endswith(("/old", "/key")) or name == PARKED]

    before = sandbox.dump()
    again = deprovision(sandbox, None, playbook="playbooks/sync_vault.yml")
    assert (again.status, again.changed) == (0, {})
    assert "nothing is owed" in again.output
    assert sandbox.dump() == before


def _parameters(sandbox: Sandbox) -> list[str]:
    return [str(entry["name"]) for entry in sandbox.dump()["ssm"]]


def test_a_check_run_that_meets_an_outage_is_no_plan_that_works(sandbox: Sandbox) -> None:
    sandbox.fault("freescout", ".", "refuse")
    try:
        run = deprovision(sandbox, "jordan.smithers@raxx.example", check=True)
    finally:
        sandbox.mend()
    assert run.status != 0
    assert "would not get through" in run.last_line
    assert "FreeScout" in run.last_line


def test_the_ticket_of_somebody_else_is_left_alone(sandbox: Sandbox) -> None:
    """P4."""
    before = sandbox.dump()
    other = sandbox.tickets("")[0]
    run = deprovision(sandbox, "jordan.smithers@raxx.example", ticket=other["number"])
    assert run.status != 0
    assert "is not one for jordan.smithers@raxx.example" in run.last_line
    assert sandbox.dump() == before


def test_what_a_rotation_that_was_cut_short_replaced_is_proved_dead_as_well(sandbox: Sandbox) -> None:
    """2d, C2, I10: its person knew that password, and not the one that the next rotation replaced for somebody else."""
    bob, smithers = "bob@raxx.example", "jordan.smithers@raxx.example"
    known_to_bob = sandbox.credential_url("raptor_app")
    sandbox.fault("heroku", "config-vars", "error", method="PATCH")
    try:
        cut_short = deprovision(sandbox, bob)
    finally:
        sandbox.mend()
    assert (cut_short.status != 0, cut_short.result["credentials"]["raptor_app"]["stored"]) == (True, True), cut_short.output
    other = deprovision(sandbox, smithers)
    assert (other.status, other.result["result"]) == (0, "complete"), other.output
    rotations = sandbox.rotations()
    run = deprovision(sandbox, bob)
    assert (run.status, run.result["result"], sandbox.rotations()) == (0, "complete", rotations), run.output
    assert login_state(known_to_bob) == "28P01"
    journal = next(file for file in run.evidence if file.parent.name == run.result["event"]).with_name("journal.jsonl")
    facts = [json.loads(line)["fact"] for line in journal.read_text(encoding="utf-8").splitlines()]
    assert len([fact for fact in facts if fact.startswith("credentials/raptor_app/") and fact.endswith("/dead")]) == 2
    assert [name for name in _parameters(sandbox) if name.endswith(("/key", "/old"))] == []
