# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The one seam through which every HTTP API is called: time-outs, safe retries (I4), no redirects, and errors without secrets."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass
from json import loads as decode
from time import sleep
from urllib.parse import urlsplit

from ansible_collections.raxx.deprovision.plugins.module_utils._bounded_http import BoundedAdapter, body
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import before_write

try:
    import requests
    from urllib3.exceptions import InvalidHeader, MaxRetryError
    from urllib3.util import Retry
except ImportError:  # reported by _module.execute, which knows which library the module needs
    Retry = object  # type: ignore[assignment, misc]

CONNECT_TIMEOUT = 5.0  # seconds
# Pauses before a write is made again, in seconds, where the server does not say how long to wait.
RETRY_DELAYS = (0.5, 1.0, 2.0)
LONGEST_RETRY_AFTER = 30.0  # seconds; a server may ask for more, the operator's window does not allow it

_CODE_BY_STATUS = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "rate_limited",
}


@dataclass(frozen=True)
class Answer:
    """An answer with an expected status. C(body) is the decoded JSON value, or V(None) for an empty body."""

    status: int
    headers: t.Mapping[str, str]
    body: t.Any


class _Retries(Retry):
    """Repeats a GET, and nothing else: what may change something is repeated where the guard is asked."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: t.Any = None,
        error: Exception | None = None,
        _pool: t.Any = None,
        _stacktrace: t.Any = None,
    ) -> _Retries:
        if error and method != "GET":
            raise MaxRetryError(_pool, url or "", error)
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_retry_after(self, response: t.Any) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, LONGEST_RETRY_AFTER)


class HttpClient:
    """A JSON API of one remote system.

    C(system) names it in errors. C(base_url) is https, or http on the loopback interface. C(timeout) is the longest wait for
    an answer, in seconds, and for the rest of it once it has begun. C(parse_error) turns the body of a refusal into
    (code, text): the code may be V(None) to go by the status, and the text must be free of request data.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        headers: t.Mapping[str, str],
        *,
        timeout: float,
        parse_error: t.Callable[[int, t.Any], tuple[str | None, str]],
    ) -> None:
        self.system = system
        self.base_url = check_base_url(system, base_url)
        self.timeout = timeout
        self._parse_error = parse_error
        self._session = plain_session(self.base_url)
        self._session.headers.update({"User-Agent": "raxx.deprovision", "Accept": "application/json", **headers})
        self._retries = _Retries(
            total=len(RETRY_DELAYS),
            backoff_factor=0.5,
            allowed_methods={"GET"},
            status_forcelist={429, 502, 503, 504},
            raise_on_status=False,
        )
        adapter = BoundedAdapter(max_retries=self._retries)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: t.Any = None,
        params: t.Mapping[str, t.Any] | None = None,
        headers: t.Mapping[str, str] | None = None,
        expected: t.Collection[int] = (200,),
        changes: bool | None = None,
    ) -> Answer:
        """Makes one call. C(path) is appended to the base URL; its variable parts are percent-encoded by the caller.

        C(changes) is whether it may change anything; by default everything but a GET may.

        Raises ApiError for a refusal and UnreachableError for everything that is not an answer of this API.
        """
        what = f"{method} {path.partition('?')[0]}"
        changes = method != "GET" if changes is None else changes
        for delay in (*RETRY_DELAYS, None):
            if changes:
                # Each time: while this run waited, another one may have taken over.
                before_write(self.system, what)
            asked = None
            try:
                response = self._session.request(
                    method,
                    self.base_url + path,
                    json=json,
                    params=params,
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT, self.timeout),
                    allow_redirects=False,
                    stream=True,
                )
                content = body(response, self.timeout)
            except requests.RequestException as error:
                never_sent = _never_sent(error)
                if delay is None or method == "GET" or not never_sent:
                    # The cause is named by its type: its text may quote the URL.
                    raise self._unreachable(what, type(_root(error)).__name__, unknown=changes and not never_sent) from None
            else:
                if delay is None or method == "GET" or response.status_code != 429:
                    return self._judge(what, response, content, expected, changes=changes)
                asked = self._asked(response)
            sleep(asked or delay)
        raise AssertionError("the last attempt returns or raises")

    def _asked(self, response: requests.Response) -> float | None:
        """How long the server wants to be left alone, in seconds, if it says so."""
        try:
            return self._retries.get_retry_after(response)
        except InvalidHeader:
            return None

    def _judge(
        self, what: str, response: requests.Response, content: bytes, expected: t.Collection[int], *, changes: bool
    ) -> Answer:
        status: int = response.status_code
        if status in expected:
            if not content.strip():
                return Answer(status, response.headers, None)
            try:
                return Answer(status, response.headers, decode(content))
            except ValueError:
                raise self._unreachable(what, f"status {status} with a body that is not JSON", unknown=changes) from None
        if status >= 500 or status < 400:
            raise self._unreachable(what, f"status {status}", unknown=changes, status=status)
        try:
            refusal = decode(content)
        except ValueError:
            refusal = None
        code, text = self._parse_error(status, refusal)
        raise ApiError(
            code or _CODE_BY_STATUS.get(status, "invalid_request"),
            f"{self.system} refused {what} with status {status}{': ' + text if text else ''}.",
            system=self.system,
            status=status,
            request_id=response.headers.get("Request-Id"),
        )

    def _unreachable(self, what: str, cause: str, *, unknown: bool, status: int | None = None) -> UnreachableError:
        return UnreachableError(
            "unreachable",
            f"{self.system} gave no usable answer to {what} ({cause}){'; it may have been carried out' if unknown else ''}.",
            system=self.system,
            status=status,
            outcome_unknown=unknown,
        )


def plain_session(url: str) -> requests.Session:
    """A session for C(url) that adds nothing of this machine's own to a call."""
    session = requests.Session()
    # An explicit (empty) auth keeps requests from replacing the Authorization header with an entry of ~/.netrc.
    session.auth = lambda request: request
    # A proxy of the environment must never see calls that are meant for this machine.
    session.trust_env = not is_loopback(url)
    return session


def check_base_url(system: str, url: str) -> str:
    """Returns C(url) without a trailing slash. Raises C(insecure_url) unless it is https, or http on the loopback interface."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return url.rstrip("/")
    if parts.scheme == "http" and not parts.username and is_loopback(url):
        return url.rstrip("/")
    raise DeprovisionError(
        "insecure_url", f"The base URL of {system} must be https, or http on the loopback interface.", system=system
    )


def is_loopback(url: str) -> bool:
    """Whether C(url) leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _root(error: BaseException) -> BaseException:
    """The innermost cause that urllib3 or requests wrapped."""
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else getattr(error, "reason", None)
    return _root(inner) if isinstance(inner, BaseException) else error


def _never_sent(error: BaseException) -> bool:
    return type(_root(error)).__name__ in ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError")
