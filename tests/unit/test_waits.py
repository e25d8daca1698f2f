# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The longest time that the callback runbook shows for what is being waited for."""

from __future__ import annotations

import typing as t
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.raxx.deprovision.plugins.callback.runbook import PREFIX, WAITS, CallbackModule, longest
from jinja2.nativetypes import NativeEnvironment

ROLES = Path(__file__).parents[2] / "roles"
HOSTS = {"raptor": {"app_log_window": 600}}
# By the file of the tasks: what a run of the roles with their own defaults waits for, in seconds.
BOUNDS = {
    "engine_heroku/tasks/read.yml": [600],  # a rotation that is under way
    "engine_heroku/tasks/rotate.yml": [600],
    "rollback/tasks/role_separation.yml": [300, 300],  # the restart
    "step23_distribute/tasks/main.yml": [300],
    "step23_prove_old_dead/tasks/check_one_off.yml": [600],
    "step23_prove_old_dead/tasks/dead.yml": [90 + 5 * 2],  # log-ins that began before, and bursts that proved nothing
    "step23_rotate/tasks/live.yml": [90 + 5 * 2],
    "step4_verify_app/tasks/main.yml": [600 + 60, 300],  # the log window, with the wait for a request
    "step4_verify_app/tasks/smoke.yml": [3 * 300 + 3 * 5],
}


def spec_of(module: str) -> dict[str, t.Any]:
    options: dict[str, t.Any] = import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{module}").SPEC.options
    return options


@pytest.mark.parametrize(("module", "option"), [(name, option) for name in WAITS for group in WAITS[name][1] for option in group])
def test_every_option_that_is_counted_is_one_of_its_module(module: str, option: str) -> None:
    """And has a default, for a task need not name it."""
    assert isinstance(spec_of(module)[option]["default"], (int, float))


def waits_below(node: t.Any) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """The modules that wait in a file of tasks, each with the options that its task gives."""
    for item in node if isinstance(node, list) else []:
        for key, value in item.items() if isinstance(item, dict) else []:
            if key.removeprefix(PREFIX) in WAITS:
                yield key.removeprefix(PREFIX), value
            yield from waits_below(value)


def rendered(role: Path, module: str, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """The counted options of a task, with the defaults of its role."""
    counted = {option for group in WAITS[module][1] for option in group} & given.keys()
    defaults = role / "defaults" / "main.yml"
    variables = yaml.safe_load(defaults.read_text(encoding="utf-8")) if defaults.exists() else {}
    known = {**variables, "hostvars": HOSTS, "step4_verify_app_host": "raptor"}
    return {option: NativeEnvironment().from_string(str(given[option])).render(known) for option in counted}


def test_every_wait_of_the_roles_shows_its_longest_time() -> None:
    found: dict[str, list[float | None]] = {}
    for file in sorted(ROLES.glob("*/tasks/*.yml")):
        for module, given in waits_below(yaml.safe_load(file.read_text(encoding="utf-8"))):
            options = rendered(file.parents[1], module, given)
            found.setdefault(str(file.relative_to(ROLES)), []).append(longest(module, options))
    assert found == BOUNDS


def test_what_is_not_a_number_has_no_longest_time() -> None:
    assert longest("heroku_dyno", {"dyno_timeout": "soon"}) is None


@pytest.mark.parametrize(("action", "bound"), [(f"{PREFIX}smoke_suite", 915.0), ("ansible.builtin.debug", None)])
def test_a_task_that_names_no_time_waits_as_long_as_its_module_does(action: str, bound: float | None) -> None:
    task = SimpleNamespace(_uuid=action, resolved_action=action, args={}, name="A task")
    assert CallbackModule()._wait(SimpleNamespace(name="raptor"), task).bound == bound
