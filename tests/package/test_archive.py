# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of the collection holds what whoever installs it needs, and nothing of the workshop."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from tests.export import built, tracked

# Every file of the archive is one of these ...
WANTED = [
    r"(MANIFEST|FILES)\.json",
    r"(README|CONTRIBUTING)\.md|LICENSE|LICENSES/[\w.-]+\.txt|REUSE\.toml",
    r"requirements\.txt|bindep\.txt",
    r"meta/(runtime|execution-environment)\.yml",
    r"playbooks/\w+\.yml",
    r"awx/\w+\.yml",
    r"inventories/(prod|staging)/(hosts|group_vars/all)\.yml",
    r"docs/\w+\.md",
    r"docs/reference/\w+\.rst",
    r"docs/images/\w+\.(png|svg)",
    r"tools/verify_evidence\.py",
    r"changelogs/(changelog|config)\.yaml",
    r"plugins/(action|callback|doc_fragments|module_utils|modules|plugin_utils)/\w+\.py",
    r"plugins/filter/(\w+\.yml|run_data\.py)",
    r"roles/\w+/(README\.md|(defaults|meta|tasks|vars)/\w+\.yml)",
]
# ... and each tracked file below these is there.
WHOLE = ("plugins/", "roles/", "playbooks/", "meta/", "awx/", "LICENSES/")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    archive: Path = built(tmp_path_factory.mktemp("build"))
    with tarfile.open(archive) as content:
        return {member.name for member in content.getmembers() if not member.isdir()}


def test_nothing_else_is_in_the_archive(names: set[str]) -> None:
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in WANTED))
    assert sorted(name for name in names if not allowed.fullmatch(name)) == []


def test_nothing_is_missing(names: set[str]) -> None:
    assert sorted(name for name in tracked() if name.startswith(WHOLE) and name not in names) == []
    assert {"README.md", "LICENSE", "requirements.txt", "bindep.txt", "MANIFEST.json", "FILES.json"} <= names
    for pattern in WANTED:
        assert any(re.fullmatch(pattern, name) for name in names), pattern
