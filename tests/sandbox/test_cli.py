# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The whole sandbox from its command line, as a user and as tools see it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.__main__ import ask
from sandbox.state import Control, StateDirectory

ROOT = Path(__file__).parents[2]


def sandbox(*arguments: str, state: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", *arguments, "--state-dir", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=check)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pids: list[int]) -> None:
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "processes survive"
        time.sleep(0.05)


@dataclass
class Running:
    state: Path
    seconds: float

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(sandbox("status", "--json", state=self.state).stdout)
        return found

    def fault(self, system: str, method: str, path: str, kind: str, times: int | None = None, **more: Any) -> None:
        fault = {"system": system, "method": method, "path": path, "kind": kind, "times": times, **more}
        ask(self.control, "POST", "/faults", fault)

    @property
    def control(self) -> Control:
        control = StateDirectory(self.state).control()
        assert control is not None
        return control


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("sandbox") / "a state"
    began = time.monotonic()
    shown = sandbox("up", state=state)
    seconds = time.monotonic() - began
    assert "Jordan.Smith@raxx.example" in shown.stdout
    it = Running(state, seconds)
    pids = [process["pid"] for process in it.status()["processes"]]
    yield it
    sandbox("down", state=state)
    assert not state.exists()
    wait_until_dead(pids)


@pytest.fixture(scope="module")
def found(running: Running) -> dict[str, Any]:
    return running.status()


@pytest.fixture
def faults(running: Running) -> Iterator[Running]:
    yield running
    ask(running.control, "DELETE", "/faults")


def heroku(found: dict[str, Any], method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"Accept": "application/vnd.heroku+json; version=3", "Authorization": f"Bearer {found['heroku']['token']}"}
    return requests.request(method, found["heroku"]["api_url"] + path, headers=headers, json=body, timeout=10)


def vault(found: dict[str, Any], method: str, value: str | None = None) -> requests.Response:
    settings = found["infisical"]
    place = {"workspaceId": settings["workspace_id"], "environment": settings["environment"], "secretPath": settings["path"]}
    return requests.request(
        method,
        f"{settings['url']}/api/v3/secrets/raw/STATUS_PAGE_TOKEN",
        headers={"Authorization": f"Bearer {settings['token']}"},
        params=place if method == "GET" else None,
        json=None if method == "GET" else place | {"secretValue": value},
        timeout=10,
    )


def stored(found: dict[str, Any]) -> str:
    value: str = vault(found, "GET").json()["secret"]["secretValue"]
    return value


def tickets(found: dict[str, Any], method: str = "GET") -> requests.Response:
    headers = {"X-FreeScout-API-Key": found["freescout"]["api_key"]}
    return requests.request(method, f"{found['freescout']['url']}/api/conversations", headers=headers, timeout=10)


def ssm(found: dict[str, Any], service: str = "ssm", key: str | None = None) -> Any:
    aws = found["aws"]
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=aws["endpoint_url"],
        region_name=aws["region"],
        aws_access_key_id=key or aws["access_key_id"],
        aws_secret_access_key=aws["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_it_is_up_quickly(running: Running) -> None:
    assert running.seconds < 10


def test_up_twice_is_fine_and_changes_nothing(running: Running, found: dict[str, Any]) -> None:
    again = sandbox("up", state=running.state)
    assert "up already" in again.stdout
    assert running.status()["processes"][0] == found["processes"][0]


def test_status_names_everything(found: dict[str, Any]) -> None:
    for system, keys in {
        "heroku": ["api_url", "data_url", "token"],
        "infisical": ["url", "token", "workspace_id", "environment", "path", "client_id", "client_secret"],
        "freescout": ["url", "api_key", "mailbox_id", "user_id"],
        "aws": ["endpoint_url", "region", "access_key_id", "secret_access_key"],
        "databases": ["console", "raptor"],
    }.items():
        assert all(found[system][key] for key in keys)
    for secret in (found["heroku"]["token"], found["infisical"]["client_secret"], found["databases"]["console"]):
        assert secret in found["secrets"]
    assert {process["name"] for process in found["processes"]} >= {
        "postgres",
        "sandbox supervisor",
        "raxx-api-sandbox web.1",
        "raxx-api-sandbox web.2",
        "raxx-api-sandbox worker.1",
    }


def test_env_is_for_a_shell(running: Running, found: dict[str, Any]) -> None:
    lines = sandbox("env", state=running.state).stdout
    shell = subprocess.run(
        ["sh", "-c", f"{lines}\nenv"], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    given = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    assert given["RAXX_SANDBOX_STATE"] == str(running.state)
    assert given["HEROKU_HOST"] == given["HEROKU_API_URL"] == found["heroku"]["api_url"]
    assert given["INFISICAL_TOKEN"] == found["infisical"]["token"]
    assert Path(given["HEROKU_CA_PATH"]).read_text(encoding="ascii").startswith("-----BEGIN CERTIFICATE-----")
    assert requests.get(given["RAPTOR_URL"] + "/audit/events", timeout=10).status_code == 200
    as_json = json.loads(sandbox("env", "--json", state=running.state).stdout)
    assert as_json.items() <= given.items()
    assert len(as_json) == lines.count("export ")


def test_each_credential_is_the_same_in_the_store_the_config_and_the_database(found: dict[str, Any]) -> None:
    config = heroku(found, "GET", "/apps/raxx-api-sandbox/config-vars").json()
    parameter = ssm(found).get_parameter(Name="/raxx/sandbox/raptor/AUDIT_ARCHIVER_DB_URL", WithDecryption=True)["Parameter"]
    assert parameter["Value"] == config["AUDIT_ARCHIVER_DB_URL"]
    for name in ("DATABASE_URL", "RAPTOR_APP_DATABASE_URL", "AUDIT_ARCHIVER_DB_URL"):
        psycopg2.connect(config[name], sslmode="require").close()
        assert config[name] in found["secrets"]
    for dsn in found["databases"].values():
        psycopg2.connect(dsn).close()


def test_two_dumps_of_an_untouched_sandbox_are_equal_and_a_change_shows(running: Running, found: dict[str, Any]) -> None:
    one, two = (sandbox("dump", state=running.state).stdout for __ in range(2))
    assert one == two
    assert set(json.loads(one)) == {"console", "raptor", "ssm", "infisical", "heroku", "freescout"}
    vault(found, "PATCH", "changed")
    assert sandbox("dump", state=running.state).stdout != one
    assert "changed" in running.status()["secrets"]


@pytest.mark.parametrize(("kind", "error", "acted"), [("refuse", True, False), ("act-then-drop", True, True)])
def test_a_connection_that_is_closed(faults: Running, found: dict[str, Any], kind: str, error: bool, acted: bool) -> None:
    vault(found, "PATCH", "before")
    faults.fault("infisical", "PATCH", "/secrets/raw/", kind, times=1)
    with pytest.raises(requests.ConnectionError):
        vault(found, "PATCH", "after")
    assert stored(found) == ("after" if acted else "before")
    assert vault(found, "PATCH", "again").ok


@pytest.mark.parametrize(
    ("kind", "status", "acted"), [("error", 503, False), ("act-then-error", 503, True), ("throttle", 429, False)]
)
def test_an_error_in_the_systems_own_words(faults: Running, found: dict[str, Any], kind: str, status: int, acted: bool) -> None:
    vault(found, "PATCH", "before")
    faults.fault("infisical", "ANY", "/secrets/", kind, times=1)
    answer = vault(found, "PATCH", "after")
    assert answer.status_code == answer.json()["statusCode"] == status
    assert stored(found) == ("after" if acted else "before")


def test_every_system_has_its_own_dialect_for_errors(faults: Running, found: dict[str, Any]) -> None:
    for system in ("heroku", "freescout", "aws"):
        faults.fault(system, "ANY", ".", "error")
    assert heroku(found, "GET", "/account").json()["id"] == "server_error"
    assert tickets(found).json() == {"message": "Service Unavailable"}
    with pytest.raises(ClientError, match="InternalServerError"):
        ssm(found).get_parameter(Name="/x")
    ask(faults.control, "DELETE", "/faults")
    assert heroku(found, "GET", "/account").ok
    faults.fault("heroku", "GET", "/account", "throttle")
    assert (heroku(found, "GET", "/account").status_code, heroku(found, "GET", "/account").json()["id"]) == (429, "rate_limit")


def test_a_stall_comes_before_the_answer(faults: Running, found: dict[str, Any]) -> None:
    faults.fault("freescout", "GET", "/conversations", "stall", times=1, seconds=0.4)
    began = time.monotonic()
    assert tickets(found).ok
    assert time.monotonic() - began >= 0.4


def test_garbage_is_html_under_a_json_type(faults: Running, found: dict[str, Any]) -> None:
    faults.fault("heroku", "GET", "/config-vars", "garbage")
    answer = heroku(found, "GET", "/apps/raxx-api-sandbox/config-vars")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.text.startswith("<html>")


def test_a_stale_read_shows_the_state_before_the_last_write(faults: Running, found: dict[str, Any]) -> None:
    vault(found, "PATCH", "old")
    assert stored(found) == "old"
    vault(found, "PATCH", "new")
    assert stored(found) == "new"
    faults.fault("infisical", "GET", "/secrets/raw/", "stale", times=1)
    assert [stored(found), stored(found)] == ["old", "new"]


def test_a_fault_of_aws_is_for_one_operation(faults: Running, found: dict[str, Any]) -> None:
    client = ssm(found)
    faults.fault("aws", "POST", "^PutParameter /raxx/x$", "throttle", times=1)
    with pytest.raises(ClientError, match="ThrottlingException"):
        client.put_parameter(Name="/raxx/x", Value="1", Type="String")
    assert client.put_parameter(Name="/raxx/x", Value="1", Type="String")["Version"] == 1
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        client.put_parameter(Name="/raxx/x", Value="1", Type="String")


@pytest.mark.parametrize(
    ("kind", "acted"), [("refuse", False), ("error", False), ("act-then-drop", True), ("act-then-error", True)]
)
def test_a_commit_that_gets_no_answer(faults: Running, found: dict[str, Any], kind: str, acted: bool) -> None:
    answer = heroku(found, "GET", "/apps/raxx-console-sandbox/config-vars").json()
    faults.fault("postgres", "COMMIT", "^test: COMMIT of INSERT INTO rbac_groups", kind, times=1)
    link = psycopg2.connect(answer["DATABASE_URL"], sslmode="require", application_name="test")
    with pytest.raises(psycopg2.Error), link, link.cursor() as cursor:
        cursor.execute("INSERT INTO rbac_groups (name) VALUES (%s)", (kind,))
    with psycopg2.connect(answer["DATABASE_URL"], sslmode="require") as link, link.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rbac_groups WHERE name = %s", (kind,))
        assert cursor.fetchone() == (int(acted),)
    met = [call for call in ask(faults.control, "GET", "/calls") if call["struck"] == kind and call["system"] == "postgres"]
    assert [(call["method"], call["writes"]) for call in met] == [("COMMIT", True)]
    assert kind not in met[0]["path"]


def test_a_fault_can_let_requests_through_and_wait_for_one(faults: Running, found: dict[str, Any]) -> None:
    faults.fault("heroku", "GET", "^/account$", "error", times=1, skip=1, after="^/apps$")
    asked = ["/account", "/account", "/apps", "/account", "/account", "/account"]
    assert [heroku(found, "GET", path).status_code for path in asked] == [200, 200, 200, 200, 503, 200]


@pytest.mark.parametrize(("name", "value"), [("/raxx/a b", "x"), ("/raxx/x", "x" * 4097), ("/raxx/x", "a{{b}}"), ("raxx/x", "x")])
def test_aws_refuses_what_moto_would_take(found: dict[str, Any], name: str, value: str) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        ssm(found).put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def test_of_many_creators_of_one_parameter_one_succeeds(found: dict[str, Any]) -> None:
    client = ssm(found)

    def create(number: int) -> bool:
        try:
            client.put_parameter(Name="/raxx/race", Value=str(number), Type="String")
        except client.exceptions.ParameterAlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(8))) == 1


def test_aws_knows_its_own_keys_only(found: dict[str, Any]) -> None:
    assert ssm(found, "sts").get_caller_identity()["Account"]
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        ssm(found, key="AKIAOTHER").get_parameter(Name="/x")


def test_faults_from_the_command_line(faults: Running, found: dict[str, Any]) -> None:
    refused = sandbox("fault", "set", "heroku", "GET", "(", "error", state=faults.state, check=False)
    assert refused.returncode == 1
    assert "not a regular expression" in refused.stderr
    sandbox("fault", "set", "heroku", "get", "^/account$", "error", "--times", "2", state=faults.state)
    assert heroku(found, "GET", "/account").status_code == 503
    assert sandbox("fault", "list", state=faults.state).stdout == "heroku GET ^/account$ error (1 times)\n"
    assert sandbox("fault", "clear", state=faults.state).stdout == "No faults are set.\n"


def test_a_sandbox_that_is_not_up_says_so(tmp_path: Path) -> None:
    for command in ("status", "env", "dump"):
        refused = sandbox(command, state=tmp_path / "none", check=False)
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert "is not up" in refused.stderr
    assert sandbox("down", state=tmp_path / "none").returncode == 0
    assert not (tmp_path / "none").exists()


def test_a_bad_seed_leaves_nothing_behind(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yml"
    seed.write_text("raptor: {audit_runs: [{run_type: nonsense, operator_email: x, notes: x, completed: 1d}]}", encoding="utf-8")
    refused = sandbox("up", "--seed", str(seed), state=tmp_path / "state", check=False)
    assert refused.returncode == 1
    assert "audit_archival_runs_run_type_check" in refused.stderr
    assert not (tmp_path / "state").exists()


def test_a_second_one_beside_it_and_a_killed_supervisor(running: Running, found: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("not the sandbox's", encoding="utf-8")
    sandbox("up", state=tmp_path)
    other = json.loads(sandbox("status", "--json", state=tmp_path).stdout)
    assert other["heroku"] != found["heroku"]
    supervisor, *children = [process["pid"] for process in other["processes"]]
    os.kill(supervisor, signal.SIGKILL)
    wait_until_dead([supervisor, *children])
    assert sandbox("status", state=tmp_path, check=False).returncode == 1
    sandbox("down", state=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
    assert heroku(found, "GET", "/account").ok
