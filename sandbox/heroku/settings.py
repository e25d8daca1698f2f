# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""What the seed says about Heroku, with types and defaults."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

Phase = Literal["A", "B", "C"]


def new_password() -> str:
    """A password in the form that Heroku gives its database users: `p` and 64 hex digits."""
    return "p" + secrets.token_hex(32)


@dataclass(frozen=True)
class Timings:
    """How long things take, in seconds.

    `enable_delay` is the length of phase A; `settle_delay` is the least time that phases B and C last and the
    time for which a finished rotation shows `rotation_completed`; `drain_seconds` is when the connections that
    keep phase B or C from ending are reset; `restart_seconds` is the least time that a dyno is `starting`.
    """

    enable_delay: float = 0.3
    settle_delay: float = 0.3
    drain_seconds: float = 1800.0
    restart_seconds: float = 0.5
    poll_seconds: float = 0.1


@dataclass(frozen=True)
class CredentialSeed:
    """A database login. `copied_to` is a config var that a person filled; `attached_as` an attachment's name."""

    name: str
    user: str
    password: str
    copied_to: str | None = None
    attached_as: str | None = None


@dataclass(frozen=True)
class AddonSeed:
    name: str
    app: str
    database: str
    plan: str
    credentials: tuple[CredentialSeed, ...]


@dataclass(frozen=True)
class AppSeed:
    name: str
    config: dict[str, str] = field(default_factory=dict)
    formation: dict[str, int] = field(default_factory=dict)
    forbidden: bool = False


@dataclass(frozen=True)
class Settings:
    """`tokens` maps each API token to its scope; the first one is the operator's."""

    tokens: dict[str, str]
    email: str
    name: str
    timings: Timings
    old_login_valid_until: Phase
    rotate_while_rotating: Literal["refuse", "accept"]
    new_password_tail: str
    apps: tuple[AppSeed, ...]
    addons: tuple[AddonSeed, ...]

    @classmethod
    def from_seed(cls, seed: dict[str, Any]) -> Settings:
        heroku = seed["heroku"]
        tokens = {heroku["token"]: "global"}
        tokens.update({entry["token"]: entry["scope"] for entry in heroku.get("tokens") or []})
        return cls(
            tokens=tokens,
            email=heroku["account"]["email"],
            name=heroku["account"].get("name") or "",
            timings=Timings(**(heroku.get("timings") or {})),
            old_login_valid_until=heroku.get("old_login_valid_until") or "B",
            rotate_while_rotating=heroku.get("rotate_while_rotating") or "refuse",
            new_password_tail=heroku.get("new_password_tail") or "",
            apps=tuple(_app(entry) for entry in heroku["apps"]),
            addons=tuple(_addon(entry) for entry in heroku["addons"]),
        )


def _app(entry: dict[str, Any]) -> AppSeed:
    return AppSeed(
        name=entry["name"],
        config={key: str(value) for key, value in (entry.get("config") or {}).items()},
        formation=dict(entry.get("formation") or {}),
        forbidden=bool(entry.get("forbidden")),
    )


def _addon(entry: dict[str, Any]) -> AddonSeed:
    credentials = tuple(
        CredentialSeed(
            name=item["name"],
            user=item.get("user") or item["name"],
            password=item["password"],
            copied_to=item.get("copied_to"),
            attached_as=item.get("attached_as"),
        )
        for item in entry["credentials"]
    )
    return AddonSeed(
        name=entry["name"],
        app=entry["app"],
        database=entry["database"],
        plan=entry.get("plan") or "heroku-postgresql:standard-0",
        credentials=credentials,
    )
