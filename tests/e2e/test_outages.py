# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A system that is down delays nobody's lock-out; the run stops after it and says what it could not check."""

from __future__ import annotations

import json

import pytest

from tests.e2e.runs import deprovision
from tests.e2e.world import LEAVER, Sandbox, facts, login_state

# The system, what of it is down and how, the person who leaves meanwhile, and the name by which the run must call it.
OUTAGES = {
    "FreeScout": ("freescout", ".", "refuse", "jordan.smith@raxx.example"),
    "Infisical": ("infisical", ".", "error", "priya.patel@raxx.example"),
    "AWS": ("aws", ".", "error", "mateo.garcia@raxx.example"),
    "Heroku": ("heroku", "^/postgres/v0/", "refuse", "jordan.smithers@raxx.example"),
}


@pytest.mark.parametrize("system", OUTAGES)
def test_the_person_is_locked_out_although_a_system_is_down(sandbox: Sandbox, system: str) -> None:
    """1a, 1b, C1, P2, P3, P4, Y4."""
    name, path, kind, email = OUTAGES[system]
    before = sandbox.dump()
    assert sandbox.access(email) > (0, 0)
    sandbox.fault(name, path, kind)
    try:
        run = deprovision(sandbox, email)
    finally:
        sandbox.mend()
    after = sandbox.dump()

    assert sandbox.access(email) == (0, 0)
    assert after["console"]["admins"] == before["console"]["admins"]
    # Nothing else has happened but that the ledger knows of it, if it was there.
    assert {place: after[place] for place in ("raptor", "infisical", "heroku")} == {
        place: before[place] for place in ("raptor", "infisical", "heroku")
    }
    assert len(after["freescout"]) == len(before["freescout"])
    noted = facts(after, "people")
    assert any(
        place.startswith(email.replace(".", "-").replace("@", "-")) and place.endswith("/lockout-console") for place in noted
    ) == (system != "AWS")

    assert run.status != 0
    assert run.last_line.startswith(("FAILED: ", "INCOMPLETE: "))
    result = run.result
    assert result["result"] in ("failed", "incomplete")
    assert result["email"] == email
    assert any(system in failure["message"] for failure in result["failures"])
    assert system in run.last_line
    assert result["checkpoints"]["C2"]["grade"] == "missing"
    assert result["window"]["ended"] is None


def test_how_long_a_system_may_be_silent_is_a_matter_of_the_inventory(sandbox: Sandbox) -> None:
    """Each of them answers after three seconds, which is too long for one of them at a time."""
    for system, name, path in (
        ("freescout", "FreeScout", "."), ("aws", "AWS", "GetCallerIdentity"), ("infisical", "Infisical", "."),
        ("heroku", "Heroku", "^/account$"),
    ):  # fmt: skip
        sandbox.fault(system, path, "stall", seconds=3)
        try:
            run = deprovision(sandbox, LEAVER, check=True, **{f"{system}_timeout": 1})
        finally:
            sandbox.mend()
        assert name in run.last_line, run.output


def test_the_next_run_finishes_what_an_outage_has_left(sandbox: Sandbox) -> None:
    """S3, 3, C3. Without direct access, audit_archiver is left alone."""
    email = OUTAGES["AWS"][-1]
    before = sandbox.dump()
    run = deprovision(sandbox, email, direct_database_access=False)
    after = sandbox.dump()
    assert (run.status, run.result["result"]) == (0, "complete"), run.output
    checkpoint = run.result["checkpoints"]["C3"]
    assert checkpoint["grade"] == "attested"
    assert "olivia.osei@raxx.example" in checkpoint["detail"]
    assert set(run.result["credentials"]["audit_archiver"].values()) == {None}
    assert sandbox.rotations() == {"raptor_app": 1, "audit_archiver": 0}
    assert _of_archiver(after["heroku"]) == _of_archiver(before["heroku"])
    # The ledger says that it was waived; the parameter itself is as it was.
    of_raptor = [[entry for entry in dump["ssm"] if "/raptor/" in entry["name"]] for dump in (before, after)]
    assert of_raptor[0] == of_raptor[1]
    assert not facts(after, "credentials/audit_archiver")
    assert login_state(sandbox.config()["AUDIT_ARCHIVER_DB_URL"]) == "ok"


def _of_archiver(part: object) -> list[str]:
    """Every line of a dump that speaks of audit_archiver."""
    return [line for line in json.dumps(part, indent=1, sort_keys=True).splitlines() if "audit_archiver" in line.lower()]
