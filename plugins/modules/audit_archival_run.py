#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_archival_run
short_description: Record a deprovisioning in the audit table
version_added: 0.1.0
description:
  - Makes sure that the append-only table C(audit_archival_runs) holds exactly one row for a person of an event.
  - Searching and inserting are one transaction under an advisory lock, so two runs at the same time give one row. The rows are
    read again in a new transaction. Nothing is ever updated or deleted. The number of statements does not depend on the number
    of rows.
  - A line C(event=... person=...) is added to the notes; with the ticket and the run type it tells the row from others.
  - If the table does not know O(run_type) yet, the rows get O(fallback_run_type), and their notes say that the schema update is
    pending.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.database
  - raxx.deprovision.heroku
attributes:
  action_group:
    membership: [raxx.deprovision.database, raxx.deprovision.heroku]
options:
  rows:
    description: The rows, such as those of several people who leave together.
    type: list
    elements: dict
    required: true
    suboptions:
      event:
        description: Name of the event.
        type: str
        required: true
      email:
        description: Email address of the person. Capitals and small letters are the same.
        type: str
        required: true
      operator_email:
        description: Email address of the operator.
        type: str
        required: true
      ticket_id:
        description: Id of the ticket.
        type: str
        required: true
      notes:
        description:
          - What was done, and the window from start to end in UTC. If the row exists already, its notes stay as they are.
        type: str
        required: true
      since:
        description:
          - When the event was opened (RFC 3339). A row from before that time, less fifteen minutes for clocks that differ, is
            not taken for the row of this event, whatever its notes say.
        type: str
      anchor:
        description:
          - A part of O(rows[].notes) that nobody can know before the row is due, such as the head of a sealed journal.
          - A row without it is not taken for the row of this event. Whoever may insert rows could have written one in advance.
        type: str
  run_type:
    description: The run type of the rows.
    type: str
    default: deprovisioning
  fallback_run_type:
    description: The run type for a table that does not know O(run_type) yet.
    type: str
    default: manual_deprovisioning
"""

EXAMPLES = r"""
- name: Record the deprovisioning of a leaver
  raxx.deprovision.audit_archival_run:
    heroku_app: raxx-api-prod
    rows:
      - event: DEPROV-2026-05-19-jsmith
        email: jsmith@raxx.app
        operator_email: operator@raxx.app
        ticket_id: "4711"
        notes: |
          jsmith@raxx.app: steps 1a, 1b, 2, 3, 4, 5 completed.
          Window 2026-05-19T10:00:00Z to 2026-05-19T10:31:12Z.

- name: See whether the row exists and the table would take it
  raxx.deprovision.audit_archival_run:
    heroku_app: raxx-api-prod
    rows:
      - event: DEPROV-2026-05-19-jsmith
        email: jsmith@raxx.app
        operator_email: operator@raxx.app
        ticket_id: "4711"
        notes: To be written.
  check_mode: true
"""

RETURN = r"""
rows:
  description: What became of each row, in the order of O(rows).
  returned: success
  type: list
  elements: dict
  contains:
    event:
      description: Name of the event.
      type: str
      sample: DEPROV-2026-05-19-jsmith
    email:
      description: Email address of the person, as it was given.
      type: str
      sample: jsmith@raxx.app
    inserted:
      description: Whether the row was inserted (or in check mode would be).
      type: bool
      sample: true
    run_type:
      description: Run type of the row. In check mode, if there is no row yet, the one that would be tried first.
      type: str
      sample: deprovisioning
    fallback_used:
      description: Whether the row has O(fallback_run_type) because the table does not know O(run_type) yet.
      type: bool
      sample: false
    row:
      description: The row as the table holds it. V(null) in check mode if it would be inserted.
      type: dict
      contains:
        run_type:
          description: The run type.
          type: str
          sample: deprovisioning
        operator_email:
          description: Email address of the operator.
          type: str
          sample: operator@raxx.app
        freescout_ticket_id:
          description: Id of the ticket.
          type: str
          sample: "4711"
        notes:
          description: The notes, with the line that tells the row from others.
          type: str
          sample: "Steps 1a to 5 completed.\nevent=DEPROV-2026-05-19-jsmith person=jsmith@raxx.app"
        completed_at:
          description: When the row was written, by the server's clock (RFC 3339, UTC).
          type: str
          sample: "2026-05-19T10:31:12.000000Z"
  sample:
    - event: DEPROV-2026-05-19-jsmith
      email: jsmith@raxx.app
      inserted: true
      run_type: deprovisioning
      fallback_used: false
      row:
        run_type: deprovisioning
        operator_email: operator@raxx.app
        freescout_ticket_id: "4711"
        notes: "Steps 1a to 5 completed.\nevent=DEPROV-2026-05-19-jsmith person=jsmith@raxx.app"
        completed_at: "2026-05-19T10:31:12.000000Z"
"""

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._audit_run import SYSTEM, Row, Wanted, find, record
from ansible_collections.raxx.deprovision.plugins.module_utils._database import database_url
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import DATABASE
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import session
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse

SPEC = DATABASE + Spec(
    options={
        "rows": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "event": {"type": "str", "required": True},
                "email": {"type": "str", "required": True},
                "operator_email": {"type": "str", "required": True},
                "ticket_id": {"type": "str", "required": True},
                "notes": {"type": "str", "required": True},
                "since": {"type": "str"},
                "anchor": {"type": "str"},
            },
        },
        "run_type": {"type": "str", "default": "deprovisioning"},
        "fallback_run_type": {"type": "str", "default": "manual_deprovisioning"},
    }
)


def run(params: Params, check_mode: bool) -> Result:
    wanted = [
        Wanted(
            row["event"],
            row["email"],
            row["operator_email"],
            row["ticket_id"],
            row["notes"],
            params["run_type"],
            params["fallback_run_type"],
            format_time(parse(row["since"], "since")) if row["since"] else None,
            row["anchor"],
        )
        for row in params["rows"]
    ]
    if len({(one.ticket_id, one.marker) for one in wanted}) < len(wanted):
        raise DeprovisionError("invalid_input", "Two rows are for the same person, event and ticket.")
    before, after = _record(params, wanted, check_mode) if wanted else ([], [])
    rows = [_shown(*found) for found in zip(wanted, before, after, strict=True)]
    return {
        "changed": any(row["inserted"] for row in rows),
        "rows": rows,
        "diff": {
            "before": [row and row.facts() for row in before],
            "after": [row["row"] or _planned(one) for one, row in zip(wanted, rows, strict=True)],
        },
    }


def _record(params: Params, wanted: list[Wanted], check_mode: bool) -> tuple[list[Row | None], list[Row | None]]:
    """The rows before and after."""
    with session(database_url(params), params["database_timeout"], system=SYSTEM) as connection:
        if check_mode:
            found = find(connection, wanted)
            return found, found
        before, inserted = record(connection, wanted)
        after = find(connection, wanted) if inserted else before
        if not set(inserted) <= set(after):
            raise DeprovisionError(
                "write_not_confirmed", "The audit row was inserted, but a later look does not find it.", system=SYSTEM
            )
    return before, after


def _shown(wanted: Wanted, before: Row | None, after: Row | None) -> Result:
    run_type = after.run_type if after else wanted.run_type
    return {
        "event": wanted.event,
        "email": wanted.email,
        "inserted": before is None,
        "run_type": run_type,
        "fallback_used": run_type != wanted.run_type,
        "row": after.facts() if after else None,
    }


def _planned(wanted: Wanted) -> dict[str, t.Any]:
    run_type = wanted.run_type
    return {"run_type": run_type, "freescout_ticket_id": wanted.ticket_id, "notes": wanted.notes_for(run_type)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
