# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the repository, as tools want a collection: below C(ansible_collections/raxx/deprovision), and without links.

C(python -m tests.export DIRECTORY) makes one and prints where it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLLECTION = Path("ansible_collections/raxx/deprovision")


def tracked() -> list[str]:
    """Every file that git knows and that is there, with a slash between the parts of its name."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


def export(place: Path) -> Path:
    """Copies the tracked files below C(place), as they are in the work tree. Returns the root of the copy."""
    root = place / COLLECTION
    for name in tracked():
        # The links below collections/ would make the copy contain itself.
        if not name.startswith("collections/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    return root


def built(place: Path) -> Path:
    """Builds the archive of the collection from an export, both below C(place)."""
    root = export(place / "export")
    # Nothing but the export: the caller's settings and its collections must not decide what is built.
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "LC_ALL": "C.UTF-8"}
    command = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", "build", "--output-path", str(place)]
    subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    (archive,) = place.glob("raxx-deprovision-*.tar.gz")
    return archive


if __name__ == "__main__":
    print(export(Path(sys.argv[1]).resolve()))  # noqa: T201  # its answer
