# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be reached, and whether it was: pure functions of what was measured."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterable
from statistics import median

Record = dict[str, t.Any]


def writes(calls: Iterable[t.Any]) -> dict[str, int]:
    """How many calls of each kind wrote."""
    kinds = Counter(f"{call.system} {call.method}" for call in calls if call.writes)
    return dict(sorted(kinds.items()))


def middle(runs: list[Record], what: str) -> float | None:
    values = [run[what] for run in runs if run[what] is not None]
    return median(values) if values else None


def table(found: Record) -> list[str]:
    lines = [""]
    for name, part in found["parts"].items():
        lines.append(f"{name} ({part['world']})")
        for who, runs in part["contestants"].items():
            figures = {what: middle(runs, what) for what in ("reached", "wall", "cpu", "memory")}
            lines.append(
                f"  {who:>10} " + "  ".join(f"{what} {value:8.2f}" for what, value in figures.items() if value is not None)
            )
    return lines
