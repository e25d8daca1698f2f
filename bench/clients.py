# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the programs of the manual procedure are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = ("heroku", "aws", "psql", "curl")


def missing(directories: Sequence[Path]) -> list[str]:
    """The programs that the manual procedure names and that are nowhere."""
    return [name for name in PROGRAMS if shutil.which(name, path=_search(directories)) is None]


def client_settings(home: Path, directories: Sequence[Path]) -> dict[str, str]:
    """What the programs need so that they neither ask, nor print notices, nor touch the caller's files."""
    cache = home / "cache" / "heroku"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "terms-of-service").touch()
    return {
        "PATH": _search(directories),
        "XDG_CACHE_HOME": str(cache.parent),
        # The CLI has git write to this file. Never /dev/null: git renames a new file over it, and root may do that.
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PAGER": "cat",
        "AWS_PAGER": "",
    }


def _search(directories: Sequence[Path]) -> str:
    return os.pathsep.join([*map(str, directories), os.environ["PATH"]])
