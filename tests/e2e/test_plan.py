# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan binds (I11): a run that is held to the plan of a check run does that or nothing."""

from __future__ import annotations

import base64
import json
import re

from tests.e2e.inventories import copy_inventory
from tests.e2e.runs import Run, deprovision
from tests.e2e.world import LEAVER, OPERATOR, Sandbox

APPROVER = "priya.patel@raxx.example"


def digest_of(run: Run) -> str:
    found = re.search(r"-e plan=([0-9a-f]{64}) ", run.last_line)
    assert found, run.output
    return found[1]


def test_a_run_that_is_held_to_a_plan_does_that_or_nothing(sandbox: Sandbox) -> None:
    before = sandbox.dump()
    checked = deprovision(sandbox, LEAVER, check=True)
    evidence, digest = checked.place / "evidence", digest_of(checked)
    assert sandbox.dump() == before
    file = evidence / "plans" / f"{digest}.json"
    assert {path for path in evidence.rglob("*") if path.is_file()} == {file, file.with_suffix(".html")}
    assert json.loads(file.read_text())["people"] == [LEAVER]
    # The same again: the digest knows no clock.
    assert digest_of(deprovision(sandbox, LEAVER, check=True)) == digest

    # The person logs in once more.
    ((session,),) = sandbox.sql(
        "console",
        "INSERT INTO admin_sessions (admin_id, started_at, last_seen_at, user_agent)"
        " SELECT id, now(), now(), 'Firefox in the night' FROM admins WHERE lower(email) = %s RETURNING id",
        LEAVER,
    )
    changed = sandbox.dump()
    refused = deprovision(sandbox, LEAVER, plan=digest, evidence=evidence)
    assert refused.status == 2
    assert refused.last_line.startswith("REFUSED: Nothing was changed. The plan of this run"), refused.output
    assert f"would now also: 1b end session {session} of {LEAVER}" in refused.last_line
    assert "would no longer" not in refused.last_line
    assert refused.last_line.endswith("[plan_differs]")
    assert refused.changed == {}
    assert sandbox.dump() == changed

    # On a machine that does not have the file the run's own plan is shown in full.
    elsewhere = deprovision(sandbox, LEAVER, plan=digest)
    assert elsewhere.last_line.startswith("REFUSED: ")
    assert "rotate raptor_app" in elsewhere.last_line
    assert sandbox.dump() == changed

    sandbox.sql("console", "DELETE FROM admin_sessions WHERE id = %s", session)
    restored = sandbox.dump()
    refused = deprovision(sandbox, LEAVER, plan=digest, evidence=evidence, approved_by=LEAVER)
    assert refused.last_line.startswith(f"REFUSED: {LEAVER} leaves, and cannot approve it."), refused.output
    assert sandbox.dump() == restored
    run = deprovision(sandbox, LEAVER, plan=digest, evidence=evidence, approved_by=APPROVER)
    assert (run.status, run.last_line[:9]) == (0, "COMPLETE:"), run.output
    (statement,) = evidence.glob("*/statement.dsse.json")
    predicate = json.loads(base64.b64decode(json.loads(statement.read_text())["payload"]))["predicate"]
    assert (predicate["plan"]["digest"], predicate["plan"]["held"], predicate["plan"]["by"]) == (digest, True, OPERATOR)
    assert (predicate["approval"]["by"], predicate["approval"]["digest"]) == (APPROVER, digest)
    assert f"approved by {APPROVER}" in (statement.parent / "report.html").read_text()
    assert [file.parent.parent for file in evidence.glob("*/result.json")] == [evidence]


def test_an_inventory_that_was_edited_since_the_check_run_is_refused(sandbox: Sandbox) -> None:
    """I11: the names of the changes are the same, but they would be made elsewhere."""
    inventory = copy_inventory(sandbox.place / "edited")
    hosts = inventory / "hosts.yml"
    before = sandbox.dump()
    checked = deprovision(sandbox, LEAVER, check=True)
    evidence, digest = checked.place / "evidence", digest_of(checked)
    # Where the checkout is makes no difference.
    assert digest_of(deprovision(sandbox, LEAVER, check=True, inventory=str(hosts))) == digest
    hosts.write_text(hosts.read_text().replace("--env=sandbox", "--env=other"))
    refused = deprovision(sandbox, LEAVER, plan=digest, evidence=evidence, inventory=str(hosts))
    assert refused.status == 2
    assert refused.last_line.startswith("REFUSED: Nothing was changed. The plan of this run"), refused.output
    said = 'apps.raptor.smoke_command: ["scripts/ci/run_smoke.sh","--env=sandbox"] -> ["scripts/ci/run_smoke.sh","--env=other"]'
    assert f"What differs: {said}." in refused.last_line
    assert refused.last_line.endswith("[plan_differs]")
    assert refused.changed == {}
    assert sandbox.dump() == before


def test_what_is_no_digest_is_refused(sandbox: Sandbox) -> None:
    before = sandbox.dump()
    run = deprovision(sandbox, LEAVER, plan="yes please")
    assert run.last_line.startswith("REFUSED: plan is not the digest of a plan"), run.output
    assert sandbox.dump() == before
