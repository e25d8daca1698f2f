# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Data API and the rotation behind it, seen from the API and from PostgreSQL."""

from __future__ import annotations

import base64
import re
from typing import Any

import psycopg2
import pytest

from tests.sandbox.heroku.conftest import ADDON, APP, TOKEN, Stand
from tests.sandbox.heroku.waiting import eventually

CREDENTIALS = f"/postgres/v0/databases/{ADDON}/credentials"
BRIDGE = "raptor_app-rotating"


def users(stand: Stand, name: str = "raptor_app") -> dict[str, Any]:
    return {user["user"]: user for user in stand.credential(name)["credentials"]}


def states(stand: Stand, name: str = "raptor_app") -> dict[str, str]:
    return {user["user"]: user["state"] for user in stand.credential(name)["credentials"]}


def wait_active(stand: Stand, name: str = "raptor_app") -> str:
    """The password once the rotation is over."""
    eventually(lambda: stand.credential(name)["state"] == "active")
    [user] = stand.credential(name)["credentials"]
    assert user["state"] == "active"
    return str(user["password"])


def test_credentials(stand: Stand) -> None:
    listed = stand.get(CREDENTIALS)
    assert [store["name"] for store in listed] == ["default", "raptor_app", "audit_archiver"]
    store = stand.credential("raptor_app")
    assert store == listed[1]
    assert (store["state"], store["database"], store["host"]) == ("active", "raptor", "127.0.0.1")
    assert re.fullmatch(r"p[0-9a-f]{64}", store["credentials"][0]["password"])
    assert stand.credential("default")["credentials"][0]["user"] == "owner_user"


@pytest.mark.parametrize("kind", ["Bearer", "Basic"])
def test_both_ways_to_authenticate(stand: Stand, kind: str) -> None:
    token = TOKEN if kind == "Bearer" else base64.b64encode(f"x:{TOKEN}".encode()).decode()
    answer = stand.call("GET", CREDENTIALS, Authorization=f"{kind} {token}")
    assert answer.status_code == 200
    assert "RateLimit-Remaining" not in answer.headers
    assert stand.call("GET", CREDENTIALS, Authorization=f"{kind} eDp5").status_code == 401


def test_unknown_database_and_credential(stand: Stand) -> None:
    answer = stand.call("GET", "/postgres/v0/databases/nothing/credentials")
    assert (answer.status_code, answer.text) == (404, "<h1>Not Found</h1>")
    assert answer.headers["Content-Type"] == "application/json"
    assert stand.call("GET", CREDENTIALS + "/nobody").json()["id"] == "not_found"


def test_info_and_wait_status(stand: Stand) -> None:
    info = stand.get(f"/client/v11/databases/{ADDON}")
    assert (info["database_user"], info["waiting?"]) == ("owner_user", False)
    assert stand.get(f"/client/v11/databases/{ADDON}/wait_status")["waiting?"] is False


def test_rotation_passes_through_all_phases(stand: Stand) -> None:
    old = stand.password("raptor_app")
    session = stand.connect("raptor_app")
    before = stand.config()
    assert stand.rotate("raptor_app").json() == {"message": f"Rotating credentials on {ADDON}"}

    store = stand.credential("raptor_app")
    assert store["state"] == "rotating"
    assert [(user["user"], user["state"]) for user in store["credentials"]] == [
        ("raptor_app", "active"),
        (BRIDGE, "enabling"),
    ]
    assert store["credentials"][0]["password"] == old
    assert "connections" not in store["credentials"][0]

    eventually(lambda: states(stand) == {"raptor_app": "revoking", BRIDGE: "active"})
    now = users(stand)
    assert (now["raptor_app"]["connections"], now[BRIDGE]["connections"]) == (1, 0)
    assert not stand.logs_in("raptor_app", old)
    bridge = stand.connect(BRIDGE, now[BRIDGE]["password"])
    with bridge, bridge.cursor() as cursor:
        cursor.execute("INSERT INTO audit_events (actor, action) VALUES ('x', 'y') RETURNING id")
        cursor.execute("CREATE TEMPORARY TABLE mine ()")
    with session.cursor() as cursor:
        cursor.execute("SELECT 1")
    session.close()

    eventually(lambda: states(stand) == {"raptor_app": "active", BRIDGE: "revoking"})
    fresh = users(stand)["raptor_app"]["password"]
    assert fresh != old
    assert stand.logs_in("raptor_app", fresh)
    bridge.close()

    assert wait_active(stand) == fresh
    assert not stand.logs_in(BRIDGE, now[BRIDGE]["password"])
    # The config var is a copy made by hand: nobody rewrites it.
    assert stand.config() == before
    assert {old, fresh, now[BRIDGE]["password"]} <= stand.heroku.secrets()


def test_an_attached_variable_follows_each_hop(stand: Stand) -> None:
    first = stand.releases()[-1]["version"]
    variable = "AUDIT_ARCHIVER_DB_URL"
    old = stand.config()[variable]
    assert "422" in str(stand.call("PATCH", f"/apps/{APP}/config-vars", {variable: "x"}).status_code)
    stand.rotate("audit_archiver")
    assert stand.config()[variable] == old
    eventually(lambda: "audit_archiver-rotating" in stand.config()[variable])
    fresh = wait_active(stand, "audit_archiver")
    assert stand.config()[variable] == stand.postgres.url("audit_archiver", fresh, "raptor")
    made = [release for release in stand.releases() if release["version"] > first]
    assert [release["description"] for release in made] == ["Update AUDIT_ARCHIVER_DB by heroku-postgresql"] * 2
    assert {release["user"]["email"] for release in made} == {"heroku-postgresql@addons.heroku.com"}


def test_connections_are_reset_after_the_drain_time(seed: dict[str, Any], stand_in: Any) -> None:
    seed["heroku"]["timings"]["drain_seconds"] = 0.4
    with stand_in(seed) as stand:
        session = stand.connect("raptor_app")
        stand.rotate("raptor_app")
        wait_active(stand)
        with session.cursor() as cursor, pytest.raises(psycopg2.OperationalError):
            cursor.execute("SELECT 1")


@pytest.mark.parametrize("begun", [False, True], ids=["from the start", "while draining"])
def test_forced_rotation_ends_sessions_at_once(stand: Stand, begun: bool) -> None:
    session = stand.connect("raptor_app")
    if begun:
        stand.rotate("raptor_app")
        eventually(lambda: states(stand) == {"raptor_app": "revoking", BRIDGE: "active"})
    assert stand.rotate("raptor_app", {"forced": True}).status_code == 200
    fresh = wait_active(stand)
    with session.cursor() as cursor, pytest.raises(psycopg2.OperationalError):
        cursor.execute("SELECT 1")
    assert stand.logs_in("raptor_app", fresh)
    assert not stand.logs_in("raptor_app")


def test_the_default_credential_has_no_bridge(stand: Stand) -> None:
    session = stand.connect("owner_user")
    stand.rotate("default")
    assert len(stand.credential("default")["credentials"]) == 1
    fresh = wait_active(stand, "default")
    assert fresh in stand.config()["DATABASE_URL"]
    assert not stand.logs_in("owner_user")
    with session.cursor() as cursor, pytest.raises(psycopg2.OperationalError):
        cursor.execute("SELECT 1")


def test_all_credentials_at_once(stand: Stand) -> None:
    stand.call("POST", f"/postgres/v0/databases/{ADDON}/credentials_rotation", {})
    for name in ("default", "raptor_app", "audit_archiver"):
        assert stand.logs_in("owner_user" if name == "default" else name, wait_active(stand, name))
        assert not stand.logs_in("owner_user" if name == "default" else name)


@pytest.mark.parametrize(("choice", "status"), [("refuse", 422), ("accept", 200)])
def test_second_rotation_while_rotating(seed: dict[str, Any], stand_in: Any, choice: str, status: int) -> None:
    seed["heroku"]["rotate_while_rotating"] = choice
    with stand_in(seed) as stand:
        stand.rotate("raptor_app")
        answer = stand.rotate("raptor_app")
        assert answer.status_code == status
        fresh = wait_active(stand)
        assert stand.logs_in("raptor_app", fresh)
        stand.rotate("raptor_app")
        assert wait_active(stand) != fresh


@pytest.mark.parametrize("phase", ["A", "B", "C"])
def test_when_the_old_login_ends(seed: dict[str, Any], stand_in: Any, phase: str) -> None:
    seed["heroku"]["old_login_valid_until"] = phase
    seed["heroku"]["timings"] |= {"enable_delay": 0.5, "settle_delay": 0.5}
    with stand_in(seed) as stand:
        stand.rotate("raptor_app")
        if phase == "A":
            eventually(lambda: not stand.logs_in("raptor_app"))
        assert states(stand) == {"raptor_app": "active", BRIDGE: "enabling"}
        assert stand.logs_in("raptor_app") == (phase > "A")
        eventually(lambda: states(stand) == {"raptor_app": "revoking", BRIDGE: "active"})
        assert stand.logs_in("raptor_app") == (phase > "B")
        eventually(lambda: states(stand) == {"raptor_app": "active", BRIDGE: "revoking"})
        assert not stand.logs_in("raptor_app")
        assert stand.logs_in("raptor_app", wait_active(stand))
