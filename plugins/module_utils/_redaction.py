# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Takes secrets out of text in every form in which they could stand there (invariant I10)."""

from __future__ import annotations

import base64
import json
import shlex
import typing as t
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "********"
# Shorter values (for example "1" or "prod") would mask half of every message and protect nothing.
SHORTEST_SECRET = 6


def forms(secret: str) -> set[str]:
    """The encodings of C(secret) that are searched for: raw, URL-encoded, shell-quoted, JSON-escaped, base64 and hexadecimal."""
    raw = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        shlex.quote(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        raw.hex(),
    }


def parts(secret: str) -> set[str]:
    """C(secret) and, where it is a URL with a password, the password by itself, as written and decoded."""
    found = {secret}
    if "://" in secret:
        try:
            password = urlsplit(secret).password
        except ValueError:
            password = None
        if password:
            found |= {password, unquote(password)}
    return found


def redact(value: t.Any, secrets: t.Iterable[str]) -> t.Any:
    """C(value) (any JSON-like structure) with every form of every one of C(secrets) replaced by a mask."""
    needles = {form for secret in secrets for part in parts(str(secret)) if len(part) >= SHORTEST_SECRET for form in forms(part)}
    return _replace(value, sorted(needles, key=len, reverse=True))


def _replace(value: t.Any, needles: list[str]) -> t.Any:
    if isinstance(value, str):
        for needle in needles:
            value = value.replace(needle, MASK)
        return value
    if isinstance(value, t.Mapping):
        return {_replace(key, needles): _replace(item, needles) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace(item, needles) for item in value]
    return value
