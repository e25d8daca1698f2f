# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Points in time: always aware, always UTC, written as RFC 3339 with microseconds."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError


def now() -> datetime:
    return datetime.now(timezone.utc)


def parse(text: str, name: str = "time") -> datetime:
    """An RFC 3339 time. C(name) says in the error which input it was. Raises C(invalid_input), also if the zone is missing."""
    try:
        value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise DeprovisionError("invalid_input", f"{name} is not an RFC 3339 time: {text[:40]!r}.") from None
    if value.tzinfo is None:
        raise DeprovisionError("invalid_input", f"{name} has no time zone: {text[:40]!r} (write it with a trailing Z for UTC).")
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:
        raise DeprovisionError("invalid_input", f"{name} is out of range: {text[:40]!r}.") from None


def parse_end(text: str, name: str = "time") -> datetime:
    """The end of a term: that of the day (UTC) if C(text) is a date, or else the time that it is. Raises C(invalid_input)."""
    return parse(f"{text}T23:59:59.999999Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text, name)


def format_time(value: datetime) -> str:
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
