#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_rotation
short_description: Claim the rotation of a credential in the ledger
version_added: 0.1.0
description:
  - Finds the rotation of a credential that covers a departure, or writes down that one is about to begin.
  - A rotation covers every event that was opened before the rotation was begun. So a second run does not rotate again, a run
    that is resumed finds what was begun, and several people who leave together cost one rotation.
  - The intent is durable when this module returns; it holds a keyed fingerprint of the present connection URL, from which a
    later run can tell whether the rotation has happened.
  - The URL that is about to be replaced is kept beside it as a SecureString, so that a run that continues this one can still
    prove it dead; M(raxx.deprovision.deprovision_ledger) destroys it once that is proved.
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
  credential:
    description: Name of the credential in the inventory.
    type: str
    required: true
  since:
    description: A rotation that was begun at or after this time (RFC 3339) is enough.
    type: str
    required: true
  url:
    description:
      - The present connection URL of the credential.
      - If not given, nothing is claimed; the newest rotation is returned if it is recent enough.
    type: str
  event:
    description: Id of the event for which the rotation is begun. Required with O(url).
    type: str
  operator:
    description: Email address of the person who runs the procedure. Required with O(url).
    type: str
"""

EXAMPLES = r"""
- name: Claim the rotation
  raxx.deprovision.deprovision_rotation:
    ledger_prefix: /raxx/prod/deprovision
    credential: raptor_app
    since: "2026-05-19T09:12:00Z"
    url: "{{ present.url }}"
    event: DEPROV-2026-05-19-jordan.smith
    operator: olivia.osei@raxx.example
  register: rotation

- name: See whether a rotation is due
  raxx.deprovision.deprovision_rotation:
    ledger_prefix: /raxx/prod/deprovision
    credential: raptor_app
    since: "2026-05-19T09:12:00Z"
  check_mode: true
"""

RETURN = r"""
number:
  description: Running number of the rotation. V(null) if there is none that covers O(since).
  returned: success
  type: int
  sample: 12
facts:
  description: The facts that the ledger holds of the rotation, by name.
  returned: success
  type: dict
  sample:
    intent:
      at: "2026-05-19T09:13:00.000000Z"
      since: "2026-05-19T09:12:00.000000Z"
      event: DEPROV-2026-05-19-jordan.smith
      operator: olivia.osei@raxx.example
      fingerprint: 0f2b6c9a8d7e4f1032547698badcfe10
key:
  description:
    - The key of the fingerprint. A secret; the result is hidden from output.
    - V(null) if there is no rotation, or the key has been destroyed because the event is closed.
  returned: success
  type: str
  sample: VALUE_SPECIFIED_IN_NO_LOG_PARAMETER
old_is_present:
  description: Whether the URL that the rotation replaces is O(url), that is, Heroku has not rotated yet.
  returned: success
  type: bool
  sample: true
old_url:
  description:
    - The URL that the rotation has replaced. A secret; the result is hidden from output.
    - V(null) if there is no rotation, the old credential has been proved dead, or RV(old_is_present).
  returned: success
  type: str
  sample: VALUE_SPECIFIED_IN_NO_LOG_PARAMETER
unproved:
  description:
    - What rotations before this one have replaced and was never proved dead, because they were not finished. By the number of
      the rotation, as text.
    - The values are secrets; the result is hidden from output.
  returned: success
  type: dict
  sample:
    "11": VALUE_SPECIFIED_IN_NO_LOG_PARAMETER
parked:
  description: The rotations whose URL is parked, this one or one before it, with C(rotation) and the C(name) of the parameter.
  returned: success
  type: list
  elements: dict
  sample:
    - rotation: 11
      name: /raxx/prod/raptor/RAPTOR_APP_DB_URL
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Ledger, Rotation
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import is_parked
from ansible_collections.raxx.deprovision.plugins.module_utils._times import now, parse

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "credential": {"type": "str", "required": True},
            "since": {"type": "str", "required": True},
            "url": {"type": "str", "no_log": True},
            "event": {"type": "str"},
            "operator": {"type": "str"},
        },
        required_by={"url": ["event", "operator"]},
    )
)


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params)
    since = parse(params["since"], "since")
    rotation: Rotation | None
    if params["url"] is None or check_mode:
        rotation = ledger.recent_rotation(params["credential"], since)
        changed = rotation is None and params["url"] is not None
    else:
        rotation, changed = ledger.claim_rotation(
            params["credential"],
            since=since,
            url=params["url"],
            event=params["event"],
            operator=params["operator"],
            at=now(),
        )
    return {
        "changed": changed,
        "_ansible_no_log": True,
        **_describe(rotation, params["url"]),
        **_unfinished(rotation, ledger.unproved_before(rotation) if rotation else []),
        **_diff(changed, params["credential"]),
    }


def _describe(rotation: Rotation | None, url: str | None) -> Result:
    if rotation is None:
        return {"number": None, "facts": {}, "key": None, "old_is_present": False, "old_url": None}
    # A value that is also a no_log option would come back masked.
    old_is_present = rotation.old_url is not None and rotation.old_url == url
    return {
        "number": rotation.number,
        "facts": rotation.facts,
        "key": rotation.key,
        "old_is_present": old_is_present,
        "old_url": None if old_is_present else rotation.old_url,
    }


def _unfinished(rotation: Rotation | None, earlier: list[Rotation]) -> Result:
    """What this rotation and those before it have left to be done."""
    parked = [known for known in ([rotation] if rotation else []) + earlier if is_parked(known.facts)]
    return {
        "unproved": {str(known.number): known.old_url for known in earlier},
        "parked": [{"rotation": known.number, "name": known.facts["parked"]["name"]} for known in parked],
    }


def _diff(changed: bool, credential: str) -> Result:
    return {"diff": {"before": {}, "after": {"rotation of": credential} if changed else {}}}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
