# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""smoke_suite: real commands that prove that an app works (runbook 2d, step 4; E2)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _smoke
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._output import LINES_KEPT

from .conftest import ModuleRunner

ROOT = Path(__file__).parents[2]
Params = t.Dict[str, t.Any]
Write = t.Callable[..., Params]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not made."""
    made: list[float] = []
    monkeypatch.setattr(_smoke, "sleep", made.append)
    return made


@pytest.fixture
def write(tmp_path: Path, pauses: list[float]) -> Write:
    """Writes a suite and returns the parameters that run it."""

    def make(script: str, *, mode: int = 0o755, **more: t.Any) -> Params:
        file = tmp_path / "smoke.sh"
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(mode)
        return {"command": ["./smoke.sh", "--env=test"], "directory": str(tmp_path), **more}

    return make


def gone(pid: int) -> bool:
    """Whether a process has ended, a moment after it was killed. One that nobody has waited for yet has ended too."""
    for __ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


def test_a_green_suite(run_main: ModuleRunner, write: Write, pauses: list[float]) -> None:
    """2d: exit status 0 is green. Both streams are kept, in the order of their lines."""
    result = run_main("smoke_suite", write('echo "ok $1"; echo "in $(pwd)" >&2; printf end')).result
    assert (result["changed"], result["attempts"], result["exit_status"]) == (False, 1, 0)
    assert result["output"] == ["ok --env=test", f"in {Path(result['invocation']['module_args']['directory']).resolve()}", "end"]
    assert 0 < result["seconds"] < 10
    assert pauses == []


def test_a_start_that_is_still_going_on_is_waited_for(run_main: ModuleRunner, write: Write, pauses: list[float]) -> None:
    """E2: only a suite that goes on failing is a failure."""
    params = write("echo x >> count; test $(wc -l < count) -eq 3", delay=7)
    assert run_main("smoke_suite", params).result["attempts"] == 3
    assert pauses == [7.0, 7.0]


def test_a_suite_that_goes_on_failing(
    run_main: ModuleRunner, write: Write, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """E2: the message says what was run and what it said, and that people must decide."""
    monkeypatch.setenv("RAPTOR_URL", "https://raptor.example")
    params = write("echo x >> count; echo 'FAIL: reading'; echo; exit 3", attempts=2)
    outcome = run_main("smoke_suite", params)
    assert outcome.code == "smoke_failed"
    assert outcome.result["msg"].startswith(
        f"The smoke suite in {params['directory']} (./smoke.sh --env=test) ended with exit status 3, attempt 2 of 2. "
        'Its last line: "FAIL: reading". Next: Check the prefix of the app\'s config var, never its value (2d).'
    )
    assert "15 minutes (E2)" in outcome.result["failure"]["next_step"]
    assert outcome.result["failure"]["details"] == {"exit_status": 3, "attempts": 2, "output": ["FAIL: reading", ""]}
    assert (outcome.result["failure"]["retryable"], pauses) == (False, [5.0])
    assert Path(params["directory"], "count").read_text(encoding="utf-8") == "x\nx\n"


def test_a_variable_that_is_not_set_is_named(run_main: ModuleRunner, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAPTOR_URL", raising=False)
    message = run_main("smoke_suite", write("exit 1", attempts=1)).result["msg"]
    assert "It wrote nothing. Not set where it was run: RAPTOR_URL. Next:" in message


def test_a_suite_that_a_signal_ends(run_main: ModuleRunner, write: Write) -> None:
    outcome = run_main("smoke_suite", write("kill -TERM $$", attempts=1))
    assert outcome.result["failure"]["details"]["exit_status"] == 128 + signal.SIGTERM


def test_a_suite_that_takes_too_long_is_killed_whole(run_main: ModuleRunner, write: Write) -> None:
    params = write("echo begun; (trap '' TERM HUP; sleep 60) & echo $! > child; wait", timeout=1, attempts=1)
    outcome = run_main("smoke_suite", params)
    assert outcome.code == "smoke_timeout"
    assert 'was not finished after 1 seconds and was killed, attempt 1 of 1. Its last line: "begun".' in outcome.result["msg"]
    assert outcome.result["failure"]["details"] == {"exit_status": None, "attempts": 1, "output": ["begun"]}
    assert gone(int(Path(params["directory"], "child").read_text(encoding="utf-8")))


def test_output_that_is_closed_does_not_hide_a_suite_that_hangs(run_main: ModuleRunner, write: Write) -> None:
    outcome = run_main("smoke_suite", write("exec >/dev/null 2>&1; sleep 60", timeout=1, attempts=1))
    assert outcome.code == "smoke_timeout"
    assert run_main("smoke_suite", write("exec >/dev/null 2>&1; sleep 0.2")).result["exit_status"] == 0


@pytest.mark.parametrize("busy", ["sleep 60", "yes"])
def test_what_a_suite_leaves_behind_is_not_waited_for_and_does_not_stay(run_main: ModuleRunner, write: Write, busy: str) -> None:
    params = write(f"{busy} & echo $! > child", timeout=30)
    result = run_main("smoke_suite", params).result
    assert (result["exit_status"], result["attempts"]) == (0, 1)
    assert result["seconds"] < 10
    assert gone(int(Path(params["directory"], "child").read_text(encoding="utf-8")))


def test_a_process_that_left_the_group_and_keeps_writing_does_not_hold_the_module(run_main: ModuleRunner, write: Write) -> None:
    program = "import os, time; os.setsid(); end = time.time() + 3\nwhile time.time() < end: os.write(1, b'x' * 4096)"
    params = write(f'{sys.executable} -c "{program}" & sleep 0.5; echo done', timeout=30)
    assert run_main("smoke_suite", params).result["seconds"] < 2.5


def test_the_suite_gets_only_what_is_named(run_main: ModuleRunner, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: a suite, and what it calls, never has the keys to the other systems."""
    for name in list(os.environ):
        if name not in ("PATH", "HOME"):
            monkeypatch.delenv(name)
    held = [
        "HEROKU_API_KEY", "INFISICAL_TOKEN", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE",
        "AWS_SESSION_TOKEN", "FREESCOUT_API_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "PYTHONPATH", "OTHER", "LC_CTYPE",
    ]  # fmt: skip
    for name in (*held, "RAPTOR_URL", "LANG", "LC_ALL", "TMPDIR", "TERM", "NAMED"):
        monkeypatch.setenv(name, f"of-{name}")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    common = {"command": [sys.executable, "-I", "-c", code], "directory": write("")["directory"]}

    def seen(**more: t.Any) -> dict[str, str]:
        environment = json.loads("".join(run_main("smoke_suite", {**common, **more}).result["output"]))
        environment.pop("LC_CTYPE", None)  # Python's own
        return dict(environment)

    always = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM"}
    assert set(seen()) == always | {"RAPTOR_URL"}
    assert set(seen(pass_environment=[])) == always
    assert set(seen(pass_environment=["NAMED", "ABSENT"])) == always | {"NAMED"}
    changed = seen(environment={"NAMED": "mine", "LANG": "C", "EMPTY": ""}, pass_environment=["NAMED"])
    assert (changed["NAMED"], changed["LANG"], changed["EMPTY"]) == ("mine", "C", "")


def test_passwords_and_named_secrets_are_masked(run_main: ModuleRunner, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: the output of a suite is shown, so nothing secret may stand in it, whatever the suite prints."""
    monkeypatch.setenv("SUITE_TOKEN", "t0ken-of-the-suite")
    monkeypatch.setenv("BASE_URL", "https://smoke:s3cret-word@raptor.example")
    monkeypatch.setenv("RAPTOR_URL", "https://raptor.example")
    script = """echo "calling $RAPTOR_URL with <$SUITE_TOKEN>"; echo "curl -u smoke/s3cret-word"; printf '\\033[31mred\\033[0m\\n'
    echo "psql postgres://raptor_app:p0f3d1c2@db/raptor"; echo "at <$SUITE_TOKEN>"; exit 1"""
    params = write(script, attempts=1, pass_environment=["RAPTOR_URL", "SUITE_TOKEN", "BASE_URL"])
    outcome = run_main("smoke_suite", params)
    assert outcome.result["failure"]["details"]["output"] == [
        "calling https://raptor.example with <********>",
        "curl -u smoke/********",
        "red",
        "psql postgres://raptor_app:********@db/raptor",
        "at <********>",
    ]
    for secret in ("t0ken-of-the-suite", "s3cret-word"):
        assert secret not in outcome.text


def test_a_secret_in_the_command_is_not_in_the_message(run_main: ModuleRunner, write: Write) -> None:
    params = write("exit 1", attempts=1)
    message = run_main("smoke_suite", {**params, "command": ["./smoke.sh", "--password=hunter2"]}).result["msg"]
    assert "--password=********" in message
    assert "hunter2" not in message


def test_output_is_bounded(run_main: ModuleRunner, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes with and without line ends: only the last twenty lines are kept, and none is long."""
    longest: list[int] = []
    feed = _smoke._Tail.feed

    def watched(self: t.Any, data: bytes) -> None:
        feed(self, data)
        longest.append(sum(map(len, self._lines)) + len(self._split.rest))

    monkeypatch.setattr(_smoke._Tail, "feed", watched)
    result = run_main(
        "smoke_suite", write("head -c 8000000 /dev/zero | tr '\\0' x; echo; seq 100000 100017; printf '\\377'")
    ).result
    assert len(result["output"]) == 20
    assert len(result["output"][0]) <= 500
    assert result["output"][1:-1] == [str(number) for number in range(100000, 100018)]
    assert result["output"][-1] == "\ufffd"
    assert max(longest) <= (LINES_KEPT + 2) * 2 * 65536


def test_it_reads_nothing_from_the_operator(run_main: ModuleRunner, write: Write) -> None:
    assert run_main("smoke_suite", write("cat; echo end")).result["output"] == ["end"]


def test_a_program_without_a_slash_is_one_of_the_directory_or_of_path(run_main: ModuleRunner, write: Write) -> None:
    params = write("echo own")
    assert run_main("smoke_suite", {**params, "command": ["smoke.sh"]}).result["output"] == ["own"]
    assert run_main("smoke_suite", {**params, "command": ["echo", "from PATH"]}).result["output"] == ["from PATH"]
    assert (
        run_main("smoke_suite", {**params, "command": ["smoke.sh"], "environment": {"PATH": "/none"}}).result["changed"] is False
    )
    outcome = run_main("smoke_suite", {**params, "command": ["echo"], "environment": {"PATH": "/none"}})
    assert outcome.code == "invalid_input"


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"command": ["scripts/none.sh"]}, "none.sh is not there."),
        ({"command": ["no-such-program"]}, "no-such-program is not there."),
        ({"command": ["."]}, "is not executable."),
        ({"command": [""]}, "is not executable."),
        ({"command": ["readme"]}, "readme is not executable."),
        ({"command": []}, "is empty"),
        ({"command": ["./smoke.sh", "a\0b"]}, "NUL"),
        ({"directory": "/nonexistent/raptor"}, "The directory /nonexistent/raptor of the smoke suite is not there."),
        ({"environment": {"PORT": 8080}}, "The value for PORT is not a string; write it in quotes."),
        ({"timeout": 0}, "must be 1 or more"),
        ({"attempts": 0}, "must be 1 or more"),
        ({"delay": -1}, "must not be negative"),
    ],
)
def test_what_cannot_be_run_is_an_invalid_input(
    run_main: ModuleRunner, write: Write, more: Params, wanted: str, check: bool
) -> None:
    """Y7: found before anything runs, in check mode too."""
    params = write("echo x > ran")
    Path(params["directory"], "readme").touch(mode=0o644)
    outcome = run_main("smoke_suite", {**params, **more}, check=check)
    assert outcome.code == "invalid_input"
    assert wanted in outcome.result["msg"]
    assert not Path(params["directory"], "ran").exists()
    if "smoke suite" in outcome.result["msg"]:  # in 2d a credential has been rotated by then
        assert "nothing was changed" not in outcome.result["msg"]


@pytest.mark.parametrize(
    ("head", "environment"), [("#!/nonexistent/interpreter", {}), ("no program at all", {}), ("#!/bin/sh", {"A=B": "1"})]
)
def test_what_cannot_be_started_is_an_invalid_input(
    run_main: ModuleRunner, write: Write, head: str, environment: dict[str, str]
) -> None:
    params = write("")
    Path(params["directory"], "smoke.sh").write_text(f"{head}\n", encoding="utf-8")
    outcome = run_main("smoke_suite", {**params, "environment": environment})
    assert outcome.code == "invalid_input"
    assert "smoke.sh cannot be started (" in outcome.result["msg"]


def test_check_mode_runs_nothing(run_main: ModuleRunner, write: Write) -> None:
    params = write("echo x > ran")
    result = run_main("smoke_suite", params, check=True).result
    assert (result["changed"], result["attempts"], result["exit_status"], result["output"]) == (False, 0, None, [])
    assert not Path(params["directory"], "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_playbook_that_is_stopped_leaves_no_suite_behind(write: Write, tmp_path: Path, number: signal.Signals) -> None:
    params = write("sleep 60 & echo $$ $! > pids.new; mv pids.new pids; wait")
    program = (
        "import json, signal, sys\n"
        "from ansible_collections.raxx.deprovision.plugins.module_utils._smoke import Suite\n"
        # A shell starts what runs in its background with this signal ignored, and so would run the tests.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "command, directory = json.loads(sys.argv[1])\n"
        "Suite.create(command, directory, {'PATH': '/usr/bin:/bin'}, [], {}).run(attempts=1, timeout=60, delay=0)\n"
    )
    arguments = json.dumps([params["command"], params["directory"]])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    with subprocess.Popen([sys.executable, "-c", program, arguments], env=environment, stderr=subprocess.DEVNULL) as process:
        pids = tmp_path / "pids"
        deadline = time.monotonic() + 20
        while not pids.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(20) != 0
    assert all(gone(int(pid)) for pid in pids.read_text(encoding="utf-8").split())


def test_an_order_to_end_while_the_suite_is_being_started_is_not_lost(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite runs before its number is known here; the order comes in between."""
    received: list[int] = []
    started: list[int] = []
    popen = subprocess.Popen

    def interrupted(*arguments: t.Any, **options: t.Any) -> t.Any:
        process = popen(*arguments, **options)
        started.append(process.pid)
        signal.raise_signal(signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        params = write("sleep 60")
        suite = _smoke.Suite.create(params["command"], params["directory"], os.environ, [], {})
        with pytest.raises(DeprovisionError):
            suite.run(attempts=1, timeout=30, delay=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (received, gone(started[0])) == ([signal.SIGTERM], True)


def test_the_handlers_of_signals_are_as_before(run_main: ModuleRunner, write: Write) -> None:
    before = [signal.getsignal(number) for number in _smoke._Group.SIGNALS]
    run_main("smoke_suite", write("exit 0"))
    run_main("smoke_suite", write("exit 1", attempts=1))
    assert [signal.getsignal(number) for number in _smoke._Group.SIGNALS] == before
