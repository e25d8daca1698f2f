# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: runbook
type: stdout
short_description: Show a deprovisioning run as the checklist of the runbook
version_added: 0.1.0
author:
  - Raxx platform team (@raxx)
description:
  - On a terminal, shows the steps as a list that is kept up to date, with the time that has passed, the time that is left of the
    four hours, and what is being waited for with the longest time that this may take.
  - Without a terminal (a pipe, a CI job), or if E(TERM) is V(dumb), writes one line when something begins, is reached, or ends.
  - A failure is shown as what happened and what to do next, at once.
  - With C(-v) and more everything is shown as by C(ansible.builtin.default).
  - Colours are those of Ansible, and E(NO_COLOR) and E(ANSIBLE_NOCOLOR) switch them off.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout in configuration
seealso:
  - plugin: raxx.deprovision.verdict
    plugin_type: callback
"""

import atexit
import math
import sys
import textwrap
import threading
import time
import typing as t
from datetime import datetime, timezone
from importlib import import_module

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.template import Templar
from ansible.utils.color import stringc
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import split_code
from ansible_collections.raxx.deprovision.plugins.plugin_utils import checklist as view
from ansible_collections.raxx.deprovision.plugins.plugin_utils.screen import Screen

PREFIX = "raxx.deprovision."
VERDICT = f"{PREFIX}verdict"
RESULT = f"{PREFIX}deprovision_result"
EVENT = f"{PREFIX}deprovision_event"
LEDGER = f"{PREFIX}deprovision_ledger"
SESSIONS = f"{PREFIX}console_sessions"
# What looks at the end state of a row itself.
FINISHERS = {f"{PREFIX}console_memberships": "1a", SESSIONS: "1b"}
INCLUDES = ("ansible.builtin.include_role", "ansible.builtin.import_role", "include_role", "import_role")
DEBUG = "ansible.builtin.debug"
PAUSE = "ansible.builtin.pause"
SET_FACT = "ansible.builtin.set_fact"

# The log window is open since the restart, and not only since the task began.
LOG_WATCH = "heroku_log_watch"
SINCE = "since"

# What a module waits for, and the longest time: options that are added up, or multiplied where several are in one place. One that
# its task does not name has the module's own default.
WAITS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "heroku_pg_credential": ("the rotation settles", (("settle_timeout",),)),
    "heroku_config": ("every dyno restarts", (("wait_timeout",),)),
    "heroku_dyno": ("one-off dyno", (("dyno_timeout",),)),
    "heroku_log_watch": ("log window", (("window",), ("quiet_wait",))),
    "smoke_suite": ("smoke suite", (("timeout", "attempts"), ("delay", "attempts"))),
    "pg_credential_proof": (
        "the old one is refused, its sessions end",
        (("authentication_timeout_max",), ("attempt_delay", "attempts")),
    ),
}
# Ansible's constants are its configuration, which no type checker knows.
SETTINGS: t.Any = constants
COLOURS = {
    view.PLAIN: None,
    view.GOOD: SETTINGS.COLOR_OK,
    view.BUSY: SETTINGS.COLOR_CHANGED,
    view.BAD: SETTINGS.COLOR_ERROR,
    view.FAINT: SETTINGS.COLOR_SKIP,
    view.WARN: SETTINGS.COLOR_WARN,
    view.NEXT: SETTINGS.COLOR_HIGHLIGHT,
}
# A task that is skipped is over sooner, so what lasts longer has begun the step that it belongs to.
BEGUN_AFTER = 0.3
# Without a terminal: seconds after which a wait is said, and between two lines of the same wait.
SAY_AFTER = 10.0
SAY_EVERY = 60.0


class CallbackModule(Default):
    """Tells L(view.Checklist) what happens, and shows it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "raxx.deprovision.runbook"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._list = view.Checklist(time.monotonic())
        self._lock = self._display._lock  # for the list too, so that there is no order in which locks could be taken
        self._screen: Screen | None = None
        self._end = threading.Event()
        self._said: dict[t.Hashable, float] = {}
        self._current_play: t.Any = None
        self._verdict = ""
        self._hidden: set[tuple[str, str]] = set()
        self._failed_items: set[tuple[str, str]] = set()
        # By host: where it is now, and which of the steps 2 and 3 a credential is.
        self._rows: dict[str, str] = {}
        self._steps: dict[str, str] = {}
        self._actions: dict[str, str] = {}
        self._shown = False
        self._checked = False
        if self._display.verbosity:
            for name in [name for name in vars(CallbackModule) if name.startswith("v2_")]:
                setattr(self, name, getattr(super(), name))

    # -- the beginning and the end

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        self._list.use(role for play in playbook.get_plays() for block in play.compile() for role in _roles(block))
        if Screen.possible(sys.stdout):
            self._screen = Screen(self._live, self._lock)
            self._screen.start()
        else:
            threading.Thread(target=self._heartbeat, name="runbook", daemon=True).start()
        # A run that is interrupted has no statistics.
        atexit.register(self._stop, keep=True)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        now = time.monotonic()
        with self._lock:
            self._changed_rows(self._list.end(now))
        self._stop(keep=bool(self._list.rows) and not self._shown)
        hosts = {name: stats.summarize(name) for name in sorted(stats.processed)}
        changed = sum(entry["changed"] for entry in hosts.values())
        failed = [name for name, entry in hosts.items() if entry["failures"] or entry["unreachable"] or entry["rescued"]]
        changes = "changes to be made" if self._checked else "changes"
        took = view.clock(now - self._list.began)
        what = f"failed: {', '.join(failed)}" if failed else "nothing failed"
        self._say(f"\n{len(hosts)} systems, {changed} {changes}, {what}; {took}", view.BAD if failed else view.GOOD)

    def _stop(self, *, keep: bool) -> None:
        self._end.set()
        if self._screen:
            self._screen.stop(keep=keep)
            self._screen = None

    # -- what begins

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        self._current_play = play
        self._checked = bool(play.check_mode)
        if not self._list.rows:
            self._say(str(play.get_name()).strip())

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        """Tasks are shown when they end, or while they last."""

    def v2_playbook_on_handler_task_start(self, task: t.Any) -> None:
        """As other tasks."""

    def v2_playbook_on_include(self, included_file: t.Any) -> None:
        """What is included is shown by its tasks."""

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        if self._action(task) == PAUSE and self._screen:
            self._screen.hold(on=True)
        role = _outermost_role(task)
        wait = self._wait(host, task)
        with self._lock:
            wait.row = self._rows[host.name] = self._row(role, host, task)
            # What is handed out belongs to both credentials, and may be nothing.
            wait.begins = self._action(task).startswith(PREFIX) and role != "step23_distribute"
            self._list.waits[host.name, task._uuid] = wait

    def _wait(self, host: t.Any, task: t.Any) -> view.Wait:
        name = self._action(task).removeprefix(PREFIX)
        what, bounds = WAITS.get(name, (task.name or name, ()))
        options = self._arguments(host, task, {SINCE, *(name for names in bounds for name in names)}) if bounds else {}
        # What Ansible does itself is not worth a line, unless it lasts.
        shown_after = 0.0 if name != self._action(task) else 1.0
        began = time.monotonic() - (_age(options.get(SINCE)) if name == LOG_WATCH else 0.0)
        bound = longest(name, options) if bounds else None
        return view.Wait(host.name, what, began, bound=bound, shown_after=shown_after)

    def _arguments(self, host: t.Any, task: t.Any, names: t.Iterable[str]) -> dict[str, t.Any]:
        """Some options of a task that is about to begin: modules run in other processes, which tell nothing before their end."""
        given = {name: task.args[name] for name in names if name in task.args}
        if not given:
            return {}
        manager = self._current_play.get_variable_manager()
        templar = Templar(loader=manager._loader, variables=manager.get_vars(play=self._current_play, host=host, task=task))
        try:
            return {name: templar.template(value) for name, value in given.items()}
        except AnsibleError:  # then the task itself will say so
            return {}

    def _action(self, task: t.Any) -> str:
        """The full name of a task's action; Ansible looks it up anew each time that it is asked."""
        if task._uuid not in self._actions:
            self._actions[task._uuid] = str(task.resolved_action)
        return self._actions[task._uuid]

    def _row(self, role: str, host: t.Any, task: t.Any) -> str:
        rows = view.ROWS_OF_ROLE.get(role, ("",))
        if role == "step1_lock_out":
            return "1b" if self._action(task) == SESSIONS or self._rows.get(host.name) == "1b" else "1a"
        if host.name not in self._steps:
            self._steps[host.name] = str(host.get_vars().get("credential_step", ""))
        step = self._steps[host.name]
        return step if step in rows else rows[0]

    # -- what ends

    def v2_runner_on_ok(self, result: t.Any) -> None:
        row = self._over(result)
        answer, action = result.result, self._action(result.task)
        self._handle_warnings(answer)
        if action in FINISHERS and not result.task.check_mode and not self._checked:
            self._finish(FINISHERS[action])
        if action == EVENT:
            self._event(answer.get("events") or [])
            self._finish("P")
        elif action == LEDGER and not answer.get("results"):
            self._milestones(row, result.host.name, answer)
        elif action == RESULT and answer.get("paths"):
            self._verdict = str(answer.get("verdict", ""))
        elif action == SET_FACT and "failure_record" in answer.get("ansible_facts", {}):
            self._failure_record(result, answer["ansible_facts"]["failure_record"])
        elif action == DEBUG and "msg" in answer and not _hidden(answer):
            self._message(str(answer["msg"]), row)
        if not self._list.rows and answer.get("changed"):
            self._say(f"  changed  {result.host.name}: {result.task.name}", view.BUSY)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self._handle_warnings(result.result)
        if self._action(result.task) == LEDGER:
            item = result.result.get("item")
            about = item.get("credential") if isinstance(item, dict) else item
            self._milestones(self._rows.get(result.host.name, ""), str(about or result.host.name), result.result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._over(result, skipped=True)
        self._handle_warnings(result.result)

    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        """Nothing was done."""

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        row = self._over(result)
        self._handle_warnings(result.result)
        if ignore_errors:
            self._say(f"  ignored  {result.host.name}: {result.task.name}: {_one_line(result.result)}", view.WARN)
            return
        with self._lock:
            self._list.fail(row, time.monotonic())
        if self._verdict and result.result.get("msg") == self._verdict and VERDICT in SETTINGS.CALLBACKS_ENABLED:
            return  # it is the last line of the run
        if (result.host.name, result.task._uuid) not in self._failed_items:
            self._failure(result, row, "FAILED")

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        self._handle_warnings(result.result)
        self._failed_items.add((result.host.name, result.task._uuid))
        self._failure(result, self._rows.get(result.host.name, ""), "FAILED")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        row = self._over(result)
        with self._lock:
            self._list.fail(row, time.monotonic())
        self._failure(result, row, "UNREACHABLE")

    def _over(self, result: t.Any, *, skipped: bool = False) -> str:
        """A task has ended. Returns its row."""
        if self._action(result.task) == PAUSE and self._screen:
            self._screen.hold(on=False)
        with self._lock:
            wait = self._list.waits.pop((result.host.name, result.task._uuid), None)
            if wait and not skipped:
                self._begin(wait)
            self._said.pop((result.host.name, result.task._uuid), None)
        return wait.row if wait else self._rows.get(result.host.name, "")

    def _begin(self, wait: view.Wait) -> None:
        if wait.begins:
            wait.begins = False
            self._changed_rows(self._list.begin(wait.row, time.monotonic()))

    def _begin_what_lasts(self) -> None:
        now = time.monotonic()
        for wait in self._list.waits.values():
            if now - wait.since >= BEGUN_AFTER:
                self._begin(wait)

    def _finish(self, row: str) -> None:
        with self._lock:
            self._changed_rows(self._list.finish(row, time.monotonic()))

    def _changed_rows(self, names: t.Iterable[str]) -> None:
        for name in names:
            line, kind = view.short(name, self._list.rows[name])
            self._event_line(line, kind)

    def _milestones(self, row: str, host: str, answer: t.Mapping[str, t.Any]) -> None:
        """The facts that the ledger holds now. The last part of a name says which thing of several it is about."""
        if row in ("2", "3"):
            row = self._steps.get(host, row)
        of_people = [name for event in answer.get("events") or [] for name in event["facts"]]
        for name in dict.fromkeys([*(answer.get("facts") or {}), *of_people]):
            fact = str(name).partition("-")[0].rstrip("0123456789")
            with self._lock:
                words, finished = self._list.note(row, host, fact, time.monotonic())
            if words:
                self._event_line(f"       {host}: {words}", view.WARN if words.isupper() else view.PLAIN)
            self._changed_rows(finished)

    def _event(self, events: t.Sequence[t.Mapping[str, t.Any]]) -> None:
        if not events:
            return
        first, more = events[0], f" and {len(events) - 1} more" if len(events) > 1 else ""
        check = "   CHECK RUN, nothing is changed" if self._checked else ""
        open_ones = [str(event["deadline"]) for event in events if not event.get("closed")]
        known = self._list.title
        with self._lock:
            self._list.title = f"{first['event']}  {first['email']}{more}{check}"
            if open_ones:
                deadline = datetime.fromisoformat(min(open_ones).replace("Z", "+00:00"))
                self._list.deadline = time.monotonic() + (deadline - datetime.now(timezone.utc)).total_seconds()
                self._list.deadline_text = f"{deadline:%H:%M} UTC"
            said = "; ".join(view.text(line) for line in view.header(self._list, time.monotonic()))
        if self._list.title != known:
            self._event_line(said)

    # -- what is said

    def _message(self, words: str, row: str) -> None:
        """The message of a debug task, whole; on a terminal broken where the screen ends.

        Where an operator watches, prerequisites that are met are only counted.
        """
        lines = words.splitlines()
        self._shown = self._shown or bool(self._verdict)
        self._say("")
        if self._screen and row == "P":
            met = [line for line in lines if line.startswith("ok ")]
            lines = [line for line in lines if line not in met]
            self._say(f"ok  {len(met)} prerequisites are met (-v shows them)", view.GOOD)
        for line in lines:
            kinds = {"[x]": view.GOOD, "[ ]": view.WARN, "ok ": view.GOOD, "NO ": view.BAD, "?? ": view.WARN, "!! ": view.WARN}
            self._say(self._wrapped(line), kinds.get(line[:3], view.PLAIN))

    def _failure(self, result: t.Any, row: str, word: str) -> None:
        answer = result.result
        where = f"step {row}, {result.host.name}" if row[:1].isdecimal() else result.host.name
        self._say(f"\n{word}  {where}: {result.task.name}", view.BAD)
        if _hidden(answer):
            self._hidden.add((result.host.name, result.task.name))
            self._say("  What it says may hold a secret and is not shown.", view.BAD)
            return
        failure = answer.get("failure") or {}
        self._explain(_one_line(answer), str(failure.get("next_step") or ""), str(failure.get("code") or ""))

    def _failure_record(self, result: t.Any, record: t.Mapping[str, t.Any]) -> None:
        """What the playbook keeps of a failure, which never is a secret. Said if the failure itself was not."""
        key = (result.host.name, str(record.get("task", "")))
        if key in self._hidden:
            self._hidden.discard(key)
            self._explain(str(record.get("message", "")), "", str(record.get("code") or ""))

    def _explain(self, message: str, next_step: str, code: str) -> None:
        """What happened and what to do next; a message of the collection has both, and the code at its end."""
        message, written = split_code(message)
        code = written or code
        head, given, tail = message.rpartition(" Next: ")
        what, next_step = (head, tail) if given else (message, next_step)
        self._say(self._wrapped(f"  What  {what}"))
        if next_step:
            self._say(self._wrapped(f"  Next  {next_step}"), view.NEXT)
        if code:
            self._say(f"  Code  {code} (docs/operations.md)")

    def _wrapped(self, line: str) -> str:
        if not self._screen:
            return line
        width = self._screen.columns
        if len(line) <= width:
            return line
        margin = " " * (8 if line.startswith("  ") else 7)
        return "\n".join(textwrap.wrap(line, width, subsequent_indent=margin, drop_whitespace=True, break_on_hyphens=False))

    def _event_line(self, line: str, kind: str = view.PLAIN) -> None:
        """Something that a live list shows by itself."""
        if not self._screen and self._list.rows:
            self._say(f"{view.clock(time.monotonic() - self._list.began):>7}  {line}", kind)

    def _say(self, line: str, kind: str = view.PLAIN) -> None:
        self._display.display(line, color=COLOURS[kind])
        if not self._screen:
            sys.stdout.flush()

    def _live(self, columns: int, rows: int) -> tuple[list[str], list[int]]:
        with self._lock:
            self._begin_what_lasts()
            found = view.lines(self._list, time.monotonic(), columns, rows - 1)
        painted = ["".join(stringc(piece, COLOURS[kind]) if COLOURS[kind] else piece for piece, kind in line) for line in found]
        # A blank line keeps what is above apart.
        return ["", *painted], [0, *(len(view.text(line)) for line in found)]

    def _heartbeat(self) -> None:
        """Without a terminal: what lasts long is said, so that nobody thinks the run hangs."""
        while not self._end.wait(BEGUN_AFTER):
            now = time.monotonic()
            with self._lock:
                self._begin_what_lasts()
                due = [
                    (key, wait)
                    for key, wait in self._list.waits.items()
                    if now - wait.since >= SAY_AFTER and now - self._said.get(key, 0) >= SAY_EVERY
                ]
                for key, _wait in due:
                    self._said[key] = now
            for _key, wait in due:
                self._say(f"{view.clock(now - self._list.began):>7}         {wait.words(now)}")


def longest(module: str, given: t.Mapping[str, t.Any]) -> float | None:
    """The longest time that a module waits with the options that are C(given), in seconds; V(None) if they are no numbers."""
    # The controller has it by then: the action plugin of the module has loaded it.
    options = import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{module}").SPEC.options
    try:
        return sum(math.prod(float(given.get(name, options[name]["default"])) for name in names) for names in WAITS[module][1])
    except (TypeError, ValueError):
        return None


def _roles(block: t.Any) -> t.Iterator[str]:
    """The roles of a block as it is written; what is included by a role belongs to that role."""
    for part in (*block.block, *block.rescue, *block.always):
        if hasattr(part, "block"):
            yield from _roles(part)
        else:
            yield _outermost_role(part)


def _outermost_role(task: t.Any) -> str:
    """The role for which the task is done, without the collection's name; empty if there is none."""
    found, place = "", task
    while place is not None:
        if getattr(place, "_role", None):
            found = place._role.get_name()
        place = getattr(place, "_parent", None)
    if not found and task.action in INCLUDES:
        found = str(task.args.get("name", ""))
    return found.rpartition(".")[2]


def _age(moment: t.Any) -> float:
    """Seconds since a moment that is written as RFC 3339; 0 if it is not."""
    try:
        return max((datetime.now(timezone.utc) - datetime.fromisoformat(str(moment).replace("Z", "+00:00"))).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _hidden(answer: t.Mapping[str, t.Any]) -> bool:
    return "censored" in answer or bool(answer.get("_ansible_no_log"))


def _one_line(answer: t.Mapping[str, t.Any]) -> str:
    """The message of a result, and nothing else of it."""
    if _hidden(answer):
        return "what it says may hold a secret and is not shown"
    return " ".join(str(answer.get("msg") or answer.get("reason") or "no message").split())
