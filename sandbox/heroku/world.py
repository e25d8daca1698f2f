# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The state of the Heroku stand-in: apps, releases, dynos, add-ons, credentials, attachments; behind one lock."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.heroku.logplex import Logplex
from sandbox.heroku.settings import AddonSeed, Settings
from sandbox.postgres import Postgres

ADDON_ACTOR = "heroku-postgresql@addons.heroku.com"

UserState = Literal["enabling", "active", "revoking"]
StoreState = Literal["active", "rotating", "rotation_completed"]
DynoState = Literal["starting", "up", "crashed", "down"]


def new_id() -> str:
    return str(uuid.uuid4())


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Release:
    version: int
    description: str
    user: str
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=now)


@dataclass
class Dyno:
    """One dyno. `environment` is what the app's config was when the dyno was made."""

    name: str
    type: str
    command: str
    release: int
    environment: dict[str, str]
    size: str = "Standard-1X"
    state: DynoState = "starting"
    attach_url: str | None = None
    port: int | None = None
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass
class App:
    """`formation` is the number of dynos per process type; `commands` comes from the app's Procfile."""

    name: str
    config: dict[str, str]
    formation: dict[str, int]
    commands: dict[str, str]
    forbidden: bool = False
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=now)
    releases: list[Release] = field(default_factory=list)
    dynos: dict[str, Dyno] = field(default_factory=dict)

    @property
    def version(self) -> int:
        return self.releases[-1].version


@dataclass
class User:
    name: str
    password: str
    state: UserState = "active"


@dataclass
class Credential:
    """A credential store: one PostgreSQL user, and a second one while it rotates."""

    name: str
    users: list[User]
    state: StoreState = "active"
    uuid: str = field(default_factory=new_id)

    @property
    def active(self) -> User:
        return next(user for user in self.users if user.state == "active")


@dataclass
class Addon:
    name: str
    app: str
    database: str
    plan: str
    credentials: dict[str, Credential]
    id: str = field(default_factory=new_id)

    @property
    def roles(self) -> set[str]:
        """Every PostgreSQL role that this add-on has or may come to have."""
        permanent = {credential.users[0].name for credential in self.credentials.values()}
        return permanent | {f"{name}-rotating" for name in permanent}


@dataclass
class Attachment:
    """An add-on's credential under a name in an app; Heroku owns the config var of that name."""

    name: str
    app: str
    addon: str
    credential: str = "default"
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=now)

    @property
    def variable(self) -> str:
        return f"{self.name}_URL"

    @property
    def namespace(self) -> str | None:
        return None if self.credential == "default" else f"credential:{self.credential}"


class World:
    """Everything the stand-in knows.

    `api_url` is where its API is served; `on_release` is called, under the lock, after each release of an app.
    """

    def __init__(self, settings: Settings, postgres: Postgres, logs: Logplex, commands: dict[str, str]) -> None:
        self.lock = threading.RLock()
        self.settings = settings
        self.postgres = postgres
        self.logs = logs
        self.account_id = new_id()
        self.api_url = ""
        self.on_release: Callable[[App], None] = lambda _app: None
        self._secrets = set(settings.tokens)
        self.attachments: list[Attachment] = []
        self.addons = {seed.name: _addon(seed) for seed in settings.addons}
        self.apps = {
            seed.name: App(
                name=seed.name,
                config=dict(seed.config),
                formation=dict(seed.formation),
                commands=commands,
                forbidden=seed.forbidden,
                releases=[Release(1, "Initial release", settings.email)],
            )
            for seed in settings.apps
        }
        for addon in settings.addons:
            self._wire(addon)

    def _wire(self, seed: AddonSeed) -> None:
        """Put the credentials into the config of the app, attached or copied by hand."""
        app, addon = self.apps[seed.app], self.addons[seed.name]
        for credential in seed.credentials:
            url = self.url(addon, credential.name)
            attached_as = "DATABASE" if credential.name == "default" else credential.attached_as
            if attached_as:
                attachment = Attachment(attached_as, app.name, addon.name, credential.name)
                self.attachments.append(attachment)
                app.config[attachment.variable] = url
                app.releases.append(Release(app.version + 1, f"Attach {attached_as} (@ref:{addon.name})", self.settings.email))
            if credential.copied_to:
                app.config[credential.copied_to] = url
                app.releases.append(Release(app.version + 1, f"Set {credential.copied_to} config vars", self.settings.email))

    def url(self, addon: Addon, credential: str) -> str:
        """The connection URL that belongs to a credential now."""
        user = addon.credentials[credential].active
        self._secrets.add(user.password)
        url = self.postgres.url(user.name, user.password, addon.database)
        self._secrets.add(url)
        return url

    def remember(self, secret: str) -> None:
        """Note a secret, so that a search for leaks knows it."""
        with self.lock:
            self._secrets.add(secret)

    def secrets(self) -> set[str]:
        with self.lock:
            return self._secrets | self.logs.secrets()

    def find_app(self, reference: str) -> App | None:
        return next((app for app in self.apps.values() if reference in (app.name, app.id)), None)

    def find_addon(self, reference: str) -> Addon | None:
        return next((addon for addon in self.addons.values() if reference in (addon.name, addon.id)), None)

    def owned_variables(self, app: App) -> set[str]:
        """The config vars that belong to attachments."""
        return {attachment.variable for attachment in self.attachments if attachment.app == app.name}

    def change_config(self, app: App, changes: dict[str, str | None], user: str) -> None:
        """Apply changes made by a person: one release for all, or nothing if nothing differs."""
        with self.lock:
            real = {key: value for key, value in changes.items() if app.config.get(key) != value}
            if not real:
                return
            removed = sorted(key for key, value in real.items() if value is None)
            kept = sorted(set(real) - set(removed))
            for key, value in real.items():
                if value is None:
                    del app.config[key]
                else:
                    app.config[key] = value
            parts = [f"Set {', '.join(kept)}"] if kept else []
            parts += [f"Remove {', '.join(removed)}"] if removed else []
            self.release(app, f"{' and '.join(parts)} config vars", user)

    def attach(self, attachment: Attachment, user: str) -> None:
        with self.lock:
            app, addon = self.apps[attachment.app], self.addons[attachment.addon]
            self.attachments.append(attachment)
            app.config[attachment.variable] = self.url(addon, attachment.credential)
            self.release(app, f"Attach {attachment.name} (@ref:{addon.name})", user)

    def rewrite_attachments(self, addon: Addon, credential: str) -> None:
        """Write a credential's present URL to every config var that is attached to it, one release per app."""
        with self.lock:
            url = self.url(addon, credential)
            for app in self.apps.values():
                names = [
                    attachment.name
                    for attachment in self.attachments
                    if (attachment.app, attachment.addon, attachment.credential) == (app.name, addon.name, credential)
                ]
                if names:
                    app.config.update({f"{name}_URL": url for name in names})
                    self.release(app, f"Update {', '.join(names)} by heroku-postgresql", ADDON_ACTOR)

    def release(self, app: App, description: str, user: str) -> None:
        release = Release(app.version + 1, description, user)
        app.releases.append(release)
        self.logs.write(app.name, "app", "api", f"{description} by user {user}")
        self.logs.write(app.name, "app", "api", f"Release v{release.version} created by user {user}")
        self.on_release(app)

    def set_dyno_state(self, app: App, dyno: Dyno, state: DynoState) -> None:
        with self.lock:
            before, dyno.state, dyno.updated_at = dyno.state, state, now()
        self.logs.write(app.name, "heroku", dyno.name, f"State changed from {before} to {state}")

    def dump(self) -> dict[str, Any]:
        """The whole state without what differs from run to run (ids, times, states that pass)."""
        with self.lock:
            return {
                "account": self.settings.email,
                "apps": {app.name: _dump_app(app) for app in self.apps.values()},
                "addons": {addon.name: _dump_addon(addon) for addon in self.addons.values()},
                "attachments": sorted([item.app, item.name, item.addon, item.credential] for item in self.attachments),
            }


def _addon(seed: AddonSeed) -> Addon:
    credentials = {item.name: Credential(item.name, [User(item.user, item.password)]) for item in seed.credentials}
    return Addon(seed.name, seed.app, seed.database, seed.plan, credentials)


def _dump_app(app: App) -> dict[str, Any]:
    return {
        "config": dict(app.config),
        "formation": dict(app.formation),
        "releases": [{"version": item.version, "description": item.description, "user": item.user} for item in app.releases],
        "dynos": [{"name": dyno.name, "release": dyno.release} for dyno in app.dynos.values()],
    }


def _dump_addon(addon: Addon) -> dict[str, Any]:
    return {
        credential.name: {
            "state": credential.state,
            "users": [vars(user).copy() for user in credential.users],
        }
        for credential in addon.credentials.values()
    }
