# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The quarterly rehearsal (S5, SC-A16): when the next one is due, and what is attested of one."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import typing as t
from datetime import date
from pathlib import Path

from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import REHEARSAL
from ansible_collections.raxx.deprovision.plugins.module_utils._version import VERSION

PREDICATE = REHEARSAL
_MONTHS = 3
_COMMIT_TIMEOUT = 5


def due(last: date) -> date:
    """Three months later; in a shorter month, its last day."""
    year, month = last.year + (last.month + _MONTHS - 1) // 12, (last.month + _MONTHS - 1) % 12 + 1
    for day in (last.day, 30, 29, 28):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    raise AssertionError


def age_words(attested: t.Mapping[str, t.Mapping[str, t.Any]], today: date) -> tuple[bool, str]:
    """Whether a rehearsal is due, and a line about the last one.

    C(attested) are the facts by their names, a date and perhaps more. One that did not pass does not count; it is only named.
    """
    order = sorted(attested, key=_order)
    passed = [name for name in order if attested[name].get("result") == "passed"]
    later = order[order.index(passed[-1]) + 1 :] if passed else order
    failed = f"that of {_day(later[-1])} failed" if later else ""
    if not passed:
        missing = f"no rehearsal has passed, and {failed}" if failed else "no rehearsal has been attested"
        return True, f"{missing}; one is due every quarter (playbooks/attest.yml)"
    last = _day(passed[-1])
    which = "the last rehearsal that passed" if failed else "the last rehearsal"
    said = ", ".join(filter(None, (f"{which} was on {last}", f"{(today - last).days} days ago", failed)))
    if today > due(last):
        return True, f"{said}, and the next was due on {due(last)} (playbooks/attest.yml)"
    return False, f"{said}; the next is due on {due(last)}"


def _day(name: str) -> date:
    return date.fromisoformat(name[:10])


def _order(name: str) -> tuple[date, int]:
    """The day, and which one of that day it was."""
    return _day(name), int(name[11:] or 1)


def free_names(attested: t.Container[str], day: date) -> t.Iterator[str]:
    """The names that an attestation of C(day) can have: the date, or the date and a number."""
    numbered = (f"{day}-{number}" for number in itertools.count(2))
    return (name for name in itertools.chain([f"{day}"], numbered) if name not in attested)


def commit(place: Path) -> str | None:
    """The commit of the checkout that C(place) is in, or V(None) if it is in none and AWX does not name one.

    AWX copies its project into the directory of a job without C(.git), and says of which commit it is.
    """
    # There is no module here whose run_command could be called.
    command = ["git", "-C", str(place), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_COMMIT_TIMEOUT)  # noqa: S603  # pylint: disable=ansible-bad-function
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("PROJECT_REVISION") or None
    return done.stdout.strip()


def versions() -> dict[str, str | None]:
    return {
        "collection": VERSION,
        "ansible_core": ansible_version,
        "python": platform.python_version(),
        "commit": commit(Path(__file__).resolve().parent),
    }
