# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""audit_archival_run against the real table in its known and its awkward shapes (runbook step 6, E3, I8)."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _audit_run
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import session

from tests.unit.conftest import ModuleRunner

from .conftest import OWNER, Server

EVENT = "DEPROV-2026-05-19-jsmith"


ROW = {
    "event": EVENT,
    "email": "J.Smith@raxx.example",
    "operator_email": "olivia@raxx.example",
    "ticket_id": "4711",
    "notes": "It's 100% done; steps 1a to 5.\nWindow 10:00 to 10:31.",
}


def params(server: Server, *rows: dict[str, t.Any], role: str = OWNER) -> dict[str, t.Any]:
    """C(rows) tell how each row differs from C(ROW)."""
    return {
        "database_url": server.url(role, "raptor"),
        "rows": [{**ROW, **row} for row in rows or ({},)],
        "database_timeout": 5,
    }


def rows(server: Server) -> list[tuple[t.Any, ...]]:
    return server.admin(
        "SELECT run_type, freescout_ticket_id::text, notes FROM audit_archival_runs ORDER BY id", database="raptor"
    )


def change(server: Server, sql: str) -> None:
    server.admin(sql, database="raptor")


def test_one_row_however_often_it_is_asked_for(server: Server, run_main: ModuleRunner) -> None:
    planned = run_main("audit_archival_run", params(server), check=True).result
    assert (planned["changed"], rows(server)) == (True, [])
    first = run_main("audit_archival_run", params(server)).result
    again = run_main("audit_archival_run", params(server, {"notes": "other words", "email": "j.smith@RAXX.example"})).result
    assert (first["changed"], again["changed"], again["rows"][0]["row"]) == (True, False, first["rows"][0]["row"])
    assert rows(server) == [
        (
            "deprovisioning",
            "4711",
            f"It's 100% done; steps 1a to 5.\nWindow 10:00 to 10:31.\nevent={EVENT} person=j.smith@raxx.example",
        )
    ]
    assert run_main("audit_archival_run", params(server), check=True).result["changed"] is False


def test_another_person_event_or_ticket_has_a_row_of_its_own(server: Server, run_main: ModuleRunner) -> None:
    for more in (
        {},
        {"email": "j.smith@raxx.example.org"},
        {"email": "smith@raxx.example"},
        {"event": "E-2"},
        {"ticket_id": "47"},
    ):
        assert run_main("audit_archival_run", params(server, more)).result["changed"] is True
    assert len(rows(server)) == 5


def test_the_rows_of_many_people_take_as_many_statements_as_one(
    server: Server, run_main: ModuleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []

    class Counting(psycopg2.extensions.cursor):
        def execute(self, query: t.Any, vars: t.Any = None) -> None:  # noqa: A002  # the driver's name
            statements.append(str(query)[:40])
            super().execute(query, vars)

    connect = psycopg2.connect
    monkeypatch.setattr(psycopg2, "connect", lambda *args, **kw: connect(*args, **{**kw, "cursor_factory": Counting}))
    run_main("audit_archival_run", params(server, {"email": "first@raxx.example"}))
    for_one, statements = len(statements), []
    crowd = [{"email": f"person{number}@raxx.example", "ticket_id": str(number)} for number in range(300)]
    result = run_main("audit_archival_run", params(server, {"email": "first@raxx.example"}, *crowd)).result
    assert (len(statements), [row["inserted"] for row in result["rows"]]) == (for_one, [False] + [True] * 300)
    assert [row["row"]["freescout_ticket_id"] for row in result["rows"]] == ["4711", *(row["ticket_id"] for row in crowd)]
    assert len(rows(server)) == 301


def test_a_row_that_was_written_in_advance_is_not_ours(server: Server, run_main: ModuleRunner) -> None:
    """I8. The role of the app may insert, and the leaver may know its password: all of a row can be guessed but the anchor."""
    anchored = {"notes": "done; head sha256:ab12", "anchor": "head sha256:ab12"}
    forged = run_main("audit_archival_run", params(server, {"notes": "done; head sha256:none"})).result["rows"][0]["row"]
    mine = run_main("audit_archival_run", params(server, anchored)).result["rows"][0]
    assert (mine["inserted"], mine["row"]["notes"].startswith("done; head sha256:ab12")) == (True, True)
    assert forged != mine["row"]
    assert run_main("audit_archival_run", params(server, {**anchored, "notes": "other words"})).result["changed"] is False
    assert len(rows(server)) == 2


def test_a_row_of_the_future_is_not_ours(server: Server, run_main: ModuleRunner) -> None:
    run_main("audit_archival_run", params(server))
    change(server, "UPDATE audit_archival_runs SET completed_at = now() + interval '1 hour'")
    assert run_main("audit_archival_run", params(server)).result["changed"] is True


def test_columns_of_any_further_name_disturb_nothing(server: Server, run_main: ModuleRunner) -> None:
    change(
        server,
        "ALTER TABLE audit_archival_runs ADD ticket text, ADD operator text, ADD since text, ADD number int, ADD anchor text",
    )
    assert run_main("audit_archival_run", params(server)).result["changed"] is True
    assert run_main("audit_archival_run", params(server)).result["changed"] is False


def test_one_row_twice_is_refused(server: Server, run_main: ModuleRunner) -> None:
    assert run_main("audit_archival_run", params(server, {}, {"notes": "other words"})).code == "invalid_input"
    assert rows(server) == []


def test_runs_at_the_same_time_give_one_row(server: Server) -> None:
    wanted = _audit_run.Wanted(EVENT, "a@raxx.example", "o@raxx.example", "1", "notes", "deprovisioning", "manual")

    def once(_number: int) -> bool:
        with session(server.url(OWNER, "raptor"), 10) as connection:
            return len(_audit_run.record(connection, [wanted])[1]) == 1

    with ThreadPoolExecutor(8) as pool:
        inserted = list(pool.map(once, range(8)))
    assert (inserted.count(True), len(rows(server))) == (1, 1)


OLD_CHECK = (
    "ALTER TABLE audit_archival_runs DROP CONSTRAINT run_types,"
    " ADD CONSTRAINT run_types CHECK (run_type IN ('scheduled', 'manual_deprovisioning'))"
)
OLD_ENUM = (
    "ALTER TABLE audit_archival_runs DROP CONSTRAINT run_types;"
    "CREATE TYPE run_kind AS ENUM ('scheduled', 'manual_deprovisioning');"
    "ALTER TABLE audit_archival_runs ALTER run_type TYPE run_kind USING run_type::run_kind"
)
OLD_LOOKUP = (
    "ALTER TABLE audit_archival_runs DROP CONSTRAINT run_types; CREATE TABLE run_kinds (name text PRIMARY KEY);"
    "INSERT INTO run_kinds VALUES ('manual_deprovisioning');"
    "ALTER TABLE audit_archival_runs ADD FOREIGN KEY (run_type) REFERENCES run_kinds"
)


@pytest.mark.parametrize("old", [OLD_CHECK, OLD_ENUM, OLD_LOOKUP], ids=["check", "enum", "lookup"])
def test_an_old_table_gets_the_other_run_type_with_a_note(server: Server, run_main: ModuleRunner, old: str) -> None:
    change(server, f"SET ROLE {OWNER}; {old}")
    first = run_main("audit_archival_run", params(server)).result
    again = run_main("audit_archival_run", params(server)).result
    (inserted,), (found,) = first["rows"], again["rows"]
    assert (inserted["run_type"], inserted["fallback_used"]) == ("manual_deprovisioning", True)
    assert (again["changed"], found["fallback_used"]) == (False, True)
    assert "Schema update pending" in inserted["row"]["notes"]
    assert len(rows(server)) == 1
    change(server, "DROP TYPE IF EXISTS run_kind CASCADE")


def test_a_row_under_the_other_run_type_counts_after_the_schema_update(server: Server, run_main: ModuleRunner) -> None:
    change(server, OLD_CHECK)
    run_main("audit_archival_run", params(server))
    change(server, "ALTER TABLE audit_archival_runs DROP CONSTRAINT run_types")
    assert run_main("audit_archival_run", params(server)).result["changed"] is False
    assert len(rows(server)) == 1


@pytest.mark.parametrize(
    ("awkward", "named"),
    [
        ("DROP TABLE audit_archival_runs", "audit_archival_runs"),
        ("ALTER TABLE audit_archival_runs RENAME operator_email TO operator", "operator_email"),
        ("ALTER TABLE audit_archival_runs ADD approved_by text NOT NULL", "approved_by"),
        ("ALTER TABLE audit_archival_runs ADD CONSTRAINT terse CHECK (length(notes) < 5)", "SQLSTATE 23514, terse"),
        ("ALTER TABLE audit_archival_runs ALTER notes TYPE varchar(9)", "22001"),
        (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER no BEFORE INSERT ON audit_archival_runs FOR EACH ROW EXECUTE FUNCTION no()",
            "did not keep it",
        ),
    ],
)
def test_a_table_of_another_shape_is_escalated(server: Server, run_main: ModuleRunner, awkward: str, named: str) -> None:
    """E3."""
    change(server, f"SET ROLE {OWNER}; {awkward}")
    outcome = run_main("audit_archival_run", params(server))
    assert (outcome.code, named in outcome.result["msg"]) == ("audit_schema", True)
    if not awkward.startswith("DROP"):
        assert server.admin("SELECT count(*) FROM audit_archival_runs", database="raptor") == [(0,)]


def test_the_column_that_is_missing_a_value_is_named(server: Server, run_main: ModuleRunner) -> None:
    change(
        server,
        "CREATE FUNCTION blank() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.operator_email := NULL; RETURN NEW; END';"
        "CREATE TRIGGER blank BEFORE INSERT ON audit_archival_runs FOR EACH ROW EXECUTE FUNCTION blank()",
    )
    outcome = run_main("audit_archival_run", params(server))
    change(server, "DROP FUNCTION blank CASCADE")
    assert (outcome.code, "SQLSTATE 23502, operator_email" in outcome.result["msg"]) == ("audit_schema", True)


def test_a_numeric_ticket_column_and_further_columns_are_fine(server: Server, run_main: ModuleRunner) -> None:
    for alteration in (
        "ALTER freescout_ticket_id TYPE bigint USING freescout_ticket_id::bigint",
        "ADD host text NOT NULL DEFAULT 'x'",
        "ADD twice bigint GENERATED ALWAYS AS (rows_archived * 2) STORED",
    ):
        change(server, f"ALTER TABLE audit_archival_runs {alteration}")
    assert run_main("audit_archival_run", params(server)).result["rows"][0]["row"]["freescout_ticket_id"] == "4711"
    assert run_main("audit_archival_run", params(server)).result["changed"] is False


def test_an_append_only_role_is_enough_and_a_reader_is_not(server: Server, run_main: ModuleRunner) -> None:
    """The module needs INSERT and SELECT, never UPDATE or DELETE."""
    server.make_role("writer")
    server.make_role("reader")
    change(server, "GRANT SELECT ON audit_archival_runs TO reader, writer; GRANT INSERT ON audit_archival_runs TO writer")
    change(server, "GRANT USAGE ON SEQUENCE audit_archival_runs_id_seq TO writer")
    reader = params(server, role="reader")
    assert run_main("audit_archival_run", reader, check=True).result["changed"] is True
    assert run_main("audit_archival_run", reader).code == "forbidden"
    assert run_main("audit_archival_run", params(server, role="writer")).result["changed"] is True
