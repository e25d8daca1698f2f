# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The seed: merging, ages, made-up secrets, and the databases that it fills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sandbox import seed as seeds
from sandbox.postgres import Postgres
from sandbox.tls import CertificateAuthority


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Postgres]]:
    state = tmp_path_factory.mktemp("state")
    overlay = state / "seed.yml"
    overlay.write_text("raptor: {audit_run_types: [scheduled, manual, manual_deprovisioning]}", encoding="utf-8")
    seed = seeds.load(overlay)
    postgres = Postgres(state, CertificateAuthority(state / "tls"))
    postgres.start()
    seeds.populate(seed, postgres)
    yield seed, postgres
    postgres.stop()


def login(world: tuple[dict[str, Any], Postgres], database: str, name: str) -> Any:
    seed, postgres = world
    addon = next(addon for addon in seed["heroku"]["addons"] if addon["database"] == database)
    credential = next(item for item in addon["credentials"] if item["name"] == name)
    return psycopg2.connect(postgres.url(credential["user"], credential["password"], database), sslmode="require")


def test_ages() -> None:
    now = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
    assert seeds.ago("3d", now) == datetime(2026, 1, 7, 12, 0, tzinfo=UTC)
    with pytest.raises(ValueError, match="not an age"):
        seeds.ago("yesterday")


def test_a_merge_keeps_what_the_overlay_does_not_name() -> None:
    assert seeds.merge({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}}


def test_two_sandboxes_share_no_secret() -> None:
    one, two = (seeds.load() for __ in range(2))
    for place in (("heroku", "token"), ("infisical", "client_secret"), ("freescout", "api_key"), ("aws", "secret_access_key")):
        assert one[place[0]][place[1]] != two[place[0]][place[1]]
    password = one["heroku"]["addons"][1]["credentials"][1]["password"]
    assert len(password) == 65
    assert password != two["heroku"]["addons"][1]["credentials"][1]["password"]


def test_console_is_filled_and_belongs_to_an_owner_without_power_over_roles(world: tuple[dict[str, Any], Postgres]) -> None:
    link = login(world, "console", "default")
    link.autocommit = True
    with link.cursor() as db:
        db.execute(
            "SELECT count(*) FILTER (WHERE revoked_at IS NULL), count(*) FROM admin_sessions"
            " JOIN admins ON admins.id = admin_id WHERE email = 'Jordan.Smith@raxx.example'"
        )
        assert db.fetchone() == (4, 5)
        db.execute(
            "SELECT name FROM rbac_user_groups JOIN rbac_groups ON rbac_groups.id = group_id"
            " JOIN admins ON admins.id = user_id WHERE email = 'Jordan.Smith@raxx.example' ORDER BY 1"
        )
        assert [row[0] for row in db.fetchall()] == ["audit-export", "audit-reader", "support"]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            db.execute("ALTER ROLE raptor_app PASSWORD 'x'")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            db.execute("CREATE ROLE x")
    link.close()


def test_the_owner_of_raptor_may_see_and_end_sessions_of_its_credentials(world: tuple[dict[str, Any], Postgres]) -> None:
    owner, victim = login(world, "raptor", "default"), login(world, "raptor", "audit_archiver")
    with victim.cursor() as db:
        db.execute("SELECT 'busy'")
    with owner.cursor() as db:
        db.execute("SELECT query, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'audit_archiver'")
        assert db.fetchall() == [("SELECT 'busy'", True)]
    owner.close()
    victim.close()


@pytest.mark.parametrize(
    ("name", "statement", "allowed"),
    [
        ("raptor_app", "INSERT INTO audit_archival_runs (run_type, operator_email) VALUES ('manual', 'x@raxx.example')", True),
        ("raptor_app", "DELETE FROM audit_archival_runs WHERE false", False),
        ("raptor_app", "UPDATE audit_events SET actor = 'x' WHERE false", False),
        ("audit_archiver", "SELECT count(*) FROM audit_events", True),
        ("audit_archiver", "DELETE FROM audit_events WHERE false", False),
        ("audit_archiver", "SELECT count(*) FROM audit_archival_runs", False),
    ],
)
def test_grants(world: tuple[dict[str, Any], Postgres], name: str, statement: str, allowed: bool) -> None:
    link = login(world, "raptor", name)
    with link.cursor() as db:
        if allowed:
            db.execute(statement)
        else:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                db.execute(statement)
    link.close()


def test_a_credential_of_raptor_may_not_enter_console(world: tuple[dict[str, Any], Postgres]) -> None:
    seed, postgres = world
    url = seeds.credential_urls(seed, postgres)["raptor_app"].removesuffix("/raptor") + "/console"
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(url, sslmode="require")


def test_the_overlay_can_leave_a_run_type_out(world: tuple[dict[str, Any], Postgres]) -> None:
    link = login(world, "raptor", "default")
    with link.cursor() as db, pytest.raises(psycopg2.errors.CheckViolation):
        db.execute("INSERT INTO audit_archival_runs (run_type, operator_email) VALUES ('deprovisioning', 'x@raxx.example')")
    link.close()


def test_a_value_can_stand_for_a_connection_url(tmp_path: Path) -> None:
    assert seeds.plain_value({"credential": "raptor_app"}, {"raptor_app": "postgres://x"}) == "postgres://x"
    assert seeds.plain_value("plain", {}) == "plain"
