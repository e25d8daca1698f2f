# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke suite of Raptor tells a working app from a broken one, and says why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sandbox.heroku.processes import CHECKOUT
from tests.sandbox.heroku.conftest import APP, Stand, execute

SCRIPT = CHECKOUT / "scripts" / "ci" / "run_smoke.sh"


def smoke(url: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "RAPTOR_URL"}
    if url:
        environment["RAPTOR_URL"] = url
    return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_all_is_well_and_nothing_is_left_behind(running: Stand) -> None:
    running.wait_up()
    done = smoke(running.heroku.web_url(APP), "--env=sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "smoke: all checks passed"
    served = {line.split("dyno=")[1].split()[0] for line in running.log(source="heroku") if 'path="/audit/runs"' in line}
    assert served == {"web.1", "web.2"}


def test_missing_right_to_write(running: Stand) -> None:
    running.wait_up()
    execute(running.postgres, "raptor", "REVOKE INSERT ON audit_archival_runs FROM raptor_app")
    try:
        done = smoke(running.heroku.web_url(APP), "--env=sandbox")
    finally:
        execute(running.postgres, "raptor", "GRANT INSERT ON audit_archival_runs TO raptor_app")
    assert done.returncode == 1
    assert "permission_denied: ERROR:  permission denied for table audit_archival_runs" in done.stdout


def test_wrong_password(running: Stand) -> None:
    running.wait_up()
    running.rotate("raptor_app", {"forced": True})
    done = smoke(running.heroku.web_url(APP), "--env=sandbox")
    while done.returncode == 0:
        done = smoke(running.heroku.web_url(APP), "--env=sandbox")
    assert 'authentication_failed: FATAL:  password authentication failed for user "raptor_app"' in done.stdout


def test_nobody_answers() -> None:
    done = smoke("http://127.0.0.1:9", "--env=sandbox")
    assert done.returncode == 1
    assert "no answer" in done.stdout


def test_usage() -> None:
    assert smoke(None, "--env=sandbox").returncode == 2
    assert smoke("http://127.0.0.1:9").returncode == 2
    assert smoke("http://127.0.0.1:9", "--env=").returncode == 2
    assert Path(SCRIPT).stat().st_mode & 0o111
