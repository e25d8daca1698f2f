# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox for each file of tests."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.e2e.world import Record, Sandbox

HERE = Path(__file__).parent
# Files that `make worlds` runs, and not `make test`, which is to take less than a quarter of an hour.
FURTHER = {
    "test_attest",
    "test_lock_out_alone",
    "test_other_worlds",
    "test_outages",
    "test_plan",
    "test_rollback",
    "test_single_flight",
    "test_stop_and_call",
    "test_variants",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
        if item.path.parent == HERE and item.path.stem in FURTHER:
            item.add_marker(pytest.mark.further)


@pytest.fixture(scope="module")
def seed() -> Record:
    """What is laid over the default seed; a file of tests may say otherwise."""
    return {}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, seed: Record) -> t.Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("e2e"), seed) as it:
        yield it
