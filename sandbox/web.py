# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Serves WSGI apps, each on a free port of 127.0.0.1 and in threads of this process."""

from __future__ import annotations

import threading
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.faults import WsgiApp


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Requests are not logged: their addresses may hold secrets."""


class WebServer:
    """One app on one port, from the moment it is made until `stop`."""

    def __init__(self, app: WsgiApp, name: str) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name=name, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
