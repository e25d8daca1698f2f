# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Child processes of the stand-in: started so that they cannot outlive it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent / "raptor"
SHELL = shutil.which("bash") or "/bin/sh"
STOP_SECONDS = 5.0
# Below the range from which the system takes ports for outgoing connections, so that none is taken away.
PORTS = range(20000, 32000)


class Launcher:
    """Starts processes, with `home` as their home, from one thread that lives as long as the stand-in does.

    The kernel ties the death signal of a child to the thread that started it, not to the process.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
        self._prefix = [setpriv, "--pdeathsig=KILL", "--"] if (setpriv := shutil.which("setpriv")) else []

    def start(self, command: str, environment: dict[str, str], terminal: int | None = None) -> subprocess.Popen[bytes]:
        """Run a shell command in the app's checkout, output to a pipe or to `terminal` (a tty's descriptor)."""
        return self._thread.submit(self._start, command, environment, terminal).result()

    def close(self) -> None:
        self._thread.shutdown()

    def _start(self, command: str, environment: dict[str, str], terminal: int | None) -> subprocess.Popen[bytes]:
        # A command at a terminal leads the terminal's session, so that it ends when the terminal goes away.
        controlling = [setsid, "--ctty"] if terminal is not None and (setsid := shutil.which("setsid")) else []
        return subprocess.Popen(
            [*controlling, *self._prefix, SHELL, "-c", command],
            cwd=CHECKOUT,
            env=self._base_environment() | environment,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT if terminal is None else terminal,
            start_new_session=not controlling,
        )

    def _base_environment(self) -> dict[str, str]:
        """What every process gets beside the app's config: our interpreter first in the path, no bytecode files."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process and its children, SIGKILL to what is left after a while."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def exit_status(process: subprocess.Popen[bytes]) -> int:
    """As a shell shows it: 128 and the signal's number for a process that was killed."""
    return 128 - process.returncode if process.returncode < 0 else process.returncode


def read_lines(process: subprocess.Popen[bytes], take: Callable[[str], None]) -> threading.Thread:
    """Give each line of the output to `take`, in a thread that ends with the output."""

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            take(line.decode(errors="replace").rstrip("\r\n"))

    thread = threading.Thread(target=read, name=f"output of {process.pid}", daemon=True)
    thread.start()
    return thread


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def procfile() -> dict[str, str]:
    """The command of each process type, as the app's checkout says."""
    text = (CHECKOUT / "Procfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {kind.strip(): command.strip() for kind, __, command in (line.partition(":") for line in lines) if command}
