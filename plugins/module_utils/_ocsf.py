# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A record as OCSF events (1.8.0), one JSON line each, for a log pipeline."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._claims import OVERDUE
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import canonical
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import fact_subject
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

Value = t.Dict[str, t.Any]

VERSION = "1.8.0"
INFORMATIONAL, HIGH = 1, 4
SUCCESS, FAILURE = 1, 2
# Class, activity and category.
GROUP_REMOVE_USER = (3006, 4, 3)
LOGOFF = (3002, 2, 3)
LOGON = (3002, 1, 3)
PASSWORD_RESET = (3001, 4, 3)
ENTITY_UPDATE = (3004, 3, 3)
API_READ = (6003, 2, 6)
API_UPDATE = (6003, 3, 6)
DATASTORE_WRITE = (6005, 5, 6)
FINDING_CREATE = (2003, 1, 2)

_GOOD = ("observed", "acknowledged", "attested")


def ocsf(record: Value) -> bytes:
    """The events as lines, in the order of the steps."""
    found = [
        *_console(record),
        *_credentials(record),
        *_probes(record),
        *(_row(record, row) for row in record["audit_row"]),
        _finding(record),
    ]
    return b"".join(canonical(_numbered(event, number)) + b"\n" for number, event in enumerate(found, start=1))


def _numbered(event: Value, number: int) -> Value:
    metadata = {**event["metadata"], "sequence": number, "uid": f"{event['metadata']['correlation_uid']}#{number}"}
    return {**event, "metadata": metadata}


def _event(
    record: Value,
    kind: t.Tuple[int, int, int],
    at: str,
    *,
    by: str | None,
    detail: str,
    since: str | None = None,
    success: bool = True,
    **more: t.Any,
) -> Value:
    """An event that was over C(at) that time. C(by): who did it; where that is not known, who opened the departure."""
    class_uid, activity, category = kind
    who = by or record["operator"]
    return {
        "metadata": {
            "version": VERSION,
            "product": {"name": "raxx.deprovision", "vendor_name": "Raxx", "version": record["collection"]},
            "correlation_uid": record["event"],
        },
        "time": _milliseconds(at),
        **({"start_time": _milliseconds(since)} if since else {}),
        "end_time": _milliseconds(at),
        "category_uid": category,
        "class_uid": class_uid,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "severity_id": INFORMATIONAL if success else HIGH,
        "status_id": SUCCESS if success else FAILURE,
        "status_detail": detail,
        "actor": {"user": {"name": who, "email_addr": who}},
        **more,
    }


def _milliseconds(at: str) -> int:
    moment = parse(at)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _leaver(record: Value) -> Value:
    return {"name": record["email"], "email_addr": record["email"]}


def _console(record: Value) -> t.Iterator[Value]:
    """1a and 1b: what was taken away. What was gone already, or is still open, is no event."""
    for item in record["population"]["items"]:
        if item["outcome"] != "removed":
            continue
        facts = item["facts"]
        known = {"by": item["by"], "since": record["window"]["opened"], "user": _leaver(record)}
        if item["kind"] == "membership":
            group = {"name": item["name"], "uid": str(facts.get("group_id"))}
            yield _event(record, GROUP_REMOVE_USER, item["at"], detail="removed", group=group, **known)
        else:
            session: Value = {"uid": item["name"], "expiration_reason": "deprovisioned"}
            if facts.get("started_at"):
                session["created_time"] = _milliseconds(facts["started_at"])
            yield _event(record, LOGOFF, item["at"], detail="ended", session=session, **known)


def _credentials(record: Value) -> t.Iterator[Value]:
    rotations = _rotations(record)
    for claim in record["claims"]:
        part, name = claim["id"].partition("/")[0], claim["subject"]
        rotation = rotations.get(name)
        if not rotation or not claim["at"] or claim["grade"] != "observed":
            continue
        known = {"by": rotation["by"], "detail": ": ".join(filter(None, (claim["result"], claim["detail"])))}
        if part in ("2a", "3a"):
            user = {"name": name, "type": "database role"}
            yield _event(record, PASSWORD_RESET, claim["at"], since=rotation["begun"], user=user, **known)
        elif part in ("2b", "3b"):
            entity = {"name": claim["detail"].partition(",")[0], "type": "secret", "uid": name}
            yield _event(record, ENTITY_UPDATE, claim["at"], entity=entity, comment=claim["detail"], **known)
        elif part in ("2c", "3c"):
            app = claim["id"].rpartition("@")[2]
            written = fact_subject(app) in rotation["written"]
            yield _event(
                record,
                API_UPDATE if written else API_READ,
                claim["at"],
                api={
                    "operation": f"{'update' if written else 'read'} config vars",
                    "service": {"name": "Heroku Platform API"},
                },
                resources=[{"name": app, "type": "app"}],
                src_endpoint={"name": "control node"},
                **known,
            )


def _rotations(record: Value) -> t.Dict[str, Value]:
    return {rotation["credential"]: rotation for rotation in record["rotations"]}


def _probes(record: Value) -> t.Iterator[Value]:
    """The three log-ins of a death proof. A refusal is what two of them had to meet: its status is that of the log-in."""
    for proof in record["proofs"]:
        endpoint = {"name": str(proof["observer"].get("database", proof["credential"]))}
        for probe in proof["probes"]:
            if probe["answer"] is None:
                continue
            logged_in = probe["answer"] == "logs in"
            yield _event(
                record,
                LOGON,
                proof["at"],
                by=_rotations(record)[proof["credential"]]["by"],
                detail=f"probe: {probe['probe']}",
                success=logged_in,
                severity_id=INFORMATIONAL if probe["answer"] == probe["required"] else HIGH,
                status_code="00000" if logged_in else probe["answer"],
                user={"name": proof["credential"]},
                dst_endpoint=endpoint,
                auth_protocol="PostgreSQL password",
            )


def _row(record: Value, row: Value) -> Value:
    return _event(
        record,
        DATASTORE_WRITE,
        row["completed_at"],
        by=row["operator"],
        detail=f"{row['run_type']}, ticket id {row['ticket']}",
        database={"name": row["record"], "type_id": 1},
        table={"name": "audit_archival_runs"},
        query_info={"query_string": "INSERT INTO audit_archival_runs"},
        src_endpoint={"name": "control node"},
    )


def _finding(record: Value) -> Value:
    good = record["result"] == "complete"
    late = record["timeliness"]["overdue"]
    at = record["window"]["ended"] or record["timeline"][-1]["at"]
    opened = [
        f"{claim['id']}: {claim['result']}"
        for claim in record["claims"]
        if claim["grade"] in ("missing", "inconclusive") or claim["result"] == OVERDUE
    ]
    more: Value = {} if good else {"remediation": {"desc": "Run the same command again; see docs/operations.md"}}
    return _event(
        record,
        FINDING_CREATE,
        at,
        by=next((claim["by"] for claim in record["claims"] if claim["id"] == "7"), None),
        detail=record["result"],
        since=record["window"]["notice"],
        success=good,
        severity_id=HIGH if late or not good else INFORMATIONAL,
        finding_info={"uid": record["event"], "title": f"Deprovisioning of {record['email']}"},
        compliance={
            "standards": ["SOC 2", "NIST SP 800-53 Rev. 5"],
            "control": "CC6.3",
            "requirements": ["CC6.3", "PS-4"],
            "checks": [
                {"uid": claim["id"], "name": claim["statement"], "status_id": _status(claim)}
                for claim in record["claims"]
                if claim["grade"] != "not covered"
            ],
            "status_id": 3 if late or not good else 1,
            "status_details": opened,
        },
        evidences=[{"data": {"chain_uid": record["integrity"]["chain"], "fingerprint": record["integrity"]["head"]}}],
        **more,
    )


def _status(claim: Value) -> int:
    """Pass, warning or fail, as OCSF numbers the results of checks."""
    if claim["grade"] in ("waived", "inconclusive"):
        return 2
    return 1 if claim["grade"] in _GOOD and claim["result"] != OVERDUE else 3
