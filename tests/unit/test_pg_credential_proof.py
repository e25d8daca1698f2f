# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_credential_proof (runbook C2 and C3, practice 4): a burst of probes, then sweeps. The table itself is in test_proof.py."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _login_proof, _postgres
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import ProbeResult

from .sql_script import URL, SqlScript, normalised, sql_error

NEW = "postgres://rose:n3w-p%40ss-word@db.example:5432/raptor"
OLD = "postgres://rose:0ld-p%40ss-word@db.example:5432/raptor"
PARAMS = {
    "database_url": URL,
    "new_url": NEW,
    "old_url": OLD,
    "expected_user": "rose",
    "users": ["rose", "rose-rotating"],
    "permitted_query": "SELECT 1",
    "forbidden_query": "DELETE FROM runs WHERE false",
}
LIVE = ProbeResult("logs_in", current_user="rose", session_user="rose", forbidden_sqlstate="42501")
WRONG = ProbeResult("refused", "28P01", "auth_failed")
SILENT = ProbeResult("inconclusive", reason="TimeoutError")
NOW = datetime(2026, 5, 19, 10, 0, tzinfo=UTC)
OBSERVE = (
    "SELECT current_user, current_database(), current_setting('server_version'),"
    " (SELECT setting::int FROM pg_settings WHERE name = 'authentication_timeout'), clock_timestamp(),"
    " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
)
START = NOW - timedelta(hours=1)


@dataclass
class Server:
    """Answers to the probes, in order; each is given with the user and what its password is: new, old, or another one."""

    answers: list[tuple[str, str, ProbeResult]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    queries: list[tuple[str | None, str | None]] = field(default_factory=list)

    def burst(self, new: ProbeResult, old: ProbeResult | None, control: ProbeResult, old_user: str = "rose") -> None:
        self.answers.append(("rose", "new", new))
        if old:
            self.answers.append((old_user, "old", old))
        self.answers.append(("rose", "random", control))

    def probe(self, url: str, *, timeout: float, permitted: str | None = None, forbidden: str | None = None) -> ProbeResult:
        dsn = _postgres.parse_url(url)
        password = {"n3w-p@ss-word": "new", "0ld-p@ss-word": "old"}.get(dsn["password"], "random")
        assert (dsn["host"], dsn["port"], dsn["dbname"], timeout) == ("db.example", "5432", "raptor", 10)
        assert self.answers, f"unexpected probe with the {password} password"
        user, kind, answer = self.answers.pop(0)
        assert (user, kind) == (dsn["user"], password)
        self.queries.append((permitted, forbidden))
        return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Server]:
    server = Server()
    monkeypatch.setattr(_login_proof, "probe", server.probe)
    monkeypatch.setattr(_login_proof, "sleep", server.slept.append)
    monkeypatch.setattr(_postgres, "sleep", lambda _seconds: None)
    yield server
    assert not server.answers, "probes that never came"


def observe(sql: SqlScript, at: datetime = NOW, *, can_see: bool = True, timeout: int = 60) -> None:
    sql.expect(OBSERVE, rows=[("owner", "raptor", "16.4", timeout, at, can_see)])
    sql.commit()


def look(
    sql: SqlScript, found: list[tuple[int, datetime]], *, end: bool, older_than: datetime = NOW, users: list[str] | None = None
) -> None:
    which = {"users": users or ["rose", "rose-rotating"], "dropped": True, "older_than": older_than}
    rows = [(*row, True) for row in found] if end else found
    sql.expect(_postgres.END_SESSIONS if end else _postgres.LIST_SESSIONS, which, rows)
    sql.commit()


def listing(sql: SqlScript, found: list[tuple[int, datetime]], **more: t.Any) -> None:
    observe(sql)
    look(sql, found, end=False, **more)


def ending(sql: SqlScript, found: list[tuple[int, datetime]], **more: t.Any) -> None:
    observe(sql)
    look(sql, found, end=True, **more)
    if found:
        look(sql, [], end=True, **more)


def test_three_probes_then_two_sweeps(sql: SqlScript, server: Server) -> None:
    """Practice 4.2 and 4.3: probes first, sessions second, and again when every log-in must have ended."""
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [(11, START), (12, NOW - timedelta(seconds=1))])
    ending(sql, [(11, START), (12, NOW - timedelta(seconds=1))])
    observe(sql, NOW + timedelta(seconds=2))
    ending(sql, [(13, NOW - timedelta(seconds=2))])
    result = sql.run("pg_credential_proof", PARAMS).result
    assert (result["changed"], result["new_live"], result["old_dead"], result["grade"]) == (True, True, True, "observed")
    assert (result["old_sqlstate"], result["control_sqlstate"], result["new_sqlstate"]) == ("28P01", "28P01", None)
    assert (result["refused_logins"], result["refused_logins_by_user"]) == (2, {"rose": 2})
    assert (result["sessions_ended"], result["sessions_left"]) == (3, 0)
    assert result["oldest_session"] == "2026-05-19T09:00:00.000000Z"
    assert server.slept == [result["waited"]] == [59.0]
    assert server.queries == [("SELECT 1", "DELETE FROM runs WHERE false"), (None, None), (None, None)]
    assert result["observer"] == {"user": "owner", "database": "raptor", "server_version": "16.4", "authentication_timeout": 60}


def test_time_that_has_passed_is_not_waited_for(sql: SqlScript, server: Server) -> None:
    noted = NOW - timedelta(seconds=50)
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [], older_than=noted)
    ending(sql, [], older_than=noted)
    observe(sql, NOW + timedelta(seconds=20))
    ending(sql, [], older_than=noted)
    result = sql.run("pg_credential_proof", {**PARAMS, "older_than": noted.isoformat()}).result
    assert (result["changed"], result["waited"], server.slept) == (False, 0.0, [])


def test_the_wait_may_be_declined(sql: SqlScript, server: Server) -> None:
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [])
    ending(sql, [])
    result = sql.run("pg_credential_proof", {**PARAMS, "settle_logins": False}).result
    assert (result["waited"], server.slept) == (0.0, [])


def test_a_wait_beyond_the_bound_is_not_begun(sql: SqlScript, server: Server) -> None:
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [])
    ending(sql, [])
    observe(sql, timeout=600)
    outcome = sql.run("pg_credential_proof", PARAMS)
    assert (outcome.code, server.slept) == ("proof_inconclusive", [])
    assert "authentication_timeout_max" in outcome.result["msg"]


def test_sessions_that_will_not_end_are_a_failure(sql: SqlScript, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0])
    monkeypatch.setattr(_postgres, "monotonic", lambda: next(clock))
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [(11, START)])
    observe(sql)
    look(sql, [(11, START)], end=True)
    look(sql, [(11, START)], end=False)
    outcome = sql.run("pg_credential_proof", {**PARAMS, "settle_logins": False})
    assert outcome.code == "not_effective"
    assert outcome.result["failure"]["details"] == {"sessions_ended": 0, "sessions_left": 1}


def test_live_proves_the_new_credential_only(sql: SqlScript, server: Server) -> None:
    """I2: before anything uses it. An old URL is not even tried, so no refused log-in of it is in the log."""
    observe(sql)
    server.burst(LIVE, None, WRONG)
    listing(sql, [(11, START)])
    result = sql.run("pg_credential_proof", {**PARAMS, "state": "live"}).result
    assert (result["changed"], result["new_live"], result["old_dead"], result["grade"]) == (False, True, None, "observed")
    assert (result["sessions_ended"], result["sessions_left"], result["refused_logins"]) == (0, 1, 1)
    assert result["server_time"] == "2026-05-19T10:00:00.000000Z"


def test_without_the_old_url_nothing_is_claimed_of_it(sql: SqlScript, server: Server) -> None:
    observe(sql)
    server.burst(LIVE, None, WRONG)
    listing(sql, [(11, START)])
    ending(sql, [(11, START)])
    params = {**PARAMS, "settle_logins": False}
    del params["old_url"]
    result = sql.run("pg_credential_proof", params).result
    assert (result["old_dead"], result["grade"], result["sessions_ended"]) == (None, "not_proved_by_login", 1)


def test_another_user_name_of_the_old_url_is_swept_and_counted_too(sql: SqlScript, server: Server) -> None:
    users = ["rose", "rose-rotating", "rose-was"]
    observe(sql)
    server.burst(LIVE, WRONG, WRONG, old_user="rose-was")
    listing(sql, [], users=users)
    ending(sql, [], users=users)
    params = {**PARAMS, "old_url": OLD.replace("rose", "rose-was"), "settle_logins": False}
    result = sql.run("pg_credential_proof", params).result
    assert (result["users"], result["refused_logins_by_user"]) == (users, {"rose": 1, "rose-was": 1})


def test_the_old_password_is_tried_where_the_new_one_works(sql: SqlScript, server: Server) -> None:
    """Practice 4.1: same host, port and database; another place would prove another thing. (The probe double asserts it.)"""
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [])
    ending(sql, [])
    params = {**PARAMS, "old_url": OLD.replace("db.example:5432/raptor", "elsewhere.example:6432/other"), "settle_logins": False}
    assert sql.run("pg_credential_proof", params).result["old_dead"] is True


def test_check_mode_logs_in_once_and_ends_nothing(sql: SqlScript, server: Server) -> None:
    """I11."""
    observe(sql)
    server.answers.append(("rose", "new", LIVE))
    listing(sql, [(11, START)])
    result = sql.run("pg_credential_proof", PARAMS, check=True).result
    assert (result["changed"], result["sessions_ended"], result["sessions_left"]) == (True, 1, 1)
    assert (result["new_live"], result["old_dead"], result["grade"]) == (True, None, "inconclusive")
    assert server.queries == [(None, None)]


def test_check_mode_does_not_fail_for_a_credential_that_would_be_rotated(sql: SqlScript, server: Server) -> None:
    observe(sql)
    server.answers.append(("rose", "new", WRONG))
    listing(sql, [])
    assert sql.run("pg_credential_proof", PARAMS, check=True).result["new_live"] is False


@pytest.mark.parametrize(
    ("new", "old", "control", "code"),
    [
        (LIVE, LIVE, WRONG, "old_credential_alive"),
        (LIVE, WRONG, LIVE, "path_does_not_check_passwords"),
        (WRONG, WRONG, WRONG, "new_credential_not_live"),
    ],
)
def test_a_clear_answer_ends_the_probing_and_no_session(
    sql: SqlScript, server: Server, new: ProbeResult, old: ProbeResult, control: ProbeResult, code: str
) -> None:
    """Practice 4.2: while the old password works, ending sessions achieves nothing."""
    observe(sql)
    server.burst(new, old, control)
    outcome = sql.run("pg_credential_proof", PARAMS)
    assert (outcome.code, server.slept) == (code, [])
    assert outcome.result["failure"]["details"]["attempts"] == 1


def test_silence_is_asked_again_within_the_bound(sql: SqlScript, server: Server) -> None:
    observe(sql)
    server.burst(LIVE, SILENT, WRONG)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [])
    ending(sql, [])
    result = sql.run("pg_credential_proof", {**PARAMS, "settle_logins": False}).result
    assert (result["attempts"], result["refused_logins_by_user"], server.slept) == (2, {"rose": 3}, [2.0])


def test_silence_to_the_end_is_inconclusive(sql: SqlScript, server: Server) -> None:
    observe(sql)
    for __ in range(3):
        server.burst(LIVE, SILENT, WRONG)
    outcome = sql.run("pg_credential_proof", {**PARAMS, "attempts": 3, "attempt_delay": 0.5})
    details = outcome.result["failure"]["details"]
    assert (outcome.code, server.slept) == ("proof_inconclusive", [0.5, 0.5])
    assert (details["old_dead"], details["refused_logins_by_user"], details["attempts"]) == (None, {"rose": 3}, 3)


def test_an_observer_that_is_blind_proves_nothing(sql: SqlScript, server: Server) -> None:
    observe(sql, can_see=False)
    assert sql.run("pg_credential_proof", PARAMS).code == "observer_blind"


def test_the_observers_own_sessions_are_never_ended(sql: SqlScript, server: Server) -> None:
    observe(sql)
    assert sql.run("pg_credential_proof", {**PARAMS, "users": ["owner"]}).code == "invalid_input"


def test_a_time_in_the_servers_future_is_refused(sql: SqlScript, server: Server) -> None:
    observe(sql)
    assert sql.run("pg_credential_proof", {**PARAMS, "older_than": "2026-05-19T10:00:01Z"}).code == "invalid_input"


@pytest.mark.parametrize("option", ["new_url", "old_url"])
def test_an_incomplete_url_is_refused_before_any_connection(sql: SqlScript, server: Server, option: str) -> None:
    outcome = sql.run("pg_credential_proof", {**PARAMS, option: "postgres://rose@db.example/raptor"})
    assert (outcome.code, option in outcome.result["msg"]) == ("invalid_input", True)


@pytest.mark.parametrize(("sqlstate", "code"), [("42501", "forbidden"), ("57P01", "unreachable"), (None, "unreachable")])
def test_an_error_while_ending_sessions(sql: SqlScript, server: Server, sqlstate: str | None, code: str) -> None:
    observe(sql)
    server.burst(LIVE, WRONG, WRONG)
    listing(sql, [(11, START)])
    observe(sql)
    which = {"users": ["rose", "rose-rotating"], "dropped": True, "older_than": NOW}
    sql.expect(_postgres.END_SESSIONS, which, error=sql_error(sqlstate))
    sql.rollback()
    assert sql.run("pg_credential_proof", PARAMS).code == code
    assert "pg_terminate_backend(pid)" in normalised(_postgres.END_SESSIONS)
