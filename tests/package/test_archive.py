# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of the collection holds what whoever installs it needs, and nothing of the workshop."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.export import built, tracked

# What only a checkout needs: files, and folders with all that is in them.
LEFT_OUT = (
    ".ansible-lint",
    ".ci/",
    ".gitignore",
    ".yamllint",
    "Makefile",
    "ansible.cfg",
    "bench/",
    "changelogs/fragments/",
    "collections/",
    "constraints.txt",
    "deprovision.yml",
    "docs/render_modules.py",
    "docs/render_reference.py",
    "docs/runbook_map.py",
    "execution-environment.yml",
    "extensions/",
    "galaxy.yml",
    "inventories/sandbox/",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.yml",
    "runner/",
    "sandbox/",
    "tests/",
)
MADE = {"MANIFEST.json", "FILES.json"}


def is_left_out(name: str) -> bool:
    return any(name.startswith(entry) if entry.endswith("/") else name == entry for entry in LEFT_OUT)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    archive: Path = built(tmp_path_factory.mktemp("build"))
    with tarfile.open(archive) as content:
        return sorted(member.name for member in content.getmembers() if not member.isdir())


def test_the_archive_holds_every_file_but_those_of_the_workshop(names: list[str]) -> None:
    assert names == sorted(MADE | {name for name in tracked() if not is_left_out(name)})


def test_the_list_of_the_workshop_names_nothing_that_is_gone() -> None:
    files = tracked()
    assert [entry for entry in LEFT_OUT if not any(name.startswith(entry) for name in files)] == []
