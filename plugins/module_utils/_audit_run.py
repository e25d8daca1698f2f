# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The append-only table of archival runs, and exactly one row in it for each person of an event (I8)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._console import plain
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import before_write
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import FORBIDDEN, transaction

try:
    import psycopg2
except ImportError:  # reported by _module.execute, which knows which library the module needs
    psycopg2 = None  # type: ignore[assignment]

if t.TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  # the driver's class has a lower-case name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

SYSTEM = "audit database"
TABLE = "audit_archival_runs"
COLUMNS = ("run_type", "operator_email", "freescout_ticket_id", "notes", "completed_at")
# What a table says that does not know a run type: a check constraint, an enumeration, a table of run types.
UNKNOWN_RUN_TYPE = {"23514", "22P02", "23503"}
# Classes of SQLSTATEs that mean that the table is not as the procedure knows it.
SCHEMA_CLASSES = {"22", "23", "42"}

# Two runs for one event must not both find nothing and both insert.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('audit_archival_runs', 0))"
LIST_COLUMNS = (
    "SELECT attname::text, attnotnull AND NOT atthasdef AND attidentity = '' FROM pg_attribute"
    " WHERE attrelid = to_regclass('audit_archival_runs') AND attnum > 0 AND NOT attisdropped"
)
ROW = "run_type::text, operator_email, freescout_ticket_id::text, notes, completed_at"
# The marker is a line of the notes of its own, so one person's marker is never a part of another's.
FIND = (
    f"SELECT DISTINCT ON (wanted.number) wanted.number - 1, {ROW} FROM {TABLE}"  # noqa: S608  # no data
    " JOIN unnest(%(tickets)s, %(operators)s, %(since)s::timestamptz[], %(markers)s, %(anchors)s::text[])"
    " WITH ORDINALITY AS wanted(ticket, operator, since, marker, anchor, number)"
    " ON freescout_ticket_id::text = wanted.ticket AND run_type::text = ANY(%(run_types)s)"
    # Whoever may insert can forge a row: one of somebody else, from before the event or of the future, or without the head of the
    # sealed journal, is not ours. Clocks may differ a little.
    " AND lower(operator_email) = lower(wanted.operator)"
    " AND (wanted.since IS NULL OR completed_at >= wanted.since - interval '15 minutes')"
    " AND completed_at <= now() + interval '15 minutes'"
    " AND (wanted.anchor IS NULL OR strpos(notes, wanted.anchor) > 0)"
    " AND strpos(E'\\n' || replace(notes, E'\\r', '') || E'\\n', E'\\n' || wanted.marker || E'\\n') > 0"
    " ORDER BY wanted.number, completed_at"
)


@dataclass(frozen=True)
class Row:
    """One archival run, as the table holds it."""

    run_type: str
    operator_email: str
    freescout_ticket_id: str | None
    notes: str | None
    completed_at: datetime | None

    def facts(self) -> dict[str, t.Any]:
        return {name: plain(getattr(self, name)) for name in COLUMNS}


@dataclass(frozen=True)
class Wanted:
    """The row that is to exist. C(fallback) is the run type for a table that does not know C(run_type) yet.

    C(anchor) is a part of the notes that nobody can know before the row is due.
    """

    event: str
    email: str
    operator_email: str
    ticket_id: str
    notes: str
    run_type: str
    fallback: str
    since: str | None = None
    anchor: str | None = None

    @property
    def marker(self) -> str:
        """What tells this row from others of the same ticket."""
        return f"event={self.event} person={self.email.strip().lower()}"

    def notes_for(self, run_type: str) -> str:
        lines = self.notes.replace("\r", "").rstrip().split("\n")
        if run_type != self.run_type:
            lines.append(
                f"Schema update pending: the table does not know the run type {self.run_type} yet, so {run_type} stands for it."
            )
        if self.marker not in lines:
            lines.append(self.marker)
        return "\n".join(lines)


def find(connection: Connection, wanted: t.Sequence[Wanted]) -> list[Row | None]:
    """The row of each, read in a transaction of its own."""
    with transaction(connection, system=SYSTEM) as cursor:
        _check_columns(cursor)
        return _find(cursor, wanted)


def record(connection: Connection, wanted: t.Sequence[Wanted]) -> tuple[list[Row | None], list[Row]]:
    """Makes sure that each row exists, in one transaction under a lock: the rows that were there, and those that are new."""
    with transaction(connection, system=SYSTEM) as cursor:
        cursor.execute(LOCK)
        _check_columns(cursor)
        found = _find(cursor, wanted)
        missing = [one for one, row in zip(wanted, found, strict=True) if row is None]
        return found, _insert_all(cursor, missing) if missing else []


def _check_columns(cursor: Cursor) -> None:
    cursor.execute(LIST_COLUMNS)
    columns = dict(cursor.fetchall())
    if not columns:
        raise _schema(f"there is no table {TABLE}")
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise _schema(f"{TABLE} has no column {', '.join(missing)}")
    unfilled = sorted(name for name, needs_value in columns.items() if needs_value and name not in COLUMNS)
    if unfilled:
        raise _schema(f"{TABLE} wants a value for the column {', '.join(unfilled)}, which the procedure does not know")


def _find(cursor: Cursor, wanted: t.Sequence[Wanted]) -> list[Row | None]:
    cursor.execute(
        FIND,
        {
            "tickets": [one.ticket_id for one in wanted],
            "operators": [one.operator_email for one in wanted],
            "since": [one.since for one in wanted],
            "markers": [one.marker for one in wanted],
            "anchors": [one.anchor for one in wanted],
            "run_types": sorted({run_type for one in wanted for run_type in (one.run_type, one.fallback)}),
        },
    )
    found = {number: Row(*row) for number, *row in cursor.fetchall()}
    return [found.get(number) for number in range(len(wanted))]


def _insert_all(cursor: Cursor, wanted: t.Sequence[Wanted]) -> list[Row]:
    """The new rows. A table that does not know the run type of one gets the fallback for all."""
    rows = _insert(cursor, wanted, [one.run_type for one in wanted])
    if isinstance(rows, str):
        rows = _insert(cursor, wanted, [one.fallback for one in wanted])
    if isinstance(rows, str):
        raise _schema(f"{TABLE} takes neither the run type {wanted[0].run_type} nor {wanted[0].fallback}: {rows}")
    return rows


def _insert(cursor: Cursor, wanted: t.Sequence[Wanted], run_types: t.Sequence[str]) -> list[Row] | str:
    """The new rows; or, as text, what the table says that may mean that it does not know a run type: then one can go on."""
    values = [(kind, one.operator_email, one.ticket_id, one.notes_for(kind)) for one, kind in zip(wanted, run_types, strict=True)]
    cursor.execute("SAVEPOINT before_insert")
    try:
        before_write(SYSTEM, f"INSERT INTO {TABLE}")
        cursor.execute(insert_statement(len(values)), [value for row in values for value in row])
        rows = cursor.fetchall()
    except psycopg2.Error as error:
        sqlstate = error.pgcode or ""
        if sqlstate == FORBIDDEN or sqlstate[:2] not in SCHEMA_CLASSES:
            raise
        # Names of columns and constraints are no data.
        where = error.diag.column_name or error.diag.constraint_name
        refusal = f"SQLSTATE {sqlstate}" + (f", {where}" if where else "")
        if sqlstate not in UNKNOWN_RUN_TYPE:
            raise _schema(f"{TABLE} refused the row: {refusal}") from None
        cursor.execute("ROLLBACK TO SAVEPOINT before_insert")
        return refusal
    if len(rows) != len(values):
        raise _schema(f"{TABLE} accepted the row but did not keep it (a trigger or a rule)")
    return [Row(*row) for row in rows]


def insert_statement(rows: int) -> str:
    """One statement for so many rows. The values stand for themselves, so that columns of other types take them too."""
    values = ", ".join(["(%s, %s, %s, %s, now())"] * rows)
    return f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES {values} RETURNING {ROW}"  # noqa: S608  # no data


def _schema(what: str) -> DeprovisionError:
    return DeprovisionError(
        "audit_schema", f"The audit row could not be written: {what}.", system=SYSTEM, details={"table": TABLE}
    )
