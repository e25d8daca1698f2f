# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What is asked before each write to a remote system: the one seam at which a run can still be stopped, or take note."""

from __future__ import annotations

import contextlib
import typing as t

# Called with the name of the system and a few words that say what is about to be done to it; no secret is in them.
Guard = t.Callable[[str, str], None]

_guards: list[Guard] = []


def before_write(system: str, action: str) -> None:
    """Every client calls this right before it changes something. Whatever a guard raises stops the write."""
    for guard in _guards:
        guard(system, action)


@contextlib.contextmanager
def guarded(guard: Guard) -> t.Iterator[None]:
    """While the block runs, C(guard) is asked before each write of this process."""
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)
