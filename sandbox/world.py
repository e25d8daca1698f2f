# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""All systems of one sandbox, started and stopped together."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from psycopg2 import sql
from werkzeug.wrappers import Request, Response

from sandbox import seed as seeds
from sandbox.faults import Dialect, FaultBook, Faulty, WsgiApp
from sandbox.freescout import FreeScout, FreeScoutDialect
from sandbox.heroku import Heroku
from sandbox.infisical import Infisical, InfisicalDialect
from sandbox.postgres import Postgres
from sandbox.tls import CertificateAuthority
from sandbox.web import WebServer

if TYPE_CHECKING:
    from sandbox.aws import Aws

DATABASES = ("console", "raptor")
DYNO_SECONDS = 20.0


class HerokuDialect(Dialect):
    def writes(self, request: Request) -> bool:
        """A resolver, and where the log can be read, are asked for with POST, which changes nothing."""
        asks = request.path.startswith("/actions/") or request.path.endswith("/log-sessions")
        return super().writes(request) and not asks

    def error(self) -> Response:
        return _heroku_error(503, "server_error", "Heroku is temporarily unavailable.")

    def throttled(self) -> Response:
        words = "Your account reached the API limit. Please wait a few minutes before making new requests"
        response = _heroku_error(429, "rate_limit", words)
        response.headers["RateLimit-Remaining"] = "0"
        return response


class World:
    """The systems of one sandbox, with their state below `state_dir`."""

    def __init__(self, state_dir: Path, seed: seeds.Seed) -> None:
        self.state_dir = state_dir
        self.faults = FaultBook()
        self._seed = seed
        self._ca = CertificateAuthority(state_dir / "tls")
        self._postgres = Postgres(state_dir, self._ca, self.faults)
        self._servers: dict[str, WebServer] = {}
        self._heroku: Heroku | None = None
        self._infisical: Infisical
        self._freescout: FreeScout
        self._aws: Aws

    def start(self) -> None:
        """Returns when everything answers."""
        with ThreadPoolExecutor(1) as pool:
            # moto takes as long to load as PostgreSQL takes to be made.
            loaded = pool.submit(_load_aws)
            self._postgres.start()
            seeds.populate(self._seed, self._postgres)
            self._infisical = Infisical(self._seed, self._postgres)
            self._freescout = FreeScout(self._seed)
            self._heroku = Heroku(seed=self._seed, postgres=self._postgres, state_dir=self.state_dir, ca=self._ca)
            self._serve("heroku", self._heroku.app, HerokuDialect())
            self._serve("infisical", self._infisical.app, InfisicalDialect())
            self._serve("freescout", self._freescout.app, FreeScoutDialect())
            self._heroku.start(self._url("heroku"))
            aws_type, aws_dialect = loaded.result()
        self._aws = aws_type(self._seed, self._postgres)
        self._serve("aws", self._aws.app, aws_dialect)
        self._wait_for_dynos()

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        if self._heroku is not None:
            self._heroku.stop()
        self._postgres.stop()

    def status(self) -> dict[str, Any]:
        """Where everything is and what opens it: the contract of `status --json`."""
        assert self._heroku is not None
        heroku, infisical, freescout = self._url("heroku"), self._infisical, self._freescout
        return {
            "state_dir": str(self.state_dir),
            "people": self._seed["people"],
            "heroku": {
                "api_url": heroku,
                "data_url": heroku,
                "token": self._seed["heroku"]["token"],
                "ca_file": str(self._ca.ca_file),
            },
            "infisical": {
                "url": self._url("infisical"),
                "token": infisical.auth.token,
                "user_token": infisical.auth.user_token,
                "client_id": self._seed["infisical"]["client_id"],
                "client_secret": self._seed["infisical"]["client_secret"],
                "workspace_id": infisical.workspace_id,
                "environment": infisical.environment,
                "path": infisical.path,
            },
            "freescout": {
                "url": self._url("freescout"),
                "api_key": freescout.api_key,
                "mailbox_id": freescout.mailbox_id,
                "user_id": freescout.user_id,
            },
            "aws": {
                "endpoint_url": self._url("aws"),
                "region": self._aws.region,
                "access_key_id": self._aws.access_key_id,
                "secret_access_key": self._aws.secret_access_key,
            },
            "databases": {name: self._postgres.superuser_url(name) for name in DATABASES},
            "raptor": {"url": self._heroku.web_url(self._web_app())},
            "secrets": sorted(self._secrets()),
            "processes": [
                {"name": "sandbox supervisor", "pid": os.getpid()},
                {"name": "postgres", "pid": self._postgres.pid},
                *self._heroku.processes(),
            ],
        }

    def dump(self) -> dict[str, Any]:
        """Everything that the systems hold."""
        assert self._heroku is not None
        return {
            **{name: self._dump_database(name) for name in DATABASES},
            "ssm": self._aws.dump(),
            "infisical": self._infisical.dump(),
            "heroku": self._heroku.dump(),
            "freescout": self._freescout.dump(),
        }

    def _serve(self, name: str, app: WsgiApp, dialect: Dialect) -> None:
        self._servers[name] = WebServer(Faulty(app, name, dialect, self.faults), name)

    def _url(self, name: str) -> str:
        return self._servers[name].url

    def _web_app(self) -> str:
        return str(next(app["name"] for app in self._seed["heroku"]["apps"] if "web" in app.get("formation", {})))

    def _secrets(self) -> set[str]:
        assert self._heroku is not None
        urls = {self._postgres.superuser_url(name) for name in DATABASES}
        own = urls | {self._postgres.password}
        own |= {app["config"][name] for app in self._seed["heroku"]["apps"] for name in app.get("generated_config", [])}
        systems = (self._heroku, self._infisical, self._freescout, self._aws)
        return own.union(*(system.secrets() for system in systems))

    def _wait_for_dynos(self) -> None:
        """A dyno that crashed has answered too: it is for the user of the sandbox to see."""
        deadline = time.monotonic() + DYNO_SECONDS
        headers = {"Accept": "application/vnd.heroku+json; version=3", "Authorization": f"Bearer {self._seed['heroku']['token']}"}
        starting = {app["name"] for app in self._seed["heroku"]["apps"] if app.get("formation")}
        while starting:
            for app in tuple(starting):
                answer = requests.get(f"{self._url('heroku')}/apps/{app}/dynos", headers=headers, timeout=10)
                if all(dyno["state"] != "starting" for dyno in answer.json()):
                    starting.discard(app)
            if time.monotonic() > deadline:
                raise RuntimeError(f"dynos of {', '.join(sorted(starting))} do not come up")
            time.sleep(0.05)

    def _dump_database(self, database: str) -> dict[str, list[Any]]:
        link = self._postgres.admin(database)
        try:
            with link.cursor() as db:
                db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
                tables = [row[0] for row in db.fetchall()]
                rows = {}
                for table in tables:
                    db.execute(sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY t").format(sql.Identifier(table)))
                    rows[table] = [row[0] for row in db.fetchall()]
                return rows
        finally:
            link.close()


def _load_aws() -> tuple[type[Aws], Dialect]:
    from sandbox.aws import Aws, AwsDialect  # noqa: PLC0415  (slow to load, so it is loaded beside other work)

    return Aws, AwsDialect()


def _heroku_error(status: int, kind: str, message: str) -> Response:
    return Response(json.dumps({"id": kind, "message": message}), status, content_type="application/json;charset=utf-8")
