# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""A stand-in for Heroku: Platform API, Data API, logs, dynos, one-off dynos and credential rotation.

Nothing is pretended that can be done: dynos are processes, a rotation changes passwords in PostgreSQL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException

from sandbox.heroku import data_api, log_api, platform_api
from sandbox.heroku.dynos import Dynos
from sandbox.heroku.logplex import Logplex
from sandbox.heroku.oneoff import OneOffs
from sandbox.heroku.postgres_log import PostgresLog
from sandbox.heroku.processes import Launcher, procfile
from sandbox.heroku.rendezvous import Listener
from sandbox.heroku.roles import Roles
from sandbox.heroku.rotation import Rotations
from sandbox.heroku.router import Router
from sandbox.heroku.settings import Settings
from sandbox.heroku.wire import ApiError, render_error, render_http_error
from sandbox.heroku.world import World
from sandbox.postgres import Postgres
from sandbox.tls import CertificateAuthority


class Heroku:
    """`app` serves all APIs on one port; `start` begins everything that runs beside it."""

    def __init__(
        self,
        *,
        seed: dict[str, Any],
        postgres: Postgres,
        state_dir: Path,
        ca: CertificateAuthority,
        base_url: str | None = None,
    ) -> None:
        self._logs = Logplex()
        self._world = World(Settings.from_seed(seed), postgres, self._logs, procfile())
        self._world.api_url = base_url or ""
        home = state_dir / "heroku"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._launcher = Launcher(home)
        self._roles = Roles(postgres)
        self._rotations = Rotations(self._world, self._roles)
        self._dynos = Dynos(self._world, self._launcher)
        self._oneoffs = OneOffs(self._world, self._launcher)
        self._listener = Listener(ca.server_context(), self._oneoffs.take)
        self._oneoffs.rendezvous_url = self._listener.url
        self._postgres_log = PostgresLog(self._world, postgres.log_file)
        self._routers = {app.name: Router(self._world, app) for app in self._world.apps.values() if "web" in app.formation}
        self.app = self._make_app()

    def _make_app(self) -> Flask:
        app = Flask("heroku")
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.register_blueprint(platform_api.blueprint(self._world, self._dynos, self._oneoffs))
        app.register_blueprint(data_api.blueprint(self._world, self._rotations))
        app.register_blueprint(log_api.blueprint(self._logs))
        app.register_error_handler(ApiError, render_error)
        app.register_error_handler(HTTPException, render_http_error)
        return app

    def start(self, api_url: str) -> None:
        """Start dynos and listeners; `api_url` is where `app` is served."""
        self._world.api_url = api_url.rstrip("/")
        self._postgres_log.start()
        self._listener.start()
        for router in self._routers.values():
            router.start()
        self._dynos.start()

    def stop(self) -> None:
        """End all processes and threads."""
        self._listener.stop()
        for router in self._routers.values():
            router.stop()
        self._rotations.stop()
        self._oneoffs.stop_all()
        self._dynos.stop()
        self._postgres_log.stop()
        self._logs.close()
        self._roles.close()
        self._launcher.close()

    def web_url(self, app: str) -> str:
        """Where the web dynos of an app answer."""
        return self._routers[app].url

    def secrets(self) -> set[str]:
        """Every secret that is or was ever in use: tokens, passwords, connection URLs, secret addresses."""
        return self._world.secrets()

    def dump(self) -> dict[str, Any]:
        """The whole state, without what differs from run to run."""
        return self._world.dump()

    def processes(self) -> list[dict[str, Any]]:
        """The child processes: `name` and `pid`."""
        found = self._dynos.processes() + self._oneoffs.processes()
        return [{"name": name, "pid": pid} for name, pid in found]
