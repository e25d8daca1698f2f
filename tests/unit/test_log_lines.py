# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a log line means (runbook 2c and 4), and the verdict on a window of lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._log_lines import (
    AUTHENTICATION_FAILURE,
    CLEAN,
    INCONCLUSIVE,
    PERMISSION_ERROR,
    LogLine,
    LogWindow,
    authentication_failure,
    judge,
    read_line,
)

SINCE = datetime(2026, 5, 19, 10, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=10)
ROLES = ("raptor_app", "raptor_app-rotating")
DATABASE = "app[postgres.27]"
DYNO = "app[web.1]"


@pytest.mark.parametrize(
    ("source", "text", "kind", "role"),
    [
        (DYNO, 'FATAL:  password authentication failed for user "raptor_app"', AUTHENTICATION_FAILURE, "raptor_app"),
        (
            DYNO,
            'connection to server at "10.0.0.1", port 5432 failed: FATAL:  password authentication failed for user '
            '"raptor_app-rotating"',
            AUTHENTICATION_FAILURE,
            "raptor_app-rotating",
        ),
        (
            DYNO,
            r'{"level":"error","msg":"password authentication failed for user \"raptor_app\""}',
            AUTHENTICATION_FAILURE,
            "raptor_app",
        ),
        (DYNO, "error: password authentication failed for user 'raptor_app'", AUTHENTICATION_FAILURE, "raptor_app"),
        (DYNO, "  code: '28P01',", AUTHENTICATION_FAILURE, ""),
        (DYNO, "FATAL: SASL authentication failed", AUTHENTICATION_FAILURE, ""),
        (DYNO, 'FATAL:  role "raptor_app" is not permitted to log in', AUTHENTICATION_FAILURE, "raptor_app"),
        (DYNO, 'FATAL:  role "raptor_app" does not exist', AUTHENTICATION_FAILURE, "raptor_app"),
        (
            DYNO,
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "raptor_app", database "d", no encryption',
            AUTHENTICATION_FAILURE,
            "raptor_app",
        ),
        (
            DATABASE,
            '[DATABASE] [8-1]  sql_error_code = 28P01 FATAL:  password authentication failed for user "raptor_app"',
            AUTHENTICATION_FAILURE,
            "raptor_app",
        ),
        # The explanation that follows is not a second failure.
        (
            DATABASE,
            '[DATABASE] [8-2]  sql_error_code = 28P01 DETAIL:  Password does not match for user "raptor_app".',
            "",
            "",
        ),
        # Somebody else's database role, and a user of the app itself.
        (DYNO, 'FATAL:  password authentication failed for user "another"', "", ""),
        (DYNO, 'login: password authentication failed for user "bob@example.com"', "", ""),
        (DATABASE, "sql_error_code = 42501 ERROR:  permission denied for table audit_events", PERMISSION_ERROR, ""),
        (DYNO, "permission_denied: ERROR:  permission denied for table audit_events", PERMISSION_ERROR, ""),
        (DYNO, "psycopg2 pgcode='42501'", PERMISSION_ERROR, ""),
        (DYNO, "ERROR 42501", PERMISSION_ERROR, ""),
        (DATABASE, "sql_error_code = 42501 STATEMENT:  DELETE FROM audit_archival_runs", "", ""),
        # Numbers that only look like a code.
        ("heroku[router]", 'at=info method=GET path="/" dyno=web.1 status=200 bytes=42501', "request", ""),
        (DYNO, "peer 10.0.0.7 port 42501", "", ""),
        (DYNO, "done in 28000 ms", "", ""),
        ("heroku[router]", 'at=error code=H10 desc="App crashed" status=503 bytes=0', "", ""),
        ("heroku[router]", 'at=info method=POST path="/x" status=404 bytes=9', "request", ""),
        ("heroku[web.1]", "State changed from starting to up", "", ""),
    ],
)
def test_what_a_line_means(source: str, text: str, kind: str, role: str) -> None:
    """4: a permission error is never an authentication failure."""
    assert read_line(f"2026-05-19T10:00:01.000000+00:00 {source}: {text}", ROLES) == LogLine(
        SINCE + timedelta(seconds=1), source, kind, role
    )


@pytest.mark.parametrize("raw", ["", "hello", "yesterday app[web.1]: x", "2026-05-19T10:00:01 app[web.1]: x", "<html>"])
def test_what_is_not_a_line(raw: str) -> None:
    assert read_line(raw, ROLES) is None


def test_time_zones_are_kept_apart() -> None:
    line = read_line("2026-05-19T12:00:00.5+02:00 app[web.1]: x", ROLES)
    assert line is not None
    assert line.at == SINCE + timedelta(seconds=0.5)


def test_authentication_failure_in_plain_text() -> None:
    assert authentication_failure('x: FATAL:  password authentication failed for user "audit_archiver"') == "audit_archiver"
    assert authentication_failure("ERROR: permission denied for table x") is None


def line(kind: str = "", seconds: float = 1, source: str = DYNO, role: str = "raptor_app") -> LogLine:
    return LogLine(SINCE + timedelta(seconds=seconds), source, kind, role if kind == AUTHENTICATION_FAILURE else "")


OURS = line(AUTHENTICATION_FAILURE, source=DATABASE)
DENIED = line(PERMISSION_ERROR, source=DATABASE)


@pytest.mark.parametrize(
    ("lines", "expected", "denials", "gaps", "verdict"),
    [
        ([line()], {}, 0, (), CLEAN),
        ([], {}, 0, (), INCONCLUSIVE),
        ([line()], {}, 0, ("cut",), INCONCLUSIVE),
        ([line(seconds=-1)], {}, 0, (), INCONCLUSIVE),
        ([line(seconds=601)], {}, 0, (), INCONCLUSIVE),
        ([line(), line(AUTHENTICATION_FAILURE)], {}, 0, (), AUTHENTICATION_FAILURE),
        ([line(), line(AUTHENTICATION_FAILURE, -1)], {}, 0, (), CLEAN),
        ([line(), line(AUTHENTICATION_FAILURE)], {"raptor_app": 9}, 0, (), AUTHENTICATION_FAILURE),
        ([OURS, OURS], {"raptor_app": 2}, 0, (), CLEAN),
        ([OURS], {"raptor_app": 2}, 0, (), CLEAN),
        ([OURS] * 3, {"raptor_app": 2}, 0, (), AUTHENTICATION_FAILURE),
        ([OURS], {"audit_archiver": 2}, 0, (), AUTHENTICATION_FAILURE),
        ([line(AUTHENTICATION_FAILURE, source="app[heroku-postgres]")], {"raptor_app": 1}, 0, (), CLEAN),
        ([DENIED], {}, 0, (), PERMISSION_ERROR),
        ([DENIED], {}, 1, (), CLEAN),
        ([DENIED, DENIED], {}, 1, (), PERMISSION_ERROR),
        ([line(PERMISSION_ERROR)], {}, 1, (), PERMISSION_ERROR),
        ([DENIED, line(AUTHENTICATION_FAILURE)], {}, 0, (), AUTHENTICATION_FAILURE),
        # What was seen counts, also in an incomplete view.
        ([line(AUTHENTICATION_FAILURE)], {}, 0, ("cut",), AUTHENTICATION_FAILURE),
        ([DENIED], {}, 0, ("cut",), PERMISSION_ERROR),
    ],
)
def test_the_verdict(lines: list[LogLine], expected: dict[str, int], denials: int, gaps: tuple[str, ...], verdict: str) -> None:
    """4.5: our own refused probes are expected from the database only; an empty view is inconclusive, not clean."""
    window = judge(lines, SINCE, UNTIL, expected_refusals=expected, expected_denials=denials, gaps=gaps)
    assert window.verdict == verdict


def test_the_counts() -> None:
    lines = [line(seconds=5), OURS, OURS, line("request", 3, "heroku[router]"), DENIED, line("request", -3)]
    window = judge(lines, SINCE, UNTIL, expected_refusals={"raptor_app": 1}, expected_denials=1)
    assert window == LogWindow(
        first=SINCE + timedelta(seconds=1),
        last=SINCE + timedelta(seconds=5),
        lines=5,
        requests=1,
        authentication_failures=(OURS,),
        own_refusals=1,
        own_denials=1,
    )
