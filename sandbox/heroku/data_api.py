# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The Data API: credentials of PostgreSQL add-ons and their rotation."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.heroku.rotation import RotationInProgressError, Rotations
from sandbox.heroku.wire import ApiError, add_headers, body, check_token
from sandbox.heroku.world import Addon, Credential, World


class UnknownDatabaseError(Exception):
    """The Data API answers this with HTML under a JSON content type."""


def blueprint(world: World, rotations: Rotations) -> Blueprint:
    api = Blueprint("data", __name__)
    api.before_request(lambda: check_token(world.settings.tokens))
    api.after_request(add_headers)

    @api.errorhandler(UnknownDatabaseError)
    def unknown_database(error: UnknownDatabaseError) -> Response:
        return Response("<h1>Not Found</h1>", 404, content_type="application/json")

    def find_database(reference: str) -> Addon:
        addon = world.find_addon(reference)
        if addon is None:
            raise UnknownDatabaseError
        return addon

    def find_credential(addon: Addon, name: str) -> Credential:
        credential = addon.credentials.get(name)
        if credential is None:
            raise ApiError(404, "not_found", f"Couldn't find that credential: {name}", resource="credential")
        return credential

    def rotate(addon: Addon, credentials: list[Credential], *, forced: bool) -> Response:
        try:
            for credential in credentials:
                rotations.request(addon, credential, forced=forced)
        except RotationInProgressError as error:
            raise ApiError(422, "unprocessable_entity", "This credential is already being rotated. Please wait.") from error
        return jsonify(message=f"Rotating credentials on {addon.name}")

    def store(addon: Addon, credential: Credential) -> dict[str, Any]:
        """A credential store with the connections that its users have at this moment."""
        with world.lock:
            users = [(user.name, user.password, user.state) for user in credential.users]
            state = credential.state
        enabling = any(user_state == "enabling" for __, __, user_state in users)
        rows = []
        for name, password, user_state in users:
            row: dict[str, Any] = {"user": name, "password": password, "state": user_state}
            if not enabling:
                row["connections"] = rotations.roles.connections(addon.database, name)
            rows.append(row)
        return {
            "uuid": credential.uuid,
            "name": credential.name,
            "state": state,
            "database": addon.database,
            "host": world.postgres.host,
            "port": world.postgres.port,
            "credentials": rows,
        }

    @api.get("/postgres/v0/databases/<db>/credentials")
    def list_credentials(db: str) -> Response:
        addon = find_database(db)
        return jsonify([store(addon, credential) for credential in addon.credentials.values()])

    @api.get("/postgres/v0/databases/<db>/credentials/<name>")
    def one_credential(db: str, name: str) -> Response:
        addon = find_database(db)
        return jsonify(store(addon, find_credential(addon, name)))

    @api.post("/postgres/v0/databases/<db>/credentials/<name>/credentials_rotation")
    def rotate_one(db: str, name: str) -> Response:
        addon = find_database(db)
        return rotate(addon, [find_credential(addon, name)], forced=body().get("forced") is True)

    @api.post("/postgres/v0/databases/<db>/credentials_rotation")
    def rotate_all(db: str) -> Response:
        """All at once: every connection is reset whether forced or not."""
        addon = find_database(db)
        return rotate(addon, list(addon.credentials.values()), forced=True)

    @api.get("/client/v11/databases/<db>")
    def info(db: str) -> Response:
        addon = find_database(db)
        with world.lock:
            owner = addon.credentials["default"].active
            url = world.url(addon, "default")
            count = len(addon.credentials)
        facts = {
            "Plan": addon.plan.partition(":")[2].replace("-", " ").title(),
            "Status": "Available",
            "PG Version": "18",
            "Fork/Follow": "Available",
            "Rollback": "Unsupported",
            "Add-on": addon.name,
        }
        return jsonify(
            {
                "info": [{"name": name, "values": [value]} for name, value in facts.items()],
                "name": addon.name,
                "resource_url": url,
                "waiting?": False,
                "credentials": count,
                "following": None,
                "database_name": addon.database,
                "database_user": owner.name,
                "database_password": owner.password,
            }
        )

    @api.get("/client/v11/databases/<db>/wait_status")
    def wait_status(db: str) -> Response:
        find_database(db)
        return jsonify({"waiting?": False, "error?": False, "message": "available"})

    return api
