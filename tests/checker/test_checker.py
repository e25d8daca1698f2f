# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker is checked: without a safeguard the matrix finds violations, and a planted leak is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cases import Case
from tests.faults.matrix import Matrix, Outcome
from tests.faults.overlay import without
from tests.faults.seed import ODD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

UTILS = "plugins/module_utils"


def play(place: Path, changes: list[tuple[str, str, str]], *, slow_logins: bool = False, **fault: object) -> Outcome:
    root = without(place / "checkout", changes)
    case = Case("without", "without", fault={"times": 1, **fault} if fault else None, slow_logins=slow_logins)
    (outcome,) = Matrix(place / "cases", None, workers=1, root=root).play([case])
    assert not any(line.startswith("harness") for line in outcome.violations), outcome.violations
    return outcome


def test_without_the_intent_a_resumed_run_rotates_again(tmp_path: Path) -> None:
    """I5: facts of a rotation that nobody announced are refused; the run fails after it, and the next one does not know of it.

    The hint would tell it, too, that there is something to wait for.
    """
    written = 'if self._store.create(f"{base}/intent", encode(intent)):'
    hint = 'self._store.put(f"{self._credential(credential)}/latest", str(number), secure=False)'
    outcome = play(
        tmp_path, [(f"{UTILS}/_ledger.py", written, "if intent:"), (f"{UTILS}/_ledger.py", hint, "pass")],
        system="heroku", method="PATCH", path="/config-vars$", kind="error",
    )  # fmt: skip
    assert any("rotates_at_most" in line for line in outcome.violations), outcome


def test_without_the_read_back_a_lost_write_passes_as_done(tmp_path: Path) -> None:
    """I6: the store never got the URL, and the result says that it did."""
    changes = [
        (f"{UTILS}/_ssm.py", "            if stored is None or stored.value != value:\n                raise\n            return stored.version", "            return 1"),  # noqa: E501
        ("plugins/modules/ssm_secret.py", "if (after and after.value) != wanted:\n        done", "if False:\n        done"),
    ]  # fmt: skip
    outcome = play(tmp_path, changes, system="aws", method="ANY", path="PutParameter .*/AUDIT_ARCHIVER_DB_URL$", kind="error")
    assert any("says_what_is_so" in line or "hands_out_only" in line for line in outcome.violations), outcome


def test_without_the_sweep_a_log_in_that_was_half_done_gets_a_session(tmp_path: Path) -> None:
    """I7: Heroku ends the sessions that there are when it changes the password, and cannot see who is about to log in."""
    swept = "    first = end_sessions("
    off = "    return EndedSessions(0, 0, None), 0.0\n"
    outcome = play(tmp_path, [(f"{UTILS}/_login_proof.py", swept, off + swept)], slow_logins=True)
    assert any("killed_the_old" in line and "half done" in line for line in outcome.violations), outcome


def test_a_planted_leak_is_found(tmp_path: Path) -> None:
    """I10: a message that quotes the new URL."""
    shown = '    return {\n        "changed": changed,\n        "version": after and after.version,'
    changes = [
        ("plugins/modules/ssm_secret.py", shown, shown.replace('"changed": changed', '"seen": [*(wanted or "x")][5:], "changed": changed')),  # noqa: E501
        ("plugins/modules/infisical_secret.py", '        "created": before is None,', '        "created": before is None, "hint": value.encode().hex(),'),  # noqa: E501
    ]  # fmt: skip
    outcome = play(tmp_path, changes, system="freescout", method="ANY", path=".", kind="throttle")
    assert any("leaks_nothing" in line and "postgres" in line for line in outcome.violations), outcome
    assert ODD not in "".join(outcome.violations)
