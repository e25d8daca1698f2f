#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heroku_pg_credential
short_description: Read or rotate a credential of a Heroku Postgres database
version_added: 0.1.0
description:
  - Rotates a credential through Heroku's own rotation, waits until the rotation is complete, and only then reads the new
    connection URL. While a rotation is under way, the URL is the old one or that of a passing user, and is not handed out.
  - Heroku accepts a rotation and works on it afterwards. It waits up to half an hour for the connections of the users that
    it revokes; this module ends those connections through the owner of the database, so that it takes seconds.
  - A rotation that is under way is waited for, and not asked for again. A request without an answer is repeated once at most,
    and only after the credential was seen unchanged.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.heroku
attributes:
  action_group:
    membership: [raxx.deprovision.heroku]
  check_mode:
    support: full
    details:
      - In check mode the credential is read once; the result holds the present URL, and C(changed) says whether a rotation
        would be asked for.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A rotation is an operation. It is idempotent if O(rotated_since) and O(intent) are given, since a rotation that was
        announced at that time or later, and took place, is enough.
      - O(state=read) changes nothing, and O(state=settled) changes nothing about a credential that is not being rotated.
options:
  app:
    description: The app to which the database is attached.
    type: str
    required: true
  addon:
    description:
      - The database, by the name of its attachment, of the attachment's config var, or of the add-on.
        V(other-app::DATABASE) names an attachment of another app.
    type: str
    default: DATABASE
  name:
    description: Name of the credential, for example V(raptor_app).
    type: str
    required: true
  state:
    description:
      - V(read) reads the credential as it is, also in the middle of a rotation (see RV(settled)).
      - V(settled) waits for a rotation that is under way, and begins none.
      - V(rotated) makes sure that the credential was rotated.
    type: str
    choices: [read, settled, rotated]
    default: rotated
  forced:
    description:
      - Whether Heroku is asked for a forced rotation. That ends every connection of the credential at once, restarts the
        apps it is attached to, and makes followers that lag unreachable until they have caught up.
      - A rotation that somebody else began is forced only if it makes no progress for a while.
    type: bool
    default: false
  rotated_since:
    description:
      - A rotation that was begun at this time (RFC 3339) or later is enough, according to O(intent).
      - Without it, a rotation that is found under way is enough.
    type: str
  intent:
    description: What is known of the newest rotation that was announced, whether or not it then took place.
    type: dict
    suboptions:
      at:
        description: When it was announced (RFC 3339).
        type: str
        required: true
      fingerprint:
        description: Fingerprint of the URL before it (RV(fingerprint) with O(intent.fingerprint_key)).
        type: str
        required: true
      fingerprint_key:
        description: Key of that fingerprint.
        type: str
        required: true
  fingerprint_key:
    description: Key for RV(fingerprint).
    type: str
  owner_config_var:
    description:
      - Config var of O(app) that holds the URL of the database's owner. It is read only if Heroku waits for connections of
        users that it revokes, to end those connections.
    type: str
    default: DATABASE_URL
  settle_timeout:
    description: Longest wait for the rotation to be complete, in seconds.
    type: int
    default: 600
  poll_interval:
    description: Longest pause between two looks at the credential, in seconds. The first pauses are shorter.
    type: float
    default: 2.0
requirements:
  - psycopg2
seealso:
  - module: raxx.deprovision.pg_credential_proof
  - module: raxx.deprovision.heroku_config
"""

EXAMPLES = r"""
- name: Rotate the credential of the Raptor API
  raxx.deprovision.heroku_pg_credential:
    app: raxx-api-prod
    name: raptor_app
  register: new_credential
  no_log: true

- name: Rotate, unless a rotation that was announced after the event had been opened has taken place
  raxx.deprovision.heroku_pg_credential:
    app: raxx-api-prod
    name: raptor_app
    rotated_since: "2026-05-19T10:00:00Z"
    intent:
      at: "2026-05-19T10:04:31.250000Z"
      fingerprint: 8f2c1e0d9b7a46531122334455667788
      fingerprint_key: "{{ fingerprint_key }}"
  register: new_credential
  no_log: true

- name: See whether that would rotate, without changing anything
  raxx.deprovision.heroku_pg_credential:
    app: raxx-api-prod
    name: raptor_app
  check_mode: true

- name: Read the connection URL
  raxx.deprovision.heroku_pg_credential:
    app: raxx-api-prod
    name: audit_archiver
    state: read
  register: credential
  no_log: true
"""

RETURN = r"""
rotated:
  description: Whether this run asked Heroku for a rotation that took place.
  returned: success
  type: bool
  sample: true
name:
  description: Name of the credential.
  returned: success
  type: str
  sample: raptor_app
user:
  description: Name of the database user that RV(url) logs in.
  returned: success
  type: str
  sample: raptor_app
users:
  description: Every user name that the credential can have, including the one that it has while it is being rotated.
  returned: success
  type: list
  elements: str
  sample: [raptor_app, raptor_app-rotating]
state:
  description: State of the credential in Heroku's words, for example V(active) or V(rotating).
  returned: success
  type: str
  sample: active
settled:
  description: Whether RV(url) is final. It is V(false) only for O(state=read) and in check mode, in the middle of a rotation.
  returned: success
  type: bool
  sample: true
url:
  description: The connection URL. A secret, so the result is shown nowhere.
  returned: success
  type: str
  sample: postgres://raptor_app:PASSWORD@host.example:5432/database
fingerprint:
  description: Fingerprint of RV(url), the first 16 bytes of HMAC-SHA256 in hexadecimal. V(null) without O(fingerprint_key).
  returned: success
  type: str
  sample: 8f2c1e0d9b7a46531122334455667788
settled_at:
  description: When the credential was seen settled (RFC 3339, UTC). V(null) if it is not settled.
  returned: success
  type: str
  sample: "2026-05-19T10:04:40.125000Z"
waited:
  description: How long that took, in seconds.
  returned: success
  type: float
  sample: 8.512
sessions_ended:
  description: Number of sessions of revoked users that were ended.
  returned: success
  type: int
  sample: 3
posts:
  description: Number of requests for a rotation that were sent to Heroku.
  returned: success
  type: int
  sample: 1
"""

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._database import url_from_config
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._fingerprint import fingerprint
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import DATA_SYSTEM, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import HEROKU
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import end_sessions, session
from ansible_collections.raxx.deprovision.plugins.module_utils._rotation import (
    ROTATING_SUFFIX,
    Goal,
    Intent,
    Outcome,
    Rotation,
    check_plan,
    is_settled,
    present_user,
    would_rotate,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now, parse

SPEC = HEROKU + Spec(
    options={
        "app": {"type": "str", "required": True},
        "addon": {"type": "str", "default": "DATABASE"},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["read", "settled", "rotated"], "default": "rotated"},
        "forced": {"type": "bool", "default": False},
        "rotated_since": {"type": "str"},
        "intent": {
            "type": "dict",
            "options": {
                "at": {"type": "str", "required": True},
                "fingerprint": {"type": "str", "required": True},
                "fingerprint_key": {"type": "str", "required": True, "no_log": True},
            },
        },
        "fingerprint_key": {"type": "str", "no_log": True},
        "owner_config_var": {"type": "str", "default": "DATABASE_URL"},
        "settle_timeout": {"type": "int", "default": 600},
        "poll_interval": {"type": "float", "default": 2.0},
    },
    libraries=("psycopg2",),
)


def run(params: Params, check_mode: bool) -> Result:
    app, name, goal = params["app"], params["name"], _goal(params)
    client = HerokuClient.from_params(params)
    addon = client.resolve_addon(app, params["addon"])
    check_plan(addon, name)
    before = client.credential(addon, name)
    if check_mode or params["state"] == "read":
        return _result(params, Outcome(before, would_rotate(before, goal), requests=0, waited=0.0, sessions_ended=0))

    def end(users: t.Sequence[str]) -> int:
        with session(url_from_config(client, app, params["owner_config_var"]), params["heroku_timeout"]) as connection:
            return end_sessions(connection, users, wait=params["poll_interval"]).ended

    rotation = Rotation(
        client,
        addon,
        name,
        goal,
        end_sessions=end,
        timeout=params["settle_timeout"],
        poll_interval=params["poll_interval"],
    )
    return _result(params, rotation.run(before))


def _goal(params: Params) -> Goal:
    since, intent = params["rotated_since"], params["intent"]
    return Goal(
        rotate=params["state"] == "rotated",
        since=parse(since, "rotated_since") if since else None,
        intent=Intent(parse(intent["at"], "intent.at"), intent["fingerprint"], intent["fingerprint_key"]) if intent else None,
        forced=params["forced"],
    )


def _result(params: Params, outcome: Outcome) -> Result:
    store, key = outcome.store, params["fingerprint_key"]
    user = present_user(store)
    if user is None:
        raise DeprovisionError(
            "credential_unusable", f"Heroku names no active user for the credential {store.name}.", system=DATA_SYSTEM
        )
    url, settled = store.url(user), is_settled(store)
    own = user.name.removesuffix(ROTATING_SUFFIX)
    return {
        "changed": outcome.rotated or outcome.sessions_ended > 0,
        "rotated": outcome.rotated and outcome.requests > 0,
        "name": store.name,
        "user": user.name,
        "users": [own, own + ROTATING_SUFFIX],
        "state": store.state,
        "settled": settled,
        "url": url,
        "fingerprint": fingerprint(url, key) if key else None,
        "settled_at": format_time(now()) if settled else None,
        "waited": outcome.waited,
        "sessions_ended": outcome.sessions_ended,
        "posts": outcome.requests,
        "diff": {
            "before": {"name": store.name, "credential": "as before"},
            "after": {"name": store.name, "credential": "rotated" if outcome.rotated else "as before"},
        },
        # The URL is a secret.
        "_ansible_no_log": True,
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
