# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference below docs/: complete, linked, and found out when it is not current."""

from __future__ import annotations

import re
import typing as t
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from docs import render_modules

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(REFERENCE.glob("*.rst"))


def names(kind: str, pattern: str) -> set[str]:
    return {f"{file.stem}_{kind}.rst" for file in (ROOT / "plugins").glob(pattern)}


def test_everything_that_can_be_used_has_a_page() -> None:
    wanted = names("module", "modules/*.py") | names("filter", "filter/*.yml") | names("callback", "callback/*.py")
    wanted |= {f"{role.name}_role.rst" for role in (ROOT / "roles").iterdir()}
    assert {page.name for page in PAGES} == wanted | {"index.rst"}


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "plugins" / "modules").glob("*.py")))
def test_a_page_has_every_option_and_return_value_of_its_module(name: str) -> None:
    module = import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{name}")
    page = (REFERENCE / f"{name}_module.rst").read_text(encoding="utf-8")
    for prefix, text in (("parameter", module.DOCUMENTATION), ("return", module.RETURN)):
        documented: dict[str, t.Any] = yaml.safe_load(text)
        for key in documented.get("options", ()) if prefix == "parameter" else documented:
            assert f'id="{prefix}-{key}"' in page, key


def test_every_link_leads_somewhere() -> None:
    index = (ROOT / "docs" / "modules.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(reference/([\w.]+)\)", index))
    assert {page.name for page in PAGES if page.stem.endswith(("_module", "_role"))} | {"index.rst"} <= linked
    for page in PAGES:
        linked |= set(re.findall(r"<(\w+\.rst)(?:#[\w./-]+)?>", page.read_text(encoding="utf-8")))
    assert linked <= {page.name for page in PAGES}


def test_a_page_that_is_changed_or_missing_or_left_over_is_found(tmp_path: Path) -> None:
    wanted = {"docs/a.md": "a", "docs/reference/b.rst": "b", "docs/reference/c.rst": "c"}
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    for name, text in (("a.md", "a"), ("reference/b.rst", "other"), ("reference/d.rst", "d"), ("kept.md", "e")):
        (tmp_path / "docs" / name).write_text(text, encoding="utf-8")
    assert render_modules.differing(wanted, tmp_path) == [f"docs/reference/{name}.rst" for name in "bcd"]
    render_modules.write(wanted, tmp_path)
    assert render_modules.differing(wanted, tmp_path) == []
    assert sorted(file.name for file in tmp_path.glob("docs/**/*.*")) == ["a.md", "b.rst", "c.rst", "kept.md"]
