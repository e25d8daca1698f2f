# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back from a rotation (E5, E6)."""

from __future__ import annotations

import typing as t

import pytest

from tests.e2e.runs import Run, deprovision
from tests.e2e.world import CONFIG_VARS, LEAVER, OPERATOR, Sandbox, facts, login_state

FLAG = "FLAG_RAPTOR_APP_ROLE_SEPARATION"
PLAYBOOK = "playbooks/rollback.yml"
SYNC = "playbooks/sync_vault.yml"
PARKED = "/raxx/sandbox/raptor/RAPTOR_APP_DB_URL"


def test_another_rotation_is_the_way_back(sandbox: Sandbox) -> None:
    """E5: 2a to 2c, with all proofs, and without a person, a row or a ticket."""
    before, old, rotations = sandbox.dump(), sandbox.config(), sandbox.rotations()
    planned = deprovision(sandbox, None, playbook=PLAYBOOK, check=True)
    assert (
        planned.last_line
        == "PLAN: a real run would rotate, store, hand out and prove raptor_app, audit_archiver; nothing was changed"
    ), planned.output
    assert (planned.status, sandbox.dump(), sandbox.config()) == (0, before, old)
    # A survey that nobody answers, as AWX has it.
    run = deprovision(sandbox, None, playbook=PLAYBOOK, restore="", new_rotation="")
    assert run.status == 0, run.output
    assert run.last_line == "ROLLED BACK: raptor_app, audit_archiver rotated, stored, handed out and proved"
    assert sandbox.rotations() == {name: number + 1 for name, number in rotations.items()}
    assert all(login_state(old[config_var]) == "28P01" for config_var in CONFIG_VARS.values())
    assert sandbox.vault() == sandbox.credential_url("raptor_app") == sandbox.config()["RAPTOR_APP_DATABASE_URL"]
    assert sandbox.serves()
    after = sandbox.dump()
    assert not [row for row in after["raptor"]["audit_archival_runs"] if row["run_type"] == "deprovisioning"]
    assert after["freescout"] == before["freescout"]
    assert after["console"] == before["console"]


@pytest.mark.parametrize(
    ("given", "left", "rotated"),
    [
        ({"limit": "raptor"}, "left out raptor_app, audit_archiver.", 0),
        ({"tags": "step2"}, "left out audit_archiver.", 1),
        ({"limit": "raptor_app", "restore": False}, "left out raptor.", 0),
        ({"limit": "raptor", "restore": True}, "raptor_app, audit_archiver was not proved", 0),
    ],
)
def test_what_was_left_out_is_not_said_to_be_done(sandbox: Sandbox, given: dict[str, t.Any], left: str, rotated: int) -> None:
    """E5, E6. The limit and the tags choose hosts of one group, and what is asked for may be about another one."""
    flag, rotations = sandbox.config()[FLAG], sandbox.rotations()
    run = deprovision(sandbox, None, playbook=PLAYBOOK, **given)
    assert (run.status != 0, left in run.last_line) == (True, True), run.output
    assert "ROLLED BACK" not in run.last_line
    assert sandbox.config()[FLAG] == flag
    assert sandbox.rotations() == {**rotations, "raptor_app": rotations["raptor_app"] + rotated}


def cut_short(sandbox: Sandbox, **given: t.Any) -> Run:
    """A rollback that rotates and stores, and cannot hand anything out."""
    sandbox.fault("heroku", "/config-vars$", "error", method="PATCH")
    try:
        return deprovision(sandbox, None, playbook=PLAYBOOK, **given)
    finally:
        sandbox.mend()


def test_a_rollback_that_was_cut_short_is_continued(sandbox: Sandbox) -> None:
    """E5, I5: the same command again finishes the rotation that was begun, and makes no other."""
    rotations = sandbox.rotations()
    cut = cut_short(sandbox)
    assert cut.status != 0, cut.output
    done = deprovision(sandbox, None, playbook=PLAYBOOK)
    assert done.status == 0, done.output
    assert sandbox.rotations() == {name: number + 1 for name, number in rotations.items()}
    assert sandbox.vault() == sandbox.credential_url("raptor_app") == sandbox.config()["RAPTOR_APP_DATABASE_URL"]


@pytest.fixture(scope="module")
def not_handed_out(sandbox: Sandbox) -> dict[str, int]:
    """The rotations before one that raptor_app got and the app did not, while the app works on the owner's credential."""
    rotations = sandbox.rotations()
    assert cut_short(sandbox, limit="raptor_app").status != 0
    assert deprovision(sandbox, None, playbook=PLAYBOOK, restore=False).status == 0
    return rotations


def test_what_the_vault_holds_already_is_not_parked_beside_it(sandbox: Sandbox, not_handed_out: dict[str, int]) -> None:
    """2b, I15: no fact would tell of the copy."""
    sandbox.fault("infisical", ".", "error")
    try:
        run = deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app")
    finally:
        sandbox.mend()
    assert (run.status != 0, "Infisical" in run.last_line, "parked" in run.last_line) == (True, True, False), run.output
    assert PARKED not in [entry["name"] for entry in sandbox.dump()["ssm"]]


def test_an_app_without_the_new_credential_stays_on_the_owners(sandbox: Sandbox, not_handed_out: dict[str, int]) -> None:
    """E6: a log-in has proved the credential that Heroku tells of, and the app would start on the one before it."""
    run = deprovision(sandbox, None, playbook=PLAYBOOK, restore=True)
    assert (run.status != 0, sandbox.config()[FLAG], sandbox.serves()) == (True, "0", True), run.output
    assert "is not what RAPTOR_APP_DATABASE_URL holds. Next: " in run.last_line
    assert "[role_separation_off]" in run.last_line


def test_an_app_that_has_got_the_new_credential_is_switched_to_it(sandbox: Sandbox, not_handed_out: dict[str, int]) -> None:
    """E5, E6, I5."""
    handed_out = deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app")
    assert "role_separation_off" in handed_out.last_line
    on = deprovision(sandbox, None, playbook=PLAYBOOK, restore=True)
    assert (on.status, sandbox.config()[FLAG], sandbox.serves()) == (0, "1", True), on.output
    assert on.stats.get("rescued", {}) == {}
    done = deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app")
    assert done.status == 0, done.output
    assert sandbox.rotations() == {**not_handed_out, "raptor_app": not_handed_out["raptor_app"] + 1}


@pytest.fixture(scope="module")
def parked(sandbox: Sandbox) -> dict[str, int]:
    """The rotations before two of raptor_app whose URLs were parked; the vault is well again."""
    rotations = sandbox.rotations()
    sandbox.fault("infisical", ".", "error", method="PATCH")
    try:
        runs = [
            deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app"),
            deprovision(sandbox, None, playbook=PLAYBOOK, limit="raptor_app", new_rotation=True),
            deprovision(sandbox, None, playbook=SYNC),
        ]
    finally:
        sandbox.mend()
    for run in runs:
        assert run.status != 0, run.output
        assert f"The URL is parked in {PARKED}" in run.last_line
    return rotations


def test_a_url_that_a_rollback_has_parked_is_a_debt(sandbox: Sandbox, parked: dict[str, int]) -> None:
    """E5, 2b: nobody is told that nothing is owed, although no event waits for it; and the app works."""
    assert sandbox.serves()
    assert sandbox.parameter(PARKED)["Value"] == sandbox.credential_url("raptor_app") != sandbox.vault()


def test_what_a_rollback_has_parked_is_paid(sandbox: Sandbox, parked: dict[str, int]) -> None:
    """E5, 2b, I15: nothing is rotated for it, and what an earlier rotation has parked goes with it."""
    paid = deprovision(sandbox, None, playbook=SYNC)
    assert paid.status == 0, paid.output
    assert sandbox.rotations() == {**parked, "raptor_app": parked["raptor_app"] + 2}
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
