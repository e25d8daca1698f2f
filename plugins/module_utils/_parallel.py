# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""One call for each of many people, some of them at the same time: what they cost is mostly waiting for answers."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

# AWS allows 40 calls of GetParameter in a second, and connections are kept for ten.
AT_ONCE = 8

Item = t.TypeVar("Item")
Answer = t.TypeVar("Answer")
One = t.TypeVar("One")
Other = t.TypeVar("Other")


def each(call: t.Callable[[Item], Answer], items: t.Sequence[Item]) -> list[Answer]:
    """The answers in the order of C(items). After the first error, which is raised, no further call is begun."""
    if len(items) < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(items))) as pool:
        return list(pool.map(call, items))


def both(one: t.Callable[[], One], other: t.Callable[[], Other]) -> tuple[One, Other]:
    """The answers of two calls that do not depend on each other. Of two errors that of C(one) is raised."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        later = pool.submit(other)
        return one(), later.result()
