# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The files of C(evidence/<event>/): all of them rendered from one record, with a statement over their digests."""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import Record, as_bytes
from ansible_collections.raxx.deprovision.plugins.module_utils._ocsf import ocsf
from ansible_collections.raxx.deprovision.plugins.module_utils._oscal import oscal
from ansible_collections.raxx.deprovision.plugins.module_utils._report import report_html, report_md
from ansible_collections.raxx.deprovision.plugins.module_utils._statement import (
    SigningKey,
    envelope,
    kept_signature,
    predicate_of,
    signatures_of,
    statement,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import STATEMENT, pretty

Value = t.Dict[str, t.Any]

PREDICATE = "https://raxx.app/deprovision/departure/v1"


# What is rendered from a record, by the name of the file.
RENDERERS: t.Dict[str, t.Callable[[Value], bytes]] = {
    "before.json": lambda record: pretty(_listings(record, "before")),
    "after.json": lambda record: pretty(_listings(record, "after")),
    "ocsf.jsonl": ocsf,
    "report.html": report_html,
    "report.md": report_md,
}


def files_of(record: Value, result: Value, journal: t.Sequence[Record]) -> t.Dict[str, bytes]:
    """The content of every file but the statement. C(result) is that of C(result.json), whose form is a contract."""
    files = {"result.json": pretty(result), "journal.jsonl": as_bytes(journal)}
    files.update({name: render(record) for name, render in RENDERERS.items()})
    # OSCAL refers to the others by their digests.
    return {**files, "oscal.json": pretty(oscal(record, files))}


def with_statement(
    files: t.Mapping[str, bytes], record: Value, key: SigningKey | None, present: bytes | None
) -> t.Dict[str, bytes]:
    """The files with their statement. C(present) is the statement that is there already, if there is one.

    Only the key that the record names signs: a statement that speaks of another one, or of none, would contradict its signature.
    """
    keyid = _keyid(record)
    wanted = envelope(statement(PREDICATE, _predicate(record), files), key if key and key.keyid == keyid else None)
    return {**files, STATEMENT: pretty(kept_signature(wanted, present, keyid))}


def is_signed(files: t.Mapping[str, bytes]) -> bool:
    return bool(json.loads(files[STATEMENT])["signatures"])


def is_to_stay(present: bytes | None, record: Value, files: t.Mapping[str, bytes]) -> bool:
    """Whether the evidence that is there outweighs C(files), which are unsigned: it is signed, and of an event that was closed.

    That of an event that was still open gives way to what has happened since.
    """
    window = predicate_of(present).get("window")
    final = isinstance(window, dict) and bool(window.get("ended"))
    return final and bool(signatures_of(present, _keyid(record))) and not is_signed(files)


def why_unsigned(record: Value, key: SigningKey | None) -> str:
    """What keeps a machine with C(key) from signing; empty if it is only that nobody has configured a key."""
    keyid = _keyid(record)
    if keyid is None:
        return "sealed without a key" if key else ""
    return f"sealed for the key {keyid[:16]}, which is not {'the configured one' if key else 'configured'}"


def _keyid(record: Value) -> str | None:
    """The key that the statement is to be signed with."""
    return t.cast("str | None", record["integrity"]["signature"]["keyid"])


def write(directory: Path, files: t.Mapping[str, bytes], *, check_mode: bool) -> bool:
    """Writes each file whole or not at all, the statement last; in check mode, none. V(False) if all of it is there already.

    Only the operator may read them: they name people and groups. Raises C(evidence_not_written).
    """
    try:
        differing = [name for name, content in files.items() if not _holds(directory / name, content)]
        if differing and not check_mode:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in sorted(differing, key=lambda name: name == STATEMENT):
                _replace(directory / name, files[name])
    except OSError as error:
        raise _not_written(directory, error) from None
    return bool(differing)


def create(path: Path, content: bytes) -> bool:
    """Writes a new file that only the operator may read. V(False) if there is one of that name, whatever is in it; it stays.

    Raises C(evidence_not_written).
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "xb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            return False
        raise _not_written(path.parent, error) from None
    return True


def present_statement(directory: Path) -> bytes | None:
    path = directory / STATEMENT
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def _not_written(directory: Path, error: OSError) -> DeprovisionError:
    return DeprovisionError("evidence_not_written", f"{directory} could not be written ({type(error).__name__}).")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _replace(path: Path, content: bytes) -> None:
    # A kill leaves the temporary file, which has no place among files of which each is vouched for.
    whose = f".{path.parent.name}-{path.name}-"
    with tempfile.NamedTemporaryFile("wb", dir=path.parent.parent, prefix=whose, suffix=".part", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def _listings(record: Value, when: str) -> Value:
    """The listings of one time, and the end of a word on what became of each row."""
    population = record["population"]
    found: Value = {"event": record["event"], "person": record["email"], "listings": population[when]}
    if when == "before":
        found["items"] = population["items"]
    return found


def _predicate(record: Value) -> Value:
    integrity, window = record["integrity"], record["window"]
    return {
        "run": record["event"],
        "ticket": record["ticket"].get("number"),
        "subject": record["email"],
        "operator": record["operator"],
        "environment": record["environment"],
        "plan": record["plan"],
        "approval": record["approval"],
        "result": record["result"],
        "window": window,
        "claims": [{name: claim[name] for name in ("id", "grade", "result")} for claim in record["claims"]],
        "head": integrity["head"],
        "sealed": integrity["sealed"],
        "keyid": _keyid(record),
        "tool": {"name": "raxx.deprovision", "version": record["collection"]},
    }
