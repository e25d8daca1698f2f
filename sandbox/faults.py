# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Faults on demand: one WSGI middleware that stands before every system."""

from __future__ import annotations

import io
import re
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from werkzeug.wrappers import Request, Response

Kind = Literal["refuse", "error", "act-then-error", "act-then-drop", "throttle", "stall", "stale", "garbage"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ANY_METHOD = "ANY"
MOST_CALLS = 200_000  # requests that are remembered; a run over 1,000 people makes some 60,000
GARBAGE = "<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Fault:
    """`path` is a regular expression that is searched for; `times` is how often it still strikes, None for ever.

    `skip` is how many requests it still lets through before that: with `times=1` it strikes the one after them.
    `after` is a regular expression as well: the fault waits until the system has got a request that it is found in.
    `seconds` is how long a stall lasts.
    """

    system: str
    method: str
    path: str
    kind: Kind
    times: int | None = None
    seconds: float = 1.0
    skip: int = 0
    after: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind!r} (one of {', '.join(KINDS)})")
        for pattern in (self.path, self.after or ""):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {pattern!r}: {error}") from error
        self.method = self.method.upper()

    def meets(self, system: str, method: str, path: str) -> bool:
        if self.after is not None or self.system != system or self.method not in (ANY_METHOD, method):
            return False
        return re.search(self.path, path) is not None


@dataclass(frozen=True)
class Call:
    """A request that reached a system. `writes` says whether it may change anything; `struck` is the kind of fault it met.

    `values` is a hash that tells statements apart that differ only in their literals.
    """

    at: float
    system: str
    method: str
    path: str
    writes: bool
    struck: Kind | None
    values: str = ""


class FaultBook:
    """The faults that are set, of which the first one that meets a request strikes; and the requests that came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._calls: deque[Call] = deque(maxlen=MOST_CALLS)

    def note(self, system: str, method: str, path: str, *, writes: bool, struck: Kind | None, values: str = "") -> None:
        self._calls.append(Call(time.time(), system, method, path, writes, struck, values))
        with self._lock:
            for fault in self._faults:
                if fault.after is not None and fault.system == system and re.search(fault.after, path):
                    fault.after = None

    def calls(self) -> list[dict[str, Any]]:
        """The latest requests, oldest first."""
        return [asdict(call) for call in tuple(self._calls)]

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, system: str, method: str, path: str, possible: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.meets(system, method, path) and possible(fault):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                    return fault
        return None


class Dialect(ABC):
    """How one system names a request, and how it says that it failed. The names are those of plain REST."""

    content_type = "application/json"

    def subject(self, request: Request) -> str:
        """What a fault's path is matched on."""
        return request.path

    def reads(self, request: Request) -> bool:
        return request.method in ("GET", "HEAD")

    def writes(self, request: Request) -> bool:
        """Whether a request may change what reads answer."""
        return not self.reads(request)

    @abstractmethod
    def error(self) -> Response:
        """A 503 in the system's own form."""

    @abstractmethod
    def throttled(self) -> Response:
        """Too many requests, in the system's own form."""


class Faulty:
    """A WSGI app with faults. It keeps what reads answered, so that a stale read can be given."""

    def __init__(self, app: WsgiApp, system: str, dialect: Dialect, book: FaultBook) -> None:
        self._app = app
        self._system = system
        self._dialect = dialect
        self._book = book
        self._lock = threading.Lock()
        self._now: dict[tuple[str, bytes], Response] = {}
        self._before_last_write: dict[tuple[str, bytes], Response] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = Request(environ).get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return self._answer(Request(environ), body, environ)(environ, start_response)

    def _answer(self, request: Request, body: bytes, environ: dict[str, Any]) -> Response:
        key = (f"{request.method} {request.full_path} {request.headers.get('X-Amz-Target', '')}", body)
        reads = self._dialect.reads(request)
        with self._lock:
            stale = self._before_last_write.get(key) if reads else None

        def possible(fault: Fault) -> bool:
            return fault.kind != "stale" or stale is not None

        subject = self._dialect.subject(request)
        fault = self._book.take(self._system, request.method, subject, possible)
        kind = fault.kind if fault is not None else None
        self._book.note(self._system, request.method, subject, writes=self._dialect.writes(request), struck=kind)
        if kind == "refuse":
            _drop(environ)
        if kind == "error":
            return self._dialect.error()
        if kind == "throttle":
            return self._dialect.throttled()
        if kind == "garbage":
            return Response(GARBAGE, content_type=self._dialect.content_type)
        if kind == "stale" and stale is not None:
            return _copy(stale)
        if kind == "stall" and fault is not None:
            time.sleep(fault.seconds)
        response = self._execute(key, request, environ)
        if kind == "act-then-error":
            return self._dialect.error()
        if kind == "act-then-drop":
            _drop(environ)
        return response

    def _execute(self, key: tuple[str, bytes], request: Request, environ: dict[str, Any]) -> Response:
        environ["wsgi.input"].seek(0)
        response = Response.from_app(self._app, environ)
        if self._dialect.writes(request):
            response.make_sequence()
            with self._lock:
                self._before_last_write |= self._now
                self._now.clear()
        # A log stream is passed on as it comes; only a complete JSON answer can be given again.
        elif response.status_code < 300 and "json" in (response.content_type or ""):
            response.make_sequence()
            with self._lock:
                self._now[key] = _copy(response)
        return response


def _copy(response: Response) -> Response:
    return Response(response.get_data(), response.status, response.headers.copy())


def _drop(environ: dict[str, Any]) -> None:
    """Close the connection without an answer, and end the request's thread quietly."""
    link: socket.socket = environ["werkzeug.socket"]
    # Not close(): the server still reads from it, and ends when it finds nothing more to come.
    link.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("dropped by a fault")
