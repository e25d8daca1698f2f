#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_events
short_description: List all departures of a period
version_added: 0.1.0
description:
  - Reads every event of everybody from the ledger. Nothing is left out because it failed or was never finished.
  - Ids, facts and runs in the ledger are compared, and what does not fit together is listed as well. Not seen is what was deleted
    together with everything that names it.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.read_only
  - raxx.deprovision.aws
  - raxx.deprovision.ledger
attributes:
  action_group:
    membership: [raxx.deprovision.aws, raxx.deprovision.ledger]
options:
  since:
    description: Events that were opened at this time (RFC 3339) or later. By default all from the beginning.
    type: str
  before:
    description: Events that were opened before this time (RFC 3339). By default all to the end.
    type: str
seealso:
  - module: raxx.deprovision.deprovision_result
"""

EXAMPLES = r"""
- name: List the departures of a quarter
  raxx.deprovision.deprovision_events:
    ledger_prefix: /raxx/prod/deprovision
    since: "2026-04-01T00:00:00Z"
    before: "2026-07-01T00:00:00Z"
"""

RETURN = r"""
events:
  description: One entry for each event, in the order in which they were opened.
  returned: success
  type: list
  elements: dict
  contains:
    event:
      description: Id of the event.
      type: str
      sample: DEPROV-2026-05-19-jordan.smith
    email:
      description: The person.
      type: str
      sample: jordan.smith@raxx.example
    operator:
      description: Who opened the event.
      type: str
      sample: olivia.osei@raxx.example
    ticket:
      description: Number of the ticket. V(null) if there is none.
      type: int
      sample: 4711
    result:
      description: V(complete) or V(open), which says no more than that it is not closed. How a run ended is not in the ledger.
      type: str
      sample: complete
    notice:
      description: When the departure was confirmed (UTC).
      type: str
      sample: "2026-05-19T09:00:00.000000Z"
    opened:
      description: When the event was opened (UTC).
      type: str
      sample: "2026-05-19T09:12:00.000000Z"
    lockout:
      description: When the person was locked out of the last Console (UTC). V(null) if that has not happened.
      type: str
      sample: "2026-05-19T09:13:00.000000Z"
    ended:
      description: When the event was closed (UTC). V(null) if it is open.
      type: str
      sample: "2026-05-19T09:30:00.000000Z"
    overdue:
      description: Whether it took, or has taken so far, more than four hours from the notice.
      type: bool
      sample: false
    head:
      description: The head of the journal that the audit row and the ticket carry. V(null) if nothing is sealed yet.
      type: str
      sample: 5f1c3e0c1a0cb54e8d2b5f6f9e1a7c2d3b4e5f60718293a4b5c6d7e8f9012345
  sample: []
unopened:
  description:
    - Ids of events that a run has claimed, and that are not on record as opened. A run that is killed at its very beginning
      leaves this, and so does whoever deletes facts.
  returned: success
  type: list
  elements: str
  sample: []
opening_missing:
  description: Events that are not on record as opened, though there are other facts of them, with the names of those.
  returned: success
  type: list
  elements: dict
  sample: [{event: DEPROV-2026-05-19-jordan.smith, facts: [before, lockout-console, ticket]}]
people_without_event:
  description:
    - People whom a run was to work on, by their keys in the ledger, and of whom it has no event. A run that stops before it has
      opened the event leaves this, and so does whoever deletes one. A run for more than 50 people names none.
  returned: success
  type: list
  elements: dict
  sample: [{person: jordan-smith-1f2e3d4c5b, run: 42, operator: olivia.osei@raxx.example, since: "2026-05-19T09:12:00Z"}]
missing_runs:
  description: Numbers of runs, up to the last one that is known to have begun, of which the ledger has no record.
  returned: success
  type: list
  elements: int
  sample: []
lines:
  description: The list, for a person.
  returned: success
  type: list
  elements: str
  sample: ["1 events, 1 complete, 0 open"]
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._event_list import (
    entry,
    gaps,
    in_period,
    lines,
    without_event,
    without_opening,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._lease import all_leases
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import from_params
from ansible_collections.raxx.deprovision.plugins.module_utils._times import now, parse

SPEC = AWS + LEDGER + Spec(options={"since": {"type": "str"}, "before": {"type": "str"}})


def run(params: Params, check_mode: bool) -> Result:
    since, before = (parse(params[name], name) if params[name] else None for name in ("since", "before"))
    ledger = Ledger.from_params(params)
    # In the reverse of a run's order, so that of what is opened meanwhile nothing seems to be missing.
    leases, last = all_leases(from_params(params), params["ledger_prefix"])
    names, claims = ledger.fact_names(), ledger.claimed_events()
    unopened, opening_missing = without_opening(names, claims)
    found = {
        "events": [entry(record, now()) for record in in_period(ledger.all_events(), since, before)],
        "unopened": unopened,
        "opening_missing": opening_missing,
        "people_without_event": without_event(leases, names, claims),
        "missing_runs": gaps(leases, last),
    }
    return {"changed": False, **found, "lines": lines(found)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
