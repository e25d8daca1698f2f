# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the procedure, and another rotation engine: one departure after the other from the same sandbox."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

import pytest
import yaml

from tests.e2e.inventories import copy_inventory
from tests.e2e.runs import Run, deprovision
from tests.e2e.world import ADDON, ARCHIVER_PARAMETER, CONFIG_VARS, RAPTOR, Record, Sandbox, login_state

MATEO = "mateo.garcia@raxx.example"
PRIYA = "priya.patel@raxx.example"
JORDAN = "jordan.smith@raxx.example"


@dataclass
class Observed:
    """A run, with what was there before and after it."""

    dump: Record
    rotations: dict[str, int]
    config: dict[str, str]
    run: Run
    after: Record
    rotations_after: dict[str, int]


def observed(sandbox: Sandbox, email: str, **given: t.Any) -> Observed:
    before = sandbox.dump(), sandbox.rotations(), sandbox.config()
    run = deprovision(sandbox, email, **given)
    return Observed(*before, run, sandbox.dump(), sandbox.rotations())


# -- one step


@pytest.fixture(scope="module")
def step_1(sandbox: Sandbox) -> Observed:
    return observed(sandbox, MATEO, tags="step1")


def test_the_tag_of_step_1_locks_the_person_out_and_does_no_more(sandbox: Sandbox, step_1: Observed) -> None:
    """1a, 1b, C1."""
    assert sandbox.access(MATEO) == (0, 0)
    for name in ("raptor", "infisical", "heroku"):
        assert step_1.after[name] == step_1.dump[name]


def test_the_tag_of_step_1_says_what_is_missing(step_1: Observed) -> None:
    """C1 to C6."""
    run = step_1.run
    assert run.status != 0
    assert run.result["result"] == "incomplete"
    grades = {name: checkpoint["grade"] for name, checkpoint in run.result["checkpoints"].items()}
    assert grades == {**dict.fromkeys(("C2", "C3", "C4", "C5", "C6"), "missing"), "C1": "observed"}
    assert run.last_line.startswith("INCOMPLETE: ")
    for missing in ("C2: still to do for raptor_app", "C3: still to do for audit_archiver", "C4:", "C5:", "C6:"):
        assert missing in run.last_line


# -- one credential


@pytest.fixture(scope="module")
def limited(sandbox: Sandbox, step_1: Observed) -> Observed:
    return observed(sandbox, PRIYA, limit="raptor_app")


@pytest.fixture(scope="module")
def completed(sandbox: Sandbox, limited: Observed) -> Observed:
    return observed(sandbox, PRIYA)


@pytest.fixture(scope="module")
def limited_again(sandbox: Sandbox, completed: Observed) -> Observed:
    return observed(sandbox, PRIYA, limit="raptor_app")


def test_a_limit_to_one_credential_rotates_it_alone(limited: Observed) -> None:
    """2a."""
    assert limited.rotations == {"raptor_app": 0, "audit_archiver": 0}
    assert limited.rotations_after == {"raptor_app": 1, "audit_archiver": 0}
    assert set(limited.run.stats["processed"]) == {"raptor_app"}
    assert limited.after["console"] == limited.dump["console"]
    assert limited.after["raptor"] == limited.dump["raptor"]


def test_a_limit_to_one_credential_still_hands_it_to_its_app(sandbox: Sandbox, limited: Observed) -> None:
    """2b, 2c: half a rotation would be an outage."""
    (addon,) = (entry for name, entry in limited.after["heroku"]["addons"].items() if name == ADDON)
    password = addon["raptor_app"]["users"][0]["password"]
    config, old = limited.after["heroku"]["apps"][RAPTOR]["config"], limited.config
    assert f":{password}@" in config["RAPTOR_APP_DATABASE_URL"]
    assert config["AUDIT_ARCHIVER_DB_URL"] == old["AUDIT_ARCHIVER_DB_URL"]
    (vault,) = (entry["versions"][-1] for entry in limited.after["infisical"] if entry["name"] == "RAPTOR_APP_DB_URL")
    assert vault["value"] == config["RAPTOR_APP_DATABASE_URL"]
    assert login_state(old["RAPTOR_APP_DATABASE_URL"]) == "28P01"
    assert sandbox.serves()


def test_a_limited_run_is_not_complete(limited: Observed) -> None:
    """C1 to C6."""
    run = limited.run
    assert run.status != 0
    assert run.result["result"] == "incomplete"
    assert run.result["credentials"]["raptor_app"]["old_dead"] is True
    assert run.result["credentials"]["audit_archiver"]["rotated"] is False
    assert "C3: still to do for audit_archiver" in run.last_line


def test_the_full_run_after_a_limited_one_rotates_only_what_is_left(sandbox: Sandbox, completed: Observed) -> None:
    """S3."""
    assert (completed.run.status, completed.run.result["result"]) == (0, "complete"), completed.run.output
    assert completed.rotations_after == {"raptor_app": 1, "audit_archiver": 1}
    assert sandbox.access(PRIYA) == (0, 0)
    assert sandbox.serves()


def test_a_limited_run_after_a_full_one_changes_nothing(limited_again: Observed) -> None:
    """S3."""
    assert limited_again.run.status == 0
    # The result file is written anew, because each of these runs has evidence of its own.
    assert limited_again.run.changed == {"raptor_app": 1}
    assert limited_again.after == limited_again.dump
    assert limited_again.rotations_after == limited_again.rotations


# -- another engine


READ = """
- name: Read the credential
  ansible.builtin.command:
    argv: ["{{ ansible_playbook_python }}", "{{ role_path }}/files/toy.py", read, "{{ credential_name }}"]
  register: engine_toy_answer
  changed_when: false
  check_mode: false
  no_log: true
- name: Hand it over
  ansible.builtin.set_fact:
    engine_toy_credential: "{{ engine_toy_answer.stdout | from_json }}"
  no_log: true
"""
ROTATE = READ.replace("Read the", "Rotate the").replace(
    'read, "{{ credential_name }}"', 'rotate, "{{ credential_name }}", "{{ engine_since }}"'
)
# Rotates as a superuser may: by setting the password. What it knows stands in a file.
TOY = """
import datetime, json, os, secrets, sys
from urllib.parse import urlsplit
import psycopg2
action, name, *since = sys.argv[1:]
path = os.path.join(os.environ["TOY_STATE"], name + ".json")
with open(path) as file:
    known = json.load(file)
if action == "rotate" and known["settled_at"] < since[0]:
    password = secrets.token_urlsafe(24)
    link = psycopg2.connect(os.environ["TOY_DSN"])
    with link, link.cursor() as cursor:
        cursor.execute(f"ALTER ROLE {name} PASSWORD %s", (password,))
        cursor.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\\"T\\"HH24:MI:SS.US\\"Z\\"')")
        settled = cursor.fetchone()[0]
    parts = urlsplit(known["url"])
    url = f"postgres://{name}:{password}@{parts.hostname}:{parts.port}{parts.path}"
    known = {"url": url, "settled_at": settled, "rotated": True}
    with open(path, "w") as file:
        json.dump(known, file)
print(json.dumps({"users": [name], "rotated": False, **known}))
"""


@pytest.fixture(scope="module")
def toy(sandbox: Sandbox, limited_again: Observed, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """The last run here: afterwards Heroku does not know the passwords any more."""
    place = tmp_path_factory.mktemp("toy")
    role, known = place / "roles" / "engine_toy", place / "known"
    for file, text in {"tasks/read.yml": READ, "tasks/rotate.yml": ROTATE, "files/toy.py": TOY}.items():
        (role / file).parent.mkdir(parents=True, exist_ok=True)
        (role / file).write_text(text, encoding="utf-8")
    inventory = copy_inventory(place / "copy")
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text(encoding="utf-8"))
    known.mkdir()
    config = sandbox.config()
    for name, host in hosts["all"]["children"]["credentials"]["hosts"].items():
        host["credential_engine"] = "engine_toy"
        (known / f"{name}.json").write_text(json.dumps({"url": config[CONFIG_VARS[name]], "settled_at": ""}), encoding="utf-8")
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    environment = {
        "ANSIBLE_ROLES_PATH": str(role.parent),
        "TOY_STATE": str(known),
        "TOY_DSN": sandbox.at["databases"]["raptor"],
    }
    return observed(sandbox, JORDAN, inventory=str(inventory / "hosts.yml"), environment=environment)


def test_another_engine_is_a_matter_of_the_inventory(sandbox: Sandbox, toy: Observed) -> None:
    """S6."""
    assert (toy.run.status, toy.run.result["result"]) == (0, "complete"), toy.run.output
    assert {checkpoint["grade"] for checkpoint in toy.run.result["checkpoints"].values()} == {"observed"}
    assert toy.after["heroku"]["addons"] == toy.dump["heroku"]["addons"]
    assert sandbox.access(JORDAN) == (0, 0)


def test_what_another_engine_rotates_is_stored_handed_out_and_proved(sandbox: Sandbox, toy: Observed) -> None:
    """S6, 2b, 2c, 3b, 3c, C2, C3."""
    new = {name: sandbox.config()[variable] for name, variable in CONFIG_VARS.items()}
    old = {name: toy.config[variable] for name, variable in CONFIG_VARS.items()}
    assert sandbox.vault() == new["raptor_app"]
    assert sandbox.parameter(ARCHIVER_PARAMETER)["Value"] == new["audit_archiver"]
    assert {login_state(url) for url in new.values()} == {"ok"}
    assert {login_state(url) for url in old.values()} == {"28P01"}
    assert sandbox.serves()
