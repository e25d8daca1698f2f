# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that nobody of this project wrote, on an export of the collection."""
