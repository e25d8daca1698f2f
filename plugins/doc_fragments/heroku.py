# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that calls Heroku; the argument spec is C(_options.HEROKU)."""

    DOCUMENTATION = r"""
options:
  heroku_api_key:
    description:
      - The operator's Heroku API key or token.
      - If not given, the value of the environment variable E(HEROKU_API_KEY) is used.
    type: str
  heroku_api_url:
    description:
      - Base URL of the Platform API. Must be C(https); C(http) is accepted for the loopback interface only.
      - If not given, the value of the environment variable E(HEROKU_API_URL) is used.
    type: str
    default: https://api.heroku.com
  heroku_data_url:
    description:
      - Base URL of the Data API, which owns Heroku Postgres. Must be C(https); C(http) is accepted for the loopback
        interface only.
      - If not given, the value of the environment variable E(HEROKU_DATA_URL) is used.
    type: str
    default: https://api.data.heroku.com
  heroku_timeout:
    description:
      - Longest wait for one answer, in seconds.
    type: int
    default: 20
requirements:
  - requests
"""
