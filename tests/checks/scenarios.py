# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of extensions/molecule, each with a sandbox of its own: C(make molecule).

C(python -m tests.checks.scenarios NAME ...) plays only some of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.export import ROOT

SCENARIOS = ROOT / "extensions" / "molecule"
BUILD = ROOT / "build" / "molecule"
# For molecule a step whose playbook is not found is no failure.
SKIPPED = "Missing playbook"


def sandbox(state: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "sandbox", *arguments, "--state-dir", str(state)]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def molecule(name: str, environment: dict[str, str]) -> bool:
    """Whether every step of a scenario is played and passes."""
    command = ["molecule", "test", "--scenario-name", name]
    skipped = False
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout
        for line in running.stdout:
            print(line, end="", flush=True)  # noqa: T201
            skipped = skipped or SKIPPED in line
    return running.returncode == 0 and not skipped


def play(name: str) -> bool:
    """Whether a scenario passes in a sandbox of its own. What it wrote stays below C(build) until it is played again."""
    place = BUILD / name
    state = place / "sandbox"
    seed = SCENARIOS / name / "files" / "seed.yml"
    shutil.rmtree(place, ignore_errors=True)
    (place / "home").mkdir(parents=True)
    # Nothing of the caller's settings and credentials.
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(place / "home"),
        "LC_ALL": "C.UTF-8",
    }
    try:
        sandbox(state, "up", *(["--seed", str(seed)] if seed.exists() else []))
        return molecule(name, environment | json.loads(sandbox(state, "env", "--json")))
    finally:
        sandbox(state, "down")


def main(names: list[str]) -> int:
    results: list[tuple[str, bool, float]] = []
    for name in names or sorted(file.parent.name for file in SCENARIOS.glob("*/molecule.yml")):
        begun = time.monotonic()
        results.append((name, play(name), time.monotonic() - begun))
    for name, good, seconds in results:
        print(f"{'passed' if good else 'FAILED'}  {seconds:5.0f} s  molecule {name}")  # noqa: T201
    return 0 if all(result[1] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
