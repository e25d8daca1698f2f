# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the repository: a collection and a runnable checkout at once."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.checks import sanity

ROOT = Path(__file__).parents[2]
LINKED = {"README.md", "galaxy.yml", "meta", "playbooks", "plugins", "roles"}
TOP_LEVEL = {
    ".ansible-lint", ".ci", ".gitignore", ".yamllint", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "LICENSES", "Makefile",
    "README.md", "REUSE.toml", "SECURITY.md", "ansible.cfg", "awx", "bench", "bindep.txt", "changelogs", "collections",
    "constraints.txt", "deprovision.yml", "docs", "execution-environment.yml", "extensions", "galaxy.yml", "inventories",
    "meta", "playbooks", "plugins", "pyproject.toml", "requirements-dev.txt", "requirements.txt", "requirements.yml", "roles",
    "runner", "sandbox", "tests", "tools",
}  # fmt: skip


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Every file of the repository. In a tree without git history, every file that is there."""
    finished = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode == 0:
        return finished.stdout.splitlines()
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]


def test_the_collection_is_reached_by_exactly_these_links(tracked: list[str]) -> None:
    """One link per entry: a link to the root would contain itself, and so would one to collections."""
    folder = Path("collections/ansible_collections/raxx/deprovision")
    assert {name for name in tracked if name.startswith("collections/")} == {str(folder / name) for name in LINKED}
    for name in LINKED:
        assert (ROOT / folder / name).readlink() == Path("../../../..") / name


def test_nothing_lies_about_at_the_top(tracked: list[str]) -> None:
    assert {name.partition("/")[0] for name in tracked} <= TOP_LEVEL


def test_the_collections_archive_leaves_the_workshop_out(tracked: list[str]) -> None:
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    assert {"collections", ".venv", ".ci", "evidence"} <= set(ignored)


def test_everything_that_is_routed_exists() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    modules = sorted(file.stem for file in (ROOT / "plugins" / "modules").glob("[!_]*.py"))
    # That a module is in the groups of the systems whose options it has, if any, is in test_module_contract.py.
    assert {name for members in runtime["action_groups"].values() for name in members} <= set(modules)
    actions = sorted(file.stem for file in (ROOT / "plugins" / "action").iterdir() if file.suffix == ".py")
    assert actions == modules


def test_internal_files_say_so() -> None:
    for file in (ROOT / "plugins" / "module_utils").glob("*.py"):
        assert file.name.startswith("_"), file.name
        assert "# This file is private to the collection: it may change at any time without notice.\n" in file.read_text(), (
            file.name
        )


def test_versions_are_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                assert re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line), f"{name}: {line}"


def test_no_file_is_bound_to_a_machine_or_unfinished(tracked: list[str]) -> None:
    # Written so that this file does not find itself.
    unwanted = re.compile(
        r"(?<![\w.~-])/(?:w[o]rk|h[o]me|U[s]ers)/\w|/tmp/p[l]an|^<{7} |^>{7} |\bT[O]DO\b|\bF[I]XME\b", re.MULTILINE
    )
    for name in tracked:
        path = ROOT / name
        if path.is_symlink() or not path.is_file() or name.startswith("LICENSE"):
            continue
        found = unwanted.search(path.read_bytes().decode(errors="replace"))
        assert not found, f"{name}: {found and found.group()}"


def test_ansible_test_runs_every_unit_test_but_those_with_a_reason() -> None:
    files = {file.name for file in (ROOT / "tests" / "unit").glob("test_*.py")}
    run = {name.removeprefix("tests/unit/") for name in sanity.units(ROOT)}
    assert run < files
    assert files - run == {f"test_{name}.py" for name in sanity.NOT_IN_A_COPY}


def test_a_new_file_of_code_must_say_its_licence(tmp_path: Path) -> None:
    code = {
        "plugins/modules/new.py", "plugins/module_utils/_new.py", "plugins/filter/new.yml", "playbooks/new.yml",
        "roles/new/tasks/main.yml", "roles/new/meta/main.yml", "sandbox/new.py", "sandbox/new.sh", "sandbox/new/seed.yml",
        "tests/unit/test_new.py", "tests/new/world.yml", "bench/new.sh", "tools/new.py", "docs/new.py", "new/a.yml",
    }  # fmt: skip
    for name in code | {"docs/new.md", "docs/images/new.png", "tests/new/a.json", "inventories/new/hosts.yml", "awx/new.yml"}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("nothing\n")
    shutil.copy(ROOT / "REUSE.toml", tmp_path)
    command = [str(Path(sys.executable).with_name("reuse")), "--root", str(tmp_path), "lint", "--json"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = json.loads(found.stdout)["non_compliant"]["missing_licensing_info"]
    assert {Path(name).relative_to(tmp_path).as_posix() if Path(name).is_absolute() else name for name in missing} == code


def role_uses(tasks: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Every task that runs a role, in blocks and rescues as well."""
    for task in tasks if isinstance(tasks, list) else []:
        for part in ("tasks", "block", "rescue"):
            yield from role_uses(task.get(part))
        used = task.get("ansible.builtin.include_role") or task.get("ansible.builtin.import_role")
        if used:
            yield {**used, "vars": task.get("vars", {})}


@pytest.mark.parametrize("playbook", ["deprovision.yml", "rotation.yml"])
def test_what_is_not_validated_at_run_time_is_what_the_role_wants(playbook: str) -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / playbook).read_text(encoding="utf-8"))
    trusted = [use for use in role_uses(plays) if use.get("rolespec_validate") is False]
    assert trusted
    for use in trusted:
        role = use["name"].rpartition(".")[2]
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        options = specs["argument_specs"][use.get("tasks_from", "main")]["options"]
        own = {name: option for name, option in options.items() if name.startswith(f"{role}_")}
        assert use["vars"].keys() <= own.keys()
        assert {name for name, option in own.items() if option.get("required")} <= use["vars"].keys()
