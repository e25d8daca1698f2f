# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that calls Infisical; the argument spec is C(_options.INFISICAL)."""

    DOCUMENTATION = r"""
options:
  infisical_url:
    description:
      - Base URL of the vault. Must be C(https); C(http) is accepted for the loopback interface only.
      - If not given, the value of the environment variable E(INFISICAL_URL) is used.
    type: str
    required: true
  infisical_token:
    description:
      - An access token. Not used if O(infisical_client_id) is given.
      - If not given, the value of the environment variable E(INFISICAL_TOKEN) is used.
    type: str
  infisical_token_file:
    description:
      - A file that holds an access token, read if neither a token nor a machine identity is given.
      - If not given, the value of the environment variable E(INFISICAL_TOKEN_FILE) is used.
    type: path
    default: ~/.raxx-vault-token
  infisical_client_id:
    description:
      - Client id of a machine identity (universal auth). A refused log-in is never repeated, because the vault locks identities.
      - If not given, the value of the environment variable E(INFISICAL_UNIVERSAL_AUTH_CLIENT_ID) is used.
    type: str
  infisical_client_secret:
    description:
      - Client secret of the machine identity.
      - If not given, the value of the environment variable E(INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET) is used.
    type: str
  infisical_api_version:
    description:
      - The API to use. V(v3) (the "raw" routes) works on old and new servers.
    type: str
    choices: [v3, v4]
    default: v3
  infisical_timeout:
    description:
      - Longest wait for one answer, in seconds.
    type: int
    default: 20
requirements:
  - requests
"""
