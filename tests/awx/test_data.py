# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx/ says is what AWX takes, what the playbooks know, and what docs/awx.md lists."""

from __future__ import annotations

import re
import typing as t
from importlib import import_module

import pytest

from tests.awx import rules
from tests.awx.data import ROOT, load, objects
from tests.export import tracked

DATA = objects()
TEMPLATES = {template["name"]: template for template in DATA["controller_templates"]}
SURVEYED = [item for kind in ("controller_templates", "controller_workflows") for item in DATA[kind] if item["survey_enabled"]]
TYPES = {"text": ("str", "raw"), "integer": ("int",), "multiplechoice": ("bool", "str")}


def named(kind: str) -> set[str]:
    return {item["name"] for item in DATA[f"controller_{kind}"]}


def inputs_of_the_role() -> dict[str, t.Any]:
    specs = load(ROOT / "roles/prerequisites/meta/argument_specs.yml")["argument_specs"]
    return {**specs["start"]["options"], **specs["main"]["options"]}


# -- surveys


def test_every_survey_is_one_that_awx_takes() -> None:
    assert SURVEYED
    for item in SURVEYED:
        assert rules.survey_problems(item["survey_spec"]) == [], item["name"]


@pytest.mark.parametrize("question", DATA["deprovision_production_survey"]["spec"], ids=lambda question: question["variable"])
def test_every_question_is_an_input_that_the_playbook_checks(question: dict[str, t.Any]) -> None:
    options, variable = inputs_of_the_role(), question["variable"]
    # By another name where the playbook hands on none for an empty text.
    option = options.get(variable) or options[f"prerequisites_{variable}"]
    assert option["type"] in TYPES[question["type"]]
    choices = ["true", "false"] if option["type"] == "bool" else option.get("choices")
    assert question.get("choices") == choices
    # Not asking must not differ from not answering.
    play = load(ROOT / "playbooks/deprovision.yml")[0]
    default = play["vars"].get(variable, option.get("default", ""))
    assert question["default"] == (str(default).lower() if isinstance(default, bool) else default)


def test_only_production_by_itself_is_asked_for_a_plan() -> None:
    """I11: a plan names its environment, and an answer to the workflow may reach its dry run on staging."""
    asked = {item["name"] for item in SURVEYED if any(question["variable"] == "plan" for question in item["survey_spec"]["spec"])}
    assert asked == {"Deprovision"}
    assert DATA["deprovision_production_survey"]["spec"][:-1] == DATA["deprovision_survey"]["spec"]
    plan = TEMPLATES["Deprovision, plan of production"]
    for key in ("playbook", "inventory", "credentials"):
        assert plan[key] == TEMPLATES["Deprovision"][key]
    assert plan["job_type"] == "check"


def test_a_survey_without_answers_gives_what_the_playbook_would_have_taken() -> None:
    answers = rules.survey_answers(DATA["deprovision_survey"], {"email": "jordan.smith@raxx.example"})
    assert answers == {
        "email": "jordan.smith@raxx.example", "direct_database_access": "true", "notice": "", "approved_by": "",
    }  # fmt: skip


def test_no_template_accepts_other_variables() -> None:
    """An extra variable beats the inventory, and so could name a host of its own, which the credentials would be sent to."""
    (play,) = load(ROOT / "playbooks/awx.yml")
    for module in ("job_template", "workflow_job_template"):
        (passed,) = [task[f"awx.awx.{module}"] for task in play["tasks"] if f"awx.awx.{module}" in task]
        # Said, and not left to AWX: what somebody switched on there is switched off again.
        assert passed["ask_variables_on_launch"] is False
        assert passed["ask_inventory_on_launch"] is False
        assert passed["ask_scm_branch_on_launch"] is False
    (passed,) = [task["awx.awx.job_template"] for task in play["tasks"] if "awx.awx.job_template" in task]
    for asked in ("credential", "execution_environment", "instance_groups", "job_type"):
        assert passed[f"ask_{asked}_on_launch"] is False


def test_a_launcher_may_choose_hosts_of_a_rollback_and_nothing_else() -> None:
    """No other inventory, branch, image, credential or kind of job."""
    for item in (*TEMPLATES.values(), *DATA["controller_workflows"]):
        prompts = {key for key in item if key.startswith("ask_")}
        assert prompts == ({"ask_limit_on_launch"} if item["name"] == "Rollback" else set()), item["name"]
    assert [project["allow_override"] for project in DATA["controller_projects"]] == [False]


def test_no_question_is_a_variable_of_the_inventory() -> None:
    """An answer beats the inventory, as every extra variable does."""
    asked = {question["variable"] for item in SURVEYED for question in item["survey_spec"]["spec"]}
    files = [*(ROOT / "inventories").rglob("*.yml")]
    defined = {name for file in files for name in re.findall(r"^ *(\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {"heroku_api_url", "infisical_url", "freescout_url"} <= defined
    assert asked & defined == set()


def test_a_rollback_is_asked_for_its_inputs() -> None:
    """E5, E6: as the role has them, and nothing by default."""
    options = load(ROOT / "roles/rollback/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    survey = TEMPLATES["Rollback"]["survey_spec"]
    assert [question["variable"] for question in survey["spec"]] == ["restore", "new_rotation"]
    for question in survey["spec"]:
        assert options[f"rollback_{question['variable']}"]["type"] == "bool"
        assert (question["choices"], question["required"], question["default"]) == (["true", "false"], False, "")
    assert rules.survey_answers(survey, {}) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "email"}, "no type"),
        ({"required": "yes"}, "no boolean"),
        ({"min": "3"}, "no integer"),
        ({"type": "multiplechoice"}, "no choices"),
        ({"type": "multiplechoice", "choices": ["a"], "default": "b"}, "no choice"),
        ({"type": "integer", "default": "3"}, "default is no integer"),
    ],
)
def test_a_wrong_question_is_found(change: dict[str, t.Any], said: str) -> None:
    question = {**DATA["deprovision_survey"]["spec"][0], **change}
    (problem,) = rules.survey_problems({"name": "", "description": "", "spec": [question]})
    assert said in problem


# -- credentials


@pytest.mark.parametrize("kind", DATA["controller_credential_types"], ids=lambda kind: kind["name"])
def test_every_credential_type_is_one_that_awx_takes(kind: dict[str, t.Any]) -> None:
    assert kind["kind"] == "cloud"
    assert rules.credential_type_problems(kind["inputs"], kind["injectors"]) == []
    # At run time an empty field is not defined, and its template would end the job.
    assert kind["inputs"]["required"] == [field["id"] for field in kind["inputs"]["fields"]]


@pytest.mark.parametrize(
    "injectors",
    [
        {"env": {"ANSIBLE_CONFIG": "{{ key }}"}},
        {"env": {"PATH": "{{ key }}"}},
        {"env": {"KEY": "{{ kee }}"}},
        {"env": {"KEY": "{{ tower.filename }}"}},
        {"file": {"template": "{{ key }}", "template.other": "{{ key }}"}},
        {"enw": {"KEY": "{{ key }}"}},
    ],
)
def test_a_wrong_injector_is_found(injectors: dict[str, t.Any]) -> None:
    inputs = {"fields": [{"id": "key", "label": "Key"}], "required": ["key"]}
    assert rules.credential_type_problems(inputs, injectors)


def variables_that_are_read() -> set[str]:
    """Environment variables that the collection or an inventory looks at."""
    options = import_module("ansible_collections.raxx.deprovision.plugins.module_utils._options")
    specs = (options.HEROKU, options.INFISICAL, options.AWS, options.FREESCOUT, options.SIGNING)
    read = {name for spec in specs for option in spec.options.values() if "fallback" in option for name in option["fallback"][1]}
    for environment in ("prod", "staging"):
        text = (ROOT / f"inventories/{environment}/group_vars/all.yml").read_text(encoding="utf-8")
        read |= set(re.findall(r"lookup\('ansible\.builtin\.env', '(\w+)'", text))
    return read


def test_every_injected_variable_is_one_that_the_collection_reads() -> None:
    injected = {name for kind in DATA["controller_credential_types"] for name in kind["injectors"]["env"]}
    assert injected <= variables_that_are_read()


def test_the_examples_for_ansible_runner_name_what_is_read_and_no_secret() -> None:
    credentials = load(ROOT / "runner/env/envvars.example")
    # The rest is what AWS's own client and the smoke suite read.
    assert credentials.keys() - variables_that_are_read() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "RAPTOR_URL"}
    assert all(isinstance(value, str) for value in credentials.values())
    assert {value for name, value in credentials.items() if re.search("KEY$|KEY_ID$|SECRET$", name)} == {"change-me"}
    given = load(ROOT / "runner/env/extravars.example")
    options = inputs_of_the_role()
    assert [name for name in given if name not in options and f"prerequisites_{name}" not in options] == []
    assert given["email"] == "jordan.smith@raxx.example"


def test_every_credential_fills_its_type_in() -> None:
    types = {kind["name"]: set(kind["inputs"]["required"]) for kind in DATA["controller_credential_types"]}
    types["Amazon Web Services"] = {"username", "password"}
    for credential in DATA["controller_credentials"]:
        assert set(credential["inputs"]) == types[credential["credential_type"]], credential["name"]
        # No secret, and nothing that could be one, lies in the repository.
        for value in credential["inputs"].values():
            assert re.fullmatch(r"\{\{ lookup\('ansible\.builtin\.env', '(\w+)', default=undef\('\1 is not set'\)\) \}\}", value)


def test_every_template_has_one_credential_for_each_system() -> None:
    """With two of a kind, AWX would refuse the template, or one would silently win."""
    types = {credential["name"]: credential["credential_type"] for credential in DATA["controller_credentials"]}
    for template in TEMPLATES.values():
        kinds = [types[name] for name in template["credentials"]]
        assert len(kinds) == len(set(kinds)) == 5, template["name"]
        place = template["inventory"].split()[-1]
        other = {"production": "staging", "staging": "production"}[place]
        assert not [name for name in template["credentials"] if name.endswith(other)], template["name"]


# -- templates, workflow, schedules


def test_every_template_names_a_playbook_that_awx_offers() -> None:
    files = tracked()
    offered = rules.playbooks(ROOT, files)
    assert {"deprovision.yml", "playbooks/deprovision.yml"} <= offered
    for template in TEMPLATES.values():
        assert template["playbook"] in offered


def test_the_project_comes_from_git() -> None:
    """An archive would lose the links below collections/, and no playbook would find the collection."""
    assert [project["scm_type"] for project in DATA["controller_projects"]] == ["git"]


def test_every_inventory_but_the_sandbox_is_there() -> None:
    paths = {str(path.relative_to(ROOT)) for path in ROOT.glob("inventories/*/hosts.yml")}
    assert {source["source_path"] for source in DATA["controller_inventory_sources"]} == paths - {"inventories/sandbox/hosts.yml"}


def test_every_name_that_is_referred_to_is_defined() -> None:
    for source in DATA["controller_inventory_sources"]:
        assert source["inventory"] in named("inventories")
        assert source["source_project"] in named("projects")
    for template in TEMPLATES.values():
        assert template["project"] in named("projects")
        assert template["inventory"] in named("inventories")
        assert template["execution_environment"] in named("execution_environments")
        assert set(template["credentials"]) <= named("credentials")
    for item in [*TEMPLATES.values(), *DATA["controller_workflows"]]:
        for moment in ("success", "error", "approvals"):
            assert set(item.get(f"notification_templates_{moment}", [])) <= named("notifications")
    targets = named("templates") | named("workflows") | named("projects")
    assert {schedule["unified_job_template"] for schedule in DATA["controller_schedules"]} <= targets
    for kind, items in DATA.items():
        if kind.startswith("controller_") and kind not in ("controller_organizations", "controller_credential_types"):
            assert {item["organization"] for item in items} <= named("organizations"), kind


def test_the_workflow_is_dry_run_approval_production() -> None:
    (workflow,) = DATA["controller_workflows"]
    nodes = workflow["simplified_workflow_nodes"]
    assert rules.graph_problems(nodes) == []
    first, approval, last = nodes
    assert (first["success_nodes"], approval["success_nodes"], last["success_nodes"]) == (["approval"], ["production"], [])
    assert TEMPLATES[first["unified_job_template"]]["job_type"] == "check"
    assert TEMPLATES[first["unified_job_template"]]["inventory"] == "Raxx staging"
    assert TEMPLATES[last["unified_job_template"]]["inventory"] == "Raxx production"
    # S2: the whole procedure has four hours.
    assert 0 < approval["approval_node"]["timeout"] < 4 * 3600
    # The answers reach a node only if its template asks the same questions.
    for node in (first, last):
        asked = TEMPLATES[node["unified_job_template"]]["survey_spec"]["spec"]
        assert [question for question in workflow["survey_spec"]["spec"] if question not in asked] == []


def test_a_workflow_with_a_circle_or_a_lost_end_is_found() -> None:
    assert rules.graph_problems([{"identifier": "a", "success_nodes": ["b"]}, {"identifier": "b", "success_nodes": ["a"]}])
    assert rules.graph_problems([{"identifier": "a", "success_nodes": ["c"]}])
    assert rules.graph_problems([{"identifier": "a"}, {"identifier": "a"}])


@pytest.mark.parametrize("schedule", DATA["controller_schedules"], ids=lambda schedule: schedule["name"])
def test_every_schedule_is_one_that_awx_takes(schedule: dict[str, t.Any]) -> None:
    assert rules.schedule_problems(schedule["rrule"]) == []


@pytest.mark.parametrize(
    "rrule",
    [
        "RRULE:FREQ=HOURLY;INTERVAL=1",
        "DTSTART:20260101T000000 RRULE:FREQ=HOURLY;INTERVAL=1",
        "DTSTART:20260101T000000Z RRULE:FREQ=HOURLY",
        "DTSTART:20260101T000000Z RRULE:FREQ=SECONDLY;INTERVAL=1",
        "DTSTART:20260101T000000Z RRULE:FREQ=QUARTERLY;INTERVAL=1",
        "DTSTART:20260101T000000Z",
    ],
)
def test_a_wrong_schedule_is_found(rrule: str) -> None:
    assert rules.schedule_problems(rrule)


def test_debts_are_paid_hourly_and_the_attestation_is_quarterly() -> None:
    """2b, S5."""
    rrules = {schedule["unified_job_template"]: schedule["rrule"] for schedule in DATA["controller_schedules"]}
    assert "FREQ=HOURLY;INTERVAL=1" in rrules["Sync vault"]
    assert "FREQ=MONTHLY;INTERVAL=3" in rrules["Attest"]


def test_a_schedule_that_nobody_answers_has_what_its_playbook_needs() -> None:
    """S5: a rehearsal is refused unless it is a check run, and without the address of somebody."""
    attest = TEMPLATES["Attest"]
    assert attest["job_type"] == "check"
    assert attest["extra_vars"] == {"email": "rehearsal@raxx.app", "console_account": False}


# -- the playbook, and the rest of the repository


def test_the_playbook_passes_on_every_key() -> None:
    """A key that the playbook forgets would be a setting that looks made and is not."""
    (play,) = load(ROOT / "playbooks/awx.yml")
    assert sorted(play["vars_files"]) == sorted(f"../awx/{file.name}" for file in (ROOT / "awx").glob("*.yml"))
    passed: dict[str, set[str]] = {}
    for task in play["tasks"]:
        (module,) = [key for key in task if key.startswith("awx.awx.")]
        (kind,) = [name for name in DATA if name.startswith("controller_") and re.search(rf"\b{name}\b", task["loop"])]
        passed.setdefault(kind, set()).update(task[module])
    # One list gives the objects of two kinds.
    passed["controller_workflows"].add("simplified_workflow_nodes")
    for kind, options in passed.items():
        for item in DATA[kind]:
            assert set(item) <= options, item["name"]
    for workflow in DATA["controller_workflows"]:
        for node in workflow["simplified_workflow_nodes"]:
            assert set(node) <= passed["controller_workflows"]
    assert passed.keys() == {kind for kind in DATA if kind.startswith("controller_")}


def test_nothing_but_applying_awx_needs_another_collection() -> None:
    """The full package of collections is installed for the tests of awx/; it must not hide a dependency."""
    used = re.compile(r"^\s*(?:- )?(?:module: )?([a-z0-9_]+\.[a-z0-9_]+)\.[a-z0-9_]+:", re.MULTILINE)
    for file in [*(ROOT / "roles").rglob("*.yml"), *(ROOT / "playbooks").glob("*.yml"), ROOT / "deprovision.yml"]:
        wanted = set(used.findall(file.read_text(encoding="utf-8"))) - {"ansible.builtin", "raxx.deprovision"}
        assert wanted <= ({"awx.awx"} if file.name == "awx.yml" else set()), file


def test_the_image_has_the_version_of_the_collection() -> None:
    version = load(ROOT / "galaxy.yml")["version"]
    (environment,) = DATA["controller_execution_environments"]
    assert environment["image"].endswith(f":{version}")


def test_the_page_lists_every_variable_that_is_needed_to_apply() -> None:
    page = (ROOT / "docs/awx.md").read_text(encoding="utf-8")
    text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "awx").glob("*.yml"))
    wanted = set(re.findall(r"lookup\('ansible\.builtin\.env', '(\w+)'", text))
    assert len(wanted) > 10
    assert [name for name in wanted if f"`{name}`" not in page] == []
