# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Answers over HTTP that come to an end: the time-out of a library begins anew with each byte, so it alone bounds nothing."""

from __future__ import annotations

import contextlib
import typing as t
from functools import partial
from time import monotonic

from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import bounded, shut_down

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError
except ImportError:  # reported by _module.execute, which knows which library the module needs
    HTTPAdapter = HTTPConnection = HTTPSConnection = HTTPConnectionPool = HTTPSConnectionPool = object  # type: ignore[assignment, misc]

LARGEST_BODY = 10_000_000  # bytes, unpacked


class AnswerTooLongError(Exception):
    """The body of an answer is larger than L(LARGEST_BODY)."""


class _Connection(HTTPConnection):
    def getresponse(self) -> t.Any:
        return _head(self, super().getresponse)


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> t.Any:
        return _head(self, super().getresponse)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedAdapter(HTTPAdapter):
    """Waits for the head of an answer no longer than the time-out for reading."""

    def init_poolmanager(self, *arguments: t.Any, **keywords: t.Any) -> None:
        super().init_poolmanager(*arguments, **keywords)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **keywords: t.Any) -> t.Any:
        manager = super().proxy_manager_for(proxy, **keywords)
        # SOCKS takes connections of its own kind.
        return manager if proxy.lower().startswith("socks") else _bound(manager)


def _bound(manager: t.Any) -> t.Any:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _head(connection: t.Any, get: t.Callable[[], t.Any]) -> t.Any:
    deadline = monotonic() + connection.timeout
    with bounded(connection.timeout, partial(shut_down, connection.sock.fileno())):
        response = get()
    # A head that was cut looks like one that has ended.
    if monotonic() >= deadline:
        raise TimeoutError
    return response


def body(response: requests.Response, seconds: float) -> bytes:
    """The body of a streamed answer, unpacked, if the rest of it takes no longer than C(seconds)."""
    deadline = monotonic() + seconds
    content = bytearray()
    with response, bounded(seconds, partial(end_read, response)):
        try:
            for chunk in response.iter_content(65536):
                content += chunk
                if len(content) > LARGEST_BODY:
                    raise requests.RequestException(AnswerTooLongError())
        except (ValueError, AttributeError):  # what a socket gives that is shut down while it is read
            if monotonic() < deadline:
                raise
    # A body that was cut looks like one that has ended, unless its length was told.
    if monotonic() >= deadline:
        raise requests.ReadTimeout
    return bytes(content)


def end_read(response: requests.Response) -> None:
    """Ends a read of C(response) that still waits for data, in another thread."""
    with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError, AttributeError):
        response.raw.shutdown()
