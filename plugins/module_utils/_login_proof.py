# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Makes the probes that L(_proof) judges, and ends the sessions that a changed credential has left behind."""

from __future__ import annotations

import secrets
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import (
    WRONG_PASSWORD,
    EndedSessions,
    ProbeResult,
    end_sessions,
    observe,
    parse_url,
    probe,
    with_login,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._proof import judge

if t.TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  # the driver's class has a lower-case name

SYSTEM = "PostgreSQL"
# After the server's time-out has struck, a log-in that just made it takes a moment to become visible.
LOGIN_MARGIN = 1.0


@dataclass(frozen=True)
class Burst:
    """What the bursts proved; C(attempts) were made, and C(refused) counts the refused passwords by user."""

    new_live: bool | None
    old_dead: bool | None
    grade: str
    new_sqlstate: str | None = None
    old_sqlstate: str | None = None
    control_sqlstate: str | None = None
    attempts: int = 1
    refused: dict[str, int] = field(default_factory=dict)

    def facts(self) -> dict[str, t.Any]:
        return {
            "new_live": self.new_live,
            "old_dead": self.old_dead,
            "grade": self.grade,
            "new_sqlstate": self.new_sqlstate,
            "old_sqlstate": self.old_sqlstate,
            "control_sqlstate": self.control_sqlstate,
            "attempts": self.attempts,
            "refused_logins": sum(self.refused.values()),
            "refused_logins_by_user": dict(self.refused),
        }


class Probes:
    """The log-ins with the new credential, with the old one (if known) and with a random password, all over the same path."""

    def __init__(
        self,
        new_url: str,
        old_url: str | None,
        *,
        expected_user: str,
        permitted: str | None,
        forbidden: str | None,
        timeout: float,
    ) -> None:
        new = parse_url(new_url, "new_url")
        self._new_url = new_url
        self._new_user = new["user"]
        self._old_url, self._old_user = None, None
        if old_url:
            old = parse_url(old_url, "old_url")
            self._old_user = old["user"]
            self._old_url = with_login(new_url, old["user"], old["password"])
        self._expected_user = expected_user
        self._permitted, self._forbidden = permitted, forbidden
        self._timeout = timeout

    @property
    def users(self) -> set[str]:
        return {user for user in (self._new_user, self._old_user, self._expected_user) if user}

    def log_in(self) -> ProbeResult:
        """The new credential alone, without any query but who it is."""
        return probe(self._new_url, timeout=self._timeout)

    def prove(self, *, want_dead: bool, attempts: int, delay: float) -> Burst:
        """Probes until the answers prove something. Raises the code of what they prove if it is not what is wanted."""
        refused: Counter[str] = Counter()
        attempt = 0
        while True:
            attempt += 1
            new, old, control = self._burst()
            for user, answer in ((self._new_user, new), (self._old_user, old), (self._new_user, control)):
                if answer and user and answer.sqlstate == WRONG_PASSWORD:
                    refused[user] += 1
            verdict = judge(
                new,
                control,
                old,
                expected_user=self._expected_user,
                forbidden_asked=bool(self._forbidden),
                want_dead=want_dead,
            )
            burst = Burst(
                verdict.new_live,
                verdict.old_dead,
                verdict.grade,
                new.sqlstate,
                old.sqlstate if old else None,
                control.sqlstate,
                attempt,
                dict(refused),
            )
            if verdict.code is None:
                return burst
            if verdict.code != "proof_inconclusive" or attempt >= attempts:
                raise DeprovisionError(verdict.code, verdict.text, system=SYSTEM, details=burst.facts())
            sleep(delay)

    def _burst(self) -> tuple[ProbeResult, ProbeResult | None, ProbeResult]:
        new = probe(self._new_url, timeout=self._timeout, permitted=self._permitted, forbidden=self._forbidden)
        old = probe(self._old_url, timeout=self._timeout) if self._old_url else None
        control = probe(with_login(self._new_url, self._new_user, secrets.token_urlsafe(24)), timeout=self._timeout)
        return new, old, control


def sweep(
    connection: Connection, users: list[str], older_than: datetime, wait_limit: float | None
) -> tuple[EndedSessions, float]:
    """Ends the sessions of C(users) that began before C(older_than); answers them, and the seconds that were waited.

    A log-in that looked up the old password before it changed may finish until the server's authentication_timeout has
    passed, and nobody sees whose it is before. So with a C(wait_limit) the sweep is made again after that time. (The time
    that a client may take before it names its user does not count: the password is looked up later.)
    """
    first = end_sessions(connection, users, older_than, dropped=True, system=SYSTEM)
    waited = 0.0
    total = first
    if wait_limit is not None:
        observer = observe(connection, system=SYSTEM)
        settled = older_than + timedelta(seconds=observer.authentication_timeout)
        if (settled - observer.time).total_seconds() > wait_limit:
            raise DeprovisionError(
                "proof_inconclusive",
                f"{first.ended} sessions were ended, but a log-in may take {observer.authentication_timeout} s at this server, "
                f"longer than the limit of {wait_limit:g} s.",
                system=SYSTEM,
                next_step="Raise authentication_timeout_max and run the same command again.",
            )
        waited = max(0.0, (settled - observer.time).total_seconds() + LOGIN_MARGIN)
        if waited:
            sleep(waited)
        second = end_sessions(connection, users, older_than, dropped=True, system=SYSTEM)
        oldest = min((start for start in (first.oldest_start, second.oldest_start) if start), default=None)
        total = EndedSessions(first.ended + second.ended, second.left, oldest)
    if total.left:
        raise DeprovisionError(
            "not_effective",
            f"{total.ended} sessions of the old credential were ended, but {total.left} are still there.",
            system=SYSTEM,
            details={"sessions_ended": total.ended, "sessions_left": total.left},
        )
    return total, round(waited, 3)
