# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""console_sessions (runbook 1b and 5): find, list, lock, revoke, look again."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _console

from .sql_script import URL, SqlScript, sql_error

PARAMS = {"database_url": URL, "emails": ["jordan.smith@raxx.example", "bob@raxx.example"]}
PEOPLE = [(5, "bob@raxx.example"), (2, "Jordan.Smith@raxx.example")]
IDS = {"ids": '{"5","2"}'}
EARLY, LATE = datetime(2026, 5, 19, 8, tzinfo=UTC), datetime(2026, 5, 19, 12, tzinfo=UTC)
OLD, NEW = (2, 7, EARLY, EARLY, "Firefox\x07"), (2, 8, LATE, None, None)
LIST = _console.SESSIONS.listing
REVOKE = (
    "UPDATE admin_sessions SET revoked_at = now() WHERE admin_id = ANY(%(ids)s) AND revoked_at IS NULL RETURNING admin_id, id"
)


def expect_find(sql: SqlScript) -> None:
    sql.expect(_console.FIND_PEOPLE, {"emails": PARAMS["emails"]}, PEOPLE)


def expect_revocation(sql: SqlScript, *rows: tuple[t.Any, ...]) -> None:
    expect_find(sql)
    sql.expect(LIST, IDS, rows)
    sql.expect(_console.LOCK_PEOPLE, IDS, [(2,), (5,)])
    sql.expect(LIST, IDS, rows)
    sql.expect(REVOKE, IDS, [row[:2] for row in rows])
    sql.commit()


def test_one_statement_per_table_ends_the_sessions_of_all(sql: SqlScript) -> None:
    expect_revocation(sql, OLD, NEW)
    sql.expect(LIST, IDS)
    sql.commit()
    result = sql.run("console_sessions", PARAMS).result
    assert (result["changed"], result["left"]) == (True, 0)
    bob, jordan = result["people"]
    assert (bob["sessions_before"], bob["ended"], jordan["ended"], jordan["started_after"]) == ([], [], [7, 8], [])
    assert jordan["sessions_before"][0] == {
        "id": 7,
        "started_at": "2026-05-19T08:00:00.000000Z",
        "last_seen_at": "2026-05-19T08:00:00.000000Z",
        "user_agent": "Firefox\ufffd",
    }
    assert result["diff"] == {"before": {PEOPLE[0][1]: [], PEOPLE[1][1]: [7, 8]}, "after": {PEOPLE[0][1]: [], PEOPLE[1][1]: []}}


def test_sessions_since_the_first_revocation_are_told_apart(sql: SqlScript) -> None:
    """Step 5: a log-in between 1b and 5."""
    expect_revocation(sql, OLD, NEW)
    sql.expect(LIST, IDS)
    sql.commit()
    result = sql.run("console_sessions", {**PARAMS, "started_after": "2026-05-19T10:00:00Z"}).result
    assert [session["id"] for session in result["people"][1]["started_after"]] == [8]


def test_a_second_run_writes_nothing(sql: SqlScript) -> None:
    """I13."""
    expect_find(sql)
    sql.expect(LIST, IDS)
    sql.commit()
    result = sql.run("console_sessions", PARAMS).result
    assert (result["changed"], result["left"]) == (False, 0)


def test_check_mode_reads_only(sql: SqlScript) -> None:
    """I11."""
    expect_find(sql)
    sql.expect(LIST, IDS, [OLD])
    sql.commit()
    result = sql.run("console_sessions", PARAMS, check=True).result
    assert (result["changed"], result["left"], result["people"][1]["ended"]) == (True, 1, [7])


def test_a_new_login_in_the_meantime_is_not_success(sql: SqlScript) -> None:
    expect_revocation(sql, OLD)
    sql.expect(LIST, IDS, [NEW])
    sql.commit()
    outcome = sql.run("console_sessions", PARAMS)
    assert outcome.code == "not_effective"
    assert outcome.result["failure"]["details"]["people"][1]["ended"] == [7]


@pytest.mark.parametrize("started_after", ["yesterday", "2026-05-19T10:00:00"])
def test_a_time_without_meaning_is_refused_before_any_connection(sql: SqlScript, started_after: str) -> None:
    assert sql.run("console_sessions", {**PARAMS, "started_after": started_after}).code == "invalid_input"


def test_a_column_without_a_time_zone_is_utc(sql: SqlScript) -> None:
    expect_find(sql)
    sql.expect(LIST, IDS, [(2, 8, LATE.replace(tzinfo=None), None, None)])
    sql.commit()
    result = sql.run("console_sessions", {**PARAMS, "started_after": "2026-05-19T10:00:00Z"}, check=True).result
    assert result["people"][1]["started_after"][0]["started_at"] == "2026-05-19T12:00:00.000000Z"


@pytest.mark.parametrize(("sqlstate", "code"), [("42501", "forbidden"), ("55P03", "conflict"), (None, "unreachable")])
def test_an_error_of_the_revocation_rolls_back(sql: SqlScript, sqlstate: str | None, code: str) -> None:
    expect_find(sql)
    sql.expect(LIST, IDS, [OLD])
    sql.expect(_console.LOCK_PEOPLE, IDS, [(2,), (5,)])
    sql.expect(LIST, IDS, [OLD])
    sql.expect(REVOKE, IDS, error=sql_error(sqlstate))
    sql.rollback()
    assert sql.run("console_sessions", PARAMS).code == code


def test_a_session_that_comes_back_is_ended_too(sql: SqlScript) -> None:
    """Step 5, back to 1b: looks until a look finds none."""
    expect_revocation(sql, OLD)
    sql.expect(LIST, IDS)
    sql.commit()
    expect_revocation(sql, NEW)
    sql.expect(LIST, IDS)
    sql.commit()
    expect_find(sql)
    sql.expect(LIST, IDS)
    sql.commit()
    result = sql.run("console_sessions", {**PARAMS, "looks": 3, "pause": 0}).result
    assert (result["changed"], result["people"][1]["ended"], result["left"]) == (True, [7, 8], 0)


def test_sessions_that_keep_coming_are_a_failure(sql: SqlScript) -> None:
    for _look in range(2):
        expect_revocation(sql, NEW)
        sql.expect(LIST, IDS)
        sql.commit()
    outcome = sql.run("console_sessions", {**PARAMS, "looks": 2, "pause": 0})
    assert (outcome.code, "identity provider" in outcome.result["msg"]) == ("access_keeps_appearing", True)


def test_a_quiet_person_is_looked_at_once(sql: SqlScript) -> None:
    expect_find(sql)
    sql.expect(LIST, IDS)
    sql.commit()
    assert sql.run("console_sessions", {**PARAMS, "looks": 5}).result["changed"] is False
