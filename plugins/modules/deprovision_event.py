#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_event
short_description: Find or open the departure of one or more people in the ledger
version_added: 0.1.0
description:
  - Makes sure that each person has an open event in the ledger. An event is one departure; it carries the time from which
    the four hours run, and its id is the subject of the ticket (C(DEPROV-YYYY-MM-DD-<prefix>)).
  - An event that is open is continued whatever its date. An event that is closed is returned as it is, unless
    O(new_event=true).
  - Facts are written once and never changed; of two runs that open an event at the same time, one wins and both continue it.
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
  emails:
    description: Email addresses of the people who leave.
    type: list
    elements: str
    required: true
  operator:
    description: Email address of the person who runs the procedure. It must not be empty.
    type: str
    required: true
  notice:
    description:
      - When the departure was confirmed (RFC 3339). The four hours run from here.
      - If not given, the time at which the event is opened.
    type: str
  new_event:
    description: Whether a new event is opened for a person whose last event is closed.
    type: bool
    default: false
  people:
    description:
      - What each person has now, as M(raxx.deprovision.deprovision_prerequisites) returns it.
      - It is recorded as the fact C(before) when the event is opened, for afterwards it cannot be asked any more.
    type: list
    elements: dict
    default: []
  waivers:
    description:
      - Credentials that the person had no access to, as the operator states. The statement becomes a fact of each open event,
        with the operator's address.
    type: list
    elements: str
    default: []
  consoles:
    description:
      - Consoles from which this run is about to lock the people out. That becomes the fact C(locking-<console>) of each open
        event, so that a run that continues this one knows that what is gone may have been removed by it.
    type: list
    elements: str
    default: []
  plan:
    description:
      - Digest of the plan of this run, as M(raxx.deprovision.deprovision_plan) returns it. It becomes the fact C(planned) of each
        open event that has none yet.
    type: str
  held_to_plan:
    description: Whether the run was held to that plan by the operator.
    type: bool
    default: false
  approved_by:
    description:
      - Email address of the person who approved the run, as the operator states. It becomes the fact C(approved) of each open
        event that has none yet, with the digest of the plan. It cannot be one of O(emails).
    type: str
  recorded:
    description:
      - Whether the ledger is used.
      - With V(false) the event is made up and written nowhere. This is for a run that must lock a person out while the ledger
        cannot be reached, and then stops.
    type: bool
    default: true
  leased:
    description:
      - Whether this run has a lease of M(raxx.deprovision.deprovision_run). It has none if every event was closed when it was
        looked up in check mode. With V(false), an event that is not closed any more is refused with C(run_in_progress).
    type: bool
    default: true
seealso:
  - module: raxx.deprovision.deprovision_ledger
  - module: raxx.deprovision.deprovision_run
"""

EXAMPLES = r"""
- name: Open the event
  raxx.deprovision.deprovision_event:
    ledger_prefix: /raxx/prod/deprovision
    emails: [jordan.smith@raxx.example]
    operator: olivia.osei@raxx.example
    notice: "2026-05-19T09:00:00Z"

- name: See whether the person has an open event
  raxx.deprovision.deprovision_event:
    ledger_prefix: /raxx/prod/deprovision
    emails: [jordan.smith@raxx.example]
    operator: olivia.osei@raxx.example
  check_mode: true
"""

RETURN = r"""
events:
  description: One entry per person.
  returned: success
  type: list
  elements: dict
  contains:
    event:
      description: Id of the event.
      type: str
      sample: DEPROV-2026-05-19-jordan.smith
    email:
      description: The person, in lower case.
      type: str
      sample: jordan.smith@raxx.example
    operator:
      description: Who opened the event.
      type: str
      sample: olivia.osei@raxx.example
    notice:
      description: When the departure was confirmed (UTC).
      type: str
      sample: "2026-05-19T09:00:00.000000Z"
    opened:
      description: When the event was opened (UTC).
      type: str
      sample: "2026-05-19T09:12:00.000000Z"
    deadline:
      description: When the four hours end (UTC).
      type: str
      sample: "2026-05-19T13:00:00.000000Z"
    closed:
      description: Whether the event is closed.
      type: bool
      sample: false
    opened_now:
      description: Whether this run opened it (or would open it, in check mode).
      type: bool
      sample: true
    locking_before:
      description: Those of O(consoles) from which an earlier run had begun to lock the person out.
      type: list
      elements: str
      sample: []
    facts:
      description: The facts that the ledger holds of the event, by name.
      type: dict
      sample: {}
    present:
      description: The person's entry of O(people); empty if there is none.
      type: dict
      sample: {}
  sample:
    - event: DEPROV-2026-05-19-jordan.smith
      email: jordan.smith@raxx.example
      operator: olivia.osei@raxx.example
      notice: "2026-05-19T09:00:00.000000Z"
      opened: "2026-05-19T09:12:00.000000Z"
      deadline: "2026-05-19T13:00:00.000000Z"
      closed: false
      opened_now: true
      locking_before: []
      facts: {}
      present: {}
since:
  description:
    - When the latest of the open events was opened. A rotation that was begun at or after this time covers them all.
    - V(null) if all of them are closed; nothing is to be rotated then.
  returned: success
  type: str
  sample: "2026-05-19T09:12:00.000000Z"
"""

import typing as t
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event, check_email, check_operator, event_id
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import EventRecord, Facts, Ledger, current_event, fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._opening import (
    check_closed,
    check_notice,
    earlier_namesakes,
    write_and_open,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import each
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now, parse

SPEC = (
    AWS
    + LEDGER
    + Spec(
        options={
            "emails": {"type": "list", "elements": "str", "required": True},
            "operator": {"type": "str", "required": True},
            "notice": {"type": "str"},
            "people": {"type": "list", "elements": "dict", "default": []},
            "waivers": {"type": "list", "elements": "str", "default": []},
            "consoles": {"type": "list", "elements": "str", "default": []},
            "plan": {"type": "str"},
            "held_to_plan": {"type": "bool", "default": False},
            "approved_by": {"type": "str"},
            "new_event": {"type": "bool", "default": False},
            "recorded": {"type": "bool", "default": True},
            "leased": {"type": "bool", "default": True},
        }
    )
)


def run(params: Params, check_mode: bool) -> Result:
    operator = check_operator(params["operator"])
    opened = now()
    notice = parse(params["notice"], "notice") if params["notice"] else opened
    ledger = Ledger.from_params(params) if params["recorded"] else None
    people = {person["email"]: person for person in params["people"]}
    emails = list(dict.fromkeys(check_email(text) for text in params["emails"]))
    stated = _stated(params, _approver(params["approved_by"], emails), opened)

    looked_up = each(lambda email: ledger.events_of(email) if ledger else [], emails)
    known = [current_event(records, new_event=params["new_event"]) for records in looked_up]
    for record in known:
        check_notice(record, notice if params["notice"] else None)
    writable = ledger if not check_mode else None
    if writable and not params["leased"]:
        check_closed(emails, known)
    namesakes = earlier_namesakes(emails, opened)

    def current(index: int) -> EventRecord:
        record, email = known[index], emails[index]
        if record:
            return record
        if writable:
            return writable.claim_event(email, operator=operator, notice=notice, opened=opened, taken=namesakes[email])
        mine = sum(other.event.id.startswith(event_id(email, opened)) for other in looked_up[index])
        return EventRecord(Event(event_id(email, opened, mine + namesakes[email]), email, operator, notice, opened), {})

    found = each(current, range(len(emails)))
    records = write_and_open(writable, found, stated, people) if writable else found
    events = [
        {
            **record.event.as_fact(),
            "closed": record.closed,
            "opened_now": known_before is None,
            "locking_before": [name for name in params["consoles"] if fact_name("locking", name) in earlier.facts],
            "facts": record.facts,
            "present": people.get(record.event.email, {}),
        }
        for record, known_before, earlier in zip(records, known, found, strict=True)
    ]
    still_open = [event["opened"] for event in events if not event["closed"]]
    return {
        "changed": records != known and ledger is not None,
        "events": events,
        "since": max(still_open, default=None),
    }


def _approver(text: str | None, emails: t.Sequence[str]) -> str | None:
    """Who approved the run, in lower case."""
    approver = check_email(text) if text else None
    if approver in emails:
        raise DeprovisionError(
            "invalid_input",
            f"{approver} leaves, and cannot approve it.",
            next_step="Give the address of the person who approved the run as approved_by, or leave it out.",
        )
    return approver


def _stated(params: Params, approver: str | None, at: datetime) -> Facts:
    """What the operator states and begins with this run, as facts of an event."""
    known = {"by": params["operator"], "at": format_time(at)}
    stated: Facts = {fact_name("waiver", credential): known for credential in params["waivers"]}
    stated.update({fact_name("locking", console): known for console in params["consoles"]})
    if params["plan"]:
        stated["planned"] = {**known, "digest": params["plan"], "held": params["held_to_plan"]}
    if approver:
        stated["approved"] = {"by": approver, "at": known["at"], "digest": params["plan"], "stated_by": params["operator"]}
    return stated


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
