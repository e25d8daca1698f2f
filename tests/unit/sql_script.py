# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict scripted PostgreSQL connection: an unexpected, missing or misplaced statement, or a write in check mode, fails."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg2
import psycopg2.errors
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import WHERE

if t.TYPE_CHECKING:
    from .conftest import ModuleRunner, Outcome

URL = "postgres://owner:the-0wners-password@db.example:5432/console"

PLACE = ("owner", "console", "10.0.0.7", 5432, "16.4", datetime(2026, 5, 19, 10, 0, tzinfo=UTC))

# What changes data, locks rows, or touches another session.
MUTATING = re.compile(
    r"\b(insert|update|delete|merge|truncate|alter|create|drop|grant|revoke|pg_terminate_backend|pg_advisory\w*)\b"
)


def normalised(sql: str) -> str:
    return " ".join(sql.split())


def sql_error(sqlstate: str | None) -> psycopg2.Error:
    """The driver's exception for a SQLSTATE; without one, what a lost connection raises."""
    error = (
        psycopg2.errors.lookup(sqlstate)("a text that may quote data")
        if sqlstate
        else psycopg2.OperationalError("connection lost")
    )
    error.__setstate__({"pgcode": sqlstate})  # type: ignore[no-untyped-call]
    return error


@dataclass(frozen=True)
class Step:
    sql: str
    parameters: t.Any = None
    rows: list[tuple[t.Any, ...]] = field(default_factory=list)
    error: psycopg2.Error | None = None


@dataclass
class SqlScript:
    """C(expect) appends a statement, C(commit) and C(rollback) the end of a transaction. C(run) runs a module against it."""

    run_main: ModuleRunner
    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    open_connections: int = 0
    check: bool = False

    def expect(
        self, sql: str, parameters: t.Any = None, rows: t.Iterable[tuple[t.Any, ...]] = (), *, error: psycopg2.Error | None = None
    ) -> None:
        self.steps.append(Step(normalised(sql), parameters, list(rows), error))

    def commit(self, error: psycopg2.Error | None = None) -> None:
        self.expect("COMMIT", error=error)

    def rollback(self) -> None:
        self.expect("ROLLBACK")

    def run(self, module: str, params: dict[str, t.Any], *, check: bool = False) -> Outcome:
        self.check = check
        outcome = self.run_main(module, params, check=check)
        problems = [*self.problems, *(f"never came: {step.sql}" for step in self.steps)]
        if self.open_connections:
            problems.append(f"{self.open_connections} connections left open")
        assert not problems, "\n".join([*problems, str(outcome.result.get("msg", ""))])
        return outcome

    def take(self, sql: str, parameters: t.Any = None) -> list[tuple[t.Any, ...]]:
        """The answer of the next step, which must be this one. Which server this is may be asked at any time."""
        sql = normalised(sql)
        if sql == normalised(WHERE):
            return [PLACE]
        if self.check and MUTATING.search(sql.lower()):
            self._fail(f"a write in check mode: {sql}")
        if not self.steps:
            self._fail(f"unexpected: {sql} {parameters}")
        step = self.steps.pop(0)
        if (step.sql, step.parameters) != (sql, parameters):
            self._fail(f"expected: {step.sql} {step.parameters}\n     got: {sql} {parameters}")
        if step.error:
            raise step.error
        return step.rows

    def connect(self, *_arguments: t.Any, **_parameters: t.Any) -> _Connection:
        self.open_connections += 1
        return _Connection(self)

    def _fail(self, problem: str) -> t.NoReturn:
        # The module catches exceptions; what went wrong is kept for run() to report.
        self.problems.append(problem)
        raise AssertionError(problem)


class _Connection:
    def __init__(self, script: SqlScript) -> None:
        self._script = script

    def cursor(self) -> _Cursor:
        return _Cursor(self._script)

    def commit(self) -> None:
        self._script.take("COMMIT")

    def rollback(self) -> None:
        self._script.take("ROLLBACK")

    def close(self) -> None:
        self._script.open_connections -= 1


class _Cursor:
    def __init__(self, script: SqlScript) -> None:
        self._script = script
        self._rows: list[tuple[t.Any, ...]] = []

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None

    def execute(self, sql: str, parameters: t.Any = None) -> None:
        self._rows = self._script.take(sql, parameters)

    def fetchone(self) -> tuple[t.Any, ...] | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[tuple[t.Any, ...]]:
        return self._rows


@pytest.fixture
def sql(run_main: ModuleRunner, monkeypatch: pytest.MonkeyPatch) -> SqlScript:
    script = SqlScript(run_main)
    monkeypatch.setattr(psycopg2, "connect", script.connect)
    return script
