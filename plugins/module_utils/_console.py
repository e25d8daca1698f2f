# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The tables of Console that say who may do what and who is logged in, and taking both away from people (1a, 1b, I13)."""

from __future__ import annotations

import difflib
import time
import typing as t
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import before_write
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import canonical, digest
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import Place, place, session, transaction
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now
from ansible_collections.raxx.deprovision.plugins.module_utils._version import VERSION

if t.TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  # the driver's class has a lower-case name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

SYSTEM = "Console database"
LONGEST_USER_AGENT = 200
NEAR_MATCHES = 3

# Two rows may differ in capitals or white space only: both are the person's.
# The database folds the case of both sides, so it is one rule.
FIND_PEOPLE = (
    "SELECT id, email FROM admins"
    " WHERE lower(btrim(email)) IN (SELECT lower(wanted) FROM unnest(%(emails)s) AS wanted) ORDER BY lower(email), id"
)
LIST_EMAILS = "SELECT email FROM admins ORDER BY email"
LIST_MEMBERS = (
    "SELECT DISTINCT lower(btrim(admins.email)) FROM admins JOIN rbac_user_groups AS member ON member.user_id = admins.id"
    " JOIN rbac_groups ON rbac_groups.id = member.group_id WHERE rbac_groups.name = %(group)s"
)
# A new membership or session refers to the admins row and has to wait for this lock.
LOCK_PEOPLE = "SELECT id FROM admins WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"


@dataclass(frozen=True)
class Person:
    """An account; C(email) as it is stored."""

    id: t.Any
    email: str


@dataclass(frozen=True)
class Item:
    """One membership or session: whose it is, what tells it from the others of that person, and its facts for the record.

    C(name) is what a result calls it: the group's name, or the session's id.
    """

    person_id: t.Any
    key: t.Any
    name: t.Any
    facts: dict[str, t.Any]
    started_at: datetime | None = None


@dataclass(frozen=True)
class Access:
    """A kind of access: how to list it, how to take it away (answering person and key of each), and how to read a listed row."""

    listing: str
    removal: str
    read: t.Callable[[tuple[t.Any, ...]], Item]


@dataclass(frozen=True)
class Look:
    """How a listing was made: what was asked, of which server, and when by its clock and by ours."""

    query: str
    where: Place
    local_time: datetime


@dataclass(frozen=True)
class Revocation:
    """What people had, what was taken away (as person and key), and what a later look still found.

    C(look) is that of C(left), the last listing.
    """

    people: tuple[Person, ...]
    missing: tuple[str, ...]
    before: tuple[Item, ...]
    removed: frozenset[tuple[t.Any, t.Any]]
    left: tuple[Item, ...]
    look: Look

    def had(self, person: Person) -> list[Item]:
        return [item for item in self.before if item.person_id == person.id]

    def lost(self, person: Person) -> list[Item]:
        return [item for item in self.had(person) if (item.person_id, item.key) in self.removed]

    def listing(self, person: Person) -> dict[str, t.Any]:
        """The last listing of one account with its provenance: whoever gets the rows can see how they came about.

        People who leave together are listed together. The parameters are those that give the rows of this account alone: what
        is kept of one person neither tells who the others are, nor grows with their number.
        """
        rows = [item.facts for item in self.left if item.person_id == person.id]
        where = self.look.where
        return {
            "query": self.look.query,
            "parameters": {"ids": array([person.id])},
            "account": plain(person.id),
            "server": {
                "database": where.database,
                "address": where.address,
                "port": where.port,
                "version": where.version,
            },
            "role": where.user,
            "server_time": format_time(where.time),
            "local_time": format_time(self.look.local_time),
            "rows": len(rows),
            "sha256": digest(canonical(rows)),
            "collection": VERSION,
        }


def plain(value: t.Any) -> t.Any:
    """A database value as JSON has it: times as text, numbers and null as they are."""
    if isinstance(value, datetime):
        return format_time(_aware(value))
    return value if value is None or isinstance(value, int) else str(value)


def _aware(value: datetime) -> datetime:
    """A column without a time zone is taken as UTC, which is what Heroku's servers run in."""
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)  # also read by older interpreters


def clean_text(text: str | None) -> str | None:
    """Text that came from outside, made fit to print: short, and without control or direction characters."""
    if text is None:
        return None
    return "".join(
        "\ufffd" if unicodedata.category(character).startswith("C") else character for character in text[:LONGEST_USER_AGENT]
    )


def _membership(row: tuple[t.Any, ...]) -> Item:
    person_id, group_id, name, granted_at, granted_by = row
    group = str(group_id) if name is None else str(name)
    facts = {"group": group, "group_id": plain(group_id), "granted_at": plain(granted_at), "granted_by": plain(granted_by)}
    return Item(person_id, group_id, group, facts)


def _session(row: tuple[t.Any, ...]) -> Item:
    person_id, session_id, started_at, last_seen_at, user_agent = row
    facts = {
        "id": plain(session_id),
        "started_at": plain(started_at),
        "last_seen_at": plain(last_seen_at),
        "user_agent": clean_text(user_agent),
    }
    return Item(person_id, session_id, facts["id"], facts, started_at and _aware(started_at))


MEMBERSHIPS = Access(
    listing=(
        "SELECT member.user_id, member.group_id, rbac_groups.name, member.granted_at, member.granted_by"
        " FROM rbac_user_groups AS member LEFT JOIN rbac_groups ON rbac_groups.id = member.group_id"
        " WHERE member.user_id = ANY(%(ids)s) ORDER BY rbac_groups.name, member.group_id"
    ),
    removal="DELETE FROM rbac_user_groups WHERE user_id = ANY(%(ids)s) RETURNING user_id, group_id",
    read=_membership,
)
SESSIONS = Access(
    listing=(
        "SELECT admin_id, id, started_at, last_seen_at, user_agent FROM admin_sessions"
        " WHERE admin_id = ANY(%(ids)s) AND revoked_at IS NULL ORDER BY started_at, id"
    ),
    removal=(
        "UPDATE admin_sessions SET revoked_at = now() WHERE admin_id = ANY(%(ids)s) AND revoked_at IS NULL RETURNING admin_id, id"
    ),
    read=_session,
)


def revoke(
    url: str, access: Access, emails: t.Sequence[str], *, missing_ok: bool, timeout: float, check_mode: bool
) -> Revocation:
    """Takes C(access) away from the people with C(emails), one statement per table whatever their number, and looks again.

    Nothing is written (nor locked) if there is nothing to take away, or in check mode. Raises C(unknown_person) before a change.
    """
    wanted = list(dict.fromkeys(email.strip() for email in emails if email.strip()))
    if not wanted:
        raise DeprovisionError("invalid_input", "No email address was given.", system=SYSTEM)
    with session(url, timeout, system=SYSTEM) as connection:
        with transaction(connection, system=SYSTEM) as cursor:
            where = place(cursor)
            people = _find(cursor, wanted)
            known = {person.email.strip().lower() for person in people}
            missing = tuple(email for email in wanted if email.lower() not in known)
            if missing and not missing_ok:
                raise _unknown(cursor, missing)
            ids = array([person.id for person in people])
            before = _list(cursor, access, ids)
            look = Look(access.listing, where, now())
            removed: frozenset[tuple[t.Any, t.Any]] = frozenset((item.person_id, item.key) for item in before)
            if before and not check_mode:
                before_write(SYSTEM, access.removal.partition(" WHERE")[0])
                cursor.execute(LOCK_PEOPLE, {"ids": ids})
                before = _list(cursor, access, ids)
                cursor.execute(access.removal, {"ids": ids})
                removed = frozenset((row[0], row[1]) for row in cursor.fetchall())
        if check_mode:
            return Revocation(people, missing, before, removed, before, look)
        # Without anything to take away the listing was empty, and is the last one.
        left: tuple[Item, ...] = ()
        if removed:
            left, look = _look_again(connection, access, ids)
    return Revocation(people, missing, before, removed, left, look)


def revoke_until_none(
    url: str,
    access: Access,
    emails: t.Sequence[str],
    *,
    looks: int,
    pause: float,
    missing_ok: bool,
    timeout: float,
    check_mode: bool,
    sleep: t.Callable[[float], None] = time.sleep,
) -> Revocation:
    """Revokes C(access) again until a look finds none, in at most C(looks) looks that are C(pause) seconds apart.

    The answer counts what all of them did. Raises C(access_keeps_appearing) if the last of several looks still found some.
    """
    done = revoke(url, access, emails, missing_ok=missing_ok, timeout=timeout, check_mode=check_mode)
    if check_mode or looks == 1:
        return done
    latest = done
    for _look in range(looks - 1):
        if not latest.removed:
            return done
        sleep(pause)
        latest = revoke(url, access, emails, missing_ok=missing_ok, timeout=timeout, check_mode=check_mode)
        done = replace(
            done, before=done.before + latest.before, removed=done.removed | latest.removed, left=latest.left, look=latest.look
        )
    if latest.removed:
        raise DeprovisionError(
            "access_keeps_appearing",
            f"{len(done.removed)} sessions were ended in {looks} looks, the last {len(latest.removed)} of them in the last look.",
            system=SYSTEM,
            details={"ended": [item.facts for item in done.before]},
        )
    return done


def array(ids: t.Iterable[t.Any]) -> str:
    """An array as PostgreSQL writes it, so that the server gives it the type of the column, number or UUID."""
    quoted = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in ids)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def _look_again(connection: Connection, access: Access, ids: str) -> tuple[tuple[Item, ...], Look]:
    """What a transaction that began after the change sees."""
    with transaction(connection, system=SYSTEM) as cursor:
        where = place(cursor)
        return _list(cursor, access, ids), Look(access.listing, where, now())


def _find(cursor: Cursor, emails: list[str]) -> tuple[Person, ...]:
    cursor.execute(FIND_PEOPLE, {"emails": emails})
    return tuple(Person(row[0], row[1]) for row in cursor.fetchall())


def _list(cursor: Cursor, access: Access, ids: str) -> tuple[Item, ...]:
    cursor.execute(access.listing, {"ids": ids})
    return tuple(access.read(row) for row in cursor.fetchall())


def _unknown(cursor: Cursor, missing: t.Sequence[str]) -> DeprovisionError:
    cursor.execute(LIST_EMAILS)
    near = near_matches(missing, [row[0] for row in cursor.fetchall()])
    names = ", ".join(f"{email} (near: {', '.join(near[email])})" if near[email] else email for email in missing)
    return DeprovisionError(
        "unknown_person",
        f"Console has no account for {names}. Nothing was changed.",
        system=SYSTEM,
        details={"near_matches": near},
    )


def near_matches(missing: t.Sequence[str], known: t.Sequence[str]) -> dict[str, list[str]]:
    """For each address that is missing, the known ones that look most like it."""
    folded = {email.lower(): email for email in known}
    return {
        email: [folded[match] for match in difflib.get_close_matches(email.lower(), folded, n=NEAR_MATCHES, cutoff=0.7)]
        for email in missing
    }


def result(revocation: Revocation, what: str, people: list[dict[str, t.Any]], *, check_mode: bool) -> dict[str, t.Any]:
    """The result of a module that revoked C(what); C(people) is the record of it, person by person.

    Raises C(not_effective), with that record, if the later look found C(what) of them again.
    """
    if revocation.left and not check_mode:
        raise DeprovisionError(
            "not_effective",
            f"{len(revocation.removed)} {what} were taken away, but {len(revocation.left)} are there again.",
            system=SYSTEM,
            details={"people": people, "left": [item.facts for item in revocation.left]},
        )
    return {
        "changed": bool(revocation.removed),
        "people": people,
        "missing": list(revocation.missing),
        "diff": {
            "before": {person.email: [item.name for item in revocation.had(person)] for person in revocation.people},
            "after": {person.email: [] for person in revocation.people},
        },
    }


def members_of(url: str, group: str, *, timeout: float) -> set[str]:
    """The addresses, in lower case, of the members of a group."""
    with session(url, timeout, system=SYSTEM) as connection, transaction(connection, system=SYSTEM) as cursor:
        cursor.execute(LIST_MEMBERS, {"group": group})
        return {str(row[0]) for row in cursor.fetchall()}
