# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin: the same module inside the worker and as an ordinary one, told apart by nothing but its speed (I10)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.plugin_utils import inline

ROOT = Path(__file__).parents[2]

# A module of this collection as far as Ansible can tell; it answers with what reached it.
PROBE = """
#!/usr/bin/python
from __future__ import annotations

import os

from ansible_collections.raxx.deprovision.plugins.module_utils._module import Spec, run_module

SPEC = Spec(
    options={
        "token": {"type": "str", "no_log": True, "required": True},
        "settings": {"type": "dict", "no_log": True},
        "name": {"type": "str"},
        "number": {"type": "int"},
        "people": {"type": "list", "elements": "dict"},
        "hide": {"type": "bool", "default": False},
        "fail": {"type": "bool", "default": False},
    }
)


def kinds(value):
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return type(value).__module__ + "." + type(value).__name__


def run(params, check_mode):
    if params["fail"]:
        raise RuntimeError(params["token"])
    return {
        "changed": True,
        "inline": __name__ != "__main__",
        "check": check_mode,
        "name": params["name"],
        "until": [person["until"] for person in params["people"]],
        "kinds": {**kinds(dict(params)), "params": type(params).__name__},
        "at": "2026-05-19T10:11:12Z",
        "echo": "<" + params["token"] + ">",
        "environment": os.environ.get("PROBE"),
        "diff": {"before": {"state": "it-was-so"}, "after": {"state": "it-is-so"}},
        **({"url": "result-secret-" + params["name"], "_ansible_no_log": True} if params["hide"] else {}),
    }


def main():
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
"""

MODULES = ["probe", "deprovision_run"]
ARGUMENTS = {
    "token": "option-secret-1",
    "settings": {"FLAG": "0", "PIN": "1234", "URL": "postgres://u:option-secret-2@h/d"},
    "number": "7",
    "people": [{"name": "{{ leaver }}", "until": "{{ ('2026-06-01' | to_datetime('%Y-%m-%d')).date() }}"}],
}
ORDINARY = {"environment": {"PROBE": "set"}}
JOURNALLED = {"vars": {"prerequisites_run": {"id": "run-1", "number": None, "lease": None, "journal": "no-such-journal"}}}
LEASED = {"vars": {"prerequisites_run": {"id": "run-1", "number": 1, "lease": {"number": 1}, "journal": None}}}
UNRECORDED = {"vars": {"prerequisites_run": {"id": "run-1", "number": None, "lease": None, "journal": None}}}


def task(name: str, more: dict[str, t.Any] | None = None, *, module: str = "probe", **arguments: t.Any) -> dict[str, t.Any]:
    return {"name": name, f"raxx.deprovision.{module}": {**ARGUMENTS, **arguments}, "register": name, **(more or {})}


TASKS = [
    task("plain_inline"),
    task("plain_ordinary", ORDINARY),
    task("check_inline", {"check_mode": True}),
    task("check_ordinary", {"check_mode": True, **ORDINARY}),
    task("hidden_inline", hide=True),
    task("hidden_ordinary", ORDINARY, hide=True),
    task("failed_inline", {"ignore_errors": True}, fail=True),
    task("failed_ordinary", {"ignore_errors": True, **ORDINARY}, fail=True),
    task("unknown_inline", {"ignore_errors": True}, colour="red"),
    task("unknown_ordinary", {"ignore_errors": True, **ORDINARY}, colour="red"),
    task("wrong_inline", {"ignore_errors": True}, number="option-secret-1"),
    task("wrong_ordinary", {"ignore_errors": True, **ORDINARY}, number="option-secret-1"),
    task("journalled_inline", JOURNALLED),
    task("journalled_ordinary", {"ignore_errors": True, **JOURNALLED, **ORDINARY}),
    task("leased_ordinary", {"ignore_errors": True, **LEASED, **ORDINARY}),
    task("planned_ordinary", {"check_mode": True, **LEASED, **ORDINARY}),
    task("unrecorded_ordinary", {**UNRECORDED, **ORDINARY}),
    task("begin_inline", module="deprovision_run"),
    task("begin_ordinary", {"ignore_errors": True, **ORDINARY}, module="deprovision_run"),
    task("begin_planned", {"check_mode": True, **ORDINARY}, module="deprovision_run"),
    task("async_refused", {"ignore_errors": True, "async": 10, "poll": 1}, hide=True),
]


class Run(t.NamedTuple):
    """One run of all tasks: what each C(register) holds, and everything that was shown, task by task."""

    registered: dict[str, dict[str, t.Any]]
    shown: dict[str, str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Plays all tasks once, at the highest verbosity and with diff, with a module added to a copy of the collection."""
    work = tmp_path_factory.mktemp("inline")
    collection = work / "ansible_collections" / "raxx" / "deprovision"
    (collection / "plugins" / "modules").mkdir(parents=True)
    (collection / "meta").mkdir()
    for name in ("filter", "module_utils", "plugin_utils"):
        (collection / "plugins" / name).symlink_to(ROOT / "plugins" / name)
    (collection / "plugins" / "action").mkdir()
    for module in MODULES:
        (collection / "plugins" / "action" / f"{module}.py").write_text(
            "from ansible_collections.raxx.deprovision.plugins.plugin_utils.inline import inline_action\n"
            f'ActionModule = inline_action("{module}")\n'
        )
        (collection / "plugins" / "modules" / f"{module}.py").write_text(PROBE.lstrip())
    runtime = {"action_groups": {"all": MODULES}}
    (collection / "meta" / "runtime.yml").write_text(json.dumps(runtime))
    names = [str(each["name"]) for each in TASKS]
    result = work / "result.json"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"leaver": "jordan", "ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/raxx.deprovision.all": {"name": "default of {{ leaver }}"}},
        "tasks": [
            *TASKS,
            {
                "name": "end",
                "ansible.builtin.copy": {"dest": str(result), "content": f"{{{{ [{', '.join(names)}] | to_json }}}}"},
                "no_log": True,
            },
        ],
    }
    (work / "play.json").write_text(json.dumps([play]))
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-vvvv", "--diff", "play.json"],
        cwd=work,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "ANSIBLE_COLLECTIONS_PATH": str(work),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = finished.stdout + finished.stderr
    assert finished.returncode == 0, output
    parts = output.split("\nTASK [")[1:]
    return Run(dict(zip(names, json.loads(result.read_text()), strict=True)), {part.partition("]")[0]: part for part in parts})


def without_source(shown: str) -> str:
    """The output without the lines that quote the playbook itself, which here holds the values in the clear."""
    return "\n".join(line for line in shown.splitlines() if not line.lstrip().startswith("["))


@pytest.mark.parametrize("case", ["plain", "check", "hidden"])
def test_both_ways_give_the_same_result(played: Run, case: str) -> None:
    inline, ordinary = played.registered[f"{case}_inline"], played.registered[f"{case}_ordinary"]
    assert (inline.pop("inline"), ordinary.pop("inline")) == (True, False)
    assert (inline.pop("environment"), ordinary.pop("environment")) == (None, "set")
    assert inline == ordinary
    assert inline["name"] == "default of jordan"
    assert inline["check"] is (case == "check")


def test_both_ways_get_plain_values(played: Run) -> None:
    kinds = played.registered["plain_inline"]["kinds"]
    assert kinds["people"] == [{"name": "builtins.str", "until": "builtins.str"}]
    assert (kinds["token"], kinds["number"], kinds["hide"]) == ("builtins.str", "builtins.int", "builtins.bool")


@pytest.mark.parametrize("way", ["inline", "ordinary"])
def test_a_date_that_yaml_has_read_as_one_arrives_as_it_was_written(played: Run, way: str) -> None:
    """C(until: 2026-06-01) without quotes; it is no value of JSON."""
    assert played.registered[f"plain_{way}"]["until"] == ["2026-06-01"]


@pytest.mark.parametrize("way", ["inline", "ordinary"])
@pytest.mark.parametrize("case", ["plain", "check", "hidden", "failed", "unknown", "wrong"])
def test_no_value_of_a_no_log_option_is_shown(played: Run, case: str, way: str) -> None:
    shown = without_source(played.shown[f"{case}_{way}"])
    assert "option-secret" not in shown
    assert '"1234"' not in shown
    assert "option-secret" not in json.dumps(played.registered[f"{case}_{way}"])


@pytest.mark.parametrize("way", ["inline", "ordinary"])
def test_a_short_value_of_a_no_log_option_does_not_mangle_the_result(played: Run, way: str) -> None:
    """A config var that is set to "0" once turned every time stamp of the result into asterisks."""
    assert played.registered[f"plain_{way}"]["at"] == "2026-05-19T10:11:12Z"
    assert '"at": "2026-05-19T10:11:12Z"' in played.shown[f"plain_{way}"]


@pytest.mark.parametrize("way", ["inline", "ordinary"])
def test_a_result_that_holds_a_secret_can_be_used_but_is_not_shown(played: Run, way: str) -> None:
    assert played.registered[f"hidden_{way}"]["url"] == "result-secret-default of jordan"
    shown = played.shown[f"hidden_{way}"]
    assert "result-secret" not in shown
    assert "it-was-so" not in shown
    assert "the output has been hidden" in shown


@pytest.mark.parametrize("way", ["inline", "ordinary"])
def test_a_diff_is_shown(played: Run, way: str) -> None:
    assert '-    "state": "it-was-so"' in played.shown[f"plain_{way}"]


@pytest.mark.parametrize("way", ["inline", "ordinary"])
def test_an_unexpected_exception_is_a_failure_with_a_code(played: Run, way: str) -> None:
    assert played.registered[f"failed_{way}"]["failure"]["code"] == "internal_error"


def test_both_ways_refuse_the_same_arguments_with_the_same_words(played: Run) -> None:
    for case in ("unknown", "wrong"):
        inline, ordinary = played.registered[f"{case}_inline"], played.registered[f"{case}_ordinary"]
        assert inline["msg"] == ordinary["msg"]
    assert "Unsupported parameters for" in played.registered["unknown_inline"]["msg"]


def test_an_asynchronous_task_is_refused(played: Run) -> None:
    """Its result would not pass through the plugin, so a secret in it would be shown."""
    assert "does not support async" in played.shown["async_refused"]
    assert "result-secret" not in played.shown["async_refused"]


@pytest.mark.parametrize("case", ["journalled", "leased", "begin"])
def test_what_belongs_to_a_run_is_not_done_where_nobody_watches_it(played: Run, case: str) -> None:
    """I3, I14: an ordinary module knows of no lease and no journal, and with --become every module was one."""
    result = played.registered[f"{case}_ordinary"]
    assert (result["failed"], result["changed"], result["failure"]["code"]) == (True, False, "invalid_input")
    assert "--become" in result["msg"]


@pytest.mark.parametrize(
    "case", ["journalled_inline", "planned_ordinary", "unrecorded_ordinary", "begin_inline", "begin_planned"]
)
def test_what_is_watched_or_needs_no_watching_is_done(played: Run, case: str) -> None:
    assert played.registered[case]["inline"] is case.endswith("inline")


@pytest.mark.parametrize(
    ("known", "refused"),
    [
        ({}, False),
        ({"ansible_check_mode": False}, False),
        ({"rehearsal": False, "ansible_check_mode": False}, False),
        ({"rehearsal": True, "ansible_check_mode": True}, False),
        ({"rehearsal": True, "ansible_check_mode": False}, True),
        ({"rehearsal": "true", "ansible_check_mode": False}, True),
        ({"rehearsal": True}, True),
    ],
)
def test_in_a_rehearsal_no_module_is_called_without_check_mode(known: dict[str, t.Any], refused: bool) -> None:
    """S5: a task that refuses can be skipped."""
    assert inline._is_no_rehearsal(known) is refused
