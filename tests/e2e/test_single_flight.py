# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once: one works, the other stops before it changes anything; a dead one is nobody's obstacle for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.runs import deprovision
from tests.e2e.world import ROOT, Sandbox, clean_environment, facts

JORDAN, PRIYA, MATEO = "jordan.smith@raxx.example", "priya.patel@raxx.example", "mateo.garcia@raxx.example"
LONGEST = 120  # seconds


def begin(sandbox: Sandbox, email: str, evidence: Path, *more: str) -> subprocess.Popen[bytes]:
    """A run in a process group of its own, once it holds its lease and has begun to rotate. C(more) are words of the command."""
    known = len(facts(sandbox.dump(), "credentials"))
    process = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "deprovision.yml",
            "-e",
            f"email={email}",
            "-e",
            f"evidence_directory={evidence}",
            *more,
        ],
        cwd=ROOT,
        env={**sandbox.environment, **clean_environment(sandbox.home)},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + LONGEST
    while len(facts(sandbox.dump(), "credentials")) <= known:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def test_the_second_of_two_runs_stops_before_it_changes_anything(sandbox: Sandbox, tmp_path: Path) -> None:
    """I3; and the lock-out alone is possible meanwhile (1a, 1b)."""
    first = begin(sandbox, JORDAN, tmp_path, "-e", "app_log_window=20")  # long enough for the two others
    access = sandbox.access(PRIYA)
    second = deprovision(sandbox, PRIYA)
    assert first.poll() is None, "the first run was over before the second had looked"
    assert second.status != 0
    assert second.last_line.startswith("REFUSED: Run 1 of olivia.osei@raxx.example")
    assert "run_in_progress" in second.last_line
    assert sandbox.access(PRIYA) == access > (0, 0)
    assert not [name for name in facts(sandbox.dump(), "people") if name.startswith("priya")]
    alone = deprovision(sandbox, PRIYA, tags="step1")
    assert first.poll() is None, "the first run was over before the third had ended"
    assert alone.last_line.startswith("INCOMPLETE: DEPROV-"), alone.output
    assert sandbox.access(PRIYA) == (0, 0)
    assert first.wait(LONGEST) == 0


def test_a_run_that_was_killed_is_taken_over(sandbox: Sandbox, tmp_path: Path) -> None:
    """I12: another person, another run; the rotation that the first one had begun is not repeated."""
    rotations = sandbox.rotations()
    first = begin(sandbox, MATEO, tmp_path)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(LONGEST)
    second = deprovision(sandbox, MATEO)
    assert (second.status, second.result["result"]) == (0, "complete"), second.output
    assert sandbox.rotations() == {name: number + 1 for name, number in rotations.items()}
    taken = [name for name in facts(sandbox.dump(), "runs") if name.endswith("/taken_over")]
    assert len(taken) == 1
