#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_result
short_description: Judge how far departures have come, and write the result
version_added: 0.1.0
description:
  - Reads the facts of each event and of the rotations that cover it from the ledger, and judges them. The claims depend on the
    ledger alone, so a run that was interrupted and continued elsewhere comes to the same ones.
  - With O(path), writes the evidence of each event into the directory C(<path>/<event>). It is rendered from the ledger, so for a
    closed event every machine writes the same bytes.
  - Only the key that the event was sealed for signs. Signed evidence of a closed event is not replaced by evidence that is not.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.aws
  - raxx.deprovision.ledger
  - raxx.deprovision.signing
attributes:
  action_group:
    membership: [raxx.deprovision.aws, raxx.deprovision.ledger]
options:
  events:
    description: The events, as M(raxx.deprovision.deprovision_event) returns them.
    type: list
    elements: dict
    required: true
  scope:
    description:
      - What the run is about, as the filter P(raxx.deprovision.scope#filter) gives it. Each console, credential and record must
        have its own facts.
      - For a closed event it has no effect, for that is judged by what it was closed with.
    type: dict
    required: true
  contact:
    description: Whom to call when something failed; it ends the verdict.
    type: str
    default: ""
  environment_name:
    description: Name of the environment, for the result file.
    type: str
    required: true
  failures:
    description: What failed in this run, with C(host), C(step), C(code) and C(message).
    type: list
    elements: dict
    default: []
  recorded:
    description: Whether the ledger can be reached. With V(false) only what this run did itself is known.
    type: bool
    default: true
  plan:
    description:
      - The result of M(raxx.deprovision.deprovision_plan). In check mode its lines take the place of the checklist, and the
        verdict ends with its digest.
    type: dict
    default: {}
  path:
    description: Directory for the evidence. If not given, none is written.
    type: path
  seal:
    description:
      - Whether to seal the journal of each event whose audit row is due. The fact C(sealed) keeps the head of the chain, and
        RV(events[].audit_notes) and RV(events[].ticket_note) carry it to where it cannot be changed together with the files.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: See how far it has come
  raxx.deprovision.deprovision_result:
    ledger_prefix: /raxx/prod/deprovision
    events: "{{ departure.events }}"
    scope: "{{ hostvars | raxx.deprovision.scope(groups, true) }}"
    environment_name: prod

- name: See whether the result file is up to date
  raxx.deprovision.deprovision_result:
    ledger_prefix: /raxx/prod/deprovision
    events: "{{ departure.events }}"
    scope: "{{ hostvars | raxx.deprovision.scope(groups, true) }}"
    environment_name: prod
    path: evidence
  check_mode: true
"""

RETURN = r"""
events:
  description: One entry per event.
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
    ticket_id:
      description: Id of the ticket; empty if there is none yet.
      type: str
      sample: "812"
    ticket_number:
      description: Number of the ticket, as staff see it; 0 if there is none yet.
      type: int
      sample: 4711
    closed:
      description: Whether the event is closed.
      type: bool
      sample: false
    opened:
      description: When the event was opened (UTC).
      type: str
      sample: "2026-05-19T09:12:00.000000Z"
    look:
      description: Number of the next look for sessions (step 5).
      type: int
      sample: 1
    ready_for_recheck:
      description: Whether everything before the last look for sessions is proved, and nothing failed in this run.
      type: bool
      sample: true
    ready_for_audit_row:
      description: Whether everything before the audit row is proved.
      type: bool
      sample: true
    ready_to_close:
      description: Whether the ticket may be closed.
      type: bool
      sample: true
    audit_notes:
      description: The notes for the audit row.
      type: str
      sample: "jordan.smith@raxx.example; steps 1, 2, 3, 4, 5; window 2026-05-19T09:00:00Z to 2026-05-19T09:20:00Z"
    audit_anchor:
      description: The part of the notes that names the head of the sealed journal; empty as long as it is not sealed.
      type: str
      sample: head sha256:5f0b1f0e6a1f2c7a1f7f7b3a0b1f5c9f2f6d0f6a3f0b1f0e6a1f2c7a1f7f7b3a
    ticket_note:
      description: The note for the ticket.
      type: str
      sample: "Access of jordan.smith@raxx.example to the audit infrastructure is removed."
    debt_note:
      description: The note for the ticket about what is owed (2b, E6); empty if nothing is.
      type: str
      sample: ""
    debt_marker:
      description: What marks that note, so that the same debts are noted once.
      type: str
      sample: "DEPROV-2026-05-19-jordan.smith debt raptor_app"
    scope:
      description: What the event is about, with the number of the rotation that covers each credential.
      type: dict
      sample: {consoles: [console], records: [audit_record], credentials: []}
    result:
      description: V(complete), V(incomplete) or V(failed).
      type: str
      sample: complete
  sample:
    - event: DEPROV-2026-05-19-jordan.smith
      email: jordan.smith@raxx.example
      operator: olivia.osei@raxx.example
      ticket_id: "812"
      ticket_number: 4711
      closed: true
      ready_for_audit_row: true
      ready_to_close: true
      scope: {consoles: [console], records: [audit_record], credentials: []}
      result: complete
finished_rotations:
  description: The rotations of events that may be closed, with C(credential) and C(rotation).
  returned: success
  type: list
  elements: dict
  sample: [{credential: raptor_app, rotation: 12}]
good:
  description: Whether the run may end with status 0, that is, every event is complete and nothing failed in this run.
  returned: success
  type: bool
  sample: true
complete:
  description: Whether every event is complete.
  returned: success
  type: bool
  sample: true
lines:
  description: The checklist, for a person; in check mode the plan.
  returned: success
  type: list
  elements: str
  sample: ["[x] 1  locked out of Console  09:13:00Z  observed: removed from support; sessions ended: 4; none left"]
verdict:
  description:
    - One line that says complete or what is missing.
    - Of several people it begins with the worst that is to be said of one of them and with how many are done.
  returned: success
  type: str
  sample: "COMPLETE: DEPROV-2026-05-19-jordan.smith"
evidence:
  description: What was written for each event.
  returned: success
  type: list
  elements: dict
  contains:
    event:
      description: Id of the event.
      type: str
      sample: DEPROV-2026-05-19-jordan.smith
    directory:
      description: Where the files are.
      type: str
      sample: evidence/DEPROV-2026-05-19-jordan.smith
    head:
      description: Head of the chain of the whole journal.
      type: str
      sample: 5f1c3e0c1a0cb54e8d2b5f6f9e1a7c2d3b4e5f60718293a4b5c6d7e8f9012345
    sealed_head:
      description: Head of the sealed part, which the audit row and the ticket carry; empty while nothing is sealed.
      type: str
      sample: 3cce23eb6c0d6f7330a0e0c9bae4b472cea1077cf5a3c8b9d7d4e445baeb4dbe
    signed:
      description: Whether the statement names a signature with the key that it was sealed for. The signature is not verified.
      type: bool
      sample: true
    note:
      description:
        - Why it is not signed although a key was sealed or is configured; or that signed evidence of a closed event was kept as
          it is, because this run would write something else and cannot sign it. Empty if there is nothing to say.
      type: str
      sample: ""
  sample: []
paths:
  description: The result files. The rest of the evidence lies beside them.
  returned: success
  type: list
  elements: str
  sample: [evidence/DEPROV-2026-05-19-jordan.smith/result.json]
"""

import typing as t
from functools import partial
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils import _bundle
from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._event_journal import SEAL
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER, SIGNING
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import each
from ansible_collections.raxx.deprovision.plugins.module_utils._results import (
    Outcome,
    judge,
    known_without_ledger,
    read,
    verdict,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._statement import SigningKey, signing_key
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now

KEPT = "kept as it is: what this run would write differs, and it cannot sign it"

SPEC = (
    AWS
    + LEDGER
    + SIGNING
    + Spec(
        options={
            "events": {"type": "list", "elements": "dict", "required": True},
            "scope": {"type": "dict", "required": True},
            "contact": {"type": "str", "default": ""},
            "environment_name": {"type": "str", "required": True},
            "failures": {"type": "list", "elements": "dict", "default": []},
            "recorded": {"type": "bool", "default": True},
            "plan": {"type": "dict", "default": {}},
            "path": {"type": "path"},
            "seal": {"type": "bool", "default": False},
        }
    )
)


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params) if params["recorded"] else None
    key = signing_key(params["signing_key_file"])

    events, scope = params["events"], params["scope"]
    known = read(ledger, events, scope) if ledger else known_without_ledger(events, scope, now())

    def judged() -> list[Outcome]:
        return judge(known, events, scope, params["failures"], check_mode=check_mode, now=now())

    outcomes = judged()
    seals = {outcome.event: fact for outcome in outcomes if (fact := outcome.seal(key.keyid if key else None))}
    sealing = bool(params["seal"] and ledger and seals)
    if ledger and sealing and not check_mode:
        for event, facts in zip(seals, each(partial(_seal, ledger), list(seals.items())), strict=True):
            known = known.with_facts(event.id, facts)
        outcomes = judged()
    written = [_write(params, outcome, key, check_mode) for outcome in outcomes] if params["path"] else []
    changed = sealing or any(changed for changed, _evidence in written)
    evidence = [evidence for _changed, evidence in written]
    return {
        "changed": changed,
        "events": [outcome.as_event() for outcome in outcomes],
        "finished_rotations": _finished_rotations(outcomes),
        "good": all(outcome.good for outcome in outcomes),
        "complete": all(outcome.result == "complete" for outcome in outcomes),
        "lines": params["plan"].get("lines", []) if check_mode else _lines(outcomes, evidence),
        "verdict": " | ".join([verdict(outcomes), *_hold(params, outcomes, check_mode), *_call(params, outcomes)]),
        "evidence": evidence,
        "paths": [str(Path(item["directory"], "result.json")) for item in evidence],
    }


def _seal(ledger: Ledger, sealed: tuple[Event, Facts]) -> Facts:
    event, fact = sealed
    return ledger.record_event(event.email, event.id, {SEAL: {"at": format_time(now()), **fact}})


def _finished_rotations(outcomes: t.Sequence[Outcome]) -> list[dict[str, t.Any]]:
    """The rotations of events that may be closed, each once."""
    found: list[dict[str, t.Any]] = []
    for outcome in outcomes:
        if outcome.ready_to_close:
            found += [rotation for rotation in outcome.rotations() if rotation not in found]
    return found


def _lines(outcomes: t.Sequence[Outcome], evidence: t.Sequence[Result]) -> list[str]:
    """The checklist, and where the evidence is."""
    return [*(line for outcome in outcomes for line in outcome.lines), *map(_evidence_line, evidence)]


def _hold(params: Params, outcomes: t.Sequence[Outcome], check_mode: bool) -> list[str]:
    """How a real run is held to the plan of this check run."""
    digest = params["plan"].get("digest")
    good = check_mode and digest and all(outcome.good for outcome in outcomes)
    return [f"-e plan={digest} holds a real run to this plan"] if good else []


def _call(params: Params, outcomes: t.Sequence[Outcome]) -> list[str]:
    """E7: whom to call, where something failed that the same command may not mend."""
    failed = any(outcome.result == "failed" or (outcome.closed and outcome.failures) for outcome in outcomes)
    return [f"Call: {params['contact']}"] if params["contact"] and failed else []


def _write(params: Params, outcome: Outcome, key: SigningKey | None, check_mode: bool) -> tuple[bool, Result]:
    directory = Path(params["path"], outcome.event.id)
    record = outcome.record(params["environment_name"], key.keyid if key else None)
    present = _bundle.present_statement(directory)
    files = _bundle.files_of(record, outcome.as_file(params["environment_name"]), outcome.journal.records)
    files = _bundle.with_statement(files, record, key, present)
    kept = _bundle.is_to_stay(present, record, files)
    signed = kept or _bundle.is_signed(files)
    changed = not kept and _bundle.write(directory, files, check_mode=check_mode)
    return changed, {
        "event": outcome.event.id,
        "directory": str(directory),
        "head": outcome.journal.head,
        "sealed_head": str(outcome.journal.sealed.get("head", "")),
        "signed": signed,
        "note": KEPT if kept else "" if signed else _bundle.why_unsigned(record, key),
    }


def _evidence_line(written: Result) -> str:
    """The head is the one that the audit row and the ticket carry: whoever checks the files needs no other."""
    signed = ("signed" if written["signed"] else "UNSIGNED") + (f" ({written['note']})" if written["note"] else "")
    anchor = f"anchored head {written['sealed_head']}" if written["sealed_head"] else "not anchored yet"
    return f"    evidence: {written['directory']}, {signed}; {anchor}"


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
