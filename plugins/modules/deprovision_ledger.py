#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_ledger
short_description: Write facts of a departure or a rotation into the ledger
version_added: 0.1.0
description:
  - Writes facts that have been observed into the ledger, each of them once. A fact that is there already is left as it is, and
    returned, even if its value differs; the first writer wins.
  - The ledger is a set of parameters in SSM. No secret may be a fact.
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
  event:
    description: Id of the event that the facts belong to. Needs O(email).
    type: str
  email:
    description: The person whose event it is.
    type: str
  credential:
    description: Name of the credential that the facts belong to. Needs O(rotation).
    type: str
  rotation:
    description: Number of the rotation.
    type: int
  facts:
    description:
      - The facts by name. Each is a dictionary.
      - A fact without an C(at) gets the time at which it is written, as C(at).
    type: dict
    required: true
  subject:
    description:
      - The console, app, credential or record of the inventory for which the facts hold. It becomes part of their names
        (C(lockout-console)), so that each of several has its own.
    type: str
  forget:
    description:
      - What is destroyed after the facts are written. V(old) is the URL that the rotation has replaced; V(key) is the key of its
        fingerprints, which from then on say nothing to anybody.
    type: list
    elements: str
    choices: [old, key]
    default: []
seealso:
  - module: raxx.deprovision.deprovision_event
  - module: raxx.deprovision.deprovision_rotation
"""

EXAMPLES = r"""
- name: Note that the person is locked out
  raxx.deprovision.deprovision_ledger:
    ledger_prefix: /raxx/prod/deprovision
    event: DEPROV-2026-05-19-jordan.smith
    email: jordan.smith@raxx.example
    facts:
      lockout:
        account: true

- name: See which facts of a rotation are missing
  raxx.deprovision.deprovision_ledger:
    ledger_prefix: /raxx/prod/deprovision
    credential: raptor_app
    rotation: 12
    facts:
      stored:
        kind: infisical
        name: RAPTOR_APP_DB_URL
  check_mode: true
"""

RETURN = r"""
facts:
  description: The facts as the ledger holds them (in check mode, as it would hold them).
  returned: success
  type: dict
  sample:
    lockout:
      at: "2026-05-19T09:13:00Z"
recorded:
  description: Names of the facts that were written (or in check mode would be).
  returned: success
  type: list
  elements: str
  sample: [lockout]
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "event": {"type": "str"},
            "email": {"type": "str"},
            "credential": {"type": "str"},
            "rotation": {"type": "int"},
            "facts": {"type": "dict", "required": True},
            "subject": {"type": "str"},
            "forget": {"type": "list", "elements": "str", "choices": ["old", "key"], "default": []},
        },
        required_one_of=[["event", "credential"]],
        mutually_exclusive=[["event", "credential"]],
        required_together=[["event", "email"], ["credential", "rotation"]],
    )
)


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params)
    subject = params["subject"]
    wanted: Facts = {
        fact_name(kind, subject) if subject else kind: {"at": format_time(now()), **value}
        for kind, value in params["facts"].items()
    }
    known = _known(ledger, params)
    missing = {name: value for name, value in wanted.items() if name not in known}
    if missing and not check_mode:
        known = {**known, **_record(ledger, params, missing)}
    secrets = [] if check_mode else params["forget"]
    forgotten = [what for what in secrets if ledger.forget(params["credential"], params["rotation"], what)]
    return {
        "changed": bool(missing or forgotten),
        "facts": {name: known.get(name, value) for name, value in wanted.items()},
        "recorded": list(missing),
        "diff": {"before": {}, "after": missing},
    }


def _known(ledger: Ledger, params: Params) -> Facts:
    if params["event"]:
        found = [record.facts for record in ledger.events_of(params["email"]) if record.event.id == params["event"]]
    else:
        rotation = ledger.rotation(params["credential"], params["rotation"])
        found = [rotation.facts] if rotation else []
    if not found:
        raise DeprovisionError("not_found", "The ledger does not know this event or rotation.", system="AWS SSM")
    return found[0]


def _record(ledger: Ledger, params: Params, facts: Facts) -> Facts:
    if params["event"]:
        return ledger.record_event(params["email"], params["event"], facts)
    return ledger.record_rotation(params["credential"], params["rotation"], facts)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
