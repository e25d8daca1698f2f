# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Platform API: add-ons and their attachments."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.heroku.platform_apps import find_app, short_app
from sandbox.heroku.wire import ApiError, body, not_found, paged
from sandbox.heroku.world import Addon, Attachment, World


def add_routes(api: Blueprint, world: World) -> None:
    _add_resolvers(api, world)
    _add_listings(api, world)
    _add_attaching(api, world)


def _add_resolvers(api: Blueprint, world: World) -> None:
    @api.post("/actions/addon-attachments/resolve")
    def resolve_attachment() -> Response:
        """By attachment name, its config var's name, its id, or the add-on's name; `app::` overrides the app."""
        asked = body()
        app_ref, __, name = str(asked.get("addon_attachment") or "").rpartition("::")
        app_ref = app_ref or asked.get("app") or ""
        app = find_app(world, app_ref) if app_ref else None
        with world.lock:
            found = [
                item
                for item in world.attachments
                if (app is None or item.app == app.name)
                and name in (item.name, item.variable, item.id, item.addon, world.addons[item.addon].id)
                and not world.apps[item.app].forbidden
            ]
            if not found:
                raise not_found("add_on attachment", "add on attachment")
            return jsonify([_describe(world, item) for item in found])

    @api.post("/actions/addons/resolve")
    def resolve_addon() -> Response:
        """By the add-on's name or id, or by the name of an attachment in the app."""
        asked = body()
        name = str(asked.get("addon") or "")
        app = find_app(world, asked["app"]) if asked.get("app") else None
        with world.lock:
            attached = {
                item.addon
                for item in world.attachments
                if app is not None and item.app == app.name and name in (item.name, item.variable)
            }
            found = [addon for addon in world.addons.values() if name in (addon.name, addon.id) or addon.name in attached]
            if not found:
                raise not_found("add_on", "add-on")
            return jsonify([_describe_addon(world, addon) for addon in found])


def _add_listings(api: Blueprint, world: World) -> None:
    @api.get("/addons/<addon_ref>")
    def one_addon(addon_ref: str) -> dict[str, Any]:
        return _describe_addon(world, _find_addon(world, addon_ref))

    @api.get("/apps/<app_ref>/addons")
    def addons_of_app(app_ref: str) -> Response:
        app = find_app(world, app_ref)
        return paged(
            [_describe_addon(world, item) for item in world.addons.values() if item.app == app.name],
            {"name": str},
            "name",
        )

    @api.get("/addons/<addon_ref>/addon-attachments")
    def attachments_of_addon(addon_ref: str) -> Response:
        addon = _find_addon(world, addon_ref)
        return _listing(world, [item for item in world.attachments if item.addon == addon.name])

    @api.get("/apps/<app_ref>/addon-attachments")
    def attachments_of_app(app_ref: str) -> Response:
        app = find_app(world, app_ref)
        return _listing(world, [item for item in world.attachments if item.app == app.name])

    @api.get("/addons/<addon_ref>/config/credential:<name>")
    def credential_config(addon_ref: str, name: str) -> Response:
        """Not empty if the add-on has a credential of that name."""
        addon = _find_addon(world, addon_ref)
        return jsonify([{"name": f"credential:{name}"}] if name in addon.credentials else [])


def _add_attaching(api: Blueprint, world: World) -> None:
    @api.post("/addon-attachments")
    def attach() -> tuple[Response, int]:
        asked = body()
        addon = _find_addon(world, _name(asked.get("addon")))
        app = find_app(world, _name(asked.get("app")))
        kind, __, credential = str(asked.get("namespace") or "credential:default").partition(":")
        if kind != "credential" or credential not in addon.credentials:
            raise ApiError(422, "invalid_params", "Couldn't find that credential.")
        with world.lock:
            name = asked.get("name") or f"HEROKU_POSTGRESQL_{credential.upper()}"
            attachment = Attachment(name, app.name, addon.name, credential)
            if attachment.variable in app.config:
                raise ApiError(422, "invalid_params", f"Name {name} is already used by another config var.")
            world.attach(attachment, world.settings.email)
            return jsonify(_describe(world, attachment)), 201


def _find_addon(world: World, reference: str) -> Addon:
    addon = world.find_addon(reference)
    if addon is None:
        raise not_found("add_on", "add-on")
    return addon


def _describe_addon(world: World, addon: Addon) -> dict[str, Any]:
    return {
        "id": addon.id,
        "name": addon.name,
        "app": short_app(world.apps[addon.app]),
        "addon_service": {"name": "heroku-postgresql"},
        "plan": {"name": addon.plan},
        "state": "provisioned",
        "config_vars": [item.variable for item in world.attachments if item.addon == addon.name],
        "created_at": world.apps[addon.app].created_at,
    }


def _describe(world: World, attachment: Attachment) -> dict[str, Any]:
    addon = world.addons[attachment.addon]
    return {
        "id": attachment.id,
        "name": attachment.name,
        "namespace": attachment.namespace,
        "app": short_app(world.apps[attachment.app]),
        "addon": {
            "id": addon.id,
            "name": addon.name,
            "app": short_app(world.apps[addon.app]),
            "plan": {"name": addon.plan},
        },
        "config_vars": [attachment.variable],
        "created_at": attachment.created_at,
        "web_url": None,
    }


def _listing(world: World, chosen: list[Attachment]) -> Response:
    return paged([_describe(world, item) for item in chosen], {"id": str, "name": str}, "id")


def _name(reference: object) -> str:
    """An app or add-on is given as a string or as an object with its name or id."""
    if isinstance(reference, dict):
        return str(reference.get("name") or reference.get("id") or "")
    return str(reference or "")
