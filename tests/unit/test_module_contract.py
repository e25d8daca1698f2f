# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""One contract for every module, found by listing plugins/modules. What each run must hold is in contract.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.raxx.deprovision.plugins.module_utils._module import HIDDEN_BY_ACTION, Spec, execute
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS, DATABASE, FREESCOUT, HEROKU, INFISICAL, LEDGER

from .contract import TYPES, Writes, breaches

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "plugins" / "modules").glob("[!_]*.py"))
NAMES = [file.stem for file in FILES]
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
MOST_LINES = 130
LOOKS_SECRET = re.compile(r"pass|secret|token|key|url$", re.IGNORECASE)
THIRD_PARTY = ("requests", "urllib3", "boto3", "botocore", "psycopg2", "pg8000")

every_module = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """What ansible-doc knows of every module, with the fragments merged in."""
    finished = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-doc")),
            "--json",
            "--type",
            "module",
            *(f"raxx.deprovision.{name}" for name in NAMES),
        ],
        cwd=tmp_path_factory.mktemp("doc"),
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    return {name: found[f"raxx.deprovision.{name}"] for name in NAMES}


def loaded(name: str) -> t.Any:
    return import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{name}")


def as_list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def compared(option: dict[str, t.Any], suboptions: str) -> dict[str, t.Any]:
    """What documentation and argument spec of an option have in common, in one form."""
    return {
        "type": option.get("type", "str"),
        "elements": option.get("elements"),
        "required": bool(option.get("required", False)),
        "default": option.get("default"),
        "choices": list(option.get("choices") or []),
        "aliases": sorted(option.get("aliases") or []),
        "suboptions": {key: compared(value, suboptions) for key, value in (option.get(suboptions) or {}).items()},
    }


@every_module
def test_documentation_equals_argument_spec(name: str, documentation: dict[str, t.Any]) -> None:
    documented = {key: compared(value, "suboptions") for key, value in documentation[name]["doc"]["options"].items()}
    specified = {key: compared(value, "options") for key, value in loaded(name).SPEC.options.items()}
    assert documented == specified


@every_module
def test_environment_fallbacks_are_documented(name: str, documentation: dict[str, t.Any]) -> None:
    for key, option in loaded(name).SPEC.options.items():
        read = set(option["fallback"][1]) if "fallback" in option else set()
        text = " ".join(as_list(documentation[name]["doc"]["options"][key]["description"]))
        assert set(re.findall(r"E\((\w+)\)", text)) == read, key


@every_module
def test_options_that_look_secret_say_whether_they_are(name: str) -> None:
    def look(options: dict[str, dict[str, t.Any]]) -> None:
        for key, option in options.items():
            # A base URL is read from the environment and holds no password: the clients refuse one.
            if LOOKS_SECRET.search(key) and "no_log" not in option:
                assert key.endswith("_api_url") or key in BASE_URLS, f"{key}: set no_log to true or false"
            look(option.get("options") or {})

    look(loaded(name).SPEC.options)


BASE_URLS = {"heroku_data_url", "infisical_url", "freescout_url", "aws_endpoint_url"}


@every_module
def test_constraints_name_options(name: str) -> None:
    spec: Spec = loaded(name).SPEC
    named = {key for group in (*spec.mutually_exclusive, *spec.required_together, *spec.required_one_of) for key in group}
    named |= {key for rule in spec.required_if for key in (rule[0], *rule[2])}
    named |= {key for key, needs in spec.required_by.items() for key in (key, *as_list(needs))}
    assert named <= spec.options.keys()


@every_module
def test_attributes_and_headings_are_complete(name: str, documentation: dict[str, t.Any]) -> None:
    doc = documentation[name]["doc"]
    assert doc["module"] == name
    assert doc["version_added"]
    assert doc["description"]
    assert doc["author"]
    assert not doc["short_description"].endswith(".")
    for attribute in ("check_mode", "diff_mode", "idempotent", "action_group"):
        entry = doc["attributes"][attribute]
        assert entry["support"] in ("full", "partial", "none", "N/A")
        assert entry["support"] == "full" or entry.get("details"), f"{attribute}: say why support is not full"
    assert doc["attributes"]["check_mode"]["support"] == "full"
    assert any("C(failure)" in note for note in doc["notes"])


@every_module
def test_libraries_are_documented_as_requirements(name: str, documentation: dict[str, t.Any]) -> None:
    requirements = " ".join(documentation[name]["doc"].get("requirements", []))
    for library in loaded(name).SPEC.libraries:
        assert library in requirements


@every_module
def test_examples_are_tasks_that_use_documented_options(name: str, documentation: dict[str, t.Any]) -> None:
    tasks = yaml.safe_load(documentation[name]["examples"])
    keywords = set()
    for task in tasks:
        actions = [key for key in task if "." in key]
        assert len(actions) == 1, task
        assert task["name"][0].isupper()
        keywords |= {f"{key}={value}" for key, value in task.items() if key not in (actions[0], "name")}
        collection, _dot, module = actions[0].rpartition(".")
        if collection == "raxx.deprovision":
            assert task[actions[0]].keys() <= documentation[module]["doc"]["options"].keys()
    assert any(f"raxx.deprovision.{name}" in task for task in tasks)
    if "attributes.read_only" not in loaded(name).DOCUMENTATION:
        assert "check_mode=True" in keywords


@every_module
def test_return_values_are_described_with_a_sample_of_their_type(name: str) -> None:
    def look(entries: dict[str, t.Any], top: bool) -> None:
        for key, entry in entries.items():
            assert entry["description"], key
            assert entry["type"] in TYPES, key
            assert entry["type"] != "list" or entry["elements"] in TYPES, key
            if top:
                assert entry["returned"], key
                assert "sample" in entry, key
                assert isinstance(entry["sample"], TYPES[entry["type"]]), key
            look(entry.get("contains") or {}, top=False)

    look(yaml.safe_load(loaded(name).RETURN), top=True)


@every_module
def test_samples_hold_no_secret(name: str) -> None:
    """A sample that looks real is copied, and found by scanners."""
    for url in re.findall(r"postgres(?:ql)?://[^:\s]+:([^@\s]+)@", loaded(name).RETURN + loaded(name).EXAMPLES):
        assert set(url) <= set("*.…") or url.isupper() or "{{" in url, url


@every_module
def test_a_missing_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = loaded(name)
    for library in module.SPEC.libraries:
        with monkeypatch.context() as patch:
            patch.setattr("importlib.util.find_spec", lambda wanted, missing=library: None if wanted == missing else object())
            result = execute(module.SPEC, module.run, {}, False, ())
        assert result["failure"]["code"] == "library_missing"
        assert library in result["msg"]


def test_every_module_loads_without_any_library() -> None:
    """The state of a bare machine: a module must get as far as saying what is missing."""
    program = """
import importlib, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in THIRD_PARTY:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
for name in NAMES:
    importlib.import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{name}")
"""
    finished = subprocess.run(
        [sys.executable, "-c", f"THIRD_PARTY, NAMES = {THIRD_PARTY!r}, {NAMES!r}\n{program}"],
        env={"PYTHONPATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@every_module
def test_it_is_a_member_of_the_action_groups_whose_options_it_has_and_runs_inline(
    name: str, documentation: dict[str, t.Any]
) -> None:
    groups = {
        "heroku": HEROKU,
        "database": DATABASE,
        "infisical": INFISICAL,
        "aws": AWS,
        "freescout": FREESCOUT,
        "ledger": LEDGER,
    }
    wanted = {group for group, shared in groups.items() if shared.options.keys() <= loaded(name).SPEC.options.keys()}
    assert {group for group, members in RUNTIME["action_groups"].items() if name in members} == wanted
    documented = documentation[name]["doc"]["attributes"]["action_group"]["membership"]
    assert documented == [f"raxx.deprovision.{group}" for group in sorted(wanted)]
    assert f'ActionModule = inline_action("{name}")' in (ROOT / "plugins" / "action" / f"{name}.py").read_text()


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_file_is_short_and_has_its_header(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("#!/usr/bin/python\n# Copyright (c) ")
    assert "\n# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or " in text[:400]
    assert re.search(r"\n# SPDX-License\S+: GPL-3.0-or-later\n", text[:400])
    code = re.sub(r'(?ms)^(DOCUMENTATION|EXAMPLES|RETURN) = r"""\n.*?^"""$', "", text)
    lines = [line for line in code.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) <= MOST_LINES
    assert os.access(file, os.X_OK) is False


@every_module
def test_it_has_unit_tests(name: str) -> None:
    assert (ROOT / "tests" / "unit" / f"test_{name}.py").is_file()


# The contract itself: a breach of each kind is found.

FAKE = SimpleNamespace(
    SPEC=Spec(options={"password": {"type": "str", "no_log": True}}),
    RETURN="""
id: {description: The id., returned: success, type: int, sample: 1}
url: {description: V(null) if there is none., returned: success, type: str, sample: x}
people:
  description: The people.
  returned: if asked for
  type: list
  elements: dict
  sample: []
  contains: {name: {description: The name., type: str}}
""",
)
GOOD: dict[str, t.Any] = {"changed": True, "id": 1, "url": None, "diff": {"before": None, "after": {"a": 1}}}
FAILURE: dict[str, t.Any] = {
    "code": "forbidden", "system": "", "status": 403, "request_id": None, "retryable": False,
    "outcome_unknown": False, "next_step": "", "details": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("result", "check", "written", "wanted"),
    [
        (GOOD, False, ["PUT"], ""),
        (GOOD, True, ["PUT"], "wrote in check mode"),
        ({**GOOD, "changed": False}, False, ["PUT"], "reports no change"),
        ({**GOOD, "echo": "cGEkc3dvcmQtMQ=="}, False, [], "the value of password is in the output"),
        ({**GOOD, "other": 1}, False, [], "other is not documented"),
        ({"changed": True, "id": 1}, False, [], "url is documented as returned"),
        ({**GOOD, "id": "1"}, False, [], "id is a str"),
        ({**GOOD, "id": True}, False, [], "id is a bool"),
        ({**GOOD, "id": None}, False, [], "id is null"),
        ({**GOOD, "people": [{"name": 1}]}, False, [], "people[].name is a int"),
        ({**GOOD, "people": [{"age": "1"}]}, False, [], "people[].age is not documented"),
        ({**GOOD, "diff": "text"}, False, [], "diff has the keys"),
        (
            {**GOOD, "url": "the-url", HIDDEN_BY_ACTION: True, "diff": {"before": "the-url", "after": None}},
            False,
            [],
            "a secret is in the diff",
        ),
        ({"failed": True, "msg": "No. [forbidden]", "failure": FAILURE}, False, [], ""),
        ({"failed": True, "msg": "No.", "failure": FAILURE}, False, [], "does not end with its code"),
        ({"failed": True, "msg": "No. [x]", "failure": {**FAILURE, "code": "x"}}, False, [], "unknown code"),
        ({"failed": True, "msg": "No. [forbidden]", "failure": {"code": "forbidden"}}, False, [], "failure has the keys"),
        (
            {"failed": True, "msg": "No. [internal_error]", "failure": {**FAILURE, "code": "internal_error"}},
            False,
            [],
            "fault of the module",
        ),
    ],
)
def test_every_breach_of_the_contract_is_found(result: dict[str, t.Any], check: bool, written: list[str], wanted: str) -> None:
    found = breaches(FAKE, {"password": "pa$sword-1"}, check, result, json.dumps(result), Writes(written, written))
    assert bool(found) is bool(wanted)
    assert any(wanted in breach for breach in found) or not wanted
