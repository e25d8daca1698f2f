#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smoke_suite
short_description: Run a command that proves that an app works
version_added: 0.1.0
description:
  - Runs a command on the control node until it ends with exit status 0, and returns the end of its output.
  - The command does not get the environment of the operator, which holds the credentials of every system, but only C(PATH),
    C(HOME), C(LANG), C(LC_ALL), C(TMPDIR) and C(TERM), as far as they are set, and what O(pass_environment) and
    O(environment) name.
  - It runs in a session and process group of its own. When it has ended, has taken too long, or the playbook is stopped, every
    process of the group is killed. Of its output only the end is kept, whatever the amount.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.read_only
attributes:
  check_mode:
    support: full
    details:
      - Whether the command can be run is looked at. Nothing is run, the result is not changed, and RV(exit_status) is V(null).
  action_group:
    support: N/A
    details:
      - This module has no options of a system.
    membership: []
  idempotent:
    support: full
    details:
      - The command is run each time. It proves something and is taken to change nothing.
options:
  command:
    description:
      - The program and its arguments. No shell is involved.
      - The program is looked for in O(directory). If it is not there and its name holds no slash, it is looked for in C(PATH).
    type: list
    elements: str
    required: true
  directory:
    description: The directory in which the command is run.
    type: path
    required: true
  environment:
    description:
      - Variables that the command gets in addition.
      - Not the place for a secret, since high verbosity shows them. Name it in O(pass_environment).
    type: dict
    default: {}
  pass_environment:
    description:
      - Names of variables of the operator's environment that the command needs. One that is not set is left out.
      - The value is masked in the output if the name says that it is a password, secret, token or key.
    type: list
    elements: str
    default: [RAPTOR_URL]
  timeout:
    description: Longest time for one attempt, in seconds.
    type: int
    default: 300
  attempts:
    description:
      - How often the command is run at most. The last attempt decides the kind of failure.
      - The app may still be starting when the command is run first.
    type: int
    default: 3
  delay:
    description: Pause between two attempts, in seconds.
    type: float
    default: 5.0
seealso:
  - module: raxx.deprovision.heroku_dyno
  - module: raxx.deprovision.heroku_log_watch
"""

EXAMPLES = r"""
- name: Run the smoke suite
  raxx.deprovision.smoke_suite:
    command: [scripts/ci/run_smoke.sh, --env=prod]
    directory: ~/raptor

- name: Run a suite that needs a token of the operator and an address
  raxx.deprovision.smoke_suite:
    command: [make, smoke]
    directory: ~/reports
    pass_environment: [REPORTS_TOKEN]
    environment:
      REPORTS_URL: https://reports.raxx.example
    attempts: 1

- name: See whether the suite can be run, without running it
  raxx.deprovision.smoke_suite:
    command: [scripts/ci/run_smoke.sh, --env=prod]
    directory: ~/raptor
  check_mode: true
"""

RETURN = r"""
attempts:
  description: How often the command was run. V(0) in check mode.
  returned: success
  type: int
  sample: 1
exit_status:
  description: Exit status of the command. V(null) in check mode, otherwise V(0), since any other one fails the module.
  returned: success
  type: int
  sample: 0
output:
  description: The last lines of the last attempt's output, at most 20, without control characters and what looks like a password.
  returned: success
  type: list
  elements: str
  sample: ["ok   [prod 2/2] the app answers", "smoke: all checks passed"]
seconds:
  description: How long it took with every attempt and pause. V(0) in check mode.
  returned: success
  type: float
  sample: 2.715
"""

import os

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._smoke import Suite

SPEC = Spec(
    options={
        "command": {"type": "list", "elements": "str", "required": True},
        "directory": {"type": "path", "required": True},
        "environment": {"type": "dict", "default": {}},
        "pass_environment": {"type": "list", "elements": "str", "default": ["RAPTOR_URL"], "no_log": False},
        "timeout": {"type": "int", "default": 300},
        "attempts": {"type": "int", "default": 3},
        "delay": {"type": "float", "default": 5.0},
    }
)


def run(params: Params, check_mode: bool) -> Result:
    if params["timeout"] < 1 or params["attempts"] < 1 or params["delay"] < 0:
        raise DeprovisionError("invalid_input", "timeout and attempts must be 1 or more, and delay must not be negative.")
    suite = Suite.create(
        params["command"], params["directory"], os.environ, params["pass_environment"] or [], params["environment"] or {}
    )
    suite.program()
    if check_mode:
        return {"changed": False, "attempts": 0, "exit_status": None, "output": [], "seconds": 0.0}
    green = suite.run(attempts=params["attempts"], timeout=params["timeout"], delay=params["delay"])
    return {
        "changed": False,
        "attempts": green.attempts,
        "exit_status": 0,
        "output": list(green.lines),
        "seconds": green.seconds,
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
