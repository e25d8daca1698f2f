#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: console_memberships
short_description: Remove people from every RBAC group of Console
version_added: 0.1.0
description:
  - Makes sure that people have no membership in any RBAC group of Console, by SQL in its database.
  - The accounts themselves stay, so that the trail survives.
  - Everything happens in one transaction that locks the accounts, with one statement per table whatever the number of people.
    Afterwards the memberships are listed again in a new transaction.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.console
  - raxx.deprovision.database
  - raxx.deprovision.heroku
attributes:
  action_group:
    membership: [raxx.deprovision.database, raxx.deprovision.heroku]
seealso:
  - module: raxx.deprovision.console_sessions
"""

EXAMPLES = r"""
- name: Remove a leaver from every group
  raxx.deprovision.console_memberships:
    heroku_app: raxx-console-prod
    emails:
      - jsmith@raxx.app

- name: See which groups two people are in, without changing anything
  raxx.deprovision.console_memberships:
    heroku_app: raxx-console-prod
    emails:
      - jsmith@raxx.app
      - apatel@raxx.app
  check_mode: true
"""

RETURN = r"""
people:
  description: What was found and done, for each account.
  returned: success
  type: list
  elements: dict
  contains:
    email:
      description: The address as Console has it.
      type: str
      sample: J.Smith@raxx.app
    id:
      description: Id of the account.
      type: raw
      sample: 42
    memberships_before:
      description: Every membership that the person had, with C(group), C(group_id), C(granted_at) and C(granted_by).
      type: list
      elements: dict
      sample: [{group: audit-reader, group_id: 3, granted_at: "2025-11-03T09:00:00.000000Z", granted_by: 1}]
    removed:
      description: Names of the groups that the person was (or in check mode would be) removed from.
      type: list
      elements: str
      sample: [audit-reader]
    listing:
      description:
        - How the last listing was made, which in a run that took something away is the one afterwards. It has the query with its
          parameters, the server by its own names, the role that asked, both clocks, the number of rows, and the SHA-256 of the
          rows as canonical JSON.
        - Several people are listed by one query. The parameters are those of this account, with which it gives these rows.
      type: dict
      sample:
        query: SELECT ...
        parameters: {ids: '{"42"}'}
        account: 42
        server: {database: d7f2mt, address: 10.1.2.3, port: 5432, version: "16.4"}
        role: u3b5qk
        server_time: "2026-05-19T10:02:11.000000Z"
        local_time: "2026-05-19T10:02:11.100000Z"
        rows: 0
        sha256: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
        collection: 0.1.0
  sample:
    - email: J.Smith@raxx.app
      id: 42
      memberships_before: [{group: audit-reader, group_id: 3, granted_at: "2025-11-03T09:00:00.000000Z", granted_by: 1}]
      removed: [audit-reader]
missing:
  description: Addresses that Console does not know. Empty unless O(missing_ok) is V(true).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._console import MEMBERSHIPS, plain, result, revoke
from ansible_collections.raxx.deprovision.plugins.module_utils._database import database_url
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import CONSOLE

SPEC = CONSOLE


def run(params: Params, check_mode: bool) -> Result:
    done = revoke(
        database_url(params),
        MEMBERSHIPS,
        params["emails"],
        missing_ok=params["missing_ok"],
        timeout=params["database_timeout"],
        check_mode=check_mode,
    )
    people = [
        {
            "email": person.email,
            "id": plain(person.id),
            "listing": done.listing(person),
            "memberships_before": [item.facts for item in done.had(person)],
            "removed": [item.name for item in done.lost(person)],
        }
        for person in done.people
    ]
    return result(done, "memberships", people, check_mode=check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
