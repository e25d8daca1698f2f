# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Logplex over HTTP: the URL of a log session is its own secret, so nothing else is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request

from sandbox.heroku.logplex import Line, Logplex


def blueprint(logs: Logplex) -> Blueprint:
    api = Blueprint("logplex", __name__)

    @api.get("/sessions/<secret>")
    def read(secret: str) -> Response:
        session = logs.session(secret)
        if session is None:
            return Response("Not found.\n", 404, content_type="text/plain")
        if "text/event-stream" in request.headers.get("Accept", ""):
            seen = request.headers.get("Last-Event-ID", "")
            lines = logs.read(session, int(seen) if seen.isdigit() else None)
            return Response(_events(lines), content_type="text/event-stream")
        return Response(_plain(logs.read(session)), content_type="text/plain; charset=utf-8")

    return api


def _plain(lines: Iterator[Line]) -> Iterator[str]:
    # The status line and the headers go out with the first piece, and the first line may be long in coming.
    yield ""
    for line in lines:
        yield f"{line.text}\n"


def _events(lines: Iterator[Line]) -> Iterator[str]:
    # The client's default wait before it asks again is three seconds.
    yield "retry: 1\n\n"
    for line in lines:
        yield f"id: {line.number}\ndata: {line.text}\n\n"
