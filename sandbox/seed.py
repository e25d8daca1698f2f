# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""What a sandbox is born with: reads the seed, makes up its secrets and fills the databases."""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from psycopg2 import sql
from psycopg2.extensions import cursor

from sandbox.heroku.settings import new_password
from sandbox.postgres import Postgres

Seed = dict[str, Any]

SEEDS = Path(__file__).parent / "seeds"
AGE_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def load(overlay: Path | None = None) -> Seed:
    """The default seed with a file laid over it, and with every secret that is not given made up."""
    seed: Seed = yaml.safe_load((SEEDS / "default.yml").read_text(encoding="utf-8"))
    if overlay is not None:
        seed = merge(seed, yaml.safe_load(overlay.read_text(encoding="utf-8")) or {})
    _make_secrets(seed)
    return seed


def merge(base: Any, over: Any) -> Any:
    """Mappings are merged key by key, anything else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merge(base.get(key), value) for key, value in over.items()}
    return over


def ago(age: str, now: datetime | None = None) -> datetime:
    """The moment that lies `age` (such as 15m or 3d) in the past."""
    match = re.fullmatch(r"(\d+)([smhd])", age)
    if match is None:
        raise ValueError(f"not an age: {age!r} (such as 90s, 15m, 4h or 3d)")
    return (now or datetime.now(UTC)) - timedelta(**{AGE_UNITS[match[2]]: int(match[1])})


def credential_urls(seed: Seed, postgres: Postgres) -> dict[str, str]:
    """The connection URL of every named credential."""
    return {
        credential["name"]: postgres.url(credential["user"], credential["password"], addon["database"])
        for addon in seed["heroku"]["addons"]
        for credential in addon["credentials"]
        if credential["name"] != "default"
    }


def plain_value(value: Any, urls: dict[str, str]) -> str:
    """A value as it is stored: text, or the URL that `{credential: NAME}` stands for."""
    return urls[value["credential"]] if isinstance(value, dict) else str(value)


def populate(seed: Seed, postgres: Postgres) -> None:
    """Make databases, logins, tables and rows."""
    for addon in seed["heroku"]["addons"]:
        _make_database(addon, postgres)
    link = postgres.admin("console")
    with link.cursor() as console:
        _fill_console(seed["console"], console)
    link.close()
    link = postgres.admin("raptor")
    with link.cursor() as raptor:
        _fill_raptor(seed["raptor"], raptor)
    link.close()


def _make_secrets(seed: Seed) -> None:
    heroku = seed["heroku"]
    heroku.setdefault("token", f"HRKU-{uuid.uuid4()}")
    for app in heroku["apps"]:
        for name in app.get("generated_config", []):
            app["config"].setdefault(name, secrets.token_hex(32))
    for addon in heroku["addons"]:
        for credential in addon["credentials"]:
            credential.setdefault("user", credential["name"])
            credential.setdefault("password", new_password())
    seed["infisical"].setdefault("client_id", str(uuid.uuid4()))
    seed["infisical"].setdefault("client_secret", secrets.token_hex(32))
    seed["freescout"].setdefault("api_key", secrets.token_hex(16))
    seed["aws"].setdefault("access_key_id", "AKIA" + secrets.token_hex(8).upper())
    seed["aws"].setdefault("secret_access_key", secrets.token_urlsafe(30))


def _make_database(addon: dict[str, Any], postgres: Postgres) -> None:
    """As on Heroku the owner may see and end sessions, but neither make roles nor set passwords."""
    database, owner = sql.Identifier(addon["database"]), None
    link = postgres.admin("postgres")
    with link.cursor() as db:
        for credential in addon["credentials"]:
            role = sql.Identifier(credential["user"])
            db.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(credential["password"])))
            if credential["name"] == "default":
                owner = role
        assert owner is not None, f"{addon['name']} has no default credential"
        db.execute(sql.SQL("GRANT pg_monitor, pg_signal_backend TO {}").format(owner))
        # A plain copy of the template's files: quicker than through the log.
        db.execute(sql.SQL("CREATE DATABASE {} OWNER {} STRATEGY file_copy").format(database, owner))
        db.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for credential in addon["credentials"]:
            role = sql.Identifier(credential["user"])
            db.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))
    link.close()
    link = postgres.admin(addon["database"])
    with link.cursor() as db:
        db.execute(sql.SQL("SET ROLE {}").format(owner))
        db.execute((SEEDS / f"{addon['database']}.sql").read_text(encoding="utf-8"))
        for credential in addon["credentials"]:
            for grant in credential.get("grants", []):
                db.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(grant), sql.Identifier(credential["user"])))
    link.close()


def _fill_console(console: dict[str, Any], db: cursor) -> None:
    db.executemany("INSERT INTO rbac_groups (name) VALUES (%s)", [(name,) for name in console["groups"]])
    for admin in console["admins"]:
        db.execute("INSERT INTO admins (email) VALUES (%s)", (admin["email"],))
        db.execute(
            "INSERT INTO rbac_user_groups (user_id, group_id, granted_at, granted_by)"
            " SELECT admins.id, rbac_groups.id, %s, (SELECT min(id) FROM admins) FROM admins, rbac_groups"
            " WHERE email = %s AND name = ANY (%s)",
            (ago("100d"), admin["email"], admin["groups"]),
        )
        db.executemany(
            "INSERT INTO admin_sessions (admin_id, started_at, last_seen_at, revoked_at, user_agent)"
            " SELECT id, %s, %s, %s, %s FROM admins WHERE email = %s",
            [
                (ago(item["started"]), ago(item["seen"]), _ago_or_none(item.get("revoked")), item["user_agent"], admin["email"])
                for item in admin["sessions"]
            ],
        )


def _fill_raptor(raptor: dict[str, Any], db: cursor) -> None:
    db.execute(
        "ALTER TABLE audit_archival_runs ADD CONSTRAINT audit_archival_runs_run_type_check CHECK (run_type = ANY (%s))",
        (raptor["audit_run_types"],),
    )
    db.executemany(
        "INSERT INTO audit_archival_runs (run_type, operator_email, freescout_ticket_id, notes, completed_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        [
            (run["run_type"], run["operator_email"], run.get("ticket"), run["notes"], ago(run["completed"]))
            for run in raptor["audit_runs"]
        ],
    )
    db.executemany(
        "INSERT INTO audit_events (occurred_at, actor, action) VALUES (%s, %s, %s)",
        [(ago(event["occurred"]), event["actor"], event["action"]) for event in raptor["audit_events"]],
    )


def _ago_or_none(age: str | None) -> datetime | None:
    return None if age is None else ago(age)
