# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Platform API: the account, apps, config vars, releases."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.heroku.wire import ApiError, body, not_found, paged
from sandbox.heroku.world import App, Release, World


def find_app(world: World, reference: str) -> App:
    app = world.find_app(reference)
    if app is None:
        raise not_found("app", "app")
    if app.forbidden:
        raise ApiError(403, "forbidden", f"You do not have access to the app {app.name}.")
    return app


def short_app(app: App) -> dict[str, str]:
    return {"id": app.id, "name": app.name}


def add_routes(api: Blueprint, world: World) -> None:
    settings = world.settings
    owner = {"email": settings.email, "id": world.account_id}

    @api.get("/account")
    def account() -> dict[str, Any]:
        return {
            **owner,
            "name": settings.name,
            "beta": False,
            "verified": True,
            "two_factor_authentication": True,
            "federated": False,
        }

    def describe(app: App) -> dict[str, Any]:
        return {
            **short_app(app),
            "created_at": app.created_at,
            "generation": {"name": "cedar"},
            "internal_routing": None,
            "maintenance": False,
            "owner": owner,
            "process_tier": "production",
            "region": {"name": "us"},
            "released_at": app.releases[-1].created_at,
            "space": None,
            "stack": {"name": "heroku-24"},
            "team": None,
            "web_url": None,
        }

    @api.get("/apps")
    def list_apps() -> Response:
        return paged([describe(app) for app in world.apps.values() if not app.forbidden], {"name": str}, "name")

    @api.get("/apps/<app_ref>")
    def one_app(app_ref: str) -> dict[str, Any]:
        return describe(find_app(world, app_ref))

    @api.get("/apps/<app_ref>/config-vars")
    def read_config(app_ref: str) -> Response:
        app = find_app(world, app_ref)
        with world.lock:
            return jsonify(app.config)

    @api.patch("/apps/<app_ref>/config-vars")
    def change_config(app_ref: str) -> Response:
        app, changes = find_app(world, app_ref), body()
        wrong = sorted(key for key, value in changes.items() if not (value is None or isinstance(value, str)))
        if wrong:
            raise ApiError(422, "invalid_params", f"Config var values must be strings: {', '.join(wrong)}.")
        with world.lock:
            owned = sorted(world.owned_variables(app) & set(changes))
            if owned:
                raise ApiError(422, "invalid_params", f"Cannot overwrite attachment values {', '.join(owned)}.")
            world.change_config(app, changes, settings.email)
            return jsonify(app.config)

    def describe_release(app: App, release: Release) -> dict[str, Any]:
        return {
            "id": release.id,
            "app": short_app(app),
            "version": release.version,
            "status": "succeeded",
            "current": release is app.releases[-1],
            "description": release.description,
            "user": {"email": release.user, "id": world.account_id},
            "created_at": release.created_at,
            "updated_at": release.created_at,
            "addon_plan_names": [],
            "output_stream_url": None,
            "slug": None,
        }

    @api.get("/apps/<app_ref>/releases")
    def releases(app_ref: str) -> Response:
        app = find_app(world, app_ref)
        with world.lock:
            rows = [describe_release(app, release) for release in app.releases]
        return paged(rows, {"version": int, "id": str}, "version")

    @api.get("/apps/<app_ref>/releases/<release_ref>")
    def one_release(app_ref: str, release_ref: str) -> dict[str, Any]:
        app = find_app(world, app_ref)
        with world.lock:
            for release in app.releases:
                if release_ref in (release.id, str(release.version), f"v{release.version}"):
                    return describe_release(app, release)
        raise not_found("release", "release")
