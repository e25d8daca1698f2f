# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the sandbox's inventory with a difference."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e.world import ROOT


def copy_inventory(place: Path) -> Path:
    """A copy whose relative paths lead where those of the original lead. Returns its directory."""
    place.mkdir(parents=True)
    (place / "sandbox").symlink_to(ROOT / "sandbox")
    inventory = place / "inventories" / "sandbox"
    shutil.copytree(ROOT / "inventories" / "sandbox", inventory)
    return inventory


def without_line(inventory: Path, file: str, variable: str) -> None:
    """Removes the first line that sets C(variable)."""
    path = inventory / file
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = next(number for number, line in enumerate(lines) if line.strip().startswith(f"{variable}:"))
    path.write_text("".join(lines[:found] + lines[found + 1 :]), encoding="utf-8")
