# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_credential_proof against a real server: the SQLSTATEs, the sessions, and a log-in that is half done (practice 4)."""

from __future__ import annotations

import threading
import time
import typing as t
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _login_proof

from tests.slow_login import HalfDoneLogin
from tests.unit.conftest import ModuleRunner

from .conftest import AUTHENTICATION_TIMEOUT, OWNER, Server


@pytest.fixture(autouse=True)
def role(server: Server) -> None:
    server.make_role("rose")
    server.admin("GRANT SELECT, INSERT ON audit_archival_runs TO rose", database="raptor")


def params(server: Server, old: str | None = None, **more: t.Any) -> dict[str, t.Any]:
    return {
        "database_url": server.url(OWNER, "raptor"),
        "new_url": server.url("rose", "raptor"),
        **({"old_url": server.url("rose", "raptor", old)} if old else {}),
        "expected_user": "rose",
        "permitted_query": "SELECT count(*) FROM audit_archival_runs",
        "forbidden_query": "DELETE FROM audit_archival_runs WHERE false",
        "database_timeout": 5,
        "attempts": 2,
        "attempt_delay": 0.1,
        **more,
    }


def count(server: Server, what: str) -> int:
    return server.server.log_file.read_text(encoding="utf-8", errors="replace").count(what)


def alive(link: psycopg2.extensions.connection) -> bool:
    try:
        link.cursor().execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


def test_a_rotation_is_proved_from_end_to_end(server: Server, run_main: ModuleRunner) -> None:
    """C2: the new one is live, the old one is dead, and no session is older than the credential (I7)."""
    stale = server.connect("rose", "raptor")
    old = server.set_password("rose")
    live = run_main("pg_credential_proof", params(server, old, state="live")).result
    fresh = server.connect("rose", "raptor")
    refusals = count(server, "user=rose sql_error_code = 28P01 FATAL")
    planned = run_main("pg_credential_proof", params(server, old, older_than=live["server_time"]), check=True).result
    assert (planned["sessions_ended"], alive(stale)) == (1, True)
    assert count(server, "user=rose sql_error_code = 28P01 FATAL") == refusals

    done = run_main("pg_credential_proof", params(server, old, older_than=live["server_time"])).result
    assert (live["new_live"], done["new_live"], done["old_dead"], done["grade"]) == (True, True, True, "observed")
    assert (done["sessions_ended"], done["sessions_left"], alive(stale), alive(fresh)) == (1, 0, False, True)
    assert (done["old_sqlstate"], done["control_sqlstate"]) == ("28P01", "28P01")
    assert done["waited"] <= AUTHENTICATION_TIMEOUT + 1
    assert count(server, "user=rose sql_error_code = 28P01 FATAL") == refusals + done["refused_logins_by_user"]["rose"]

    again = run_main("pg_credential_proof", params(server, old, older_than=live["server_time"])).result
    assert (again["changed"], again["sessions_ended"]) == (False, 0)
    fresh.close()


def test_an_old_password_that_still_works_is_found_out(server: Server, run_main: ModuleRunner) -> None:
    outcome = run_main("pg_credential_proof", params(server, server.passwords["rose"]))
    assert outcome.code == "old_credential_alive"


@pytest.mark.parametrize("lock", ["NOLOGIN", "CONNECTION LIMIT 0"])
def test_a_locked_role_is_not_a_dead_password(server: Server, run_main: ModuleRunner, lock: str) -> None:
    """Practice 4.1: the refusal came after the password was accepted."""
    server.make_role("rose-was")
    server.admin(f'ALTER ROLE "rose-was" {lock}')
    old_url = server.url("rose-was", "raptor")
    outcome = run_main("pg_credential_proof", params(server, old_url=old_url))
    assert outcome.code == "old_credential_alive"


def test_a_dropped_role_is_dead_and_its_session_ends(server: Server, run_main: ModuleRunner) -> None:
    server.make_role("rose-was")
    ghost = server.connect("rose-was", "raptor")
    old_url = server.url("rose-was", "raptor")
    server.admin('DROP ROLE "rose-was"')
    result = run_main("pg_credential_proof", params(server, old_url=old_url, settle_logins=False)).result
    assert (result["old_dead"], result["sessions_ended"], alive(ghost)) == (True, 1, False)


def test_a_new_credential_with_other_rights_is_not_live(server: Server, run_main: ModuleRunner) -> None:
    server.admin("GRANT DELETE ON audit_archival_runs TO rose", database="raptor")
    assert run_main("pg_credential_proof", params(server, state="live")).code == "new_credential_not_live"
    server.admin("REVOKE DELETE, SELECT ON audit_archival_runs FROM rose", database="raptor")
    assert run_main("pg_credential_proof", params(server, state="live")).code == "grant_drift"


def test_a_new_credential_that_is_wrong_is_not_live(server: Server, run_main: ModuleRunner) -> None:
    outcome = run_main("pg_credential_proof", params(server, "an-old-one", new_url=server.url("rose", "raptor", "not-it")))
    assert outcome.code == "new_credential_not_live"
    assert outcome.result["failure"]["details"]["refused_logins_by_user"] == {"rose": 3}


@pytest.fixture
def trusting(server: Server) -> t.Iterator[None]:
    """A server that lets this role in without a password."""
    file = Path(server.admin("SHOW hba_file")[0][0])
    before = file.read_text(encoding="ascii")
    file.write_text("host all rose 127.0.0.1/32 trust\n" + before, encoding="ascii")
    server.admin("SELECT pg_reload_conf()")
    time.sleep(0.2)
    yield
    file.write_text(before, encoding="ascii")
    server.admin("SELECT pg_reload_conf()")
    time.sleep(0.2)


@pytest.mark.usefixtures("trusting")
def test_a_path_that_does_not_check_passwords_voids_every_result(server: Server, run_main: ModuleRunner) -> None:
    assert run_main("pg_credential_proof", params(server, "anything")).code == "path_does_not_check_passwords"


def test_a_full_server_says_nothing_of_a_password(server: Server, run_main: ModuleRunner) -> None:
    """Wrong passwords are refused even then, but whether the new one works cannot be told."""
    old = server.set_password("rose")
    server.make_role("crowd")
    crowd: list[psycopg2.extensions.connection] = []

    def fill() -> None:
        while True:
            crowd.append(server.connect("crowd"))

    with pytest.raises(psycopg2.OperationalError):
        fill()
    crowd.pop().close()  # one place, for the observer
    time.sleep(0.2)
    outcome = run_main("pg_credential_proof", params(server, old))
    for link in crowd:
        link.close()
    assert outcome.code == "proof_inconclusive"
    assert outcome.result["failure"]["details"]["new_sqlstate"] == "53300"


def test_a_role_that_cannot_see_proves_nothing(server: Server, run_main: ModuleRunner) -> None:
    server.make_role("blind")
    stale = server.connect("rose", "raptor")
    outcome = run_main(
        "pg_credential_proof", params(server, server.set_password("rose"), database_url=server.url("blind", "raptor"))
    )
    assert (outcome.code, alive(stale)) == ("observer_blind", True)
    stale.close()


def test_a_login_that_was_half_done_at_the_rotation_ends_too(
    server: Server, run_main: ModuleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Practice 4.3 step 3: it finishes with the old password, after the first sweep; the second one catches it."""
    late = HalfDoneLogin(server.url("rose", "raptor"), delay=1.2)
    late.start()
    assert late.begun.wait(5)
    old = server.set_password("rose")
    noted = run_main("pg_credential_proof", params(server, old, state="live")).result["server_time"]

    quick = run_main("pg_credential_proof", params(server, old, older_than=noted, settle_logins=False)).result
    assert (quick["old_dead"], quick["sessions_ended"], late.is_alive()) == (True, 0, True)

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(_login_proof, "sleep", sleep)
    done = run_main("pg_credential_proof", params(server, old, older_than=noted)).result
    late.join(5)
    assert late.link is not None, "the late log-in was to succeed, or the test shows nothing"
    assert (done["sessions_ended"], done["sessions_left"], len(slept)) == (1, 0, 1)
    assert not late.answers()


def test_a_reconnecting_client_never_gets_back_in(server: Server, run_main: ModuleRunner) -> None:
    """Practice 4.2: rotated first, ended second, so a client that reconnects at once is refused."""
    stop, refused = threading.Event(), threading.Event()
    url = server.url("rose", "raptor")
    ready = threading.Event()

    def keep_connected() -> None:
        while not stop.is_set():
            try:
                link = psycopg2.connect(url, sslmode="require")
                ready.set()
                while not stop.is_set() and alive(link):
                    time.sleep(0.01)
                link.close()
            except psycopg2.OperationalError:
                refused.set()
                time.sleep(0.02)

    clients = [threading.Thread(target=keep_connected) for __ in range(4)]
    for client in clients:
        client.start()
    assert ready.wait(5)
    time.sleep(0.3)
    old = server.set_password("rose")
    try:
        done = run_main("pg_credential_proof", params(server, old)).result
        left = server.admin("SELECT count(*) FROM pg_stat_activity WHERE usename = 'rose'")
    finally:
        stop.set()
        for client in clients:
            client.join(5)
    assert (done["sessions_ended"], left, refused.is_set()) == (4, [(0,)], True)
