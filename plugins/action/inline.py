# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from importlib import import_module

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.raxx.deprovision.plugins.module_utils._module import Run, Spec, execute


class ActionModule(ActionBase):
    """Runs the modules of this collection inside the worker process; C(meta/runtime.yml) sends every one of them here.

    An ordinary module task packs itself, starts an interpreter and imports its libraries each time; inline the same C(run)
    is called with the same validated parameters, in about a tenth of the time, and no parameter ever touches a temporary
    file. Where that is not possible (a connection other than local, a task with its own environment, an asynchronous task)
    the module is executed the ordinary way.
    """

    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        if not self._can_run_inline():
            return t.cast("dict[str, t.Any]", self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        name = self._task.resolved_action.rpartition(".")[2]
        module = import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{name}")
        spec: Spec = module.SPEC
        run: Run = module.run
        validated, params = self.validate_argument_spec(**spec.arguments())
        secrets = set(validated._no_log_values)
        result = execute(spec, run, params, bool(self._task.check_mode), secrets)
        # As AnsibleModule does: show the arguments at high verbosity, and no value of a no_log option anywhere.
        result["invocation"] = {"module_args": params}
        return t.cast("dict[str, t.Any]", remove_values(result, secrets))

    def _can_run_inline(self) -> bool:
        return (
            self._connection.transport in ("local", "ansible.builtin.local")
            and not self._task.async_val
            and not any(self._task.environment or [])
            and not self._play_context.become
        )
