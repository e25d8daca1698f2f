# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference, made by antsibull-docs: a page for each module, role and plugin with every option and return value."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPTIONS = (
    "--use-current",
    "--fail-on-error",
    "--no-add-antsibull-docs-version",
    # For whoever reads the pages in the checkout: without what only Sphinx understands.
    "--no-breadcrumbs",
    "--squash-hierarchy",
    "--output-format=simplified-rst",
)


def pages() -> dict[str, str]:
    """The text of each page by the page's name."""
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="raxx-reference-") as home:
        place = Path(home) / "pages"
        place.mkdir()
        # Nothing but this collection: the caller's settings must not decide what is written. It also leaves a log in its home.
        environment = {
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "HOME": home,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        }
        command = [str(programs / "antsibull-docs"), "collection", *OPTIONS, f"--dest-dir={place}", "raxx.deprovision"]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own
        if done.returncode:
            sys.exit(f"antsibull-docs failed, and nothing was written: mend what it says.\n{done.stdout}{done.stderr}")
        return {file.name: file.read_text(encoding="utf-8") for file in sorted(place.glob("*.rst"))}
