# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world of a case: secrets that are hard to hide and to quote, and little waiting."""

from __future__ import annotations

import typing as t

import yaml

from tests.e2e.world import ROOT

ODD = "'\"%@/\\ é"
ODD_HEADER = "'\"%@/\\"  # what an HTTP header takes


def hostile() -> dict[str, t.Any]:
    """What is laid over the default seed."""
    seed = yaml.safe_load((ROOT / "sandbox" / "seeds" / "default.yml").read_text(encoding="utf-8"))
    addons, apps = seed["heroku"]["addons"], seed["heroku"]["apps"]
    for addon in addons:
        for number, credential in enumerate(addon["credentials"]):
            credential["password"] = f"planted{addon['database']}{number}{ODD}end"
    apps[1]["config"]["SECRET_KEY_BASE"] = f"planted-key-base{ODD}end"
    return {
        "heroku": {
            "token": f"HRKU-planted{ODD_HEADER}end",
            "new_password_tail": ODD,
            "addons": addons,
            "apps": apps,
            "timings": {"enable_delay": 0.1, "settle_delay": 0.1, "restart_seconds": 0.2, "poll_seconds": 0.05},
        },
        "infisical": {"client_secret": f"planted-client-secret{ODD}end"},
        "freescout": {"api_key": f"planted-api-key{ODD_HEADER}end"},
        "aws": {"secret_access_key": f"planted-aws-key{ODD_HEADER} end"},
    }
