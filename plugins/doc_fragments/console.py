# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that takes something away from people in Console; the argument spec is C(_options.CONSOLE).

    It includes C(_options.DATABASE), so such a module extends the fragments C(database) and C(heroku) as well.
    """

    DOCUMENTATION = r"""
options:
  emails:
    description: Email addresses of the people. Capitals and small letters are the same.
    type: list
    elements: str
    required: true
  missing_ok:
    description:
      - Whether an address that Console does not know is accepted.
      - The default is to fail before anything is changed, naming addresses that look alike.
    type: bool
    default: false
"""
