# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The dyno manager: one real child process per dyno of an app's formation."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

from sandbox.heroku.processes import Launcher, end, exit_status, free_port, listens, read_lines
from sandbox.heroku.world import App, Dyno, World

BOOT_SECONDS = 60.0
POLL_SECONDS = 0.02
WATCH_SECONDS = 0.1


class Dynos:
    def __init__(self, world: World, launcher: Launcher) -> None:
        self._world = world
        self._launcher = launcher
        self._runners: dict[tuple[str, str], Runner] = {}

    def start(self) -> None:
        """Start all formations, and from now on restart an app at each of its releases."""
        with self._world.lock:
            self._world.on_release = self.restart
            for app in self._world.apps.values():
                self.restart(app)

    def stop(self) -> None:
        with self._world.lock:
            self._world.on_release = lambda _app: None
            runners = list(self._runners.values())
        for runner in runners:
            runner.stopping.set()
        for runner in runners:
            runner.join()

    def restart(self, app: App, wanted: Callable[[Dyno], bool] = lambda _dyno: True) -> None:
        """Replace the dynos of the formation by new ones on the newest release; `wanted` chooses among them."""
        with self._world.lock:
            for kind, quantity in app.formation.items():
                for number in range(1, quantity + 1):
                    dyno = Dyno(
                        name=f"{kind}.{number}",
                        type=kind,
                        command=app.commands[kind],
                        release=app.version,
                        environment=dict(app.config),
                    )
                    if wanted(dyno):
                        self._replace(app, dyno)

    def scale(self, app: App, kind: str, quantity: int) -> None:
        with self._world.lock:
            app.formation[kind] = quantity
            present = {dyno.name for dyno in app.dynos.values()}
            for name, dyno in list(app.dynos.items()):
                if dyno.type == kind and int(name.rpartition(".")[2]) > quantity:
                    del app.dynos[name]
                    self._runners[app.name, name].stopping.set()
            self.restart(app, lambda dyno: dyno.type == kind and dyno.name not in present)

    def processes(self) -> list[tuple[str, int]]:
        with self._world.lock:
            return [
                (f"{app} {name}", runner.process.pid)
                for (app, name), runner in self._runners.items()
                if runner.process is not None and runner.process.poll() is None
            ]

    def _replace(self, app: App, dyno: Dyno) -> None:
        before = self._runners.get((app.name, dyno.name))
        if before is not None:
            before.stopping.set()
            if dyno.name in app.dynos:
                self._world.logs.write(app.name, "heroku", dyno.name, "Restarting")
                self._world.logs.write(
                    app.name,
                    "heroku",
                    dyno.name,
                    f"State changed from {app.dynos[dyno.name].state} to starting",
                )
        app.dynos[dyno.name] = dyno
        runner = Runner(self._world, self._launcher, app, dyno, before)
        self._runners[app.name, dyno.name] = runner
        runner.start()


class Runner(threading.Thread):
    """The life of one dyno: waits for its predecessor's end, runs the process, follows its state."""

    def __init__(self, world: World, launcher: Launcher, app: App, dyno: Dyno, before: Runner | None) -> None:
        super().__init__(name=f"{app.name} {dyno.name}", daemon=True)
        self.stopping = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self._world = world
        self._launcher = launcher
        self._app = app
        self._dyno = dyno
        self._before = before

    def run(self) -> None:
        if self._before is not None:
            self._before.join()
            self._before = None
        begun = time.monotonic()
        if self.stopping.is_set():
            return
        process = self._spawn()
        output = read_lines(process, lambda line: self._log("app", line))
        if self._boots(process, begun):
            self._world.set_dyno_state(self._app, self._dyno, "up")
            while process.poll() is None and not self.stopping.wait(WATCH_SECONDS):
                pass
        if self.stopping.is_set():
            self._log("heroku", "Stopping all processes with SIGTERM")
        end(process)
        output.join()
        self._log("heroku", f"Process exited with status {exit_status(process)}")
        if not self.stopping.is_set():
            self._world.set_dyno_state(self._app, self._dyno, "crashed")

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {**self._dyno.environment, "DYNO": self._dyno.name}
        if self._dyno.type == "web":
            self._dyno.port = free_port()
            environment["PORT"] = str(self._dyno.port)
        self._log("heroku", f"Starting process with command `{self._dyno.command}`")
        self.process = self._launcher.start(f"exec {self._dyno.command}", environment)
        return self.process

    def _boots(self, process: subprocess.Popen[bytes], begun: float) -> bool:
        """Wait until the dyno is up: a web dyno when it listens on its port, any other at once."""
        least = self._world.settings.timings.restart_seconds
        while process.poll() is None and not self.stopping.wait(POLL_SECONDS):
            waited = time.monotonic() - begun
            if waited >= least and (self._dyno.port is None or listens(self._dyno.port)):
                return True
            if waited > BOOT_SECONDS:
                self._log("heroku", "Error R10 (Boot timeout) -> Web process failed to bind to $PORT")
                return False
        return False

    def _log(self, source: str, message: str) -> None:
        self._world.logs.write(self._app.name, source, self._dyno.name, message)
