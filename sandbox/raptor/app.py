# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Raptor, as small as it can be and still be real: a web process and a worker that share one database.

usage: python app.py web|worker
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import connection

WORKER_SECONDS = 2.0
CONNECT_SECONDS = 5
RECENT_EVENTS = "SELECT id, occurred_at::text, actor, action FROM audit_events ORDER BY id DESC LIMIT 20"
COUNT_EVENTS = "SELECT count(*) FROM audit_events"
ADD_RUN = "INSERT INTO audit_archival_runs (run_type, operator_email, notes) VALUES ('manual', %s, %s) RETURNING id"


class DatabaseError(Exception):
    """The database refused. `kind` says in what way, the text is the server's own."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Database:
    """One connection, held open, and made anew when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._link: connection | None = None
        self._lock = threading.Lock()

    def run(self, statement: str, values: tuple[Any, ...] = (), *, keep: bool = True) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction, rolled back unless `keep`. Raises DatabaseError."""
        with self._lock:
            try:
                try:
                    return self._run(statement, values, keep)
                except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                    log(f"database connection lost: {first_line(error)}")
                    self._link = None
                    return self._run(statement, values, keep)
            except psycopg2.errors.InsufficientPrivilege as error:
                raise DatabaseError("permission_denied", f"ERROR:  {first_line(error)}") from error
            except psycopg2.Error as error:
                raise DatabaseError("database_unavailable", first_line(error)) from error

    def _run(self, statement: str, values: tuple[Any, ...], keep: bool) -> list[tuple[Any, ...]]:
        link = self._link or self._connect()
        with link, link.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall()
            if not keep:
                link.rollback()
        return rows

    def _connect(self) -> connection:
        name = os.environ.get("DYNO", "raptor")
        try:
            self._link = psycopg2.connect(self._url, sslmode="require", connect_timeout=CONNECT_SECONDS, application_name=name)
        except psycopg2.OperationalError as error:
            text = first_line(error)
            refused = "FATAL:" in text and ("authentication failed" in text or "not permitted to log in" in text)
            words = text[text.index("FATAL:") :] if refused else text
            raise DatabaseError("authentication_failed" if refused else "database_unavailable", words) from error
        return self._link


class Handler(BaseHTTPRequestHandler):
    database: Database

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, {"status": "ok"})
        elif self.path == "/audit/events":
            self._query(200, RECENT_EVENTS, ())
        else:
            self._answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        """A run that is posted with `dry_run` is inserted and rolled back."""
        try:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            values = (str(asked["operator_email"]), str(asked.get("notes") or ""))
        except (ValueError, TypeError, KeyError):
            self._answer(400, {"error": "bad_request"})
            return
        if self.path == "/audit/runs":
            self._query(201, ADD_RUN, values, keep=not asked.get("dry_run"))
        else:
            self._answer(404, {"error": "not_found"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are logged once, when they are answered."""

    def _query(self, status: int, statement: str, values: tuple[Any, ...], *, keep: bool = True) -> None:
        try:
            self._answer(status, {"rows": self.database.run(statement, values, keep=keep)})
        except DatabaseError as error:
            log(f"{error.kind}: {error}")
            self._answer(503, {"error": error.kind, "detail": str(error)})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        log(f"method={self.command} path={self.path} status={status}")


def log(message: str) -> None:
    print(message, flush=True)


def first_line(error: psycopg2.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def database_url() -> str:
    """The role-separated login, or the owner's where the flag is off."""
    separated = os.environ.get("FLAG_RAPTOR_APP_ROLE_SEPARATION") == "1"
    return os.environ["RAPTOR_APP_DATABASE_URL" if separated else "DATABASE_URL"]


def check(database: Database) -> None:
    """Use the database once and log how it went."""
    try:
        log(f"database ok, {database.run(COUNT_EVENTS)[0][0]} audit events")
    except DatabaseError as error:
        log(f"{error.kind}: {error}")


def main() -> None:
    kind, url = sys.argv[1], database_url()
    log(f"raptor {kind} starting, database login {urlsplit(url).username}")
    database = Database(url)
    check(database)
    if kind == "web":
        Handler.database = database
        server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
        log(f"listening on port {server.server_port}")
        server.serve_forever()
    while True:
        time.sleep(WORKER_SECONDS)
        check(database)


if __name__ == "__main__":
    main()
