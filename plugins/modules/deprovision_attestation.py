#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_attestation
short_description: Attest a rehearsal of the procedure
version_added: 0.1.0
description:
  - Writes a statement about a rehearsal (S5) to C(<path>/attestations/<date>.json), in a DSSE envelope that is signed if there is
    a key, and notes it as a write-once fact in the ledger. A second rehearsal of a day gets a number.
  - The file is there before the fact. A call that is killed between the two leaves a file without a fact, which attests nothing
    and is left alone.
  - The commit in the statement is what C(git) says of the checkout. Where there is none, it is C(PROJECT_REVISION) of the
    environment, which AWX sets, or V(null).
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.aws
  - raxx.deprovision.ledger
  - raxx.deprovision.signing
attributes:
  action_group:
    membership: [raxx.deprovision.aws, raxx.deprovision.ledger]
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The attestation is shown as a whole by its file.
  idempotent:
    support: none
    details:
      - Each call attests another rehearsal.
options:
  environment_name:
    description: Name of the environment.
    type: str
    required: true
  operator:
    description: Who rehearsed.
    type: str
    required: true
  good:
    description: Whether the check run came through.
    type: bool
    required: true
  verdict:
    description: What the check run said at its end.
    type: str
    required: true
  checks:
    description: The lines of M(raxx.deprovision.deprovision_prerequisites).
    type: list
    elements: str
    required: true
  plan:
    description: The result of M(raxx.deprovision.deprovision_plan).
    type: dict
    required: true
  path:
    description: Directory of the evidence.
    type: path
    required: true
seealso:
  - module: raxx.deprovision.deprovision_plan
"""

EXAMPLES = r"""
- name: Attest the rehearsal
  raxx.deprovision.deprovision_attestation:
    ledger_prefix: /raxx/staging/deprovision
    environment_name: staging
    operator: olivia.osei@raxx.example
    good: true
    verdict: "PLAN: nothing was changed"
    checks: "{{ prerequisites_report.lines }}"
    plan: "{{ prerequisites_plan }}"
    path: evidence

- name: See what would be attested
  raxx.deprovision.deprovision_attestation:
    ledger_prefix: /raxx/staging/deprovision
    environment_name: staging
    operator: olivia.osei@raxx.example
    good: true
    verdict: "PLAN: nothing was changed"
    checks: "{{ prerequisites_report.lines }}"
    plan: "{{ prerequisites_plan }}"
    path: evidence
  check_mode: true
"""

RETURN = r"""
name:
  description: Name of the attestation, its date.
  returned: success
  type: str
  sample: "2026-08-19"
file:
  description: The file.
  returned: success
  type: str
  sample: evidence/attestations/2026-08-19.json
signed:
  description: Whether it is signed.
  returned: success
  type: bool
  sample: true
overdue:
  description: Whether this rehearsal came later than a quarter after the one before, or is the first.
  returned: success
  type: bool
  sample: false
verdict:
  description: One line that says what was attested.
  returned: success
  type: str
  sample: "ATTESTED: the rehearsal of 2026-08-19 on staging passed"
"""

from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._attestation import PREDICATE, age_words, free_names, versions
from ansible_collections.raxx.deprovision.plugins.module_utils._bundle import create
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import digest
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, LEDGER, SIGNING
from ansible_collections.raxx.deprovision.plugins.module_utils._statement import envelope, signing_key, statement
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import pretty

SPEC = (
    AWS
    + LEDGER
    + SIGNING
    + Spec(
        options={
            "environment_name": {"type": "str", "required": True},
            "operator": {"type": "str", "required": True},
            "good": {"type": "bool", "required": True},
            "verdict": {"type": "str", "required": True},
            "checks": {"type": "list", "elements": "str", "required": True},
            "plan": {"type": "dict", "required": True},
            "path": {"type": "path", "required": True},
        }
    )
)


def run(params: Params, check_mode: bool) -> Result:
    ledger = Ledger.from_params(params)
    at = now()
    key = signing_key(params["signing_key_file"])
    earlier = ledger.attestations()
    overdue, words = age_words(earlier, at.date())
    predicate = {
        "at": format_time(at),
        "environment": params["environment_name"],
        "operator": params["operator"],
        "result": "passed" if params["good"] else "failed",
        "verdict": params["verdict"],
        "versions": versions(),
        "exercised": {"checks": params["checks"], "steps": params["plan"]["steps"]},
        "plan": params["plan"]["digest"],
        "before": {"overdue": overdue, "said": words},
    }
    content = pretty(envelope(statement(PREDICATE, predicate, {"plan.json": pretty(params["plan"]["plan"])}), key))
    kept = ("at", "environment", "operator", "result", "plan")
    fact = {**{name: predicate[name] for name in kept}, "sha256": digest(content), "keyid": key.keyid if key else None}
    directory = Path(params["path"], "attestations")
    for name in free_names(earlier, at.date()):
        file = directory / f"{name}.json"
        if check_mode:
            break
        # The file comes first: a fact whose file is lost could never be shown.
        if create(file, content):
            if ledger.record_attestation(name, fact):
                break
            file.unlink()  # another rehearsal has taken the name meanwhile
    word = "ATTESTED" if params["good"] else "NOT PASSED"
    signed = "signed" if key else "UNSIGNED"
    late = f". Before it, {words}" if overdue else ""
    return {
        "changed": True,
        "name": name,
        "file": str(file),
        "signed": key is not None,
        "overdue": overdue,
        "verdict": f"{word}: the rehearsal {name} on {params['environment_name']} {predicate['result']}, {signed}{late}",
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
