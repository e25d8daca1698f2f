# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the manual runbook with the real clients, and AWX's own modules with our data: C(make conformance)."""
