# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of real runs: an auditor can check it with one file, and a kill changes nothing of what it claims (I12)."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.e2e.runs import Run, deprovision
from tests.e2e.world import BUCKET, LEAVER, LEDGER, ROOT, Record, Sandbox, clean_environment, locked_bucket, s3
from tests.leaks import Leaks

STATEMENT = "statement.dsse.json"
KILL_SECONDS = 120
# How far the run is let come before it is killed: the new credential works, and no app has it yet.
KILL_AT = "credentials/raptor_app/0002/live"
COUNTED = re.compile(
    r"(\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d[.\d]*Z|(?<=version )\d+|(?<=release )\d+|(?<=ticket )\d+|(?<=ticket id )\d+"
    r"|\d+(?= lines)|\d+(?= requests)|(?<=old sessions: ended )\d+|(?<=/)\d{4}(?=/)"
)


@dataclass
class Story:
    """C(whole) is an unbroken run with a signing key; C(rest) continues one for the same person that was killed."""

    sandbox: Sandbox
    public: Path
    whole: Run
    elsewhere: Run
    rest: Run
    killed: int


@pytest.fixture(scope="module")
def story(sandbox: Sandbox) -> Story:
    private = Ed25519PrivateKey.generate()
    key, public = sandbox.place / "key.pem", sandbox.place / "public.pem"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    signing = {"DEPROVISION_SIGNING_KEY_FILE": str(key)}

    before = sandbox.dump()["console"]
    locked_bucket(sandbox)
    whole = deprovision(sandbox, LEAVER, environment=signing, deprovision_evidence_bucket=BUCKET)
    elsewhere = deprovision(sandbox, LEAVER, tags="step7")
    give_back(sandbox, before)
    killed = killed_run(sandbox, signing)
    rest = deprovision(sandbox, LEAVER, environment=signing, new_event=True)
    return Story(sandbox, public, whole, elsewhere, rest, killed)


def give_back(sandbox: Sandbox, before: Record) -> None:
    """The person comes back, with all that they had."""
    (leaver,) = [row["id"] for row in before["admins"] if row["email"].lower() == LEAVER]
    for row in before["rbac_user_groups"]:
        if row["user_id"] == leaver:
            sandbox.sql("console", "INSERT INTO rbac_user_groups (user_id, group_id) VALUES (%s, %s)", leaver, row["group_id"])
    active = [row["id"] for row in before["admin_sessions"] if row["admin_id"] == leaver and row["revoked_at"] is None]
    sandbox.sql("console", "UPDATE admin_sessions SET revoked_at = NULL WHERE id = ANY(%s)", active)


def killed_run(sandbox: Sandbox, signing: dict[str, str]) -> int:
    """Starts a run in a process group of its own, kills the group when the ledger has come to KILL_AT, and gives its status."""
    home = sandbox.place / "killed"
    command = ["ansible-playbook", "deprovision.yml", "-e", f"email={LEAVER}", "-e", "new_event=true"]
    process = subprocess.Popen(
        [*command, "-e", f"evidence_directory={home}-evidence"],
        cwd=ROOT,
        env={**sandbox.environment, **clean_environment(home), **signing},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + KILL_SECONDS
        while not any(item["name"] == f"{LEDGER}/{KILL_AT}" for item in sandbox.dump()["ssm"]):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run did not come far enough"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait(timeout=30)


def bundle(run: Run) -> Path:
    return run.evidence[0].parent


def content(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in bundle(run).iterdir()}


def predicate(run: Run) -> Record:
    envelope = json.loads((bundle(run) / STATEMENT).read_text())
    return t.cast("Record", json.loads(base64.b64decode(envelope["payload"]))["predicate"])


def masked(text: str) -> str:
    """C(text) without times and without what systems count on: versions, releases, tickets, old sessions, lines."""
    return COUNTED.sub("#", text)


def claims_in_words(run: Run) -> list[str]:
    """Each claim as the report has it: statement, subject, result, detail, by whom, until when, and its grade."""
    page = (bundle(run) / "report.html").read_text()
    rows = page[page.index('id="claims"') : page.index('id="uncovered"')].split("<tr>")[2:]
    return [masked(" ".join(re.sub("<[^>]*>", " ", row).split())) for row in rows]


def sources_of_claims(run: Run) -> dict[str, list[str]]:
    """The records of the journal that each claim rests on, by its id."""
    (result,) = json.loads((bundle(run) / "oscal.json").read_text())["assessment-results"]["results"]
    return {
        item["title"]: [masked(evidence["description"]) for evidence in item.get("relevant-evidence", [])]
        for item in result["observations"]
    }


def facts_of_the_journal(run: Run) -> list[str]:
    return sorted(masked(json.loads(line)["fact"]) for line in (bundle(run) / "journal.jsonl").read_text().splitlines())


def audited(story: Story, run: Run, *anchors: Path) -> subprocess.CompletedProcess[str]:
    """What the auditor's command says."""
    script = ROOT / "tools" / "verify_evidence.py"
    files = [argument for path in anchors for argument in ("--anchor-file", str(path))]
    command = [sys.executable, str(script), str(bundle(run)), "--public-key", str(story.public), *files]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize("which", ["whole", "rest"])
def test_the_bundle_fits_the_key_the_audit_row_and_the_ticket(story: Story, which: str, tmp_path: Path) -> None:
    run: Run = getattr(story, which)
    event = run.result["event"]
    assert run.status == 0
    rows = [
        row["notes"] for row in story.sandbox.dump()["raptor"]["audit_archival_runs"] if f"event={event} " in (row["notes"] or "")
    ]
    (ticket,) = [ticket for ticket in story.sandbox.tickets(event) if ticket["subject"] == event]
    (tmp_path / "row.txt").write_text("\n".join(rows))
    (tmp_path / "ticket.txt").write_text("\n".join(thread["body"] for thread in ticket["_embedded"]["threads"]))
    done = audited(story, run, tmp_path / "row.txt", tmp_path / "ticket.txt")
    assert (done.returncode, done.stdout) == (0, f"VERIFIED: {bundle(run)}\n")


def test_the_anchors_of_another_event_do_not_fit(story: Story, tmp_path: Path) -> None:
    (tmp_path / "row.txt").write_text(f"head sha256:{predicate(story.rest)['sealed']['head']}")
    assert audited(story, story.whole, tmp_path / "row.txt").returncode == 9


def test_another_machine_without_the_key_writes_the_same_and_says_that_it_is_unsigned(story: Story) -> None:
    here, there = content(story.whole), content(story.elsewhere)
    assert {name for name in here.keys() | there.keys() if here.get(name) != there.get(name)} == {STATEMENT}
    # The page is the same on both, so it says only which key is to sign.
    page = there["report.html"].decode()
    assert "TO BE SIGNED" in page
    assert "is signed with" not in page
    keyid = predicate(story.elsewhere)["keyid"]
    assert f"UNSIGNED (sealed for the key {keyid[:16]}, which is not configured)" in story.elsewhere.words
    assert audited(story, story.elsewhere).returncode == 8


def test_a_kill_and_a_resume_claim_what_an_unbroken_run_claims(story: Story) -> None:
    """I12, field by field; times and what counts attempts or versions may differ."""
    assert story.killed == -signal.SIGKILL
    whole, rest = predicate(story.whole), predicate(story.rest)
    assert rest["claims"] == whole["claims"]
    assert (rest["result"], rest["operator"], rest["subject"]) == (whole["result"], whole["operator"], whole["subject"])
    differing = {"at", "started_at", "last_seen_at", "granted_at", "granted_by"}
    for name in ("before.json", "after.json"):
        first, second = (json.loads((bundle(run) / name).read_text()) for run in (story.whole, story.rest))
        assert [entry["rows"] for entry in first["listings"]] == [entry["rows"] for entry in second["listings"]]
        items = [
            [{**item, "at": "", "facts": {key: item["facts"][key] for key in item["facts"].keys() - differing}} for item in found]
            for found in (first.get("items", []), second.get("items", []))
        ]
        assert items[0] == items[1]
    statuses = [
        [
            finding["target"]
            for finding in json.loads((bundle(run) / "oscal.json").read_text())["assessment-results"]["results"][0]["findings"]
        ]
        for run in (story.whole, story.rest)
    ]
    assert statuses[0] == statuses[1]
    kinds = [
        [
            (event["class_uid"], event["activity_id"])
            for event in map(json.loads, (bundle(run) / "ocsf.jsonl").read_text().splitlines())
        ]
        for run in (story.whole, story.rest)
    ]
    assert kinds[0] == kinds[1]


def test_after_a_kill_every_claim_is_the_same_to_the_word_and_rests_on_the_same_facts(story: Story) -> None:
    """I12: statement, detail, by whom and until when, and sources; and nothing more or less was noted."""
    words = claims_in_words(story.whole)
    assert len(words) == len(predicate(story.whole)["claims"])
    assert any("removed audit-export, audit-reader, support; by olivia.osei@raxx.example" in claim for claim in words)
    assert claims_in_words(story.rest) == words
    assert sources_of_claims(story.rest) == sources_of_claims(story.whole)
    assert facts_of_the_journal(story.rest) == facts_of_the_journal(story.whole)


def test_the_bucket_holds_a_locked_copy(story: Story) -> None:
    client, event = s3(story.sandbox), story.whole.result["event"]
    for name, data in content(story.whole).items():
        found = client.get_object(Bucket=BUCKET, Key=f"sandbox/{event}/{name}")
        assert (found["Body"].read(), found["ObjectLockMode"]) == (data, "COMPLIANCE")


def test_the_listings_name_server_query_and_role(story: Story) -> None:
    before = json.loads((bundle(story.whole) / "before.json").read_text())
    assert {item["outcome"] for item in before["items"]} == {"removed"}
    for listing in before["listings"]:
        assert listing["server"]["database"] == "console"
        assert listing["query"].startswith("SELECT")
        assert listing["asked_by"]["role"]
        assert listing["server_time"] < story.whole.result["window"]["lockout"]


def test_the_keys_of_the_fingerprints_are_gone_and_no_secret_is_in_the_evidence(story: Story) -> None:
    """I10."""
    names = [item["name"] for item in story.sandbox.dump()["ssm"] if item["name"].startswith(LEDGER)]
    assert [name for name in names if name.endswith(("/key", "/old"))] == []
    leaks = Leaks([*story.sandbox.secrets(), (story.sandbox.place / "key.pem").read_text().splitlines()[1]])
    assert leaks.below(bundle(story.whole), bundle(story.rest)) == []


def test_all_events_are_listed(story: Story) -> None:
    done = subprocess.run(
        ["ansible-playbook", "playbooks/list_events.yml"],
        cwd=ROOT,
        env={**story.sandbox.environment, **clean_environment(story.sandbox.place / "list")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for run in (story.whole, story.rest):
        (line,) = [line for line in done.stdout.splitlines() if line.strip().startswith(f"{run.result['event']} ")]
        assert f"ticket {run.result['ticket']}" in line
        assert "complete" in line
    assert "2 events, 2 complete, 0 open" in done.stdout
