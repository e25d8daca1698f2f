# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Half of the sample of the matrix; the other half is in a file of its own, so that both are played side by side."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Outcome
from tests.faults.sampled import CASES, outcomes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return outcomes(tmp_path_factory.mktemp("faults"), 1)


@pytest.mark.parametrize("number", range(CASES))
def test_no_invariant_is_violated(played: list[Outcome], number: int) -> None:
    """I1 to I15."""
    outcome = played[number]
    assert not outcome.violations, f"{outcome.case}: again with python -m tests.faults --every --case '{outcome.case}'"
    assert outcome.checks > 10
