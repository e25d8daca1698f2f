#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_prerequisites
short_description: Check everything that a deprovisioning run needs
version_added: 0.1.0
description:
  - Looks at every system that the procedure will use, side by side, and reports everything that is wrong at once.
  - A wrong input or a refused credential fails the module; nothing has been changed then. A system that cannot be reached is
    returned in RV(outages), as long as the person can still be locked out, for an outage elsewhere must not delay that.
  - With O(tags) of the lock-out alone, a refused credential that step 1 does not need is returned there as well.
  - The present credentials are tried with the query that must work. A role that lacks the right is returned there as well; what
    else is wrong with a credential a rotation may mend.
  - Outside check mode one parameter is written into the ledger's path, read and removed again, to prove that facts can be kept.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.read_only
  - raxx.deprovision.heroku
  - raxx.deprovision.infisical
  - raxx.deprovision.aws
  - raxx.deprovision.freescout
  - raxx.deprovision.ledger
  - raxx.deprovision.signing
attributes:
  action_group:
    membership:
      - raxx.deprovision.aws
      - raxx.deprovision.freescout
      - raxx.deprovision.heroku
      - raxx.deprovision.infisical
      - raxx.deprovision.ledger
requirements:
  - pg8000
  - psycopg2
options:
  emails:
    description: Email addresses of the people who leave.
    type: list
    elements: str
    required: true
  operator:
    description:
      - Email address of the operator. By default that of the Heroku account.
      - Needed while Heroku does not answer whose account it is.
    type: str
  notice:
    description: When the departure was confirmed (RFC 3339). It must not lie in the future.
    type: str
  console_account:
    description: Whether each person must have a Console account.
    type: bool
    default: true
  consoles:
    description: Heroku apps whose C(DATABASE_URL) is a Console database.
    type: list
    elements: str
    required: true
  superadmin_group:
    description: The Console group whose members may run the procedure.
    type: str
    default: superadmin
  credentials:
    description: The credentials of the inventory, as the filter P(raxx.deprovision.credential_list#filter) gives them.
    type: list
    elements: dict
    required: true
  apps:
    description: The apps of the inventory, as the filter P(raxx.deprovision.app_list#filter) gives them.
    type: list
    elements: dict
    required: true
  infisical_workspace_id:
    description: Id of the vault's project.
    type: str
    required: true
  freescout_mailbox_id:
    description: Id of the mailbox for tickets.
    type: int
    required: true
  freescout_user_id:
    description: Id of the staff user that signs notes.
    type: int
    required: true
  ticket:
    description: Number of a ticket that must exist, and must be one for the person.
    type: int
  evidence_path:
    description: Directory in which result files will be written.
    type: path
  attestation_prefix:
    description:
      - Path of the ledger in which rehearsals are attested (S5). By default it is that of O(ledger_prefix).
      - How old the last one is becomes a line that never stops a run.
    type: str
  tags:
    description:
      - The tags that were chosen, C(ansible_run_tags). With C(step1) alone, or with C(step5) besides, the run only locks somebody
        out, and what step 1 does not need (vault, parameter store, FreeScout, apps) cannot refuse it.
    type: list
    elements: str
    default: []
  database_timeout:
    description: Longest wait for the Console database, in seconds.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Check what a run would need
  raxx.deprovision.deprovision_prerequisites:
    emails: [jordan.smith@raxx.example]
    consoles: [raxx-console-prod]
    credentials: "{{ hostvars | raxx.deprovision.credential_list(groups['credentials'], true) }}"
    apps: "{{ hostvars | raxx.deprovision.app_list(groups['apps']) }}"
    ledger_prefix: /raxx/prod/deprovision
    infisical_url: https://vault.raxx.app
    infisical_workspace_id: 0d4b9a52-1111-4222-8333-abcdefabcdef
    freescout_url: https://help.raxx.app
    freescout_mailbox_id: 3
    freescout_user_id: 9
  check_mode: true
"""

RETURN = r"""
operator:
  description: The operator, in lower case.
  returned: success
  type: str
  sample: olivia.osei@raxx.example
people:
  description: What each person with a Console account has now.
  returned: success
  type: list
  elements: dict
  sample:
    - email: jordan.smith@raxx.example
      memberships: [{group: audit-reader, group_id: 2, granted_at: "2025-11-03T09:00:00.000000Z", granted_by: 1}]
      sessions: []
lines:
  description: One line per check, for a person.
  returned: success
  type: list
  elements: str
  sample: ["ok  P2  Heroku                       authenticated as olivia.osei@raxx.example"]
outages:
  description:
    - The systems that could not be reached, or refused what can wait (O(tags)), and the roles that lack a right (V(grant_drift)).
      The run must stop after step 1 if there are any.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The system.
      type: str
      sample: FreeScout
    step:
      description: The prerequisite.
      type: str
      sample: P4
    code:
      description: The failure code.
      type: str
      sample: unreachable
    message:
      description: What could not be checked.
      type: str
      sample: FreeScout gave no usable answer to GET /conversations (ConnectionRefusedError).
  sample: []
ledger_available:
  description: Whether facts can be written.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, FREESCOUT, HEROKU, INFISICAL, LEDGER, SIGNING
from ansible_collections.raxx.deprovision.plugins.module_utils._prerequisites import inspect

SPEC = (
    HEROKU
    + INFISICAL
    + AWS
    + FREESCOUT
    + LEDGER
    + SIGNING
    + Spec(
        options={
            "emails": {"type": "list", "elements": "str", "required": True},
            "operator": {"type": "str"},
            "notice": {"type": "str"},
            "console_account": {"type": "bool", "default": True},
            "consoles": {"type": "list", "elements": "str", "required": True},
            "superadmin_group": {"type": "str", "default": "superadmin"},
            "credentials": {"type": "list", "elements": "dict", "required": True},
            "apps": {"type": "list", "elements": "dict", "required": True},
            "infisical_workspace_id": {"type": "str", "required": True},
            "freescout_mailbox_id": {"type": "int", "required": True},
            "freescout_user_id": {"type": "int", "required": True},
            "ticket": {"type": "int"},
            "evidence_path": {"type": "path"},
            "attestation_prefix": {"type": "str"},
            "tags": {"type": "list", "elements": "str", "default": []},
            "database_timeout": {"type": "int", "default": 10},
        },
        libraries=("requests", "boto3", "psycopg2", "pg8000"),
    )
)


def run(params: Params, check_mode: bool) -> Result:
    report = inspect(params, check_mode)
    if report.refused:
        raise DeprovisionError(
            "prerequisites_not_met",
            "Nothing was changed. " + report.refusals(),
            next_step=report.next_step,
            details={
                "lines": [check.line() for check in report.checks],
                "checks": [{"id": check.id, "system": check.system, "code": check.code} for check in report.refused],
            },
        )
    return {
        "changed": False,
        "operator": report.operator,
        "people": list(report.people),
        "lines": [check.line() for check in report.checks],
        "outages": [
            {"host": check.system, "step": check.id, "code": check.code, "message": check.advice} for check in report.outages
        ],
        "ledger_available": report.ledger_available,
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
