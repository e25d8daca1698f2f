# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of docs/modules.md from modules and failure codes. With C(--check) it only says whether they are right."""

from __future__ import annotations

import sys
import typing as t
from importlib import import_module
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "modules.md"
COLLECTION = "ansible_collections.raxx.deprovision.plugins"
sys.path.insert(0, str(ROOT / "collections"))


def modules() -> t.Iterator[str]:
    yield "| module | what it does | needs |"
    yield "| --- | --- | --- |"
    for file in sorted((ROOT / "plugins" / "modules").glob("[!_]*.py")):
        module = import_module(f"{COLLECTION}.modules.{file.stem}")
        summary = yaml.safe_load(module.DOCUMENTATION)["short_description"]
        yield f"| `{file.stem}` | {summary} | {', '.join(module.SPEC.libraries)} |"


def codes() -> t.Iterator[str]:
    yield "| code | what happened | what to do | again? |"
    yield "| --- | --- | --- | --- |"
    for name, code in import_module(f"{COLLECTION}.module_utils._codes").CODES.items():
        yield f"| `{name}` | {code.meaning} | {code.next_step} | {'yes' if code.retryable else ''} |"


def rendered(text: str) -> str:
    for name, lines in (("modules", modules()), ("codes", codes())):
        head, begin, rest = text.partition(f"<!-- {name}: made by docs/render_modules.py -->\n")
        _old, end, tail = rest.partition(f"<!-- end of {name} -->\n")
        text = head + begin + "\n" + "\n".join(lines) + "\n\n" + end + tail
    return text


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    wanted = rendered(text)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if text == wanted else "docs/modules.md is not up to date: run make docs")
    PAGE.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
