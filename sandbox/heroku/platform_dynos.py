# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Platform API: dynos, formations, log sessions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.heroku.dynos import Dynos
from sandbox.heroku.oneoff import OneOffs
from sandbox.heroku.platform_apps import find_app, short_app
from sandbox.heroku.wire import ApiError, body, not_found
from sandbox.heroku.world import App, Dyno, World


def add_routes(api: Blueprint, world: World, dynos: Dynos, oneoffs: OneOffs) -> None:
    _add_dynos(api, world, dynos, oneoffs)
    _add_formation(api, world, dynos)
    _add_log_sessions(api, world)


def _add_dynos(api: Blueprint, world: World, dynos: Dynos, oneoffs: OneOffs) -> None:
    def describe(app: App, dyno: Dyno) -> dict[str, Any]:
        release = next(item for item in app.releases if item.version == dyno.release)
        return {
            "id": dyno.id,
            "name": dyno.name,
            "type": dyno.type,
            "state": dyno.state,
            "size": dyno.size,
            "command": dyno.command,
            "attach_url": dyno.attach_url,
            "release": {"id": release.id, "version": release.version},
            "app": short_app(app),
            "created_at": dyno.created_at,
            "updated_at": dyno.updated_at,
        }

    def find_dyno(app: App, reference: str) -> Dyno:
        for dyno in app.dynos.values():
            if reference in (dyno.name, dyno.id):
                return dyno
        raise not_found("dyno", "dyno")

    @api.get("/apps/<app_ref>/dynos")
    def list_dynos(app_ref: str) -> Response:
        app = find_app(world, app_ref)
        with world.lock:
            return jsonify([describe(app, dyno) for dyno in app.dynos.values()])

    @api.get("/apps/<app_ref>/dynos/<dyno_ref>")
    def one_dyno(app_ref: str, dyno_ref: str) -> dict[str, Any]:
        app = find_app(world, app_ref)
        with world.lock:
            return describe(app, find_dyno(app, dyno_ref))

    @api.post("/apps/<app_ref>/dynos")
    def create_dyno(app_ref: str) -> tuple[Response, int]:
        app, asked = find_app(world, app_ref), body()
        command, environment = asked.get("command"), asked.get("env") or {}
        if not command or not isinstance(command, str):
            raise ApiError(422, "invalid_params", "Command is required.")
        if not isinstance(environment, dict):
            raise ApiError(422, "invalid_params", "Env must be an object.")
        dyno = oneoffs.create(
            app,
            command,
            {str(key): str(value) for key, value in environment.items()},
            attach=asked.get("attach") is True,
            echo=asked.get("force_no_tty") is not True,
            size=str(asked.get("size") or "Standard-1X"),
            seconds=asked.get("time_to_live"),
        )
        with world.lock:
            return jsonify(describe(app, dyno)), 201

    def accepted() -> tuple[Response, int]:
        return jsonify({}), 202

    @api.delete("/apps/<app_ref>/dynos")
    def restart_all(app_ref: str) -> tuple[Response, int]:
        dynos.restart(find_app(world, app_ref))
        return accepted()

    @api.delete("/apps/<app_ref>/dynos/<dyno_ref>")
    @api.post("/apps/<app_ref>/dynos/<dyno_ref>/actions/stop", endpoint="stop_dyno")
    def restart_one(app_ref: str, dyno_ref: str) -> tuple[Response, int]:
        """The dyno manager starts a dyno of the formation again after a stop, so both calls do the same."""
        app = find_app(world, app_ref)
        with world.lock:
            dyno = find_dyno(app, dyno_ref)
            if not oneoffs.stop(dyno):
                dynos.restart(app, lambda other: other.name == dyno.name)
        return accepted()


def _add_formation(api: Blueprint, world: World, dynos: Dynos) -> None:
    def formation(app: App) -> Response:
        with world.lock:
            return jsonify(
                [
                    {
                        "id": f"{app.id}-{kind}",
                        "app": short_app(app),
                        "type": kind,
                        "quantity": quantity,
                        "size": "Standard-1X",
                        "command": app.commands[kind],
                    }
                    for kind, quantity in app.formation.items()
                ]
            )

    @api.get("/apps/<app_ref>/formation")
    def read_formation(app_ref: str) -> Response:
        return formation(find_app(world, app_ref))

    @api.patch("/apps/<app_ref>/formation")
    def scale(app_ref: str) -> Response:
        app = find_app(world, app_ref)
        for update in body().get("updates") or []:
            if update.get("type") not in app.formation:
                raise not_found("formation", "process type")
            if isinstance(update.get("quantity"), int):
                dynos.scale(app, update["type"], update["quantity"])
        return formation(app)

    @api.delete("/apps/<app_ref>/formations/<kind>")
    @api.post("/apps/<app_ref>/formations/<kind>/actions/stop", endpoint="stop_formation")
    def restart_kind(app_ref: str, kind: str) -> tuple[Response, int]:
        app = find_app(world, app_ref)
        if kind not in app.formation:
            raise not_found("formation", "process type")
        dynos.restart(app, lambda dyno: dyno.type == kind)
        return jsonify({}), 202


def _add_log_sessions(api: Blueprint, world: World) -> None:
    @api.post("/apps/<app_ref>/log-sessions")
    def log_session(app_ref: str) -> tuple[Response, int]:
        """The schema calls the dyno `dyno_name`, the CLI sends `dyno`."""
        app, asked = find_app(world, app_ref), body()
        lines = asked.get("lines", 100)
        if not isinstance(lines, int):
            raise ApiError(422, "invalid_params", "Lines must be a number.")
        session = world.logs.open(
            app.name,
            lines=lines,
            tail=asked.get("tail") is True,
            source=asked.get("source"),
            dyno=asked.get("dyno_name") or asked.get("dyno"),
        )
        return jsonify(logplex_url=f"{world.api_url}/sessions/{session.secret}", id=session.secret), 201
