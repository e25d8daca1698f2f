# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that calls FreeScout; the argument spec is C(_options.FREESCOUT)."""

    DOCUMENTATION = r"""
options:
  freescout_url:
    description:
      - Base URL of the help desk, without C(/api). Must be C(https); C(http) is accepted for the loopback interface only.
      - If not given, the value of the environment variable E(FREESCOUT_URL) is used.
    type: str
    required: true
  freescout_api_key:
    description:
      - Key of FreeScout's module C(API & Webhooks).
      - If not given, the value of the environment variable E(FREESCOUT_API_KEY) is used.
    type: str
  freescout_timeout:
    description:
      - Longest wait for one answer, in seconds.
    type: int
    default: 20
requirements:
  - requests
"""
