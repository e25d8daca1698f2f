# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""One person's departure as a value: its id, its window, and what is acceptable as an email address."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time

# S2: the procedure must end within four hours of the confirmed notice.
WINDOW = timedelta(hours=4)

# Narrower than RFC 5322 on purpose: quotes, percent signs and the like have no place in a ticket subject or a ledger name.
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class Event:
    """C(id) is also the subject of the ticket (P4). C(notice) and C(opened) are in UTC; the window runs from the notice (S2)."""

    id: str
    email: str
    operator: str
    notice: datetime
    opened: datetime

    @property
    def deadline(self) -> datetime:
        return self.notice + WINDOW

    def as_fact(self) -> dict[str, str]:
        return {
            "event": self.id,
            "email": self.email,
            "operator": self.operator,
            "notice": format_time(self.notice),
            "opened": format_time(self.opened),
            "deadline": format_time(self.deadline),
        }


def check_email(text: str) -> str:
    """C(text) in lower case. Raises C(invalid_input) unless it is an address that the whole procedure can handle."""
    if len(text) > _LONGEST_EMAIL:
        raise DeprovisionError(
            "invalid_input", f"The email address is {len(text)} characters long; {_LONGEST_EMAIL} is the limit."
        )
    if not _EMAIL.fullmatch(text):
        raise DeprovisionError("invalid_input", f"Not an email address: {text!r}.")
    return text.lower()


def check_operator(text: str) -> str:
    """C(text) as it is. Raises C(invalid_input) if it is empty, for what is written once must say who answers for it (P2)."""
    if not text:
        raise DeprovisionError(
            "invalid_input",
            "Nothing was changed. Who runs this is not known.",
            next_step="Give the operator's address, -e operator=..., and run the same command again.",
        )
    return text


def event_id(email: str, opened: datetime, taken: int = 0) -> str:
    """C(DEPROV-YYYY-MM-DD-<prefix>) (P4). C(taken) is how many other events of that day and prefix exist already."""
    suffix = f"-{taken + 1}" if taken else ""
    return f"DEPROV-{opened:%Y-%m-%d}-{_prefix(email)}{suffix}"


def _prefix(email: str) -> str:
    return re.sub(r"[^a-z0-9._-]", "-", email.partition("@")[0])


def is_ticket_subject(subject: str, email: str) -> bool:
    """Whether C(subject) is that of a ticket for a departure of the person, on whatever day (P4)."""
    prefix = re.escape(_prefix(email))
    return re.fullmatch(rf"DEPROV-\d{{4}}-\d\d-\d\d-{prefix}(-\d+)?", subject.strip(), re.IGNORECASE) is not None


def person_key(email: str) -> str:
    """The person's name in the ledger: readable, and made of characters that a parameter name may have."""
    readable = re.sub(r"[^a-z0-9]+", "-", email).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(email.encode()).hexdigest()[:10]}"
