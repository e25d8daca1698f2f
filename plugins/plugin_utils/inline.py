# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import functools
import gc
import json
import typing as t
from datetime import date
from importlib import import_module
from importlib.util import find_spec

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, lookup_loader, test_loader
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._in_charge import watched
from ansible_collections.raxx.deprovision.plugins.module_utils._module import (
    HIDDEN,
    HIDDEN_BY_ACTION,
    Result,
    Run,
    Spec,
    execute,
    searchable,
    shown,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS

# The controller evaluates no expression, so without this each worker would read anew what nearly all of them use.
filter_loader.get("ansible.builtin.default")
test_loader.get("ansible.builtin.defined")
lookup_loader.get("ansible.builtin.env", class_only=True)
lookup_loader.get("ansible.builtin.vars", class_only=True)
import_module("ansible_collections.raxx.deprovision.plugins.filter.run_data")


# What playbooks/attest.yml says, too. Its tasks can be skipped (--start-at-task, --skip-tags), this cannot.
NO_REHEARSAL = DeprovisionError(
    "invalid_input",
    "Nothing was changed. A rehearsal is a check run.",
    next_step="run the same command again with --check.",
)

NOT_WATCHED = DeprovisionError(
    "invalid_input",
    "Nothing was changed by this task. Within a run that has a lease or a journal, each write is noted first, and made only "
    "while the run is in charge; that takes a task inside Ansible's own process.",
    next_step="Run the same command again without --become; no task may have an environment, or a connection other than local.",
)


def _is_no_rehearsal(task_vars: t.Mapping[str, t.Any]) -> bool:
    """Whether a module was called in a rehearsal that is no check run (S5)."""
    return boolean(task_vars.get("rehearsal", False), strict=False) and not task_vars.get("ansible_check_mode")


def _refused(error: DeprovisionError) -> Result:
    return {"failed": True, "changed": False, "msg": error.as_text(), "failure": error.as_failure()}


def _as_text(value: t.Any) -> str:
    """A date that YAML has read as one, as an ordinary module gets it."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is no value of an option")


def inline_action(name: str) -> type[InlineAction]:
    """The action plugin of the module C(name).

    The controller loads an action plugin before it forks workers for its tasks, so they inherit the module and its libraries;
    only the modules that a play uses are loaded.
    """
    module = import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{name}")
    if "boto3" in module.SPEC.libraries and find_spec("boto3"):
        _warm_up_aws()
    # What is there by now stays. A collector that went through it in a worker would copy the memory that it shares with us.
    gc.freeze()
    return type("ActionModule", (InlineAction,), {"spec": module.SPEC, "module_run": staticmethod(module.run), "name": name})


@functools.cache
def _warm_up_aws() -> None:
    """Makes the client that most tasks use, with the defaults of their options; a task with others makes its own."""
    ssm = import_module("ansible_collections.raxx.deprovision.plugins.module_utils._ssm")
    ssm.api_descriptions()
    params = ArgumentSpecValidator(AWS.options).validate({}).validated_parameters
    with contextlib.suppress(DeprovisionError):
        ssm.from_params(params)


class InlineAction(ActionBase):
    """Runs a module of this collection inside the worker process.

    An ordinary module task packs itself, starts an interpreter and imports its libraries each time; inline the same C(run)
    is called with the same validated parameters, in about a tenth of the time, and no parameter ever touches a temporary
    file. Where that is not possible (a connection other than local, a task with its own environment or with become) the
    module is executed the ordinary way, unless it belongs to a run whose writes are watched. Asynchronous tasks are refused:
    their result would pass by this plugin, which is what keeps a secret in it from being shown.
    """

    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    spec: Spec
    module_run: Run
    name: str

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        super().run(tmp, task_vars)
        if _is_no_rehearsal(task_vars or {}):
            return _refused(NO_REHEARSAL)
        in_charge = self._run_in_charge(task_vars or {})
        if self._can_run_inline():
            with watched(in_charge, self.name, str((task_vars or {}).get("inventory_hostname", ""))):
                return self._run_inline(self.spec, self.module_run)
        if self._is_watched(in_charge):
            return _refused(NOT_WATCHED)
        result: Result = self._execute_module(task_vars=task_vars)
        if result.pop(HIDDEN_BY_ACTION, False):
            result[HIDDEN] = True
        return result

    def _run_in_charge(self, task_vars: dict[str, t.Any]) -> Result:
        """The result of M(raxx.deprovision.deprovision_run) in this run, without the types of Ansible's own."""
        run: Result = {} if self._task.check_mode else json.loads(json.dumps(task_vars.get("prerequisites_run") or {}))
        return run

    def _is_watched(self, in_charge: Result) -> bool:
        """Whether this task belongs to a run that has a lease or a journal, or begins one that may have them."""
        begins = self.name == "deprovision_run" and not self._task.check_mode
        return begins or bool(in_charge.get("lease") or in_charge.get("journal"))

    def _can_run_inline(self) -> bool:
        return (
            self._connection.transport in ("local", "ansible.builtin.local")
            and not any(self._task.environment or [])
            and not self._play_context.become
        )

    def _run_inline(self, spec: Spec, run: Run) -> Result:
        """What C(AnsibleModule) and C(_module.run_module) do, without leaving the process."""
        validated = ArgumentSpecValidator(**spec.arguments()).validate(self._task.args)
        secrets = searchable(validated._no_log_values)
        # Plain values only: Ansible's own string and dictionary types mean nothing to the libraries that get them.
        params: Result = json.loads(json.dumps(validated.validated_parameters, default=_as_text))
        if validated.error_messages:
            problem = (
                f"Unsupported parameters for ({self._task.resolved_action}) module: " if validated.unsupported_parameters else ""
            )
            result: Result = {"failed": True, "msg": problem + validated.errors.msg}
        else:
            result = execute(spec, run, params, bool(self._task.check_mode), secrets)
        result["invocation"] = {"module_args": shown(spec, params)}
        return t.cast("Result", remove_values(result, secrets))
