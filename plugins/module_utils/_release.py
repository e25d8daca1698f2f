# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Waiting until the dynos of a Heroku app run on its newest release."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, Dyno, HerokuClient, Release
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import Wait


def lagging(dynos: t.Iterable[Dyno], version: int) -> list[Dyno]:
    """The dynos of the formation that are not up on release C(version) or a later one (invariant I7)."""
    return [dyno for dyno in dynos if dyno.is_process and (dyno.state != "up" or dyno.release is None or dyno.release < version)]


def all_up_since(dynos: t.Iterable[Dyno]) -> str | None:
    """From when on no process of the formation is older than its dyno's last start, or V(None) for an app without dynos.

    Heroku cuts its times to the second, so the last dyno came up within the second that it names; that second is over first.
    """
    stamps = [parse(dyno.updated_at) for dyno in dynos if dyno.is_process]
    return format_time(max(stamps).replace(microsecond=0) + timedelta(seconds=1)) if stamps else None


def describe(dynos: t.Iterable[Dyno]) -> list[dict[str, t.Any]]:
    """The dynos of the formation as a module returns them."""
    return [
        {"name": dyno.name, "type": dyno.type, "state": dyno.state, "release": dyno.release} for dyno in dynos if dyno.is_process
    ]


def wait_for_release(client: HerokuClient, app: str, wait: Wait, *, newer_than: int = 0) -> tuple[Release, list[Dyno]]:
    """The newest release and the dynos, once they are all up on it.

    C(newer_than) is the version of a release that the awaited one follows: until it is listed, the dynos prove nothing.
    Raises C(restart_not_finished) when time runs out, or at once if the newest release has failed.
    """
    while True:
        try:
            release, dynos = client.newest_release(app), client.dynos(app)
        except DeprovisionError as error:
            if not error.retryable:
                raise
            problem = error.message
        else:
            behind = lagging(dynos, release.version)
            if release.version <= newer_than:
                problem = f"No release after v{newer_than} is listed."
            elif not behind:
                return release, dynos
            else:
                named = ", ".join(f"{dyno.name} ({dyno.state})" for dyno in behind)
                problem = f"Not up on release v{release.version}: {named}."
                if release.status == "failed":
                    raise _not_finished(app, f"Release v{release.version} of app {app} failed.", behind)
        if wait.expired:
            raise _not_finished(app, f"After {wait.elapsed:.0f} s app {app} has not restarted. {problem}", ())
        wait.pause()


def _not_finished(app: str, message: str, behind: t.Iterable[Dyno]) -> DeprovisionError:
    return DeprovisionError("restart_not_finished", message, system=SYSTEM, details={"app": app, "dynos": describe(behind)})
