# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the matrix as tests. The cases are chosen by seed from each stratum, and two are played at a time."""

from __future__ import annotations

import pytest

from tests.faults.cases import sample
from tests.faults.matrix import Matrix, Outcome, baseline

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

CASES = 30
SEED = 20261124


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    place = tmp_path_factory.mktemp("faults")
    straight = baseline(place / "baseline")
    return Matrix(place, straight.claims).play(sample(straight.matrix, CASES, seed=SEED))


@pytest.mark.parametrize("number", range(CASES))
def test_no_invariant_is_violated(played: list[Outcome], number: int) -> None:
    """I1 to I15."""
    outcome = played[number]
    assert not outcome.violations, f"{outcome.case}: again with python -m tests.faults --every --case '{outcome.case}'"
    assert outcome.checks > 10
