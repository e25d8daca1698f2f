# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium that npm has, below C(build): C(python -m tests.browser.chromium) installs it.

Its package is made for a cloud function: the program, its libraries and its fonts are packed, and expect to live in C(/tmp).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import typing as t

from tests.checks import node
from tests.checks.environments import BUILD

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACE = BUILD / "chromium" / "unpacked"
UNPACK = """
import chromium, { inflate } from "@sparticuz/chromium";
await chromium.executablePath();
await inflate("node_modules/@sparticuz/chromium/bin/al2023.tar.br");
"""
# Only its own fonts, so that a page is as wide and as high on every machine.
FONTS = f"<fontconfig><dir>{PLACE}/fonts/fonts</dir><cachedir>{PLACE}/fonts-cache</cachedir></fontconfig>\n"


class Chromium(t.NamedTuple):
    """A program, and the environment that it needs."""

    program: str
    environment: dict[str, str]


def found() -> Chromium | None:
    """What C(CHROMIUM) names, else what was installed here, else what the PATH has."""
    if named := os.environ.get("CHROMIUM"):
        return Chromium(named, {})
    if PLACE.is_dir():
        return Chromium(
            str(PLACE / "chromium"),
            {"LD_LIBRARY_PATH": str(PLACE / "al2023" / "lib"), "FONTCONFIG_FILE": str(PLACE / "fonts.conf")},
        )
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    return Chromium(installed, {}) if installed else None


def install() -> None:
    if platform.machine() != "x86_64":
        raise SystemExit(f"npm has no Chromium for {platform.machine()}: install one, and let CHROMIUM name it.")
    root = node.packages("chromium").parent
    if PLACE.is_dir():
        return
    # The package unpacks into the directory for temporary files. Half of it is never taken for the whole.
    unpacking = root / "unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    unpacking.mkdir()
    command = [str(node.programs() / "node"), "--input-type=module", "--eval", UNPACK]
    subprocess.run(command, cwd=root, env={**os.environ, "TMPDIR": str(unpacking)}, check=True)
    (unpacking / "fonts.conf").write_text(FONTS, encoding="utf-8")
    unpacking.rename(PLACE)


if __name__ == "__main__":
    install()
