# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(make bench): what a run costs, against the manual procedure and against the least that its remote calls take."""
