# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A departure with everything that its evidence is made of, for tests: no store, no clock."""

from __future__ import annotations

import base64
import json
import typing as t
from hashlib import sha256

from ansible_collections.raxx.deprovision.plugins.module_utils import _bundle
from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._event_journal import Covering, journal, seal
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import canonical
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import Credential, evaluate
from ansible_collections.raxx.deprovision.plugins.module_utils._record import Case, build
from ansible_collections.raxx.deprovision.plugins.module_utils._statement import SigningKey, envelope
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import STATEMENT, pretty
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Facts = dict[str, t.Any]

EMAIL, OPERATOR, APP = "jordan.smith@raxx.example", "olivia.osei@raxx.example", "raxx-console-test"
EVENT = Event("DEPROV-2026-05-19-jordan.smith", EMAIL, OPERATOR, parse("2026-05-19T09:00:00Z"), parse("2026-05-19T09:10:00Z"))
NOW = parse("2026-05-19T10:00:00Z")
SCOPE = {"consoles": ["console"], "records": ["audit_record"], "credentials": []}


def at(minute: int) -> str:
    return f"2026-05-19T09:{minute:02d}:00.000000Z"


def listing(kind: str, rows: list[Facts], minute: int, **more: t.Any) -> Facts:
    return {
        "kind": kind,
        "query": f"SELECT {kind}",
        "parameters": {"ids": '{"2"}'},
        "account": 2,
        "server": {"database": "console", "address": "10.0.0.7", "port": 5432, "version": "16.4"},
        "role": "owner",
        "server_time": at(minute),
        "local_time": at(minute),
        "rows": len(rows),
        "sha256": sha256(canonical(rows)).hexdigest(),
        "collection": "0.1.0",
        **more,
    }


MEMBERSHIPS = [
    {"group": "audit-reader", "group_id": 2, "granted_at": at(0), "granted_by": 1},
    {"group": "support", "group_id": 4, "granted_at": at(0), "granted_by": None},
]
SESSIONS = [{"id": 7, "started_at": at(1), "last_seen_at": at(2), "user_agent": "Firefox \u00fc"}]

EVENT_FACTS: Facts = {
    "opened": EVENT.as_fact(),
    "before": {
        "email": EMAIL,
        "memberships": [{**row, "console": APP, "account": 2} for row in MEMBERSHIPS],
        "sessions": [{**row, "console": APP, "account": 2} for row in SESSIONS],
        "listings": [
            listing("memberships", MEMBERSHIPS, 9, console=APP),
            listing("sessions", SESSIONS, 9, console=APP),
        ],
    },
    "lockout-console": {
        "at": at(11),
        "account": True,
        "app": APP,
        "by": OPERATOR,
        "continued": False,
        "removed": ["audit-reader", "support"],
        "ended": [7],
        "listings": [],
    },
    "ticket": {"at": at(12), "id": 812, "number": 4711, "url": "https://help.example/4711", "created_at": at(12)},
    "recheck1-console": {
        "at": at(30),
        "app": APP,
        "by": OPERATOR,
        "ended": 0,
        "removed": 0,
        "sessions": [],
        "listings": [listing("memberships", [], 30), listing("sessions", [], 30)],
    },
}
PLANNED: Facts = {
    "planned": {"at": at(10), "by": OPERATOR, "digest": "ab" * 32, "held": True},
    "approved": {"at": at(10), "by": "priya.patel@raxx.example", "digest": "ab" * 32, "stated_by": OPERATOR},
}
CLOSING: Facts = {
    "audit_row-audit_record": {
        "at": at(32),
        "completed_at": at(32),
        "run_type": "deprovisioning",
        "ticket": "812",
        "operator": OPERATOR,
    },
    "closed": {"at": at(33), "ticket": 812, "by": OPERATOR, "scope": SCOPE},
}
ROTATED: Facts = {
    "intent": {"at": at(13), "event": EVENT.id, "operator": OPERATOR, "fingerprint": "0f" * 16},
    "settled": {"at": at(14), "forced": False},
    "stored": {"at": at(15), "kind": "ssm", "name": "/raxx/test/URL", "version": 3},
    "live": {"at": at(16), "user": "raptor_app", "server_time": at(15)},
    "distributed-raptor": {"at": at(17), "release": 5, "restarted_at": at(17), "written": True},
    "dead": {
        "at": at(18),
        "old_dead": True,
        "old_sqlstate": "28P01",
        "control_sqlstate": "28P01",
        "new_live": True,
        "grade": "observed",
        "sessions_ended": 2,
        "sessions_left": 0,
        "oldest_session": at(1),
        "older_than": at(15),
        "users": ["raptor_app"],
        "observer": {"user": "owner", "database": "raptor", "server_version": "16.4"},
    },
    "checked": {"at": at(19), "checks": ["smoke"]},
    "verified-raptor": {"at": at(28), "from": at(17), "to": at(28), "first": at(17), "last": at(27), "lines": 12, "requests": 3},
}


def without(facts: Facts, *names: str) -> Facts:
    return {name: fact for name, fact in facts.items() if name not in names}


# Nobody changes these defaults.
# pylint: disable-next=dangerous-default-value
def case(
    facts: Facts = EVENT_FACTS,
    rotated: Facts | None = ROTATED,
    *,
    closing: Facts = CLOSING,
    keyid: str | None = None,
    earlier: t.Sequence[Facts] = (),
) -> Case:
    """A case that is sealed and closed. C(earlier) are the facts of rotations before the one of C(rotated)."""
    covering = tuple(
        Covering("raptor_app", number, facts) for number, facts in enumerate([*earlier, rotated], 3 - len(earlier)) if facts
    )
    credentials = (
        Credential("raptor_app", 2, rotated, checks=("smoke",), consumers=("raptor",), earlier=tuple(earlier)),
        Credential("audit_archiver", 3, None, waiver={"at": at(10), "by": OPERATOR}, consumers=("raptor",)),
    )
    if closing:
        facts = {**facts, "sealed": {"at": at(31), **seal(EVENT, facts, covering, keyid)}, **closing}
    progress = evaluate(EVENT, facts, consoles=SCOPE["consoles"], credentials=credentials, records=SCOPE["records"])
    return Case(
        progress=progress,
        facts=facts,
        scope=SCOPE,
        credentials=credentials,
        rotations=covering,
        journal=journal(EVENT, facts, covering),
        environment="test",
        result="complete" if progress.complete else "incomplete",
        failures=(),
        now=NOW,
        keyid=keyid,
    )


def new_key(seed: int) -> tuple[SigningKey, bytes]:
    """A key, the same for the same seed, and its public half as PEM."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return SigningKey(key), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def bundle(of: Case, key: SigningKey | None = None) -> dict[str, bytes]:
    """The files of a case, signed with C(key) even if another one was sealed, as a forger would."""
    record = build(of)
    kept = ("event", "environment", "email", "operator", "result", "window", "checkpoints", "credentials", "debts", "not_covered")
    result = {**{name: record[name] for name in kept}, "ticket": record["ticket"].get("number"), "failures": []}
    files = _bundle.files_of(record, result, of.journal.records)
    files = _bundle.with_statement(files, record, None, None)
    content = json.loads(base64.b64decode(json.loads(files[STATEMENT])["payload"]))
    return {**files, STATEMENT: pretty(envelope(content, key))}
