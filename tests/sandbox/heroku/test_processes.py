# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes do not outlive the stand-in, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.heroku.waiting import eventually

ROOT = Path(__file__).parents[3]
# Started from a thread that ends at once: the kernel ties the death signal to the thread that forks.
PARENT = """
import pathlib, sys, threading, time
from sandbox.heroku.processes import Launcher
launcher = Launcher(pathlib.Path(sys.argv[1]))
started = threading.Thread(target=lambda: print(launcher.start("exec sleep 60", {}).pid, flush=True))
started.start()
started.join()
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_child_dies_with_the_killed_stand_in_and_not_before(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            parent.wait(0.3)
        assert alive(child)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    eventually(lambda: not alive(child), 5)
