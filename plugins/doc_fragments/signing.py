# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option of every module that needs the key of the evidence; the argument spec is C(_options.SIGNING)."""

    DOCUMENTATION = r"""
options:
  signing_key_file:
    description:
      - PEM file with the Ed25519 key that evidence is signed with, without a passphrase. Needs the Python library cryptography.
      - The environment variable E(DEPROVISION_SIGNING_KEY_FILE) is used if this is not given. Without either, evidence is not
        signed, and says so.
    type: path
"""
