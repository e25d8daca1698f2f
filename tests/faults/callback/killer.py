# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the tasks of a run into C(FAULTS_TASKS), and kills the run when the task number C(FAULTS_KILL_AT) begins."""

from __future__ import annotations

DOCUMENTATION = r"""
name: killer
type: aggregate
short_description: Kill a run at the beginning of a task
description: For tests only.
"""

import os
import signal
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "killer"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._tasks: list[str] = []
        self._kill_at = int(os.environ.get("FAULTS_KILL_AT", "0"))

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._tasks.append(task.get_name())
        if len(self._tasks) == self._kill_at:
            # What runs beside the group are workers; a task that has begun there is carried to its end.
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        Path(os.environ["FAULTS_TASKS"]).write_text("\n".join(self._tasks), encoding="utf-8")
