# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Option groups that several modules share. Each group is documented by the doc fragment of the same name."""

from __future__ import annotations

from ansible.module_utils.basic import env_fallback
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Spec

# doc fragment: heroku
HEROKU = Spec(
    options={
        "heroku_api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["HEROKU_API_KEY"])},
        "heroku_api_url": {
            "type": "str",
            "fallback": (env_fallback, ["HEROKU_API_URL"]),
            "default": "https://api.heroku.com",
        },
        "heroku_data_url": {
            "type": "str",
            "fallback": (env_fallback, ["HEROKU_DATA_URL"]),
            "default": "https://api.data.heroku.com",
        },
        "heroku_timeout": {"type": "int", "default": 20},
    },
    libraries=("requests",),
)

# doc fragment: infisical
INFISICAL = Spec(
    options={
        "infisical_url": {"type": "str", "required": True, "fallback": (env_fallback, ["INFISICAL_URL"])},
        "infisical_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["INFISICAL_TOKEN"])},
        "infisical_token_file": {
            "type": "path",
            "no_log": False,
            "fallback": (env_fallback, ["INFISICAL_TOKEN_FILE"]),
            "default": "~/.raxx-vault-token",
        },
        "infisical_client_id": {"type": "str", "fallback": (env_fallback, ["INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"])},
        "infisical_client_secret": {
            "type": "str",
            "no_log": True,
            "fallback": (env_fallback, ["INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET"]),
        },
        "infisical_api_version": {"type": "str", "choices": ["v3", "v4"], "default": "v3"},
        "infisical_timeout": {"type": "int", "default": 20},
    },
    libraries=("requests",),
    required_together=[["infisical_client_id", "infisical_client_secret"]],
)

# doc fragment: signing
SIGNING = Spec(
    options={
        "signing_key_file": {
            "type": "path",
            "no_log": False,
            "fallback": (env_fallback, ["DEPROVISION_SIGNING_KEY_FILE"]),
        },
    },
)

# doc fragment: aws
AWS = Spec(
    options={
        "aws_region": {"type": "str", "fallback": (env_fallback, ["AWS_REGION", "AWS_DEFAULT_REGION"]), "default": "us-east-1"},
        "aws_endpoint_url": {"type": "str", "fallback": (env_fallback, ["AWS_ENDPOINT_URL"])},
        "aws_profile": {"type": "str", "fallback": (env_fallback, ["AWS_PROFILE"])},
        "aws_timeout": {"type": "int", "default": 10},
    },
    libraries=("boto3",),
)

# doc fragment: freescout
FREESCOUT = Spec(
    options={
        "freescout_url": {"type": "str", "required": True, "fallback": (env_fallback, ["FREESCOUT_URL"])},
        "freescout_api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["FREESCOUT_API_KEY"])},
        "freescout_timeout": {"type": "int", "default": 20},
    },
    libraries=("requests",),
)

# doc fragment: database. Where a module works in PostgreSQL: the URL itself, or the Heroku app whose config var holds it.
DATABASE = HEROKU + Spec(
    options={
        "database_url": {"type": "str", "no_log": True},
        "heroku_app": {"type": "str"},
        "heroku_config_var": {"type": "str", "default": "DATABASE_URL"},
        "database_timeout": {"type": "int", "default": 10},
    },
    libraries=("requests", "psycopg2"),
    mutually_exclusive=[["database_url", "heroku_app"]],
    required_one_of=[["database_url", "heroku_app"]],
)

# doc fragment: console. Whose access to Console is taken away.
CONSOLE = DATABASE + Spec(
    options={
        "emails": {"type": "list", "elements": "str", "required": True},
        "missing_ok": {"type": "bool", "default": False},
    }
)

# doc fragment: ledger
LEDGER = Spec(options={"ledger_prefix": {"type": "str", "required": True}})
