# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_ledger: facts are written once; the first writer wins."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.raxx.deprovision.plugins.modules import deprovision_ledger

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, PREFIX, parameters
from .test_deprovision_rotation import CLAIM


@pytest.fixture
def event(run_main: ModuleRunner, store: t.Any) -> dict[str, t.Any]:
    name = run_main("deprovision_event", EVENT).result["events"][0]["event"]
    return {"ledger_prefix": PREFIX, "event": name, "email": EMAIL}


def test_a_fact_is_stamped_and_kept(run_main: ModuleRunner, event: dict[str, t.Any]) -> None:
    first = run_main("deprovision_ledger", {**event, "facts": {"lockout": {"account": True}}})
    assert (first.result["changed"], first.result["recorded"]) == (True, ["lockout"])
    assert first.result["facts"]["lockout"]["at"].endswith("Z")
    second = run_main("deprovision_ledger", {**event, "facts": {"lockout": {"account": False}}})
    assert (second.result["changed"], second.result["recorded"]) == (False, [])
    assert second.result["facts"] == first.result["facts"]


def test_check_mode_says_what_would_be_written(run_main: ModuleRunner, event: dict[str, t.Any], store: t.Any) -> None:
    kept = parameters(store)
    outcome = run_main("deprovision_ledger", {**event, "facts": {"lockout": {}}}, check=True)
    assert (outcome.result["changed"], outcome.result["recorded"]) == (True, ["lockout"])
    assert parameters(store) == kept


def test_the_key_of_a_rotation_is_destroyed_once(run_main: ModuleRunner, store: t.Any) -> None:
    run_main("deprovision_rotation", CLAIM)
    params = {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1, "facts": {}, "forget": ["key"]}
    assert run_main("deprovision_ledger", params).result["changed"] is True
    assert run_main("deprovision_ledger", params).result["changed"] is False
    assert run_main("deprovision_rotation", CLAIM).result["key"] is None


def test_facts_of_one_console_are_not_those_of_another(run_main: ModuleRunner, event: dict[str, t.Any]) -> None:
    first = run_main("deprovision_ledger", {**event, "subject": "console.eu", "facts": {"lockout": {}}})
    assert list(first.result["facts"]) == ["lockout-console-eu"]
    assert run_main("deprovision_ledger", {**event, "subject": "console_us", "facts": {"lockout": {}}}).result["changed"] is True


def test_two_runs_that_write_one_fact_of_a_rotation_agree(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that comes second has read before the first one wrote; what lies beside the facts must not disturb it."""
    run_main("deprovision_rotation", CLAIM)
    params = {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1}
    first = run_main("deprovision_ledger", {**params, "facts": {"settled": {"by": "first"}}}).result
    monkeypatch.setattr(deprovision_ledger, "_known", lambda *_arguments: {})
    second = run_main("deprovision_ledger", {**params, "facts": {"settled": {"by": "second"}}}).result
    assert second["facts"] == first["facts"]


@pytest.mark.parametrize(
    "of", [{"event": "DEPROV-2026-05-19-nobody", "email": EMAIL}, {"credential": "raptor_app", "rotation": 7}]
)
def test_facts_of_something_unknown_are_refused(run_main: ModuleRunner, store: t.Any, of: dict[str, t.Any]) -> None:
    assert run_main("deprovision_ledger", {"ledger_prefix": PREFIX, **of, "facts": {"x": {}}}).code == "not_found"


def test_a_fact_that_cannot_be_read_is_reported(run_main: ModuleRunner, event: dict[str, t.Any], store: t.Any) -> None:
    name = next(name for name in parameters(store) if name.endswith("/opened"))
    store.put_parameter(Name=PREFIX + name, Value="not json", Type="String", Overwrite=True)
    assert run_main("deprovision_ledger", {**event, "facts": {"x": {}}}).code == "ledger_damaged"
