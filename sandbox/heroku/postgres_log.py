# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Brings what PostgreSQL logs about refused logins and rights into the log of the app that owns the database."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from sandbox.heroku.world import World

LINE = re.compile(r"\[(?P<pid>\d+)\] user=(?P<user>\S*) (?P<text>sql_error_code = (?P<code>\w{5}) (FATAL|ERROR):.*)")
# Invalid password, no right to log in, insufficient privilege.
CODES = frozenset({"28P01", "28000", "42501"})
POLL_SECONDS = 0.1


class PostgresLog(threading.Thread):
    """Follows the server's log file from its present end."""

    def __init__(self, world: World, log_file: Path) -> None:
        super().__init__(name="postgres log", daemon=True)
        self._world = world
        self._file = log_file
        self._offset = log_file.stat().st_size
        self._stopping = threading.Event()
        self._counts: dict[str, int] = {}

    def stop(self) -> None:
        self._stopping.set()
        self.join(5)

    def run(self) -> None:
        rest = b""
        with self._file.open("rb") as log:
            log.seek(self._offset)
            while not self._stopping.wait(POLL_SECONDS):
                *lines, rest = (rest + log.read()).split(b"\n")
                for line in lines:
                    self._take(line.decode(errors="replace"))

    def _take(self, line: str) -> None:
        match = LINE.search(line)
        if not match or match["code"] not in CODES:
            return
        for addon in self._world.addons.values():
            if match["user"] in addon.roles:
                self._counts[addon.name] = count = self._counts.get(addon.name, 0) + 1
                self._world.logs.write(addon.app, "app", f"postgres.{match['pid']}", f"[DATABASE] [{count}-1]  {match['text']}")
