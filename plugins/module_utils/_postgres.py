# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""PostgreSQL: bounded sessions and transactions with clear errors, ending other sessions, and the SQLSTATE of a login.

No text of the server or of a driver reaches an error: it may quote the connection URL or data. A SQLSTATE says enough.
"""

from __future__ import annotations

import contextlib
import ssl
import typing as t
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic, sleep

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import before_write
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import bounded, shut_down

try:
    import psycopg2
    import psycopg2.extensions
    from psycopg2.extensions import connection as Connection  # noqa: N812  # the driver's classes have lower-case names
    from psycopg2.extensions import cursor as Cursor  # noqa: N812
except ImportError:  # reported by _module.execute, which knows which library the module needs
    psycopg2 = None  # type: ignore[assignment]
    Connection = Cursor = object  # type: ignore[assignment, misc]
try:
    import pg8000.exceptions  # type: ignore[import-untyped]
    import pg8000.native  # type: ignore[import-untyped]
except ImportError:
    pg8000 = None

SYSTEM = "PostgreSQL"
APPLICATION_NAME = "raxx.deprovision"
TERMINATE_WAIT = 5.0  # seconds in which a session must be gone after it was told to end
TERMINATE_POLL = 0.05

WRONG_PASSWORD = "28P01"  # noqa: S105  # a SQLSTATE
FORBIDDEN = "42501"
LOGS_IN, REFUSED, INCONCLUSIVE = "logs_in", "refused", "inconclusive"

# A SQLSTATE, or its first two characters, and the code that it means for the operator.
_CODES = {
    "28": "unauthorized",
    FORBIDDEN: "forbidden",
    "25006": "conflict",  # read-only, as during a failover
    "3D000": "not_found",
    "40": "conflict",  # serialisation failure, deadlock
    "55P03": "conflict",  # lock_timeout
    "57014": "conflict",  # statement_timeout
    "42": "database_schema",
    "22": "database_schema",
    "23": "database_schema",
}


@dataclass(frozen=True)
class Observer:
    """The session that looks at others, as provenance of what it saw. C(time) is the server's clock."""

    user: str
    database: str
    server_version: str
    authentication_timeout: int  # seconds
    time: datetime


@dataclass(frozen=True)
class Place:
    """Who asks which server, in its own words, as provenance of what it answers. C(time) is its clock."""

    user: str
    database: str
    address: str | None
    port: int | None
    version: str
    time: datetime


@dataclass(frozen=True)
class EndedSessions:
    """C(ended) sessions are gone, C(left) are still there; C(oldest_start) is the oldest beginning of any of them."""

    ended: int
    left: int
    oldest_start: datetime | None


@dataclass(frozen=True)
class ProbeResult:
    """What a login attempt met.

    C(outcome) is V(logs_in), V(refused) (the server answered with C(sqlstate)), or V(inconclusive) (no answer of a server;
    C(reason) is the type of the cause). The rest is known only of a login: whose session it became, and the SQLSTATEs that
    the two queries ended in (V(None) where the query worked or was not asked for).
    """

    outcome: str
    sqlstate: str | None = None
    routine: str | None = None  # place in the server's source that refused; never translated, unlike the text
    reason: str | None = None
    current_user: str | None = None
    session_user: str | None = None
    permitted_sqlstate: str | None = None
    forbidden_sqlstate: str | None = None


class _BoundedCursor(Cursor):
    def execute(self, *arguments: t.Any) -> None:
        with _cut_off(self.connection):
            super().execute(*arguments)


class _BoundedConnection(Connection):
    """Cuts its own line when a statement gets no answer for long after the server itself should have given it up.

    libpq waits for ever where the other side still acknowledges packets but says nothing, as behind a pooler that hangs.
    """

    longest_silence: float | None = None

    def cursor(self, *arguments: t.Any, **keywords: t.Any) -> t.Any:
        return super().cursor(*arguments, **{"cursor_factory": _BoundedCursor, **keywords})

    def commit(self) -> None:
        with _cut_off(self):
            super().commit()

    def rollback(self) -> None:
        with _cut_off(self):
            super().rollback()


@contextlib.contextmanager
def _cut_off(connection: t.Any) -> t.Iterator[None]:
    """Shuts the socket of C(connection) down if the block takes longer than its longest silence; the driver then raises."""
    if connection.closed or not connection.longest_silence:
        yield
        return
    with bounded(connection.longest_silence, partial(shut_down, connection.fileno())):
        yield


def connect(url: str, *, timeout: float, system: str = SYSTEM, application_name: str = APPLICATION_NAME) -> Connection:
    """A connection with autocommit off. C(timeout) bounds, in seconds, the log-in, each statement, and a silent network."""
    milliseconds = int(timeout * 1000)
    parameters: dict[str, t.Any] = {
        **parse_url(url, system),
        "connect_timeout": max(2, int(timeout)),
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": application_name,
        # Waiting for a lock gives up first, so that its cause can be told from a slow statement.
        "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds // 2}",
    }
    try:
        connection: _BoundedConnection = psycopg2.connect(None, connection_factory=_BoundedConnection, **parameters)
    except psycopg2.Error:
        # libpq gives no SQLSTATE for a failed log-in, and its text depends on the server's language; ask again for the code.
        refusal = probe(url, timeout=timeout)
        raise _error(refusal.sqlstate, system, refusal.reason or "connection failed", during="the log-in") from None
    connection.longest_silence = 2 * timeout
    return connection


@contextlib.contextmanager
def session(url: str, timeout: float, *, system: str = SYSTEM) -> t.Iterator[Connection]:
    """A connection that is closed at the end; an open transaction is rolled back by that."""
    connection = connect(url, timeout=timeout, system=system)
    try:
        yield connection
    finally:
        with contextlib.suppress(psycopg2.Error):
            connection.close()


@contextlib.contextmanager
def transaction(connection: Connection, *, system: str = SYSTEM) -> t.Iterator[Cursor]:
    """One transaction: committed at the end, rolled back by any exception. The driver's errors become the collection's."""
    try:
        with connection.cursor() as cursor:
            yield cursor
    except psycopg2.Error as error:
        _roll_back(connection)
        raise _error(error.pgcode, system, type(error).__name__, during="a statement") from None
    except BaseException:
        _roll_back(connection)
        raise
    try:
        connection.commit()
    except psycopg2.Error as error:
        _roll_back(connection)
        raise _error(error.pgcode, system, type(error).__name__, during="the commit", outcome_unknown=True) from None


def observe(connection: Connection, *, system: str = SYSTEM) -> Observer:
    """Who looks, and proof that it can see: without the right to all statistics, ages of other sessions are hidden as null."""
    with transaction(connection, system=system) as cursor:
        cursor.execute(
            "SELECT current_user, current_database(), current_setting('server_version'),"
            " (SELECT setting::int FROM pg_settings WHERE name = 'authentication_timeout'), clock_timestamp(),"
            " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
        )
        user, database, version, timeout, time, can_see = _one_row(cursor)
    if not can_see:
        raise DeprovisionError(
            "observer_blind", f"The role {user} cannot see when sessions of other roles began; nothing was ended.", system=system
        )
    return Observer(user, database, version, timeout, time)


# Text, for a driver may not know the type of an address.
WHERE = (
    "SELECT current_user::text, current_database()::text, host(inet_server_addr()), inet_server_port(),"
    " current_setting('server_version'), clock_timestamp()"
)


def place(cursor: Cursor) -> Place:
    """Where the transaction of C(cursor) takes place."""
    cursor.execute(WHERE)
    return Place(*_one_row(cursor))


# Sessions of roles that were dropped meanwhile have no name any more; nobody may use them.
_SESSIONS = (
    " FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND (usename::text = ANY(%(users)s) OR (%(dropped)s AND usesysid IS NOT NULL AND usename IS NULL))"
    " AND (%(older_than)s::timestamptz IS NULL OR backend_start IS NULL OR backend_start < %(older_than)s)"
)
LIST_SESSIONS = "SELECT pid, backend_start" + _SESSIONS
END_SESSIONS = "SELECT pid, backend_start, pg_terminate_backend(pid)" + _SESSIONS


def list_sessions(
    connection: Connection,
    users: t.Sequence[str],
    older_than: datetime | None = None,
    *,
    dropped: bool = False,
    system: str = SYSTEM,
) -> EndedSessions:
    """The sessions that L(end_sessions) would end, counted as left."""
    observe(connection, system=system)
    which = {"users": list(users), "dropped": dropped, "older_than": older_than}
    found = _look(connection, LIST_SESSIONS, which, system)
    return EndedSessions(0, len(found), _oldest(found))


def end_sessions(
    connection: Connection,
    users: t.Sequence[str],
    older_than: datetime | None = None,
    *,
    dropped: bool = False,
    wait: float = TERMINATE_WAIT,
    system: str = SYSTEM,
) -> EndedSessions:
    """Ends every session of C(users) in all databases of the server, except this one; with C(older_than) only those begun before.

    C(dropped) adds the sessions of roles that do not exist any more. A session that is told to end takes a moment, so the
    list is made again until it is empty, for at most C(wait) seconds. Each look is a transaction of its own, for within one
    the server shows the same list again. Ends the transaction that C(connection) may be in.
    """
    observe(connection, system=system)
    before_write(system, f"end the sessions of {', '.join(users)}")
    which = {"users": list(users), "dropped": dropped, "older_than": older_than}
    deadline = monotonic() + wait
    seen: set[tuple[int, datetime | None]] = set()
    while True:
        found = _look(connection, END_SESSIONS, which, system)
        seen |= found
        if not found:
            return EndedSessions(len(seen), 0, _oldest(seen))
        sleep(TERMINATE_POLL)
        if monotonic() >= deadline:
            break
    left = _look(connection, LIST_SESSIONS, which, system)
    return EndedSessions(len(seen - left), len(left), _oldest(seen | left))


def _look(connection: Connection, statement: str, which: dict[str, t.Any], system: str) -> set[tuple[int, datetime | None]]:
    """The sessions found, each as process and beginning."""
    with transaction(connection, system=system) as cursor:
        cursor.execute(statement, which)
        return {(row[0], row[1]) for row in cursor.fetchall()}


def _oldest(sessions: t.Iterable[tuple[int, datetime | None]]) -> datetime | None:
    return min((start for _pid, start in sessions if start), default=None)


def probe(
    url: str,
    *,
    timeout: float,
    permitted: str | None = None,
    forbidden: str | None = None,
    application_name: str = APPLICATION_NAME,
) -> ProbeResult:
    """Logs in with C(url), asks who that is, and tries the two queries, each in a transaction that is rolled back.

    Makes one connection, and so at most one refusal in the server's log. Done with pg8000, for only it gives the SQLSTATE
    of a refused log-in.
    """
    if pg8000 is None:
        return ProbeResult(INCONCLUSIVE, reason="pg8000 is not installed")
    dsn = parse_url(url)
    link = None
    try:
        link = pg8000.native.Connection(
            dsn["user"],
            host=dsn["host"],
            port=int(dsn["port"]),
            database=dsn["dbname"],
            password=dsn["password"],
            timeout=timeout,
            ssl_context=_ssl_context(dsn["sslmode"], dsn.get("sslrootcert")),
            application_name=application_name,
        )
        current_user, session_user = link.run("SELECT current_user::text, session_user::text")[0]
        return ProbeResult(
            LOGS_IN,
            current_user=current_user,
            session_user=session_user,
            permitted_sqlstate=_try(link, permitted),
            forbidden_sqlstate=_try(link, forbidden),
        )
    except pg8000.exceptions.DatabaseError as error:
        answer = error.args[0]
        return ProbeResult(REFUSED, sqlstate=answer.get("C"), routine=answer.get("R"))
    except Exception as error:  # noqa: BLE001  # whatever the driver trips over, it is not an answer of a server
        return ProbeResult(INCONCLUSIVE, reason=type(error.__cause__ or error).__name__)
    finally:
        if link is not None:
            with contextlib.suppress(Exception):
                link.close()


def _try(link: t.Any, query: str | None) -> str | None:
    """The SQLSTATE that C(query) fails with, or V(None) if it works."""
    if not query:
        return None
    link.run("BEGIN")
    try:
        link.run(query)
    except pg8000.exceptions.DatabaseError as error:
        return str(error.args[0].get("C"))
    finally:
        link.run("ROLLBACK")
    return None


def parse_url(url: str, system: str = SYSTEM) -> dict[str, str]:
    """The parts of a connection URL in libpq's words. TLS is required even where the URL asks for less."""
    try:
        dsn: dict[str, str] = psycopg2.extensions.parse_dsn(url)
    except psycopg2.Error:
        dsn = {}
    if not all(dsn.get(part) for part in ("user", "password", "host", "dbname")):
        # Its text may quote the URL: say nothing of it.
        raise DeprovisionError(
            "invalid_input", f"The connection URL for {system} is not a complete postgres:// URL.", system=system
        )
    stronger = dsn.get("sslmode") in ("verify-ca", "verify-full")
    return {"port": "5432", **dsn, "sslmode": dsn["sslmode"] if stronger else "require"}


def with_login(url: str, user: str, password: str) -> str:
    """The place that C(url) names, with another log-in, in libpq's notation."""
    return psycopg2.extensions.make_dsn(url, user=user, password=password)


def _ssl_context(sslmode: str, root: str | None) -> ssl.SSLContext:
    """What libpq does for C(sslmode): V(require) encrypts without judging the certificate (Heroku's are self-signed)."""
    if sslmode == "require":
        # The certificates of the machine, which take long to load, would not be looked at.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=root)
        context.check_hostname = sslmode == "verify-full"
    return context


def _one_row(cursor: Cursor) -> tuple[t.Any, ...]:
    row = cursor.fetchone()
    if row is None:
        raise psycopg2.InterfaceError
    return row


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg2.Error):
        connection.rollback()


def _error(sqlstate: str | None, system: str, reason: str, *, during: str, outcome_unknown: bool = False) -> DeprovisionError:
    """The error for an answer of the server (it carries a SQLSTATE) or for none."""
    code = _CODES.get(sqlstate or "") or _CODES.get((sqlstate or "")[:2])
    if sqlstate and code:
        return ApiError(code, f"{system} refused {during}: SQLSTATE {sqlstate}.", system=system, details={"sqlstate": sqlstate})
    what = f"SQLSTATE {sqlstate}" if sqlstate else reason
    return UnreachableError(
        "unreachable",
        f"{system} gave no usable answer to {during}: {what}.",
        system=system,
        outcome_unknown=outcome_unknown and not sqlstate,
        details={"sqlstate": sqlstate},
    )
