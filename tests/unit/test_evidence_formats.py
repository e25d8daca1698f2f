# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standard forms of the evidence: OSCAL by compliance-trestle, OCSF by its class fields, DSSE by securesystemslib."""

from __future__ import annotations

import base64
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._oscal import oscal
from ansible_collections.raxx.deprovision.plugins.module_utils._record import build
from ansible_collections.raxx.deprovision.plugins.module_utils._statement import (
    SigningKey,
    predicate_of,
    signatures_of,
    signing_key,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import STATEMENT, digest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from trestle.oscal.assessment_results import Model

from .bundle_world import CLOSING, EMAIL, EVENT, EVENT_FACTS, OPERATOR, PLANNED, ROTATED, at, bundle, case, new_key, without

INCOMPLETE = case(EVENT_FACTS, {**ROTATED, "dead": {**ROTATED["dead"], "old_dead": None}}, closing={})
WAIVER = {"at": CLOSING["closed"]["at"], "by": "ciso@raxx.example", "until": "2026-06-01", "reason": "the vault is being moved"}
CASES = {
    "waived": case({**EVENT_FACTS, "waived-2b-raptor_app": WAIVER}, without(ROTATED, "stored"), closing={}),
    "complete": case(),
    "inconclusive": INCOMPLETE,
    "begun": case(EVENT_FACTS, None, closing={}),
    "approved": case({**EVENT_FACTS, **PLANNED}),
}


@pytest.mark.parametrize("name", CASES)
def test_oscal_is_what_compliance_trestle_accepts(name: str) -> None:
    Model.model_validate(json.loads(bundle(CASES[name])["oscal.json"]))


def findings(document: dict[str, t.Any]) -> dict[str, tuple[str, str]]:
    found = document["assessment-results"]["results"][0]["findings"]
    status = {item["target"]["target-id"]: item["target"]["status"] for item in found}
    return {target: (item["state"], item["reason"]) for target, item in status.items()}


def test_oscal_findings_follow_the_claims() -> None:
    assert set(findings(json.loads(bundle(CASES["complete"])["oscal.json"])).values()) == {("satisfied", "pass")}
    open_ended = findings(json.loads(bundle(INCOMPLETE)["oscal.json"]))
    assert open_ended["ps-4_obj.b"] == ("not-satisfied", "other")
    assert open_ended["ac-2.3_obj.b"] == ("satisfied", "pass")
    assert findings(json.loads(bundle(CASES["begun"])["oscal.json"]))["ia-5_obj.i"] == ("not-satisfied", "fail")


def test_oscal_refers_to_the_files_by_their_digests_and_to_nothing_unknown() -> None:
    files = bundle(CASES["complete"])
    document = json.loads(files["oscal.json"])["assessment-results"]
    for resource in document["back-matter"]["resources"]:
        (link,) = resource["rlinks"]
        assert link["hashes"][0]["value"] == digest(files[link["href"]])
    known = json.dumps(document)
    result = document["results"][0]
    observations = {item["uuid"] for item in result["observations"]}
    for finding in result["findings"]:
        assert {item["observation-uuid"] for item in finding["related-observations"]} <= observations
    for resource in [item["href"] for observation in result["observations"] for item in observation["relevant-evidence"]]:
        assert f'"uuid": "{resource[1:]}"' in known
    assert oscal(build(CASES["complete"]), {}) == oscal(build(case()), {})


def people(document: dict[str, t.Any]) -> dict[str, str]:
    return {party["uuid"]: party["name"] for party in document["metadata"]["parties"]}


def in_charge(holder: dict[str, t.Any], known: dict[str, str]) -> dict[str, list[str]]:
    return {item["role-id"]: [known[party] for party in item["party-uuids"]] for item in holder["responsible-parties"]}


def test_oscal_says_until_which_moment_a_gap_is_accepted() -> None:
    (result,) = json.loads(bundle(CASES["waived"])["oscal.json"])["assessment-results"]["results"]
    ends = {item["title"]: item["expires"] for item in result["observations"] if "expires" in item}
    assert ends == {"2b/raptor_app": "2026-06-01T23:59:59.999999Z"}


def test_oscal_names_who_approved_as_a_party_with_a_role() -> None:
    document = json.loads(bundle(CASES["approved"])["oscal.json"])["assessment-results"]
    approver, known = PLANNED["approved"]["by"], people(document)
    assert sorted(known.values()) == sorted([OPERATOR, approver])
    assert in_charge(document["metadata"], known) == {"operator": [OPERATOR], "approver": [approver]}
    assert {role["id"] for role in document["metadata"]["roles"]} == {"operator", "approver"}
    (result,) = document["results"]
    stated, approval = result["attestations"]
    assert in_charge(stated, known) == {"operator": [OPERATOR]}
    # Only the operator said so, and the document does not hide it.
    assert in_charge(approval, known) == {"operator": [OPERATOR], "approver": [approver]}
    assert f"by {approver}" in approval["parts"][0]["prose"]
    assert f"stated by {OPERATOR}" in approval["parts"][0]["prose"]
    assert approver not in stated["parts"][0]["prose"]
    (seen,) = (item for item in result["observations"] if item["title"] == "approval")
    assert [(item["type"], known[item["subject-uuid"]]) for item in seen["subjects"]] == [("party", approver)]
    assert [(item["type"], known[item["actor-uuid"]]) for item in seen["origins"][0]["actors"]] == [("party", OPERATOR)]


def test_oscal_names_one_person_once_and_nobody_who_is_not_known() -> None:
    own = {**PLANNED, "approved": {**PLANNED["approved"], "by": OPERATOR}}
    document = json.loads(bundle(case({**EVENT_FACTS, **own}))["oscal.json"])["assessment-results"]
    assert list(people(document).values()) == [OPERATOR]
    assert in_charge(document["metadata"], people(document)) == {"operator": [OPERATOR], "approver": [OPERATOR]}
    alone = json.loads(bundle(CASES["complete"])["oscal.json"])["assessment-results"]
    assert in_charge(alone["metadata"], people(alone)) == {"operator": [OPERATOR]}


def test_what_a_person_stated_is_not_said_to_have_been_tested_by_the_tool() -> None:
    (result,) = json.loads(bundle(CASES["complete"])["oscal.json"])["assessment-results"]["results"]
    for item in result["observations"]:
        attested = item["props"][0]["value"] == "attested"
        assert item["methods"] == ["EXAMINE" if attested else "TEST"]
        assert {actor["type"] for origin in item["origins"] for actor in origin["actors"]} == {"party" if attested else "tool"}


def test_an_objective_that_no_claim_speaks_for_is_not_satisfied() -> None:
    record = build(CASES["complete"])
    without_claims = {**record, "claims": [claim for claim in record["claims"] if claim["step"] in ("1a", "1b", "5", "S2")]}
    found = findings(oscal(without_claims, {}))
    assert found["ac-2_obj.k"] == ("not-satisfied", "fail")
    assert found["ps-4_obj.a"] == ("satisfied", "pass")


def test_who_was_late_does_not_pass() -> None:
    """S2: seen, and seen to be too late."""
    late = case(closing={**CLOSING, "closed": {**CLOSING["closed"], "at": "2026-05-19T13:30:00.000000Z"}})
    assert build(late)["timeliness"]["overdue"]
    files = bundle(late)
    assert findings(json.loads(files["oscal.json"]))["ps-4_obj.a"] == ("not-satisfied", "fail")
    (finding,) = (event for event in map(json.loads, files["ocsf.jsonl"].splitlines()) if event["class_uid"] == 2003)
    checks = {check["uid"]: check["status_id"] for check in finding["compliance"]["checks"]}
    assert (checks["S2"], checks["1a/console"]) == (3, 1)
    assert finding["compliance"]["status_id"] == 3
    assert "S2: overdue" in finding["compliance"]["status_details"]
    assert finding["severity_id"] == 4


# The fields of each class that the reference names, and those of every event.
BASE = {
    "metadata", "time", "end_time", "category_uid", "class_uid", "activity_id", "type_uid", "severity_id", "status_id",
    "status_detail", "actor",
}  # fmt: skip
CLASSES: dict[tuple[int, int], set[str]] = {
    (3006, 4): {"group", "user"},
    (3002, 2): {"user", "session"},
    (3001, 4): {"user"},
    (3004, 3): {"entity", "comment"},
    (6003, 3): {"api", "resources"},
    (6003, 2): {"api", "resources"},
    (3002, 1): {"status_code", "dst_endpoint", "auth_protocol", "user"},
    (6005, 5): {"database", "table", "query_info"},
    (2003, 1): {"finding_info", "compliance", "evidences", "start_time", "end_time"},
}


def events(name: str) -> list[dict[str, t.Any]]:
    return [json.loads(line) for line in bundle(CASES[name])["ocsf.jsonl"].splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_ocsf_events_have_the_fields_of_their_class(name: str) -> None:
    for number, event in enumerate(events(name), start=1):
        assert set(event) >= BASE | CLASSES[event["class_uid"], event["activity_id"]]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["category_uid"] == event["class_uid"] // 1000
        assert event["metadata"]["sequence"] == number
        assert event["metadata"]["correlation_uid"] == EVENT.id
        assert set(event["metadata"]["product"]) == {"name", "vendor_name", "version"}
        assert isinstance(event["time"], int)
        assert event["status_id"] in (1, 2)


def test_every_class_that_the_reference_names_is_there() -> None:
    written = {(event["class_uid"], event["activity_id"]) for event in events("complete")}
    assert written | {(6003, 2)} == set(CLASSES)


OTHERS = {"lockout": "lena.lock@raxx.example", "rotation": "rosa.rotate@raxx.example", "closed": "carl.close@raxx.example"}


def by_others() -> dict[str, bytes]:
    """The evidence of an event that one person opened, and others carried out."""
    return bundle(
        case(
            {**EVENT_FACTS, "lockout-console": {**EVENT_FACTS["lockout-console"], "by": OTHERS["lockout"]}},
            {**ROTATED, "intent": {**ROTATED["intent"], "operator": OTHERS["rotation"]}},
            closing={**CLOSING, "closed": {**CLOSING["closed"], "by": OTHERS["closed"]}},
        )
    )


def test_the_actor_of_an_event_is_who_did_it() -> None:
    actors: dict[int, set[str]] = {}
    for event in map(json.loads, by_others()["ocsf.jsonl"].splitlines()):
        user = event["actor"]["user"]
        assert user["name"] == user["email_addr"]
        actors.setdefault(event["type_uid"], set()).add(user["name"])
    assert actors == {
        300604: {OTHERS["lockout"]},
        300202: {OTHERS["lockout"]},
        300104: {OTHERS["rotation"]},
        300403: {OTHERS["rotation"]},
        600303: {OTHERS["rotation"]},
        300201: {OTHERS["rotation"]},
        600505: {OPERATOR},
        200301: {OTHERS["closed"]},
    }


def test_oscal_s_log_names_who_did_a_step() -> None:
    Model.model_validate(json.loads(by_others()["oscal.json"]))
    document = json.loads(by_others()["oscal.json"])["assessment-results"]
    known = people(document)
    logged = {
        entry["title"].split()[0]: {known[party["party-uuid"]] for party in entry["logged-by"]}
        for entry in document["results"][0]["assessment-log"]["entries"]
    }
    assert logged["1a"] == logged["1b"] == {OTHERS["lockout"]}
    assert logged["2a"] == logged["2d"] == {OTHERS["rotation"]}
    assert logged["7"] == {OTHERS["closed"]}
    assert logged["5"] == logged["6"] == logged["3a"] == {OPERATOR}


def test_ocsf_events_say_what_is_known_and_invent_nothing() -> None:
    found = {event["type_uid"]: event for event in events("complete")}

    def milliseconds(minute: int) -> int:
        return round(parse(at(minute)).timestamp() * 1000)

    def span(event: dict[str, t.Any]) -> tuple[int, int]:
        return event["start_time"], event["end_time"]

    removed, ended, reset = found[300604], found[300202], found[300104]
    assert removed["group"] == {"name": "support", "uid": "4"}
    assert removed["user"] == ended["user"] == {"name": EMAIL, "email_addr": EMAIL}
    assert ended["session"] == {"uid": "7", "expiration_reason": "deprovisioned", "created_time": milliseconds(1)}
    assert span(removed) == span(ended) == (milliseconds(10), milliseconds(11))
    assert reset["user"] == {"name": "raptor_app", "type": "database role"}
    assert (reset["status_detail"], span(reset)) == ("rotated", (milliseconds(13), milliseconds(14)))
    assert found[300403]["entity"] == {"name": "ssm /raxx/test/URL", "type": "secret", "uid": "raptor_app"}
    handed_out = found[600303]
    assert handed_out["resources"] == [{"name": "raptor", "type": "app"}]
    assert handed_out["api"] == {"operation": "update config vars", "service": {"name": "Heroku Platform API"}}
    assert (handed_out["status_detail"], handed_out["end_time"]) == ("handed out: release 5", milliseconds(17))
    assert "start_time" not in handed_out
    row, finding = found[600505], found[200301]
    assert (row["database"]["name"], row["table"]["name"]) == ("audit_record", "audit_archival_runs")
    assert row["status_detail"] == "deprovisioning, ticket id 812"
    assert (finding["status_detail"], span(finding)) == ("complete", (milliseconds(0), milliseconds(33)))
    # No answer of Heroku is kept, and which way of a password log-in the server asked for neither.
    assert not any("http_response" in event for event in found.values())
    assert found[300201]["auth_protocol"] == "PostgreSQL password"


def test_a_config_var_that_had_the_value_already_was_read_and_not_updated() -> None:
    """2c: the add-on sets its own, and an earlier run may have been killed after it wrote."""
    rotated = {**ROTATED, "distributed-raptor": {**ROTATED["distributed-raptor"], "written": False}}
    found = map(json.loads, bundle(case(EVENT_FACTS, rotated))["ocsf.jsonl"].splitlines())
    (event,) = [event for event in found if event["class_uid"] == 6003]
    assert (event["activity_id"], event["type_uid"], event["api"]["operation"]) == (2, 600302, "read config vars")


def test_a_refused_probe_is_a_failed_log_in_with_its_sqlstate() -> None:
    probes = [event for event in events("complete") if (event["class_uid"], event["activity_id"]) == (3002, 1)]
    assert [(event["status_id"], event["status_code"], event["severity_id"]) for event in probes] == [
        (1, "00000", 1), (2, "28P01", 1), (2, "28P01", 1),
    ]  # fmt: skip


def test_the_finding_of_an_open_event_is_a_failure_with_what_to_do() -> None:
    finding = events("inconclusive")[-1]
    assert (finding["status_id"], finding["compliance"]["status_id"]) == (2, 3)
    assert "remediation" in finding
    checks = {item["uid"]: item["status_id"] for item in finding["compliance"]["checks"]}
    assert (checks["2.dead/raptor_app"], checks["1a/console"], checks["6/audit_record"]) == (2, 1, 3)


# -- the statement


def test_the_envelope_is_one_that_another_implementation_verifies() -> None:
    key, public = new_key(1)
    files = bundle(case(keyid=key.keyid), key)
    envelope = Envelope.from_dict(json.loads(files[STATEMENT]))
    envelope.verify([SSlibKey.from_crypto(load_pem_public_key(public), keyid=key.keyid)], 1)
    statement = json.loads(envelope.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert {item["name"]: item["digest"]["sha256"] for item in statement["subject"]} == {
        name: digest(content) for name, content in files.items() if name != STATEMENT
    }
    predicate = statement["predicate"]
    assert (predicate["subject"], predicate["result"], predicate["keyid"]) == (EMAIL, "complete", key.keyid)
    assert {"id", "grade", "result"} == set(predicate["claims"][0])
    assert (predicate["plan"], predicate["approval"]) == (None, None)


def test_the_statement_names_the_plan_and_who_approved_it() -> None:
    facts = {**EVENT_FACTS, **PLANNED}
    envelope = json.loads(bundle(case(facts), None)[STATEMENT])
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert predicate["plan"] == PLANNED["planned"]
    assert predicate["approval"] == PLANNED["approved"]


def test_the_same_key_signs_the_same_bytes() -> None:
    key, _public = new_key(1)
    assert bundle(case(keyid=key.keyid), key) == bundle(case(keyid=key.keyid), key)


def pem(key: t.Any) -> bytes:
    return t.cast(bytes, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize("content", [None, b"nonsense", pem(generate_private_key(SECP256R1()))])
def test_a_key_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeprovisionError) as caught:
        SigningKey.from_file(str(path))
    assert caught.value.code == "signing_key_unusable"


def test_without_a_key_nothing_is_signed() -> None:
    assert signing_key(None) is None
    assert json.loads(bundle(case())[STATEMENT])["signatures"] == []


MINE = {"keyid": "ab" * 32, "sig": "AAAA"}


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        (MINE, 1),
        ({**MINE, "keyid": "cd" * 32}, 0),
        ({**MINE, "keyid": None}, 0),
        ({**MINE, "sig": 7}, 0),
        ({"sig": "AAAA"}, 0),
        ("garbage", 0),
    ],
)
def test_only_what_names_the_key_counts_as_a_signature(found: t.Any, counted: int) -> None:
    present = json.dumps({"payload": "e30=", "signatures": [found]}).encode()
    assert len(signatures_of(present, MINE["keyid"])) == counted
    assert signatures_of(present, None) == []


@pytest.mark.parametrize(
    "present", [None, b"", b"[]", b'{"signatures": 7, "payload": 7}', b'{"payload": "e30="}', b'{"payload": "W10="}']
)
def test_what_is_no_statement_has_neither_signature_nor_predicate(present: bytes | None) -> None:
    assert (signatures_of(present, MINE["keyid"]), predicate_of(present)) == ([], {})


def test_a_parked_secret_is_named_in_the_events() -> None:
    parked = {
        "at": "2026-05-19T09:15:00.000000Z",
        "kind": "ssm",
        "name": "/raxx/test/PARKED",
        "code": "unreachable",
        "reason": "",
    }
    files = bundle(case(EVENT_FACTS, {**without(ROTATED, "stored"), "parked": parked}, closing={}))
    assert b"2b/raptor_app: parked" in files["ocsf.jsonl"]
