# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching for secrets where none may be, in every form in which programs write text down."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import threading
import typing as t
from pathlib import Path
from urllib.parse import quote, quote_plus

SAMPLE_SECONDS = 0.03


def forms(secret: str) -> set[bytes]:
    """The secret as it is, and URL-encoded, JSON-escaped, shell-quoted, in base64 (at each alignment) and in hex."""
    raw = secret.encode()
    texts = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        shlex.quote(secret),
        repr(secret)[1:-1],
        raw.hex(),
        raw.hex().upper(),
    }
    return {text.encode() for text in texts} | _base64(raw)


def _base64(raw: bytes) -> set[bytes]:
    """What any text around the secret leaves of its base64: the groups that are made of it alone."""
    found = set()
    for offset in range(3):
        # The first group holds neighbours; so does the last one unless it is full.
        inner = raw[(3 - offset) % 3 :]
        inner = inner[: len(inner) - len(inner) % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(inner))
    return {text for text in found if len(text) >= 8}


class Leaks:
    """Looks for these secrets. An answer names a secret by its beginning only, so that it may be shown."""

    def __init__(self, secrets: t.Iterable[str]) -> None:
        self._needles = {form: f"{secret[:12]}..." for secret in secrets for form in forms(secret)}

    def in_bytes(self, content: bytes) -> set[str]:
        return {name for needle, name in self._needles.items() if needle in content}

    def below(self, *places: Path, but: t.Collection[Path] = ()) -> list[str]:
        """C(path: secret) for each file below C(places) that holds a secret, by content or by name."""
        found = []
        for path in (file for place in places for file in place.rglob("*")):
            if any(excepted == path or excepted in path.parents for excepted in but):
                continue
            content = str(path).encode() + (b"\n" + path.read_bytes() if path.is_file() else b"")
            found += [f"{path}: {name}" for name in self.in_bytes(content)]
        return found


class CommandLines:
    """Notes the argument list of every process that runs while the C(with) block does: in C(seen), each once, in order."""

    def __init__(self) -> None:
        self.seen: dict[bytes, None] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> CommandLines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            with os.scandir("/proc") as entries:
                for entry in entries:
                    if entry.name.isdecimal():
                        with contextlib.suppress(OSError):  # it has ended
                            self.seen[_content(f"{entry.path}/cmdline")] = None
            if self._ended.wait(SAMPLE_SECONDS):
                return


def _content(path: str) -> bytes:
    """What pathlib reads too, for a sixth of the time: hundreds of them are read many times a second."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
    finally:
        os.close(descriptor)
