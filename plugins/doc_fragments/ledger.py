# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that uses the ledger; the argument spec is C(_options.LEDGER).

    The ledger lives in SSM, so such a module extends the fragment C(aws) as well.
    """

    DOCUMENTATION = r"""
options:
  ledger_prefix:
    description: Path in SSM below which the ledger lives.
    type: str
    required: true
"""
