# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that works in PostgreSQL; the argument spec is C(_options.DATABASE).

    It includes C(_options.HEROKU), so such a module extends the fragment C(heroku) as well.
    """

    DOCUMENTATION = r"""
options:
  database_url:
    description:
      - Connection URL of the database.
      - Exactly one of O(database_url) and O(heroku_app) must be given.
    type: str
  heroku_app:
    description:
      - The Heroku app whose config holds the connection URL. It is read when the module runs, and shown nowhere.
    type: str
  heroku_config_var:
    description:
      - Name of the config var of O(heroku_app) that holds the connection URL.
    type: str
    default: DATABASE_URL
  database_timeout:
    description:
      - Longest wait for a connection, for a lock and for one statement, in seconds each.
    type: int
    default: 10
requirements:
  - psycopg2
"""
