# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""console_memberships and console_sessions against the real tables (runbook 1a, 1b, 5)."""

from __future__ import annotations

import threading
import typing as t

import pytest

from tests.unit.conftest import ModuleRunner

from .conftest import OWNER, Server

SEED = """
INSERT INTO admins (id, email) VALUES (1, 'olivia@raxx.example'), (2, 'Jordan.Smith@raxx.example'),
    (3, 'priya@raxx.example'), (4, 'jordan.smithers@raxx.example'), (5, 'JORDAN.smith@raxx.example');
INSERT INTO rbac_groups (id, name) VALUES (1, 'superadmin'), (2, 'audit-reader'), (3, 'support');
INSERT INTO rbac_user_groups (user_id, group_id, granted_by)
    VALUES (1, 1, NULL), (2, 2, 1), (2, 3, 1), (3, 2, 1), (4, 2, 1), (5, 3, 1);
INSERT INTO admin_sessions (admin_id, user_agent, revoked_at) VALUES (2, 'Firefox', NULL), (2, 'curl', NULL),
    (2, 'old', '2020-01-01Z'), (3, 'Safari', NULL), (4, NULL, NULL);
"""
LEAVER = "jordan.smith@raxx.example"


@pytest.fixture(autouse=True)
def people(server: Server) -> None:
    server.admin(SEED)


def params(server: Server, **more: t.Any) -> dict[str, t.Any]:
    return {"database_url": server.url(), "emails": [LEAVER], "database_timeout": 5, **more}


def test_a_leaver_loses_every_group_and_nobody_else_does(server: Server, run_main: ModuleRunner) -> None:
    planned = run_main("console_memberships", params(server), check=True).result
    done = run_main("console_memberships", params(server)).result
    again = run_main("console_memberships", params(server)).result
    listings = [person.pop("listing") for person in done["people"]]
    assert {(listing["server"]["database"], listing["role"], listing["rows"]) for listing in listings} == {
        ("console", "owner", 0)
    }
    assert [person.pop("listing")["rows"] for person in planned["people"]] == [2, 1]
    assert (planned["changed"], done["changed"], again["changed"]) == (True, True, False)
    assert planned["people"] == done["people"]
    assert [(person["email"], person["removed"]) for person in done["people"]] == [
        ("Jordan.Smith@raxx.example", ["audit-reader", "support"]),
        ("JORDAN.smith@raxx.example", ["support"]),
    ]
    assert server.admin("SELECT user_id, group_id FROM rbac_user_groups ORDER BY 1") == [(1, 1), (3, 2), (4, 2)]
    assert len(server.admin("SELECT * FROM admins")) == 5


def test_a_leaver_loses_every_session_and_nobody_else_does(server: Server, run_main: ModuleRunner) -> None:
    before = server.admin("SELECT * FROM admin_sessions WHERE admin_id <> 2 OR revoked_at IS NOT NULL ORDER BY id")
    run_main("console_sessions", params(server), check=True)
    assert len(server.admin("SELECT 1 FROM admin_sessions WHERE admin_id = 2 AND revoked_at IS NULL")) == 2
    done = run_main("console_sessions", params(server)).result
    again = run_main("console_sessions", params(server)).result
    assert (done["changed"], done["left"], again["changed"]) == (True, 0, False)
    assert [len(person["ended"]) for person in done["people"]] == [2, 0]
    assert server.admin("SELECT count(*) FROM admin_sessions WHERE admin_id = 2 AND revoked_at IS NULL") == [(0,)]
    after = server.admin("SELECT * FROM admin_sessions WHERE admin_id <> 2 OR user_agent = 'old' ORDER BY id")
    assert before == after


def test_an_unknown_person_leaves_the_known_one_alone(server: Server, run_main: ModuleRunner) -> None:
    emails = [LEAVER, "jordan.smiht@raxx.example"]
    outcome = run_main("console_memberships", params(server, emails=emails))
    assert outcome.code == "unknown_person"
    assert "Jordan.Smith@raxx.example" in str(outcome.result["failure"]["details"]["near_matches"])
    assert len(server.admin("SELECT 1 FROM rbac_user_groups")) == 6
    assert run_main("console_memberships", params(server, emails=emails, missing_ok=True)).result["missing"] == [emails[1]]
    assert len(server.admin("SELECT 1 FROM rbac_user_groups")) == 3


@pytest.mark.parametrize("key", ["uuid", "text"])
def test_ids_may_be_of_another_type(server: Server, run_main: ModuleRunner, key: str) -> None:
    """The runbook names the columns, not their types."""
    server.admin(
        f"DROP OWNED BY {OWNER} CASCADE; SET ROLE {OWNER};"
        f"CREATE TABLE admins (id {key} PRIMARY KEY DEFAULT gen_random_uuid(), email text);"
        f"CREATE TABLE rbac_groups (id {key} PRIMARY KEY DEFAULT gen_random_uuid(), name text);"
        f"CREATE TABLE rbac_user_groups (user_id {key}, group_id {key}, granted_at timestamp, granted_by text);"
        f"CREATE TABLE admin_sessions (id {key} DEFAULT gen_random_uuid(), admin_id {key}, started_at timestamp,"
        " last_seen_at timestamp, user_agent text, revoked_at timestamp);"
        f"INSERT INTO admins (email) VALUES ('{LEAVER}'); INSERT INTO rbac_groups (name) VALUES ('support');"
        "INSERT INTO rbac_user_groups SELECT admins.id, rbac_groups.id, '2026-01-01', 'olivia' FROM admins, rbac_groups;"
        "INSERT INTO admin_sessions (admin_id, started_at) SELECT id, '2026-01-01' FROM admins;"
    )
    memberships = run_main("console_memberships", params(server)).result
    sessions = run_main("console_sessions", params(server, started_after="2025-01-01T00:00:00Z")).result
    assert memberships["people"][0]["removed"] == ["support"]
    assert memberships["people"][0]["memberships_before"][0]["granted_at"] == "2026-01-01T00:00:00.000000Z"
    assert (sessions["changed"], len(sessions["people"][0]["started_after"]), sessions["left"]) == (True, 1, 0)


def test_a_membership_that_is_being_granted_is_waited_for(server: Server, run_main: ModuleRunner) -> None:
    """The lock on the account makes the listing complete: a grant either is seen, or comes after the whole change."""
    link = server.connect(OWNER)
    link.autocommit = False
    with link.cursor() as cursor:
        cursor.execute("INSERT INTO rbac_user_groups (user_id, group_id) VALUES (2, 1)")
    timer = threading.Timer(0.4, link.commit)
    timer.start()
    result = run_main("console_memberships", params(server)).result
    timer.join()
    link.close()
    assert result["people"][0]["removed"] == ["audit-reader", "superadmin", "support"]
    assert server.admin("SELECT 1 FROM rbac_user_groups WHERE user_id = 2") == []


def test_a_grant_that_never_ends_is_a_conflict(server: Server, run_main: ModuleRunner) -> None:
    link = server.connect(OWNER)
    link.autocommit = False
    with link.cursor() as cursor:
        cursor.execute("INSERT INTO rbac_user_groups (user_id, group_id) VALUES (2, 1)")
    outcome = run_main("console_memberships", params(server, database_timeout=1))
    link.close()
    assert (outcome.code, outcome.result["failure"]["retryable"]) == ("conflict", True)
    assert len(server.admin("SELECT 1 FROM rbac_user_groups WHERE user_id = 2")) == 2


def test_missing_rights_and_tables_are_told_apart(server: Server, run_main: ModuleRunner) -> None:
    server.make_role("clerk")
    server.admin("GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk")
    clerk = params(server, database_url=server.url("clerk"))
    assert run_main("console_memberships", clerk, check=True).result["changed"] is True
    assert run_main("console_memberships", clerk).code == "forbidden"
    server.admin("DROP TABLE rbac_user_groups")
    assert run_main("console_memberships", params(server)).code == "database_schema"
