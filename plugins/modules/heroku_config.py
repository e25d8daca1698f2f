#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heroku_config
short_description: Set config vars of a Heroku app, and wait for its restart
version_added: 0.1.0
description:
  - Makes sure that config vars of an app have certain values, with one release and so one restart for all of them.
  - Waits until every dyno of the formation is up on the newest release, also if nothing had to be changed, so that after
    this module no dyno is older than the values.
  - A config var that belongs to an add-on is changed by nothing but the rotation of the credential. The module waits for
    such a var to become as wanted, and changes the others.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.heroku
attributes:
  action_group:
    membership: [raxx.deprovision.heroku]
options:
  app:
    description: Name of the app.
    type: str
    required: true
  values:
    description:
      - The config vars with the values that they are to have. Other config vars are left alone.
      - Values are strings. An empty one is refused, since it is nearly always a mistake.
    type: dict
    required: true
  wait_timeout:
    description: Longest wait, in seconds, for config vars of add-ons and for the dynos together.
    type: int
    default: 300
  poll_interval:
    description: Longest pause between two looks, in seconds. The first pauses are shorter.
    type: float
    default: 2.0
seealso:
  - module: raxx.deprovision.heroku_pg_credential
  - module: raxx.deprovision.heroku_dyno
"""

EXAMPLES = r"""
- name: Give the new connection URL to the app
  raxx.deprovision.heroku_config:
    app: raxx-api-prod
    values:
      RAPTOR_APP_DATABASE_URL: "{{ new_credential.url }}"

- name: Fall back to the owner's credential while the new one is being looked into
  raxx.deprovision.heroku_config:
    app: raxx-api-prod
    values:
      FLAG_RAPTOR_APP_ROLE_SEPARATION: "0"
    wait_timeout: 120

- name: See whether the app has the new URL, without changing anything
  raxx.deprovision.heroku_config:
    app: raxx-api-prod
    values:
      RAPTOR_APP_DATABASE_URL: "{{ new_credential.url }}"
  check_mode: true
"""

RETURN = r"""
changed_names:
  description: Names of the config vars that were (or in check mode would be) changed.
  returned: success
  type: list
  elements: str
  sample: [RAPTOR_APP_DATABASE_URL]
attached_names:
  description: Names of the config vars that belong to an add-on, and became as wanted without this module.
  returned: success
  type: list
  elements: str
  sample: []
release:
  description: Version of the newest release.
  returned: success
  type: int
  sample: 43
release_at:
  description: When it was created (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T10:04:45Z"
dynos:
  description: The dynos of the formation. In check mode they need not be up, nor on the newest release.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the dyno.
      type: str
      sample: web.1
    type:
      description: Process type.
      type: str
      sample: web
    state:
      description: State in Heroku's words.
      type: str
      sample: up
    release:
      description: Version of the release that it runs. V(null) if Heroku does not tell.
      type: int
      sample: 43
  sample: [{name: web.1, type: web, state: up, release: 43}]
restarted_at:
  description:
    - From when on every dyno has been up on the release (RFC 3339, UTC). V(null) for an app without dynos.
    - It is the end of the second that Heroku names, for Heroku's times are cut to the second.
  returned: success
  type: str
  sample: "2026-05-19T10:05:03.000000Z"
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._app_config import ConfigChange, check_values, differing
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import HEROKU
from ansible_collections.raxx.deprovision.plugins.module_utils._release import all_up_since, describe, wait_for_release
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import Wait

SPEC = HEROKU + Spec(
    options={
        "app": {"type": "str", "required": True},
        "values": {"type": "dict", "required": True, "no_log": True},
        "wait_timeout": {"type": "int", "default": 300},
        "poll_interval": {"type": "float", "default": 2.0},
    }
)


def run(params: Params, check_mode: bool) -> Result:
    app, wanted = params["app"], check_values(params["values"])
    client = HerokuClient.from_params(params)
    before = client.config_vars(app)
    changed = differing(before, wanted)
    attached: list[str] = []
    if check_mode:
        release, dynos = client.newest_release(app), client.dynos(app)
    else:
        wait = Wait(params["wait_timeout"], params["poll_interval"])
        last = 0
        if changed:
            newest = client.newest_release(app).version
            changed, attached = ConfigChange(client, app, wanted, wait).apply(changed)
            # The add-on's release may have been there already, only a release of our own is still to come.
            last = newest if changed else 0
        release, dynos = wait_for_release(client, app, wait, newer_than=last)
    return {
        "changed": bool(changed),
        "changed_names": changed,
        "attached_names": attached,
        "release": release.version,
        "release_at": release.created_at,
        "dynos": describe(dynos),
        "restarted_at": all_up_since(dynos),
        "diff": {
            "before": {name: _describe(before.get(name), wanted[name]) for name in wanted},
            "after": dict.fromkeys(wanted, "as wanted"),
        },
    }


def _describe(value: str | None, wanted: str) -> str:
    """A config var in a diff: whether it holds the wanted value, never the value."""
    return "absent" if value is None else "as wanted" if value == wanted else "another value"


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
