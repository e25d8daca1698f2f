#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: console_sessions
short_description: Revoke every active session of people in Console
version_added: 0.1.0
description:
  - Makes sure that people have no active session in Console, by SQL in its database.
  - Everything happens in one transaction that locks the accounts, with one statement per table whatever the number of people.
    Afterwards the sessions are listed again in a new transaction.
  - While the identity provider lets a person in, new sessions can appear. O(started_after) tells them from those that were
    there before.
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
options:
  started_after:
    description:
      - A time (RFC 3339). Active sessions that began after it are listed in RV(people[].started_after) as well.
      - Give the time of the first revocation to learn of log-ins since then.
    type: str
  looks:
    description:
      - How often to look at most. With more than one, the module looks again after it has ended sessions, until a look finds
        none; it fails if the last look still found some. They are ended all the same.
    type: int
    default: 1
  pause:
    description: Time between two looks, in seconds.
    type: float
    default: 1.0
seealso:
  - module: raxx.deprovision.console_memberships
"""

EXAMPLES = r"""
- name: End every session of a leaver
  raxx.deprovision.console_sessions:
    heroku_app: raxx-console-prod
    emails:
      - jsmith@raxx.app

- name: Look again later, and tell new log-ins from old ones
  raxx.deprovision.console_sessions:
    heroku_app: raxx-console-prod
    emails:
      - jsmith@raxx.app
    started_after: "2026-05-19T10:02:11Z"

- name: End sessions until the person has stopped logging in
  raxx.deprovision.console_sessions:
    heroku_app: raxx-console-prod
    emails:
      - jsmith@raxx.app
    looks: 5

- name: See who is logged in, without ending anything
  raxx.deprovision.console_sessions:
    heroku_app: raxx-console-prod
    emails:
      - jsmith@raxx.app
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
    sessions_before:
      description:
        - Every active session that the person had, with C(id), C(started_at), C(last_seen_at) and C(user_agent).
        - The user agent is what the browser claimed, cut at 200 characters, with control characters replaced.
      type: list
      elements: dict
      sample:
        - id: 7
          started_at: "2026-05-19T08:00:00.000000Z"
          last_seen_at: "2026-05-19T09:58:00.000000Z"
          user_agent: Mozilla/5.0 (X11; Linux x86_64)
    ended:
      description: Ids of the sessions that were (or in check mode would be) ended.
      type: list
      elements: raw
      sample: [7]
    started_after:
      description: Those of RV(people[].sessions_before) that began after O(started_after). Empty without it.
      type: list
      elements: dict
      sample: []
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
      sessions_before:
        - id: 7
          started_at: "2026-05-19T08:00:00.000000Z"
          last_seen_at: "2026-05-19T09:58:00.000000Z"
          user_agent: Mozilla/5.0 (X11; Linux x86_64)
      ended: [7]
      started_after: []
left:
  description: Number of active sessions that a later look found. Always V(0), save in check mode.
  returned: success
  type: int
  sample: 0
missing:
  description: Addresses that Console does not know. Empty unless O(missing_ok) is V(true).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._console import SESSIONS, plain, result, revoke_until_none
from ansible_collections.raxx.deprovision.plugins.module_utils._database import database_url
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import CONSOLE
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

SPEC = CONSOLE + Spec(
    options={
        "started_after": {"type": "str"},
        "looks": {"type": "int", "default": 1},
        "pause": {"type": "float", "default": 1.0},
    }
)


def run(params: Params, check_mode: bool) -> Result:
    since = parse(params["started_after"], "started_after") if params["started_after"] else None
    done = revoke_until_none(
        database_url(params),
        SESSIONS,
        params["emails"],
        looks=max(1, params["looks"]),
        pause=params["pause"],
        missing_ok=params["missing_ok"],
        timeout=params["database_timeout"],
        check_mode=check_mode,
    )
    people = [
        {
            "email": person.email,
            "id": plain(person.id),
            "listing": done.listing(person),
            "sessions_before": [item.facts for item in done.had(person)],
            "ended": [item.name for item in done.lost(person)],
            "started_after": [
                item.facts for item in done.had(person) if since and (item.started_at is None or item.started_at > since)
            ],
        }
        for person in done.people
    ]
    return {**result(done, "sessions", people, check_mode=check_mode), "left": len(done.left)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
