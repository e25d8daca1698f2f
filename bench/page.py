# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what was measured into docs/performance.md, between its marks, and draws it: C(python -m bench.page [JSON])."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.__main__ import OUTPUT
from bench.calls import KINDS
from bench.goals import COLUMNS, Record, calls_made, goals, middle, spread
from bench.picture import picture
from tests.e2e.world import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"


def figures(found: Record) -> str:
    """Machine, goals and a table for each part."""
    lines = [*row("goal", "at most", "is", ""), *row("---", "---:", "---:", "---")]
    for goal in goals(found):
        lines += row(goal.name, f"{goal.limit:.2f}", "" if goal.value is None else f"{goal.value:.2f}", goal.verdict)
    for name, part in found["parts"].items():
        lines += ["", f"**{name}**: {part['world']}; {_where(part['machine'])}", ""]
        lines += [*row("", "runs", *COLUMNS.values(), "calls"), *row("---", *["---:"] * 5, "---")]
        for who, runs in part["contestants"].items():
            cells = ["" if middle(found, name, who, what) is None else spread(runs, what) for what in COLUMNS]
            lines += row(who, str(len(runs)), *cells, calls_made(runs))
    return "\n".join(lines)


def _where(machine: Record) -> str:
    return (
        f"measured at {machine['at']}, {machine['cores']} cores, load {machine['load']:.1f} at the beginning, "
        f"Python {machine['python']}, ansible-core {machine['ansible']}; medians (least to most)"
    )


def calls(found: Record) -> str:
    """Each kind of remote call, how often a run for one person makes it, and why."""
    runs = found["parts"].get("zero", {}).get("contestants", {}).get("ours", [])
    if not runs:
        return "Not measured."
    counted = runs[-1]["kinds"]
    lines = [*row("call", "times", "reason"), *row("---", "---:", "---")]
    for kind in KINDS:
        if counted.get(kind.name):
            lines += row(kind.name, str(counted[kind.name]), kind.reason)
    return "\n".join([*lines, *row("all", str(sum(counted.values())), "")])


def row(*cells: str) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def between(text: str, mark: str, content: str) -> str:
    """C(text) with C(content) between the two marks of that name."""
    begin, end = f"<!-- {mark}: made by make bench -->\n", f"<!-- end of {mark} -->"
    head, _begin, rest = text.partition(begin)
    _old, _end, tail = rest.partition(end)
    return f"{head}{begin}\n{content}\n\n{end}{tail}"


def main() -> int:
    found: Record = json.loads((Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT).read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for mark, content in (("figures", figures(found)), ("calls", calls(found))):
        text = between(text, mark, content)
    PAGE.write_text(text, encoding="utf-8")
    PICTURE.write_text(picture(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
