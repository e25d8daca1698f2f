# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx.yml with the real modules of awx.awx against a stand-in of AWX: everything is made, then nothing is changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.awx import rules
from tests.awx.data import ROOT, objects
from tests.awx.standin import TOKEN, Awx
from tests.export import tracked

VARIABLES = sorted(
    {
        name
        for file in (ROOT / "awx").glob("*.yml")
        for name in re.findall(r"lookup\('ansible\.builtin\.env', '(\w+)'", file.read_text(encoding="utf-8"))
    }
)
SECRETS = {name: f"s3cr3t-{name.lower()}" for name in VARIABLES}

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Applied:
    awx: Awx
    first: subprocess.CompletedProcess[str]
    first_writes: list[str]
    again: tuple[subprocess.CompletedProcess[str], ...]
    again_writes: list[str]


def apply(awx: Awx, home: Path, *arguments: str, secrets: t.Mapping[str, str] = SECRETS) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",  # the tests read what each task says
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "CONTROLLER_HOST": awx.url,
        "CONTROLLER_OAUTH_TOKEN": TOKEN,
        **secrets,
    }
    command = ["ansible-playbook", "playbooks/awx.yml", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Applied]:
    """Each run starts some forty modules, so the second one is made in two parts: without any secret, and what needs them."""
    home = tmp_path_factory.mktemp("home")
    with Awx(rules.playbooks(ROOT, tracked())) as awx:
        first = apply(awx, home, "-v")
        writes = list(awx.writes)
        awx.writes.clear()
        again = apply(awx, home, "--skip-tags", "credentials", secrets={}), apply(awx, home, "--tags", "credentials")
        yield Applied(awx, first, writes, again, list(awx.writes))


def changes(run: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r"changed=(\d+)", run.stdout)
    assert found, run.stdout + run.stderr
    return int(found[1])


def test_everything_is_made(applied: Applied) -> None:
    assert applied.first.returncode == 0, applied.first.stdout + applied.first.stderr
    assert changes(applied.first) == 13
    data = objects()
    for kind, api in {
        "organizations": "organizations",
        "credential_types": "credential_types",
        "credentials": "credentials",
        "execution_environments": "execution_environments",
        "projects": "projects",
        "inventories": "inventories",
        "inventory_sources": "inventory_sources",
        "notifications": "notification_templates",
        "templates": "job_templates",
        "workflows": "workflow_job_templates",
        "schedules": "schedules",
    }.items():
        made = {item["name"] for item in applied.awx.objects[api].values()} - {"Amazon Web Services"}
        assert made == {item["name"] for item in data[f"controller_{kind}"]}


def test_the_same_again_changes_nothing_and_only_credentials_need_secrets(applied: Applied) -> None:
    for run in applied.again:
        assert run.returncode == 0, run.stdout + run.stderr
        assert changes(run) == 0
    assert len(applied.first_writes) > 40
    assert applied.again_writes == []


def test_a_secret_that_is_not_set_fails_before_anything_is_stored_for_it(applied: Applied, tmp_path: Path) -> None:
    applied.awx.writes.clear()
    given = {name: value for name, value in SECRETS.items() if name != "PRODUCTION_HEROKU_API_KEY"}
    ended = apply(applied.awx, tmp_path, "--tags", "credentials", secrets=given)
    assert ended.returncode != 0
    assert "PRODUCTION_HEROKU_API_KEY is not set" in ended.stdout + ended.stderr
    assert applied.awx.writes == []


def test_injectors_arrive_as_they_are_written(applied: Applied) -> None:
    """Ansible must not render AWX's own templates."""
    awx = applied.awx
    heroku = awx.one("credential_types", "Raxx Heroku")
    assert heroku["injectors"] == {"env": {"HEROKU_API_KEY": "{{ api_key }}"}}
    token = awx.one("credential_types", "Raxx Infisical token")
    assert token["injectors"]["file"] == {"template": "{{ token }}"}
    assert token["injectors"]["env"]["INFISICAL_TOKEN_FILE"] == "{{ tower.filename }}"


def test_the_survey_is_stored_where_it_is_asked(applied: Applied) -> None:
    awx = applied.awx
    for kind, name, survey in [
        ("job_templates", "Deprovision", "deprovision_production_survey"),
        ("job_templates", "Deprovision, plan of production", "deprovision_survey"),
        ("job_templates", "Deprovision, dry run on staging", "deprovision_survey"),
        ("job_templates", "Rollback", "rollback_survey"),
        ("workflow_job_templates", "Deprovision with approval", "deprovision_survey"),
    ]:
        assert awx.surveys[kind, awx.one(kind, name)["id"]] == objects()[survey]
    assert len(awx.surveys) == 5


def test_no_launcher_says_where_the_credentials_go(applied: Applied) -> None:
    for kind in ("job_templates", "workflow_job_templates"):
        for item in applied.awx.objects[kind].values():
            asked = {name for name, on in item.items() if name.startswith("ask_") and on}
            assert asked == ({"ask_limit_on_launch"} if item["name"] == "Rollback" else set())
            assert item["ask_variables_on_launch"] is False


def test_the_dry_run_is_a_check_on_staging(applied: Applied) -> None:
    template = applied.awx.one("job_templates", "Deprovision, dry run on staging")
    assert (template["job_type"], template["diff_mode"]) == ("check", True)
    assert template["inventory"] == applied.awx.one("inventories", "Raxx staging")["id"]
    assert json.loads(template["extra_vars"]) == {"console_account": False}
    assert applied.awx.linked("job_templates", template["name"], "credentials") == [
        "AWS staging", "Evidence signing key", "FreeScout", "Heroku staging", "Infisical staging",
    ]  # fmt: skip


def test_the_workflow_leads_from_the_dry_run_through_the_approval_to_production(applied: Applied) -> None:
    awx = applied.awx
    nodes = "workflow_job_template_nodes"
    assert awx.linked(nodes, "dry-run", "success_nodes") == ["approval"]
    assert awx.linked(nodes, "approval", "success_nodes") == ["production"]
    assert awx.linked(nodes, "production", "success_nodes") == []
    (approval,) = awx.objects["workflow_approval_templates"].values()
    assert awx.one(nodes, "approval")["unified_job_template"] == approval["id"]
    assert approval["timeout"] == 3600
    assert awx.linked("workflow_job_templates", "Deprovision with approval", "notification_templates_approvals") == [
        "Raxx on-call"
    ]


def test_no_secret_is_shown(applied: Applied) -> None:
    secrets = [value for name, value in SECRETS.items() if not name.endswith(("_ID", "_CLIENT_ID"))]
    assert len(secrets) >= 8
    for run in (applied.first, *applied.again):
        assert not [value for value in secrets if value in run.stdout + run.stderr]
    # AWX has them.
    assert applied.awx.one("credentials", "Heroku staging")["inputs"]["api_key"] == SECRETS["STAGING_HEROKU_API_KEY"]


def test_a_wrong_token_is_refused(applied: Applied, tmp_path: Path) -> None:
    """The stand-in refuses as AWX does."""
    ended = apply(applied.awx, tmp_path, secrets={**SECRETS, "CONTROLLER_OAUTH_TOKEN": "wrong"})
    assert ended.returncode != 0
    assert "HTTP 401" in ended.stdout
