# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments for tools that do not get on with those of C(.venv). They live below C(build) and are made once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.export import ROOT

BUILD = ROOT / "build" / "checks"
LISTS = Path(__file__).parent


def environment(name: str, python: Path = Path(sys.executable)) -> Path:
    """The directory of programs of an environment that holds exactly what C(<name>.txt) lists."""
    wanted = (LISTS / f"{name}.txt").read_text(encoding="utf-8")
    place = BUILD / name
    stamp = place / ".installed"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", place], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([place / "bin" / "python", *install, "--requirement", LISTS / f"{name}.txt"], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return place / "bin"


def interpreter(version: str) -> Path | None:
    """A Python of a version that really runs: in the PATH, or one that a version manager keeps beside its shims there."""
    places = [Path(entry) for entry in os.environ["PATH"].split(os.pathsep) if entry]
    found = [place / f"python{version}" for place in places]
    for place in places:
        if place.name == "shims":
            found += sorted(place.parent.glob(f"versions/{version}*/bin/python{version}"), reverse=True)
    for candidate in found:
        if candidate.is_file() and not subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode:
            return candidate
    return None


def home(name: str) -> Path:
    """An empty home below C(build), which knows the package index as this shell does.

    The tools hand no variable on to the pips that they start, so what pip is told in variables stands in a file there.
    """
    place = BUILD / name
    (place / ".config" / "pip").mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    settings = dict(line.split("=", 1) for line in listed if "=" in line)
    lines = ["[global]"]
    for key, value in settings.items():
        option = key.rpartition(".")[2]
        if key.startswith((":env:", "global.")) and option not in ("config-file", "require-virtualenv"):
            text = value.strip("'\"").replace("\\n", "\n    ")
            lines.append(f"{option} = {text}")
    (place / ".config" / "pip" / "pip.conf").write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
    return place
