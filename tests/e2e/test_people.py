# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several people who leave together (S3): what concerns the systems is done once, what concerns a person for each."""

from __future__ import annotations

import json
import typing as t
from collections import Counter

import pytest

from bench.calls import Call, counted
from bench.worlds import calls_since
from tests.e2e.runs import Run, deprovision
from tests.e2e.world import LEAVER, Record, Sandbox

TOGETHER = ["priya.patel@raxx.example", "mateo.garcia@raxx.example", "bob@raxx.example"]
# What the number of people must not change: the statements by the table that they are about, rotations, releases.
TABLES = ("rbac_user_groups", "admin_sessions", "admins", "audit_archival_runs")


@pytest.fixture(scope="module")
def runs(sandbox: Sandbox) -> list[tuple[Run, list[Call], Record]]:
    """One for one person, and then one for three: with the calls that each made, and the dump after it."""
    found = []
    seen = calls_since(sandbox, 0)[1]
    for email in (LEAVER, TOGETHER):
        run = deprovision(sandbox, t.cast("str", email))
        calls, seen = calls_since(sandbox, seen)
        found.append((run, calls, sandbox.dump()))
    return found


def statements(calls: list[Call]) -> Counter[str]:
    """How often each statement was made of those that read or write a table."""
    return Counter(
        " ".join(call.path.split())[:60]
        for call in calls
        if call.system == "postgres" and any(table in call.path for table in TABLES)
    )


def test_three_people_take_as_many_statements_as_one(runs: list[tuple[Run, list[Call], Record]]) -> None:
    """1a, 1b, 5, 6: what is done to a table is done for all of them at once."""
    (one, calls_for_one, _dump), (three, calls_for_three, _dump) = runs
    assert (one.status, three.status) == (0, 0), three.output
    assert sum(statements(calls_for_one).values()) >= 10
    assert sum(statements(calls_for_three).values()) == sum(statements(calls_for_one).values())


def test_three_people_cost_one_rotation_of_each_credential_and_one_release(runs: list[tuple[Run, list[Call], Record]]) -> None:
    """S3, 2a, 2c, 3a."""
    for _run, calls, _dump in runs:
        made = counted(calls)
        assert (made["Heroku: rotate"], made["Heroku: set config"]) == (2, 1)


def test_each_of_them_has_a_ticket_a_row_and_a_result(sandbox: Sandbox, runs: list[tuple[Run, list[Call], Record]]) -> None:
    """P4, 6, 7, I8."""
    run, _calls, dump = runs[1]
    results = [json.loads(file.read_text(encoding="utf-8")) for file in run.evidence]
    assert sorted((result["email"], result["result"]) for result in results) == sorted((email, "complete") for email in TOGETHER)
    tickets = {ticket["subject"]: ticket["status"] for ticket in dump["freescout"]}
    for result in results:
        assert tickets[result["event"]] == "closed"
        marker = f"%event={result['event']} person={result['email']}%"
        rows = sandbox.sql("raptor", "SELECT count(*) FROM audit_archival_runs WHERE notes LIKE %s", marker)
        assert rows == [(1,)]
        assert sandbox.access(result["email"]) == (0, 0)
    summary, _separator, named = run.last_line.partition(" | COMPLETE: ")
    assert (summary, sorted(named.split(", "))) == ("COMPLETE: 3 of 3 people", sorted(result["event"] for result in results))
