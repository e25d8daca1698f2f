# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a bundle (I12): a kill leaves the files that were there or the new ones, and nothing else among them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _bundle
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import check

from .bundle_world import bundle, case, new_key

KEY, PUBLIC = new_key(1)
CASE = case(keyid=KEY.keyid)
FILES = bundle(CASE, KEY)
ANCHORS = [("audit row", CASE.journal.sealed["head"])]


class Killed(BaseException):
    """Nothing that a process does after it: it is not caught."""


def killed(*_arguments: object) -> None:
    raise Killed


@pytest.mark.parametrize(("owner", "call"), [(os, "fsync"), (Path, "replace")])
def test_a_kill_while_a_file_is_written_leaves_nothing_in_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, call: str
) -> None:
    place = tmp_path / "evidence" / CASE.progress.event.id
    assert _bundle.write(place, FILES, check_mode=False) is True
    with monkeypatch.context() as patched:
        patched.setattr(owner, call, killed)
        with pytest.raises(Killed):
            _bundle.write(place, {**FILES, "report.md": b"in other words"}, check_mode=False)
    assert {path.name for path in place.iterdir()} == set(FILES)
    assert check(place, PUBLIC, ANCHORS) == []
    # What is left says whose it was.
    (left,) = (path for path in place.parent.iterdir() if path != place)
    assert left.name.startswith(f".{place.name}-report.md-")
    assert left.suffix == ".part"


def test_a_file_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeprovisionError) as caught:
        _bundle.write(tmp_path / "bundle", FILES, check_mode=False)
    assert caught.value.code == "evidence_not_written"
    assert list(tmp_path.rglob("*")) == [tmp_path / "bundle"]
