# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""console_memberships (runbook 1a): find, list, lock, delete, look again."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime
from hashlib import sha256

import psycopg2
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _console, _postgres
from ansible_collections.raxx.deprovision.plugins.module_utils._console import array, clean_text, near_matches

from .sql_script import URL, SqlScript, sql_error

PARAMS = {"database_url": URL, "emails": ["jordan.smith@raxx.example"]}
PERSON = (2, "Jordan.Smith@raxx.example")
GRANTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
READER, SUPPORT = (2, 3, "audit-reader", GRANTED, 1), (2, 4, "support", GRANTED, None)
IDS = {"ids": '{"2"}'}


def expect_people(sql: SqlScript, *people: tuple[t.Any, ...], emails: list[str] | None = None) -> None:
    sql.expect(_console.FIND_PEOPLE, {"emails": emails or PARAMS["emails"]}, people)


def expect_list(sql: SqlScript, *rows: tuple[t.Any, ...]) -> None:
    sql.expect(_console.MEMBERSHIPS.listing, IDS, rows)


def expect_removal(sql: SqlScript, *keys: tuple[t.Any, ...]) -> None:
    sql.expect("SELECT id FROM admins WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE", IDS, [(2,)])
    expect_list(sql, READER, SUPPORT)
    sql.expect("DELETE FROM rbac_user_groups WHERE user_id = ANY(%(ids)s) RETURNING user_id, group_id", IDS, keys)


def test_removes_every_membership_and_looks_again(sql: SqlScript) -> None:
    """I6: the second listing is a transaction of its own."""
    expect_people(sql, PERSON)
    expect_list(sql, READER, SUPPORT)
    expect_removal(sql, (2, 3), (2, 4))
    sql.commit()
    expect_list(sql)
    sql.commit()
    result = sql.run("console_memberships", PARAMS).result
    assert result["changed"] is True
    listing = result["people"][0].pop("listing")
    assert result["people"] == [
        {
            "email": "Jordan.Smith@raxx.example",
            "id": 2,
            "memberships_before": [
                {"group": "audit-reader", "group_id": 3, "granted_at": "2026-01-02T03:04:05.000000Z", "granted_by": 1},
                {"group": "support", "group_id": 4, "granted_at": "2026-01-02T03:04:05.000000Z", "granted_by": None},
            ],
            "removed": ["audit-reader", "support"],
        }
    ]
    assert result["diff"] == {"before": {PERSON[1]: ["audit-reader", "support"]}, "after": {PERSON[1]: []}}
    assert (listing["rows"], listing["sha256"]) == (0, sha256(b"[]").hexdigest())


def test_a_listing_shows_how_it_was_made(sql: SqlScript) -> None:
    """The rows that a check run or the prerequisites list are those of the digest."""
    expect_people(sql, PERSON)
    expect_list(sql, READER, SUPPORT)
    sql.commit()
    person = sql.run("console_memberships", PARAMS, check=True).result["people"][0]
    listing, rows = person["listing"], person["memberships_before"]
    canonical = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert (listing["rows"], listing["sha256"]) == (2, sha256(canonical).hexdigest())
    assert (listing["query"], listing["parameters"], listing["account"]) == (_console.MEMBERSHIPS.listing, IDS, 2)
    assert listing["server"] == {"database": "console", "address": "10.0.0.7", "port": 5432, "version": "16.4"}
    assert (listing["role"], listing["server_time"]) == ("owner", "2026-05-19T10:00:00.000000Z")
    assert listing["local_time"].endswith("Z")


def test_a_listing_tells_of_its_own_account_alone(sql: SqlScript) -> None:
    """All are asked for at once; the evidence of one person must not grow with the others, nor tell who they are."""
    other = (5, "bob@raxx.example")
    emails = [*PARAMS["emails"], other[1]]
    expect_people(sql, PERSON, other, emails=emails)
    sql.expect(_console.MEMBERSHIPS.listing, {"ids": '{"2","5"}'}, [READER])
    sql.commit()
    people = sql.run("console_memberships", {**PARAMS, "emails": emails}, check=True).result["people"]
    found = [(person["listing"]["parameters"], person["listing"]["rows"]) for person in people]
    assert found == [({"ids": '{"2"}'}, 1), ({"ids": '{"5"}'}, 0)]


def test_a_second_run_writes_nothing(sql: SqlScript) -> None:
    """I13."""
    expect_people(sql, PERSON)
    expect_list(sql)
    sql.commit()
    result = sql.run("console_memberships", PARAMS).result
    assert (result["changed"], result["people"][0]["removed"]) == (False, [])


def test_check_mode_reads_only(sql: SqlScript) -> None:
    """I11."""
    expect_people(sql, PERSON)
    expect_list(sql, READER)
    sql.commit()
    result = sql.run("console_memberships", PARAMS, check=True).result
    assert (result["changed"], result["people"][0]["removed"]) == (True, ["audit-reader"])


@pytest.mark.parametrize("check", [False, True])
def test_an_unknown_person_stops_before_any_change(sql: SqlScript, check: bool) -> None:
    emails = ["jordan.smith@raxx.example", "jordan.smitth@raxx.example"]
    expect_people(sql, PERSON, emails=emails)
    sql.expect(_console.LIST_EMAILS, rows=[("bob@raxx.example",), (PERSON[1],), ("jordan.smithers@raxx.example",)])
    sql.rollback()
    outcome = sql.run("console_memberships", {**PARAMS, "emails": emails}, check=check)
    assert outcome.code == "unknown_person"
    assert outcome.result["failure"]["details"]["near_matches"] == {
        "jordan.smitth@raxx.example": ["Jordan.Smith@raxx.example", "jordan.smithers@raxx.example"]
    }


def test_a_missing_person_may_be_accepted(sql: SqlScript) -> None:
    expect_people(sql)
    sql.expect(_console.MEMBERSHIPS.listing, {"ids": "{}"})
    sql.commit()
    result = sql.run("console_memberships", {**PARAMS, "missing_ok": True}).result
    assert (result["changed"], result["missing"], result["people"]) == (False, PARAMS["emails"], [])


def test_a_membership_that_is_back_is_not_success(sql: SqlScript) -> None:
    expect_people(sql, PERSON)
    expect_list(sql, READER, SUPPORT)
    expect_removal(sql, (2, 3), (2, 4))
    sql.commit()
    expect_list(sql, SUPPORT)
    sql.commit()
    outcome = sql.run("console_memberships", PARAMS)
    details = outcome.result["failure"]["details"]
    assert (outcome.code, outcome.result["failure"]["retryable"]) == ("not_effective", True)
    assert [details["left"][0]["group"], *details["people"][0]["removed"]] == ["support", "audit-reader", "support"]


def test_another_run_that_was_faster_is_not_our_change(sql: SqlScript) -> None:
    expect_people(sql, PERSON)
    expect_list(sql, READER, SUPPORT)
    sql.expect(_console.LOCK_PEOPLE, IDS, [(2,)])
    expect_list(sql)
    sql.expect(_console.MEMBERSHIPS.removal, IDS)
    sql.commit()
    assert sql.run("console_memberships", PARAMS).result["changed"] is False


def test_no_address_is_refused_before_any_connection(sql: SqlScript) -> None:
    assert sql.run("console_memberships", {**PARAMS, "emails": [" "]}).code == "invalid_input"


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("42501", "forbidden"),
        ("42P01", "database_schema"),
        ("42703", "database_schema"),
        ("55P03", "conflict"),
        ("40P01", "conflict"),
        ("57014", "conflict"),
        ("25006", "conflict"),
        ("57P01", "unreachable"),
        (None, "unreachable"),
    ],
)
@pytest.mark.parametrize("place", ["find", "lock", "delete"])
def test_an_error_of_a_statement_rolls_back(sql: SqlScript, place: str, sqlstate: str | None, code: str) -> None:
    error = sql_error(sqlstate)
    if place == "find":
        sql.expect(_console.FIND_PEOPLE, {"emails": PARAMS["emails"]}, error=error)
    else:
        expect_people(sql, PERSON)
        expect_list(sql, READER)
        if place == "lock":
            sql.expect(_console.LOCK_PEOPLE, IDS, error=error)
        else:
            sql.expect(_console.LOCK_PEOPLE, IDS, [(2,)])
            expect_list(sql, READER)
            sql.expect(_console.MEMBERSHIPS.removal, IDS, error=error)
    sql.rollback()
    outcome = sql.run("console_memberships", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == (code, False)
    assert "may quote data" not in outcome.text


def test_a_commit_without_an_answer_is_reported_as_unknown(sql: SqlScript) -> None:
    """I4: and the next run observes first."""
    expect_people(sql, PERSON)
    expect_list(sql, READER)
    expect_removal(sql, (2, 3))
    sql.commit(error=sql_error(None))
    sql.rollback()
    outcome = sql.run("console_memberships", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (_postgres.ProbeResult("refused", "28P01"), "unauthorized"),
        (_postgres.ProbeResult("refused", "28000"), "unauthorized"),
        (_postgres.ProbeResult("refused", "3D000"), "not_found"),
        (_postgres.ProbeResult("refused", "42501"), "forbidden"),
        (_postgres.ProbeResult("refused", "53300"), "unreachable"),
        (_postgres.ProbeResult("refused", "57P03"), "unreachable"),
        (_postgres.ProbeResult("inconclusive", reason="TimeoutError"), "unreachable"),
        (_postgres.ProbeResult("logs_in"), "unreachable"),
    ],
)
def test_a_failed_connection_is_told_by_its_sqlstate(
    sql: SqlScript, monkeypatch: pytest.MonkeyPatch, probe: _postgres.ProbeResult, code: str
) -> None:
    def refuse(*_arguments: t.Any, **_parameters: t.Any) -> None:
        raise psycopg2.OperationalError(f"connection to {URL} failed")

    monkeypatch.setattr(psycopg2, "connect", refuse)
    monkeypatch.setattr(_postgres, "probe", lambda *_a, **_k: probe)
    outcome = sql.run("console_memberships", PARAMS)
    assert outcome.code == code
    assert "the-0wners-password" not in outcome.text


def test_near_matches_keep_the_spelling_and_may_be_none() -> None:
    known = ["Ann@raxx.example", "zed@elsewhere.test"]
    assert near_matches(["anne@raxx.example", "q@q"], known) == {"anne@raxx.example": ["Ann@raxx.example"], "q@q": []}


def test_text_from_outside_is_made_harmless() -> None:
    assert clean_text("a\x1b[31mb\n\u202ec" + "x" * 300) == ("a\ufffd[31mb\ufffd\ufffdc" + "x" * 300)[:200]
    assert clean_text(None) is None


def test_an_array_is_quoted() -> None:
    assert array([1, 'a"b', "c\\d"]) == '{"1","a\\"b","c\\\\d"}'
