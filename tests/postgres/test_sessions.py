# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, transactions and probes of a real server (practice 4.1 to 4.3)."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from datetime import UTC, datetime

import psycopg2
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _postgres
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import (
    INCONCLUSIVE,
    LOGS_IN,
    REFUSED,
    end_sessions,
    list_sessions,
    observe,
    probe,
    session,
    transaction,
)

from .conftest import AUTHENTICATION_TIMEOUT, OWNER, PASSWORD, Server


def alive(link: psycopg2.extensions.connection) -> bool:
    try:
        with link.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


def test_the_owner_observes_and_says_who_it_is(server: Server) -> None:
    with session(server.url(), 5) as connection:
        seen = observe(connection)
    assert (seen.user, seen.database, seen.authentication_timeout) == (OWNER, "console", AUTHENTICATION_TIMEOUT)
    assert abs((seen.time - datetime.now(UTC)).total_seconds()) < 5


def test_sessions_end_in_every_database_and_others_stay(server: Server) -> None:
    server.make_role("rose")
    server.make_role("rose-rotating")
    server.make_role("bystander")
    victims = [server.connect("rose"), server.connect("rose", "raptor"), server.connect("rose-rotating")]
    bystander = server.connect("bystander")
    with session(server.url(), 5) as connection:
        before = list_sessions(connection, ["rose", "rose-rotating"])
        ended = end_sessions(connection, ["rose", "rose-rotating"])
        again = end_sessions(connection, ["rose", "rose-rotating"])
    assert (before.ended, before.left) == (0, 3)
    assert (ended.ended, ended.left, ended.oldest_start) == (3, 0, before.oldest_start)
    assert (again.ended, again.left, again.oldest_start) == (0, 0, None)
    assert not any(alive(victim) for victim in victims)
    assert alive(bystander)
    bystander.close()


def test_only_sessions_older_than_the_credential_end(server: Server) -> None:
    """I7."""
    server.make_role("rose")
    old = server.connect("rose")
    with session(server.url(), 5) as connection:
        noted = observe(connection).time
        new = server.connect("rose")
        assert end_sessions(connection, ["rose"], older_than=noted).ended == 1
    assert (alive(old), alive(new)) == (False, True)
    new.close()


def test_a_busy_session_ends_too(server: Server) -> None:
    server.make_role("rose")
    busy = server.connect("rose")
    failed = threading.Event()

    def work() -> None:
        with pytest.raises(psycopg2.Error), busy.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        failed.set()

    thread = threading.Thread(target=work)
    thread.start()
    with session(server.url(), 5) as connection:
        assert end_sessions(connection, ["rose"]).left == 0
    thread.join(5)
    assert failed.is_set()


def test_the_session_of_a_dropped_role_is_found_on_request(server: Server) -> None:
    """Such a session has no role name any more and would pass every search by name."""
    server.make_role("rose")
    ghost = server.connect("rose")
    server.admin("DROP ROLE rose")
    with session(server.url(), 5) as connection:
        assert list_sessions(connection, ["rose"]).left == 0
        assert end_sessions(connection, ["rose"], dropped=True).ended == 1
    assert not alive(ghost)


def test_an_observer_without_the_right_to_see_is_refused(server: Server) -> None:
    server.make_role("blind")
    server.make_role("rose")
    link = server.connect("rose")
    with session(server.url("blind"), 5) as connection, pytest.raises(DeprovisionError) as caught:
        end_sessions(connection, ["rose"])
    assert caught.value.code == "observer_blind"
    assert alive(link)
    link.close()


def test_an_observer_without_the_right_to_end_is_told_so(server: Server) -> None:
    server.make_role("watcher", "IN ROLE pg_monitor")
    server.make_role("rose")
    link = server.connect("rose")
    with session(server.url("watcher"), 5) as connection, pytest.raises(DeprovisionError) as caught:
        end_sessions(connection, ["rose"])
    assert (caught.value.code, caught.value.details) == ("forbidden", {"sqlstate": "42501"})
    assert alive(link)
    link.close()


def test_sessions_that_come_back_are_counted_as_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Practice 4.2: ending sessions of a password that still works achieves nothing, and the count says so."""
    server.make_role("rose")
    links = [server.connect("rose")]
    monkeypatch.setattr(_postgres, "sleep", lambda _seconds: links.append(server.connect("rose")))
    with session(server.url(), 5) as connection:
        ended = end_sessions(connection, ["rose"], wait=0.3)
    assert ended.left >= 1
    assert ended.ended >= 1


def test_a_refused_login_is_told_from_an_outage(server: Server) -> None:
    with pytest.raises(DeprovisionError) as caught, session(server.url(password="wr0ng-password"), 5):
        pass
    assert (caught.value.code, caught.value.details) == ("unauthorized", {"sqlstate": "28P01"})
    with pytest.raises(DeprovisionError) as caught, session(server.url(database="nowhere"), 5):
        pass
    assert caught.value.code == "not_found"


def test_a_silent_server_is_given_up(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://{OWNER}:s3cret-word@127.0.0.1:{silent.getsockname()[1]}/console"
        with pytest.raises(DeprovisionError) as caught, session(url, 1):
            pass
    assert caught.value.code == "unreachable"
    assert "s3cret-word" not in caught.value.as_text()


@pytest.mark.parametrize("url", ["", "postgres://", "postgres://user@host/db", "mysql://u:s3cret@h/d", "postgres://u:%zz@h/d"])
def test_an_incomplete_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(DeprovisionError) as caught, session(url, 1):
        pass
    assert caught.value.code == "invalid_input"
    assert "s3cret" not in caught.value.as_text()


def test_a_lock_that_is_held_is_a_conflict_and_nothing_is_kept(server: Server) -> None:
    server.admin("INSERT INTO admins (email) VALUES ('a@raxx.example')")
    holder = server.connect(OWNER)
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("SELECT * FROM admins FOR UPDATE")
    with session(server.url(), 1) as connection, pytest.raises(DeprovisionError) as caught, transaction(connection) as cursor:
        cursor.execute("UPDATE admins SET email = 'b@raxx.example'")
    holder.close()
    assert (caught.value.code, caught.value.details["sqlstate"]) == ("conflict", "55P03")
    assert server.admin("SELECT email FROM admins") == [("a@raxx.example",)]


def test_a_session_that_is_cut_is_unreachable(server: Server) -> None:
    def work(connection: psycopg2.extensions.connection) -> None:
        with transaction(connection) as cursor:
            server.admin("SELECT pg_terminate_backend(%s, 2000)", (connection.info.backend_pid,))
            cursor.execute("SELECT 1")

    with session(server.url(), 5) as connection, pytest.raises(DeprovisionError) as caught:
        work(connection)
    assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", False)


@pytest.mark.parametrize("place", ["statement", "commit"])
def test_a_server_that_falls_silent_is_given_up(server: Server, place: str) -> None:
    """Its machine still acknowledges every packet, so no time-out of TCP or of the server itself can strike."""

    def work(connection: psycopg2.extensions.connection) -> None:
        backend = connection.info.backend_pid
        try:
            with transaction(connection) as cursor:
                cursor.execute("SELECT 1")
                os.kill(backend, signal.SIGSTOP)
                if place == "statement":
                    cursor.execute("SELECT 1")
        finally:
            os.kill(backend, signal.SIGCONT)

    began = time.monotonic()
    with session(server.url(), 0.5) as connection, pytest.raises(DeprovisionError) as caught:
        work(connection)
    assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", place == "commit")
    assert time.monotonic() - began < 3


def test_a_cut_at_the_commit_leaves_the_outcome_unknown(server: Server) -> None:
    """I4."""

    def work(connection: psycopg2.extensions.connection) -> None:
        with transaction(connection) as cursor:
            cursor.execute("INSERT INTO admins (email) VALUES ('a@raxx.example')")
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    with session(server.url(), 5) as connection, pytest.raises(DeprovisionError) as caught:
        work(connection)
    assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", True)


# -- probes ------------------------------------------------------------------------------------------------------


def test_a_login_says_whose_session_it_is_and_what_it_may(server: Server) -> None:
    server.make_role("rose")
    server.admin("GRANT SELECT ON admins TO rose")
    result = probe(
        server.url("rose"), timeout=5, permitted="SELECT count(*) FROM admins", forbidden="DELETE FROM admins WHERE false"
    )
    assert (result.outcome, result.current_user, result.session_user) == (LOGS_IN, "rose", "rose")
    assert (result.permitted_sqlstate, result.forbidden_sqlstate) == (None, "42501")


def test_a_query_that_was_to_be_forbidden_leaves_nothing_behind(server: Server) -> None:
    result = probe(server.url(), timeout=5, forbidden="INSERT INTO admins (email) VALUES ('a@raxx.example')")
    assert (result.outcome, result.forbidden_sqlstate) == (LOGS_IN, None)
    assert server.admin("SELECT count(*) FROM admins") == [(0,)]


def test_an_awkward_password_logs_in(server: Server) -> None:
    assert "%" in PASSWORD
    assert probe(server.url(), timeout=5).outcome == LOGS_IN


@pytest.mark.parametrize(
    ("prepare", "sqlstate", "routine"),
    [
        ("ALTER ROLE rose NOLOGIN", "28000", "InitializeSessionUserId"),
        ("ALTER ROLE rose CONNECTION LIMIT 0", "53300", "InitializeSessionUserId"),
        ("ALTER ROLE rose VALID UNTIL '2020-01-01'", "28P01", "auth_failed"),
        ("REVOKE CONNECT ON DATABASE console FROM PUBLIC", "42501", "CheckMyDatabase"),
    ],
)
def test_a_refusal_gives_its_sqlstate(server: Server, prepare: str, sqlstate: str, routine: str) -> None:
    """Practice 4.1, what the old URL's answer means."""
    server.make_role("rose")
    server.admin(prepare)
    try:
        result = probe(server.url("rose"), timeout=5)
    finally:
        server.admin("GRANT CONNECT ON DATABASE console TO PUBLIC")
    assert (result.outcome, result.sqlstate, result.routine) == (REFUSED, sqlstate, routine)


def test_a_wrong_password_a_missing_role_and_a_missing_database(server: Server) -> None:
    server.make_role("rose")
    assert probe(server.url("rose", password="no"), timeout=5).sqlstate == "28P01"
    assert probe(server.server.url("nobody", "no", "console"), timeout=5).sqlstate == "28P01"
    assert probe(server.url("rose", "nowhere"), timeout=5).sqlstate == "3D000"


def test_a_full_server_is_told_by_the_place_that_refuses(server: Server) -> None:
    """53300 means that the password was right (role limit) or that nobody looked at it (server full)."""
    server.make_role("rose")
    server.make_role("crowd")
    free = int(server.admin("SHOW max_connections")[0][0])
    crowd = []
    try:
        for __ in range(free):
            crowd.append(server.connect("crowd"))
    except psycopg2.OperationalError:
        pass
    result = probe(server.url("rose"), timeout=5)
    for link in crowd:
        link.close()
    assert (result.sqlstate, result.routine) == ("53300", "InitPostgres")


def test_no_answer_is_inconclusive(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://{OWNER}:secret@127.0.0.1:{silent.getsockname()[1]}/console"
        result = probe(url, timeout=0.5)
    assert (result.outcome, result.sqlstate) == (INCONCLUSIVE, None)
    assert probe(url, timeout=0.5).outcome == INCONCLUSIVE


def test_each_probe_leaves_one_line_in_the_servers_log(server: Server) -> None:
    """Practice 4.5: our own refusals are counted, so their number must be known."""
    server.make_role("rose")
    log = server.server.log_file
    before = log.read_text(encoding="utf-8", errors="replace").count("user=rose sql_error_code = 28P01 FATAL")
    for __ in range(3):
        probe(server.url("rose", password="no"), timeout=5)
    assert log.read_text(encoding="utf-8", errors="replace").count("user=rose sql_error_code = 28P01 FATAL") == before + 3
