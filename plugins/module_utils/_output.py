# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The output of a command: taken in chunks of any size, bounded in memory, and fit to be shown to people."""

from __future__ import annotations

import re

LINES_KEPT = 20
_LONGEST_LINE = 65536  # bytes; a longer one is cut, so that a command without line ends cannot fill the memory
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Patterns over a long line take time that grows with its square, so it is cut first; what is shown is shorter than that.
_LONGEST_SEARCHED = 4000
_LONGEST_SHOWN = 500
_MASKED = (
    (re.compile(r"(\b\w{1,20}://[^\s:/@]*:)\S+@"), r"\1********@"),
    # NAME=value, name: value and the like, where the name says that the value is secret.
    (re.compile(r"(?i)(\w{0,40}(?:passw|pwd|secret|token|key)\w{0,40}[\"']?\s*[=:]\s*)('[^']*'|\"[^\"]*\"|\S+)"), r"\1********"),
    (re.compile(r"\bp[0-9a-f]{64}\b"), "********"),
)


class Lines:
    """Makes lines of chunks. C(rest) is what came after the last line end."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that C(data) completes, without their ends."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > _LONGEST_LINE:
            lines.append(self.rest)
            self.rest = b""
        return [line.rstrip(b"\r") for line in lines]


def clean(text: str) -> str:
    """Output of a command for people: without control characters and what looks like a password, and not too long."""
    text = _CONTROL.sub("", text)[:_LONGEST_SEARCHED]
    for pattern, replacement in _MASKED:
        text = pattern.sub(replacement, text)
    return text[:_LONGEST_SHOWN]
