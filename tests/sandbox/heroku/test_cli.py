# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Heroku CLI works against the stand-in.

Runs when a CLI is found: `heroku` in the PATH, or what HEROKU_CLI names (`npm install heroku@11.10.0`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.heroku.conftest import ADDON, APP, Stand
from tests.sandbox.heroku.waiting import eventually

CLI = shutil.which(os.environ.get("HEROKU_CLI", "heroku"))
pytestmark = pytest.mark.skipif(CLI is None, reason="the Heroku CLI is not installed")

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(running: Stand, tmp_path: Path) -> Cli:
    """Runs the CLI in a home of its own, with nothing that could lead it to the real Heroku."""
    cache = tmp_path / "cache" / "heroku"
    cache.mkdir(parents=True)
    (cache / "terms-of-service").touch()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(cache.parent),
        # The CLI has git write to this file. Never /dev/null: git renames a new file over it, and root may do that.
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "HEROKU_HOST": running.url,
        "HEROKU_DATA_HOST": "localhost",
        "HEROKU_PARTICLEBOARD_URL": running.url,
        "HEROKU_API_KEY": running.seed["heroku"]["token"],
        "NODE_EXTRA_CA_CERTS": str(running.ca.ca_file),
        "DISABLE_TELEMETRY": "true",
        "HEROKU_DISABLE_AUTOUPDATE": "1",
        "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    running.wait_up()

    def call(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        assert CLI is not None
        done = subprocess.run(
            [CLI, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Invalid HEROKU_HOST" not in done.stderr
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return call


def test_account_and_config(running: Stand, cli: Cli) -> None:
    assert cli("auth:whoami").stdout.strip() == "olivia.osei@raxx.example"
    done = cli("config:set", "COLOUR=green", "-a", APP)
    assert f"v{running.releases()[-1]['version']}" in done.stderr
    assert json.loads(cli("config:get", "COLOUR", "--json", "-a", APP).stdout) == {"key": "COLOUR", "value": "green"}
    assert "Cannot overwrite attachment values DATABASE_URL." in cli("config:set", "DATABASE_URL=x", "-a", APP, status=2).stderr


def test_credentials_and_their_rotation(running: Stand, cli: Cli) -> None:
    old = running.password("raptor_app")
    assert "raptor_app" in cli("pg:credentials", "DATABASE", "-a", APP).stdout
    done = cli("pg:credentials:rotate", "DATABASE", "--name", "raptor_app", "-a", APP, "--confirm", APP)
    assert "Rotating raptor_app on" in done.stderr
    running.rotate("raptor_app", {"forced": True})
    eventually(lambda: running.credential("raptor_app")["state"] == "active")
    url = cli("pg:credentials:url", "DATABASE", "--name", "raptor_app", "-a", APP).stdout
    assert "postgres://raptor_app:" in url
    assert old not in url
    assert running.credential("raptor_app")["credentials"][0]["password"] in url
    assert "Available" in cli("pg:info", "DATABASE", "-a", APP).stdout
    cli("pg:wait", ADDON, "-a", APP)


def test_dynos_and_logs(running: Stand, cli: Cli) -> None:
    before = {dyno["id"] for dyno in running.dynos()}
    cli("restart", "-a", APP)
    assert not before & {dyno["id"] for dyno in running.wait_up()}
    cli("ps:wait", "-a", APP)
    listed = cli("ps", "-a", APP).stdout
    assert "web.1: up" in listed
    assert "worker.1: up" in listed
    lines = cli("logs", "-a", APP, "--num", "30").stdout.splitlines()
    assert len(lines) == 30
    assert any("heroku[web.1]: State changed from starting to up" in line for line in lines)
    cli("restart", "--process-type", "web", "-a", APP)


def test_one_off_dynos(running: Stand, cli: Cli) -> None:
    done = cli("run", "echo $LOG_LEVEL; (exit 3)", "-a", APP, "--exit-code", status=3)
    assert done.stdout == "info\n"
    job = "python jobs/audit_archiver.py --dry-run"
    assert cli("run", job, "-a", APP, "--exit-code").stdout == "audit_archiver: 1 events would be archived (dry run)\n"
    cli("run:detached", "echo from the job", "-a", APP)
    eventually(lambda: any("from the job" in line for line in running.log(source="app")))
