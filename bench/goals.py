# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be reached, and whether it was: pure functions of what was measured."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from statistics import median

Record = dict[str, t.Any]

COLUMNS = {"reached": "locked out s", "wall": "wall s", "cpu": "cpu s", "memory": "MB"}
# Kinds of calls (bench/calls.py) that must be as many for any number of people.
PER_RUN = ("Heroku: rotate", "Heroku: set config", "SQL: remove memberships", "SQL: end sessions")


@dataclass(frozen=True)
class Goal:
    """C(value) is V(None) where it was not measured."""

    name: str
    limit: float
    value: float | None

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.limit else "missed"


def middle(found: Record, part: str, who: str, what: str) -> float | None:
    """The median of a figure; V(None) where it was not measured."""
    runs = found["parts"].get(part, {}).get("contestants", {}).get(who, [])
    values = [run[what] for run in runs if run[what] is not None]
    return median(values) if values else None


def goals(found: Record) -> list[Goal]:
    """Whether each is reached; they are ratios, since times move with the machine."""

    def ratio(part: str, who: str, other: str, what: str) -> float | None:
        one, two = middle(found, part, who, what), middle(found, part, other, what)
        return one / two if one is not None and two else None

    return [
        Goal("zero latency: time to lock-out / peer's", 0.33, ratio("zero", "ours", "peer", "reached")),
        Goal("zero latency: time to lock-out in seconds", 1.5, middle(found, "zero", "ours", "reached")),
        Goal("zero latency: wall time / peer's", 0.25, ratio("zero", "ours", "peer", "wall")),
        Goal("zero latency: CPU time / peer's", 0.25, ratio("zero", "ours", "peer", "cpu")),
        Goal("realistic latency: wall time / floor's", 1.10, ratio("real", "ours", "floor", "wall")),
        Goal("100 people: wall time / that of one", 1.5, ratio("growth", "100", "1", "wall")),
        Goal("1,000 people: wall time / that of one", 3.0, ratio("growth", "1000", "1", "wall")),
        Goal("more people: most calls that a run makes once / for one", 1.0, _growth_of_fixed_calls(found)),
        Goal("memory / that of an empty ansible-playbook", 2.2, ratio("zero", "ours", "empty", "memory")),
    ]


def _growth_of_fixed_calls(found: Record) -> float | None:
    """By how much the calls grow that must not."""
    crowds = found["parts"].get("growth", {}).get("contestants", {})
    if len(crowds) < 2 or "1" not in crowds:
        return None
    one = crowds["1"][0]["kinds"]
    growth: list[float] = [
        runs[0]["kinds"].get(kind, 0) / max(1, one.get(kind, 0)) for runs in crowds.values() for kind in PER_RUN
    ]
    return max(growth)


def table(found: Record) -> list[str]:
    """What was measured, and which goals are met, for a terminal."""
    lines = []
    for name, part in found["parts"].items():
        lines += ["", f"{name}: {part['world']}; median (least to most)"]
        for who, runs in part["contestants"].items():
            cells = [
                f"{title} {spread(runs, what):<22}"
                for what, title in COLUMNS.items()
                if middle(found, name, who, what) is not None
            ]
            lines.append(f"  {who:<9} " + "  ".join([*cells, f"calls {calls_made(runs)}"]))
    lines += ["", f"{'goal':<58} {'limit':>7} {'is':>8}"]
    for goal in goals(found):
        is_now = "" if goal.value is None else f"{goal.value:8.2f}"
        lines.append(f"{goal.name:<58} {goal.limit:7.2f} {is_now:>8}  {goal.verdict}")
    return lines


def calls_made(runs: list[Record]) -> str:
    """How many remote calls the first of the runs made, and of which systems."""
    by_system: dict[str, int] = runs[0]["calls"]
    named = " ".join(f"{system} {number}" for system, number in by_system.items())
    return f"{sum(by_system.values())}: {named}" if named else "0"


def spread(runs: list[Record], what: str) -> str:
    """The median of a figure that was measured, with the least and the most."""
    values = sorted(run[what] for run in runs if run[what] is not None)
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{median(values):.2f} ({values[0]:.2f} to {values[-1]:.2f})"
