# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why each remote call is made. A call of a run that is not explained here is shown as such."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Call(NamedTuple):
    """One request or statement that reached a system. C(at) is in seconds since the epoch."""

    at: float
    system: str
    method: str
    path: str
    writes: bool


class Kind(NamedTuple):
    """Calls of one kind; C(pattern) is searched for in C(system method path)."""

    pattern: str
    name: str
    reason: str


CREDENTIAL = r"/credentials/[^/]+/\d+"
PERSON = r"/people/[^/]+"
KINDS = [
    Kind(r"heroku GET /account", "Heroku: account", "P2: who the operator is"),
    Kind(
        r"heroku GET /apps/[^/]*console[^/]*/config-vars",
        "Heroku: config of the Console app",
        "1a, 1b, 5: where the Console database is; asked by each task, so that no URL is kept",
    ),
    Kind(
        r"heroku GET /apps/[^/]+/config-vars",
        "Heroku: config of the Raptor app",
        "2c, 3c: what is there before and after the release; where the owner's database is (proofs, 6)",
    ),
    Kind(r"heroku PATCH /apps/[^/]+/config-vars", "Heroku: set config", "2c, 3c: one release for all credentials of an app"),
    Kind(r"heroku GET /apps/[^/]+/releases", "Heroku: newest release", "2c: a dyno must be younger than the release"),
    Kind(r"heroku GET /apps/[^/]+/dynos", "Heroku: dynos", "2c: until every dyno is younger than the release"),
    Kind(r"heroku POST /apps/[^/]+/dynos", "Heroku: one-off dyno", "3c: the archiver's dry run"),
    Kind(r"heroku POST /apps/[^/]+/log-sessions", "Heroku: log session", "4: the log of the window"),
    Kind(r"heroku GET /sessions/", "Heroku: log stream", "4: the log of the window"),
    Kind(r"heroku GET /apps/[^/]+$", "Heroku: app", "Y3: it is there; the stack, before a one-off dyno"),
    Kind(
        r"heroku POST /actions/addon-attachments/resolve",
        "Heroku: resolve the add-on",
        "2a, 3a: which database the credential belongs to",
    ),
    Kind(r"heroku POST .*/credentials_rotation", "Heroku: rotate", "2a, 3a"),
    Kind(r"heroku GET /postgres/", "Heroku: credential", "2a, 3a: its state before, and until the rotation has settled"),
    Kind(r"infisical GET", "Infisical: read the secret", "P, 2b: before the write, and to read it back"),
    Kind(r"infisical PATCH", "Infisical: write the secret", "2b"),
    Kind(r"infisical POST .*/login", "Infisical: log in", "2b: a token of the machine identity"),
    Kind(r"freescout GET /api/conversations$", "FreeScout: search", "P4, 7: whether the ticket is there"),
    Kind(r"freescout POST /api/conversations$", "FreeScout: create the ticket", "P4"),
    Kind(r"freescout GET /api/conversations/\d+", "FreeScout: read the ticket", "P4, 7: before and after each change"),
    Kind(r"freescout POST .*/threads", "FreeScout: note", "7: the window"),
    Kind(r"freescout PUT", "FreeScout: close", "7"),
    Kind(r"aws \S+ GetCallerIdentity", "STS: identity", "P3"),
    Kind(r"aws \S+ PutParameter \S+/canary/", "SSM: canary, write", "P3: that the ledger can be written"),
    Kind(r"aws \S+ GetParameters \S+/canary/", "SSM: canary, read", "P3"),
    Kind(r"aws \S+ DeleteParameter \S+/canary/", "SSM: canary, remove", "P3"),
    Kind(r"aws \S+ GetParametersByPath \S+/attestations", "SSM: attestations", "S5: the last rehearsal"),
    Kind(
        r"aws \S+ GetParametersByPath \S+/role_separation",
        "SSM: role separation",
        "C4: whether an app works on the owner's credential (E6)",
    ),
    Kind(r"aws \S+ GetParametersByPath \S+/runs/", "SSM: lease, read", "I3: still in charge, before each write"),
    Kind(r"aws \S+ PutParameter \S+/runs/", "SSM: lease, write", "I3: begun, renewed, ended"),
    Kind(r"aws \S+ GetParameter \S+/runs/", "SSM: newest run", "I3"),
    Kind(r"aws \S+ PutParameter \S+/events/", "SSM: claim the event", "P5: one owner for an event's id"),
    Kind(
        rf"aws \S+ PutParameter \S+{PERSON}/",
        "SSM: fact of a person",
        "P5, C1, P4, C5, C6, 7: opened, before, locking, planned, lockout, ticket, recheck, sealed, audit row, closed",
    ),
    Kind(
        rf"aws \S+ GetParameters \S+{PERSON}",
        "SSM: facts of several people, read",
        "C1, P4, C5, 6, 7: whether what is to be written is there; ten in a call",
    ),
    Kind(rf"aws \S+ GetParametersByPath \S+{PERSON}", "SSM: facts of a person, read", "I12: what is known already"),
    Kind(rf"aws \S+ PutParameter \S+{CREDENTIAL}/(key|old)", "SSM: what a continued run needs, write", "I12"),
    Kind(
        rf"aws \S+ DeleteParameter \S+{CREDENTIAL}/(key|old)",
        "SSM: what a continued run needs, remove",
        "I10: not needed any more",
    ),
    Kind(
        rf"aws \S+ PutParameter \S+{CREDENTIAL}/",
        "SSM: fact of a rotation",
        "I12: intent, settled, stored, live, distributed, dead, checked, verified",
    ),
    Kind(rf"aws \S+ GetParametersByPath \S+{CREDENTIAL}", "SSM: facts of a rotation, read", "I12: what is known already"),
    Kind(
        rf"aws \S+ GetParameter \S+(/latest|{CREDENTIAL}/intent)",
        "SSM: newest rotation",
        "I5: whether there is one that covers the event",
    ),
    Kind(r"aws \S+ PutParameter \S+/credentials/[^/]+/latest", "SSM: newest rotation, hint", "I5"),
    Kind(
        r"aws \S+ GetParameter \S+_DB_URL",
        "SSM: store, read",
        "P, 3b: before the write, and to read it back; the fallback of 2b",
    ),
    Kind(r"aws \S+ PutParameter \S+_DB_URL", "SSM: store, write", "3b"),
    Kind(
        r"postgres \S+ \S+ (BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)",
        "SQL: begin and end of transactions",
        "each look and each change is one transaction",
    ),
    Kind(r"postgres DELETE .*rbac_user_groups", "SQL: remove memberships", "1a"),
    Kind(r"postgres UPDATE .*admin_sessions", "SQL: end sessions", "1b"),
    Kind(r"postgres SELECT .*rbac_user_groups", "SQL: memberships", "P1, 1a, 5: before, and after"),
    Kind(r"postgres SELECT .*admin_sessions", "SQL: sessions", "1b, 5: before, and after"),
    Kind(r"postgres SELECT .*FROM admins", "SQL: who the people are", "1a, 1b: their rows, locked while they are changed"),
    Kind(r"postgres SELECT .*inet_server_addr", "SQL: which server it is", "C1, C5: part of the evidence"),
    Kind(r"postgres SELECT .*pg_terminate_backend", "SQL: end old sessions", "2a, 3a, C2: the old credential's connections"),
    Kind(
        r"postgres SELECT .*pg_stat_activity",
        "SQL: sessions of the credential",
        "C2: that none is older than the credential (I7)",
    ),
    Kind(
        r"postgres SELECT .*pg_settings",
        "SQL: what the observer may see",
        "C2: whose look it is, and how long a log-in may take",
    ),
    Kind(r"postgres SELECT .*session_user", "SQL: log-in with the new one", "2c, C2: the new credential works"),
    Kind(
        r"postgres (SELECT \S+ SELECT (1|count\(\*\) FROM audit_archival_runs)$|DELETE .*audit_archival_runs WHERE false)",
        "SQL: what the role may do, and may not",
        "2c, C2: its grants are right",
    ),
    Kind(
        r"postgres SELECT .*(pg_advisory|pg_attribute|audit_archival_runs)",
        "SQL: the audit table, read",
        "6: exactly one row (I8)",
    ),
    Kind(r"postgres INSERT .*audit_archival_runs", "SQL: the audit row", "6"),
    Kind(r"postgres SET ", "SQL: settings of the session", "time-outs"),
]  # fmt: skip
_COMPILED = [(re.compile(kind.pattern), kind) for kind in KINDS]
UNEXPLAINED = Kind("", "not explained", "bench/calls.py does not know it")


def kind_of(call: Call) -> Kind:
    text = f"{call.system} {call.method} {call.path.strip()}"
    return next((kind for pattern, kind in _COMPILED if pattern.search(text)), UNEXPLAINED)


def counted(calls: Iterable[Call]) -> dict[str, int]:
    """How many calls of each kind there are, by the kind's name, in the order of L(KINDS)."""
    found = Counter(kind_of(call).name for call in calls)
    return {kind.name: found[kind.name] for kind in [*KINDS, UNEXPLAINED] if found[kind.name]}


def unexplained(calls: Iterable[Call]) -> list[str]:
    return sorted({f"{call.system} {call.method} {call.path.strip()[:100]}" for call in calls if kind_of(call) is UNEXPLAINED})
