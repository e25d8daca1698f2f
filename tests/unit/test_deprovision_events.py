# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_events: the population that an auditor samples from, complete whatever became of each event."""

from __future__ import annotations

import typing as t

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, note

ASKED = {"ledger_prefix": PREFIX}
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


def test_what_was_claimed_and_never_opened_and_runs_without_a_record_are_said(run_main: ModuleRunner, store: t.Any) -> None:
    for name in ("events/DEPROV-2026-01-01-nobody", "runs/0001", "runs/0003/begun"):
        store.put_parameter(Name=f"{PREFIX}/{name}", Value="{}", Type="String")
    result = run_main("deprovision_events", ASKED).result
    assert (result["unopened"], result["missing_runs"]) == (["DEPROV-2026-01-01-nobody"], [2])
    assert result["lines"] == [
        "0 events, 0 complete, 0 open",
        "claimed, but never opened (a run was killed at its very beginning): DEPROV-2026-01-01-nobody",
        "no record of the runs 2",
    ]


def test_an_empty_ledger_has_no_events(run_main: ModuleRunner, store: t.Any) -> None:
    result = run_main("deprovision_events", ASKED).result
    assert (result["events"], result["unopened"], result["missing_runs"]) == ([], [], [])


def test_a_time_that_is_none_is_refused(run_main: ModuleRunner, store: t.Any) -> None:
    assert run_main("deprovision_events", {**ASKED, "since": "last spring"}).code == "invalid_input"
