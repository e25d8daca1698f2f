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
import hashlib
import json
import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError

Record = t.Dict[str, t.Any]

# What stands in the place of a digest where there is no record before.
START = "0" * 64
LINK = ("chain_uid", "seq", "prev")


@dataclass(frozen=True)
class Broken:
    """One thing that is wrong with a journal. C(line) counts from 1; C(code) is V(malformed) or V(chain)."""

    line: int
    code: str
    how: str

    def __str__(self) -> str:
        return f"record {self.line}: {self.how}"


def canonical(value: t.Any) -> bytes:
    """C(value) as the only JSON text there is for it: sorted keys, no white space, UTF-8.

    Raises C(TypeError) for a float, whose text depends on who writes it, and for a key that is no text.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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


def verify(data: bytes, expected_head: str | None = None) -> t.List[Broken]:
    """Everything that is wrong with the content of a journal. Empty: it is as it was written.

    Without C(expected_head), which must come from another place, an end that was cut off is not noticed.
    """
    lines = data.split(b"\n")
    rest = lines.pop()
    found: t.List[Broken] = []
    prev, chain_uid = START, None
    for number, line in enumerate(lines, start=1):
        try:
            record = _read(line)
        except (ValueError, TypeError, RecursionError) as error:
            found.append(Broken(number, "malformed", f"is not a canonical JSON record ({error})"))
        else:
            chain_uid = record["chain_uid"] if chain_uid is None else chain_uid
            found += [Broken(number, "chain", how) for how in _breaks(record, number, prev, chain_uid)]
        prev = digest(line)
    if rest:
        found.append(Broken(len(lines) + 1, "malformed", "does not end with a line end"))
    if expected_head is not None and not found and prev != expected_head:
        found.append(Broken(len(lines), "chain", f"is not the last one: the head of the chain is {prev}, not {expected_head}"))
    return found


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
    content = file.read()
    end = content.rfind(b"\n") + 1
    last = content[:end].rstrip(b"\n").rpartition(b"\n")[2]
    number = int(_read(last)["seq"]) + 1 if last else 1
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


def _read(line: bytes) -> Record:
    """A line as a record. Raises C(ValueError) unless it is one, written as L(canonical) writes it."""
    record = json.loads(line.decode(), parse_constant=_no_constant)
    if not isinstance(record, dict):
        raise ValueError("not an object")  # noqa: TRY004  # one exception says that the line is no record
    if canonical(record) != line:
        raise ValueError("not in canonical form")
    missing = [name for name in LINK if name not in record]
    if missing:
        raise ValueError(f"no {missing[0]}")
    return record


def _breaks(record: Record, number: int, prev: str, chain_uid: t.Any) -> t.List[str]:
    found = []
    if record["seq"] != number or isinstance(record["seq"], bool):
        found.append(f"has the number {record['seq']!r} instead of {number}: a record was inserted, deleted or moved")
    if record["prev"] != prev:
        before = "record before it" if number > 1 else "start"
        found.append(f"does not follow from the {before}: that was changed, or records were inserted, deleted or moved")
    if record["chain_uid"] != chain_uid:
        found.append(f"belongs to another journal ({record['chain_uid']!r})")
    return found


def _refuse_floats(value: t.Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical form")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key is not text")
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)


def _no_constant(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is not JSON")
