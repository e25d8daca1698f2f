# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server with the Console and the Raptor database, as Heroku gives them: the owner is no superuser."""

from __future__ import annotations

import secrets
import typing as t
from dataclasses import dataclass, field

import psycopg2
import pytest

from sandbox.postgres import Postgres
from sandbox.tls import CertificateAuthority
from tests.unit.conftest import no_credentials_of_this_machine, run_main  # noqa: F401  # pylint: disable=unused-import  # fixtures

AUTHENTICATION_TIMEOUT = 2  # seconds
OWNER = "owner"
PASSWORD = "0wner's p@ss/wörd %"

CONSOLE = """
CREATE TABLE admins (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE);
CREATE TABLE rbac_groups (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE rbac_user_groups (
    user_id bigint NOT NULL REFERENCES admins, group_id bigint NOT NULL REFERENCES rbac_groups,
    granted_at timestamptz NOT NULL DEFAULT now(), granted_by bigint REFERENCES admins, PRIMARY KEY (user_id, group_id));
CREATE TABLE admin_sessions (
    id bigserial PRIMARY KEY, admin_id bigint NOT NULL REFERENCES admins, started_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz, user_agent text, revoked_at timestamptz);
"""
AUDIT = """
CREATE TABLE audit_archival_runs (
    id bigserial PRIMARY KEY,
    run_type text NOT NULL
        CONSTRAINT run_types CHECK (run_type IN ('scheduled', 'manual', 'deprovisioning', 'manual_deprovisioning')),
    operator_email text NOT NULL, freescout_ticket_id text, notes text, completed_at timestamptz DEFAULT now(),
    rows_archived bigint DEFAULT 0);
"""


@dataclass
class Server:
    """C(admin) runs SQL as superuser and returns the rows; C(url) is the connection URL of a role."""

    server: Postgres
    passwords: dict[str, str] = field(default_factory=dict)

    def admin(self, sql: str, parameters: t.Any = None, *, database: str = "console") -> list[tuple[t.Any, ...]]:
        link = self.server.admin(database)
        try:
            with link.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            link.close()

    def url(self, user: str = OWNER, database: str = "console", password: str | None = None) -> str:
        return self.server.url(user, self.passwords[user] if password is None else password, database)

    def connect(self, user: str, database: str = "console") -> psycopg2.extensions.connection:
        link = psycopg2.connect(self.url(user, database), sslmode="require")
        link.autocommit = True
        return link

    def make_role(self, name: str, attributes: str = "") -> str:
        """A role that may log in; the answer is its password."""
        password = secrets.token_hex(12)
        self.admin(f'CREATE ROLE "{name}" LOGIN {attributes} PASSWORD %s', (password,))
        self.passwords[name] = password
        return password

    def set_password(self, name: str) -> str:
        """What a rotation does. The answer is the password before."""
        before = self.passwords[name]
        self.passwords[name] = secrets.token_hex(12)
        self.admin(f'ALTER ROLE "{name}" PASSWORD %s', (self.passwords[name],))
        return before


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Server]:
    directory = tmp_path_factory.mktemp("postgres")
    server = Postgres(directory, CertificateAuthority(directory / "tls"))
    server.start()
    here = Server(server, {OWNER: PASSWORD})
    try:
        here.admin(f"CREATE ROLE {OWNER} LOGIN PASSWORD %s", (PASSWORD,), database="postgres")
        here.admin(f"GRANT pg_monitor, pg_signal_backend TO {OWNER}", database="postgres")
        here.admin("ALTER SYSTEM SET authentication_timeout = %s", (f"{AUTHENTICATION_TIMEOUT}s",), database="postgres")
        here.admin("SELECT pg_reload_conf()", database="postgres")
        for database in ("console", "raptor"):
            here.admin(f"CREATE DATABASE {database} OWNER {OWNER}", database="postgres")
        yield here
    finally:
        server.stop()


@pytest.fixture
def server(_server: Server) -> t.Iterator[Server]:
    """The server with empty tables that the owner owns; roles that a test makes are gone afterwards."""
    for database, tables in (("console", CONSOLE), ("raptor", AUDIT)):
        _server.admin(f"DROP OWNED BY {OWNER} CASCADE; SET ROLE {OWNER}; {tables}", database=database)
    yield _server
    for name in [name for name in _server.passwords if name != OWNER]:
        _server.admin("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = %s", (name,))
        for database in ("console", "raptor"):
            if _server.admin("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)):
                _server.admin(f'DROP OWNED BY "{name}"', database=database)
        _server.admin(f'DROP ROLE IF EXISTS "{name}"')
        del _server.passwords[name]
