# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""audit_archival_run (runbook step 6, I8): lock, search, insert, look again."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _audit_run
from ansible_collections.raxx.deprovision.plugins.module_utils._audit_run import Wanted

from .sql_script import URL, SqlScript, sql_error

PARAMS = {
    "database_url": URL,
    "rows": [
        {
            "event": "DEPROV-2026-05-19-jsmith",
            "email": "J.Smith@raxx.app",
            "operator_email": "operator@raxx.app",
            "ticket_id": "4711",
            "notes": "Steps 1a to 5 completed.\n",
        }
    ],
}
MARKER = "event=DEPROV-2026-05-19-jsmith person=j.smith@raxx.app"
NOTES = f"Steps 1a to 5 completed.\n{MARKER}"
PENDING = (
    "Schema update pending: the table does not know the run type deprovisioning yet, so manual_deprovisioning stands for it."
)
FALLBACK_NOTES = f"Steps 1a to 5 completed.\n{PENDING}\n{MARKER}"
DONE = datetime(2026, 5, 19, 10, 31, 12, tzinfo=UTC)
ROW = ("deprovisioning", "operator@raxx.app", "4711", NOTES, DONE)
FALLBACK_ROW = ("manual_deprovisioning", "operator@raxx.app", "4711", FALLBACK_NOTES, DONE)
COLUMNS = [(name, False) for name in ("id", "rows_archived", *_audit_run.COLUMNS)]
INSERT = (
    "INSERT INTO audit_archival_runs (run_type, operator_email, freescout_ticket_id, notes, completed_at)"
    " VALUES (%s, %s, %s, %s, now())"
    " RETURNING run_type::text, operator_email, freescout_ticket_id::text, notes, completed_at"
)


def lock(sql: SqlScript) -> None:
    sql.expect(_audit_run.LOCK, rows=[(None,)])


def search(sql: SqlScript, row: tuple[t.Any, ...] | None = None, columns: list[tuple[str, bool]] = COLUMNS) -> None:
    sql.expect(_audit_run.LIST_COLUMNS, rows=columns)
    which = {
        "tickets": ["4711"],
        "run_types": ["deprovisioning", "manual_deprovisioning"],
        "markers": [MARKER],
        "operators": ["operator@raxx.app"],
        "since": [None],
        "anchors": [None],
    }
    sql.expect(_audit_run.FIND, which, [(0, *row)] if row else [])


def insert(sql: SqlScript, run_type: str = "deprovisioning", notes: str = NOTES, **more: t.Any) -> None:
    sql.expect("SAVEPOINT before_insert")
    sql.expect(INSERT, [run_type, "operator@raxx.app", "4711", notes], **more)


def test_inserts_one_row_and_looks_again(sql: SqlScript) -> None:
    lock(sql)
    search(sql)
    insert(sql, rows=[ROW])
    sql.commit()
    search(sql, ROW)
    sql.commit()
    result = sql.run("audit_archival_run", PARAMS).result
    (row,) = result["rows"]
    assert (result["changed"], row["run_type"], row["fallback_used"]) == (True, "deprovisioning", False)
    assert row["row"] == {
        "run_type": "deprovisioning",
        "operator_email": "operator@raxx.app",
        "freescout_ticket_id": "4711",
        "notes": NOTES,
        "completed_at": "2026-05-19T10:31:12.000000Z",
    }
    assert (result["diff"]["before"], result["diff"]["after"]) == ([None], [row["row"]])


@pytest.mark.parametrize(("row", "fallback"), [(ROW, False), (FALLBACK_ROW, True)])
def test_a_row_that_is_there_stays_as_it_is(sql: SqlScript, row: tuple[t.Any, ...], fallback: bool) -> None:
    lock(sql)
    search(sql, row)
    sql.commit()
    result = sql.run("audit_archival_run", PARAMS).result
    (found,) = result["rows"]
    assert (result["changed"], found["fallback_used"], found["row"]["notes"]) == (False, fallback, row[3])


def test_check_mode_searches_without_a_lock(sql: SqlScript) -> None:
    """I11."""
    search(sql)
    sql.commit()
    result = sql.run("audit_archival_run", PARAMS, check=True).result
    assert (result["changed"], result["rows"][0]["row"], result["diff"]["after"][0]["notes"]) == (True, None, NOTES)


@pytest.mark.parametrize("sqlstate", ["23514", "22P02", "23503"])
def test_a_table_that_does_not_know_the_run_type_gets_the_other(sql: SqlScript, sqlstate: str) -> None:
    lock(sql)
    search(sql)
    insert(sql, error=sql_error(sqlstate))
    sql.expect("ROLLBACK TO SAVEPOINT before_insert")
    insert(sql, "manual_deprovisioning", FALLBACK_NOTES, rows=[FALLBACK_ROW])
    sql.commit()
    search(sql, FALLBACK_ROW)
    sql.commit()
    result = sql.run("audit_archival_run", PARAMS).result
    (row,) = result["rows"]
    assert (result["changed"], row["run_type"], row["fallback_used"]) == (True, "manual_deprovisioning", True)


def test_a_table_that_knows_neither_is_escalated(sql: SqlScript) -> None:
    """E3."""
    lock(sql)
    search(sql)
    insert(sql, error=sql_error("23514"))
    sql.expect("ROLLBACK TO SAVEPOINT before_insert")
    insert(sql, "manual_deprovisioning", FALLBACK_NOTES, error=sql_error("23514"))
    sql.expect("ROLLBACK TO SAVEPOINT before_insert")
    sql.rollback()
    assert sql.run("audit_archival_run", PARAMS).code == "audit_schema"


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ([], "no table audit_archival_runs"),
        ([column for column in COLUMNS if column[0] != "completed_at"], "no column completed_at"),
        ([*COLUMNS, ("approved_by", True)], "column approved_by"),
    ],
)
def test_a_table_of_another_shape_is_escalated_by_name(
    sql: SqlScript, columns: list[tuple[str, bool]], named: str, check: bool
) -> None:
    """E3, found in check mode as well."""
    if not check:
        lock(sql)
    sql.expect(_audit_run.LIST_COLUMNS, rows=columns)
    sql.rollback()
    outcome = sql.run("audit_archival_run", PARAMS, check=check)
    assert (outcome.code, named in outcome.result["msg"]) == ("audit_schema", True)


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("23502", "audit_schema"),
        ("42703", "audit_schema"),
        ("42P01", "audit_schema"),
        ("22001", "audit_schema"),
        ("42501", "forbidden"),
        ("57014", "conflict"),
        ("25006", "conflict"),
        (None, "unreachable"),
    ],
)
def test_a_refused_insert_leaves_nothing(sql: SqlScript, sqlstate: str | None, code: str) -> None:
    lock(sql)
    search(sql)
    insert(sql, error=sql_error(sqlstate))
    sql.rollback()
    outcome = sql.run("audit_archival_run", PARAMS)
    assert outcome.code == code
    assert "may quote data" not in outcome.text


def test_a_row_that_a_trigger_swallows_is_escalated(sql: SqlScript) -> None:
    lock(sql)
    search(sql)
    insert(sql)
    sql.rollback()
    assert sql.run("audit_archival_run", PARAMS).code == "audit_schema"


def test_a_row_that_is_not_found_again_is_not_success(sql: SqlScript) -> None:
    """I6."""
    lock(sql)
    search(sql)
    insert(sql, rows=[ROW])
    sql.commit()
    search(sql)
    sql.commit()
    assert sql.run("audit_archival_run", PARAMS).code == "write_not_confirmed"


def test_a_commit_without_an_answer_is_reported_as_unknown(sql: SqlScript) -> None:
    """I4: the next run searches before it inserts."""
    lock(sql)
    search(sql)
    insert(sql, rows=[ROW])
    sql.commit(error=sql_error(None))
    sql.rollback()
    outcome = sql.run("audit_archival_run", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


def test_a_lock_that_another_run_holds_is_a_conflict(sql: SqlScript) -> None:
    sql.expect(_audit_run.LOCK, error=sql_error("55P03"))
    sql.rollback()
    assert sql.run("audit_archival_run", PARAMS).code == "conflict"


def test_the_marker_is_written_once_and_on_a_line_of_its_own() -> None:
    wanted = Wanted("E-1", " A@b.c ", "o@b.c", "1", "one\r\nevent=E-1 person=a@b.c\r\ntwo\n", "x", "y")
    assert wanted.notes_for("x") == "one\nevent=E-1 person=a@b.c\ntwo"
