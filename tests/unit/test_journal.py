# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""_journal: each record holds the digest of the one before, so that every later edit is found and named."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _journal
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import (
    START,
    append,
    as_bytes,
    canonical,
    chain,
    digest,
    head,
    verify,
)
from hypothesis import given
from hypothesis import strategies as st

RECORDS: list[dict[str, t.Any]] = [
    {"what": "began", "who": "olivia"},
    {"what": "removed", "names": ["ü", "b"]},
    {"what": "ended", "count": 3, "ok": True},
]


def lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@pytest.fixture
def journal() -> bytes:
    return as_bytes(chain(RECORDS, "run-1"))


def test_a_record_is_canonical_and_names_its_predecessor(journal: bytes) -> None:
    first, second, third = (line.rstrip(b"\n") for line in lines(journal))
    assert first == f'{{"chain_uid":"run-1","prev":"{START}","seq":1,"what":"began","who":"olivia"}}'.encode()
    assert json.loads(second)["prev"] == digest(first)
    assert "ü".encode() in second
    assert head(chain(RECORDS, "run-1")) == digest(third)


@pytest.mark.parametrize("value", [{"a": 1.0}, {"a": [{"b": float("nan")}]}, {1: "a"}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_a_record_cannot_bring_its_own_link() -> None:
    with pytest.raises(ValueError, match="seq"):
        chain([{"seq": 7}], "run-1")


def test_a_journal_as_it_was_written_is_in_order(journal: bytes) -> None:
    assert verify(journal) == []
    assert verify(journal, head(chain(RECORDS, "run-1"))) == []
    assert verify(b"") == []


def test_deleting_inserting_and_moving_are_found_where_they_happened(journal: bytes) -> None:
    a, b, c = lines(journal)
    alien = as_bytes(chain([*RECORDS, {"what": "more"}], "run-2")).splitlines(keepends=True)
    edits = {b + c: 1, a + c: 2, a + b + b + c: 3, b + a + c: 1, a + c + b: 2, a + b + alien[2]: 3, alien[0] + b + c: 2}
    for edited, line in edits.items():
        found = verify(edited)
        assert found, edited
        assert (found[0].line, found[0].code) == (line, "chain")


def test_an_end_that_was_cut_off_is_found_by_the_head(journal: bytes) -> None:
    a, b, _c = lines(journal)
    assert verify(a + b) == []
    found = verify(a + b, head(chain(RECORDS, "run-1")))
    assert (found[0].line, found[0].code) == (2, "chain")


@pytest.mark.parametrize(
    "edited",
    [b"[]\n", b'{"a":1}\n', b'{"seq": 1}\n', b"{\n", b"\xff\n", b"\n", b'{"a":NaN}\n', b"[" * 9999 + b"\n"],
)
def test_what_is_no_record_is_malformed(edited: bytes) -> None:
    assert [broken.code for broken in verify(edited)] == ["malformed"]


def test_a_changed_record_that_was_written_canonically_shows_in_the_next_one(journal: bytes) -> None:
    a, b, c = lines(journal)
    found = verify(a + b.replace(b"removed", b"reduced") + c)
    assert [(broken.line, broken.code) for broken in found] == [(3, "chain")]
    assert "changed" in str(found[0])


@given(st.data())
def test_every_edit_is_found(data: st.DataObject) -> None:
    journal = as_bytes(chain(RECORDS, "run-1"))
    at = data.draw(st.integers(0, len(journal) - 1))
    kind = data.draw(st.sampled_from(["flip", "delete", "insert"]))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda value: value != journal[at]))])
    edited = {
        "flip": journal[:at] + byte + journal[at + 1 :],
        "delete": journal[:at] + journal[at + 1 :],
        "insert": journal[:at] + byte + journal[at:],
    }[kind]
    assert verify(edited, head(chain(RECORDS, "run-1")))


def test_appending_makes_the_same_chain_readable_by_the_operator_only(tmp_path: Path, journal: bytes) -> None:
    path = tmp_path / "runs" / "run-1.jsonl"
    written = [append(path, record, "run-1") for record in RECORDS]
    assert path.read_bytes() == journal
    assert written == chain(RECORDS, "run-1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def _append_some(path: Path, who: int) -> None:
    for number in range(20):
        append(path, {"who": who, "number": number}, "run-1")


def test_processes_that_append_at_the_same_time_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "run-1.jsonl"
    workers = [multiprocessing.get_context("fork").Process(target=_append_some, args=(path, who)) for who in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (verify(path.read_bytes()), len(lines(path.read_bytes()))) == ([], 80)


def test_what_a_killed_process_left_of_a_record_is_cut_off(tmp_path: Path, journal: bytes) -> None:
    path = tmp_path / "run-1.jsonl"
    first, second, _third = lines(journal)
    path.write_bytes(first + second[:20])
    append(path, RECORDS[1], "run-1")
    assert path.read_bytes() == first + second


def test_a_journal_is_continued_from_its_end_however_long_its_records_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr(_journal, "BLOCK", 7)
    for number in range(4):
        append(path, {"kind": "write", "text": "x" * 40 * number}, "run-1")
    path.write_bytes(path.read_bytes() + b'{"half":')
    append(path, {"kind": "write"}, "run-1")
    assert [json.loads(text)["seq"] for text in lines(path.read_bytes())] == [1, 2, 3, 4, 5]
    assert verify(path.read_bytes()) == []


def test_a_journal_whose_last_record_was_damaged_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "run-1.jsonl"
    path.write_bytes(b"nonsense\n")
    with pytest.raises(DeprovisionError) as caught:
        append(path, RECORDS[0], "run-1")
    assert caught.value.code == "evidence_not_written"
    assert path.read_bytes() == b"nonsense\n"


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run-1.jsonl"
    append(path, RECORDS[0], "run-1")
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeprovisionError) as caught:
        append(path, RECORDS[1], "run-1")
    assert caught.value.code == "evidence_not_written"
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    link = tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "file" / "run-1.jsonl", link):
        with pytest.raises(DeprovisionError) as caught:
            append(path, RECORDS[0], "run-1")
        assert caught.value.code == "evidence_not_written"
