# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The state directory: who holds it, how to reach the supervisor, and how to leave it as it was found."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

LOG = "supervisor.log"
LOCK = "lock"
CONTROL = "control.json"
MADE = "made"
CONTENTS = (CONTROL, LOG, "tls", "postgres", "heroku")
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Control:
    """How the command line reaches the supervisor."""

    pid: int
    url: str
    token: str


class StateDirectory:
    """One sandbox's directory. The supervisor holds a lock in it for as long as it lives, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / LOG

    def make(self) -> None:
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=0o700, parents=True)
            (self.path / MADE).touch()

    def hold(self) -> int | None:
        """Take the lock, or None if somebody has it. It is held until every copy of the descriptor is closed."""
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def held(self) -> bool:
        """Whether a supervisor lives, or is about to."""
        try:
            with (self.path / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def wait_until_free(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.held():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def write_control(self, control: Control) -> None:
        """Readers see the whole file or none, and only the owner may read it."""
        draft = self.path / f"{CONTROL}.new"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(control)), encoding="utf-8")
        draft.replace(self.path / CONTROL)

    def control(self) -> Control | None:
        """The running sandbox's control, or None if it is not up."""
        try:
            text = (self.path / CONTROL).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return Control(**json.loads(text)) if self.held() else None

    def clear(self) -> None:
        """Remove what a sandbox made in the directory."""
        for name in CONTENTS:
            entry = self.path / name
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave the directory as it was found: gone, if the sandbox made it and nothing else is in it."""
        self.clear()
        made = self.path / MADE
        remove_directory = made.exists()
        for entry in (made, self.path / LOCK):
            entry.unlink(missing_ok=True)
        if remove_directory and not any(self.path.iterdir()):
            self.path.rmdir()
