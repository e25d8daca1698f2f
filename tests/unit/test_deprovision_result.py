# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_result (step 7, I9): the claims come from the ledger alone, and the file is the contract of other tools."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _bundle
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import STATEMENT, anchors_in, check
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.leaks import Leaks

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, note, parameters
from .test_progress import AT, FACTS, ROTATED

Params = dict[str, t.Any]

PERSON = {
    "email": EMAIL,
    "memberships": [{"group": "support"}],
    "sessions": [{"id": 7, "started_at": AT, "user_agent": "Firefox"}],
}


def credential(name: str, step: int, *, waived: bool = False) -> Params:
    return {
        "name": name,
        "step": step,
        "role": name,
        "app": "raxx-api-test",
        "store": {"kind": "ssm", "name": f"/raxx/test/{name}"},
        "checks": ["smoke"],
        "consumers": [{"app": "raptor", "config_var": "URL"}],
        "waived": waived,
    }


@pytest.fixture
def event(run_main: ModuleRunner, store: t.Any) -> Params:
    return t.cast("Params", run_main("deprovision_event", {**EVENT, "people": [PERSON]}).result["events"][0])


@pytest.fixture
def asked(event: Params) -> Params:
    return {
        "ledger_prefix": PREFIX,
        "environment_name": "test",
        "events": [event],
        "scope": {
            "consoles": ["console"],
            "records": ["audit_record"],
            "credentials": [credential("raptor_app", 2), credential("audit_archiver", 3, waived=True)],
            "locked_out": ["console"],
        },
    }


def rotate(run_main: ModuleRunner, event: Params) -> None:
    claim = {"ledger_prefix": PREFIX, "credential": "raptor_app", "since": event["opened"]}
    run_main(
        "deprovision_rotation", {**claim, "url": "postgres://raptor_app:x@db/r", "event": event["event"], "operator": OPERATOR}
    )
    facts = {name: value for name, value in ROTATED.items() if name != "intent"}
    run_main("deprovision_ledger", {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1, "facts": facts})


def finish(run_main: ModuleRunner, event: Params, asked: Params, *left_out: str) -> None:
    """Writes the facts of a whole run, except C(left_out)."""
    rotate(run_main, event)
    mine = {name: value for name, value in FACTS.items() if name not in ("before", "closed", *left_out)}
    mine["ticket"] = {"id": 812, "number": 4711}
    mine["waiver-audit_archiver"] = {"by": OPERATOR, "at": AT}
    note(run_main, event["event"], mine)
    if "closed" not in left_out:
        scope = run_main("deprovision_result", asked).result["events"][0]["scope"]
        note(run_main, event["event"], {"closed": {**FACTS["closed"], "scope": scope}})


def test_a_whole_run_is_complete_and_the_file_says_so(
    run_main: ModuleRunner, event: Params, asked: Params, tmp_path: Path
) -> None:
    """C1 to C6, E4."""
    finish(run_main, event, asked)
    outcome = run_main("deprovision_result", {**asked, "path": str(tmp_path)})
    assert (outcome.result["changed"], outcome.result["complete"]) == (True, True)
    assert outcome.result["verdict"] == f"COMPLETE: {event['event']}"
    written = json.loads((tmp_path / event["event"] / "result.json").read_text())
    assert set(written) >= {
        "event", "environment", "email", "operator", "ticket", "result", "window", "checkpoints", "credentials", "debts",
        "not_covered",
    }  # fmt: skip
    assert (written["result"], written["ticket"], written["environment"]) == ("complete", 4711, "test")
    assert set(written["window"]) == {"notice", "opened", "lockout", "ended", "deadline"}
    assert {name: entry["grade"] for name, entry in written["checkpoints"].items()} == {
        "C1": "observed", "C2": "observed", "C3": "attested", "C4": "observed", "C5": "observed", "C6": "observed",
    }  # fmt: skip
    assert set(written["credentials"]["raptor_app"].values()) == {True}
    assert any("E4" in line for line in written["not_covered"])

    again = run_main("deprovision_result", {**asked, "path": str(tmp_path)})
    assert (again.result["changed"], again.result["paths"]) == (False, outcome.result["paths"])


def test_the_row_is_due_before_the_ticket_may_close(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    finish(run_main, event, asked, "audit_row-audit_record", "closed")
    told = run_main("deprovision_result", asked).result["events"][0]
    assert (told["ready_for_audit_row"], told["ready_to_close"], told["ticket_id"]) == (True, False, "812")
    assert "steps 1, 2, 3, 4, 5, 6" in told["audit_notes"]
    assert EMAIL in told["audit_notes"]


def test_a_closed_event_keeps_its_own_rotations(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    """A later event's rotation that is still under way does not reopen an event that is closed."""
    finish(run_main, event, asked)
    claim = {"ledger_prefix": PREFIX, "credential": "raptor_app", "event": "DEPROV-2099-01-01-other", "operator": OPERATOR}
    run_main("deprovision_rotation", {**claim, "since": "2099-01-01T00:00:00Z", "url": "postgres://raptor_app:y@db/r"})
    assert run_main("deprovision_result", asked).result["complete"] is True


def test_every_rotation_since_the_event_was_opened_belongs_to_it(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    """C2, I10: one that was cut short and one that followed it for somebody else; the keys of both are destroyed at the end."""
    claim = {"ledger_prefix": PREFIX, "credential": "raptor_app", "event": event["event"], "operator": OPERATOR}
    first = run_main("deprovision_rotation", {**claim, "since": event["opened"], "url": "postgres://raptor_app:w@db/r"}).result
    later = first["facts"]["intent"]["at"].replace("2026-", "2027-")
    run_main("deprovision_rotation", {**claim, "since": later, "url": "postgres://raptor_app:x@db/r"})
    ledger = {"ledger_prefix": PREFIX, "credential": "raptor_app"}
    facts = {name: value for name, value in ROTATED.items() if name != "intent"}
    run_main("deprovision_ledger", {**ledger, "rotation": 2, "facts": facts})
    note(run_main, event["event"], {name: value for name, value in FACTS.items() if name not in ("before", "closed")})
    assert run_main("deprovision_result", asked).result["events"][0]["ready_to_close"] is False
    run_main("deprovision_ledger", {**ledger, "rotation": 1, "facts": {"dead": ROTATED["dead"]}})
    result = run_main("deprovision_result", asked).result
    assert "prove the old one dead" not in result["verdict"]
    assert result["events"][0]["scope"]["credentials"][0]["rotations"] == [1, 2]


@pytest.mark.parametrize(
    ("code", "result"), [("rotation_refused", "failed"), ("proof_inconclusive", "incomplete"), ("unreachable", "incomplete")]
)
def test_what_happened_and_what_is_missing_are_in_one_line(
    run_main: ModuleRunner, asked: Params, tmp_path: Path, code: str, result: str
) -> None:
    failure = {"host": "raptor_app", "step": "step 2", "code": code, "message": "It did not work."}
    outcome = run_main("deprovision_result", {**asked, "failures": [failure], "path": str(tmp_path)})
    assert outcome.result["complete"] is False
    assert outcome.result["verdict"].startswith(result.upper())
    assert "Missing: C1, C2, C4, C5, C6." in outcome.result["verdict"]
    assert "step 2 (raptor_app): It did not work." in outcome.result["verdict"]
    assert json.loads(Path(outcome.result["paths"][0]).read_text())["result"] == result


def test_of_several_people_the_worst_is_said_first(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    """Who reads no further than the first word must not take it for done."""
    others = run_main("deprovision_event", {**EVENT, "emails": ["bob@raxx.example", "cy@raxx.example"]}).result["events"]
    finish(run_main, event, asked)
    bob, cy = (other["event"] for other in others)
    said = run_main("deprovision_result", {**asked, "events": [event, *others]}).result["verdict"].split(" | ")
    assert said[0] == "INCOMPLETE: 1 of 3 people"
    assert said[1].startswith(f"INCOMPLETE: {bob}, {cy}. Missing: ")
    assert said[2:] == [f"COMPLETE: {event['event']}"]

    planned = run_main("deprovision_result", {**asked, "events": others}, check=True).result["verdict"]
    assert planned.startswith(f"PLAN: 2 people | PLAN: {bob}, {cy}; nothing was changed")


def test_of_very_many_people_the_last_line_names_a_few(run_main: ModuleRunner, asked: Params) -> None:
    emails = [f"person{number}@raxx.example" for number in range(13)]
    events = run_main("deprovision_event", {**EVENT, "emails": emails}).result["events"]
    outcome = run_main("deprovision_result", {**asked, "events": events})
    assert " and 3 more. Missing: " in outcome.result["verdict"]
    assert all(any(line.startswith(f"{event['event']}: ") for line in outcome.result["lines"]) for event in events)


def test_check_mode_shows_the_plan_and_how_to_hold_a_run_to_it(run_main: ModuleRunner, asked: Params, tmp_path: Path) -> None:
    plan = {"digest": "a" * 64, "lines": ["a real run would", "  change nothing"]}
    outcome = run_main("deprovision_result", {**asked, "plan": plan, "path": str(tmp_path)}, check=True).result
    assert outcome["lines"] == plan["lines"]
    assert outcome["verdict"].endswith(f"-e plan={plan['digest']} holds a real run to this plan")
    assert list(tmp_path.iterdir()) == []


def test_without_a_ledger_only_the_failures_are_known(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    failure = {"host": "AWS SSM", "step": "P3", "code": "unreachable", "message": "No answer."}
    outcome = run_main("deprovision_result", {**asked, "recorded": False, "failures": [failure]})
    assert outcome.result["verdict"].startswith("INCOMPLETE")


@pytest.mark.parametrize(("step", "code"), [("Y4", "unauthorized"), ("P3", "rate_limited"), ("P4", "forbidden")])
def test_a_prerequisite_that_is_not_met_leaves_something_open(
    run_main: ModuleRunner, event: Params, asked: Params, step: str, code: str
) -> None:
    """Nothing went wrong that was tried: a run of the lock-out alone does without it."""
    failure = {"host": "It", "step": step, "code": code, "message": "It refused the token."}
    outcome = run_main("deprovision_result", {**asked, "failures": [failure]})
    assert (outcome.result["good"], outcome.result["verdict"].split(":")[0]) == (False, "INCOMPLETE")


def test_a_right_that_a_role_lacks_is_a_failure_whenever_it_is_seen(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    """Y3, E7: running again does not mend it, so the operator is told whom to call."""
    failure = {"host": "Heroku", "step": "Y3", "code": "grant_drift", "message": "The role lacks a right."}
    verdict = run_main("deprovision_result", {**asked, "failures": [failure], "contact": "the on-call"}).result["verdict"]
    assert (verdict.split(":")[0], "Call: the on-call" in verdict) == ("FAILED", True)


def test_a_time_that_is_none_is_refused(run_main: ModuleRunner, asked: Params) -> None:
    asked["events"][0]["notice"] = "soon"
    assert run_main("deprovision_result", asked).code == "invalid_input"


def test_a_failure_of_this_run_keeps_an_open_event_from_being_finished(
    run_main: ModuleRunner, event: Params, asked: Params
) -> None:
    """Whatever the ledger says: the row is not written and the ticket not closed in a run in which something failed; E7, I9."""
    finish(run_main, event, asked, "audit_row-audit_record", "closed")
    failure = {"host": "console", "step": "step 5", "code": "access_keeps_appearing", "message": "Again."}
    outcome = run_main("deprovision_result", {**asked, "failures": [failure], "contact": "the on-call"}).result
    told = outcome["events"][0]
    assert (told["ready_for_recheck"], told["ready_for_audit_row"], told["ready_to_close"]) == (False, False, False)
    assert (outcome["good"], outcome["verdict"].startswith("FAILED")) == (False, True)
    assert outcome["verdict"].endswith("Call: the on-call")


def test_a_closed_event_keeps_its_record_and_a_failure_is_still_told(
    run_main: ModuleRunner, event: Params, asked: Params, tmp_path: Path
) -> None:
    finish(run_main, event, asked)
    run_main("deprovision_result", {**asked, "path": str(tmp_path)})
    failure = {"host": "console", "step": "step 1", "code": "not_effective", "message": "There again."}
    outcome = run_main("deprovision_result", {**asked, "failures": [failure], "path": str(tmp_path)}).result
    assert (outcome["changed"], outcome["good"]) == (False, False)
    assert outcome["verdict"].startswith("FAILED: ")
    assert "There again." in outcome["verdict"]


def test_a_closed_event_is_judged_by_what_it_was_closed_with(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    """Neither another waiver, nor a console or credential that the inventory got later, changes what was recorded."""
    finish(run_main, event, asked)
    later = {
        "consoles": ["console", "second"],
        "records": ["audit_record"],
        "credentials": [credential("raptor_app", 2, waived=True), credential("audit_archiver", 3), credential("third", 2)],
        "locked_out": [],
    }
    assert run_main("deprovision_result", {**asked, "scope": later}).result["good"] is True


def test_a_check_run_with_a_failure_is_no_plan_that_works(run_main: ModuleRunner, asked: Params) -> None:
    failure = {"host": "Infisical", "step": "Y4", "code": "unreachable", "message": "No answer."}
    outcome = run_main("deprovision_result", {**asked, "failures": [failure]}, check=True).result
    assert (outcome["good"], "would not get through" in outcome["verdict"]) == (False, True)


def test_being_late_is_said(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    """S2: four hours from the notice."""
    finish(run_main, event, asked)
    asked["events"][0]["notice"] = "2026-01-01T00:00:00Z"
    assert "OVERDUE" in run_main("deprovision_result", asked).result["verdict"]


def test_a_place_that_cannot_be_written_is_said(run_main: ModuleRunner, event: Params, asked: Params, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run_main("deprovision_result", {**asked, "path": str(tmp_path / "file")}).code == "evidence_not_written"


def test_without_a_ledger_the_lockout_of_this_run_is_still_known(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    scope = {**asked["scope"], "consoles": ["console", "second"], "locked_out": ["console", "second"]}
    outcome = run_main("deprovision_result", {**asked, "scope": scope, "recorded": False})
    (line,) = [line for line in outcome.result["lines"] if line.startswith("[x] 1")]
    assert line.endswith("observed: removed from support; sessions ended: 1; none left")


# -- the evidence


def test_the_journal_is_sealed_before_the_audit_row_and_row_and_ticket_carry_its_head(
    run_main: ModuleRunner, event: Params, asked: Params
) -> None:
    finish(run_main, event, asked, "audit_row-audit_record", "closed")
    assert "not sealed" in run_main("deprovision_result", asked).result["events"][0]["audit_notes"]
    planned = run_main("deprovision_result", {**asked, "seal": True}, check=True).result
    done = run_main("deprovision_result", {**asked, "seal": True}).result
    again = run_main("deprovision_result", {**asked, "seal": True}).result
    assert (planned["changed"], done["changed"], again["changed"]) == (True, True, False)
    told = done["events"][0]
    (head,) = anchors_in(told["audit_notes"])
    assert anchors_in(told["ticket_note"]) == [head]
    assert again["events"][0]["audit_notes"].endswith(head)


def test_an_event_that_is_not_ready_is_not_sealed(run_main: ModuleRunner, event: Params, asked: Params) -> None:
    finish(run_main, event, asked, "recheck1-console", "audit_row-audit_record", "closed")
    assert run_main("deprovision_result", {**asked, "seal": True}).result["changed"] is False


def new_key(path: Path) -> tuple[Path, bytes]:
    """A signing key as a file, and the public half."""
    private = Ed25519PrivateKey.generate()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, bytes]:
    return new_key(tmp_path / "key.pem")


def sealed(run_main: ModuleRunner, event: Params, asked: Params, key: Path | None) -> None:
    """A whole run, with a key if there is one."""
    finish(run_main, event, asked, "audit_row-audit_record", "closed")
    run_main("deprovision_result", {**asked, "seal": True, **({"signing_key_file": str(key)} if key else {})})
    note(run_main, event["event"], {"audit_row-audit_record": FACTS["audit_row-audit_record"]})
    scope = run_main("deprovision_result", asked).result["events"][0]["scope"]
    note(run_main, event["event"], {"closed": {**FACTS["closed"], "at": "2999-01-01T00:00:00Z", "scope": scope}})


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_machine_writes_the_same_evidence_and_a_signature_is_kept(
    run_main: ModuleRunner, event: Params, asked: Params, key: tuple[Path, bytes], tmp_path: Path
) -> None:
    path, public = key
    sealed(run_main, event, asked, path)
    here, there = ({**asked, "path": str(tmp_path / name)} for name in ("here", "there"))
    first = run_main("deprovision_result", {**here, "signing_key_file": str(path)}).result
    (written,) = first["evidence"]
    bundle = Path(written["directory"])
    # The head that is shown at the end of a run is the one that the audit row carries, and by which the files can be checked.
    shown = first["lines"][-1].split(", ")[1]
    assert (written["signed"], shown) == (True, f"signed; anchored head {written['sealed_head']}")
    assert anchors_in(first["events"][0]["audit_notes"]) == [written["sealed_head"]]
    assert check(bundle, public, [("audit row", written["sealed_head"])]) == []
    assert {(path.stat().st_mode & 0o777) for path in bundle.iterdir()} == {0o600}

    # A colleague who has no key changes nothing where the signature is, and says what is lacking where it is not.
    kept = run_main("deprovision_result", here).result
    assert (kept["changed"], kept["evidence"][0]["signed"]) == (False, True)
    other = run_main("deprovision_result", there).result
    (keyid,) = [signature["keyid"] for signature in json.loads(files(bundle)[STATEMENT])["signatures"]]
    assert f"UNSIGNED (sealed for the key {keyid[:16]}, which is not configured); " in other["lines"][-1]
    mine, theirs = files(bundle), files(Path(other["evidence"][0]["directory"]))
    assert {name for name in mine if mine[name] != theirs[name]} == {STATEMENT}
    assert {problem.code for problem in check(Path(other["evidence"][0]["directory"]), public, [])} == {"unsigned"}


@pytest.mark.parametrize(("sealed_with", "said"), [("another", "sealed for the key "), ("none", "sealed without a key")])
def test_only_the_key_that_was_sealed_signs(
    run_main: ModuleRunner,
    event: Params,
    asked: Params,
    key: tuple[Path, bytes],
    tmp_path: Path,
    sealed_with: str,
    said: str,
) -> None:
    """What the statement says of the key, and what the page does, is true whoever continues the run."""
    another, public = new_key(tmp_path / "another.pem")
    sealed(run_main, event, asked, another if sealed_with == "another" else None)
    result = run_main("deprovision_result", {**asked, "path": str(tmp_path / "e"), "signing_key_file": str(key[0])}).result
    assert result["evidence"][0]["signed"] is False
    assert f"UNSIGNED ({said}" in result["lines"][-1]
    bundle = Path(result["evidence"][0]["directory"])
    assert {problem.code for problem in check(bundle, public, [])} == {"unsigned"}


def rendered_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of the collection, which words the page in another way."""
    monkeypatch.setitem(_bundle.RENDERERS, "report.md", lambda _record: b"# In other words")


def test_evidence_that_is_signed_is_not_replaced_by_what_is_not(
    run_main: ModuleRunner,
    event: Params,
    asked: Params,
    key: tuple[Path, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A colleague without the key runs a closed event again with another version."""
    path, public = key
    sealed(run_main, event, asked, path)
    here = {**asked, "path": str(tmp_path / "evidence")}
    signing = {**here, "signing_key_file": str(path)}
    bundle = Path(run_main("deprovision_result", signing).result["evidence"][0]["directory"])
    kept = files(bundle)
    rendered_otherwise(monkeypatch)
    for params in (here, {**here, "signing_key_file": str(new_key(tmp_path / "another.pem")[0])}):
        again = run_main("deprovision_result", params).result
        assert (again["changed"], again["evidence"][0]["signed"], files(bundle)) == (False, True, kept)
        words = "signed (kept as it is: what this run would write differs, and it cannot sign it)"
        assert f"{bundle}, {words}; anchored head " in again["lines"][-1]
    with_key = run_main("deprovision_result", signing).result
    assert (with_key["changed"], with_key["evidence"][0]["signed"], files(bundle) == kept) == (True, True, False)
    assert check(bundle, public, []) == []


def test_signed_evidence_of_an_open_event_gives_way_to_what_has_happened_since(
    run_main: ModuleRunner, event: Params, asked: Params, key: tuple[Path, bytes], tmp_path: Path
) -> None:
    """The result file must say that the event is complete, whoever finished it."""
    finish(run_main, event, asked, "audit_row-audit_record", "closed")
    here = {**asked, "path": str(tmp_path / "evidence")}
    first = run_main("deprovision_result", {**here, "seal": True, "signing_key_file": str(key[0])}).result
    assert first["evidence"][0]["signed"] is True
    note(run_main, event["event"], {"audit_row-audit_record": FACTS["audit_row-audit_record"]})
    scope = first["events"][0]["scope"]
    note(run_main, event["event"], {"closed": {**FACTS["closed"], "at": "2999-01-01T00:00:00Z", "scope": scope}})
    second = run_main("deprovision_result", here).result
    assert (second["changed"], second["evidence"][0]["signed"]) == (True, False)
    assert json.loads(Path(second["paths"][0]).read_text())["result"] == "complete"


def test_a_signature_that_is_not_of_the_sealed_key_is_not_announced(
    run_main: ModuleRunner, event: Params, asked: Params, key: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(run_main, event, asked, key[0])
    here = {**asked, "path": str(tmp_path / "evidence")}
    bundle = Path(run_main("deprovision_result", here).result["evidence"][0]["directory"])
    unsigned = files(bundle)
    garbage = json.dumps({**json.loads(unsigned[STATEMENT]), "signatures": [{"keyid": "ab" * 32, "sig": "AAAA"}]})
    (bundle / STATEMENT).write_text(garbage)
    again = run_main("deprovision_result", here).result
    assert (again["evidence"][0]["signed"], "UNSIGNED" in again["lines"][-1], files(bundle)) == (False, True, unsigned)
    (bundle / STATEMENT).write_text(garbage)
    rendered_otherwise(monkeypatch)
    assert run_main("deprovision_result", here).result["evidence"][0]["signed"] is False


def test_evidence_that_is_not_sealed_yet_shows_no_head_to_check_it_by(
    run_main: ModuleRunner, event: Params, asked: Params, tmp_path: Path
) -> None:
    result = run_main("deprovision_result", {**asked, "path": str(tmp_path)}).result
    assert (result["evidence"][0]["sealed_head"], result["lines"][-1].split(", ")[1]) == ("", "UNSIGNED; not anchored yet")


def test_a_ledger_that_was_edited_after_the_seal_is_a_failure(
    run_main: ModuleRunner, event: Params, asked: Params, key: tuple[Path, bytes], store: t.Any
) -> None:
    sealed(run_main, event, asked, key[0])
    assert run_main("deprovision_result", asked).result["good"] is True
    (name,) = [name for name in parameters(store) if name.endswith("/lockout-console")]
    store.put_parameter(Name=PREFIX + name, Value='{"at":"2026-05-19T09:01:00.000000Z","account":true}', Overwrite=True)
    outcome = run_main("deprovision_result", asked).result
    assert (outcome["good"], "ledger_damaged" in outcome["verdict"]) == (False, True)


def test_no_key_of_a_fingerprint_is_in_the_evidence(
    run_main: ModuleRunner, event: Params, asked: Params, key: tuple[Path, bytes], tmp_path: Path, store: t.Any
) -> None:
    """I10: the fingerprint is, and says nothing without its key."""
    secret = [value for name, value in parameters(store).items() if name.endswith(("/key", "/old"))]
    sealed(run_main, event, asked, key[0])
    secret += [value for name, value in parameters(store).items() if name.endswith(("/key", "/old"))]
    run_main("deprovision_result", {**asked, "path": str(tmp_path / "evidence"), "signing_key_file": str(key[0])})
    assert secret
    assert Leaks([*secret, key[0].read_text().splitlines()[1]]).below(tmp_path / "evidence") == []
    assert b'"fingerprint"' in files(tmp_path / "evidence" / event["event"])["journal.jsonl"]
