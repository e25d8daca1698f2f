#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heroku_dyno
short_description: Restart a Heroku app or run a command in a one-off dyno
version_added: 0.1.0
description:
  - Restarts every dyno of an app's formation and waits until each is a new one and up, or runs a command in a one-off dyno and
    returns its exit status and the end of its output.
  - The output of a command arrives over Heroku's rendezvous, a TLS connection that is always verified. The exit status is known
    only if the line that carries it arrives; if the connection ends before, the module fails and does not guess.
  - A command is never started twice without need. If Heroku gives no usable answer to the request, the app's dynos are looked
    at first.
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
      - The app is read, nothing is restarted or run, and the result is changed.
  diff_mode:
    support: none
    details:
      - Restarting or running something is an operation; there is no state before and after to compare.
  idempotent:
    support: none
    details:
      - Restarting or running something is an operation and is done each time.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  state:
    description: Whether to restart the app (V(restarted)) or to run O(command) in a one-off dyno (V(run)).
    type: str
    choices: [restarted, run]
    required: true
  command:
    description:
      - The command to run, in the words of a shell. Required if O(state=run).
      - A command that ends its shell (a bare C(exit)) or ends in a comment hides its exit status.
    type: str
  size:
    description: Size of the one-off dyno. Without it Heroku's default for the app applies.
    type: str
  dyno_timeout:
    description:
      - Longest time for the whole of it (all dynos restarted, or the command ended), in seconds.
      - Heroku is told to end a one-off dyno that is older.
    type: int
    default: 600
  poll_interval:
    description: Longest pause between two looks at the dynos, in seconds.
    type: float
    default: 2.0
  heroku_ca_path:
    description:
      - File of the CA certificates that the rendezvous is verified with. Without it the system's are used.
      - If not given, the value of the environment variable E(HEROKU_CA_PATH) is used.
    type: path
seealso:
  - module: raxx.deprovision.heroku_config
"""

EXAMPLES = r"""
- name: Run the archiver once without writing anything
  raxx.deprovision.heroku_dyno:
    app: raxx-api-prod
    state: run
    command: python jobs/audit_archiver.py --dry-run
    dyno_timeout: 300

- name: See that the command could be run, without running it
  raxx.deprovision.heroku_dyno:
    app: raxx-api-prod
    state: run
    command: python jobs/audit_archiver.py --dry-run
  check_mode: true

- name: Restart the app
  raxx.deprovision.heroku_dyno:
    app: raxx-api-prod
    state: restarted
"""

RETURN = r"""
dyno:
  description: Name of the one-off dyno. V(null) in check mode.
  returned: O(state=run)
  type: str
  sample: run.4821
exit_status:
  description: Exit status of the command; another one than 0 is a failure. V(null) in check mode.
  returned: O(state=run)
  type: int
  sample: 0
output:
  description: The last 20 lines of the command's output, without control characters and with passwords masked.
  returned: O(state=run)
  type: list
  elements: str
  sample: ["audit_archiver: 4 events would be archived (dry run)"]
dynos:
  description: The dynos of the formation after the restart; in check mode those that would be restarted.
  returned: O(state=restarted)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the dyno.
      type: str
      returned: always
      sample: web.1
    state:
      description: State of the dyno.
      type: str
      returned: always
      sample: up
    release:
      description: Version of the release that it runs, V(null) as long as Heroku has assigned none.
      type: int
      returned: always
      sample: 118
    updated_at:
      description: When its state changed last (RFC 3339, UTC).
      type: str
      returned: always
      sample: "2026-05-19T10:11:12Z"
  sample: [{"name": "web.1", "state": "up", "release": 118, "updated_at": "2026-05-19T10:11:12Z"}]
seconds:
  description: How long it took. V(0) in check mode.
  returned: success
  type: float
  sample: 7.512
"""

from ansible.module_utils.common.parameters import env_fallback
from ansible_collections.raxx.deprovision.plugins.module_utils._dyno_restart import processes, restart
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import Dyno, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._one_off import check_supported, run_one_off
from ansible_collections.raxx.deprovision.plugins.module_utils._options import HEROKU

SPEC = HEROKU + Spec(
    options={
        "app": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["restarted", "run"], "required": True},
        "command": {"type": "str"},
        "size": {"type": "str"},
        "dyno_timeout": {"type": "int", "default": 600},
        "poll_interval": {"type": "float", "default": 2.0},
        "heroku_ca_path": {"type": "path", "fallback": (env_fallback, ["HEROKU_CA_PATH"])},
    },
    required_if=[("state", "run", ["command"])],
)


def run(params: Params, check_mode: bool) -> Result:
    if params["state"] == "run" and not params["command"]:  # required_if lets null and the empty string pass
        raise DeprovisionError("invalid_input", "command is empty, but required for state=run.")
    client = HerokuClient.from_params(params)
    return {"changed": True, **(_run if params["state"] == "run" else _restart)(client, params, check_mode)}


def _run(client: HerokuClient, params: Params, check_mode: bool) -> Result:
    if check_mode:
        check_supported(client, params["app"])
        return {"dyno": None, "exit_status": None, "output": [], "seconds": 0.0}
    done = run_one_off(
        client,
        params["app"],
        params["command"],
        size=params["size"],
        timeout=params["dyno_timeout"],
        ca_path=params["heroku_ca_path"],
    )
    return {"dyno": done.dyno, "exit_status": done.exit_status, "output": list(done.lines), "seconds": done.seconds}


def _restart(client: HerokuClient, params: Params, check_mode: bool) -> Result:
    if check_mode:
        return {"dynos": [_describe(dyno) for dyno in processes(client, params["app"])], "seconds": 0.0}
    dynos, seconds = restart(client, params["app"], timeout=params["dyno_timeout"], poll_interval=params["poll_interval"])
    return {"dynos": [_describe(dyno) for dyno in dynos], "seconds": seconds}


def _describe(dyno: Dyno) -> Result:
    return {"name": dyno.name, "state": dyno.state, "release": dyno.release, "updated_at": dyno.updated_at}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
