# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""heroku_dyno: one-off commands over a real TLS rendezvous (runbook 3c), and restarts (E6)."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
import typing as t
from pathlib import Path

import pytest
import requests
import responses
import trustme
from ansible_collections.raxx.deprovision.plugins.module_utils import _one_off, _rendezvous, _waiting
from responses import matchers

from .conftest import ModuleRunner, Outcome
from .heroku_answers import APP, KEY, dyno, error, expect_dynos

GREETING = b"rendezvous\r\n"
MARKER = "\uffff heroku-command-exit-status: "
COMMAND = "python jobs/audit_archiver.py --dry-run"
SECRET = "0123456789-the-secret"
PARAMS = {"heroku_api_key": KEY, "app": "raxx-api-prod", "state": "run", "command": COMMAND, "dyno_timeout": 30}


class Server:
    """A rendezvous on 127.0.0.1 that sends scripted chunks to one client and then closes.

    C(sent) is the first line that the client wrote, C(typed) what it wrote after the greeting.
    """

    def __init__(self, authority: trustme.CA) -> None:
        self.chunks: list[bytes] = []
        self.stall = False
        self.reset = False
        self.sent = self.typed = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.url = f"rendezvous://localhost:{self._listener.getsockname()[1]}/{SECRET}?a=1"
        self.released = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        with contextlib.suppress(OSError):  # wakes a listener that no client came to
            socket.create_connection(self._listener.getsockname(), 1).close()
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            plain, __ = self._listener.accept()
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(plain, server_side=True) as client:
                while not self.sent.endswith(b"\n"):
                    self.sent += client.recv(1)
                for chunk in self.chunks:
                    client.sendall(chunk)
                    if chunk == GREETING:
                        self.typed = client.recv(1)
                if self.stall:
                    self.released.wait(10)
                if not self.reset:
                    client.unwrap()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Server]:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HEROKU_CA_PATH", str(tmp_path / "ca.pem"))
    server = Server(authority)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the code under test wanted to pause."""
    made: list[float] = []
    for module in (_one_off, _rendezvous, _waiting):
        monkeypatch.setattr(module, "sleep", made.append)
    return made


def expect_app(script: responses.RequestsMock, generation: str = "cedar", stack: str = "heroku-24") -> None:
    script.get(APP, json={"name": "raxx-api-prod", "generation": generation, "stack": {"name": stack}})


def one_off(url: str | None, command: str = "") -> dict[str, t.Any]:
    return {**dyno("run.4821", 42, "starting"), "attach_url": url, "command": command}


def of_the_body(command: str) -> t.Callable[[requests.PreparedRequest], tuple[bool, str]]:
    """The request is exactly what Heroku's own client sends, with a limit of life and a comment that makes it unique."""

    def match(request: requests.PreparedRequest) -> tuple[bool, str]:
        body = json.loads(request.body or "")
        wanted = f'{command} ; echo "{MARKER}$?" # '
        rest = {key: value for key, value in body.items() if key != "command"}
        good = body["command"].startswith(wanted) and rest == {
            "attach": True,
            "env": {"TERM": "dumb"},
            "force_no_tty": True,
            "time_to_live": 30,
        }
        return good, f"body is {body}"

    return match


def expect_post(script: responses.RequestsMock, url: str | None, command: str = COMMAND) -> None:
    script.post(f"{APP}/dynos", json=one_off(url), status=201, match=[of_the_body(command)])


def expect_stop(script: responses.RequestsMock) -> None:
    script.post(f"{APP}/dynos/run.4821/actions/stop", json={}, status=202)


def run_with(run_main: ModuleRunner, script: responses.RequestsMock, server: Server, *chunks: bytes) -> Outcome:
    expect_app(script)
    expect_post(script, server.url)
    server.chunks = list(chunks)
    return run_main("heroku_dyno", PARAMS)


def marker(status: int) -> bytes:
    return f"{MARKER}{status}\r\n".encode()


def test_a_command_that_succeeds(run_main: ModuleRunner, script: responses.RequestsMock, server: Server) -> None:
    """3c: exit status 0, over the wire as it really is."""
    outcome = run_with(run_main, script, server, GREETING, b"4 events\r\nwould be archived\r\n", marker(0))
    assert outcome.result["exit_status"] == 0
    assert outcome.result["output"] == ["4 events", "would be archived"]
    assert (outcome.result["dyno"], outcome.result["changed"]) == ("run.4821", True)
    assert (server.sent, server.typed) == (f"{SECRET}?a=1\r\n".encode(), b"\x04")
    assert SECRET not in outcome.text


@pytest.mark.parametrize(
    "chunks",
    [
        [GREETING + b"out\r\n" + marker(0)],
        [bytes([byte]) for byte in GREETING + b"out\r\n" + marker(0)],
        [GREETING, b"out" + marker(0)],
        [GREETING, b"out\n", marker(0)[:2], marker(0)[2:-3], marker(0)[-3:], b"after the marker\r\n"],
    ],
)
def test_the_stream_may_be_cut_into_any_chunks(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server, chunks: list[bytes]
) -> None:
    outcome = run_with(run_main, script, server, *chunks)
    assert (outcome.result["exit_status"], outcome.result["output"]) == (0, ["out"])


def test_a_command_that_fails(run_main: ModuleRunner, script: responses.RequestsMock, server: Server) -> None:
    lines = b"".join(b"line %d\r\n" % number for number in range(50))
    outcome = run_with(run_main, script, server, GREETING, lines, marker(127))
    details = outcome.result["failure"]["details"]
    assert (outcome.code, details["exit_status"], details["dyno"]) == ("command_failed", 127, "run.4821")
    assert details["output"] == [f"line {number}" for number in range(30, 50)]


@pytest.mark.parametrize("status", [0, 1])
def test_an_authentication_failure_counts_whatever_the_exit_status(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server, status: int
) -> None:
    """3c: the one-off exits 0 and there is no authentication error."""
    text = b'audit_archiver: failed: FATAL:  password authentication failed for user "audit_archiver"\r\n'
    outcome = run_with(run_main, script, server, GREETING, text, b"more\n" * 30, marker(status))
    assert outcome.code == "command_authentication_failure"
    assert outcome.result["failure"]["details"]["role"] == "audit_archiver"


def test_output_is_for_people_and_holds_no_password(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server
) -> None:
    """I10."""
    secret = "p" + "0123456789abcdef" * 4
    outcome = run_with(
        run_main,
        script,
        server,
        GREETING,
        f"connecting to postgres://raptor_app:h0rse@b@db.example:5432/x\r\n\x1b[31mred\x07\x1b[0m {secret}\r\n".encode(),
        b'host=db user=raptor_app password=h0rse-b sslmode=require\r\nSECRET_KEY_BASE=abc123\n{"api_token": "abc123", "n": 1}\n'
        b"bad \xff byte\r\n" + b"x" * 100_000 + b"\r\n",
        marker(0),
    )
    assert outcome.result["output"][:6] == [
        "connecting to postgres://raptor_app:********@db.example:5432/x",
        "red ********",
        "host=db user=raptor_app password=******** sslmode=require",
        "SECRET_KEY_BASE=********",
        '{"api_token": ********, "n": 1}',
        "bad \ufffd byte",
    ]
    assert max(len(line) for line in outcome.result["output"]) <= 500


@pytest.mark.parametrize(
    ("chunks", "reset", "started"),
    [
        ([GREETING, b"working\r\n"], False, "it had begun"),
        ([GREETING, b"working\r\n"], True, "it had begun"),
        ([GREETING, marker(0)[:-2]], False, "it had begun"),  # digits may be missing
        ([], False, "it had not begun"),
    ],
)
def test_an_end_without_the_marker_is_no_success(
    run_main: ModuleRunner,
    script: responses.RequestsMock,
    server: Server,
    chunks: list[bytes],
    reset: bool,
    started: str,
) -> None:
    server.reset = reset
    expect_app(script)
    expect_post(script, server.url)
    expect_stop(script)
    server.chunks = chunks
    outcome = run_main("heroku_dyno", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("exit_status_unknown", True)
    assert started in outcome.result["msg"]


def test_a_command_that_does_not_end_is_stopped(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every wait is bounded; a stop that fails changes nothing in what is reported."""
    real, begun = time.monotonic, time.monotonic()
    # A clock that is a hundred times as fast: 30 seconds pass in 0.3, but a socket waits in real time.
    monkeypatch.setattr(_rendezvous, "monotonic", lambda: begun + (real() - begun) * 100)
    monkeypatch.setattr(_waiting, "monotonic", lambda: begun + (real() - begun) * 100)
    server.stall = True
    server.chunks = [GREETING, *[b"working\r\n"] * 3]
    threading.Timer(1.0, server.released.set).start()
    expect_app(script)
    expect_post(script, server.url)
    script.post(f"{APP}/dynos/run.4821/actions/stop", json=error("not_found"), status=404)
    outcome = run_main("heroku_dyno", PARAMS)
    assert outcome.code == "exit_status_unknown"
    assert "was not finished after 30 seconds" in outcome.result["msg"]


def test_an_untrusted_certificate_stops(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    expect_app(script)
    expect_post(script, server.url)
    expect_stop(script)
    outcome = run_main("heroku_dyno", {**PARAMS, "heroku_ca_path": str(tmp_path / "other.pem")})
    assert (outcome.code, "heroku_ca_path" in outcome.result["msg"]) == ("unreachable", True)
    assert SECRET not in outcome.text


def test_a_ca_file_that_is_none_is_told(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server, tmp_path: Path
) -> None:
    expect_app(script)
    expect_post(script, server.url)
    expect_stop(script)
    assert run_main("heroku_dyno", {**PARAMS, "heroku_ca_path": str(tmp_path / "none.pem")}).code == "invalid_input"


def test_connecting_is_tried_again_within_a_bound(
    run_main: ModuleRunner, script: responses.RequestsMock, pauses: list[float]
) -> None:
    """Before the secret was sent nothing has happened, so this is safe; the dyno is not created again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    expect_app(script)
    expect_post(script, f"rendezvous://localhost:{port}/{SECRET}")
    expect_stop(script)
    outcome = run_main("heroku_dyno", PARAMS)
    assert (outcome.code, f"port {port}" in outcome.result["msg"]) == ("unreachable", True)
    assert (outcome.result["failure"]["outcome_unknown"], pauses) == (False, [1.0, 1.0])


def test_a_dyno_that_was_created_without_an_answer_is_found_again(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server
) -> None:
    """I4: the request is not repeated, since the dyno is there. Others with nearly the same command are not ours."""
    created: list[str] = []

    def drop(request: requests.PreparedRequest) -> t.Any:
        created.append(json.loads(request.body or "")["command"])
        raise requests.exceptions.ConnectionError("dropped")

    def listed(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        other = {**one_off("rendezvous://localhost:1/other", f"{created[0][:-8]}00000000"), "name": "run.1"}
        return 200, {}, json.dumps([dyno("web.1", 42), other, one_off(server.url, created[0])])

    expect_app(script)
    script.add_callback("POST", f"{APP}/dynos", drop)
    script.add_callback("GET", f"{APP}/dynos", listed)
    server.chunks = [GREETING, marker(0)]
    assert run_main("heroku_dyno", PARAMS).result["exit_status"] == 0


def test_a_dyno_that_was_not_created_is_created_once_more(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server
) -> None:
    """I4: only after looking, several times, and with the same command."""
    expect_app(script)
    script.post(f"{APP}/dynos", body="<html>", status=503)
    for __ in range(3):
        expect_dynos(script, dyno("web.1", 42), one_off("rendezvous://localhost:1/other", COMMAND))
    expect_post(script, server.url)
    server.chunks = [GREETING, marker(0)]
    assert run_main("heroku_dyno", PARAMS).result["exit_status"] == 0


def test_a_second_unclear_answer_is_reported(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_app(script)
    script.post(f"{APP}/dynos", body="<html>", status=503)
    for __ in range(3):
        expect_dynos(script)
    script.post(f"{APP}/dynos", body="<html>", status=503)
    outcome = run_main("heroku_dyno", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


def test_a_conflict_passes(run_main: ModuleRunner, script: responses.RequestsMock, server: Server, pauses: list[float]) -> None:
    expect_app(script)
    script.post(f"{APP}/dynos", json=error("conflict"), status=409)
    expect_post(script, server.url)
    server.chunks = [GREETING, marker(0)]
    assert run_main("heroku_dyno", PARAMS).result["exit_status"] == 0
    assert pauses == [2.0]


def test_a_conflict_that_stays_is_reported(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_app(script)
    for __ in range(4):
        script.post(f"{APP}/dynos", json=error("conflict"), status=409)
    assert run_main("heroku_dyno", PARAMS).code == "conflict"


REFUSALS = [
    (401, "unauthorized", "unauthorized"),
    (402, "delinquent", "forbidden"),
    (403, "forbidden", "forbidden"),
    (404, "not_found", "not_found"),
    (422, "invalid_params", "invalid_request"),
]


@pytest.mark.parametrize(("status", "error_id", "code"), REFUSALS)
def test_a_refused_dyno_is_reported_at_once(
    run_main: ModuleRunner, script: responses.RequestsMock, status: int, error_id: str, code: str
) -> None:
    expect_app(script)
    script.post(f"{APP}/dynos", json=error(error_id, f"about {COMMAND}"), status=status)
    assert run_main("heroku_dyno", PARAMS).code == code


def test_an_app_without_rendezvous_is_told_before_anything_runs(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_app(script, "fir", "cnb")
    assert run_main("heroku_dyno", PARAMS).code == "unsupported_dyno"


@pytest.mark.parametrize("url", ["https://rendezvous.example/x", "http://rendezvous.example/x", None, "rendezvous:///x"])
def test_a_dyno_without_rendezvous_is_stopped(run_main: ModuleRunner, script: responses.RequestsMock, url: str | None) -> None:
    """Private spaces: known only from the answer."""
    expect_app(script)
    expect_post(script, url)
    expect_stop(script)
    assert run_main("heroku_dyno", PARAMS).code == "unsupported_dyno"


def test_buildpack_apps_of_the_new_kind_need_a_launcher(
    run_main: ModuleRunner, script: responses.RequestsMock, server: Server
) -> None:
    expect_app(script, stack="cnb")
    expect_post(script, server.url, f"launcher {COMMAND}")
    server.chunks = [GREETING, marker(0)]
    assert run_main("heroku_dyno", PARAMS).result["exit_status"] == 0


def test_a_size_is_passed_on(run_main: ModuleRunner, script: responses.RequestsMock, server: Server) -> None:
    expect_app(script)
    script.post(
        f"{APP}/dynos",
        json=one_off(server.url),
        status=201,
        match=[matchers.json_params_matcher({"size": "standard-2x"}, strict_match=False)],
    )
    server.chunks = [GREETING, marker(0)]
    assert run_main("heroku_dyno", {**PARAMS, "size": "standard-2x"}).result["exit_status"] == 0


def test_check_mode_runs_nothing(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I11."""
    expect_app(script)
    outcome = run_main("heroku_dyno", PARAMS, check=True)
    assert (outcome.result["changed"], outcome.result["exit_status"]) == (True, None)
    expect_dynos(script, dyno("web.1", 42))
    outcome = run_main("heroku_dyno", RESTART, check=True)
    assert (outcome.result["changed"], outcome.result["dynos"][0]["name"]) == (True, "web.1")


def test_a_command_is_required_and_a_key(run_main: ModuleRunner) -> None:
    without = {name: value for name, value in PARAMS.items() if name != "command"}
    assert "command" in run_main("heroku_dyno", without).result["msg"]
    for nothing in (None, ""):  # Ansible takes null for a value
        assert run_main("heroku_dyno", {**PARAMS, "command": nothing}).code == "invalid_input"
    assert run_main("heroku_dyno", {**PARAMS, "heroku_api_key": ""}).code == "credentials_missing"


RESTART = {"heroku_api_key": KEY, "app": "raxx-api-prod", "state": "restarted", "dyno_timeout": 60}


def new(name: str, state: str = "up") -> dict[str, t.Any]:
    return {**dyno(name, 43, state, "2026-05-19T10:09:00Z"), "id": f"new {name}"}


def expect_restart(script: responses.RequestsMock, status: int = 202, body: str = "{}") -> None:
    script.delete(f"{APP}/dynos", body=body, status=status)


def test_a_restart_is_over_when_every_dyno_is_a_new_one_and_up(
    run_main: ModuleRunner, script: responses.RequestsMock, pauses: list[float]
) -> None:
    """I6, I7: accepting is not finishing; one-off dynos do not matter."""
    expect_dynos(script, dyno("web.1", 42), dyno("worker.1", 42), dyno("run.7", 42))
    expect_restart(script)
    expect_dynos(script, dyno("web.1", 42), dyno("worker.1", 42), dyno("run.7", 42))  # not yet
    expect_dynos(script, new("web.1", "starting"), dyno("run.7", 42))  # one is gone for a moment
    script.get(f"{APP}/dynos", body="not json")  # a passing outage
    expect_dynos(script, new("web.1"), new("worker.1", "crashed"))
    expect_dynos(script, new("web.1"), new("worker.1"), dyno("run.7", 42))
    outcome = run_main("heroku_dyno", RESTART)
    assert [item["name"] for item in outcome.result["dynos"]] == ["web.1", "worker.1"]
    assert outcome.result["dynos"][0] == {
        "name": "web.1",
        "state": "up",
        "release": 43,
        "updated_at": "2026-05-19T10:09:00Z",
    }
    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_a_dyno_that_keeps_its_id_is_told_by_its_time_stamps(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_dynos(script, dyno("web.1", 42))
    expect_restart(script)
    expect_dynos(script, dyno("web.1", 42, "up", "2026-05-19T10:09:00Z"))
    assert run_main("heroku_dyno", RESTART).result["changed"] is True


def test_a_restart_without_an_answer_is_not_repeated(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I4: whether it was carried out shows in the dynos."""
    expect_dynos(script, dyno("web.1", 42))
    expect_restart(script, 503, "<html>")
    expect_dynos(script, new("web.1"))
    assert run_main("heroku_dyno", RESTART).result["changed"] is True


@pytest.mark.parametrize(("status", "unknown"), [(202, False), (503, True)])
def test_a_restart_that_does_not_finish_names_the_dynos(
    run_main: ModuleRunner,
    script: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    unknown: bool,
) -> None:
    moments = iter([0.0, 0.0, 61.0])
    monkeypatch.setattr(_waiting, "monotonic", lambda: next(moments))
    expect_dynos(script, dyno("web.1", 42), dyno("web.2", 42), dyno("worker.1", 42))
    expect_restart(script, status)
    for __ in range(2):
        expect_dynos(script, dyno("web.1", 42), new("worker.1", "starting"))
    outcome = run_main("heroku_dyno", RESTART)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("restart_not_finished", unknown)
    assert outcome.result["failure"]["details"]["dynos"] == ["web.2 gone", "web.1 not restarted", "worker.1 starting"]


@pytest.mark.parametrize(("status", "error_id", "code"), REFUSALS[:4])
def test_a_refused_restart_is_reported_at_once(
    run_main: ModuleRunner, script: responses.RequestsMock, status: int, error_id: str, code: str
) -> None:
    expect_dynos(script, dyno("web.1", 42))
    expect_restart(script, status, json.dumps(error(error_id)))
    assert run_main("heroku_dyno", RESTART).code == code
