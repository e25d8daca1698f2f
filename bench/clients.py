# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the programs of the manual procedure are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.clients import search_path

PROGRAMS = ("heroku", "aws", "psql", "curl")


def missing(directories: Sequence[Path]) -> list[str]:
    """The programs that the manual procedure names and that are nowhere."""
    return [name for name in PROGRAMS if shutil.which(name, path=search_path(directories, os.environ["PATH"])) is None]
