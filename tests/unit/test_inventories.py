# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories are the map (Y1 to Y7): one shape in three environments, and no credential needed to read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("prod", "staging", "sandbox")
GROUPS = {"consoles", "credentials", "apps", "records"}


def listed(environment: str) -> dict[str, t.Any]:
    """What `ansible-inventory --list` says, with nothing in the environment that could be a credential."""
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", f"inventories/{environment}/hosts.yml", "--list"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "WARNING" not in finished.stderr
    return t.cast("dict[str, t.Any]", json.loads(finished.stdout))


@pytest.fixture(scope="module")
def inventories() -> dict[str, dict[str, t.Any]]:
    return {environment: listed(environment) for environment in ENVIRONMENTS}


def names(value: t.Any) -> t.Any:
    """The names in a structure, without the values."""
    if isinstance(value, dict):
        return {key: names(item) for key, item in value.items()}
    return [names(item) for item in value] if isinstance(value, list) else None


def test_every_environment_has_the_same_shape(inventories: dict[str, dict[str, t.Any]]) -> None:
    shapes = [
        {host: names(variables) for host, variables in inventory["_meta"]["hostvars"].items()}
        for inventory in inventories.values()
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    for inventory in inventories.values():
        assert set(inventory["all"]["children"]) - {"ungrouped"} == GROUPS
        assert all(inventory[group]["hosts"] for group in GROUPS)


@pytest.mark.parametrize(
    ("environment", "console", "raptor"),
    [("prod", "raxx-console-prod", "raxx-api-prod"), ("staging", "raxx-console-staging", "raxx-api-staging")],
)
def test_production_and_staging_have_the_names_of_the_runbook(
    inventories: dict[str, dict[str, t.Any]], environment: str, console: str, raptor: str
) -> None:
    hosts = inventories[environment]["_meta"]["hostvars"]
    assert hosts["console"]["console_heroku_app"] == console
    assert {hosts["raptor"]["app_heroku_app"], hosts["audit_record"]["record_heroku_app"]} == {raptor}
    assert hosts["raptor_app"]["credential_store"] == {
        "kind": "infisical",
        "environment": environment,
        "path": f"/raxx/{environment}/raptor",
        "name": "RAPTOR_APP_DB_URL",
    }
    assert hosts["audit_archiver"]["credential_store"]["name"] == f"/raxx/{environment}/raptor/AUDIT_ARCHIVER_DB_URL"
    assert hosts["raptor"]["app_smoke_command"] == ["scripts/ci/run_smoke.sh", f"--env={environment}"]
    assert hosts["raptor"]["app_log_window"] == 600
    assert (hosts["raptor_app"]["infisical_url"], hosts["raptor_app"]["aws_region"]) == ("https://vault.raxx.app", "us-east-1")


def test_the_sandbox_is_the_default_and_knows_no_other_place() -> None:
    """A command without -i can never touch production."""
    assert "inventory = inventories/sandbox/hosts.yml" in (ROOT / "ansible.cfg").read_text()
    settings = yaml.safe_load((ROOT / "inventories" / "sandbox" / "group_vars" / "all.yml").read_text())
    addresses = [value for name, value in settings.items() if name.endswith(("_url", "_prefix")) and "lookup" not in value]
    assert set(addresses) == {"/raxx/sandbox/deprovision"}


def test_steps_hold_no_system_names() -> None:
    wanted = ("raxx-", "raptor_app", "audit_archiver", "RAPTOR_APP", "AUDIT_ARCHIVER", "/raxx/", "raxx.app")
    for file in [*(ROOT / "roles").rglob("*.yml"), *(ROOT / "playbooks").rglob("*.yml")]:
        code = "\n".join(line.split("#")[0] for line in file.read_text().splitlines())
        assert not [name for name in wanted if name in code], file
