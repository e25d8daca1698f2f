# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What C(ansible-test sanity) refuses and ruff allows, found in a second."""

from __future__ import annotations

import ast
import typing as t

from tests.e2e.world import ROOT
from tests.export import tracked

DISALLOWED = {"_", "bar", "baz", "foo", "toto", "tutu", "tata"}


def stored_names(path: str) -> t.Iterator[ast.Name]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def test_no_name_is_one_that_pylint_disallows() -> None:
    found = [f"{path}:{name.lineno}: {name.id}" for path in tracked() if path.endswith(".py") for name in stored_names(path)]
    assert not [place for place in found if place.rpartition(" ")[2] in DISALLOWED]
