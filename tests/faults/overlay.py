# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the checkout in which a safeguard is switched off, to see that the matrix finds it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e.world import ROOT

COPIED = ("collections", "playbooks", "roles", "plugins", "meta", "inventories")
FILES = ("deprovision.yml", "ansible.cfg", "galaxy.yml", "README.md")


def without(place: Path, changes: list[tuple[str, str, str]]) -> Path:
    """The copy. A change is a file, a text that stands in it exactly once, and what stands there instead."""
    place.mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, place / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, place / name)
    (place / "sandbox").symlink_to(ROOT / "sandbox")
    for name, old, new in changes:
        file = place / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8")
    return place
