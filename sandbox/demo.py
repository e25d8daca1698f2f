# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The whole procedure once: a sandbox comes up, a seeded leaver's access goes away, the sandbox goes down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".sandbox-demo"


def main() -> int:
    """Returns the exit status of the run: 0 only if it is complete."""
    sandbox("down")
    say("1. A sandbox of real parts: PostgreSQL, moto, stand-ins for Heroku, Infisical and FreeScout, and a small Raptor app")
    try:
        print(sandbox("up"), end="")
        status = json.loads(sandbox("status", "--json"))
        leaver = status["people"]["leaver"]
        say(f"2. ansible-playbook deprovision.yml -e email={leaver}")
        run = deprovision(leaver)
        if run == 0:
            say("3. The evidence")
            print(evidence(leaver))
        return run
    finally:
        say("4. The sandbox goes down")
        print(sandbox("down"), end="")


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def sandbox(*arguments: str) -> str:
    """What a sub-command of the sandbox prints."""
    command = [sys.executable, "-m", "sandbox", *arguments, "--state-dir", str(STATE)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def deprovision(email: str) -> int:
    """Runs the playbook as an operator would, in a shell that has loaded the sandbox's environment."""
    script = 'eval "$1"; exec "$2" deprovision.yml -e "email=$3"'
    playbook = Path(sys.executable).with_name("ansible-playbook")
    command = ["bash", "-euc", script, "bash", sandbox("env"), str(playbook), email]
    # Nothing of the caller's own Ansible or cloud configuration takes part.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "HEROKU_"))}
    return subprocess.run(command, cwd=ROOT, check=False, env=kept).returncode


def evidence(email: str) -> str:
    """Where the newest result file is, and what it claims."""
    files = sorted((ROOT / "evidence").glob("*/result.json"), key=lambda file: file.stat().st_mtime)
    result: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8"))
    grades = ", ".join(f"{name} {checkpoint['grade']}" for name, checkpoint in result["checkpoints"].items())
    return f"{files[-1].relative_to(ROOT)}: {result['result']} for {email}; {grades}"


if __name__ == "__main__":
    sys.exit(main())
