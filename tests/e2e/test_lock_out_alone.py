# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody has to go now: what only later steps need keeps nobody from being locked out."""

from __future__ import annotations

import json

import pytest

from tests.e2e.runs import deprovision
from tests.e2e.world import Sandbox, facts

WRONG = {
    "Infisical": {"INFISICAL_TOKEN": "eyJhbGciOiJIUzI1NiJ9.e30.wrong"},
    "AWS": {"AWS_ACCESS_KEY_ID": "AKIAWRONGWRONGWRONG0", "AWS_SECRET_ACCESS_KEY": "wrong"},
}


@pytest.mark.parametrize(("system", "email"), [("Infisical", "jordan.smith@raxx.example"), ("AWS", "mateo.garcia@raxx.example")])
def test_a_wrong_key_keeps_nobody_from_being_locked_out(sandbox: Sandbox, system: str, email: str) -> None:
    """1a, 1b, C1, P3, Y4: the refusal says how, and that is what happens."""
    before = sandbox.dump()
    refused = deprovision(sandbox, email, environment=dict(WRONG[system]))
    assert refused.last_line.startswith("REFUSED: ")
    assert "To lock the person out meanwhile, add --tags step1." in refused.last_line
    assert sandbox.dump() == before
    assert sandbox.access(email) > (0, 0)

    run = deprovision(sandbox, email, environment=dict(WRONG[system]), tags="step1")
    after = sandbox.dump()
    assert sandbox.access(email) == (0, 0)
    assert run.status == 2
    assert run.last_line.startswith("INCOMPLETE: ")
    assert system in run.last_line
    assert "??  " in run.output
    assert run.result["checkpoints"]["C1"]["grade"] == "observed"
    noted = [name for name in facts(after, "people") if email.partition(".")[0] in name and name.endswith("/lockout-console")]
    assert len(noted) == (system != "AWS")
    assert {place: after[place] for place in ("raptor", "infisical", "heroku", "freescout")} == {
        place: before[place] for place in ("raptor", "infisical", "heroku", "freescout")
    }


# What of AWS fails for good after the prerequisites, from when on, and the person who leaves meanwhile.
FAILS = {
    "the event's opening": ("PutParameter .*/opened$", None, "priya.patel@raxx.example"),
    "everything": (".", "DeleteParameter .*/canary/", "jordan.smithers@raxx.example"),
}


@pytest.mark.parametrize("part", FAILS)
def test_a_ledger_that_fails_after_its_check_keeps_nobody_from_being_locked_out(sandbox: Sandbox, part: str) -> None:
    """1a, 1b, P5: counted like an outage that the prerequisites saw."""
    path, after, email = FAILS[part]
    before = sandbox.dump()
    assert sandbox.access(email) > (0, 0)
    sandbox.fault("aws", path, "error", after=after)
    try:
        run = deprovision(sandbox, email)
    finally:
        sandbox.mend()
    found = sandbox.dump()
    assert sandbox.access(email) == (0, 0)
    assert run.status == 2
    assert run.last_line.startswith("INCOMPLETE: ")
    assert "AWS SSM" in run.last_line
    assert run.result["email"] == email
    assert run.result["checkpoints"]["C1"]["grade"] == "observed"
    assert {place: found[place] for place in ("raptor", "infisical", "heroku", "freescout")} == {
        place: before[place] for place in ("raptor", "infisical", "heroku", "freescout")
    }
    # Where that was possible the lease was given back, and nobody has to wait for it.
    leases = [json.loads(value) for name, value in facts(found, "runs").items() if name.endswith("/lease")]
    assert [lease for lease in leases if lease["ended"] is None] == []
