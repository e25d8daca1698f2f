# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what was measured, for docs/performance.md."""

from __future__ import annotations

import typing as t
from html import escape

from bench.goals import Record, middle

WIDTH, LEFT, RIGHT, BAR, GAP = 760, 190, 70, 16, 5
COLOURS = {"ours": "#2f6f4f", "peer": "#b5502f", "floor": "#7a8794", "inline": "#2f6f4f", "ordinary": "#b5502f"}
NAMES = {"ours": "the playbook", "peer": "by hand, as a script", "floor": "the same calls alone", "ordinary": "ordinary modules"}
CHARTS = [
    ("Zero latency: seconds to the lock-out", "zero", ("ours", "peer", "floor"), "reached"),
    ("Zero latency: seconds to the end", "zero", ("ours", "peer", "floor"), "wall"),
    ("Zero latency: CPU seconds", "zero", ("ours", "peer", "floor"), "cpu"),
    ("Realistic latency: seconds to the lock-out", "real", ("ours", "peer", "floor"), "reached"),
    ("Realistic latency: seconds to the end", "real", ("ours", "peer", "floor"), "wall"),
    ("Inline and ordinary modules: seconds to the end", "ordinary", ("inline", "ordinary"), "wall"),
    ("People in one run: seconds to the end", "growth", ("1", "10", "100", "1000"), "wall"),
]


def picture(found: Record) -> str:
    """One SVG of horizontal bars; each chart has its own scale, which begins at zero."""
    parts: list[str] = []
    y = 30
    for title, part, names, what in CHARTS:
        values = {name: middle(found, part, name, what) for name in names}
        bars = {name: value for name, value in values.items() if value is not None}
        if not bars:
            continue
        parts.append(_text(16, y, title, weight="600"))
        y += 12
        for name, value in bars.items():
            parts += _bar(y, name, value, max(bars.values()))
            y += BAR + GAP
        y += 26
    style = "font-family='system-ui, sans-serif' font-size='13' fill='#1c2430'"
    label = "What a run of the playbook costs, measured; docs/performance.md has the figures"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {y}' role='img' aria-label='{label}' {style}>"
    return "\n".join([head, f"<rect width='{WIDTH}' height='{y}' fill='#ffffff'/>", *parts, "</svg>", ""])


def _bar(y: int, name: str, value: float, most: float) -> list[str]:
    length = max(1.0, (WIDTH - LEFT - RIGHT) * value / most)
    label = NAMES.get(name, f"{int(name):,}" if name.isdecimal() else name)
    return [
        _text(LEFT - 8, y + BAR - 3, label, anchor="end"),
        f"<rect x='{LEFT}' y='{y}' width='{length:.1f}' height='{BAR}' rx='2' fill='{COLOURS.get(name, '#2f6f4f')}'/>",
        _text(LEFT + length + 6, y + BAR - 3, f"{value:.1f}" if value >= 10 else f"{value:.2f}"),
    ]


def _text(x: float, y: float, text: str, anchor: t.Literal["start", "end"] = "start", weight: str = "400") -> str:
    return f"<text x='{x:.1f}' y='{y}' text-anchor='{anchor}' font-weight='{weight}'>{escape(text)}</text>"
