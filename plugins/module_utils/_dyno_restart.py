# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Restarting an app and seeing that it has restarted."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, Dyno, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import Wait


def processes(client: HerokuClient, app: str) -> list[Dyno]:
    """The dynos of the formation."""
    return [dyno for dyno in client.dynos(app) if dyno.is_process]


def unfinished(before: t.Iterable[Dyno], after: t.Iterable[Dyno]) -> list[str]:
    """What is missing for a complete restart, dyno by dyno: each must be another one than before, and up."""
    now = {dyno.name: dyno for dyno in after}
    old = {dyno.name: dyno for dyno in before}
    missing = [f"{name} gone" for name in old if name not in now]
    for name, dyno in now.items():
        if name in old and _same(old[name], dyno):
            missing.append(f"{name} not restarted")
        elif dyno.state != "up":
            missing.append(f"{name} {dyno.state}")
    return missing


def restart(client: HerokuClient, app: str, *, timeout: int, poll_interval: float) -> tuple[list[Dyno], float]:
    """Restarts every dyno of the formation and waits until each is a new one and up; returns them, and the seconds that it took.

    A request without a usable answer is not repeated; whether it was carried out shows in the dynos.
    """
    before = processes(client, app)
    wait = Wait(timeout, poll_interval)
    unclear: UnreachableError | None = None
    try:
        client.restart(app)
    except UnreachableError as error:
        if not error.outcome_unknown:
            raise
        unclear = error
    missing = ["state not known"]
    while True:
        try:
            after = processes(client, app)
            missing = unfinished(before, after)
            if not missing:
                return after, round(wait.elapsed, 3)
        except UnreachableError:  # a passing outage does not undo the restart
            pass
        if wait.expired:
            break
        wait.pause()
    accepted = "Heroku gave no usable answer to the restart" if unclear else "Heroku accepted the restart"
    raise DeprovisionError(
        "restart_not_finished",
        f"{accepted} of app {app}, but after {timeout} seconds: {', '.join(missing)}.",
        system=SYSTEM,
        outcome_unknown=unclear is not None,
        details={"dynos": missing},
    )


def _same(old: Dyno, new: Dyno) -> bool:
    return (old.id, old.created_at, old.updated_at) == (new.id, new.created_at, new.updated_at)
