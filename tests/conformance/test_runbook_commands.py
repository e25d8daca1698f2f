# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manual runbook tells an operator to type, typed; and our modules see the same world afterwards.

Each command behaves here as its maker documents it. So where the collection and a command agree in the sandbox, the stand-ins
are no private agreement between the sandbox and our own clients.
"""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest

from tests.conformance.conftest import Shell, eventually
from tests.e2e.world import ADDON, ARCHIVER_PARAMETER, LEAVER, RAPTOR, Sandbox, login_state

VAULT = "$INFISICAL_URL/api/v3/secrets/raw/RAPTOR_APP_DB_URL"
BEARER = '-H "Authorization: Bearer $INFISICAL_TOKEN"'
SECRET = {"environment": "sandbox", "path": "/raxx/sandbox/raptor", "name": "RAPTOR_APP_DB_URL"}
CONSOLE = "raxx-console-sandbox"
PERSON = f"(SELECT id FROM admins WHERE lower(email) = '{LEAVER}')"


def url_of(shell: Shell, credential: str) -> str:
    """The URL that the CLI shows."""
    shown = shell(f"heroku pg:credentials:url DATABASE --name {credential} -a {RAPTOR}").stdout
    (url,) = re.findall(rf"postgres://{credential}:\S+", shown)
    return str(url)


def read(shell: Shell, credential: str) -> str:
    """The URL that our module reads."""
    return str(shell.module("heroku_pg_credential", app=RAPTOR, name=credential, state="read")["url"])


def settled(sandbox: Sandbox, credential: str) -> bool:
    found = sandbox.heroku(f"/postgres/v0/databases/{ADDON}/credentials/{credential}")
    return bool(found["state"] == "active")


def test_p2_the_operator_is_logged_in(shell: Shell, sandbox: Sandbox) -> None:
    assert shell("heroku auth:whoami").stdout.strip() == sandbox.at["people"]["operator"]
    assert "not logged in" in shell("heroku auth:whoami", status=100, HEROKU_API_KEY="").stderr.lower()


def test_p3_the_operator_has_aws_credentials(shell: Shell) -> None:
    assert json.loads(shell("aws sts get-caller-identity").stdout)["Account"]


def test_2a_the_cli_rotates_and_our_module_reads(shell: Shell, sandbox: Sandbox) -> None:
    listed = shell(f"heroku pg:credentials DATABASE -a {RAPTOR}").stdout
    assert "raptor_app" in listed
    assert "audit_archiver" in listed
    old = url_of(shell, "raptor_app")
    assert read(shell, "raptor_app") == old
    # Without a confirmation and without a terminal it only warns; its exit status is 0 or 1, as the version of Node.js has it.
    shell(f"heroku pg:credentials:rotate DATABASE --name raptor_app -a {RAPTOR} || true")
    assert url_of(shell, "raptor_app") == old
    done = shell(f"heroku pg:credentials:rotate DATABASE --name raptor_app -a {RAPTOR} --confirm {RAPTOR}")
    assert "Rotating raptor_app on" in done.stderr
    assert done.stdout == ""
    # As in a real rotation the applications' sessions would be waited for; the operator cuts them off.
    path = f"/postgres/v0/databases/{ADDON}/credentials/raptor_app/credentials_rotation"
    sandbox.heroku(path, "POST", {"forced": True})
    eventually(lambda: settled(sandbox, "raptor_app"))
    new = url_of(shell, "raptor_app")
    assert new != old
    assert read(shell, "raptor_app") == new
    assert login_state(old) == "28P01"
    assert login_state(new) == "ok"
    assert "Available" in shell(f"heroku pg:info DATABASE -a {RAPTOR}").stdout
    shell(f"heroku pg:wait {ADDON} -a {RAPTOR}")


def test_2a_our_module_rotates_and_the_cli_reads(shell: Shell) -> None:
    old = url_of(shell, "audit_archiver")
    rotated = shell.module("heroku_pg_credential", app=RAPTOR, name="audit_archiver", forced=True)
    assert rotated["changed"]
    assert url_of(shell, "audit_archiver") == rotated["url"] != old
    assert login_state(old) == "28P01"


def test_2b_curl_writes_the_vault_and_our_module_agrees(shell: Shell, sandbox: Sandbox) -> None:
    # Neither Python's index nor npm has a real one. Skipped, this would be green where nothing was looked at.
    assert shutil.which("curl"), "There is no curl. Install it with the system's package manager; CONTRIBUTING.md lists it."
    value = "postgres://raptor_app:by-curl@db.example:5432/d"
    body = {
        "workspaceId": sandbox.at["infisical"]["workspace_id"],
        "environment": SECRET["environment"],
        "secretPath": SECRET["path"],
        "secretValue": value,
    }
    patch = f"""curl --fail -sS -X PATCH "{VAULT}" {BEARER} -H 'Content-Type: application/json' -d "$BODY" """
    assert json.loads(shell(patch, BODY=json.dumps(body)).stdout)["secret"]["secretValue"] == value
    ours = {**SECRET, "infisical_url": sandbox.at["infisical"]["url"], "workspace_id": sandbox.at["infisical"]["workspace_id"]}
    assert not shell.module("infisical_secret", **ours, value=value)["changed"]
    assert shell.module("infisical_secret", **ours, value=f"{value}?by=module")["changed"]
    query = f"?workspaceId={body['workspaceId']}&environment={body['environment']}&secretPath={body['secretPath']}"
    found = json.loads(shell(f'curl --fail -sS "{VAULT}{query}" {BEARER}').stdout)
    assert found["secret"]["secretValue"] == f"{value}?by=module"
    assert "401" in shell(f'curl -sS -o /dev/null -w "%{{http_code}}" "{VAULT}{query}"').stdout


def test_2c_the_config_and_the_restart(shell: Shell, sandbox: Sandbox) -> None:
    done = shell(f"heroku config:set COLOUR=green -a {RAPTOR}")
    assert f"v{sandbox.releases()[-1]['version']}" in done.stderr
    assert json.loads(shell(f"heroku config:get COLOUR --json -a {RAPTOR}").stdout) == {"key": "COLOUR", "value": "green"}
    assert not shell.module("heroku_config", app=RAPTOR, values={"COLOUR": "green"})["changed"]
    assert shell.module("heroku_config", app=RAPTOR, values={"COLOUR": "blue"})["changed"]
    assert shell(f"heroku config:get COLOUR -a {RAPTOR}").stdout.strip() == "blue"
    refused = shell(f"heroku config:set DATABASE_URL=x -a {RAPTOR}", status=2)
    assert "Cannot overwrite attachment values DATABASE_URL." in refused.stderr
    before = {dyno["id"] for dyno in sandbox.heroku(f"/apps/{RAPTOR}/dynos")}
    shell(f"heroku restart -a {RAPTOR}")
    shell(f"heroku ps:wait -a {RAPTOR}")
    assert not before & {dyno["id"] for dyno in sandbox.heroku(f"/apps/{RAPTOR}/dynos")}
    listed = shell(f"heroku ps -a {RAPTOR}").stdout
    assert "web.1: up" in listed
    assert "worker.1: up" in listed
    shell(f"heroku restart --process-type web -a {RAPTOR}")


def test_2c_the_log(shell: Shell) -> None:
    lines = shell(f"heroku logs -a {RAPTOR} --num 30").stdout.splitlines()
    assert len(lines) == 30
    assert any("State changed from starting to up" in line for line in lines)


@pytest.mark.parametrize(("owner", "told"), [("aws", "module"), ("module", "aws")])
def test_3b_the_parameter(shell: Shell, owner: str, told: str) -> None:
    value = f"postgres://audit_archiver:by-{owner}@db.example:5432/d"
    put = f'aws ssm put-parameter --name {ARCHIVER_PARAMETER} --type SecureString --overwrite --value "$VALUE"'
    get = f"aws ssm get-parameter --name {ARCHIVER_PARAMETER} --with-decryption --query Parameter.Value --output text"
    ours = {"name": ARCHIVER_PARAMETER, "value": value, "prefix": "postgres://audit_archiver:"}
    if owner == "aws":
        assert json.loads(shell(put, VALUE=value).stdout)["Version"] > 1
        assert not shell.module("ssm_secret", **ours)["changed"]
    else:
        assert shell.module("ssm_secret", **ours)["changed"]
    assert shell(get).stdout.strip() == value
    assert value not in shell(get.replace(" --with-decryption", "").replace("Value", "Name")).stdout


def test_3c_the_job_runs_once_and_says_its_exit_status(shell: Shell, sandbox: Sandbox) -> None:
    job = "python jobs/audit_archiver.py --dry-run"
    url = read(shell, "audit_archiver")
    shell(f'heroku config:set AUDIT_ARCHIVER_DB_URL="$URL" -a {RAPTOR}', URL=url)
    done = shell(f'heroku run "{job}" -a {RAPTOR} --exit-code')
    assert "events would be archived (dry run)" in done.stdout
    done = shell(f"heroku run 'echo $LOG_LEVEL; (exit 3)' -a {RAPTOR} --exit-code", status=3)
    assert done.stdout == "info\n"
    shell(f"heroku run:detached 'echo from the job' -a {RAPTOR}")
    eventually(lambda: any("from the job" in line for line in sandbox.log()))


def counted(shell: Shell, statement: str) -> int:
    """What a counting statement gives an operator who asks the Console database."""
    shown = shell(f'heroku pg:psql DATABASE -a {CONSOLE} -c "$SQL"', SQL=statement).stdout
    (number,) = re.findall(r"^ *(\d+)$", shown, re.MULTILINE)
    return int(number)


def test_1a_1b_and_5_what_psql_takes_away_our_modules_find_gone(shell: Shell) -> None:
    """Steps 1 and 5 by hand: the documented alternative to Console's web page."""
    sessions = f"SELECT count(*) FROM admin_sessions WHERE admin_id = {PERSON} AND revoked_at IS NULL"
    memberships = f"SELECT count(*) FROM rbac_user_groups WHERE user_id = {PERSON}"
    assert counted(shell, sessions) == 4
    assert counted(shell, memberships) == 3
    ours = {"heroku_app": CONSOLE, "emails": [LEAVER]}
    assert shell.module("console_memberships", _ansible_check_mode=True, **ours)["changed"]
    psql = f'heroku pg:psql DATABASE -a {CONSOLE} -c "$SQL"'
    assert "DELETE 3" in shell(psql, SQL=f"DELETE FROM rbac_user_groups WHERE user_id = {PERSON}").stdout
    assert not shell.module("console_memberships", **ours)["changed"]
    assert shell.module("console_sessions", **ours)["changed"]
    assert counted(shell, sessions) == 0
    ended = f"UPDATE admin_sessions SET revoked_at = now() WHERE admin_id = {PERSON} AND revoked_at IS NULL"
    assert "UPDATE 0" in shell(psql, SQL=ended).stdout


def test_6_the_row_that_psql_inserts_is_the_row_that_our_module_finds(shell: Shell, sandbox: Sandbox) -> None:
    event, operator = "DEPROV-2026-11-24-jordan.smith", sandbox.at["people"]["operator"]
    insert = (
        "INSERT INTO audit_archival_runs (run_type, operator_email, freescout_ticket_id, notes, completed_at)"
        f" VALUES ('deprovisioning', '{operator}', '4711', 'By hand.\nevent={event} person={LEAVER}', now())"
    )
    psql = f'heroku pg:psql DATABASE -a {RAPTOR} -c "$SQL"'
    assert "INSERT 0 1" in shell(psql, SQL=insert).stdout
    ours = {"event": event, "email": LEAVER, "operator_email": operator, "ticket_id": "4711", "notes": "by our module"}
    assert not shell.module("audit_archival_run", heroku_app=RAPTOR, rows=[ours])["changed"]
    ours |= {"event": f"{event}-2", "ticket_id": "4712"}
    assert shell.module("audit_archival_run", heroku_app=RAPTOR, rows=[ours])["changed"]
    shown = shell(psql, SQL="SELECT notes FROM audit_archival_runs WHERE freescout_ticket_id = '4712'").stdout
    assert "by our module" in shown


def test_2d_psql_logs_in_with_the_credential_and_not_with_another_password(shell: Shell) -> None:
    url = url_of(shell, "raptor_app")
    assert shell('psql -Atc "SELECT session_user" "$URL"', URL=url).stdout.strip() == "raptor_app"
    wrong = url.replace("postgres://raptor_app:", "postgres://raptor_app:x")
    refused = shell('psql -Atc "SELECT 1" "$URL"', status=2, URL=wrong).stderr
    assert 'password authentication failed for user "raptor_app"' in refused
    assert "no encryption" in shell('PGSSLMODE=disable psql -Atc "SELECT 1" "$URL"', status=2, URL=url).stderr


ADDON_ID = "[0-9a-f-]{36}"
DATA = "/postgres/v0/databases"
TRACES = {
    "auth:whoami": ["GET /account", "GET /account"],
    f"pg:credentials:url DATABASE --name raptor_app -a {RAPTOR}": [
        "POST /actions/addon-attachments/resolve",
        f"GET {DATA}/{ADDON}/credentials/raptor_app",
    ],
    f"pg:credentials DATABASE -a {RAPTOR}": [
        "POST /actions/addon-attachments/resolve",
        f"GET {DATA}/{ADDON_ID}/credentials",
        f"GET /addons/{ADDON_ID}/addon-attachments",
    ],
    f"config:set TRACED=yes -a {RAPTOR}": [f"PATCH /apps/{RAPTOR}/config-vars", f"GET /apps/{RAPTOR}/releases"],
    f"restart -a {RAPTOR}": [f"DELETE /apps/{RAPTOR}/dynos"],
    f"logs -a {RAPTOR} --num 5": [f"GET /apps/{RAPTOR}", f"POST /apps/{RAPTOR}/log-sessions", "GET /sessions/[0-9a-f-]+"],
    f"run true -a {RAPTOR} --exit-code": [
        f"GET /apps/{RAPTOR}",
        "GET /account",
        "GET /account",
        f"POST /apps/{RAPTOR}/dynos",
    ],
}


@pytest.mark.parametrize("command", TRACES)
def test_the_cli_asks_what_it_asks_of_the_real_heroku(shell: Shell, sandbox: Sandbox, command: str) -> None:
    """In this order, and nothing else: a stand-in that it does not believe in would be asked for more."""
    since = time.time()
    shell(f"heroku {command}")
    calls = [call for call in sandbox.control("GET", "/calls") if call["system"] == "heroku" and call["at"] > since]
    asked = [f"{call['method']} {call['path']}" for call in calls]
    assert len(asked) == len(TRACES[command]), asked
    for got, wanted in zip(asked, TRACES[command], strict=True):
        assert re.fullmatch(wanted, got), asked
