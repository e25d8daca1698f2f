# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the matrix as tests. The cases are chosen by seed from each stratum; each part has others."""

from __future__ import annotations

from pathlib import Path

from tests.faults.cases import sample
from tests.faults.matrix import Matrix, Outcome, baseline

CASES = 15
SEED = 20261124
PARTS = 2


def outcomes(place: Path, part: int) -> list[Outcome]:
    """Plays one part of the sample."""
    straight = baseline(place / "baseline")
    chosen = sample(straight.matrix, CASES * PARTS, seed=SEED)[part::PARTS]
    return Matrix(place, straight.claims).play(chosen)
