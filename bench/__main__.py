# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures, prints a table, and writes C(build/bench.json), where parts that are not measured this time stay as they are.

docs/performance.md explains it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import typing as t
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import ansible.release

from bench import goals
from bench.calls import Call, counted, unexplained
from bench.clients import missing
from bench.contestants import Arena, FailedRunError, ordinary_tree
from bench.worlds import REAL, ZERO, World, by_system, person, sandbox
from tests.conformance.clients import directories
from tests.e2e.world import ROOT

OUTPUT = ROOT / "build" / "bench.json"
PARTS = ("zero", "real", "growth", "ordinary")
CROWDS = (1, 10, 100, 1000)

Record = dict[str, t.Any]


def say(text: str) -> None:
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    found: Record = {"parts": {}}
    if options.output.exists():
        found = json.loads(options.output.read_text(encoding="utf-8"))
    parts: dict[str, Callable[[Path], Record]] = {
        "zero": lambda place: side_by_side(place, ZERO, options),
        "real": lambda place: side_by_side(place, REAL, options),
        "ordinary": lambda place: ordinary(place, options.runs),
        "growth": lambda place: growth(place, options.crowds, options.runs),
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for name in options.parts:
            say(f"== {name}")
            where = machine()
            found["parts"][name] = {"machine": where, **parts[name](Path(scratch) / name)}
            # After each part: the whole takes hours.
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    say("\n".join(goals.table(found)))
    say(f"Written to {options.output}.")
    return 0


def side_by_side(place: Path, world: World, options: argparse.Namespace) -> Record:
    """Everybody in turn, A B C A B C, in one sandbox."""
    found: dict[str, list[Record]] = {}
    unavailable = missing(options.clients)
    if unavailable:
        say(f"The manual procedure is not measured: {', '.join(unavailable)} cannot be found (--clients).")
    with sandbox(place, world, people=3 * options.runs) as it:
        arena = Arena(it, world, place, tuple(options.clients))
        for number in range(options.runs):
            people = [person(3 * number + offset) for offset in range(3)]
            ours = arena.ours(people[:1])
            note(found, "ours", number, ours)
            note(found, "floor", number, arena.floor(people[2], ours[1]))
            if not unavailable:
                note(found, "peer", number, arena.peer(people[1]))
            note(found, "empty", number, (arena.empty(), []))
    return {"world": world.name, "contestants": found}


def ordinary(place: Path, runs: int) -> Record:
    """The modules inline, and the ordinary way."""
    found: dict[str, list[Record]] = {}
    with sandbox(place, ZERO, people=2 * runs) as it:
        arena = Arena(it, ZERO, place)
        tree = ordinary_tree(place / "tree")
        for number in range(runs):
            note(found, "inline", number, arena.ours([person(2 * number)]))
            note(found, "ordinary", number, arena.ours([person(2 * number + 1)], tree))
    return {"world": ZERO.name, "contestants": found}


def growth(place: Path, crowds: t.Sequence[int], runs: int) -> Record:
    """More and more people in one run, each crowd in a sandbox of its own."""
    found: dict[str, list[Record]] = {}
    for number in range(runs):
        for crowd in crowds:
            with sandbox(place / f"{number}-{crowd}", ZERO, people=crowd) as it:
                arena = Arena(it, ZERO, place / f"{number}-{crowd}")
                try:
                    note(found, str(crowd), number, arena.ours([person(each) for each in range(crowd)]))
                except FailedRunError as error:
                    say(f"{crowd:>10} {number + 1}: {error}")
    return {"world": ZERO.name, "contestants": found}


def note(found: dict[str, list[Record]], name: str, number: int, run: tuple[t.Any, list[Call]]) -> None:
    measured, calls = run
    record = {**measured.as_record(), "calls": by_system(calls), "kinds": counted(calls)}
    found.setdefault(name, []).append(record)
    if name not in ("peer", "floor"):
        for call in unexplained(calls):
            say(f"{name:>10}: without a reason: {call}")
    say(
        f"{name:>10} {number + 1}: {measured.wall:8.2f} s, cpu {measured.cpu:7.2f} s, {measured.memory:6.0f} MB, "
        f"locked out {measured.reached or 0:6.2f} s, calls {sum(record['calls'].values())}"
    )


def machine() -> Record:
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "ansible": ansible.release.__version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="how often each is measured; the median counts")
    parser.add_argument("--quick", action="store_true", help="each only once")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--crowds", nargs="+", type=int, default=CROWDS, metavar="PEOPLE")
    parser.add_argument("--clients", nargs="+", type=Path, metavar="DIR", help="where heroku, node, aws and psql are")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    if options.clients is None:
        options.clients = directories()
    if options.quick:
        options.runs = 1
    return options


if __name__ == "__main__":
    sys.exit(main())
