# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A short name for a secret, which tells equal from different and, without the key, nothing else."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit


def fingerprint(url: str, key: str) -> str:
    """The first 16 bytes of HMAC-SHA256 over the user and the password of C(url), in hexadecimal.

    The rest of a connection URL is left out, for a database that moves to another host is no rotation.
    """
    parts = urlsplit(url)
    return hmac.new(key.encode(), f"{parts.username}:{parts.password}".encode(), hashlib.sha256).hexdigest()[:32]
