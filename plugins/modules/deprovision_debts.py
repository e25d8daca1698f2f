#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_debts
short_description: List the debts of the environment, and whose events wait for them
version_added: 0.1.0
description:
  - Reads from the ledger which credentials have their URL parked because their store did not take it (2b), and which people have
    an open event that waits for that.
  - Every rotation is looked at. A copy that an earlier one has left is owed until it is removed, although no store wants it.
  - Reads also which apps work on the owner's credential (E6), and which rotations of a rollback were never finished (E5).
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.read_only
  - raxx.deprovision.aws
  - raxx.deprovision.ledger
attributes:
  action_group:
    membership: [raxx.deprovision.aws, raxx.deprovision.ledger]
options:
  credentials:
    description: The credentials, as the filter P(raxx.deprovision.credential_list#filter) gives them.
    type: list
    elements: dict
    required: true
seealso:
  - module: raxx.deprovision.deprovision_ledger
"""

EXAMPLES = r"""
- name: See what is owed
  raxx.deprovision.deprovision_debts:
    ledger_prefix: /raxx/prod/deprovision
    credentials: "{{ hostvars | raxx.deprovision.credential_list(groups['credentials'], true) }}"
"""

RETURN = r"""
debts:
  description:
    - What is parked, where, since when and why (a code).
    - For an app that works on the owner's credential, C(app), C(kind) (V(role_separation)), C(since) and C(by).
    - For a rotation of a rollback that is not finished, C(credential), C(kind) (V(rollback)), C(since) and C(by).
    - For a parked copy that an earlier rotation has left, C(credential), C(kind) (V(superseded)), C(name), C(since) and
      C(rotation).
  returned: success
  type: list
  elements: dict
  sample:
    - credential: raptor_app
      kind: ssm
      name: /raxx/prod/raptor/RAPTOR_APP_DB_URL
      since: "2026-05-19T09:14:00.000000Z"
      code: unreachable
parked:
  description: The credentials whose present URL is parked.
  returned: success
  type: list
  elements: str
  sample: [raptor_app]
superseded:
  description: Those of RV(debts) that may be removed at once, for the store has the present URL and nothing else is parked.
  returned: success
  type: list
  elements: dict
  sample:
    - credential: raptor_app
      kind: superseded
      name: /raxx/prod/raptor/RAPTOR_APP_DB_URL
      since: "2026-05-12T09:14:00.000000Z"
      rotation: 11
rollback_since:
  description: When the oldest rollback that is not finished was begun (UTC, RFC 3339), or V(null).
  returned: success
  type: str
  sample: "2026-05-19T10:02:11.000000Z"
emails:
  description: The people whose open events wait for a parked URL, in the order in which the events were opened.
  returned: success
  type: list
  elements: str
  sample: [jordan.smith@raxx.example]
direct_database_access:
  description: Whether any of them had direct database access, that is, has no waiver.
  returned: success
  type: bool
  sample: true
lines:
  description: The debts, for a person.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      The URL of raptor_app is parked in ssm /raxx/prod/raptor/RAPTOR_APP_DB_URL since 2026-05-19T09:14:00.000000Z, because its
      store did not take it (unreachable). The same command pays the debt when the store is well again.
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import (
    Credential,
    debt_words,
    rollback_debt,
    separation_debt,
    superseded_debt,
)

SPEC = AWS + LEDGER + Spec(options={"credentials": {"type": "list", "elements": "dict", "required": True}})


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params)
    items = {item["name"]: item for item in params["credentials"]}
    newest = [rotation for rotation in map(ledger.newest_rotation, items) if rotation]
    present = {rotation.credential: _credential(items[rotation.credential], rotation.facts) for rotation in newest}
    parked = {name: debt for name, credential in present.items() for debt in credential.debts()}
    # The place may be the same: what is parked now must not be removed as what was parked once.
    stored = [name for name, credential in present.items() if credential.has("stored") and name not in parked]
    earlier = [left for rotation in newest for left in ledger.parked_before(rotation)]
    superseded = [superseded_debt(left.credential, left.number, left.facts) for left in earlier]
    rollbacks = [debt for debt in map(rollback_debt, present.values()) if debt]
    owing = [*(rotation for rotation in newest if rotation.credential in parked), *earlier]
    waiting = [
        record
        for record in (ledger.open_events() if owing else [])
        if any(rotation.begun >= record.event.opened for rotation in owing)
    ]
    debts = [
        *parked.values(),
        *superseded,
        *(separation_debt(app, owed) for app, owed in ledger.role_separation_debts().items()),
        *rollbacks,
    ]
    return {
        "changed": False,
        "debts": debts,
        "parked": list(parked),
        "superseded": [debt for debt in superseded if debt["credential"] in stored],
        "rollback_since": min((debt["since"] for debt in rollbacks), default=None),
        "emails": list(dict.fromkeys(record.event.email for record in waiting)),
        "direct_database_access": any(not any(name.startswith("waiver-") for name in record.facts) for record in waiting),
        "lines": [debt_words(debt, debt["since"]) for debt in debts] or ["nothing is owed"],
    }


def _credential(item: Params, facts: Facts) -> Credential:
    """A credential of the inventory with the facts of its newest rotation."""
    apps = tuple(consumer["app"] for consumer in item["consumers"])
    return Credential(item["name"], item["step"], facts, checks=tuple(item["checks"]), consumers=apps)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
