# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The rotation of a credential: asynchronous, in phases, through a second user named `<name>-rotating`.

    phase A  user active, second user enabling     the config still has the old password
    phase B  user revoking, second user active     the config names the second user
    phase C  user active again with a new password, second user revoking
    phase D  user active, second user gone

A forced rotation and that of the default credential go straight to phase D and end all sessions.
"""

from __future__ import annotations

import threading
import time

from sandbox.heroku.roles import Roles
from sandbox.heroku.settings import Phase, new_password
from sandbox.heroku.world import Addon, Credential, User, World


class RotationInProgressError(Exception):
    """The credential rotates already, and the seed says that a second request is refused."""


class Rotations:
    """Starts rotations; at most one per credential at a time."""

    def __init__(self, world: World, roles: Roles) -> None:
        self.roles = roles
        self._world = world
        self._running: dict[str, Rotation] = {}
        self._stopping = threading.Event()

    def request(self, addon: Addon, credential: Credential, *, forced: bool) -> None:
        """Accept a rotation. Raises RotationInProgressError."""
        with self._world.lock:
            running = self._running.get(credential.uuid)
            if credential.state == "rotating" and running is not None:
                if forced:
                    running.force()
                elif self._world.settings.rotate_while_rotating == "refuse":
                    raise RotationInProgressError
                return
            at_once = forced or credential.name == "default"
            rotation = Rotation(self._world, self.roles, addon, credential, self._stopping, forced=at_once)
            credential.state = "rotating"
            rotation.prepare()
            self._running[credential.uuid] = rotation
            rotation.start()

    def stop(self) -> None:
        self._stopping.set()
        with self._world.lock:
            running = list(self._running.values())
        for rotation in running:
            rotation.force()
            rotation.join(10)


class Rotation(threading.Thread):
    def __init__(
        self,
        world: World,
        roles: Roles,
        addon: Addon,
        credential: Credential,
        stopping: threading.Event,
        *,
        forced: bool,
    ) -> None:
        super().__init__(name=f"rotation of {credential.name}", daemon=True)
        self._world = world
        self._roles = roles
        self._addon = addon
        self._credential = credential
        self._stopping = stopping
        self._forced = threading.Event()
        self._bridged = not forced
        self._timings = world.settings.timings
        self._user = credential.users[0]
        tail = world.settings.new_password_tail
        self._fresh = User(self._user.name, new_password() + tail)
        self._bridge = User(f"{self._user.name}-rotating", new_password() + tail, "enabling")
        world.remember(self._fresh.password)

    def force(self) -> None:
        """Jump to phase D."""
        self._forced.set()

    def prepare(self) -> None:
        """Enter phase A: what must be visible as soon as the request is answered."""
        if self._bridged:
            self._world.remember(self._bridge.password)
            self._credential.users = [self._user, self._bridge]

    def run(self) -> None:
        if self._bridged:
            self._go_through_bridge()
        else:
            self._pause(self._timings.enable_delay)
        if not self._stopping.is_set():
            self._finish()

    def _go_through_bridge(self) -> None:
        """Phases A to C, left early when forced."""
        self._roles.create_bridge(self._addon.database, self._bridge.name, self._bridge.password, self._user.name)
        self._end_old_login("A")
        if self._pause(self._timings.enable_delay):
            return
        self._end_old_login("B")
        with self._world.lock:
            self._user.state, self._bridge.state = "revoking", "active"
            self._world.rewrite_attachments(self._addon, self._credential.name)
        if self._drain(self._user):
            return
        self._end_old_login("C")
        with self._world.lock:
            self._bridge.state = "revoking"
            self._credential.users = [self._fresh, self._bridge]
            self._world.rewrite_attachments(self._addon, self._credential.name)
        self._drain(self._bridge)

    def _finish(self) -> None:
        """Phase D."""
        database, user = self._addon.database, self._user.name
        self._roles.set_password(database, user, self._fresh.password)
        if self._forced.is_set() or not self._bridged:
            self._roles.end_sessions(database, user)
        if self._bridged:
            self._roles.drop_bridge(database, self._bridge.name, user)
        with self._world.lock:
            already_named = self._credential.users[0] is self._fresh
            self._credential.users = [self._fresh]
            if not already_named:
                self._world.rewrite_attachments(self._addon, self._credential.name)
            self._credential.state = "rotation_completed"
        self._stopping.wait(self._timings.settle_delay)
        with self._world.lock:
            # Another rotation may have begun in the meantime.
            if self._credential.state == "rotation_completed":
                self._credential.state = "active"

    def _end_old_login(self, phase: Phase) -> None:
        """Let the old password stop working if `phase` is when the seed wants it to."""
        if self._world.settings.old_login_valid_until == phase:
            self._roles.set_password(self._addon.database, self._user.name, self._fresh.password)

    def _pause(self, seconds: float) -> bool:
        """Wait; true if a forced rotation was asked for in the meantime."""
        return self._forced.wait(seconds)

    def _drain(self, user: User) -> bool:
        """Wait until `user` has no connections, and reset them after the drain time; true when forced."""
        began = time.monotonic()
        if self._pause(self._timings.settle_delay):
            return True
        while self._roles.connections(self._addon.database, user.name):
            if time.monotonic() - began >= self._timings.drain_seconds:
                self._roles.end_sessions(self._addon.database, user.name)
            if self._pause(self._timings.poll_seconds):
                return True
        return False
