# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""A local world for the collection: a real PostgreSQL and stand-ins for everything else it talks to."""
