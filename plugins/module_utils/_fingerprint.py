# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A short name for a secret, which tells equal from different and, without the key, nothing else."""

from __future__ import annotations

import hashlib
import hmac


def fingerprint(value: str, key: str) -> str:
    """The first 16 bytes of HMAC-SHA256, in hexadecimal."""
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()[:32]
