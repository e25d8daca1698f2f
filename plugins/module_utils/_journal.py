# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Hash-chained journals: canonical JSON lines, each of which holds the digest of the one before it.

A record is a dictionary of text, whole numbers, truth values, lists and dictionaries. The chain adds three keys to it, with
names of the profile C(record_integrity) of OCSF where they fit:

- C(chain_uid): which journal it is, so that a record cannot be moved into another one;
- C(seq): its number, from 1;
- C(prev): the SHA-256 of the bytes of the record before it, without the line end; L(START) for the first one.

The head of a chain is the digest of its last record. A chain proves order and completeness only against a head that is kept
in another place: whoever can write the file can chain it anew.
"""

from __future__ import annotations

import fcntl
import os
import typing as t
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import (
    LINK,
    START,
    Broken,
    Record,
    canonical,
    digest,
    read_record,
    verify,
)

BLOCK = 65536  # bytes

__all__ = ["START", "Broken", "Record", "append", "as_bytes", "canonical", "chain", "digest", "head", "verify"]


def chain(records: t.Iterable[Record], chain_uid: str) -> t.List[Record]:
    """C(records) as one chain, in this order."""
    chained: t.List[Record] = []
    prev = START
    for number, record in enumerate(records, start=1):
        chained.append(_linked(record, chain_uid, number, prev))
        prev = digest(canonical(chained[-1]))
    return chained


def as_bytes(chained: t.Iterable[Record]) -> bytes:
    """Chained records as the content of a file."""
    return b"".join(canonical(record) + b"\n" for record in chained)


def head(chained: t.Sequence[Record]) -> str:
    return digest(canonical(chained[-1])) if chained else START


def append(path: Path, record: Record, chain_uid: str) -> Record:
    """Chains C(record) to the last one in the file and returns it as it was written, which is durable then.

    Several processes may append at the same time. An end without a line end is what a killed process left of a record that it
    had not finished; nothing was done on its strength, and it is cut off. Raises C(evidence_not_written).
    """
    path = Path(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            chained = _append(file, record, chain_uid)
        if new:
            _sync_directory(path.parent)
    except (OSError, ValueError, TypeError) as error:
        raise DeprovisionError(
            "evidence_not_written", f"The journal {path} could not be written ({type(error).__name__})."
        ) from None
    return chained


def _append(file: t.BinaryIO, record: Record, chain_uid: str) -> Record:
    last, end = _last_line(file)
    number = int(read_record(last)["seq"]) + 1 if last else 1
    chained = _linked(record, chain_uid, number, digest(last) if last else START)
    line = canonical(chained) + b"\n"
    file.truncate(end)
    file.seek(end)
    try:
        _write(file, line)
    except OSError:
        file.truncate(end)
        raise
    return chained


def _last_line(file: t.BinaryIO) -> t.Tuple[bytes, int]:
    """The last whole line, without its end, and where it ends; a long journal is read from its end only."""
    start = file.seek(0, os.SEEK_END)
    tail = b""
    while start > 0 and tail.count(b"\n") < 2:
        block = min(BLOCK, start)
        start = file.seek(start - block)
        tail = file.read(block) + tail
    whole = tail[: tail.rfind(b"\n") + 1]
    return whole.rstrip(b"\n").rpartition(b"\n")[2], start + len(whole)


def _write(file: t.BinaryIO, line: bytes) -> None:
    if file.write(line) != len(line):
        raise OSError("short write")
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """A file is durable only with the entry of its directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _linked(record: Record, chain_uid: str, number: int, prev: str) -> Record:
    own = [name for name in LINK if name in record]
    if own:
        raise ValueError(f"a record cannot have a key {own[0]} of its own")
    return {**record, "chain_uid": chain_uid, "seq": number, "prev": prev}
