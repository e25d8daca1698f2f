# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The router: the web address of an app. Hands each request to one of the web dynos that are up."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.heroku.world import App, Dyno, World, new_id

# While dynos start the real router holds requests back for a while.
BOOT_SECONDS = 20.0
REQUEST_SECONDS = 30.0
POLL_SECONDS = 0.02
# How often the server looks whether it is to stop.
STOP_SECONDS = 0.05
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host"})


class Router:
    """One HTTP port on 127.0.0.1 for one app."""

    def __init__(self, world: World, app: App) -> None:
        self._world = world
        self._app = app
        self._turn = itertools.count()
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_SilentHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(STOP_SECONDS,), name=f"router of {self._app.name}", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        began = time.monotonic()
        dyno, code = self._choose()
        if dyno is None:
            return self._refuse(request, *code)(environ, start_response)
        try:
            response = self._forward(request, dyno)
        except (OSError, http.client.HTTPException):
            return self._refuse(request, "H13", "Connection closed without response")(environ, start_response)
        milliseconds = round((time.monotonic() - began) * 1000)
        self._log(
            request,
            "at=info",
            f"dyno={dyno.name} connect=0ms service={milliseconds}ms status={response.status_code} "
            f"bytes={response.content_length or 0} protocol=http",
        )
        return response(environ, start_response)

    def _choose(self) -> tuple[Dyno | None, tuple[str, str]]:
        """The dyno whose turn it is, or the router's error."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            with self._world.lock:
                web = [dyno for dyno in self._app.dynos.values() if dyno.type == "web"]
                up = [dyno for dyno in web if dyno.state == "up"]
                starting = any(dyno.state == "starting" for dyno in web)
            if up:
                return up[next(self._turn) % len(up)], ("", "")
            if not web:
                return None, ("H14", "No web processes running")
            if not starting:
                return None, ("H10", "App crashed")
            if time.monotonic() > deadline:
                return None, ("H20", "App boot timeout")
            time.sleep(POLL_SECONDS)

    def _forward(self, request: Request, dyno: Dyno) -> Response:
        assert dyno.port is not None
        link = http.client.HTTPConnection("127.0.0.1", dyno.port, timeout=REQUEST_SECONDS)
        try:
            headers = {key: value for key, value in request.headers if key.lower() not in HOP_BY_HOP}
            link.request(request.method, request.full_path.rstrip("?"), request.get_data(), headers)
            answer = link.getresponse()
            kept = [(key, value) for key, value in answer.getheaders() if key.lower() not in HOP_BY_HOP]
            return Response(answer.read(), answer.status, kept)
        finally:
            link.close()

    def _refuse(self, request: Request, code: str, words: str) -> Response:
        head = f'at=error code={code} desc="{words}"'
        self._log(request, head, "dyno= connect= service= status=503 bytes= protocol=http")
        return Response("Application error\n", 503, content_type="text/html; charset=utf-8")

    def _log(self, request: Request, head: str, rest: str) -> None:
        self._world.logs.write(
            self._app.name,
            "heroku",
            "router",
            f'{head} method={request.method} path="{request.path}" host={request.host} '
            f'request_id={new_id()} fwd="{request.remote_addr}" {rest}',
        )


class _SilentHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """The router writes its own lines to the app's log."""
