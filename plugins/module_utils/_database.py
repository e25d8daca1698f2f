# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Where the connection URL of a database comes from: an option, or the config of a Heroku app."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, HerokuClient


def database_url(params: t.Mapping[str, t.Any]) -> str:
    """The URL that the options of L(_options.DATABASE) name."""
    if params["database_url"]:
        return str(params["database_url"])
    return url_from_config(HerokuClient.from_params(params), params["heroku_app"], params["heroku_config_var"])


def url_from_config(client: HerokuClient, app: str, config_var: str) -> str:
    """The value of a config var. Raises C(not_found) if the app has no such var."""
    url = client.config_vars(app).get(config_var)
    if not url:
        raise DeprovisionError("not_found", f"App {app} has no config var {config_var}.", system=SYSTEM)
    return url
