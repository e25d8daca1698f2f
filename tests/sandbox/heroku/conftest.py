# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Heroku stand-in over a real PostgreSQL, with a seed that each test may change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
import requests
from psycopg2 import sql
from werkzeug.serving import make_server

from sandbox.heroku import Heroku
from sandbox.heroku.settings import new_password
from sandbox.postgres import Postgres
from sandbox.tls import CertificateAuthority
from tests.sandbox.heroku.waiting import eventually

TOKEN = "HRKU-test-token"
APP = "raxx-api-sandbox"
ADDON = "postgresql-raptor-10001"
ACCEPT = "application/vnd.heroku+json; version=3"
TABLES = """
CREATE TABLE audit_events (
    id bigserial PRIMARY KEY, occurred_at timestamptz NOT NULL DEFAULT now(), actor text NOT NULL, action text NOT NULL);
CREATE TABLE audit_archival_runs (
    id bigserial PRIMARY KEY, run_type text NOT NULL, operator_email text NOT NULL, notes text,
    completed_at timestamptz DEFAULT now());
INSERT INTO audit_events (occurred_at, actor, action) VALUES (now() - interval '1 year', 'a@raxx.example', 'login'),
    (now(), 'b@raxx.example', 'login');
CREATE ROLE owner_user LOGIN; CREATE ROLE raptor_app LOGIN; CREATE ROLE audit_archiver LOGIN;
GRANT SELECT, INSERT ON audit_events TO raptor_app; GRANT SELECT, INSERT ON audit_archival_runs TO raptor_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO raptor_app; GRANT SELECT ON audit_events TO audit_archiver;
ALTER TABLE audit_events OWNER TO owner_user; ALTER TABLE audit_archival_runs OWNER TO owner_user;
"""

# Hundreds of polls would bury what a failed test has to say.
logging.getLogger("werkzeug").setLevel(logging.WARNING)


@dataclass
class Stand:
    """A running stand-in and a client for it."""

    heroku: Heroku
    postgres: Postgres
    ca: CertificateAuthority
    url: str
    seed: dict[str, Any]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        sent = {"Accept": ACCEPT, "Authorization": f"Bearer {TOKEN}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, self.url + path, json=body, headers=sent, timeout=30)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.ok, answer.text
        return answer.json()

    def password(self, user: str) -> str:
        """The password that the seed gave to a database user."""
        for addon in self.seed["heroku"]["addons"]:
            for credential in addon["credentials"]:
                if credential.get("user", credential["name"]) == user:
                    return str(credential["password"])
        raise KeyError(user)

    def connect(self, user: str, password: str | None = None) -> Any:
        url = self.postgres.url(user, password or self.password(user), "raptor")
        return psycopg2.connect(url, sslmode="require", connect_timeout=5)

    def logs_in(self, user: str, password: str | None = None) -> bool:
        try:
            self.connect(user, password).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            return False
        return True

    def credential(self, name: str) -> Any:
        return self.get(f"/postgres/v0/databases/{ADDON}/credentials/{name}")

    def config(self) -> Any:
        return self.get(f"/apps/{APP}/config-vars")

    def dynos(self) -> Any:
        return self.get(f"/apps/{APP}/dynos")

    def rotate(self, name: str, body: Any = None) -> requests.Response:
        return self.call("POST", f"/postgres/v0/databases/{ADDON}/credentials/{name}/credentials_rotation", body or {})

    def releases(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.get(f"/apps/{APP}/releases")
        return listed

    def log(self, **wanted: Any) -> list[str]:
        """The lines of a log session without a tail."""
        opened = self.call("POST", f"/apps/{APP}/log-sessions", {"lines": 1500, **wanted})
        return requests.get(opened.json()["logplex_url"], timeout=30).text.splitlines()

    def wait_up(self) -> list[dict[str, Any]]:
        """The dynos, as soon as all of them are up."""

        def up() -> Any:
            dynos = self.dynos()
            return all(dyno["state"] == "up" for dyno in dynos) and dynos

        dynos: list[dict[str, Any]] = eventually(up)
        return dynos


def make_seed() -> dict[str, Any]:
    return {
        "heroku": {
            "token": TOKEN,
            "tokens": [{"token": "HRKU-reader", "scope": "read"}],
            "account": {"email": "olivia.osei@raxx.example", "name": "Olivia Osei"},
            "timings": {"enable_delay": 0.2, "settle_delay": 0.2, "restart_seconds": 0.1, "poll_seconds": 0.05},
            "apps": [
                {"name": APP, "config": {"LOG_LEVEL": "info", "FLAG_RAPTOR_APP_ROLE_SEPARATION": "1"}},
                {"name": "raxx-secret-sandbox", "forbidden": True},
            ],
            "addons": [
                {
                    "name": ADDON,
                    "app": APP,
                    "database": "raptor",
                    "credentials": [
                        {"name": "default", "user": "owner_user", "password": new_password()},
                        {"name": "raptor_app", "password": new_password(), "copied_to": "RAPTOR_APP_DATABASE_URL"},
                        {
                            "name": "audit_archiver",
                            "password": new_password(),
                            "attached_as": "AUDIT_ARCHIVER_DB",
                        },
                    ],
                }
            ],
        }
    }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, CertificateAuthority]]:
    state = tmp_path_factory.mktemp("heroku")
    ca = CertificateAuthority(state / "tls")
    postgres = Postgres(state, ca)
    postgres.start()
    execute(postgres, "postgres", "CREATE DATABASE raptor")
    execute(postgres, "raptor", TABLES)
    yield postgres, ca
    postgres.stop()


@pytest.fixture(scope="session")
def stand_in(
    server: tuple[Postgres, CertificateAuthority], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], Any]:
    """Brings up a stand-in from a seed, as a context."""
    postgres, ca = server

    @contextmanager
    def bring_up(seed: dict[str, Any]) -> Iterator[Stand]:
        for credential in seed["heroku"]["addons"][0]["credentials"]:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(credential.get("user", credential["name"])), sql.Literal(credential["password"])
            )
            execute(postgres, "raptor", statement)
        heroku = Heroku(seed=seed, postgres=postgres, state_dir=tmp_path_factory.mktemp("state"), ca=ca)
        web = make_server("127.0.0.1", 0, heroku.app, threaded=True)
        threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{web.server_port}"
        heroku.start(url)
        try:
            yield Stand(heroku, postgres, ca, url, seed)
        finally:
            heroku.stop()
            web.shutdown()
            web.server_close()

    return bring_up


@pytest.fixture
def seed() -> dict[str, Any]:
    """A seed without dynos; a test that wants another one changes it before it asks for `stand`."""
    return make_seed()


@pytest.fixture
def stand(stand_in: Callable[[dict[str, Any]], Any], seed: dict[str, Any]) -> Iterator[Stand]:
    with stand_in(seed) as running:
        yield running


@pytest.fixture(scope="module")
def running(stand_in: Callable[[dict[str, Any]], Any]) -> Iterator[Stand]:
    """A stand-in with two web dynos and a worker, all up at the start."""
    seed = make_seed()
    seed["heroku"]["apps"][0]["formation"] = {"web": 2, "worker": 1}
    with stand_in(seed) as stand:
        stand.wait_up()
        yield stand


def execute(postgres: Postgres, database: str, statement: str | sql.Composable) -> None:
    link = postgres.admin(database)
    try:
        with link.cursor() as cursor:
            cursor.execute(statement)
    finally:
        link.close()
