# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandboxes that are measured in: how far away the systems are, how long they take, and who is in them."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import requests
import yaml

from bench.calls import Call
from sandbox.seed import SEEDS
from tests.e2e.world import Sandbox

HTTP_SYSTEMS = ("heroku", "infisical", "freescout", "aws")
VISIT_SECONDS = 0.3
ACCESS = """
SELECT (SELECT count(*) FROM rbac_user_groups WHERE user_id = ANY (%(ids)s))
     + (SELECT count(*) FROM admin_sessions WHERE admin_id = ANY (%(ids)s) AND revoked_at IS NULL)
"""


@dataclass(frozen=True)
class World:
    """How far away the systems are; all in seconds.

    C(latency) is what each call of an API takes more, C(log_window) how long the app's log is watched, and C(lease) how long a
    run may show no sign of life: a quarter of it passes between two renewals.
    """

    name: str
    latency: float
    settling: float
    restart: float
    log_window: int
    lease: float

    def seed(self, people: int) -> dict[str, t.Any]:
        """With C(people) more admins in Console, each a member of two groups and with two active sessions."""
        default = yaml.safe_load((SEEDS / "default.yml").read_text(encoding="utf-8"))
        timings = {
            "enable_delay": self.settling / 2,
            "settle_delay": self.settling / 4,  # the least length of each of the two phases that follow
            "restart_seconds": self.restart,
            "poll_seconds": 0.05,
        }
        sessions = [
            {
                "started": "2h",
                "seen": "2m",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            },
            {"started": "3d", "seen": "1d", "user_agent": "Antlers/2.4 (macOS)"},
        ]
        crowd = [
            {"email": person(number), "groups": ["audit-reader", "support"], "sessions": sessions} for number in range(people)
        ]
        return {"heroku": {"timings": timings}, "console": {"admins": default["console"]["admins"] + crowd}}


ZERO = World("zero latency", latency=0, settling=0, restart=0, log_window=2, lease=5)
REAL = World("realistic latency", latency=0.15, settling=20, restart=15, log_window=60, lease=60)
QUICK = World("a little latency", latency=0.02, settling=0.4, restart=0.2, log_window=2, lease=5)


def person(number: int) -> str:
    return f"person{number:04d}@raxx.example"


@contextlib.contextmanager
def sandbox(place: Path, world: World, people: int) -> Iterator[Sandbox]:
    place.mkdir(parents=True)
    with Sandbox(place, world.seed(people)) as it:
        for system in HTTP_SYSTEMS if world.latency else ():
            fault = {"system": system, "method": "ANY", "path": ".", "kind": "stall", "seconds": world.latency}
            it.control("POST", "/faults", fault)
        with visited(it):
            yield it


@contextlib.contextmanager
def visited(it: Sandbox) -> Iterator[None]:
    """While the block runs Raptor is in use, as it is in the real world: the log of an app that nobody uses proves nothing."""
    leaving = threading.Event()

    def visit() -> None:
        with requests.Session() as session:
            while not leaving.wait(VISIT_SECONDS):
                with contextlib.suppress(requests.RequestException):  # while it is restarted
                    session.get(f"{it.at['raptor']['url']}/healthz", timeout=5)

    visitor = threading.Thread(target=visit, daemon=True)
    visitor.start()
    try:
        yield
    finally:
        leaving.set()
        visitor.join()


@contextlib.contextmanager
def locked_out(it: Sandbox, emails: list[str]) -> Iterator[Callable[[], bool]]:
    """Whether none of the people has a membership or an active session any more, looked at by a connection of its own."""
    link = psycopg2.connect(it.at["databases"]["console"])
    try:
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute("SELECT array_agg(id) FROM admins WHERE lower(email) = ANY (%s)", (emails,))
            (ids,) = cursor.fetchone() or ([],)

            def gone() -> bool:
                cursor.execute(ACCESS, {"ids": ids})
                row = cursor.fetchone()
                return row is not None and row[0] == 0

            assert ids
            assert not gone(), "nobody has anything to lose"
            yield gone
    finally:
        link.close()


def calls_since(it: Sandbox, seen: int) -> tuple[list[Call], int]:
    """The calls after the first C(seen) ones, without those of Raptor's own dynos; and how many there are now."""
    found = it.control("GET", "/calls")
    new = [Call(entry["at"], entry["system"], entry["method"], entry["path"], entry["writes"]) for entry in found[seen:]]
    return [call for call in new if not _of_a_dyno(call)], len(found)


def by_system(calls: list[Call]) -> dict[str, int]:
    return dict(sorted(Counter(call.system for call in calls).items()))


def _of_a_dyno(call: Call) -> bool:
    """psql names itself as well, so everything but the dynos' names is a client's."""
    return call.system == "postgres" and call.path.split(":")[0].startswith(
        ("web.", "worker.", "scheduler", "audit_archiver", "run.")
    )
