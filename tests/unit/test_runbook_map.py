# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The map of the runbook: nothing in it is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import runbook_map


def test_the_page_has_every_id() -> None:
    numbered = {"S": 6, "P": 5, "Y": 7, "C": 6, "E": 7, "I": 15}
    wanted = {f"{kind}{number}" for kind, last in numbered.items() for number in range(1, last + 1)}
    wanted |= {"1a", "1b", "2a", "2b", "2c", "2d", "3", "3a", "3b", "3c", "4", "5", "6", "7"}
    assert set(runbook_map.ids()) == wanted
    assert len(runbook_map.ids()) == len(wanted)


def test_every_id_is_cited_by_a_part_and_by_a_test() -> None:
    assert runbook_map.uncovered() == []


def test_every_fact_lives_somewhere() -> None:
    text = runbook_map.PAGE.read_text(encoding="utf-8")
    tables = re.findall(r"^\|.* lives in \|\n\| --- .*\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = {row[0]: row[-1] for table in tables for line in table.splitlines() if (row := re.split(r" ?\| ?", line)[1:-1])}
    assert {"S1", "P1", "1a", "C1", "7", "E7"} <= rows.keys()
    assert [name for name, place in rows.items() if not place.strip() and name not in runbook_map.REASONS] == []
    for name, place in rows.items():
        for playbook in re.findall(r"`(playbooks/\w+\.yml)", place):
            assert (runbook_map.ROOT / playbook).is_file(), name


def test_reasons_are_given_for_ids_that_exist_and_have_no_test() -> None:
    assert set(runbook_map.REASONS) <= set(runbook_map.ids())
    tested = runbook_map.found_in(runbook_map.tests())
    assert [name for name in runbook_map.REASONS if tested[name]] == []


def test_only_docstrings_and_comments_of_a_test_cite(tmp_path: Path) -> None:
    source = '"""E1: module."""\n\n\ndef test() -> None:\n    """E2, 3. Test."""\n    assert "E3", "step 4"  # E5\n'
    (tmp_path / "test_it.py").write_text(source)
    said = runbook_map.said_by_test(tmp_path / "test_it.py")
    assert {name for text in said.split("\0") for name in runbook_map.cited(text)} == {"E1", "E2", "3", "E5"}


def test_the_map_names_the_tasks_of_a_role() -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in runbook_map.table()}
    assert 'role `step1_lock_out` ("Remove every group membership (1a)")' in rows["1a"]
    assert 'role `step23_rotate` ("Store the new one (2b, 3b)", "Park the new one (2b)")' in rows["2b"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("(runbook 2c, 3c, E6)", {"2c", "3c", "E6"}),
        ("Y1 to Y4: the map", {"Y1", "Y2", "Y3", "Y4"}),
        ("S3, 3, C3. Without direct access", {"S3", "3", "C3"}),
        ("runbook step 6, I8", {"6", "I8"}),
        ("Steps 1 to 3 and 5", {"1", "2", "3", "5"}),
        ("waits 3 seconds, 5 times; version 1.2.3; SHA-1; UTF-8; line 4a-b", set()),
    ],
)
def test_what_counts_as_a_citation(text: str, ids: set[str]) -> None:
    assert runbook_map.cited(text) == ids
