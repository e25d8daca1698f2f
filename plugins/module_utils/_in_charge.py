# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What happens around a module of a run that is in charge: before each write it looks whether it still is, and takes note."""

from __future__ import annotations

import contextlib
import functools
import json
import typing as t
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._guard import guarded
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import append
from ansible_collections.raxx.deprovision.plugins.module_utils._lease import Holder, Leases
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now, parse
from ansible_collections.raxx.deprovision.plugins.module_utils._values import encode

# Access to Console is taken away whoever is in charge: to do it twice does no harm, and nothing may delay it. And what ends a
# run writes the lease itself: renewed meanwhile, the lease would outlive the run.
WITHOUT_LEASE = ("console_memberships", "console_sessions", "deprovision_run")


@functools.lru_cache(maxsize=1)
def _holder(lease: str) -> Holder:
    """The holder of the lease that C(lease) describes in JSON; the items of a loop share it, and what it has checked."""
    params = json.loads(lease)
    return Holder(
        lambda: Leases.from_params(params),
        params["number"],
        params["lease_seconds"],
        checked=parse(params["renewed"]).timestamp(),
    )


@contextlib.contextmanager
def watched(run: t.Mapping[str, t.Any], module: str, host: str) -> t.Iterator[None]:
    """Guards the writes of the C(module) that the block executes for C(host).

    C(run) is the result of M(raxx.deprovision.deprovision_run), empty if there is none yet. Each write is in the run's journal
    before it is made (I14: no evidence, no change), and is made only while the run holds its lease (I3).
    """
    lease = run.get("lease") if module not in WITHOUT_LEASE else None
    holder = _holder(encode(lease)) if lease else None

    def before(system: str, action: str) -> None:
        if holder:
            holder.check()
        if run.get("journal"):
            what = {"host": host, "module": module, "system": system, "action": action}
            append(Path(run["journal"]), {"kind": "write", "at": format_time(now()), **what}, run["id"])

    with guarded(before), holder.kept() if holder else contextlib.nullcontext():
        yield
