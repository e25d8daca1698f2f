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

from .contract import breaches, watched_writes
from .ledger_world import store  # noqa: F401  # pylint: disable=unused-import  # a fixture
from .sql_script import sql  # noqa: F401  # pylint: disable=unused-import  # a fixture

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
    """Runs a module and holds what it did and printed against the contract of all modules (contract.py)."""

    def run(module: str, params: dict[str, t.Any], *, check: bool = False) -> Outcome:
        loaded = import_module(f"{COLLECTION}.modules.{module}")
        args = {**params, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(args), pytest.raises(SystemExit), watched_writes() as writes:
            loaded.main()
        text = capsys.readouterr().out
        outcome = Outcome(json.loads(text.strip().splitlines()[-1]), text)
        assert not breaches(loaded, params, check, outcome.result, text, writes)
        RUNS.setdefault(module, set()).update(_kinds(outcome, check))
        return outcome

    return run


# What kinds of runs the tests of each module made so far.
RUNS: dict[str, set[str]] = {}


def _kinds(outcome: Outcome, check: bool) -> set[str]:
    if outcome.failed:
        return {"failed"}
    return {f"{'check mode, ' if check else ''}{'changed' if outcome.result['changed'] else 'unchanged'}"}


@pytest.fixture(autouse=True, scope="module")
def every_kind_of_run(request: pytest.FixtureRequest) -> t.Iterator[None]:
    """The tests of a module, when they run as a whole, hold a failure, a check mode run, and whatever its attributes promise."""
    yield
    name = request.node.path.stem.removeprefix("test_")
    chosen = request.config.getoption("keyword") or request.config.getoption("markexpr") or request.config.getoption("lf", False)
    if name not in RUNS or chosen or any("::" in argument for argument in request.config.args):
        return
    worker = getattr(request.config, "workerinput", None)
    if worker and "loadfile" not in worker["mainargv"]:
        return  # the tests of this file are spread over several processes
    module = import_module(f"{COLLECTION}.modules.{name}")
    only_reads = "attributes.read_only" in module.DOCUMENTATION
    wanted = {"failed", "unchanged"} if only_reads else {"failed", "changed", "check mode, changed"}
    if "attributes.state" in module.DOCUMENTATION:
        wanted.add("unchanged")
    missing = wanted - RUNS[name]
    assert not missing, f"test_{name}.py has no run of these kinds: {sorted(missing)}"


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
