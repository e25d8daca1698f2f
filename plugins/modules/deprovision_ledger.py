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
  events:
    description:
      - Events with the facts that belong to them, such as those of several people who leave together. Some of them are written at
        the same time.
      - Exactly one of O(events) and O(credential) must be given.
    type: list
    elements: dict
    suboptions:
      event:
        description: Id of the event.
        type: str
        required: true
      email:
        description: The person whose event it is.
        type: str
        required: true
      facts:
        description:
          - As O(facts).
          - A waiver, that is a fact C(waived-<claim>), needs C(by), C(reason) and C(until), or nothing is written. C(until) is a
            date, until the end of which it holds (UTC), or an RFC 3339 time.
        type: dict
        required: true
  credential:
    description: Name of the credential that O(facts) belong to. Needs O(rotation).
    type: str
  rotation:
    description: Number of the rotation.
    type: int
  facts:
    description:
      - The facts of a rotation by name. Each is a dictionary.
      - A fact without an C(at) gets the time at which it is written, as C(at).
    type: dict
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
    events:
      - event: DEPROV-2026-05-19-jordan.smith
        email: jordan.smith@raxx.example
        facts:
          lockout:
            account: true

- name: Note who accepts a gap, and until when
  raxx.deprovision.deprovision_ledger:
    ledger_prefix: /raxx/prod/deprovision
    events:
      - event: DEPROV-2026-05-19-jordan.smith
        email: jordan.smith@raxx.example
        facts:
          waived-2b-raptor_app:
            by: ciso@raxx.example
            until: "2026-06-01"
            reason: the vault is being moved

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
events:
  description: Events, with the facts as the ledger holds them (in check mode, as it would hold them).
  returned: O(events) is given
  type: list
  elements: dict
  contains:
    event:
      description: Id of the event.
      type: str
      sample: DEPROV-2026-05-19-jordan.smith
    facts:
      description: The facts.
      type: dict
      sample:
        lockout:
          at: "2026-05-19T09:13:00Z"
    recorded:
      description: Names of the facts that were written (or in check mode would be).
      type: list
      elements: str
      sample: [lockout]
  sample:
    - event: DEPROV-2026-05-19-jordan.smith
      facts:
        lockout:
          at: "2026-05-19T09:13:00Z"
      recorded: [lockout]
facts:
  description: The facts of the rotation as the ledger holds them (in check mode, as it would hold them).
  returned: O(credential) is given
  type: dict
  sample:
    stored:
      at: "2026-05-19T09:15:00Z"
recorded:
  description: Names of the facts of the rotation that were written (or in check mode would be).
  returned: O(credential) is given
  type: list
  elements: str
  sample: [stored]
"""

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._claims import check_waivers
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import each
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "events": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "event": {"type": "str", "required": True},
                    "email": {"type": "str", "required": True},
                    "facts": {"type": "dict", "required": True},
                },
            },
            "credential": {"type": "str"},
            "rotation": {"type": "int"},
            "facts": {"type": "dict"},
            "subject": {"type": "str"},
            "forget": {"type": "list", "elements": "str", "choices": ["old", "key"], "default": []},
        },
        required_one_of=[["events", "credential"]],
        mutually_exclusive=[["events", "credential"]],
        required_together=[["credential", "rotation", "facts"]],
    )
)


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params)
    if params["credential"]:
        return _rotation(ledger, params, check_mode)

    entries = [(entry["email"], entry["event"], _stamped(entry["facts"], params["subject"])) for entry in params["events"]]
    for _email, _event, facts in entries:
        check_waivers(facts)
    known = [_known(facts) for facts in ledger.known_facts(entries)]

    def record(entry: tuple[tuple[str, str, Facts], Facts]) -> Result:
        (email, event, wanted), known = entry
        return {
            "event": event,
            **_recorded(wanted, known, lambda facts: ledger.record_event(email, event, facts), check_mode),
        }

    results = each(record, list(zip(entries, known, strict=True)))
    missing = {result["event"]: {name: result["facts"][name] for name in result["recorded"]} for result in results}
    return {
        "changed": any(missing.values()),
        "events": results,
        "diff": {"before": {}, "after": {event: facts for event, facts in missing.items() if facts}},
    }


def _rotation(ledger: Ledger, params: Params, check_mode: bool) -> Result:
    credential, number = params["credential"], params["rotation"]
    rotation = ledger.rotation(credential, number)
    known = _known(rotation.facts if rotation else None)
    wanted = _stamped(params["facts"], params["subject"])
    result = _recorded(wanted, known, lambda facts: ledger.record_rotation(credential, number, facts), check_mode)
    secrets = [] if check_mode else params["forget"]
    forgotten = [what for what in secrets if ledger.forget(credential, number, what)]
    return {
        "changed": bool(result["recorded"] or forgotten),
        **result,
        "diff": {"before": {}, "after": {name: result["facts"][name] for name in result["recorded"]}},
    }


def _known(facts: Facts | None) -> Facts:
    if facts is None:
        raise DeprovisionError("not_found", "The ledger does not know this event or rotation.", system="AWS SSM")
    return facts


def _stamped(facts: Facts, subject: str | None) -> Facts:
    """C(facts) by their names in the ledger, each with its time."""
    return {fact_name(kind, subject) if subject else kind: {"at": format_time(now()), **value} for kind, value in facts.items()}


def _recorded(wanted: Facts, known: Facts, record: t.Callable[[Facts], Facts], check_mode: bool) -> Result:
    """Writes those of C(wanted) that are not C(known), and says what the ledger holds now."""
    missing = {name: value for name, value in wanted.items() if name not in known}
    written = record(missing) if missing and not check_mode else missing
    return {"facts": {name: {**known, **written}[name] for name in wanted}, "recorded": list(missing)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
