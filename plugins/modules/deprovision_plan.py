#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_plan
short_description: Say by name what a run would change, and hold a run to a plan
version_added: 0.1.0
description:
  - Computes the plan of a run and its SHA-256 digest. What would change is part of it, and where; neither times nor the date
    in an event's id are.
  - With O(digest) it fails with C(plan_differs) if the plan of this run is another one, and says what differs.
  - With O(path), writes the plan to C(<path>/plans/<digest>.json), and as a page beside it. It never changes a remote system.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.aws
  - raxx.deprovision.ledger
attributes:
  action_group:
    membership: [raxx.deprovision.aws, raxx.deprovision.ledger]
options:
  events:
    description: The events, as M(raxx.deprovision.deprovision_event) returns them in check mode.
    type: list
    elements: dict
    required: true
  since:
    description: C(since) of M(raxx.deprovision.deprovision_event). If not given, all events are closed.
    type: str
  credentials:
    description: The credentials of the inventory, as the filter P(raxx.deprovision.credential_list#filter) gives them.
    type: list
    elements: dict
    required: true
  records:
    description: The hosts of the inventory that hold C(audit_archival_runs).
    type: list
    elements: str
    required: true
  targets:
    description: Where the names in the plan lead, as the filter P(raxx.deprovision.plan_targets#filter) gives it.
    type: dict
    required: true
  environment_name:
    description: Name of the environment.
    type: str
    required: true
  forced:
    description: Whether the old credentials are cut off at once.
    type: bool
    default: false
  ticket:
    description: Number of an existing ticket.
    type: int
  recorded:
    description: Whether the ledger can be reached. With V(false) nothing is known of earlier rotations.
    type: bool
    default: true
  digest:
    description: The digest of the plan that the run must have.
    type: str
  evidence_path:
    description: Directory of the evidence, where the plan with the digest O(digest) is looked for.
    type: path
  path:
    description: Directory of the evidence, to write the plan into. If not given, nothing is written.
    type: path
"""

EXAMPLES = r"""
- name: Refuse to do anything but what the check run said
  raxx.deprovision.deprovision_plan:
    ledger_prefix: /raxx/prod/deprovision
    events: "{{ planned.events }}"
    since: "{{ planned.since }}"
    credentials: "{{ hostvars | raxx.deprovision.credential_list(groups['credentials'], true) }}"
    records: [audit_record]
    targets: "{{ hostvars | raxx.deprovision.plan_targets(groups) }}"
    environment_name: prod
    digest: 5f0b1f0e6a1f2c7a1f7f7b3a0b1f5c9f2f6d0f6a3f0b1f0e6a1f2c7a1f7f7b3a
    evidence_path: evidence

- name: See whether the plan has been written
  raxx.deprovision.deprovision_plan:
    ledger_prefix: /raxx/prod/deprovision
    events: "{{ planned.events }}"
    since: "{{ planned.since }}"
    credentials: "{{ hostvars | raxx.deprovision.credential_list(groups['credentials'], true) }}"
    records: [audit_record]
    targets: "{{ hostvars | raxx.deprovision.plan_targets(groups) }}"
    environment_name: prod
    path: evidence
  check_mode: true
"""

RETURN = r"""
digest:
  description: SHA-256 of the plan, in hexadecimal.
  returned: success
  type: str
  sample: 5f0b1f0e6a1f2c7a1f7f7b3a0b1f5c9f2f6d0f6a3f0b1f0e6a1f2c7a1f7f7b3a
lines:
  description: The plan, for a person.
  returned: success
  type: list
  elements: str
  sample: ["DEPROV-2026-05-19-jordan.smith: a real run would", "  1a  remove jordan.smith@raxx.example from the group support"]
steps:
  description: The steps of the runbook in which something would change.
  returned: success
  type: list
  elements: str
  sample: [1a, 1b, 2a]
plan:
  description: The plan, with C(format), C(environment), C(people), C(changes) and C(targets).
  returned: success
  type: dict
  sample: {environment: prod, people: [jordan.smith@raxx.example], changes: [], targets: {}}
paths:
  description: The files of the plan, if O(path) is given.
  returned: success
  type: list
  elements: str
  sample: [evidence/plans/5f0b.json, evidence/plans/5f0b.html]
"""

import json
import typing as t
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._bundle import write
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Ledger, Rotation, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import each
from ansible_collections.raxx.deprovision.plugins.module_utils._plan import Plan, make_plan, parse_digest, refuse
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import Credential
from ansible_collections.raxx.deprovision.plugins.module_utils._report import plan_html
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import pretty

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "events": {"type": "list", "elements": "dict", "required": True},
            "since": {"type": "str"},
            "credentials": {"type": "list", "elements": "dict", "required": True},
            "records": {"type": "list", "elements": "str", "required": True},
            "targets": {"type": "dict", "required": True},
            "environment_name": {"type": "str", "required": True},
            "forced": {"type": "bool", "default": False},
            "ticket": {"type": "int"},
            "recorded": {"type": "bool", "default": True},
            "digest": {"type": "str"},
            "evidence_path": {"type": "path"},
            "path": {"type": "path"},
        }
    )
)


def run(params: Params, check_mode: bool) -> Result:
    plan = make_plan(
        params["events"],
        _known(params),
        environment=params["environment_name"],
        records=params["records"],
        targets=params["targets"],
        forced=params["forced"],
        ticket=params["ticket"],
    )
    if params["digest"]:
        wanted = parse_digest(params["digest"])
        refuse(plan, wanted, _found(params["evidence_path"], wanted))
    changed, paths = False, []
    if params["path"]:
        path = _place(params["path"], plan.digest)
        files = {path.name: pretty(plan.as_dict()), path.with_suffix(".html").name: plan_html(plan)}
        changed, paths = write(path.parent, files, check_mode=check_mode), [str(path.parent / name) for name in files]
    heading = ", ".join(event["event"] for event in params["events"])
    return {
        "changed": changed,
        "digest": plan.digest,
        "lines": [f"{heading}: a real run would", *plan.lines()],
        "steps": plan.steps,
        "plan": plan.as_dict(),
        "paths": paths,
    }


def _known(params: Params) -> list[tuple[Params, Credential]]:
    """Each credential of the inventory with the facts of the rotation that covers every open event, if there is one."""
    ledger = Ledger.from_params(params) if params["recorded"] and params["since"] else None
    since = parse(params["since"], "since") if params["since"] else None

    def covering(item: Params) -> Rotation | None:
        return ledger.recent_rotation(item["name"], since) if ledger and since else None

    known = []
    for item, rotation in zip(params["credentials"], each(covering, params["credentials"]), strict=True):
        waiver = next((event["facts"][name] for event in params["events"] if (name := _waiver(item)) in event["facts"]), None)
        credential = Credential(
            name=item["name"],
            step=item["step"],
            facts=rotation.facts if rotation else None,
            waiver=waiver if item["waived"] else None,
            waived_now=item["waived"],
            checks=tuple(item["checks"]),
            consumers=tuple(consumer["app"] for consumer in item["consumers"]),
        )
        known.append((item, credential))
    return known


def _waiver(item: Params) -> str:
    return fact_name("waiver", item["name"])


def _place(directory: str, digest: str) -> Path:
    return Path(directory, "plans", f"{digest}.json")


def _found(directory: str | None, digest: str) -> Plan | None:
    """The plan with that digest, if its file is there and is still what it was."""
    try:
        content: t.Any = json.loads(_place(directory, digest).read_text(encoding="utf-8")) if directory else None
        plan = Plan.from_dict(content)
    except (OSError, ValueError, DeprovisionError):
        return None
    return plan if plan.digest == digest else None


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
