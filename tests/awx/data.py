# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx/ says, with Ansible's references between its variables followed."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
REFERENCE = re.compile(r"\{\{ (\w+) \}\}")


class Loader(yaml.SafeLoader):
    """Knows Ansible's tag for texts that it must not render."""


def _as_written(loader: Loader, node: yaml.ScalarNode) -> t.Any:
    return loader.construct_scalar(node)


Loader.add_constructor("!unsafe", _as_written)


def load(path: Path) -> t.Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def objects() -> dict[str, t.Any]:
    """All variables of awx/ together."""
    found: dict[str, t.Any] = {}
    for file in sorted((ROOT / "awx").glob("*.yml")):
        content = load(file)
        assert not found.keys() & content.keys(), file
        found |= content
    return {name: _followed(value, found) for name, value in found.items()}


def _followed(value: t.Any, variables: t.Mapping[str, t.Any]) -> t.Any:
    if isinstance(value, dict):
        return {key: _followed(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_followed(item, variables) for item in value]
    reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return variables[reference[1]] if reference and reference[1] in variables else value
