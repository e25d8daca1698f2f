# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verdict
type: aggregate
short_description: End a deprovisioning run with one line that says complete or what is missing
version_added: 0.1.0
author:
  - Raxx platform team (@raxx)
description:
  - Prints the verdict of M(raxx.deprovision.deprovision_result) after the recap, as the very last line, where an operator looks;
    after a rehearsal that of M(raxx.deprovision.deprovision_attestation), and after a rollback what it says of itself.
requirements:
  - enabled in the configuration, C(callbacks_enabled = raxx.deprovision.verdict)
"""

import typing as t

from ansible.plugins.callback import CallbackBase

RESULT = "raxx.deprovision.deprovision_result"
ATTESTATION = "raxx.deprovision.deprovision_attestation"
DEBUG = "ansible.builtin.debug"
GOOD = ("COMPLETE", "PLAN", "ATTESTED", "ROLLED BACK")
REFUSED = "REFUSED"
# A failure of one of these means that nothing has been changed.
BEFORE_ANY_CHANGE = (
    "ansible.builtin.assert",
    "ansible.builtin.fail",
    "ansible.builtin.validate_argument_spec",
    "raxx.deprovision.deprovision_event",
    "raxx.deprovision.deprovision_plan",
    "raxx.deprovision.deprovision_prerequisites",
    "raxx.deprovision.deprovision_run",
)


class CallbackModule(CallbackBase):
    """Remembers the last verdict of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "raxx.deprovision.verdict"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._verdict: str | None = None
        self._failure = ""
        self._untouched = True

    def v2_runner_on_ok(self, result: t.Any) -> None:
        answer = result.result
        # The step that writes the result speaks last; others only look how far it has come.
        action = result.task.resolved_action
        if action == ATTESTATION or (action == RESULT and answer.get("paths")):
            self._verdict = answer.get("verdict")
        elif action == DEBUG and str(answer.get("msg")).startswith(tuple(f"{word}: " for word in GOOD)):
            self._verdict = answer["msg"]
        elif answer.get("changed"):
            self._untouched = False
            if (self._verdict or "").startswith(REFUSED):  # the failure was rescued, and the run went on
                self._verdict = None

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        said = " ".join(str(result.result.get("msg", "")).split())
        self._failure = said or f"{result.task.name}; what it says may hold a secret and is not shown"
        if result.task.resolved_action in BEFORE_ANY_CHANGE and self._untouched and self._verdict is None:
            self._verdict = f"{REFUSED}: {self._failure}"

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        verdict = self._verdict
        # Failures that were rescued wait for a verdict, too. After any failure a good one no longer holds, unless it was itself
        # the reason to fail.
        unsaid = verdict is None and (stats.failures or stats.rescued)
        refuted = verdict is not None and stats.failures and verdict.startswith(GOOD) and verdict not in self._failure
        if unsaid or refuted:
            verdict = f"FAILED: {self._failure}"
        elif verdict is None and not stats.processed:
            verdict = "FAILED: no host was in any play, so nothing was done; check -i and --limit"
        if verdict:
            self._display.display(verdict, color="green" if verdict.startswith(GOOD) and not stats.failures else "red")
