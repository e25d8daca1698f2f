# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback runbook knows of a run, and the lines that it makes of it."""

from __future__ import annotations

import pytest
from ansible_collections.raxx.deprovision.plugins.plugin_utils.checklist import (
    GROUPS,
    ROWS_OF_ROLE,
    TITLES,
    Checklist,
    Wait,
    clock,
    header,
    lines,
    short,
    text,
)


@pytest.fixture
def run() -> Checklist:
    made = Checklist(began=100.0)
    made.use(ROWS_OF_ROLE)
    return made


def shown(run: Checklist, now: float = 100.0, width: int = 120, height: int = 40) -> list[str]:
    return [text(line) for line in lines(run, now, width, height)]


def marks(run: Checklist) -> dict[str, str]:
    return {name: row.state for name, row in run.rows.items() if row.state != "todo"}


def test_every_step_of_the_runbook_has_a_row(run: Checklist) -> None:
    """1a, 1b, 2, 3, 4, 5, 6, 7."""
    assert list(run.rows) == list(TITLES) == ["P", "1a", "1b", "2", "3", "4", "5", "6", "7"]
    assert [name for group in GROUPS for name in group] == list(TITLES)


def test_a_playbook_shows_the_rows_of_its_own_roles_only() -> None:
    run = Checklist(0.0)
    run.use(["step23_rotate", "step4_verify_app", "something_else"])
    assert list(run.rows) == ["2", "3", "4"]
    run.use(["something_else"])
    assert shown(run, 5.0) == ["0:05 elapsed"]


def test_a_credential_is_done_when_it_is_proved_dead_and_checked(run: Checklist) -> None:
    """C2: what is rotated and stored is not done yet."""
    run.begin("2", 101.0)
    for fact in ("settled", "stored", "live", "distributed", "dead"):
        assert run.note("2", "raptor_app", fact, 110.0)[1] == []
    assert run.note("2", "raptor_app", "checked", 120.0) == ("checks passed", ["2"])
    assert marks(run) == {"P": "passed", "1a": "passed", "1b": "passed", "2": "done"}
    assert "19" in clock(run.rows["2"].seconds(500.0) or 0)


def test_what_was_begun_and_did_not_come_to_its_end_says_so(run: Checklist) -> None:
    run.begin("2", 101.0)
    run.note("2", "raptor_app", "settled", 102.0)
    assert run.begin("5", 103.0) == ["2", "5"]
    assert short("2", run.rows["2"])[0] == "[-] 2  raptor credentials rotated: not finished"


def test_a_row_with_two_credentials_waits_for_both(run: Checklist) -> None:
    run.begin("2", 101.0)
    for host in ("raptor_app", "raptor_reader"):
        run.note("2", host, "settled", 102.0)
    for fact in ("dead", "checked"):
        run.note("2", "raptor_app", fact, 103.0)
    assert marks(run)["2"] == "busy"
    run.note("2", "raptor_reader", "dead", 104.0)
    assert run.note("2", "raptor_reader", "checked", 105.0)[1] == ["2"]


def test_a_step_that_only_looked_is_not_shown_as_done(run: Checklist) -> None:
    """I9: without the fact audit_row nothing says that a row was written."""
    run.begin("6", 101.0)
    assert run.begin("7", 102.0) == ["6", "7"]
    assert marks(run)["6"] == "passed"
    assert short("6", run.rows["6"])[0] == "[-] 6  audit row written: only looked at"
    assert run.end(103.0) == ["7"]
    assert not any("[x]" in line for line in shown(run))


@pytest.mark.parametrize(("fact", "row"), [("verified", "4"), ("recheck", "5"), ("audit_row", "6"), ("closed", "7")])
def test_a_fact_of_the_ledger_finishes_its_row(run: Checklist, fact: str, row: str) -> None:
    run.begin(row, 101.0)
    assert run.note(row, "host", fact, 102.0)[1] == [row]
    assert run.note(row, "host", fact, 103.0) == ("", [])


def test_a_failure_is_never_overwritten(run: Checklist) -> None:
    run.begin("2", 101.0)
    run.fail("2", 102.0)
    assert run.begin("2", 103.0) == run.finish("2", 103.0) == []
    run.begin("5", 104.0)
    run.end(105.0)
    assert marks(run)["2"] == "failed"
    assert any(line.startswith("[!] 2  raptor credentials rotated") for line in shown(run))


def test_what_is_not_known_is_left_alone(run: Checklist) -> None:
    assert run.begin("", 1.0) == run.finish("9", 1.0) == []
    assert run.note("", "host", "settled", 1.0) == ("", [])
    run.fail("", 1.0)
    assert marks(run) == {}


def test_credentials_are_rotated_side_by_side_with_the_log_window(run: Checklist) -> None:
    for row in ("2", "3", "4"):
        assert run.begin(row, 101.0)[-1] == row
    assert {marks(run)[row] for row in ("2", "3", "4")} == {"busy"}


def test_a_wait_shows_its_bound(run: Checklist) -> None:
    run.begin("4", 101.0)
    run.waits["a"] = Wait("raptor", "log window", 110.0, row="4", bound=600.0)
    (line,) = [line for line in shown(run, 260.0) if "log window" in line]
    assert line == "       raptor: log window  [#####---------------]  2:30 of at most 10:00"
    (narrow,) = [line for line in shown(run, 260.0, width=44) if "log" in line]
    assert narrow.endswith("2:30 of at most 10:00")
    assert len(narrow) <= 44


def test_a_wait_that_lasts_longer_than_its_bound_fills_its_bar(run: Checklist) -> None:
    run.waits["a"] = Wait("raptor", "every dyno restarts", 0.0, bound=10.0)
    assert shown(run, 100.0)[-1].endswith("[####################]  1:40 of at most 0:10")


def test_what_ansible_does_itself_is_shown_only_if_it_lasts(run: Checklist) -> None:
    run.waits["a"] = Wait("console", "Validating arguments", 100.0, shown_after=1.0)
    assert not any("Validating" in line for line in shown(run, 100.5))
    assert any("Validating" in line for line in shown(run, 101.5))


@pytest.mark.parametrize(
    ("left", "said"),
    [(14388.0, "3:59:48 left, until 13:00 UTC"), (60.0, "1:00 left, until 13:00 UTC"), (-61.0, "OVERDUE by 1:01")],
)
def test_the_window_is_shown(run: Checklist, left: float, said: str) -> None:
    """S2, P5."""
    run.deadline, run.deadline_text = 100.0 + left, "13:00 UTC"
    assert text(header(run, 100.0)[-1]) == f"0:00 elapsed   {said}"


@pytest.mark.parametrize("width", [20, 60, 100, 200])
@pytest.mark.parametrize("height", [1, 5, 10, 40])
def test_nothing_is_wider_or_higher_than_the_screen(run: Checklist, width: int, height: int) -> None:
    run.title = "DEPROV-2026-05-19-jordan.smith  jordan.smith@raxx.example"
    for row in ("2", "3", "4"):
        run.begin(row, 101.0)
        run.waits[row] = Wait("a_credential_with_a_long_name", "the old one is refused, its sessions end", 101.0, row, 90.0)
    run.note("2", "raptor_app", "settled", 102.0)
    found = lines(run, 160.0, width, height)
    assert len(found) <= height
    assert all(len("".join(piece for piece, _kind in line)) <= width for line in found)


def test_on_a_low_screen_what_is_under_way_stays(run: Checklist) -> None:
    run.begin("3", 101.0)
    run.fail("2", 101.0)
    found = shown(run, 101.0, height=4)
    assert [line[:5] for line in found[1:]] == ["[!] 2", "[>] 3", "[ ] 7"]
