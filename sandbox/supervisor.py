# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The one process that owns a sandbox. `python -m sandbox up` starts it detached; SIGTERM ends everything.

usage: python -m sandbox.supervisor STATE_DIR LOCK [SEED_FILE]     (LOCK is the descriptor of the lock that it takes over)
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request

from sandbox import seed as seeds
from sandbox.faults import Fault
from sandbox.state import Control, StateDirectory
from sandbox.web import WebServer
from sandbox.world import World


def control_app(world: World, token: str) -> Flask:
    """What the command line asks; no part of any system that is stood in for."""
    app = Flask("control")

    @app.before_request
    def authenticate() -> Response | None:
        good = secrets.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}")
        return None if good else Response("not yours\n", 401)

    @app.get("/status")
    def status() -> Response:
        shown = world.status()
        return jsonify(shown | {"secrets": sorted({*shown["secrets"], token})})

    @app.get("/dump")
    def dump() -> Response:
        return jsonify(world.dump())

    @app.get("/faults")
    def list_faults() -> Response:
        return jsonify(world.faults.listed())

    @app.post("/faults")
    def add_fault() -> Response | tuple[str, int]:
        wanted: dict[str, Any] = request.get_json()
        try:
            world.faults.add(Fault(**wanted))
        except ValueError as error:
            return str(error), 400
        return jsonify(world.faults.listed())

    @app.delete("/faults")
    def clear_faults() -> Response:
        world.faults.clear()
        return jsonify([])

    @app.get("/calls")
    def list_calls() -> Response:
        return jsonify(world.faults.calls())

    return app


def main() -> int:
    state, lock, seed = StateDirectory(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3:]
    # The lock is this process's alone: a child that outlived it would seem to be a sandbox that is up.
    os.set_inheritable(lock, False)
    os.umask(0o077)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    world = World(state.path, seeds.load(Path(seed[0]) if seed else None))
    try:
        world.start()
        token = secrets.token_hex(16)
        control = WebServer(control_app(world, token), "control")
        state.write_control(Control(os.getpid(), control.url, token))
        ending.wait()
        control.stop()
    finally:
        world.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
