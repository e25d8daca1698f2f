# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shell in which the real clients know the sandbox and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass

import pytest

from tests.conformance.clients import directories, search_path, settings
from tests.e2e.world import ROOT, Record, Sandbox, clean_environment

COMMAND_SECONDS = 90
WAIT_SECONDS = 30
MODULES = "ansible_collections.raxx.deprovision.plugins.modules"


@dataclass
class Shell:
    """A shell after C(eval "$(python -m sandbox env)"), as an operator has it."""

    variables: dict[str, str]

    def __call__(self, command: str, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", command],
            env={**self.variables, **variables},
            cwd=self.variables["HOME"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        # With a host that it does not like, the Heroku CLI goes to the real Heroku after this warning.
        assert "Invalid HEROKU_HOST" not in done.stderr
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def module(self, name: str, /, **options: t.Any) -> Record:
        """What a module of the collection answers in this shell."""
        options |= {"aws_region": "us-east-1"} if name == "ssm_secret" else {}
        done = subprocess.run(
            [sys.executable, "-m", f"{MODULES}.{name}"],
            env={**self.variables, "PYTHONPATH": str(ROOT / "collections")},
            input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: Record = json.loads(done.stdout)
        return found


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("conformance")) as it:
        yield it


@pytest.fixture(scope="session")
def shell(sandbox: Sandbox) -> Shell:
    home = sandbox.place / "operator"
    variables = {**sandbox.environment, **clean_environment(home)}
    assert variables["HEROKU_HOST"].startswith("http://127.0.0.1:")
    path = search_path(directories(), variables["PATH"])
    return Shell({**variables, "PATH": path, **settings(home)})


def eventually(condition: t.Callable[[], t.Any]) -> t.Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
