# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The version of the collection, as galaxy.yml has it; evidence names it."""

from __future__ import annotations

VERSION = "0.1.0"
