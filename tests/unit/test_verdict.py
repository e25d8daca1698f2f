# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last line of a run, as the callback verdict makes it of what it sees."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest
from ansible_collections.raxx.deprovision.plugins.callback.verdict import CallbackModule


@pytest.fixture
def shown() -> list[str]:
    """What the callback has said."""
    return []


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> CallbackModule:
    made = CallbackModule()
    monkeypatch.setattr(made, "_display", SimpleNamespace(display=lambda text, color: shown.append(text)))
    return made


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"msg": "It broke.\nNext: mend it."}, "FAILED: It broke. Next: mend it."),
        ({"censored": "hidden"}, "FAILED: Credentials; what it says may hold a secret and is not shown"),
    ],
)
def test_the_last_line_says_what_failed(callback: CallbackModule, shown: list[str], answer: dict[str, t.Any], line: str) -> None:
    task = SimpleNamespace(name="Credentials", resolved_action="awx.awx.credential")
    callback.v2_runner_on_failed(SimpleNamespace(result=answer, task=task))
    callback.v2_playbook_on_stats(SimpleNamespace(failures={"localhost": 1}, processed={"localhost": 1}))
    assert shown == [line]


def test_a_run_that_went_on_was_not_refused(callback: CallbackModule, shown: list[str]) -> None:
    """The ledger failed, the lock-out was carried out all the same, and then no result could be written."""

    def ended(module: str, **answer: t.Any) -> t.Any:
        return SimpleNamespace(result=answer, task=SimpleNamespace(name="", resolved_action=f"raxx.deprovision.{module}"))

    callback.v2_runner_on_failed(ended("deprovision_event", msg="No answer."))
    callback.v2_runner_on_ok(ended("console_sessions", changed=True))
    callback.v2_runner_on_failed(ended("deprovision_result", msg="No room."))
    callback.v2_playbook_on_stats(SimpleNamespace(failures={"localhost": 1}, processed={"localhost": 1}))
    assert shown == ["FAILED: No room."]


def test_a_run_of_which_nothing_is_said_at_the_end_has_failed(callback: CallbackModule, shown: list[str]) -> None:
    """Each failure was kept for a result, and --skip-tags has left that out."""
    task = SimpleNamespace(name="Step 1", resolved_action="raxx.deprovision.console_memberships")
    callback.v2_runner_on_failed(SimpleNamespace(result={"msg": "Undefined."}, task=task))
    callback.v2_playbook_on_stats(SimpleNamespace(failures={}, rescued={"console": 1}, processed={"console": 1}))
    assert shown == ["FAILED: Undefined."]


@pytest.mark.parametrize("line", ["ROLLED BACK: rotated", "PLAN: a real run would rotate; nothing was changed"])
def test_a_rollback_says_of_itself_what_it_has_done(callback: CallbackModule, shown: list[str], line: str) -> None:
    """E5, E6."""
    for said in ("PLANTS: none", line):
        task = SimpleNamespace(name="Say what was done", resolved_action="ansible.builtin.debug")
        callback.v2_runner_on_ok(SimpleNamespace(result={"msg": said}, task=task))
    callback.v2_playbook_on_stats(SimpleNamespace(failures={}, rescued={}, processed={"localhost": 1}))
    assert shown == [line]


def test_a_rollback_without_its_prerequisites_is_refused(callback: CallbackModule, shown: list[str]) -> None:
    """P3, Y3: nothing was changed by it."""
    task = SimpleNamespace(name="Check", resolved_action="raxx.deprovision.deprovision_prerequisites")
    callback.v2_runner_on_failed(SimpleNamespace(result={"msg": "No key."}, task=task))
    callback.v2_playbook_on_stats(SimpleNamespace(failures={"localhost": 1}, processed={"localhost": 1}))
    assert shown == ["REFUSED: No key."]
