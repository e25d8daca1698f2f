# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_debts (2b, I15): what is parked, and whose open events wait for it."""

from __future__ import annotations

import typing as t

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, note

OTHER = "priya.patel@raxx.example"
PARKED = {"kind": "ssm", "name": "/raxx/test/raptor/RAPTOR_APP_DB_URL", "code": "unreachable"}
DEBTS = {"ledger_prefix": PREFIX, "credentials": ["raptor_app", "audit_archiver"]}


def record(run_main: ModuleRunner, facts: dict[str, t.Any], **where: t.Any) -> None:
    run_main("deprovision_ledger", {"ledger_prefix": PREFIX, "facts": facts, **where})


def rotate(run_main: ModuleRunner, event: dict[str, t.Any]) -> int:
    claim = {
        "ledger_prefix": PREFIX,
        "credential": "raptor_app",
        "since": event["opened"],
        "url": "postgres://raptor_app:old@db.example:5432/raptor",
        "event": event["event"],
        "operator": OPERATOR,
    }
    return int(run_main("deprovision_rotation", claim).result["number"])


def test_nothing_is_owed_at_first(run_main: ModuleRunner, store: t.Any) -> None:
    found = run_main("deprovision_debts", DEBTS).result
    assert (found["debts"], found["emails"], found["lines"]) == ([], [], ["nothing is owed"])


def test_everybody_who_waits_for_the_url_is_named(run_main: ModuleRunner, store: t.Any) -> None:
    """Two left together; one rotation covers both, and a third person is finished already."""
    closed = run_main("deprovision_event", {**EVENT, "emails": ["mateo.garcia@raxx.example"]}).result["events"][0]
    note(run_main, closed["event"], {"closed": {}}, closed["email"])
    events = run_main("deprovision_event", {**EVENT, "emails": [EMAIL, OTHER]}).result["events"]
    number = rotate(run_main, events[1])
    record(run_main, {"settled": {}, "parked": PARKED}, credential="raptor_app", rotation=number)

    found = run_main("deprovision_debts", DEBTS).result
    assert found["emails"] == [EMAIL, OTHER]
    (debt,) = found["debts"]
    assert (debt["credential"], debt["name"], debt["code"]) == ("raptor_app", PARKED["name"], "unreachable")
    assert found["direct_database_access"] is True

    record(run_main, {"stored": {}, "unparked": {}}, credential="raptor_app", rotation=number)
    assert run_main("deprovision_debts", DEBTS).result["debts"] == []


def test_who_had_no_direct_access_is_not_given_more_to_do(run_main: ModuleRunner, store: t.Any) -> None:
    """3."""
    event = run_main("deprovision_event", {**EVENT, "waivers": ["audit_archiver"]}).result["events"][0]
    number = rotate(run_main, event)
    record(run_main, {"settled": {}, "parked": PARKED}, credential="raptor_app", rotation=number)
    assert run_main("deprovision_debts", DEBTS, check=True).result["direct_database_access"] is False


def test_a_rollback_is_owed_until_its_last_log_window(run_main: ModuleRunner, store: t.Any) -> None:
    """E5."""
    claim = {
        "ledger_prefix": PREFIX,
        "credential": "raptor_app",
        "since": "2026-05-19T09:14:00Z",
        "url": "postgres://raptor_app:old@db.example:5432/raptor",
        "event": "ROLLBACK-2026-05-19",
        "operator": OPERATOR,
    }
    where = {"credential": "raptor_app", "rotation": run_main("deprovision_rotation", claim).result["number"]}
    begun = run_main("deprovision_debts", DEBTS).result
    assert [(debt["credential"], debt["kind"], debt["by"]) for debt in begun["debts"]] == [("raptor_app", "rollback", OPERATOR)]
    assert begun["rollback_since"] == begun["debts"][0]["since"]
    assert "rollback.yml continues it; with -e new_rotation=true" in begun["lines"][0]

    record(run_main, {"dead": {}, "distributed-raptor": {}}, **where)
    assert run_main("deprovision_debts", DEBTS).result["rollback_since"] == begun["rollback_since"]
    record(run_main, {"verified-raptor": {}}, **where)
    ended = run_main("deprovision_debts", DEBTS).result
    assert (ended["debts"], ended["rollback_since"]) == ([], None)


def test_a_ledger_that_cannot_be_read_is_no_clean_sheet(run_main: ModuleRunner, store: t.Any) -> None:
    broken = f"{PREFIX}/credentials/raptor_app/0001/intent"
    store.put_parameter(Name=broken, Value="{", Type="String")
    store.put_parameter(Name=f"{PREFIX}/credentials/raptor_app/latest", Value="1", Type="String")
    assert run_main("deprovision_debts", DEBTS).result["failure"]["code"] == "ledger_damaged"
