# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back from a rotation (E5, E6)."""

from __future__ import annotations

from tests.e2e.runs import deprovision
from tests.e2e.world import CONFIG_VARS, LEAVER, OPERATOR, Sandbox, facts, login_state

FLAG = "FLAG_RAPTOR_APP_ROLE_SEPARATION"
PLAYBOOK = "playbooks/rollback.yml"
SYNC = "playbooks/sync_vault.yml"
PARKED = "/raxx/sandbox/raptor/RAPTOR_APP_DB_URL"


def test_another_rotation_is_the_way_back(sandbox: Sandbox) -> None:
    """E5: 2a to 2c, with all proofs, and without a person, a row or a ticket."""
    before, old, rotations = sandbox.dump(), sandbox.config(), sandbox.rotations()
    # A survey that nobody answers, as AWX has it.
    run = deprovision(sandbox, None, playbook=PLAYBOOK, restore="", new_rotation="")
    assert run.status == 0, run.output
    assert "ROLLED BACK: rotated, stored, handed out and proved" in run.words
    assert sandbox.rotations() == {name: number + 1 for name, number in rotations.items()}
    assert all(login_state(old[config_var]) == "28P01" for config_var in CONFIG_VARS.values())
    assert sandbox.vault() == sandbox.credential_url("raptor_app") == sandbox.config()["RAPTOR_APP_DATABASE_URL"]
    assert sandbox.serves()
    after = sandbox.dump()
    assert not [row for row in after["raptor"]["audit_archival_runs"] if row["run_type"] == "deprovisioning"]
    assert after["freescout"] == before["freescout"]
    assert after["console"] == before["console"]


def test_a_rollback_that_was_cut_short_is_continued(sandbox: Sandbox) -> None:
    """E5, I5: the same command again finishes the rotation that was begun, and makes no other."""
    rotations = sandbox.rotations()
    sandbox.fault("heroku", "/config-vars$", "error", method="PATCH")
    try:
        cut = deprovision(sandbox, None, playbook=PLAYBOOK)
    finally:
        sandbox.mend()
    assert cut.status != 0, cut.output
    done = deprovision(sandbox, None, playbook=PLAYBOOK)
    assert done.status == 0, done.output
    assert sandbox.rotations() == {name: number + 1 for name, number in rotations.items()}
    assert sandbox.vault() == sandbox.credential_url("raptor_app") == sandbox.config()["RAPTOR_APP_DATABASE_URL"]


def test_a_url_that_a_rollback_has_parked_is_paid_although_no_event_waits_for_it(sandbox: Sandbox) -> None:
    """E5, 2b, I15: and until then nobody is told that nothing is owed. What an earlier rotation has parked goes with it."""
    rotations = sandbox.rotations()
    sandbox.fault("infisical", ".", "error", method="PATCH")
    try:
        parked = deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app")
        once_more = deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app", new_rotation=True)
        unpaid = deprovision(sandbox, None, playbook=SYNC)
    finally:
        sandbox.mend()
    for run in (parked, once_more, unpaid):
        assert run.status != 0, run.output
        assert f"The URL is parked in {PARKED}" in run.last_line
    assert sandbox.serves()

    paid = deprovision(sandbox, None, playbook=SYNC)
    assert paid.status == 0, paid.output
    assert sandbox.rotations() == {**rotations, "raptor_app": rotations["raptor_app"] + 2}
    assert sandbox.vault() == sandbox.credential_url("raptor_app")
    after = sandbox.dump()
    assert PARKED not in [entry["name"] for entry in after["ssm"]]
    known = facts(after, "credentials/raptor_app")
    assert [len([name for name in known if name.endswith(f"/{fact}")]) for fact in ("parked", "unparked")] == [2, 2]
    again = deprovision(sandbox, None, playbook=SYNC)
    assert (again.status, again.changed, "nothing is owed" in again.output) == (0, {}, True), again.output


def test_an_app_that_works_on_the_owners_credential_is_not_verified(sandbox: Sandbox) -> None:
    """E6, C4: switched off it serves; nothing is complete until it is switched on again, which takes a credential that works."""
    off = deprovision(sandbox, None, playbook=PLAYBOOK, restore=False)
    assert (off.status, sandbox.config()[FLAG]) == (0, "0"), off.output
    assert "undo this with -e restore=true" in off.words
    again = deprovision(sandbox, None, playbook=PLAYBOOK, restore=False)
    assert (again.status, "raptor" in again.changed) == (0, False), again.output

    blocked = deprovision(sandbox, LEAVER)
    assert blocked.status != 0
    assert "role_separation_off" in blocked.last_line
    assert blocked.last_line.startswith("INCOMPLETE: ")
    assert blocked.result["checkpoints"]["C4"]["grade"] == "missing"
    assert [(debt["app"], debt["by"]) for debt in blocked.result["debts"]] == [("raptor", OPERATOR)]
    (ticket,) = sandbox.tickets(blocked.result["event"])
    said = [
        thread["body"] for thread in ticket["_embedded"]["threads"] if "works on the owner's credential since" in thread["body"]
    ]
    assert (ticket["status"], len(said)) == ("active", 1)

    on = deprovision(sandbox, None, playbook=PLAYBOOK, restore=True)
    assert (on.status, sandbox.config()[FLAG]) == (0, "1"), on.output
    done = deprovision(sandbox, LEAVER)
    assert (done.status, done.result["result"]) == (0, "complete"), done.output
