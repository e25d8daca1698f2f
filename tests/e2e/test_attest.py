# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quarterly rehearsal (S5, SC-A16): a check run, and nothing is left of it but its attestation."""

from __future__ import annotations

import base64
import json
import typing as t

from tests.awx.data import objects
from tests.e2e.runs import Run, deprovision
from tests.e2e.world import BUCKET, LEAVER, LEDGER, Record, Sandbox, facts, locked_bucket


def rehearse(sandbox: Sandbox, *, check: bool = True, **given: t.Any) -> Run:
    return deprovision(sandbox, LEAVER, check=check, playbook="playbooks/attest.yml", **given)


def attested(run: Run) -> list[Record]:
    """The statements that the run left, oldest first."""
    files = sorted((run.place / "evidence" / "attestations").glob("*.json"), key=lambda file: file.stat().st_mtime)
    return [json.loads(base64.b64decode(json.loads(file.read_text())["payload"]))["predicate"] for file in files]


def but_attestations(dump: Record) -> Record:
    return {**dump, "ssm": [entry for entry in dump["ssm"] if not entry["name"].startswith(f"{LEDGER}/attestations/")]}


def test_a_rehearsal_changes_nothing_but_that_it_is_attested(sandbox: Sandbox) -> None:
    before = sandbox.dump()

    # Without --check it is no rehearsal.
    refused = rehearse(sandbox, check=False)
    assert refused.last_line.startswith("REFUSED: Nothing was changed. A rehearsal is a check run."), refused.output
    assert (refused.status, sandbox.dump()) == (2, before)
    # Tags choose parts of the procedure, never what refuses it.
    refused = rehearse(sandbox, check=False, tags="step1")
    assert refused.last_line.startswith("REFUSED: Nothing was changed. A rehearsal is a check run."), refused.output
    assert (refused.status, sandbox.dump()) == (2, before)
    # Whoever gets past what refuses it still changes nothing, and attests nothing.
    for said, past in (
        ("REFUSED: Nothing was changed. A rehearsal is a check", {"start_at_task": "Make sure that this environment is there"}),
        ("FAILED: ", {"skip_tags": "always"}),
    ):
        refused = rehearse(sandbox, check=False, **past)
        assert refused.last_line.startswith(said), refused.output
        assert (refused.status, attested(refused), sandbox.dump()) == (2, [], before)
    # Nor is a part of it attested as if it were the whole.
    for option, value in (("tags", "step1"), ("limit", "raptor_app")):
        refused = rehearse(sandbox, check=True, **{option: value})
        assert refused.last_line.startswith("REFUSED: Nothing was changed. A rehearsal is of the whole procedure."), (
            refused.output
        )
        assert (refused.status, sandbox.dump()) == (2, before)

    checked = deprovision(sandbox, LEAVER, check=True)
    assert "!!  S5  rehearsal                    no rehearsal has been attested" in checked.output
    assert checked.status == 0

    run = rehearse(sandbox)
    assert (run.status, run.last_line[:9]) == (0, "ATTESTED:"), run.output
    assert but_attestations(sandbox.dump()) == before
    (statement,) = attested(run)
    assert (statement["result"], statement["environment"]) == ("passed", "sandbox")
    assert statement["plan"] in checked.last_line
    assert {"1a", "1b", "2a", "3a", "6", "7"} <= set(statement["exercised"]["steps"])
    assert any("P2" in line for line in statement["exercised"]["checks"])
    (fact,) = facts(sandbox.dump(), "attestations").values()
    assert json.loads(fact)["result"] == "passed"

    # From now on a run says how old it is.
    assert "ok  S5  rehearsal                    the last rehearsal was on 20" in deprovision(sandbox, LEAVER, check=True).output

    # One that does not get through is attested as such.
    sandbox.fault("freescout", ".", "refuse")
    failed = rehearse(sandbox)
    sandbox.mend()
    assert (failed.status, failed.last_line[:11]) == (2, "NOT PASSED:"), failed.output
    assert [statement["result"] for statement in attested(failed)] == ["failed"]
    assert sorted(name[10:] for name in facts(sandbox.dump(), "attestations")) == ["", "-2"]
    assert but_attestations(sandbox.dump()) == before


def test_the_attestation_is_copied_to_where_nobody_can_change_it(sandbox: Sandbox) -> None:
    """A job server keeps no file of a job."""
    before = sandbox.dump()
    client = locked_bucket(sandbox)
    run = rehearse(sandbox, deprovision_evidence_bucket=BUCKET)
    assert (run.status, run.last_line[:9]) == (0, "ATTESTED:"), run.output
    (file,) = (run.place / "evidence" / "attestations").iterdir()
    (copied,) = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert copied["Key"] == f"sandbox/attestations/{file.name}"
    assert client.get_object(Bucket=BUCKET, Key=copied["Key"])["Body"].read() == file.read_bytes()

    # Where there is no such bucket the attestation is there all the same, and the run says what is missing.
    run = rehearse(sandbox, deprovision_evidence_bucket="another")
    assert run.status == 2
    assert run.last_line.startswith("FAILED: "), run.output
    assert "[not_found]" in run.last_line
    assert len(attested(run)) == 1
    assert but_attestations(sandbox.dump()) == but_attestations(before)


def test_the_quarterly_job_passes(sandbox: Sandbox) -> None:
    """What AWX gives the playbook is all that it needs; nobody answers a question of a schedule."""
    (template,) = (item for item in objects()["controller_templates"] if item["name"] == "Attest")
    given = dict(template["extra_vars"])
    run = deprovision(sandbox, given.pop("email"), check=template["job_type"] == "check", playbook=template["playbook"], **given)
    assert (run.status, run.last_line[:9]) == (0, "ATTESTED:"), run.output
