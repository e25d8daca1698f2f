# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A record as OSCAL assessment results (1.2.1), for the tools of auditors."""

from __future__ import annotations

import typing as t
import uuid

from ansible_collections.raxx.deprovision.plugins.module_utils._claims import OVERDUE
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import digest
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse_end

Value = t.Dict[str, t.Any]

VERSION = "1.2.1"
NAMESPACE = "https://raxx.app/ns/oscal"
_ROOT = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_NO_PLAN = "https://raxx.app/deprovision/runbook"
_ATTESTED = "attested"
_GOOD = ("observed", "acknowledged", _ATTESTED)
_APPROVAL = "approval"

# The objective, whether it is one of NIST's catalogue, its words, and the steps that speak for it.
# We know of no public catalogue of SOC 2 in OSCAL, so its criterion has an id of our own.
_OBJECTIVES = (
    ("ps-4_obj.a", "objective-id", "System access is disabled within the organisation's time", ("1a", "1b", "5", "S2")),
    ("ps-4_obj.b", "objective-id", "Authenticators of the person are revoked", ("1b", "2a", "2d", "3a", "3c")),
    ("ac-2_obj.k", "objective-id", "Shared authenticators change when a member leaves", ("2a", "2b", "2d", "3a", "3b", "3c")),
    ("ac-2_obj.h.2", "objective-id", "Those in charge of accounts are told of the departure", ("7",)),
    ("ac-2.3_obj.b", "objective-id", "Accounts without an owner are disabled", ("1a", "1b", "5")),
    ("ac-2.13_obj", "objective-id", "Accounts of people who are a risk are disabled in time", ("1a", "1b", "S2")),
    ("ia-5_obj.i", "objective-id", "Group authenticators change with the membership", ("2a", "2d", "3a", "3c")),
    ("cc6.3", "statement-id", "Rights are removed when the role or the employment ends", ("1a", "1b", "2d", "3c", "4", "5", "6")),
)  # fmt: skip
_CONTROLS = ("ps-4", "ac-2", "ac-2.3", "ac-2.13", "ia-5")


def oscal(record: Value, files: t.Mapping[str, bytes]) -> Value:
    """The document. C(files) are those that it refers to by their digests."""
    window = record["window"]
    times = [entry["at"] for entry in record["timeline"]]
    assessed: Value = {
        "uuid": _uuid(record, "result"),
        "title": f"Deprovisioning of {record['email']}",
        "description": f"{record['event']} in {record['environment']}: {record['result']}",
        "start": window["opened"],
        "end": window["ended"] or max(times),
        "props": [_prop("result", record["result"])],
        "local-definitions": {"components": [_component(record)], "inventory-items": _inventory(record)},
        "reviewed-controls": {"control-selections": [{"include-controls": [{"control-id": control} for control in _CONTROLS]}]},
        "attestations": _attestations(record),
        "assessment-log": {"entries": _log(record)},
        "observations": [_observation(record, claim) for claim in record["claims"] if claim["at"]],
        "findings": [_finding(record, *objective) for objective in _OBJECTIVES],
    }
    return {
        "assessment-results": {
            "uuid": _uuid(record, "document"),
            "metadata": _metadata(record, max(times)),
            "import-ap": {"href": _NO_PLAN},
            "results": [assessed],
            "back-matter": {"resources": [_resource(record, name, content) for name, content in sorted(files.items())]},
        }
    }


def _uuid(record: Value, *names: str) -> str:
    """The same thing of the same event has the same id whoever writes it."""
    return str(uuid.uuid5(_ROOT, "/".join((record["environment"], record["event"], *names))))


def _prop(name: str, value: t.Any) -> Value:
    return {"name": name, "ns": NAMESPACE, "value": str(value)}


def _metadata(record: Value, changed: str) -> Value:
    return {
        "title": f"Evidence of {record['event']}",
        "last-modified": changed,
        "version": record["collection"],
        "oscal-version": VERSION,
        "roles": [{"id": role, "title": role.capitalize()} for role in _roles(record)],
        "parties": [
            {"uuid": _person(record, address), "type": "person", "name": address, "email-addresses": [address]}
            for address in _people(record)
        ],
        "responsible-parties": _responsible(record, _roles(record)),
    }


def _person(record: Value, address: str) -> str:
    return _uuid(record, "person", address)


def _roles(record: Value) -> t.Dict[str, str]:
    """Who had which role. Operator and approver may be one person."""
    approval = record["approval"] or {}
    return {"operator": record["operator"], **({"approver": approval["by"]} if approval.get("by") else {})}


def _people(record: Value) -> t.List[str]:
    """Each person that the document names, once."""
    stated = [_stated_by(record, claim) for claim in record["claims"] if claim["grade"] == _ATTESTED]
    acting = [address for step in record["steps"] for address in _acting(record, step)]
    return list(dict.fromkeys([*_roles(record).values(), *stated, *acting]))


def _acting(record: Value, step: Value) -> t.List[str]:
    """Who carried out a step: where nobody is known, who opened the event."""
    return t.cast("t.List[str]", step["by"] or [record["operator"]])


def _stated_by(record: Value, claim: Value) -> str:
    """Who vouches for an attested claim. That somebody approved is the statement of the operator, not of the approver."""
    by = (record["approval"] or {}).get("stated_by") if claim["id"] == _APPROVAL else claim["by"]
    return str(by or record["operator"])


def _responsible(record: Value, roles: t.Mapping[str, str]) -> t.List[Value]:
    return [{"role-id": role, "party-uuids": [_person(record, address)]} for role, address in roles.items()]


def _component(record: Value) -> Value:
    return {
        "uuid": _uuid(record, "collection"),
        "type": "software",
        "title": "raxx.deprovision",
        "description": f"The Ansible collection that made the run, version {record['collection']}",
        "status": {"state": "operational"},
    }


def _inventory(record: Value) -> t.List[Value]:
    subjects = sorted({claim["subject"] for claim in record["claims"] if claim["subject"]})
    return [{"uuid": _uuid(record, "subject", name), "description": f"{name} of the inventory"} for name in subjects]


def _attestations(record: Value) -> t.List[Value]:
    """What the operator states, and that the run was approved."""
    roles = _roles(record)
    stated = [claim for claim in record["claims"] if claim["grade"] == _ATTESTED]
    prose = [_prose(claim) for claim in stated if claim["id"] != _APPROVAL]
    prose = prose or [f"{record['operator']} opened the event on the notice of {record['window']['notice']}."]
    found = [_attestation(record, {"operator": roles["operator"]}, prose)]
    approved = [_prose(claim) for claim in stated if claim["id"] == _APPROVAL]
    return found + ([_attestation(record, roles, approved)] if approved else [])


def _prose(claim: Value) -> str:
    by = f" by {claim['by']}" if claim["id"] == _APPROVAL else ""
    return f"{claim['statement']}{by}: {claim['detail']}."


def _attestation(record: Value, roles: t.Mapping[str, str], prose: t.Sequence[str]) -> Value:
    return {
        "responsible-parties": _responsible(record, roles),
        "parts": [{"name": "attestation", "ns": NAMESPACE, "prose": " ".join(prose)}],
    }


def _log(record: Value) -> t.List[Value]:
    begun = record["window"]["opened"]
    return [
        {
            "uuid": _uuid(record, "step", step["id"]),
            "title": f"{step['id']} {step['title']}",
            "start": step["begun"] or step["at"] or begun,
            "end": step["ended"] or step["at"] or begun,
            "logged-by": [{"party-uuid": _person(record, address), "role-id": "operator"} for address in _acting(record, step)],
            "props": [_prop("grade", step["grade"].replace(" ", "-"))],
        }
        for step in record["steps"]
        if step["at"]
    ]


def _observation(record: Value, claim: Value) -> Value:
    observation: Value = {
        "uuid": _uuid(record, "claim", claim["id"]),
        "title": claim["id"],
        "description": f"{claim['statement']}: {claim['result']}" + (f" ({claim['detail']})" if claim["detail"] else ""),
        "props": [_prop("grade", claim["grade"].replace(" ", "-"))],
        "methods": ["EXAMINE" if claim["grade"] == _ATTESTED else "TEST"],
        "types": ["control-objective"],
        "origins": [{"actors": [_actor(record, claim)]}],
        "relevant-evidence": [
            {"href": f"#{_uuid(record, 'file', 'journal.jsonl')}", "description": source} for source in claim["sources"]
        ],
        "collected": claim["at"],
    }
    if claim["subject"]:
        observation["subjects"] = [{"subject-uuid": _uuid(record, "subject", claim["subject"]), "type": "inventory-item"}]
    if claim["id"] == _APPROVAL and claim["by"]:
        observation["subjects"] = [{"subject-uuid": _person(record, claim["by"]), "type": "party"}]
    if claim["until"]:
        observation["expires"] = format_time(parse_end(claim["until"]))
    return {name: value for name, value in observation.items() if value}


def _actor(record: Value, claim: Value) -> Value:
    if claim["grade"] == _ATTESTED:
        return {"type": "party", "actor-uuid": _person(record, _stated_by(record, claim)), "role-id": "operator"}
    return {"type": "tool", "actor-uuid": _uuid(record, "collection")}


def _finding(record: Value, target: str, kind: str, words: str, steps: t.Sequence[str]) -> Value:
    claims = [claim for claim in record["claims"] if claim["step"] in steps]
    open_ended = any(claim["grade"] == "inconclusive" for claim in claims)
    # What nothing speaks for is not satisfied.
    good = bool(claims) and all(claim["grade"] in _GOOD and claim["result"] != OVERDUE for claim in claims)
    status = {"state": "satisfied" if good else "not-satisfied", "reason": "pass" if good else "other" if open_ended else "fail"}
    finding: Value = {
        "uuid": _uuid(record, "finding", target),
        "title": target,
        "description": words,
        "target": {"type": kind, "target-id": target, "status": status},
        "related-observations": [{"observation-uuid": _uuid(record, "claim", claim["id"])} for claim in claims if claim["at"]],
    }
    return {name: value for name, value in finding.items() if value}


def _resource(record: Value, name: str, content: bytes) -> Value:
    return {
        "uuid": _uuid(record, "file", name),
        "title": name,
        "rlinks": [{"href": name, "hashes": [{"algorithm": "SHA-256", "value": digest(content)}]}],
    }
