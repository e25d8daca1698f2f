# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What a run would do, by name: the lines of a check run."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import Credential

Record = t.Mapping[str, t.Any]


def plan_lines(event: Record, facts: Facts, listed: t.Sequence[Record], credentials: t.Sequence[Credential]) -> list[str]:
    """One line per thing that a real run would change. C(event) is an entry of RV(events) of deprovision_event.

    C(listed) are the credentials of the inventory, C(credentials) what the ledger knows of them.
    """
    name, email, present = event["event"], event["email"], event["present"]
    lines = [f"{name}: a real run would"]
    lines += [f"  1a  remove {email} from the group {item['group']}" for item in present.get("memberships", [])]
    lines += [
        f"  1b  end session {item['id']} of {item['started_at']} ({item['user_agent']})" for item in present.get("sessions", [])
    ]
    if "closed" not in facts:
        known = {credential.name: credential for credential in credentials}
        for item in listed:
            lines += _credential_lines(item, known[item["name"]])
        if not any(fact.startswith("audit_row-") for fact in facts):
            lines.append("  6   write one row of audit_archival_runs")
        lines.append(f"  7   {'close' if 'ticket' in facts else 'create and close'} the ticket {name}")
    if len(lines) == 1:
        lines.append("  change nothing")
    return lines


def _credential_lines(item: Record, credential: Credential) -> list[str]:
    name, step = item["name"], item["step"]
    if credential.waived:
        return [f"  {step}   not rotate {name}: no direct database access"]
    if credential.consumers and credential.has(*credential.per_app("verified")):
        return []
    store = item["store"]
    place = "/".join(filter(None, (str(store.get("path") or "").rstrip("/"), str(store["name"]))))
    lines = [] if credential.has("settled") else [f"  {step}a  rotate {item['role']} of {item['app']}"]
    lines.append(f"  {step}b  write its URL to {store['kind']} {place}")
    lines += [f"  {step}c  set {consumer['config_var']} on {consumer['app']} and restart it" for consumer in item["consumers"]]
    lines.append(f"  {step}   prove the old one dead and end its sessions")
    lines += [f"  {step}   run {check.replace('_', '-')}" for check in item["checks"]]
    return lines
