# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Running one command in a one-off dyno, once: creating it, finding it again after an unclear answer, ending it."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from time import sleep

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, Dyno, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._rendezvous import Output, attach, with_marker
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import Wait

CONFLICT_PAUSES = (2.0, 4.0, 8.0)  # seconds; an app that was just created or released refuses dynos for a moment
LOOKS_AFTER_UNCLEAR_ANSWER = 3
LONGEST_TIME_TO_LIVE = 86400  # seconds, Heroku's limit


@dataclass(frozen=True)
class OneOff:
    """A command that ended with a known exit status."""

    dyno: str
    exit_status: int
    lines: tuple[str, ...]
    seconds: float


def check_supported(client: HerokuClient, app: str) -> str:
    """The prefix that commands need on the app's stack. Raises C(unsupported_dyno) where there is no rendezvous."""
    found = client.app(app)
    if found.generation != "cedar":
        raise DeprovisionError(
            "unsupported_dyno",
            f"App {app} is of generation {found.generation}, whose one-off dynos have no rendezvous. Nothing was run.",
            system=SYSTEM,
        )
    return "launcher " if found.stack == "cnb" else ""


def run_one_off(client: HerokuClient, app: str, command: str, *, size: str | None, timeout: int, ca_path: str | None) -> OneOff:
    """Runs C(command) and returns when it has ended with exit status 0.

    Raises C(command_failed), C(command_authentication_failure) (whatever the exit status) or C(exit_status_unknown).
    """
    wait = Wait(timeout, 1.0)
    # The comment makes the command unlike any other, so that its dyno can be recognised.
    marked = f"{with_marker(check_supported(client, app) + command)} # {secrets.token_hex(4)}"
    dyno = _create(client, app, marked, size, min(timeout, LONGEST_TIME_TO_LIVE))
    try:
        output = attach(dyno.attach_url or "", timeout=max(1.0, timeout - wait.elapsed), ca_path=ca_path)
    except DeprovisionError:
        _stop(client, app, dyno)
        raise
    if output.exit_status is None:
        _stop(client, app, dyno)
    return _judge(app, dyno, output, timeout, wait)


def _judge(app: str, dyno: Dyno, output: Output, timeout: int, wait: Wait) -> OneOff:
    what = f"The command in dyno {dyno.name} of app {app}"
    details = {"dyno": dyno.name, "exit_status": output.exit_status, "output": list(output.lines)}
    if output.refused_role is not None:
        raise DeprovisionError(
            "command_authentication_failure",
            f"{what} was refused by PostgreSQL: authentication failed for {output.refused_role or 'a user without a name'}.",
            system=SYSTEM,
            details={**details, "role": output.refused_role or None},
        )
    if output.exit_status is None:
        cause = f"was not finished after {timeout} seconds" if wait.expired else "lost its connection before it was finished"
        begun = "it had begun" if output.started else "it had not begun as far as known"
        raise UnreachableError(
            "exit_status_unknown",
            f"{what} {cause} ({begun}), so its exit status is not known. The dyno was told to stop.",
            system=SYSTEM,
            outcome_unknown=True,
            details=details,
        )
    if output.exit_status != 0:
        raise DeprovisionError(
            "command_failed", f"{what} ended with exit status {output.exit_status}.", system=SYSTEM, details=details
        )
    return OneOff(dyno.name, output.exit_status, output.lines, round(wait.elapsed, 3))


def _create(client: HerokuClient, app: str, command: str, size: str | None, time_to_live: int) -> Dyno:
    """Creates the dyno. Without a usable answer the app's dynos are looked at first; only if it is not there, once more."""
    try:
        return _create_once(client, app, command, size, time_to_live)
    except UnreachableError as error:
        if not error.outcome_unknown:
            raise
    for look in range(LOOKS_AFTER_UNCLEAR_ANSWER):
        if look:
            sleep(1.0)
        for dyno in client.dynos(app):
            if dyno.command == command:
                return dyno
    return _create_once(client, app, command, size, time_to_live)


def _create_once(client: HerokuClient, app: str, command: str, size: str | None, time_to_live: int) -> Dyno:
    for pause in CONFLICT_PAUSES:
        try:
            return client.run_dyno(app, command, size=size, time_to_live=time_to_live)
        except ApiError as error:
            if error.status != 409:
                raise
        sleep(pause)
    return client.run_dyno(app, command, size=size, time_to_live=time_to_live)


def _stop(client: HerokuClient, app: str, dyno: Dyno) -> None:
    """Stops a dyno that nobody listens to any more. If that fails, its time to live ends it."""
    with contextlib.suppress(DeprovisionError):
        client.stop_dyno(app, dyno.name)
