# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_debts (2b, I15): what is parked, and whose open events wait for it."""

from __future__ import annotations

import typing as t

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, note

OTHER = "priya.patel@raxx.example"
PARKED = {"kind": "ssm", "name": "/raxx/test/raptor/RAPTOR_APP_DB_URL", "code": "unreachable"}
CREDENTIALS = [
    {"name": name, "step": step, "checks": ["smoke"], "consumers": [{"app": "raptor"}]}
    for name, step in (("raptor_app", 2), ("audit_archiver", 3))
]
DEBTS = {"ledger_prefix": PREFIX, "credentials": CREDENTIALS}


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


def roll_back(run_main: ModuleRunner, credential: str, since: str) -> dict[str, t.Any]:
    """Begins the rotation of a rollback, and returns where its facts belong."""
    claim = {
        "ledger_prefix": PREFIX,
        "credential": credential,
        "since": since,
        "url": f"postgres://{credential}:old@db.example:5432/raptor",
        "event": "ROLLBACK-2026-05-19",
        "operator": OPERATOR,
    }
    return {"credential": credential, "rotation": run_main("deprovision_rotation", claim).result["number"]}


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


DEAD: dict[str, t.Any] = {"dead": {"old_dead": True, "sessions_left": 0}}


def test_a_rollback_is_owed_until_its_last_log_window(run_main: ModuleRunner, store: t.Any) -> None:
    """E5."""
    where = roll_back(run_main, "raptor_app", "2026-05-19T09:14:00Z")
    begun = run_main("deprovision_debts", DEBTS).result
    assert [(debt["credential"], debt["kind"], debt["by"]) for debt in begun["debts"]] == [("raptor_app", "rollback", OPERATOR)]
    assert begun["rollback_since"] == begun["debts"][0]["since"]
    assert "rollback.yml continues it; with -e new_rotation=true" in begun["lines"][0]

    # The app was handed nothing, or a check has failed: what the log and the proof say is not enough.
    steps: tuple[dict[str, t.Any], ...] = (
        {"settled": {}, "stored": {}, "live": {}},
        DEAD,
        {"distributed-raptor": {}},
        {"verified-raptor": {}},
    )
    for facts in steps:
        record(run_main, facts, **where)
        assert run_main("deprovision_debts", DEBTS).result["rollback_since"] == begun["rollback_since"]
    record(run_main, {"checked": {}}, **where)
    ended = run_main("deprovision_debts", DEBTS).result
    assert (ended["debts"], ended["rollback_since"]) == ([], None)


PROVED: dict[str, t.Any] = {"settled": {}, "live": {}, "distributed-raptor": {}, **DEAD, "checked": {}, "verified-raptor": {}}
BEGAN = "2026-05-19T09:14:00.000000Z"


def test_a_rollback_is_owed_while_its_url_is_parked(run_main: ModuleRunner, store: t.Any) -> None:
    """E5, 2b: proved to its end, and still not finished. What another credential has in common with it is when it began."""
    where = roll_back(run_main, "raptor_app", BEGAN)
    record(run_main, {**PROVED, "parked": PARKED}, **where)
    record(run_main, {**PROVED, "stored": {}}, **roll_back(run_main, "audit_archiver", BEGAN))
    found = run_main("deprovision_debts", DEBTS).result
    assert [(debt["credential"], debt["kind"]) for debt in found["debts"]] == [("raptor_app", "ssm"), ("raptor_app", "rollback")]
    assert (found["rollback_since"], found["parked"], found["emails"]) == (BEGAN, ["raptor_app"], [])

    record(run_main, {"stored": {}, "unparked": {}}, **where)
    paid = run_main("deprovision_debts", DEBTS).result
    assert (paid["debts"], paid["rollback_since"], paid["parked"]) == ([], None, [])


def test_a_copy_that_an_earlier_rotation_has_left_is_owed_until_it_is_removed(run_main: ModuleRunner, store: t.Any) -> None:
    """2b, I15: it may be removed once the store has the present URL; till then the same place may be in use."""
    event = run_main("deprovision_event", EVENT).result["events"][0]
    first = {"credential": "raptor_app", "rotation": rotate(run_main, event)}
    record(run_main, {**PROVED, "parked": PARKED}, **first)
    second = roll_back(run_main, "raptor_app", "2999-05-19T09:14:00Z")
    begun = run_main("deprovision_debts", DEBTS).result
    assert [(debt["kind"], debt.get("rotation")) for debt in begun["debts"]] == [("superseded", 1), ("rollback", None)]
    assert (begun["superseded"], begun["parked"], begun["emails"]) == ([], [], [EMAIL])
    assert f"left in ssm {PARKED['name']} since" in begun["lines"][0]

    record(run_main, {**PROVED, "parked": PARKED}, **second)
    assert run_main("deprovision_debts", DEBTS).result["superseded"] == []
    record(run_main, {"stored": {}, "unparked": {}}, **second)
    (left,) = run_main("deprovision_debts", DEBTS).result["superseded"]
    assert (left["credential"], left["rotation"], left["name"]) == ("raptor_app", 1, PARKED["name"])

    record(run_main, {"unparked": {}}, **first)
    assert run_main("deprovision_debts", DEBTS).result["debts"] == []


def test_a_ledger_that_cannot_be_read_is_no_clean_sheet(run_main: ModuleRunner, store: t.Any) -> None:
    broken = f"{PREFIX}/credentials/raptor_app/0001/intent"
    store.put_parameter(Name=broken, Value="{", Type="String")
    store.put_parameter(Name=f"{PREFIX}/credentials/raptor_app/latest", Value="1", Type="String")
    assert run_main("deprovision_debts", DEBTS).result["failure"]["code"] == "ledger_damaged"
