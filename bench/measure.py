# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command measured from outside: time, CPU and memory of its whole process tree, and when a condition came true."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.03
KILL_SECONDS = 7200.0


@dataclass(frozen=True)
class Measured:
    """C(cpu) is of all processes of the tree that were waited for; C(memory) is the most that the tree had at once, in MB.

    Memory that processes share (forked workers do) is counted once. C(reached) is when the condition came true, from the start.
    """

    status: int
    wall: float
    cpu: float
    memory: float
    reached: float | None = None

    def as_record(self) -> dict[str, t.Any]:
        return asdict(self)


def measure(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    condition: Callable[[], bool] | None = None,
) -> Measured:
    """Runs C(command) to its end; what it prints goes to C(log). C(condition) is asked again and again until it is true."""
    ended = threading.Event()
    reached: list[float] = []
    peak: list[int] = [0]
    with log.open("wb") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )

        def watch() -> None:
            while condition is not None and not reached and not ended.wait(SAMPLE_SECONDS / 3):
                if condition():
                    reached.append(time.monotonic() - begun)

        def sample() -> None:
            while not ended.wait(SAMPLE_SECONDS):
                peak[0] = max(peak[0], sum(map(_memory, _tree(process.pid))))

        watchers = [threading.Thread(target=each, daemon=True) for each in (watch, sample)]
        for watcher in watchers:
            watcher.start()
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        for watcher in watchers:
            watcher.join()
    return Measured(
        process.returncode,
        round(wall, 3),
        round(usage.ru_utime + usage.ru_stime, 3),
        round(peak[0] / 1024, 1),
        round(reached[0], 3) if reached else None,
    )


def _tree(root: int) -> Iterator[int]:
    """The process and everything below it."""
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text(encoding="ascii").split())
        except OSError:
            continue


def _memory(pid: int) -> int:
    """In KB: its own memory, and its share of what it has in common with others."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
