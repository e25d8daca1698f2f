# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbook that may be killed, each as a process group of its own, at the highest verbosity."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from sandbox.__main__ import environment
from tests.e2e.world import ROOT, Record, Sandbox, clean_environment
from tests.faults.cases import TIMEOUTS

CALLBACKS = Path(__file__).parent / "callback"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_RUN = 240.0  # seconds
MARK = "FAULTS_RUN"
WORDS = ("COMPLETE", "INCOMPLETE", "FAILED", "REFUSED")


@dataclass(frozen=True)
class Run:
    """A run for C(email) that has ended. C(status) is negative for a signal. C(place) holds whatever it left behind."""

    place: Path
    email: str
    status: int
    output: str
    seconds: float
    tasks: int
    check: bool = False

    @property
    def killed(self) -> bool:
        return self.status < 0

    @property
    def last_line(self) -> str:
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    @property
    def word(self) -> str:
        found = self.last_line.partition(":")[0]
        return found if found in WORDS else ""

    @property
    def changed(self) -> int:
        """How many changes its recap counts."""
        return sum(int(number) for number in re.findall(r" changed=(\d+) ", self.output.rpartition("PLAY RECAP")[2]))

    @property
    def result(self) -> Record | None:
        files = (self.place.parent / "evidence").glob("*/result.json")
        found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        mine = [result for result in found if result["email"] == self.email]
        return mine[0] if len(mine) == 1 else None


class Running:
    """A run that goes on."""

    def __init__(
        self,
        sandbox: Sandbox,
        place: Path,
        email: str,
        *,
        root: Path = ROOT,
        kill_task: int | None = None,
        check: bool = False,
        runner: bool = False,
    ) -> None:
        place.mkdir(parents=True)
        self.place = place
        self.mark = str(place)
        self._email, self._check = email, check
        arguments = [
            *(["--check"] if check else []), "-vvvv",
            "-e", f"email={email}", "-e", f"evidence_directory={place.parent / 'evidence'}",
            *(word for system, seconds in TIMEOUTS.items() for word in ("-e", f"{system}_timeout={seconds}")),
        ]  # fmt: skip
        command = ["ansible-playbook", "deprovision.yml", *arguments]
        if runner:
            private = ["ansible-runner", "run", str(place / "private"), "--project-dir", str(root), "-p", "deprovision.yml"]
            command = [*private, f"--cmdline={shlex.join(arguments)}"]
        variables = {
            **environment(sandbox.status()),
            **clean_environment(place / "home"),
            "ANSIBLE_CALLBACKS_ENABLED": "raxx.deprovision.verdict,killer",
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(place / "cache"),
            "FAULTS_TASKS": str(place / "tasks"),
            "FAULTS_KILL_AT": str(kill_task or 0),
            MARK: self.mark,
        }
        self._began = time.monotonic()
        with (place / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=root, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, *, whole: bool) -> None:
        """SIGKILL to the process group; with C(whole) to the workers as well, which have groups of their own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if whole:
            for pid in processes(self.mark):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def kill_after(self, seconds: float, *, whole: bool) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill(whole=whole)

    def wait(self) -> Run:
        try:
            status = self._process.wait(LONGEST_RUN)
        except subprocess.TimeoutExpired:
            self.kill(whole=True)
            status = self._process.wait()
        seconds = time.monotonic() - self._began
        output = COLOUR.sub("", (self.place / "output").read_text(encoding="utf-8", errors="replace"))
        tasks = self.place / "tasks"
        names = tasks.read_text(encoding="utf-8").splitlines() if tasks.exists() else []
        return Run(self.place, self._email, status, output, seconds, len(names), self._check)


def processes(mark: str) -> list[int]:
    """The processes of a run, by what they have in their environment."""
    wanted = f"{MARK}={mark}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes() + b"\0":
                    found.append(int(entry.name))
    return found


def wait_for_end(mark: str, seconds: float = 100.0) -> bool:
    """Whether no process of a run is left after so many seconds."""
    deadline = time.monotonic() + seconds
    while processes(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def claims(result: t.Any) -> t.Any:
    """A result without times and counts, which may differ between runs that claim the same."""
    if isinstance(result, dict):
        return {
            name: claims(value) for name, value in result.items() if name not in ("at", "window", "ticket", "since", "journal")
        }
    if isinstance(result, list):
        return [claims(value) for value in result]
    return re.sub(r"\d+", "N", result) if isinstance(result, str) else result
