# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""heroku_log_watch (runbook 2c and 4): the whole window was seen, and no login was refused in it."""

from __future__ import annotations

import io
import threading
import time
import typing as t
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _log_stream
from ansible_collections.raxx.deprovision.plugins.modules import heroku_log_watch
from responses import matchers

from .conftest import ModuleRunner
from .heroku_answers import APP, KEY, error

LOG = "https://logplex.example/sessions/a-secret-session?srv=1"
SINCE = datetime(2026, 5, 19, 10, 0, tzinfo=UTC)
PARAMS = {
    "heroku_api_key": KEY,
    "app": "raxx-api-prod",
    "roles": ["raptor_app", "raptor_app-rotating"],
    "since": "2026-05-19T10:00:00Z",
    "window": 60,
}
REFUSED = 'sql_error_code = 28P01 FATAL:  password authentication failed for user "raptor_app"'


class Clock:
    """Time that passes only when somebody sleeps, or when a stream says so."""

    def __init__(self) -> None:
        self.time = SINCE
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_log_stream, "now", clock.now)
    monkeypatch.setattr(_log_stream, "sleep", clock.sleep)
    monkeypatch.setattr(heroku_log_watch, "now", clock.now)
    return clock


class Body(io.RawIOBase):
    """A stream in pieces: bytes arrive, a number lets so many seconds pass, an exception is raised."""

    def __init__(self, clock: Clock, pieces: t.Iterable[bytes | float | Exception]) -> None:
        self._clock = clock
        self._pieces = list(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, bytes):
                size = min(len(piece), len(buffer))
                buffer[:size] = piece[:size]
                if piece[size:]:
                    self._pieces.insert(0, piece[size:])
                return size
            if isinstance(piece, Exception):
                raise piece
            self._clock.time += timedelta(seconds=piece)
        return 0


def line(seconds: float, text: str = "State changed from starting to up", source: str = "heroku[web.1]") -> str:
    return f"{(SINCE + timedelta(seconds=seconds)).isoformat(timespec='microseconds')} {source}: {text}"


def event(seconds: float, *more: str) -> bytes:
    return f"id: {seconds}\ndata: {line(seconds, *more)}\n\n".encode()


def expect_session(script: responses.RequestsMock, *, tail: bool, lines: int = 1500) -> None:
    script.post(
        f"{APP}/log-sessions",
        json={"logplex_url": LOG},
        status=201,
        match=[matchers.json_params_matcher({"lines": lines, "tail": tail})],
    )


def expect_stream(
    script: responses.RequestsMock,
    clock: Clock,
    *pieces: bytes | float | Exception,
    tail: bool = True,
    kind: str = "text/event-stream",
    lines: int = 1500,
) -> None:
    expect_session(script, tail=tail, lines=lines)

    def without_authorization(request: requests.PreparedRequest) -> tuple[bool, str]:
        return "Authorization" not in request.headers and request.headers["Accept"] == "text/event-stream", "headers"

    script.get(
        LOG,
        body=io.BufferedReader(Body(clock, pieces)),
        content_type=kind,
        match=[without_authorization],
    )


END = event(61)


def test_a_clean_window(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """4: the stream is followed to the end of the window; only lines within it count."""
    expect_stream(
        script,
        clock,
        b"retry: 1\n\n: a comment\n\n",
        event(-5, REFUSED, "app[postgres.9]"),
        event(1),
        30.0,
        event(31, 'at=info method=GET path="/" status=200', "heroku[router]"),
        END,
    )
    outcome = run_main("heroku_log_watch", PARAMS)
    assert outcome.result["verdict"] == "clean"
    assert (outcome.result["lines"], outcome.result["requests"]) == (2, 1)
    assert outcome.result["first"] == "2026-05-19T10:00:01.000000Z"
    assert outcome.result["last"] == "2026-05-19T10:00:31.000000Z"
    assert LOG not in outcome.text


def test_the_end_may_come_by_the_clock(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    expect_stream(script, clock, event(1), 61.0, event(59))
    assert run_main("heroku_log_watch", PARAMS).result["lines"] == 2
    clock.time = SINCE
    expect_stream(script, clock, event(1), 61.0)
    assert run_main("heroku_log_watch", PARAMS).result["lines"] == 1


def test_a_refused_login_fails(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """4: the message and the details hold no text of the log."""
    expect_stream(script, clock, event(1), event(2, f"{REFUSED} and a-secret", "app[web.1]"), END)
    outcome = run_main("heroku_log_watch", PARAMS)
    details = outcome.result["failure"]["details"]
    assert outcome.code == "log_authentication_failure"
    assert details["authentication_failures"] == [
        {"at": "2026-05-19T10:00:02.000000Z", "source": "app[web.1]", "role": "raptor_app"}
    ]
    assert (details["verdict"], details["lines"]) == ("authentication_failure", 2)
    assert "a-secret" not in outcome.text


def test_our_own_probes_are_expected(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """4.5: exactly as many as announced, from the database's log."""
    probes = [event(seconds, REFUSED, "app[postgres.27]") for seconds in (1, 2)]
    denial = event(3, "sql_error_code = 42501 ERROR:  permission denied for table x", "app[postgres.27]")
    params = {**PARAMS, "expected_refusals": {"raptor_app": "2"}, "expected_denials": 1}
    expect_stream(script, clock, *probes, denial, END)
    result = run_main("heroku_log_watch", params).result
    assert (result["own_refusals"], result["own_denials"], result["authentication_failures"]) == (2, 1, [])
    expect_stream(script, clock, *probes, event(4, REFUSED, "app[postgres.28]"), END)
    assert run_main("heroku_log_watch", params).code == "log_authentication_failure"


def test_a_missing_right_is_grant_drift(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """4: never an authentication failure."""
    expect_stream(script, clock, event(1, "ERROR:  permission denied for table audit_events", "app[web.1]"), END)
    outcome = run_main("heroku_log_watch", PARAMS)
    assert (outcome.code, "grants" in outcome.result["msg"]) == ("grant_drift", True)


def test_an_empty_window_proves_nothing(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    expect_stream(script, clock, event(-1), 61.0)
    assert run_main("heroku_log_watch", PARAMS).code == "log_inconclusive"


def test_a_window_without_a_request_is_made_longer(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """C4: until there is one, or for so long; by one second first, and each time by twice as much."""
    request = event(63, 'at=info method=GET path="/" status=200', "heroku[router]")
    expect_stream(script, clock, event(1), 61.0)
    expect_stream(script, clock, event(1), 1.0)
    expect_stream(script, clock, event(1), request, 2.0)
    result = run_main("heroku_log_watch", {**PARAMS, "quiet_wait": 20}).result
    assert (result["lines"], result["requests"], result["until"]) == (2, 1, "2026-05-19T10:01:04.000000Z")

    clock.time = SINCE
    for seconds in (61.0, 1.0, 1.0):
        expect_stream(script, clock, event(1), seconds)
    result = run_main("heroku_log_watch", {**PARAMS, "quiet_wait": 3}).result
    assert (result["lines"], result["requests"], result["until"]) == (1, 0, "2026-05-19T10:01:03.000000Z")


@pytest.mark.parametrize("cut", [None, requests.exceptions.ConnectionError("reset"), OSError("reset"), ValueError("closed")])
def test_a_cut_stream_is_opened_anew_and_lines_count_once(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock, cut: Exception | None
) -> None:
    """Else a probe that comes again out of the buffer would look like one too many."""
    probe = event(1, REFUSED, "app[postgres.27]")
    unfinished = event(2, "text", "app[web.1]")[:-9]
    expect_stream(script, clock, probe, 5.0, unfinished, *([cut] if cut else []))
    expect_stream(script, clock, probe, event(2, "text", "app[web.1]"), event(9), END)
    outcome = run_main("heroku_log_watch", {**PARAMS, "expected_refusals": {"raptor_app": 1}})
    assert (outcome.result["lines"], outcome.result["own_refusals"]) == (3, 1)
    assert clock.slept == [1.0]


def test_equal_lines_of_one_stream_are_several_lines(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    expect_stream(script, clock, event(1), event(1), 5.0)
    expect_stream(script, clock, event(1), event(1), event(1), END)
    assert run_main("heroku_log_watch", PARAMS).result["lines"] == 3


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_session_that_is_gone_is_made_again(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock, status: int
) -> None:
    expect_session(script, tail=True)
    script.get(LOG, body="Not found.", status=status)
    expect_stream(script, clock, event(1), END)
    assert run_main("heroku_log_watch", PARAMS).result["verdict"] == "clean"


def test_an_outage_to_the_end_is_made_good_by_the_buffer(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    """Pauses grow, and every wait ends with the window; then the buffer is read once more."""
    expect_stream(script, clock, event(1), 1.0)
    for __ in range(9):
        script.post(f"{APP}/log-sessions", body="<html>", status=503)
    expect_stream(script, clock, event(1), event(30), tail=False)
    outcome = run_main("heroku_log_watch", PARAMS)
    assert outcome.result["lines"] == 2
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 4.0]


def test_a_stream_that_never_begins_was_not_seen(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """That time has passed while waiting for it proves nothing; the buffer does."""

    def late(request: requests.PreparedRequest) -> t.Any:
        clock.time += timedelta(seconds=60)
        raise requests.exceptions.ReadTimeout("late")

    expect_session(script, tail=True)
    script.add_callback("GET", LOG, late)
    expect_stream(script, clock, event(30), tail=False)
    assert run_main("heroku_log_watch", PARAMS).result["lines"] == 1


def test_an_outage_that_stays_is_inconclusive(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    clock.time = SINCE + timedelta(seconds=70)
    for __ in range(3):
        expect_stream(script, clock, event(1), requests.exceptions.ConnectionError("reset"), tail=False)
    outcome = run_main("heroku_log_watch", PARAMS)
    assert (outcome.code, outcome.result["failure"]["retryable"]) == ("log_inconclusive", True)
    assert "ended early" in outcome.result["msg"]


def test_a_window_in_the_past_comes_out_of_the_buffer(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    clock.time = SINCE + timedelta(seconds=70)
    last = event(59).rstrip(b"\n")  # the last event need not be closed
    expect_stream(script, clock, event(-1), event(1), event(65), last, tail=False)
    outcome = run_main("heroku_log_watch", PARAMS)
    assert (outcome.result["lines"], clock.slept) == (2, [])


def test_a_buffer_that_takes_too_long_is_inconclusive(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    clock.time = SINCE + timedelta(seconds=70)
    for __ in range(3):
        expect_stream(script, clock, event(1), 61.0, tail=False)
    assert run_main("heroku_log_watch", PARAMS).code == "log_inconclusive"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        ((1, 2, 3), "log_inconclusive"),  # full, and begins too late
        ((0, 2, 3), None),  # full, and reaches back
        ((1, 2), None),  # not full: there were no more lines
    ],
)
def test_a_full_buffer_must_reach_back(
    run_main: ModuleRunner,
    script: responses.RequestsMock,
    clock: Clock,
    seconds: tuple[float, ...],
    code: str | None,
) -> None:
    clock.time = SINCE + timedelta(seconds=30)
    expect_stream(script, clock, *[event(each) for each in seconds], 31.0, event(59), END, lines=3)
    outcome = run_main("heroku_log_watch", {**PARAMS, "lines": 3})
    assert (outcome.code if outcome.failed else None) == code


def test_a_gap_between_two_streams_is_noticed(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    expect_stream(script, clock, event(1), 20.0, lines=3)
    expect_stream(script, clock, event(18), event(19), event(20), END, lines=3)
    outcome = run_main("heroku_log_watch", {**PARAMS, "lines": 3})
    assert (outcome.code, "2026-05-19T10:00:01" in outcome.result["msg"]) == ("log_inconclusive", True)


def test_lines_that_come_live_do_not_fill_the_buffer(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    expect_stream(script, clock, event(1), event(20), event(40), END, lines=3)
    assert run_main("heroku_log_watch", {**PARAMS, "lines": 3}).result["lines"] == 3


def test_plain_text_is_read_too(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    """Open-source Logplex answers so."""
    text = f"{line(1)}\n{line(2, REFUSED, 'app[web.1]')}\r\n{line(61)}\n".encode()
    expect_stream(script, clock, text[:10], text[10:70], text[70:], kind="text/plain")
    assert run_main("heroku_log_watch", PARAMS).code == "log_authentication_failure"
    clock.time = SINCE + timedelta(seconds=70)
    expect_stream(script, clock, text.rstrip(), tail=False, kind="text/plain")
    assert run_main("heroku_log_watch", PARAMS).code == "log_authentication_failure"


def test_an_event_may_hold_several_lines_and_rubbish(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    event_of_two = f"data: {line(1)}\ndata:{line(2)}\n\n".encode()
    expect_stream(script, clock, event_of_two, b"data: \xff rubbish\n\n", b"x" * 70_000, b"\n\n", END)
    assert run_main("heroku_log_watch", PARAMS).result["lines"] == 2


@pytest.mark.parametrize(
    ("status", "error_id", "code"),
    [(401, "unauthorized", "unauthorized"), (403, "forbidden", "forbidden"), (404, "not_found", "not_found")],
)
def test_a_refusal_stops_at_once(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock, status: int, error_id: str, code: str
) -> None:
    script.post(f"{APP}/log-sessions", json=error(error_id), status=status)
    assert run_main("heroku_log_watch", PARAMS).code == code


def test_a_log_over_plain_http_is_refused(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    script.post(f"{APP}/log-sessions", json={"logplex_url": "http://logplex.example/a-secret-session"}, status=201)
    outcome = run_main("heroku_log_watch", PARAMS)
    assert outcome.code == "insecure_url"
    assert "a-secret-session" not in outcome.text


@pytest.mark.parametrize(
    "wrong",
    [{"since": "yesterday"}, {"since": "2026-05-19T10:00:00"}, {"expected_refusals": {"raptor_app": "two"}}, {"lines": 0}],
)
def test_wrong_input_is_told(run_main: ModuleRunner, wrong: dict[str, t.Any]) -> None:
    assert run_main("heroku_log_watch", {**PARAMS, **wrong}).code == "invalid_input"


def test_check_mode_reads_the_same(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    expect_stream(script, clock, event(1), END)
    assert run_main("heroku_log_watch", PARAMS, check=True).result["verdict"] == "clean"


class StallingLog(BaseHTTPRequestHandler):
    """Sends one event, chunked, and then nothing more."""

    protocol_version = "HTTP/1.1"
    done = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        host, port = t.cast("tuple[str, int]", self.server.server_address)
        body = f'{{"logplex_url": "http://{host}:{port}/sessions/1"}}'.encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = f"data: {datetime.now(UTC).isoformat()} app[web.1]: here\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.done.wait(10)

    def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002
        pass


def test_a_silent_stream_ends_with_the_window(run_main: ModuleRunner) -> None:
    """With a real server and the real clock: the read that waits for more is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StallingLog)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    begun = time.monotonic()
    try:
        params = {**PARAMS, "since": None, "window": 1, "heroku_api_url": f"http://127.0.0.1:{server.server_port}"}
        outcome = run_main("heroku_log_watch", params)
    finally:
        StallingLog.done.set()
        server.shutdown()
        server.server_close()
        thread.join()
    assert (outcome.result["verdict"], outcome.result["lines"]) == ("clean", 1)
    assert 0.9 < time.monotonic() - begun < 5
