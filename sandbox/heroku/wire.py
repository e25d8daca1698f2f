# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""What all Heroku endpoints share on the wire: errors, authentication, headers, bodies, ranges."""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.heroku.world import new_id

ACCEPT = re.compile(r"application/vnd\.heroku\+json;\s*version=3(\.[\w-]+)?(?=$|[,;\s])")
RATE_LIMIT = 4500
RATE_PER_SECOND = 75 / 60
READ_METHODS = frozenset({"GET", "HEAD"})


class ApiError(Exception):
    """An answer in Heroku's error form; `code` is its `id`, `more` are further members of the body."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"id": code, "message": message, **more}


def not_found(resource: str, words: str) -> ApiError:
    return ApiError(404, "not_found", f"Couldn't find that {words}.", resource=resource)


def render_error(error: ApiError) -> tuple[Response, int]:
    return jsonify(error.body), error.status


def render_http_error(error: HTTPException) -> tuple[Response, int]:
    """Answers that Flask makes by itself, such as for an unknown path, in Heroku's form."""
    status = error.code or 500
    if status in (404, 405):
        return jsonify(id="not_found", message="The requested API endpoint was not found."), 404
    return jsonify(id="bad_request", message=error.description or "Bad request."), status


class RateLimit:
    """The account's bucket of calls, refilled all the time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = float(RATE_LIMIT)
        self._at = time.monotonic()

    def remaining(self, take: int = 0) -> int:
        """How many calls are left after taking some; -1 if there were not enough."""
        with self._lock:
            now = time.monotonic()
            self._left = min(RATE_LIMIT, self._left + (now - self._at) * RATE_PER_SECOND)
            self._at = now
            if self._left < take:
                return -1
            self._left -= take
            return int(self._left)


def check_token(tokens: dict[str, str]) -> None:
    """Bearer with the token, or Basic with the token as password and any user name."""
    scope = tokens.get(_given_token())
    if scope is None:
        raise ApiError(401, "unauthorized", "Invalid credentials provided.")
    protected = request.path.endswith("/config-vars") or "/postgres/" in request.path
    may_read = scope in ("global", "read-protected") or (scope == "read" and not protected)
    if not may_read or (scope != "global" and request.method not in READ_METHODS):
        raise ApiError(403, "forbidden", "The scope of this OAuth authorization does not permit this action.")


def _given_token() -> str:
    kind, __, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def check_accept() -> None:
    if not ACCEPT.search(request.headers.get("Accept", "")):
        raise ApiError(
            406,
            "not_acceptable",
            "Please specify a version along with Heroku's API MIME type. For example, `Accept: "
            "application/vnd.heroku+json; version=3`.",
        )


def add_headers(response: Response) -> Response:
    response.headers["Request-Id"] = ",".join(new_id() for __ in range(3))
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def body() -> dict[str, Any]:
    """The request's JSON object; an empty body counts as an empty object."""
    if not request.get_data():
        return {}
    data = request.get_json(force=True, silent=True)
    if not isinstance(data, dict):
        raise ApiError(400, "bad_request", "Unable to parse the JSON request.")
    return data


RANGE = re.compile(r"^(?P<key>\w+)\s+(?P<open>\]?)(?P<first>[^.;\]]*)\.\.(?P<last>[^;]*?)\s*(;(?P<options>.*))?$")


def paged(items: list[dict[str, Any]], keys: dict[str, Callable[[str], Any]], default: str) -> Response:
    """The part of a list that the request's Range asks for; 206 and Next-Range if there is more.

    `keys` are the attributes that may be ranged over, each with what makes a sortable value of its text.
    """
    text = request.headers.get("Range") or f"{default} ..; order=asc,max=200"
    match = RANGE.match(text.strip())
    options = dict(re.findall(r"(\w+)=(\w+)", match["options"] or "")) if match else {}
    if not match or match["key"] not in keys or not options.get("max", "1").isdigit():
        raise ApiError(416, "requested_range_not_satisfiable", f"Invalid `Range` header: {text}.")
    key, convert, most = match["key"], keys[match["key"]], int(options.get("max", 200))
    descending = options.get("order") == "desc"
    ordered = sorted(items, key=lambda item: convert(str(item[key])), reverse=descending)
    if match["first"]:
        ordered = [item for item in ordered if _reached(convert, item[key], match, descending)]
    page = ordered[:most]
    response = jsonify(page)
    response.headers["Accept-Ranges"] = ", ".join(keys)
    if page:
        response.headers["Content-Range"] = f"{key} {page[0][key]}..{page[-1][key]}"
    if len(ordered) > len(page):
        response.status_code = 206
        order = "order=desc," if descending else ""
        response.headers["Next-Range"] = f"{key} ]{page[-1][key]}..; {order}max={most}"
    return response


def _reached(convert: Callable[[str], Any], value: Any, match: re.Match[str], descending: bool) -> bool:
    """Whether a value lies at or behind the start of the range; `]` leaves the start itself out."""
    mine, first = convert(str(value)), convert(match["first"].strip())
    if mine == first:
        return not match["open"]
    return bool(mine < first if descending else mine > first)
