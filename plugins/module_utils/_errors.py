# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The three exceptions of the collection. Clients raise them; C(_module.execute) alone turns them into a failed result."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._codes import CODES

# How a message for a person ends; L(DeprovisionError.as_text) writes it.
_CODE_AT_END = re.compile(r"\s*\[([a-z0-9_]+)\]$")


def split_code(text: str) -> tuple[str, str]:
    """A message without the code at its end, and that code; it is empty if there is none."""
    found = _CODE_AT_END.search(text)
    return (text[: found.start()], found[1]) if found else (text, "")


class DeprovisionError(Exception):
    """Something that the operator must be told: what happened, the state things are in, and what to do next.

    C(message) is one or two sentences of what happened and what state things are in. It never holds a secret, nor text
    of a remote answer that may hold one. C(code) is a key of L(CODES). C(next_step) replaces the table's advice where
    the place that raises knows better.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        system: str = "",
        status: int | None = None,
        request_id: str | None = None,
        outcome_unknown: bool = False,
        next_step: str | None = None,
        details: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        super().__init__(message)
        entry = CODES[code]
        self.code = code
        self.message = message
        self.system = system
        self.status = status
        self.request_id = request_id
        self.outcome_unknown = outcome_unknown
        self.retryable = entry.retryable
        self.next_step = next_step or entry.next_step
        self.details = dict(details or {})

    def as_failure(self) -> dict[str, t.Any]:
        """The structured form, documented as RV(failure) of every module."""
        return {
            "code": self.code,
            "system": self.system,
            "status": self.status,
            "request_id": self.request_id,
            "retryable": self.retryable,
            "outcome_unknown": self.outcome_unknown,
            "next_step": self.next_step,
            "details": self.details,
        }

    def as_text(self) -> str:
        """One message for a person: what happened, what to do next, and the stable code."""
        return f"{self.message} Next: {self.next_step} [{self.code}]"


class ApiError(DeprovisionError):
    """A remote system answered, and its answer was a refusal (HTTP 4xx and the like). An answer is never an outage."""


class UnreachableError(DeprovisionError):
    """A remote system gave no usable answer: no connection, no answer in time, a 5xx, or a body that is not its own.

    C(outcome_unknown) is true when the request may have been carried out all the same.
    """
