# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What a run would do, by name: the lines of a check run."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Rotation

Record = t.Mapping[str, t.Any]


def plan_lines(event: Record, facts: Facts, credentials: t.Sequence[Record], rotations: t.Mapping[str, Rotation]) -> list[str]:
    """One line per thing that a real run would change. C(event) is an entry of RV(events) of deprovision_event."""
    present = event["present"]
    name, email = event["event"], event["email"]
    lines = [f"{name}: a real run would"]
    lines += [f"  1a  remove {email} from the group {item['group']}" for item in present.get("memberships", [])]
    lines += [
        f"  1b  end session {item['id']} of {item['started_at']} ({item['user_agent']})" for item in present.get("sessions", [])
    ]
    for credential in credentials:
        lines += _credential_lines(credential, rotations.get(credential["name"]))
    if "audit_row" not in facts:
        lines.append("  6   write one row of audit_archival_runs")
    if "closed" not in facts:
        lines.append(f"  7   {'close' if 'ticket' in facts else 'create and close'} the ticket {name}")
    if len(lines) == 1:
        lines.append("  change nothing")
    return lines


def _credential_lines(credential: Record, rotation: Rotation | None) -> list[str]:
    name, step = credential["name"], credential["step"]
    if credential["waived"]:
        return [f"  {step}   not rotate {name}: no direct database access"]
    if rotation and "verified" in rotation.facts:
        return []
    store = credential["store"]
    place = "/".join(filter(None, (str(store.get("path") or "").rstrip("/"), str(store["name"]))))
    lines = [] if rotation and "settled" in rotation.facts else [f"  {step}a  rotate {credential['role']} of {credential['app']}"]
    lines.append(f"  {step}b  write its URL to {store['kind']} {place}")
    lines += [
        f"  {step}c  set {consumer['config_var']} on {consumer['app']} and restart it" for consumer in credential["consumers"]
    ]
    lines.append(f"  {step}   prove the old one dead and end its sessions")
    lines += [f"  {step}   run {check.replace('_', '-')}" for check in credential["checks"]]
    return lines
