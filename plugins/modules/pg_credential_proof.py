#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_credential_proof
short_description: Prove that a new database credential works and that the old one is dead
version_added: 0.1.0
description:
  - Logs in to PostgreSQL with the new credential, with the old one, and with the new user and a random password, in one burst
    and over the same path, and judges the SQLSTATEs of the answers.
  - Then ends the sessions that began before the credential changed, looks again after the time that a log-in may take, and
    requires that none is left.
  - Each refused probe leaves a line in the server's log. RV(refused_logins_by_user) counts them, so that a later look at the
    log can tell them from real failures.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.database
  - raxx.deprovision.heroku
attributes:
  action_group:
    membership: [raxx.deprovision.database, raxx.deprovision.heroku]
  check_mode:
    support: full
    details:
      - In check mode it logs in with the new credential only, runs no query of yours, and ends no session; it counts the sessions
        that would be ended. Nothing is proved then, and RV(grade) says so.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Each run logs in again. With O(older_than) a second run finds no session to end; without it, it ends the sessions that
        began since the first run.
options:
  state:
    description:
      - V(live) proves the new credential only, before it is given to anything that uses it.
      - V(dead) proves the old one as well, and ends its sessions.
    type: str
    choices: [live, dead]
    default: dead
  new_url:
    description: Connection URL with the new credential.
    type: str
    required: true
  old_url:
    description:
      - Connection URL with the old credential, if it is known. Its user and password are tried at the place of O(new_url).
      - Without it V(dead) ends the sessions, and RV(grade) is V(not_proved_by_login).
    type: str
  expected_user:
    description: Name of the role that a log-in with O(new_url) must have.
    type: str
    required: true
  users:
    description:
      - Every user name that the credential has had. The users of O(new_url) and O(old_url) are added.
      - The sessions of roles that do not exist any more are ended too.
    type: list
    elements: str
    default: []
  permitted_query:
    description: A query that the new credential must be able to run. It is rolled back.
    type: str
  forbidden_query:
    description:
      - A query that the server must refuse with SQLSTATE 42501.
      - It is rolled back if it is not refused; even so, write it such that it changes nothing, for example with C(WHERE false).
    type: str
  older_than:
    description:
      - A time (RFC 3339) by the server's clock, noted after the credential was changed (RV(server_time) of a run with
        O(state=live)). Sessions that began before it are ended.
      - The default is the time of this run; then sessions of the new credential are ended too, and have to come back.
    type: str
  attempts:
    description: How often the burst is made while its answers prove nothing.
    type: int
    default: 5
  attempt_delay:
    description: Time between two bursts, in seconds.
    type: float
    default: 2.0
  settle_logins:
    description:
      - Whether to wait until a log-in that began before O(older_than) must have ended (the server's C(authentication_timeout)),
        and to end sessions once more. Time that has passed already is not waited for again.
    type: bool
    default: true
  authentication_timeout_max:
    description: Longest such wait, in seconds. If the server asks for more, the proof fails without waiting.
    type: int
    default: 90
requirements:
  - pg8000
seealso:
  - module: raxx.deprovision.heroku_pg_credential
  - module: raxx.deprovision.heroku_log_watch
"""

EXAMPLES = r"""
- name: Prove the new credential before anything uses it
  raxx.deprovision.pg_credential_proof:
    state: live
    heroku_app: raxx-api-prod
    new_url: "{{ rotated.url }}"
    expected_user: raptor_app
    permitted_query: SELECT count(*) FROM audit_archival_runs
    forbidden_query: DELETE FROM audit_archival_runs WHERE false
  register: proved

- name: Prove that the old one is dead, and end its sessions
  raxx.deprovision.pg_credential_proof:
    heroku_app: raxx-api-prod
    new_url: "{{ rotated.url }}"
    old_url: "{{ before.url }}"
    expected_user: raptor_app
    users:
      - raptor_app
      - raptor_app-rotating
    older_than: "{{ proved.server_time }}"

- name: See how many sessions would be ended
  raxx.deprovision.pg_credential_proof:
    heroku_app: raxx-api-prod
    new_url: "{{ before.url }}"
    expected_user: raptor_app
  check_mode: true
"""

RETURN = r"""
new_live:
  description: Whether the new credential works as it must. V(null) if that is not known.
  returned: success
  type: bool
  sample: true
old_dead:
  description: Whether the old password is refused. V(null) if that is not known or was not asked for.
  returned: success
  type: bool
  sample: true
grade:
  description:
    - V(observed) if the log-ins prove everything that was asked for, V(not_proved_by_login) if O(old_url) was not given,
      V(inconclusive) in check mode.
  returned: success
  type: str
  sample: observed
new_sqlstate:
  description: SQLSTATE of a refused log-in with O(new_url), which is no failure in check mode only. Else V(null).
  returned: success
  type: str
  sample: 28P01
old_sqlstate:
  description: SQLSTATE of the refused log-in with O(old_url), else V(null).
  returned: success
  type: str
  sample: 28P01
control_sqlstate:
  description: SQLSTATE of the refused log-in with a random password, else V(null).
  returned: success
  type: str
  sample: 28P01
attempts:
  description: How many bursts were made.
  returned: success
  type: int
  sample: 1
refused_logins:
  description: How many log-ins of this run the server refused because of the password.
  returned: success
  type: int
  sample: 2
refused_logins_by_user:
  description: The same for each user name.
  returned: success
  type: dict
  sample: {raptor_app: 2}
users:
  description: The user names whose sessions were looked for.
  returned: success
  type: list
  elements: str
  sample: [raptor_app, raptor_app-rotating]
sessions_ended:
  description: How many sessions were (or in check mode would be) ended.
  returned: success
  type: int
  sample: 3
sessions_left:
  description: How many such sessions the last look found. Always V(0), save in check mode or with O(state=live).
  returned: success
  type: int
  sample: 0
oldest_session:
  description: When the oldest of these sessions began (RFC 3339, UTC). V(null) if there was none.
  returned: success
  type: str
  sample: "2026-05-19T07:00:00.000000Z"
older_than:
  description: Sessions that began before this time by the server's clock were looked for (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T10:11:12.345678Z"
waited:
  description: How long the run waited for log-ins to settle, in seconds.
  returned: success
  type: float
  sample: 41.5
server_time:
  description: The server's clock at the beginning of the run (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T10:11:12.345678Z"
observer:
  description: Who looked at the sessions, and where.
  returned: success
  type: dict
  contains:
    user:
      description: Name of the role.
      type: str
      sample: u3b5qk
    database:
      description: Name of the database.
      type: str
      sample: d7f2mt
    server_version:
      description: Version of the server.
      type: str
      sample: "16.4"
    authentication_timeout:
      description: Time that the server gives a log-in, in seconds.
      type: int
      sample: 60
  sample: {user: u3b5qk, database: d7f2mt, server_version: "16.4", authentication_timeout: 60}
"""

import typing as t
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._database import database_url
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._login_proof import SYSTEM, Burst, Probes, sweep
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import DATABASE
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import (
    EndedSessions,
    Observer,
    list_sessions,
    observe,
    session,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._proof import UNCLEAR, works
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

SPEC = DATABASE + Spec(
    options={
        "state": {"type": "str", "choices": ["live", "dead"], "default": "dead"},
        "new_url": {"type": "str", "required": True, "no_log": True},
        "old_url": {"type": "str", "no_log": True},
        "expected_user": {"type": "str", "required": True},
        "users": {"type": "list", "elements": "str", "default": []},
        "permitted_query": {"type": "str"},
        "forbidden_query": {"type": "str"},
        "older_than": {"type": "str"},
        "attempts": {"type": "int", "default": 5},
        "attempt_delay": {"type": "float", "default": 2.0},
        "settle_logins": {"type": "bool", "default": True},
        "authentication_timeout_max": {"type": "int", "default": 90},
    },
    libraries=("pg8000",),
)


def run(params: Params, check_mode: bool) -> Result:
    dead = params["state"] == "dead"
    older_than = parse(params["older_than"], "older_than") if params["older_than"] else None
    probes = Probes(
        params["new_url"],
        params["old_url"] if dead else None,
        expected_user=params["expected_user"],
        permitted=params["permitted_query"],
        forbidden=params["forbidden_query"],
        timeout=params["database_timeout"],
    )
    users = sorted({*params["users"], *probes.users})
    with session(database_url(params), params["database_timeout"], system=SYSTEM) as connection:
        observer = observe(connection, system=SYSTEM)
        _check(observer, users, older_than)
        older_than = older_than or observer.time
        if check_mode:
            new = probes.log_in()
            burst = Burst(works(new, params["expected_user"], forbidden_asked=False)[0], None, UNCLEAR, new.sqlstate)
        else:
            burst = probes.prove(want_dead=dead, attempts=params["attempts"], delay=params["attempt_delay"])
        seen, waited = list_sessions(connection, users, older_than, dropped=True, system=SYSTEM), 0.0
        ended = EndedSessions(seen.left if check_mode and dead else 0, seen.left, seen.oldest_start)
        if dead and not check_mode:
            limit = params["authentication_timeout_max"] if params["settle_logins"] else None
            ended, waited = sweep(connection, users, older_than, limit)
    return {
        "changed": ended.ended > 0,
        **burst.facts(),
        "users": users,
        "sessions_ended": ended.ended,
        "sessions_left": ended.left,
        "oldest_session": ended.oldest_start and format_time(ended.oldest_start),
        "older_than": format_time(older_than),
        "waited": waited,
        "server_time": format_time(observer.time),
        "observer": _describe(observer),
        "diff": {"before": {"sessions": seen.left}, "after": {"sessions": 0 if dead else seen.left}},
    }


def _check(observer: Observer, users: list[str], older_than: datetime | None) -> None:
    if observer.user in users:
        raise DeprovisionError(
            "invalid_input", f"{observer.user} is the role that looks: ending its own kind would cut off the app's owner."
        )
    if older_than and older_than > observer.time:
        raise DeprovisionError(
            "invalid_input", f"older_than lies in the future by the server's clock ({format_time(observer.time)})."
        )


def _describe(observer: Observer) -> dict[str, t.Any]:
    return {
        "user": observer.user,
        "database": observer.database,
        "server_version": observer.server_version,
        "authentication_timeout": observer.authentication_timeout,
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
