# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""What a rotation does in PostgreSQL, as the platform's superuser."""

from __future__ import annotations

import threading
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection

from sandbox.postgres import Postgres


class Roles:
    """Logins of one database server. One superuser connection per database, opened when first needed."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._lock = threading.Lock()
        self._links: dict[str, connection] = {}

    def set_password(self, database: str, user: str, password: str) -> None:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
        self._run(database, statement)

    def create_bridge(self, database: str, bridge: str, password: str, user: str) -> None:
        """A second login with the rights of `user`."""
        statement = sql.SQL("CREATE ROLE {} LOGIN INHERIT PASSWORD {} IN ROLE {}").format(
            sql.Identifier(bridge), sql.Literal(password), sql.Identifier(user)
        )
        self._run(database, statement)

    def drop_bridge(self, database: str, bridge: str, user: str) -> None:
        """Remove the second login; what it created stays and belongs to `user`."""
        names = {"bridge": sql.Identifier(bridge), "user": sql.Identifier(user)}
        self.end_sessions(database, bridge)
        self._run(database, sql.SQL("REASSIGN OWNED BY {bridge} TO {user}").format(**names))
        self._run(database, sql.SQL("DROP OWNED BY {bridge}").format(**names))
        self._run(database, sql.SQL("DROP ROLE {bridge}").format(**names))

    def connections(self, database: str, user: str) -> int:
        rows = self._run(database, "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (user,))
        return int(rows[0][0])

    def end_sessions(self, database: str, user: str) -> None:
        self._run(
            database,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s",
            (user,),
        )

    def close(self) -> None:
        with self._lock:
            for link in self._links.values():
                link.close()
            self._links.clear()

    def _run(self, database: str, statement: str | sql.Composable, values: tuple[str, ...] = ()) -> list[Any]:
        with self._lock:
            if database not in self._links:
                self._links[database] = self._postgres.admin(database)
            with self._links[database].cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
