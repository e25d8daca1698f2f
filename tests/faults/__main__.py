# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of faults: C(python -m tests.faults). Exits with 1 if an invariant was violated."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.faults.cases import sample
from tests.faults.matrix import Matrix, Outcome, baseline


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--case", action="append", metavar="ID", help="only this case, or those that a pattern such as kill-* fits"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="only so many, chosen by --seed")
    parser.add_argument("--every", action="store_true", help="every kind of fault also for each fact of the ledger (much longer)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=(os.cpu_count() or 2) + 1)
    parser.add_argument("--place", type=Path, default=Path("build/faults"), help="where what a violation left is kept")
    parser.add_argument("--list", action="store_true", help="only print the cases")
    options = parser.parse_args()
    place = options.place.resolve()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)

    began = time.monotonic()
    straight = baseline(place / "baseline", every=options.every)
    chosen = straight.matrix
    if options.case:
        chosen = [case for case in chosen if any(fnmatch.fnmatchcase(case.id, wanted) for wanted in options.case)]
    if options.sample:
        chosen = sample(chosen, options.sample, seed=options.seed)
    if options.list or not chosen:
        print("\n".join(case.id for case in chosen) or "no such case")
        return 0 if chosen else 1

    def tell(outcome: Outcome) -> None:
        note = "" if outcome.struck else " (the fault met no request)"
        print(f"{'ok ' if not outcome.violations else 'BAD'} {outcome.case} {outcome.seconds:.0f}s{note}", flush=True)
        for line in outcome.violations:
            print(f"      {line}", flush=True)

    outcomes = Matrix(place, straight.claims, workers=options.workers).play(chosen, tell)
    wrong = [outcome for outcome in outcomes if outcome.violations]
    seconds = time.monotonic() - began
    (place / "summary.json").write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")
    checks, violations = sum(outcome.checks for outcome in outcomes), sum(len(outcome.violations) for outcome in wrong)
    print(
        f"\n{len(outcomes)} cases in {seconds:.0f} s, {checks} invariants checked, {violations} violations in {len(wrong)} cases"
    )
    print(f"All of it: {place / 'summary.json'}")
    for outcome in wrong:
        print(f"  again: python -m tests.faults --every --case '{outcome.case}'; what it left: {place}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
