#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_role_separation
short_description: Note that an app works on the owner's credential, or on its own again
version_added: 0.1.0
description:
  - An app that works on the owner's credential for a while (E6) is a debt. This module notes in the ledger since when there is
    one and when it was paid. It does not touch the app.
  - While there is such a debt, no event whose credentials the app uses is complete.
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
  app:
    description: The app, as the inventory names it.
    type: str
    required: true
  operator:
    description: Email address of whoever switches.
    type: str
    required: true
  state:
    description: With V(present) the debt is noted, with V(absent) that it is paid.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: raxx.deprovision.deprovision_debts
  - module: raxx.deprovision.heroku_config
"""

EXAMPLES = r"""
- name: Note that the app works on the owner's credential
  raxx.deprovision.deprovision_role_separation:
    ledger_prefix: /raxx/prod/deprovision
    app: raptor
    operator: olivia.osei@raxx.example

- name: Note that it works on its own again
  raxx.deprovision.deprovision_role_separation:
    ledger_prefix: /raxx/prod/deprovision
    app: raptor
    operator: olivia.osei@raxx.example
    state: absent

- name: See whether the app works on the owner's credential
  raxx.deprovision.deprovision_role_separation:
    ledger_prefix: /raxx/prod/deprovision
    app: raptor
    operator: olivia.osei@raxx.example
  check_mode: true
"""

RETURN = r"""
debt:
  description: The debt as it was before, if there was one. C(since) is the time (UTC, RFC 3339), C(by) whoever switched.
  returned: success
  type: dict
  sample:
    app: raptor
    kind: role_separation
    since: "2026-05-19T09:31:00.000000Z"
    by: olivia.osei@raxx.example
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import separation_debt
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "app": {"type": "str", "required": True},
            "operator": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    )
)


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params)
    app, owing = params["app"], params["state"] == "present"
    owed = ledger.role_separation_debts().get(app)
    if (owed is not None) != owing and not check_mode:
        write = ledger.owe_role_separation if owing else ledger.pay_role_separation
        write(app, {"at": format_time(now()), "by": params["operator"]})
    return {
        "changed": (owed is not None) != owing,
        "debt": separation_debt(app, owed) if owed else {},
        "diff": {"before": {"owed": owed is not None}, "after": {"owed": owing}},
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
