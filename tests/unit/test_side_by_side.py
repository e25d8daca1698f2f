# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked side by side: with a distant system each call that waits for another one is time until the lock-out."""

from __future__ import annotations

import typing as t
from threading import Barrier

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import both
from ansible_collections.raxx.deprovision.plugins.module_utils._results import read
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import Parameter, SsmClient

from .conftest import ModuleRunner
from .ledger_world import EVENT, OPERATOR, PLACE, PREFIX
from .test_deprovision_plan import planned


@pytest.fixture
def together() -> Barrier:
    """Two who wait for each other: calls that are made one after the other never get past it."""
    return Barrier(2, timeout=10)


def test_of_two_calls_both_are_answered(together: Barrier) -> None:
    def answering(answer: str) -> t.Callable[[], str]:
        return lambda: answer if together.wait() >= 0 else ""

    assert both(answering("one"), answering("other")) == ("one", "other")


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_either_is_raised(failing: int) -> None:
    def fail() -> str:
        raise DeprovisionError("unreachable", "It is away.")

    calls = [lambda: "fine", lambda: "fine"]
    calls[failing] = fail
    with pytest.raises(DeprovisionError, match="It is away"):
        both(*calls)


def test_credentials_are_looked_up_side_by_side(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, together: Barrier
) -> None:
    def newest(_ledger: Ledger, _credential: str) -> None:
        together.wait()

    params = planned(run_main)
    monkeypatch.setattr(Ledger, "newest_rotation", newest)
    assert len(params["credentials"]) == 2
    assert "2a" in run_main("deprovision_plan", params, check=True).result["steps"]

    judged = {name: params[name] for name in ("ledger_prefix", "environment_name", "events")}
    scope = {"consoles": ["console"], "records": ["audit_record"], "credentials": params["credentials"], "locked_out": []}
    assert run_main("deprovision_result", {**judged, "scope": scope}).result["events"][0]["ready_to_close"] is False


def test_a_rotation_is_read_while_a_newer_one_is_looked_for(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, together: Barrier
) -> None:
    event = run_main("deprovision_event", EVENT).result["events"][0]
    claim = {"credential": "raptor_app", "since": event["opened"], "event": event["event"], "operator": OPERATOR}
    run_main("deprovision_rotation", {"ledger_prefix": PREFIX, **claim, "url": "postgres://raptor_app:x@db/r"})
    get, by_path = SsmClient.get, SsmClient.by_path

    def waiting_get(client: SsmClient, name: str) -> Parameter | None:
        if name.endswith("/0002/intent"):
            together.wait()
        return get(client, name)

    def waiting_by_path(client: SsmClient, path: str) -> list[Parameter]:
        together.wait()
        return by_path(client, path)

    monkeypatch.setattr(SsmClient, "get", waiting_get)
    monkeypatch.setattr(SsmClient, "by_path", waiting_by_path)
    ledger = Ledger.from_params(PLACE)
    assert (newest := ledger.newest_rotation("raptor_app"))
    assert newest.number == 1


def test_the_facts_of_people_and_the_debts_of_apps_are_read_side_by_side(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, together: Barrier
) -> None:
    event = run_main("deprovision_event", EVENT).result["events"][0]
    by_path = SsmClient.by_path

    def waiting(client: SsmClient, path: str) -> list[Parameter]:
        together.wait()
        return by_path(client, path)

    monkeypatch.setattr(SsmClient, "by_path", waiting)
    known = read(Ledger.from_params(PLACE), [event], {"credentials": []})
    assert set(known.facts[event["event"]]) == {"before", "opened"}


def test_a_run_says_where_the_newest_is_while_it_looks_for_others(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, together: Barrier
) -> None:
    run = {**EVENT, "credentials": ["raptor_app"], "lease_seconds": 5}
    run_main("deprovision_run", run)
    run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": 1})
    put, by_path = SsmClient.put, SsmClient.by_path

    def waiting_put(client: SsmClient, name: str, value: str, **options: t.Any) -> int:
        if name.endswith("/runs/latest"):
            together.wait()
        return put(client, name, value, **options)

    def waiting_by_path(client: SsmClient, path: str) -> list[Parameter]:
        if path.endswith("/runs/000001"):
            together.wait()
        return by_path(client, path)

    monkeypatch.setattr(SsmClient, "put", waiting_put)
    monkeypatch.setattr(SsmClient, "by_path", waiting_by_path)
    assert run_main("deprovision_run", run).result["number"] == 2


def test_what_must_be_known_of_an_event_is_written_side_by_side_before_it_is_opened(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I12: an event that counts as opened says what the person had, and that the lock-out may have begun."""
    create, together, written = SsmClient.create, Barrier(3, timeout=10), []

    def waiting(client: SsmClient, name: str, value: str, *, secure: bool = False) -> bool:
        fact = name.rpartition("/")[2]
        if fact in ("before", "locking-console", "planned"):
            together.wait()
        written.append(fact)
        return create(client, name, value, secure=secure)

    monkeypatch.setattr(SsmClient, "create", waiting)
    facts = run_main("deprovision_event", {**EVENT, "consoles": ["console"], "plan": "ab12"}).result["events"][0]["facts"]
    assert set(facts) == {"before", "opened", "locking-console", "planned"}
    assert written[0].startswith("DEPROV-")
    assert (sorted(written[1:-1]), written[-1]) == (["before", "locking-console", "planned"], "opened")


def test_what_the_operator_states_of_an_open_event_is_written_side_by_side(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, together: Barrier
) -> None:
    run_main("deprovision_event", EVENT)
    create = SsmClient.create

    def waiting(client: SsmClient, name: str, value: str, *, secure: bool = False) -> bool:
        together.wait()
        return create(client, name, value, secure=secure)

    monkeypatch.setattr(SsmClient, "create", waiting)
    facts = run_main("deprovision_event", {**EVENT, "consoles": ["console"], "plan": "ab12"}).result["events"][0]["facts"]
    assert set(facts) == {"before", "opened", "locking-console", "planned"}
