#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_run
short_description: Begin or end a run that is in charge of people and credentials
version_added: 0.1.0
description:
  - Takes a lease in the ledger, so that only one run works on a person or on a credential at a time. A run that finds another one
    in its way stops before it changes anything, and says who that is and since when.
  - A run that died is recognised by its lease, which was not renewed for O(lease_seconds). From the moment that it is taken over
    it can write nothing more, should it come to life again.
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
  check_mode:
    details:
      - In check mode no lease is taken, and nobody is waited for.
  idempotent:
    support: partial
    details:
      - Each run is one of its own. With O(state=ended) it is idempotent.
options:
  state:
    description:
      - V(begun) takes the lease, V(ended) gives it back.
    type: str
    choices: [begun, ended]
    default: begun
  emails:
    description: Email addresses of the people who leave; none for a rollback.
    type: list
    elements: str
    default: []
  credentials:
    description: Names of the credentials that the run is to rotate.
    type: list
    elements: str
    default: []
  operator:
    description: Email address of the person who runs the procedure. Needed to begin.
    type: str
    default: ""
  recorded:
    description:
      - Whether the run is to write into the ledger. With V(false) there is no lease, for the ledger cannot be reached, or the
        events of all O(emails) are closed.
    type: bool
    default: true
  lease_seconds:
    description: How long a run may be silent before it counts as dead. It must be the same for all runs of an environment.
    type: float
    default: 60
  journal_directory:
    description: Directory for the journal of the run. If not given, none is kept.
    type: path
  number:
    description: Number of the run. Needed to end.
    type: int
seealso:
  - module: raxx.deprovision.deprovision_event
"""

EXAMPLES = r"""
- name: Begin
  raxx.deprovision.deprovision_run:
    ledger_prefix: /raxx/prod/deprovision
    emails: [jordan.smith@raxx.example]
    credentials: [raptor_app, audit_archiver]
    operator: olivia.osei@raxx.example

- name: End
  raxx.deprovision.deprovision_run:
    ledger_prefix: /raxx/prod/deprovision
    state: ended
    number: 42

- name: Begin a check run, which takes no lease
  raxx.deprovision.deprovision_run:
    ledger_prefix: /raxx/prod/deprovision
    emails: [jordan.smith@raxx.example]
    operator: olivia.osei@raxx.example
  check_mode: true
"""

RETURN = r"""
at:
  description: When the run began (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T09:12:00.000000Z"
id:
  description: Id of the run.
  returned: success
  type: str
  sample: run-20260519T091200Z-8f2c1e0d
number:
  description: Number of the run. V(null) if it needs no lease.
  returned: success
  type: int
  sample: 42
journal:
  description: The journal of the run. V(null) if none is kept.
  returned: success
  type: str
  sample: evidence/runs/run-20260519T091200Z-8f2c1e0d.jsonl
lease:
  description: What the tasks of this run need to see whether it is still in charge. V(null) if it needs no lease.
  returned: success
  type: dict
  sample:
    ledger_prefix: /raxx/prod/deprovision
    aws_region: us-east-1
    lease_seconds: 60
    number: 42
    renewed: "2026-05-19T09:12:00.000000Z"
taken_over:
  description: Runs that were dead, and whose leases were taken over.
  returned: success
  type: list
  elements: dict
  sample: [{number: 41, operator: olivia.osei@raxx.example, since: "2026-05-19T09:02:00.000000Z"}]
"""

import platform
import secrets
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._event import check_email, check_operator, person_key
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import append
from ansible_collections.raxx.deprovision.plugins.module_utils._lease import Charge, Lease, Leases
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "state": {"type": "str", "choices": ["begun", "ended"], "default": "begun"},
            "emails": {"type": "list", "elements": "str", "default": []},
            "credentials": {"type": "list", "elements": "str", "default": []},
            "operator": {"type": "str", "default": ""},
            "recorded": {"type": "bool", "default": True},
            "lease_seconds": {"type": "float", "default": 60},
            "journal_directory": {"type": "path"},
            "number": {"type": "int"},
        },
        required_if=[("state", "ended", ("number",))],
    )
)
LEASE_PARAMS = (*AWS.options, "ledger_prefix", "lease_seconds")


def run(params: Params, check_mode: bool) -> Result:
    return _end(params, check_mode) if params["state"] == "ended" else _begin(params, check_mode)


def _begin(params: Params, check_mode: bool) -> Result:
    at = now()
    emails = [check_email(text) for text in params["emails"]]
    charge = Charge(
        id=f"run-{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        operator=check_operator(params["operator"]),
        where=platform.node(),
        people=tuple(person_key(email) for email in emails),
        credentials=tuple(params["credentials"]),
    )
    lease: Lease | None = None
    taken: list[Lease] = []
    if params["recorded"] and not check_mode:
        lease, taken = Leases.from_params(params).begin(charge)
    number = lease.number if lease else None
    journal = None
    if params["journal_directory"] and not check_mode:
        journal = str(Path(params["journal_directory"], f"{charge.id}.jsonl"))
    if journal and number is not None:
        begun = {"kind": "run", "at": format_time(at), "number": number, "operator": charge.operator, "where": charge.where}
        append(Path(journal), {**begun, "people": list(charge.people), "credentials": list(charge.credentials)}, charge.id)
    return {
        "changed": params["recorded"],
        "id": charge.id,
        "at": format_time(at),
        "number": number,
        "journal": journal,
        "lease": _for_later_tasks(params, lease) if lease else None,
        "taken_over": [{"number": other.number, "operator": other.charge.operator, "since": other.since} for other in taken],
    }


def _for_later_tasks(params: Params, lease: Lease) -> Result:
    """What the guard of each later task needs; none of it is a secret."""
    return {**{name: params[name] for name in LEASE_PARAMS}, "number": lease.number, "renewed": lease.renewed}


def _end(params: Params, check_mode: bool) -> Result:
    leases = Leases.from_params(params)
    lease = leases.read(params["number"])
    changed = not lease.over
    if not lease.over and not check_mode:
        leases.end(lease)
    return {
        "changed": changed,
        "id": lease.charge.id,
        "at": lease.since,
        "number": lease.number,
        "journal": None,
        "lease": None,
        "taken_over": [],
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
