# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of Heroku as its APIs give them, for scripts of expected calls."""

from __future__ import annotations

import typing as t

import responses
from responses import matchers

API = "https://api.heroku.com"
DATA = "https://api.data.heroku.com"
APP = f"{API}/apps/raxx-api-prod"
KEY = "HRKU-a-key-of-heroku"
BASIC = "Basic OkhSS1UtYS1rZXktb2YtaGVyb2t1"  # ":" and the key


def attachment(name: str = "DATABASE", namespace: str | None = None, **more: t.Any) -> dict[str, t.Any]:
    return {
        "name": name,
        "namespace": namespace,
        "app": {"name": "raxx-api-prod"},
        "addon": {
            "id": "a-1",
            "name": "postgresql-round-1",
            "plan": {"name": "heroku-postgresql:standard-0"},
            "app": {"name": "raxx-api-prod"},
        },
        "config_vars": [f"{name}_URL"],
        **more,
    }


def dyno(name: str, version: int | None, state: str = "up", updated: str = "2026-05-19T10:05:00Z") -> dict[str, t.Any]:
    return {
        "id": name,
        "name": name,
        "type": name.partition(".")[0],
        "state": state,
        "command": "bin/web",
        "release": None if version is None else {"id": "r", "version": version},
        "created_at": updated,
        "updated_at": updated,
    }


def release(version: int, status: str = "succeeded") -> dict[str, t.Any]:
    return {"version": version, "status": status, "description": "Set config vars", "created_at": "2026-05-19T10:04:00Z"}


def error(error_id: str, message: str = "", **more: t.Any) -> dict[str, t.Any]:
    return {"id": error_id, "message": message, **more}


def expect_release(script: responses.RequestsMock, version: int, status: str = "succeeded") -> None:
    script.get(
        f"{APP}/releases",
        json=[release(version, status)],
        status=206,
        headers={"Next-Range": "]41..; order=desc,max=1"},
        match=[matchers.header_matcher({"Range": "version ..; order=desc,max=1"})],
    )


def expect_config(script: responses.RequestsMock, values: dict[str, str]) -> None:
    script.get(f"{APP}/config-vars", json=values, match=[matchers.header_matcher({"Authorization": f"Bearer {KEY}"})])


def expect_dynos(script: responses.RequestsMock, *dynos: dict[str, t.Any]) -> None:
    script.get(f"{APP}/dynos", json=list(dynos))
