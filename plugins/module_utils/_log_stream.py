# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Reading an app's log for a stretch of time, so that afterwards it is known whether every line of it was seen.

A stream that is cut is opened anew. Each stream begins with the newest lines of Heroku's buffer, so lines come several times
and are counted once; and if the buffer no longer reaches back to what was seen before, there is a gap.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import sleep

from ansible_collections.raxx.deprovision.plugins.module_utils._bounded_http import end_read
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._http import CONNECT_TIMEOUT, check_base_url, plain_session
from ansible_collections.raxx.deprovision.plugins.module_utils._log_lines import LogLine, read_line
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import bounded

try:
    import requests
    from urllib3.exceptions import HTTPError
except ImportError:  # reported by _module.execute, which knows which library the module needs
    pass

IDLE_TIMEOUT = 60.0  # seconds; a stream that is silent for so long may be dead, so it is opened anew
LONGEST_BUFFER_READ = 60.0  # seconds for the buffer alone
LONGEST_PAUSE = 8.0  # seconds between two attempts to open a stream
LAST_READS = 3  # attempts to read the buffer once more at the end, if the stream was not whole
CLOCK_SKEW = timedelta(seconds=5)  # how far Heroku's clock and ours may be apart
_LONGEST_LINE = 65536  # bytes; Heroku cuts lines at 10000


@dataclass
class View:
    """What was seen of a log: every line once, and in words what may have been missed."""

    lines: list[LogLine] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def watch(client: HerokuClient, app: str, *, roles: t.Collection[str], since: datetime, until: datetime, buffer: int) -> View:
    """Reads the log from C(since) (out of the buffer of C(buffer) lines) to C(until) (as it comes).

    Raises what Heroku refuses; an outage leaves a gap.
    """
    seen = _Seen(roles, since, buffer)
    pause = 1.0
    whole = False
    while now() < until and not whole:
        count = seen.count
        whole = _read(client, app, seen, until, tail=True)
        if not whole and now() < until:
            pause = 1.0 if seen.count > count else min(pause * 2, LONGEST_PAUSE)
            sleep(min(pause, max(0.0, (until - now()).total_seconds())))
    for attempt in range(LAST_READS):
        if whole:
            break
        if attempt:
            sleep(1.0)
        whole = _read(client, app, seen, until, tail=False)
    if not whole:
        seen.view.gaps.append("the log stream ended early")
    return seen.view


def _read(client: HerokuClient, app: str, seen: _Seen, until: datetime, *, tail: bool) -> bool:
    """Reads one stream. Returns whether it came to the end that was wanted: the time C(until), or the end of the buffer."""
    try:
        url = client.log_session(app, lines=seen.buffer, tail=tail)
    except DeprovisionError as error:
        if not error.retryable:
            raise
        return False
    seen.begin(now())
    check_base_url(f"{SYSTEM}'s log", url)
    end = until if tail else now() + timedelta(seconds=LONGEST_BUFFER_READ)
    try:
        response = _open(url, min(IDLE_TIMEOUT, max(1.0, (end - now()).total_seconds())))
    except requests.RequestException:
        return False
    with response:
        return response.status_code == 200 and _follow(response, seen, end, tail=tail)


def _follow(response: requests.Response, seen: _Seen, end: datetime, *, tail: bool) -> bool:
    """Reads a stream that has begun, until C(end) at the latest. Returns what L(_read) does."""
    lines = _Lines(response.headers.get("Content-Type", "").startswith("text/event-stream"))
    try:
        with bounded(max(0.0, (end - now()).total_seconds()), partial(end_read, response)):
            while data := response.raw.read1(65536):
                for raw in lines.feed(data):
                    line = seen.add(raw)
                    if tail and line and line.at > end:
                        return True
                if now() >= end:
                    return tail
    except (requests.RequestException, HTTPError, OSError, ValueError, AttributeError):
        # The last two are what a socket gives that is shut down while it is read.
        return tail and now() >= end
    # A stream without framing that was cut looks like one that has ended, so a tail's unfinished line is not counted.
    for raw in [] if tail else lines.rest():
        seen.add(raw)
    return tail == (now() >= end)


def _open(url: str, timeout: float) -> requests.Response:
    headers = {"User-Agent": "raxx.deprovision", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    # The URL is the secret, and nothing else is sent.
    return plain_session(url).get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, timeout), allow_redirects=False)


class _Seen:
    """Puts the lines of several streams together."""

    def __init__(self, roles: t.Collection[str], since: datetime, buffer: int) -> None:
        self.view = View()
        self.buffer = buffer
        self.count = 0
        self._roles = roles
        self._since = since
        self._whole_to = since  # up to here every line was seen
        self._known: Counter[int] = Counter()
        self.begin(since)

    def begin(self, opened: datetime) -> None:
        """A stream begins that was opened at C(opened)."""
        self._opened = opened
        self._must_reach = self._whole_to
        self._first: datetime | None = None
        self._lines = 0
        self._in_stream: Counter[int] = Counter()

    def add(self, raw: str) -> LogLine | None:
        line = read_line(raw, self._roles)
        if line is None:
            return None
        self.count += 1
        self._lines += 1
        self._first = self._first or line.at
        if self._lines == self.buffer and self._first > self._must_reach and line.at <= self._opened + CLOCK_SKEW:
            # All of these come from the buffer, which is full and begins too late.
            self.view.gaps.append(f"Heroku's buffer did not reach back to {format_time(self._must_reach)}")
        self._whole_to = max(self._whole_to, line.at)
        if line.at >= self._since:
            key = hash(raw)
            self._in_stream[key] += 1
            if self._in_stream[key] > self._known[key]:
                self._known[key] += 1
                self.view.lines.append(line)
        return line


class _Lines:
    """Makes log lines of the bytes of a stream: server-sent events, or plain text."""

    def __init__(self, events: bool) -> None:
        self._events = events
        self._rest = b""
        self._data: list[str] = []

    def feed(self, data: bytes) -> t.Iterator[str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._rest = b""
        for line in lines:
            yield from self._take(line.decode(errors="replace").rstrip("\r"))

    def rest(self) -> t.Iterator[str]:
        """What stands after the last line end, and an event that was not closed."""
        yield from self._take(self._rest.decode(errors="replace").rstrip("\r"))
        yield from self._take("")

    def _take(self, line: str) -> t.Iterator[str]:
        if not self._events:
            yield line
        elif not line:
            yield from self._data
            self._data = []
        elif line.startswith("data:"):
            self._data.append(line.removeprefix("data:").removeprefix(" "))
