# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""One-off dynos: a command that runs once, attached to a client through a rendezvous or detached."""

from __future__ import annotations

import os
import pty
import random
import secrets
import ssl
import subprocess
import termios
import threading

from sandbox.heroku.processes import Launcher, end, exit_status, read_lines
from sandbox.heroku.rendezvous import relay
from sandbox.heroku.world import App, Dyno, World

ATTACH_SECONDS = 60.0


class OneOffs:
    """`rendezvous_url` is where clients of attached dynos connect to."""

    def __init__(self, world: World, launcher: Launcher) -> None:
        self.rendezvous_url = ""
        self._world = world
        self._launcher = launcher
        self._running: dict[str, OneOff] = {}

    def create(
        self,
        app: App,
        command: str,
        environment: dict[str, str],
        *,
        attach: bool,
        echo: bool,
        size: str,
        seconds: float | None,
    ) -> Dyno:
        """A new dyno; `echo` is whether its terminal echoes, `seconds` when it is ended at the latest."""
        secret = secrets.token_hex(20) if attach else None
        with self._world.lock:
            free = [name for number in range(1000, 10000) if (name := f"run.{number}") not in app.dynos]
            dyno = Dyno(
                name=random.choice(free),
                type="run",
                command=command,
                release=app.version,
                environment={**app.config, **environment},
                size=size,
                attach_url=f"{self.rendezvous_url}/{secret}" if secret else None,
            )
            dyno.environment["DYNO"] = dyno.name
            app.dynos[dyno.name] = dyno
            oneoff = OneOff(self._world, self._launcher, app, dyno, secret, echo=echo)
            self._running[dyno.id] = oneoff
        if secret:
            self._world.remember(secret)
        author = self._world.settings.email
        self._world.logs.write(app.name, "app", "api", f"Starting process with command `{command}` by user {author}")
        threading.Thread(target=self._see_through, args=(oneoff,), name=dyno.name, daemon=True).start()
        if seconds:
            timer = threading.Timer(seconds, oneoff.stop)
            timer.daemon = True
            timer.start()
        return dyno

    def take(self, secret: str) -> OneOff | None:
        """The dyno that waits for this secret; a secret is good for one connection."""
        with self._world.lock:
            for oneoff in self._running.values():
                if oneoff.secret is not None and secrets.compare_digest(oneoff.secret, secret):
                    oneoff.secret = None
                    return oneoff
        return None

    def stop(self, dyno: Dyno) -> bool:
        """End a one-off dyno; false if the dyno is not one."""
        oneoff = self._running.get(dyno.id)
        if oneoff is None:
            return False
        threading.Thread(target=oneoff.stop, daemon=True).start()
        return True

    def stop_all(self) -> None:
        with self._world.lock:
            running = list(self._running.values())
        for oneoff in running:
            oneoff.stop()
            oneoff.done.wait(5)

    def processes(self) -> list[tuple[str, int]]:
        with self._world.lock:
            return [
                (f"{oneoff.app.name} {oneoff.dyno.name}", oneoff.process.pid)
                for oneoff in self._running.values()
                if oneoff.process is not None and oneoff.process.poll() is None
            ]

    def _see_through(self, oneoff: OneOff) -> None:
        try:
            oneoff.run()
        finally:
            with self._world.lock:
                oneoff.app.dynos.pop(oneoff.dyno.name, None)
                self._running.pop(oneoff.dyno.id, None)
            oneoff.done.set()


class OneOff:
    def __init__(self, world: World, launcher: Launcher, app: App, dyno: Dyno, secret: str | None, *, echo: bool) -> None:
        self.app = app
        self.dyno = dyno
        self.secret = secret
        self.process: subprocess.Popen[bytes] | None = None
        self.done = threading.Event()
        self._attached = secret is not None
        self._echo = echo
        self._client: ssl.SSLSocket | None = None
        self._client_came = threading.Event()
        self._stopping = threading.Event()
        self._world = world
        self._launcher = launcher

    def attach(self, client: ssl.SSLSocket) -> None:
        """Hand over the client's connection; returns when the dyno is done with it."""
        self._client = client
        self._client_came.set()
        self.done.wait()

    def stop(self) -> None:
        self._stopping.set()
        self._client_came.set()
        if self.process is not None:
            end(self.process)

    def run(self) -> None:
        if not self._attached:
            self._run_detached()
            return
        self._log("heroku", "Awaiting client")
        self._client_came.wait(ATTACH_SECONDS)
        if self._client is not None and not self._stopping.is_set():
            self._run_attached(self._client)
        elif not self._stopping.is_set():
            self._log("heroku", "Error R13 (Attach error) -> Failed to attach to process")

    def _run_detached(self) -> None:
        process = self._start(None)
        output = read_lines(process, lambda line: self._log("app", line))
        process.wait()
        output.join()
        self._finished(process)

    def _run_attached(self, client: ssl.SSLSocket) -> None:
        master, slave = pty.openpty()
        try:
            if not self._echo:
                settings = termios.tcgetattr(slave)
                settings[3] &= ~termios.ECHO
                termios.tcsetattr(slave, termios.TCSANOW, settings)
            relay(client, master, lambda: self._start(slave))
        finally:
            os.close(master)
            assert self.process is not None
            end(self.process)
        self._finished(self.process)

    def _start(self, terminal: int | None) -> subprocess.Popen[bytes]:
        self._log("heroku", f"Starting process with command `{self.dyno.command}`")
        self.process = self._launcher.start(self.dyno.command, self.dyno.environment, terminal)
        if terminal is not None:
            os.close(terminal)
        self._world.set_dyno_state(self.app, self.dyno, "up")
        if self._stopping.is_set():
            end(self.process)
        return self.process

    def _finished(self, process: subprocess.Popen[bytes]) -> None:
        self._log("heroku", f"Process exited with status {exit_status(process)}")
        self._log("heroku", f"State changed from {self.dyno.state} to complete")

    def _log(self, source: str, message: str) -> None:
        self._world.logs.write(self.app.name, source, self.dyno.name, message)
