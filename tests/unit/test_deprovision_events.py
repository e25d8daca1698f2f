# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_events: the population that an auditor samples from, complete whatever became of each event."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._event import person_key

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, note

ASKED = {"ledger_prefix": PREFIX}
KEY = person_key(EMAIL)
OTHER = "priya.patel@raxx.example"


def opened(run_main: ModuleRunner, email: str = EMAIL, **more: t.Any) -> str:
    return str(run_main("deprovision_event", {**EVENT, "emails": [email], **more}).result["events"][0]["event"])


def record(run_main: ModuleRunner, event: str, facts: dict[str, t.Any]) -> None:
    note(run_main, event, facts)


def test_every_event_of_everybody_is_listed_with_result_window_and_ticket(run_main: ModuleRunner, store: t.Any) -> None:
    first, second = opened(run_main), opened(run_main, OTHER)
    record(run_main, first, {"ticket": {"id": 812, "number": 4711}, "lockout-console": {}, "sealed": {"head": "ab" * 32}})
    record(run_main, first, {"closed": {}})
    result = run_main("deprovision_events", ASKED).result
    done, still_open = result["events"]
    assert (done["event"], done["result"], done["ticket"], done["head"]) == (first, "complete", 4711, "ab" * 32)
    assert done["notice"] <= done["opened"] <= done["lockout"] <= done["ended"]
    assert (still_open["event"], still_open["email"], still_open["result"]) == (second, OTHER, "open")
    assert (still_open["operator"], still_open["ticket"], still_open["ended"], still_open["head"]) == (OPERATOR, None, None, None)
    assert (done["overdue"], still_open["overdue"]) == (False, False)
    assert result["lines"][-1] == "2 events, 1 complete, 1 open"
    assert "ticket 4711" in result["lines"][0]
    assert run_main("deprovision_events", ASKED, check=True).result["events"] == result["events"]


def test_a_second_departure_of_a_person_is_another_event(run_main: ModuleRunner, store: t.Any) -> None:
    record(run_main, opened(run_main), {"closed": {}})
    opened(run_main, new_event=True)
    assert [entry["result"] for entry in run_main("deprovision_events", ASKED).result["events"]] == ["complete", "open"]


def test_a_period_counts_from_its_beginning_to_before_its_end(run_main: ModuleRunner, store: t.Any) -> None:
    opened(run_main)
    begun = run_main("deprovision_events", ASKED).result["events"][0]["opened"]
    for period, number in (
        ({"since": begun}, 1),
        ({"before": begun}, 0),
        ({"since": "2020-01-01T00:00:00Z", "before": "2020-04-01T00:00:00Z"}, 0),
        ({"since": "2020-01-01T00:00:00Z", "before": "2999-01-01T00:00:00Z"}, 1),
    ):
        assert len(run_main("deprovision_events", {**ASKED, **period}).result["events"]) == number


def test_an_event_that_takes_too_long_is_overdue(run_main: ModuleRunner, store: t.Any) -> None:
    opened(run_main, notice="2026-01-01T00:00:00Z")
    assert "OVERDUE" in run_main("deprovision_events", ASKED).result["lines"][0]


def test_what_was_claimed_and_is_not_on_record_as_opened_is_said_without_an_excuse(run_main: ModuleRunner, store: t.Any) -> None:
    """A run that is killed between the two leaves what it notes first, or a part of that; so may whoever deletes facts."""
    event = opened(run_main, consoles=["console"], plan="ab12", waivers=["raptor_app"], approved_by="mateo.garcia@raxx.example")
    store.put_parameter(Name=f"{PREFIX}/events/DEPROV-2026-01-01-nobody", Value="nobody", Type="String")
    store.delete_parameter(Name=f"{PREFIX}/people/{KEY}/{event}/opened")
    result = run_main("deprovision_events", ASKED).result
    assert (result["unopened"], result["opening_missing"]) == (["DEPROV-2026-01-01-nobody", event], [])
    assert result["lines"] == [
        "0 events, 0 complete, 0 open",
        "claimed, and not on record as opened: DEPROV-2026-01-01-nobody",
        f"claimed, and not on record as opened: {event}",
    ]


@pytest.mark.parametrize("claimed", [True, False])
def test_facts_that_only_follow_the_opening_show_that_it_was_there(run_main: ModuleRunner, store: t.Any, claimed: bool) -> None:
    event = opened(run_main)
    record(run_main, event, {"lockout-console": {}, "ticket": {"number": 4711}})
    store.delete_parameter(Name=f"{PREFIX}/people/{KEY}/{event}/opened")
    if not claimed:
        store.delete_parameter(Name=f"{PREFIX}/events/{event}")
    result = run_main("deprovision_events", ASKED).result
    assert result["opening_missing"] == [{"event": event, "facts": ["before", "lockout-console", "ticket"]}]
    assert (result["events"], result["unopened"]) == ([], [])
    facts = "before, lockout-console, ticket"
    assert result["lines"][-1] == f"not on record as opened, but there are other facts of it ({facts}): {event}"


def begun(run_main: ModuleRunner, *emails: str) -> int:
    """The number of a run that has begun, and has not opened an event yet."""
    params = {"ledger_prefix": PREFIX, "emails": list(emails), "operator": OPERATOR, "lease_seconds": 0}
    return int(run_main("deprovision_run", params).result["number"])


def delete_run(store: t.Any, number: int) -> None:
    found = store.get_parameters_by_path(Path=f"{PREFIX}/runs/{number:06d}", Recursive=True)["Parameters"]
    store.delete_parameters(Names=[entry["Name"] for entry in found])


@pytest.mark.parametrize("gone", [[1], [2], [3], [2, 3], [1, 2, 3]])
def test_runs_without_a_record_are_said_the_last_ones_as_well(run_main: ModuleRunner, store: t.Any, gone: list[int]) -> None:
    opened(run_main)
    assert [begun(run_main, EMAIL) for _run in range(3)] == [1, 2, 3]
    assert run_main("deprovision_events", ASKED).result["missing_runs"] == []
    for number in gone:
        delete_run(store, number)
    result = run_main("deprovision_events", ASKED).result
    assert result["missing_runs"] == gone
    assert result["lines"][-1] == f"no record of the runs {', '.join(map(str, gone))}"


def test_that_a_run_was_taken_over_is_no_record_of_it(run_main: ModuleRunner, store: t.Any) -> None:
    opened(run_main)
    begun(run_main, EMAIL)
    begun(run_main, EMAIL)
    store.delete_parameter(Name=f"{PREFIX}/runs/000001/lease")
    assert f"{PREFIX}/runs/000001/taken_over" in {entry["Name"] for entry in store.describe_parameters()["Parameters"]}
    assert run_main("deprovision_events", ASKED).result["missing_runs"] == [1]


def test_who_is_named_by_a_run_but_has_no_event_is_said(run_main: ModuleRunner, store: t.Any) -> None:
    event = opened(run_main)
    number = begun(run_main, EMAIL, OTHER)
    result = run_main("deprovision_events", ASKED).result
    (found,) = result["people_without_event"]
    assert (found["person"], found["run"], found["operator"]) == (person_key(OTHER), number, OPERATOR)
    assert result["lines"][-1] == (
        f"named by run {number} of {OPERATOR} ({found['since'][:19]}Z), and without an event: {person_key(OTHER)}"
    )
    # Everything that the ledger keeps of the departure is deleted, but for the run.
    names = [f"people/{KEY}/{event}/opened", f"people/{KEY}/{event}/before", f"events/{event}"]
    store.delete_parameters(Names=[f"{PREFIX}/{name}" for name in names])
    result = run_main("deprovision_events", ASKED).result
    assert {entry["person"] for entry in result["people_without_event"]} == {KEY, person_key(OTHER)}
    assert (result["events"], result["unopened"]) == ([], [])


def test_a_run_for_everybody_names_nobody(run_main: ModuleRunner, store: t.Any) -> None:
    begun(run_main, *(f"person{number}@raxx.example" for number in range(51)))
    assert run_main("deprovision_events", ASKED).result["people_without_event"] == []


def test_an_empty_ledger_has_no_events(run_main: ModuleRunner, store: t.Any) -> None:
    result = run_main("deprovision_events", ASKED).result
    assert (result["events"], result["unopened"], result["missing_runs"]) == ([], [], [])
    assert (result["opening_missing"], result["people_without_event"]) == ([], [])


def test_a_time_that_is_none_is_refused(run_main: ModuleRunner, store: t.Any) -> None:
    assert run_main("deprovision_events", {**ASKED, "since": "last spring"}).code == "invalid_input"
