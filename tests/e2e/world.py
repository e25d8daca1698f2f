# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox, and looks at it that owe nothing to the collection: SQL, HTTP, boto3 and the sandbox's own dump."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import boto3
import pg8000.native  # type: ignore[import-untyped]
import psycopg2
import requests
import yaml
from pg8000.exceptions import DatabaseError  # type: ignore[import-untyped]

from sandbox.__main__ import ask
from sandbox.state import StateDirectory

ROOT = Path(__file__).parents[2]
RAPTOR = "raxx-api-sandbox"
ADDON = "postgresql-raptor-83017"
ARCHIVER_PARAMETER = "/raxx/sandbox/raptor/AUDIT_ARCHIVER_DB_URL"
CONFIG_VARS = {"raptor_app": "RAPTOR_APP_DATABASE_URL", "audit_archiver": "AUDIT_ARCHIVER_DB_URL"}
LEDGER = "/raxx/sandbox/deprovision"
BUCKET = "raxx-evidence"
LEAVER = "jordan.smith@raxx.example"
OPERATOR = "olivia.osei@raxx.example"
DOWN_SECONDS = 15

Record = dict[str, t.Any]


def clean_environment(home: Path) -> dict[str, str]:
    """What a fresh machine has: no settings of the caller's, an empty home, and the tools of this virtual environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    scratch = home.parent / f"{home.name}-tmp"
    for directory in (home, scratch):
        directory.mkdir(exist_ok=True)
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(scratch), "LANG": "C.UTF-8", "SHELL": "/bin/sh"}


@dataclass
class Sandbox:
    """One sandbox of its own below C(place)."""

    place: Path
    seed: Record = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.place / "state"

    @property
    def home(self) -> Path:
        return self.place / "home"

    def __enter__(self) -> Sandbox:
        seed = self.place / "seed.yml"
        seed.write_text(yaml.safe_dump(self.seed), encoding="utf-8")
        self.command("up", "--seed", str(seed))
        return self

    def __exit__(self, *_: object) -> None:
        self.command("down")
        deadline = time.monotonic() + DOWN_SECONDS
        while left := _processes_with(str(self.state)):
            assert time.monotonic() < deadline, f"processes are left behind: {left}"
            time.sleep(0.05)

    def command(self, *arguments: str) -> str:
        """What a command of the sandbox prints."""
        command = [sys.executable, "-m", "sandbox", *arguments, "--state-dir", str(self.state)]
        done = subprocess.run(
            command, cwd=ROOT, env=clean_environment(self.home), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def control(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """What the sandbox's command line asks of it, without the time that a new interpreter takes."""
        control = StateDirectory(self.state).control()
        assert control is not None
        return ask(control, method, path, body)

    def status(self) -> Record:
        """As C(status --json) prints it."""
        found: Record = self.control("GET", "/status")
        return found

    @cached_property
    def at(self) -> Record:
        """Where everything is; that does not change."""
        return self.status()

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a shell has after C(eval "$(python -m sandbox env)")."""
        script = self.command("env") + "\nenv -0"
        done = subprocess.run(
            ["/bin/sh", "-c", script], env=clean_environment(self.home), capture_output=True, text=True, check=True
        )
        return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if "=" in entry)

    def secrets(self) -> list[str]:
        found: list[str] = self.status()["secrets"]
        return found

    def dump(self) -> Record:
        """Everything that all systems hold, as C(dump) prints it."""
        found: Record = self.control("GET", "/dump")
        return found

    def fault(self, system: str, path: str, kind: str, method: str = "ANY", **more: t.Any) -> None:
        self.control("POST", "/faults", {"system": system, "method": method, "path": path, "kind": kind, **more})

    def mend(self) -> None:
        self.control("DELETE", "/faults")

    # -- PostgreSQL

    def sql(self, database: str, statement: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        """Rows, as the superuser sees them."""
        link = psycopg2.connect(self.at["databases"][database])
        try:
            with link, link.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            link.close()

    def access(self, email: str) -> tuple[int, int]:
        """How many memberships and active sessions a person has in Console."""
        counts = [
            "SELECT count(*) FROM rbac_user_groups JOIN admins ON admins.id = user_id WHERE lower(email) = %s",
            "SELECT count(*) FROM admin_sessions JOIN admins ON admins.id = admin_id"
            " WHERE lower(email) = %s AND revoked_at IS NULL",
        ]
        memberships, sessions = (int(self.sql("console", statement, email)[0][0]) for statement in counts)
        return memberships, sessions

    # -- the other systems

    def heroku(self, path: str, method: str = "GET", body: t.Any = None) -> t.Any:
        token = self.at["heroku"]["token"]
        headers = {"Accept": "application/vnd.heroku+json; version=3", "Authorization": f"Bearer {token}"}
        answer = requests.request(method, self.at["heroku"]["api_url"] + path, headers=headers, json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def config(self) -> dict[str, str]:
        found: dict[str, str] = self.heroku(f"/apps/{RAPTOR}/config-vars")
        return found

    def releases(self) -> list[Record]:
        found: list[Record] = self.heroku(f"/apps/{RAPTOR}/releases")
        return found

    def log(self) -> list[str]:
        """All that the log of the app still holds."""
        session = self.heroku(f"/apps/{RAPTOR}/log-sessions", "POST", {"lines": 1500, "tail": False})
        return requests.get(session["logplex_url"], timeout=30).text.splitlines()

    def credential(self, name: str) -> Record:
        """A credential as Heroku's Data API gives it."""
        found: Record = self.heroku(f"/postgres/v0/databases/{ADDON}/credentials/{name}")
        return found

    def credential_url(self, name: str) -> str:
        """The connection URL of a credential as Heroku's Data API gives it."""
        return active_url(self.credential(name))

    def vault(self) -> str:
        """The URL of raptor_app that the vault holds."""
        at = self.at["infisical"]
        answer = requests.get(
            f"{at['url']}/api/v3/secrets/raw/RAPTOR_APP_DB_URL",
            headers={"Authorization": f"Bearer {at['token']}"},
            params={"workspaceId": at["workspace_id"], "environment": at["environment"], "secretPath": at["path"]},
            timeout=30,
        )
        assert answer.ok, answer.text
        return str(answer.json()["secret"]["secretValue"])

    def parameter(self, name: str = ARCHIVER_PARAMETER) -> Record:
        aws = self.at["aws"]
        client = boto3.client(
            "ssm",
            endpoint_url=aws["endpoint_url"],
            region_name=aws["region"],
            aws_access_key_id=aws["access_key_id"],
            aws_secret_access_key=aws["secret_access_key"],
        )
        found: Record = dict(client.get_parameter(Name=name, WithDecryption=True)["Parameter"])
        return found

    def tickets(self, subject: str = "DEPROV-2") -> list[Record]:
        """The tickets whose subject contains C(subject), with their threads."""
        at = self.at["freescout"]
        headers = {"X-FreeScout-API-Key": at["api_key"]}
        listed = requests.get(
            f"{at['url']}/api/conversations",
            headers=headers,
            params={"subject": subject, "status": "active,pending,closed,spam"},
            timeout=30,
        )
        assert listed.ok, listed.text
        numbers = [entry["id"] for entry in listed.json()["_embedded"]["conversations"]]
        return [requests.get(f"{at['url']}/api/conversations/{n}", headers=headers, timeout=30).json() for n in numbers]

    def serves(self) -> bool:
        """Whether Raptor reads and writes with its credential, from each of its web dynos."""
        url = self.at["raptor"]["url"]
        run = {"operator_email": "test@raxx.example", "dry_run": True}
        answers = [
            answer.status_code
            for __ in range(4)
            for answer in (
                requests.get(f"{url}/audit/events", timeout=30),
                requests.post(f"{url}/audit/runs", json=run, timeout=30),
            )
        ]
        return set(answers) == {200, 201}

    def rotations(self) -> dict[str, int]:
        """How often each credential has got a new password for its own user, by the URLs that ever lived."""
        urls = [urlsplit(secret) for secret in self.secrets() if secret.startswith("postgres")]
        return {name: len({url.password for url in urls if url.username == name}) - 1 for name in CONFIG_VARS}


def s3(sandbox: Sandbox) -> t.Any:
    """A client of the sandbox's S3, with the rights that a run has."""
    aws = sandbox.at["aws"]
    return boto3.client(
        "s3",
        endpoint_url=aws["endpoint_url"],
        region_name=aws["region"],
        aws_access_key_id=aws["access_key_id"],
        aws_secret_access_key=aws["secret_access_key"],
    )


def locked_bucket(sandbox: Sandbox) -> t.Any:
    """A client of an account in which there now is the bucket C(BUCKET) with object lock."""
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 7}}}
    client = s3(sandbox)
    client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=rule)
    return client


def active_url(credential: Record) -> str:
    """The connection URL in a credential as Heroku's Data API gives it. Raises StopIteration while no log-in is active."""
    active = next(entry for entry in credential["credentials"] if entry["state"] == "active")
    login = f"{quote(active['user'], safe='')}:{quote(active['password'], safe='')}"
    return f"postgres://{login}@{credential['host']}:{credential['port']}/{credential['database']}"


def login_state(url: str) -> str:
    """The SQLSTATE with which the server refuses a log-in, or C(ok)."""
    parts = urlsplit(url)
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    assert parts.username
    assert parts.hostname
    assert parts.port
    try:
        link = pg8000.native.Connection(
            parts.username,
            host=parts.hostname,
            port=parts.port,
            database=parts.path[1:],
            password=unquote(parts.password or ""),
            ssl_context=unverified,
        )
    except DatabaseError as error:
        return str(error.args[0]["C"])
    link.close()
    return "ok"


def facts(dump: Record, place: str) -> dict[str, t.Any]:
    """What the ledger says below C(place), by the rest of the name."""
    base = f"{LEDGER}/{place}/"
    return {
        entry["name"].removeprefix(base): entry["versions"][-1]["value"]
        for entry in dump["ssm"]
        if entry["name"].startswith(base)
    }


def _processes_with(text: str) -> list[int]:
    """Processes that have C(text) in their arguments or in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if text.encode() in known:
                found.append(int(entry.name))
    return found
