# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_ledger: facts are written once; the first writer wins."""

from __future__ import annotations

import typing as t
from collections import Counter

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import SsmClient
from ansible_collections.raxx.deprovision.plugins.modules import deprovision_ledger

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, PREFIX, parameters
from .test_deprovision_rotation import CLAIM


@pytest.fixture
def event(run_main: ModuleRunner, store: t.Any) -> dict[str, t.Any]:
    name = run_main("deprovision_event", EVENT).result["events"][0]["event"]
    return {"event": name, "email": EMAIL}


def params_for(event: dict[str, t.Any], facts: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    return {"ledger_prefix": PREFIX, "events": [{**event, "facts": facts}], **more}


def test_a_fact_is_stamped_and_kept(run_main: ModuleRunner, event: dict[str, t.Any]) -> None:
    first = run_main("deprovision_ledger", params_for(event, {"lockout": {"account": True}})).result
    assert (first["changed"], first["events"][0]["recorded"]) == (True, ["lockout"])
    assert first["events"][0]["facts"]["lockout"]["at"].endswith("Z")
    second = run_main("deprovision_ledger", params_for(event, {"lockout": {"account": False}})).result
    assert (second["changed"], second["events"][0]["recorded"]) == (False, [])
    assert second["events"][0]["facts"] == first["events"][0]["facts"]


def test_the_facts_of_several_people_are_written_at_once_each_where_it_belongs(run_main: ModuleRunner, store: t.Any) -> None:
    emails = [f"person{number}@raxx.example" for number in range(20)]
    events = run_main("deprovision_event", {**EVENT, "emails": emails}).result["events"]
    facts = [
        {"event": event["event"], "email": event["email"], "facts": {"lockout": {"whose": event["email"]}}} for event in events
    ]
    params = {"ledger_prefix": PREFIX, "events": facts}
    result = run_main("deprovision_ledger", params).result
    assert [entry["event"] for entry in result["events"]] == [event["event"] for event in events]
    assert [entry["facts"]["lockout"]["whose"] for entry in result["events"]] == emails
    assert run_main("deprovision_ledger", params).result["changed"] is False
    assert run_main("deprovision_ledger", {**params, "events": []}).result["changed"] is False


def test_what_is_known_of_several_people_is_read_ten_facts_at_a_time(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS allows 40 reads in a second, for everybody who uses the account."""
    emails = [f"person{number}@raxx.example" for number in range(20)]
    events = run_main("deprovision_event", {**EVENT, "emails": emails}).result["events"]
    facts = [{"event": event["event"], "email": event["email"], "facts": {"lockout": {}}} for event in events]
    calls: list[str] = []
    call = SsmClient._call

    def counted(self: SsmClient, operation: str, *more: t.Any, **named: t.Any) -> t.Any:
        calls.append(operation)
        return call(self, operation, *more, **named)

    monkeypatch.setattr(SsmClient, "_call", counted)
    run_main("deprovision_ledger", {"ledger_prefix": PREFIX, "events": facts})
    assert Counter(calls) == {"get_parameters": 4, "put_parameter": 20}


def test_a_long_fact_is_known_again(run_main: ModuleRunner, event: dict[str, t.Any]) -> None:
    long = {"lockout": {"sessions": ["x" * 100] * 100}}
    first = run_main("deprovision_ledger", params_for(event, long)).result
    second = run_main("deprovision_ledger", params_for(event, {"lockout": {}})).result
    assert (second["changed"], second["events"][0]["facts"]) == (False, first["events"][0]["facts"])
    assert second["events"][0]["facts"]["lockout"]["sessions"] == long["lockout"]["sessions"]


def test_a_fact_that_nobody_can_read_is_reported(run_main: ModuleRunner, event: dict[str, t.Any], store: t.Any) -> None:
    run_main("deprovision_ledger", params_for(event, {"lockout": {}}))
    (name,) = [name for name in parameters(store) if name.endswith("/lockout")]
    store.put_parameter(Name=PREFIX + name, Value="no JSON", Type="String", Overwrite=True)
    assert run_main("deprovision_ledger", params_for(event, {"lockout": {}})).code == "ledger_damaged"


def test_an_event_that_was_never_opened_has_no_facts(run_main: ModuleRunner, event: dict[str, t.Any], store: t.Any) -> None:
    kept = parameters(store)
    stranger = {**event, "event": "DEPROV-2026-05-19-nobody"}
    assert run_main("deprovision_ledger", params_for(stranger, {"lockout": {}})).code == "not_found"
    assert parameters(store) == kept


def test_check_mode_says_what_would_be_written(run_main: ModuleRunner, event: dict[str, t.Any], store: t.Any) -> None:
    kept = parameters(store)
    outcome = run_main("deprovision_ledger", params_for(event, {"lockout": {}}), check=True)
    assert (outcome.result["changed"], outcome.result["events"][0]["recorded"]) == (True, ["lockout"])
    assert parameters(store) == kept


WAIVER = {"by": "ciso@raxx.example", "until": "2026-06-01", "reason": "the vault is being moved"}


@pytest.mark.parametrize(
    ("waiver", "said"),
    [
        ({"by": "ciso@raxx.example"}, "without until, reason"),
        ({**WAIVER, "by": " "}, "without by"),
        ({**WAIVER, "reason": None}, "without reason"),
        ({**WAIVER, "until": "the summer"}, "until 'the summer', which is neither a date nor an RFC 3339 time"),
        ({**WAIVER, "until": "2026-02-30"}, "until '2026-02-30'"),
    ],
)
@pytest.mark.parametrize(("name", "subject", "check"), [("waived-2b-raptor_app", None, False), ("waived", "2b/raptor_app", True)])
def test_a_waiver_that_would_accept_nothing_is_refused_before_anything_is_written(
    run_main: ModuleRunner,
    event: dict[str, t.Any],
    store: t.Any,
    waiver: dict[str, t.Any],
    said: str,
    name: str,
    subject: str | None,
    check: bool,
) -> None:
    kept = parameters(store)
    params = params_for(event, {"lockout": {}, name: waiver}, subject=subject)
    outcome = run_main("deprovision_ledger", params, check=check)
    assert outcome.code == "invalid_input"
    assert f"waived-2b-raptor_app is a waiver {said}" in outcome.result["msg"]
    assert parameters(store) == kept


@pytest.mark.parametrize("until", ["2026-06-01", "2026-06-01T12:00:00Z"])
def test_a_whole_waiver_is_kept(run_main: ModuleRunner, event: dict[str, t.Any], until: str) -> None:
    params = params_for(event, {"waived-2b-raptor_app": {**WAIVER, "until": until}})
    assert run_main("deprovision_ledger", params).result["events"][0]["recorded"] == ["waived-2b-raptor_app"]


def test_the_key_of_a_rotation_is_destroyed_once(run_main: ModuleRunner, store: t.Any) -> None:
    run_main("deprovision_rotation", CLAIM)
    params = {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1, "facts": {}, "forget": ["key"]}
    assert run_main("deprovision_ledger", params).result["changed"] is True
    assert run_main("deprovision_ledger", params).result["changed"] is False
    assert run_main("deprovision_rotation", CLAIM).result["key"] is None


def test_facts_of_one_console_are_not_those_of_another(run_main: ModuleRunner, event: dict[str, t.Any]) -> None:
    first = run_main("deprovision_ledger", params_for(event, {"lockout": {}}, subject="console.eu"))
    assert list(first.result["events"][0]["facts"]) == ["lockout-console-eu"]
    assert run_main("deprovision_ledger", params_for(event, {"lockout": {}}, subject="console_us")).result["changed"] is True


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
    "of",
    [
        {"events": [{"event": "DEPROV-2026-05-19-nobody", "email": EMAIL, "facts": {"x": {}}}]},
        {"credential": "raptor_app", "rotation": 7, "facts": {"x": {}}},
    ],
)
def test_facts_of_something_unknown_are_refused(run_main: ModuleRunner, store: t.Any, of: dict[str, t.Any]) -> None:
    assert run_main("deprovision_ledger", {"ledger_prefix": PREFIX, **of}).code == "not_found"


def test_a_fact_that_cannot_be_read_is_reported(run_main: ModuleRunner, event: dict[str, t.Any], store: t.Any) -> None:
    name = next(name for name in parameters(store) if name.endswith("/opened"))
    store.put_parameter(Name=PREFIX + name, Value="not json", Type="String", Overwrite=True)
    assert run_main("deprovision_ledger", params_for(event, {"x": {}})).code == "ledger_damaged"
