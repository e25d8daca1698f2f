# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The timeline of a departure as geometry: bars and lines in per cent of the width, so that text keeps its size on any screen."""

from __future__ import annotations

import math
import typing as t
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

Value = t.Dict[str, t.Any]

ROW = 38
TOP = 26
_MINUTE = 60
_HOUR = 3600
# A bar is never so narrow that it cannot be seen.
_NARROWEST = 0.6
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_TICKS = 6
# How much of the width a letter of a label takes on a phone.
_LETTER = 1.8


def span_words(seconds: float | None) -> str:
    """A length of time for a person."""
    if seconds is None:
        return "not yet"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    minutes, rest = divmod(whole, _MINUTE)
    if whole < _HOUR:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def limits_chart(record: Value) -> Value:
    """Steps and the estimate by hand on the clock that began with the notice, with the lines of one hour and of four."""
    notice = parse(record["window"]["notice"])
    limit = record["timeliness"]["fail_seconds"]
    rows = _rows(record, notice)
    ends = [row["end"] for row in rows if row["end"] is not None]
    longest = max([limit * 1.04, *(end * 1.04 for end in ends)])
    # By hand one step follows the other, from the moment at which the event was opened.
    hand = (parse(record["window"]["opened"]) - notice).total_seconds()
    for row in rows:
        row["hand_begin"], hand = hand, hand + row["manual"] * _MINUTE
        row["hand_end"] = hand
        longest = max(longest, hand * 1.02)
    lines = [("1 h: warn", record["timeliness"]["warn_seconds"], "warn"), ("4 h: limit", limit, "limit")]
    return _chart(rows, 0.0, longest, _lines(lines, longest))


def run_chart(record: Value) -> Value | None:
    """The same steps, magnified to the time from the opening of the event on. V(None) before anything has happened."""
    opened = parse(record["window"]["opened"])
    rows = _rows(record, opened)
    last = max((row["end"] for row in rows if row["end"] is not None), default=0.0)
    if last <= 0:
        return None
    days = math.ceil(last / _TICKS / _STEPS[-1])
    every = next((step for step in _STEPS if last / step <= _TICKS), days * _STEPS[-1])
    longest = last * 1.02
    lines = [(_tick(at), at, "tick") for at in range(0, int(last) + 1, every)]
    return _chart(rows, 0.0, longest, _lines(lines, longest))


def _rows(record: Value, zero: datetime) -> t.List[Value]:
    return [_row(phase, _unneeded(record, phase["step"]), zero) for phase in record["phases"]]


def _row(phase: Value, unneeded: bool, zero: datetime) -> Value:
    begin, end = ((parse(phase[name]) - zero).total_seconds() if phase[name] else None for name in ("begun", "ended"))
    if begin is not None and end is not None:
        # A clock that is not ours may say that a step ended before it was begun.
        said = span_words(max(end - begin, 0.0))
    else:
        said = "not needed" if unneeded else "not finished" if begin is not None else "not yet"
    return {**phase, "begin": begin, "end": end, "said": said, "manual": phase["manual_minutes"]}


def _unneeded(record: Value, number: str) -> bool:
    """Whether everything of a step was stated to be not needed."""
    return {step["result"] for step in record["steps"] if step["id"].rstrip("abcd") == number} == {"not needed"}


def _tick(at: int) -> str:
    whole_minutes = at >= _MINUTE and at % _MINUTE == 0 and at < _HOUR
    return f"{at // _MINUTE} min" if whole_minutes else span_words(at)


def _lines(named: t.Sequence[t.Tuple[str, float, str]], longest: float) -> t.List[Value]:
    """Lines with their labels. A label that would run into a later one is left out: the last one says most."""
    lines: t.List[Value] = []
    free = 100.0
    for label, at, kind in reversed(named):
        where, width = 100 * at / longest, _LETTER * (len(label) + 1)
        anchor = "end" if where > 88 else "start"
        left = where - width if anchor == "end" else where
        shown = left + width <= free or not lines
        free = left if shown else free
        lines.insert(0, {"x": _percent(where), "label": label if shown else "", "kind": kind, "anchor": anchor})
    return lines


def _chart(rows: t.Sequence[Value], start: float, longest: float, lines: t.Sequence[Value]) -> Value:
    drawn = []
    for index, row in enumerate(rows):
        top = TOP + index * ROW
        by_hand = f", by hand {row['manual']} min" if row["manual"] else ""
        drawn.append(
            {
                "text_y": top + 12,
                "bar_y": top + 17,
                "hand_y": top + 28,
                "label": f"{row['step']}  {row['title']}",
                "said": row["said"],
                "by_hand": by_hand,
                "bar": _bar(row["begin"], row["end"], start, longest),
                "hand": _bar(row.get("hand_begin"), row.get("hand_end"), start, longest) if row["manual"] else None,
            }
        )
    return {"rows": drawn, "lines": list(lines), "height": TOP + len(rows) * ROW + 4, "foot": TOP + len(rows) * ROW}


def _bar(begin: float | None, end: float | None, start: float, longest: float) -> Value | None:
    if begin is None or end is None:
        return None
    left = 100 * max(begin - start, 0.0) / longest
    width = max(100 * max(end - begin, 0.0) / longest, _NARROWEST)
    return {"x": _percent(min(left, 100 - width)), "width": _percent(width)}


def _percent(value: float) -> str:
    return f"{value:.2f}%"
