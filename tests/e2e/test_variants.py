# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the procedure, and another rotation engine: one departure after the other from the same sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.e2e.inventories import copy_inventory
from tests.e2e.runs import deprovision
from tests.e2e.world import ARCHIVER_PARAMETER, CONFIG_VARS, Sandbox, facts, login_state

MATEO = "mateo.garcia@raxx.example"
PRIYA = "priya.patel@raxx.example"
JORDAN = "jordan.smith@raxx.example"


def test_the_tag_of_step_1_locks_the_person_out_and_does_no_more(sandbox: Sandbox) -> None:
    """1a, 1b, C1."""
    before = sandbox.dump()
    run = deprovision(sandbox, MATEO, tags="step1")
    after = sandbox.dump()
    assert sandbox.access(MATEO) == (0, 0)
    assert {name: after[name] for name in ("raptor", "infisical", "heroku")} == {
        name: before[name] for name in ("raptor", "infisical", "heroku")
    }
    assert run.status != 0
    assert run.result["result"] == "incomplete"
    assert run.result["checkpoints"]["C1"]["grade"] == "observed"
    assert run.last_line.startswith("INCOMPLETE: ")
    for missing in ("C2: still to do for raptor_app", "C3: still to do for audit_archiver", "C4:", "C5:", "C6:"):
        assert missing in run.last_line


def test_without_direct_access_audit_archiver_is_left_alone(sandbox: Sandbox) -> None:
    """3, C3."""
    before = sandbox.dump()
    run = deprovision(sandbox, MATEO, direct_database_access=False)
    after = sandbox.dump()
    assert (run.status, run.result["result"]) == (0, "complete")
    checkpoint = run.result["checkpoints"]["C3"]
    assert checkpoint["grade"] == "attested"
    assert "olivia.osei@raxx.example stated" in checkpoint["detail"]
    assert set(run.result["credentials"]["audit_archiver"].values()) == {None}
    assert sandbox.rotations() == {"raptor_app": 1, "audit_archiver": 0}
    for place in ("heroku", "ssm"):
        assert _of_archiver(after[place]) == _of_archiver(before[place])
    assert not facts(after, "credentials/audit_archiver")
    assert login_state(sandbox.config()["AUDIT_ARCHIVER_DB_URL"]) == "ok"


def _of_archiver(part: object) -> list[str]:
    """Every line of a dump that speaks of audit_archiver; descriptions of releases of the other credential do not."""
    return [line for line in json.dumps(part, indent=1, sort_keys=True).splitlines() if "audit_archiver" in line.lower()]


def test_a_limit_to_one_credential_rotates_it_alone_and_its_app_gets_it(sandbox: Sandbox) -> None:
    """2a to 2d, S3."""
    before = sandbox.rotations()
    run = deprovision(sandbox, PRIYA, limit="raptor_app")
    assert sandbox.rotations() == {**before, "raptor_app": before["raptor_app"] + 1}
    url = sandbox.credential_url("raptor_app")
    assert sandbox.config()["RAPTOR_APP_DATABASE_URL"] == url == sandbox.vault()
    assert sandbox.serves()
    assert sandbox.access(PRIYA) > (0, 0)
    assert run.status != 0
    assert run.result["result"] == "incomplete"
    assert run.result["credentials"]["raptor_app"]["old_dead"] is True
    assert run.result["credentials"]["audit_archiver"]["rotated"] is False
    assert "C3: still to do for audit_archiver" in run.last_line
    assert set(run.stats["processed"]) == {"raptor_app"}


def test_the_full_run_after_a_limited_one_rotates_only_what_is_left(sandbox: Sandbox) -> None:
    """S3."""
    before = sandbox.rotations()
    run = deprovision(sandbox, PRIYA)
    assert (run.status, run.result["result"]) == (0, "complete")
    assert sandbox.rotations() == {**before, "audit_archiver": before["audit_archiver"] + 1}
    assert sandbox.access(PRIYA) == (0, 0)
    assert sandbox.serves()


def test_a_limited_run_after_a_full_one_changes_nothing(sandbox: Sandbox) -> None:
    """S3."""
    before = sandbox.dump()
    run = deprovision(sandbox, PRIYA, limit="raptor_app")
    assert run.status == 0
    # The result file is written anew, because each of these runs has evidence of its own.
    assert run.changed == {"raptor_app": 1}
    assert sandbox.dump() == before


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


def test_another_engine_is_a_matter_of_the_inventory(sandbox: Sandbox, tmp_path: Path) -> None:
    """S6. The last test here: afterwards Heroku does not know the passwords any more."""
    role = tmp_path / "roles" / "engine_toy"
    for file, text in {"tasks/read.yml": READ, "tasks/rotate.yml": ROTATE, "files/toy.py": TOY}.items():
        (role / file).parent.mkdir(parents=True, exist_ok=True)
        (role / file).write_text(text, encoding="utf-8")
    inventory = copy_inventory(tmp_path / "copy")
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text(encoding="utf-8"))
    known = tmp_path / "known"
    known.mkdir()
    old = {name: sandbox.config()[variable] for name, variable in CONFIG_VARS.items()}
    for name, host in hosts["all"]["children"]["credentials"]["hosts"].items():
        host["credential_engine"] = "engine_toy"
        (known / f"{name}.json").write_text(json.dumps({"url": old[name], "settled_at": ""}), encoding="utf-8")
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    before = sandbox.dump()

    run = deprovision(
        sandbox,
        JORDAN,
        inventory=str(inventory / "hosts.yml"),
        environment={
            "ANSIBLE_ROLES_PATH": str(role.parent),
            "TOY_STATE": str(known),
            "TOY_DSN": sandbox.at["databases"]["raptor"],
        },
    )
    assert (run.status, run.result["result"]) == (0, "complete"), run.output
    assert sandbox.dump()["heroku"]["addons"] == before["heroku"]["addons"]
    new = {name: json.loads((known / f"{name}.json").read_text(encoding="utf-8"))["url"] for name in CONFIG_VARS}
    assert {name: sandbox.config()[variable] for name, variable in CONFIG_VARS.items()} == new
    assert sandbox.vault() == new["raptor_app"]
    assert sandbox.parameter(ARCHIVER_PARAMETER)["Value"] == new["audit_archiver"]
    assert {login_state(url) for url in new.values()} == {"ok"}
    assert {login_state(url) for url in old.values()} == {"28P01"}
    assert sandbox.serves()
