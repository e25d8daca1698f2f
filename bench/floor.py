# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: one plain process that makes the remote calls of a run of ours, and does nothing else.

usage: python -m bench.floor RECORDING EMAIL LOG_WINDOW     (RECORDING: the calls of a run of ours, as JSON)

The calls are made in the same order of dependence, side by side where they may be (L(stages)). What changes the world is done
really (lock-out, rotation, release, one-off dyno, smoke suite, row, ticket), and what is waited for is waited for. A read is the
same read; a statement of SQL that only looks is C(SELECT 1), and what is written to the ledger goes to a place of its own.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import typing as t
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import boto3
import psycopg2
import requests
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._one_off import run_one_off
from botocore.config import Config

from bench.calls import Call

ROOT = Path(__file__).parents[1]
API, CONSOLE = "raxx-api-sandbox", "raxx-console-sandbox"
CREDENTIALS = {"raptor_app": "RAPTOR_APP_DATABASE_URL", "audit_archiver": "AUDIT_ARCHIVER_DB_URL"}
SMOKE = [str(ROOT / "sandbox" / "raptor" / "scripts" / "ci" / "run_smoke.sh"), "--env=sandbox"]
LEDGER_VALUE = json.dumps({"fact": "x" * 250})
POLL_SECONDS = 0.2

Lanes = dict[str, list[Call]]

# A stage begins with the first call that its pattern is found in, the stages before it being over.
STAGES = [
    ("prerequisites", r"^"),
    ("lock-out", r"postgres DELETE .*rbac_user_groups"),
    ("ticket", r"^(aws|freescout)"),
    ("rotation", r"actions/addon-attachments/resolve|credentials_rotation"),
    ("release", r"heroku (GET|PATCH) \S+/(config-vars|releases)$"),
    ("proofs", r"POST \S+/(log-sessions|dynos)|pg_stat_activity|session_user"),
    ("last look", r"postgres SELECT .*(rbac_user_groups|admin_sessions|FROM admins)"),
]


def stages(calls: Iterable[Call]) -> list[tuple[str, Lanes]]:
    """The calls of a run in the order in which they depend on each other: those in different lanes of a stage do not."""
    found: list[tuple[str, Lanes]] = []
    number = -1
    for call in calls:
        text = f"{call.system} {call.method} {call.path}"
        if number + 1 < len(STAGES) and _begins(STAGES[number + 1], text, found):
            number += 1
            found.append((STAGES[number][0], defaultdict(list)))
        found[-1][1]["?" if (lane := _lane(found[-1][0], call)) is None else lane].append(call)
    return [(name, _settled(lanes)) for name, lanes in found]


def _begins(stage: tuple[str, str], text: str, found: list[tuple[str, Lanes]]) -> bool:
    if re.search(stage[1], text) is None:
        return False
    if stage[0] != "release":
        return True
    # A release needs both new credentials, proved live.
    noted = [call.path for calls in found[-1][1].values() for call in calls if call.path.rstrip().endswith("/live")]
    return len(noted) >= len(CREDENTIALS)


def _lane(stage: str, call: Call) -> str | None:
    """What the call belongs to; V(None) if it belongs to any."""
    if stage in ("prerequisites", "rotation", "proofs", "last look"):
        for name, variable in CREDENTIALS.items():
            if f"/{name}" in call.path or variable.replace("DATABASE", "DB") in call.path:
                return name
    if stage in ("rotation", "proofs"):
        return None
    if stage == "prerequisites":
        return "console" if call.system == "postgres" or CONSOLE in call.path else call.system
    return call.system if stage == "ticket" else "all"


def _settled(lanes: Lanes) -> Lanes:
    """Calls that belong to any lane (a look at the lease, say) are dealt out evenly."""
    loose = lanes.pop("?", [])
    names = sorted(lanes) or ["all"]
    for place, call in enumerate(loose):
        lanes.setdefault(names[place % len(names)], []).append(call)
    return dict(lanes)


class Floor:
    """One run, for C(email), against the systems of the environment."""

    def __init__(self, email: str, log_window: int) -> None:
        env = os.environ
        self._email, self._window = email, log_window
        self._own = f"/raxx/sandbox/floor/{secrets.token_hex(4)}"
        self._local = threading.local()
        self._heroku = {"Accept": "application/vnd.heroku+json; version=3", "Authorization": f"Bearer {env['HEROKU_API_KEY']}"}
        self._desk = {"X-FreeScout-API-Key": env["FREESCOUT_API_KEY"]}
        self._vault = {"Authorization": f"Bearer {env['INFISICAL_TOKEN']}"}
        config = Config(max_pool_connections=8, retries={"total_max_attempts": 1})
        self._ssm = boto3.client("ssm", config=config)
        self._sts = boto3.client("sts", config=config)
        # Made when it is first asked for; two threads that ask at once get classes that are not the same.
        self._absent = self._ssm.exceptions.ParameterNotFound
        self._urls: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._conversation = 0
        self._restarted = 0.0
        self._bases = {"heroku": env["HEROKU_API_URL"], "infisical": env["INFISICAL_URL"], "freescout": env["FREESCOUT_URL"]}

    def run(self, plan: list[tuple[str, Lanes]]) -> None:
        for stage, lanes in plan:
            work = [functools.partial(self._lane, stage, lane, calls) for lane, calls in lanes.items()]
            if stage == "proofs":
                others = [self._watch, self._smoke, self._smoke, self._one_off]
                work += [functools.partial(other) for other in others]
                work += [functools.partial(self._dead, name) for name in CREDENTIALS]
            with ThreadPoolExecutor(len(work)) as pool:
                for done in [pool.submit(each) for each in work]:
                    done.result()

    def _lane(self, stage: str, lane: str, calls: list[Call]) -> None:
        for call in calls:
            if call.system == "aws":
                self._aws(call)
            elif call.system == "postgres":
                self._statement(lane, call)
            else:
                self._http(stage, call)

    # -- HTTP

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session

    def _request(self, system: str, method: str, path: str, **more: t.Any) -> t.Any:
        answer = self._answer(system, method, path, **more)
        return answer.json() if answer.content else {}

    def _answer(self, system: str, method: str, path: str, **more: t.Any) -> requests.Response:
        headers = {"heroku": self._heroku, "freescout": self._desk, "infisical": self._vault}[system]
        answer = self._session().request(method, self._bases[system] + path, headers=headers, timeout=60, **more)
        answer.raise_for_status()
        return answer

    def _http(self, stage: str, call: Call) -> None:
        path, text = call.path.strip(), f"{call.method} {call.path.strip()}"
        if "credentials_rotation" in text:
            self._rotate(path)
        elif text.startswith("POST /actions"):
            self._request("heroku", "POST", path, json={"addon_attachment": "DATABASE", "app": API})
        elif text.startswith("PATCH /apps"):
            self._release(path)
        elif "/sessions/" in path or "log-sessions" in path or text.startswith("POST /apps"):
            pass  # by _watch and _one_off
        elif stage == "release" and path.endswith("/dynos"):
            pass  # polled by _release until the dynos are younger
        elif call.system == "infisical":
            self._infisical(call.method, path)
        elif call.system == "freescout":
            self._freescout(call.method, path)
        else:
            self._request("heroku", call.method, path)

    def _infisical(self, method: str, path: str) -> None:
        place = {
            "workspaceId": os.environ["INFISICAL_WORKSPACE_ID"],
            "environment": "sandbox",
            "secretPath": "/raxx/sandbox/raptor",
        }
        if method == "GET":
            self._request("infisical", "GET", path, params=place)
        else:
            self._request("infisical", method, path, json={**place, "secretValue": self._urls["raptor_app"]})

    def _freescout(self, method: str, path: str) -> None:
        user = int(os.environ["FREESCOUT_USER_ID"])
        path = re.sub(r"/conversations/\d+", f"/conversations/{self._conversation}", path)
        note = {"type": "note", "text": "A note of the length that a window and six checkpoints take. " * 8, "user": user}
        if method == "GET":
            self._request("freescout", "GET", path, params={} if self._conversation else {"subject": "DEPROV-floor"})
        elif path.endswith("/threads"):
            self._request("freescout", "POST", path, json=note)
        elif method == "PUT":
            self._request("freescout", "PUT", path, json={"byUser": user, "status": "closed"})
        else:
            body = {
                "type": "email", "mailboxId": int(os.environ["FREESCOUT_MAILBOX_ID"]), "subject": f"DEPROV-{self._email}",
                "customer": {"email": "people-ops@raxx.example"}, "threads": [note], "imported": True, "status": "active",
            }  # fmt: skip
            self._conversation = int(self._answer("freescout", "POST", path, json=body).headers["Resource-ID"])

    # -- rotation and release

    def _credential(self, path: str) -> t.Any:
        return self._request("heroku", "GET", path)

    def _rotate(self, path: str) -> None:
        base = path.removesuffix("/credentials_rotation")
        name = base.rpartition("/")[2]
        self._old[name] = _url(self._credential(base))
        self._request("heroku", "POST", path, json={})
        owner = self._database(API)
        while True:
            # As in a run of ours, the old credential's sessions do not hold it up.
            self._execute(owner, _END_SESSIONS, ([name, f"{name}-rotating"],))
            found = self._credential(base)
            if found["state"] in ("active", "rotation_completed") and _url(found) != self._old[name]:
                break
            time.sleep(POLL_SECONDS)
        self._urls[name] = _url(found)

    def _release(self, path: str) -> None:
        wanted = {variable: self._urls[name] for name, variable in CREDENTIALS.items()}
        before = {dyno["id"] for dyno in self._request("heroku", "GET", f"/apps/{API}/dynos")}
        self._request("heroku", "PATCH", path, json=wanted)
        while True:
            dynos = self._request("heroku", "GET", f"/apps/{API}/dynos")
            if all(dyno["state"] == "up" and dyno["id"] not in before for dyno in dynos if dyno["type"] != "run"):
                break
            time.sleep(POLL_SECONDS)
        self._restarted = time.monotonic()

    # -- proofs

    def _watch(self) -> None:
        session = self._request("heroku", "POST", f"/apps/{API}/log-sessions", json={"lines": 1500, "tail": True})
        end = self._restarted + self._window
        with requests.get(session["logplex_url"], stream=True, timeout=(10, 0.5)) as stream:
            while time.monotonic() < end:
                try:
                    for _line in stream.iter_lines():
                        if time.monotonic() >= end:
                            return
                except requests.ConnectionError:  # nothing for a moment
                    time.sleep(max(0.0, end - time.monotonic()))

    def _smoke(self) -> None:
        subprocess.run(SMOKE, check=True, stdout=subprocess.DEVNULL)

    def _one_off(self) -> None:
        client = HerokuClient(os.environ["HEROKU_API_KEY"], api_url=self._bases["heroku"], data_url=self._bases["heroku"])
        command = "python jobs/audit_archiver.py --dry-run"
        run_one_off(client, API, command, size=None, timeout=300, ca_path=os.environ["HEROKU_CA_PATH"])

    def _dead(self, name: str) -> None:
        """Old and random passwords are refused, and nobody who was about to log in with the old one is left."""
        wrong = self._urls[name].replace(f"//{name}:", f"//{name}:x")
        for url in (self._old[name], wrong):
            try:
                psycopg2.connect(url, sslmode="require", connect_timeout=10)
            except psycopg2.OperationalError:
                continue
            raise SystemExit(f"an old password of {name} is accepted")
        psycopg2.connect(self._urls[name], sslmode="require", connect_timeout=10).close()
        owner = self._database(API)
        with owner.cursor() as cursor:
            cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'authentication_timeout'")
            (seconds,) = cursor.fetchone() or (0,)
        time.sleep(seconds)

    # -- SQL

    def _database(self, app: str) -> t.Any:
        """This thread's connection with the owner's credential of an app."""
        if not hasattr(self._local, "databases"):
            self._local.databases = {}
        if app not in self._local.databases:
            url = self._urls.get(app) or self._request("heroku", "GET", f"/apps/{app}/config-vars")["DATABASE_URL"]
            self._urls[app] = url
            link = psycopg2.connect(url, sslmode="require", application_name="floor")
            link.autocommit = True
            self._local.databases[app] = link
        return self._local.databases[app]

    def _execute(self, link: t.Any, statement: str, values: t.Any = None) -> None:
        with link.cursor() as cursor:
            cursor.execute(statement, values)

    def _statement(self, lane: str, call: Call) -> None:
        text = call.path
        if call.method in ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"):
            self._execute(self._database(CONSOLE if lane == "console" else API), "SELECT 1")
        elif "DELETE FROM rbac_user_groups" in text:
            self._execute(self._database(CONSOLE), _REMOVE, (self._email,))
        elif "UPDATE admin_sessions" in text:
            self._execute(self._database(CONSOLE), _END, (self._email,))
        elif "INSERT INTO audit_archival_runs" in text:
            self._execute(self._database(API), _ROW, (f"floor: {self._email}",))
        else:
            self._execute(self._database(CONSOLE if "admin" in text or "rbac" in text else API), "SELECT 1")

    # -- AWS

    def _aws(self, call: Call) -> None:
        operation, _space, name = call.path.strip().partition(" ")
        if operation == "GetCallerIdentity":
            self._sts.get_caller_identity()
        elif operation == "GetParametersByPath":
            self._ssm.get_parameters_by_path(Path=name, Recursive=True, WithDecryption=True)
        elif operation == "GetParameters":
            self._ssm.get_parameters(Names=name.split(), WithDecryption=True)
        elif operation == "PutParameter":
            self._ssm.put_parameter(Name=self._own + name, Value=LEDGER_VALUE, Type="String", Overwrite=True)
        elif operation == "GetParameter":
            self._ignoring_absence(self._ssm.get_parameter, Name=name, WithDecryption=True)
        else:
            self._ignoring_absence(self._ssm.delete_parameter, Name=self._own + name)

    def _ignoring_absence(self, method: Callable[..., t.Any], **arguments: t.Any) -> None:
        with contextlib.suppress(self._absent):
            method(**arguments)


_REMOVE = "DELETE FROM rbac_user_groups WHERE user_id = (SELECT id FROM admins WHERE lower(email) = %s)"
_END = (
    "UPDATE admin_sessions SET revoked_at = now()"
    " WHERE admin_id = (SELECT id FROM admins WHERE lower(email) = %s) AND revoked_at IS NULL"
)
_ROW = (
    "INSERT INTO audit_archival_runs (run_type, operator_email, freescout_ticket_id, notes)"
    " VALUES ('deprovisioning', 'olivia.osei@raxx.example', 'floor', %s)"
)
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename::text = ANY (%s)"


def _url(credential: t.Any) -> str:
    """The connection URL of the active user of a credential."""
    active = next((entry for entry in credential["credentials"] if entry["state"] == "active"), credential["credentials"][0])
    login = f"{quote(active['user'], safe='')}:{quote(active['password'], safe='')}"
    return f"postgres://{login}@{credential['host']}:{credential['port']}/{credential['database']}"


def main() -> int:
    recording, email, window = sys.argv[1:]
    calls = [Call(*entry) for entry in json.loads(Path(recording).read_text(encoding="utf-8"))]
    Floor(email, int(window)).run(stages(calls))
    return 0


if __name__ == "__main__":
    sys.exit(main())
