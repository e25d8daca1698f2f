# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the real main() of a module against a script of expected calls."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from importlib import import_module

import pytest
import responses
from ansible.module_utils.testing import patch_module_args
from responses.registries import OrderedRegistry

COLLECTION = "ansible_collections.raxx.deprovision.plugins"


@dataclass(frozen=True)
class Outcome:
    """What a module printed: C(result) decoded, and C(text) as it was written to standard output."""

    result: dict[str, t.Any]
    text: str

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def code(self) -> str:
        return str(self.result["failure"]["code"])


ModuleRunner = t.Callable[..., Outcome]


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    def run(module: str, params: dict[str, t.Any], *, check: bool = False) -> Outcome:
        loaded = import_module(f"{COLLECTION}.modules.{module}")
        args = {**params, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(args), pytest.raises(SystemExit):
            loaded.main()
        text = capsys.readouterr().out
        return Outcome(json.loads(text.strip().splitlines()[-1]), text)

    return run


@pytest.fixture
def script() -> t.Iterator[responses.RequestsMock]:
    """The HTTP calls that are expected, in this order; any other, missing or misplaced call fails the test."""
    with responses.RequestsMock(assert_all_requests_are_fired=True, registry=OrderedRegistry) as calls:
        yield calls


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: t.Any) -> None:
    """A test sees the credentials that it sets, and no others."""
    for name in (
        "HEROKU_API_KEY", "HEROKU_API_URL", "HEROKU_DATA_URL", "HEROKU_CA_PATH", "INFISICAL_TOKEN", "INFISICAL_TOKEN_FILE",
        "INFISICAL_URL", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", "FREESCOUT_URL",
        "FREESCOUT_API_KEY", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
