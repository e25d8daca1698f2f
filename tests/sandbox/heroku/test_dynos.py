# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dynos are processes: they start, stop, crash, and serve through the router."""

from __future__ import annotations

import os
import signal
from typing import Any

import requests

from tests.sandbox.heroku.conftest import APP, Stand, execute
from tests.sandbox.heroku.waiting import eventually


def pids(stand: Stand) -> dict[str, int]:
    return {item["name"].split()[-1]: item["pid"] for item in stand.heroku.processes()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def web(stand: Stand, path: str, body: Any = None) -> requests.Response:
    return requests.request("POST" if body else "GET", stand.heroku.web_url(APP) + path, json=body, timeout=30)


def test_formation(running: Stand) -> None:
    assert {dyno["name"]: dyno["type"] for dyno in running.wait_up()} == {"web.1": "web", "web.2": "web", "worker.1": "worker"}
    assert {item["type"]: item["quantity"] for item in running.get(f"/apps/{APP}/formation")} == {"web": 2, "worker": 1}
    assert running.dynos()[0]["release"]["version"] == running.releases()[-1]["version"]


def test_web_reads_and_writes(running: Stand) -> None:
    running.wait_up()
    assert web(running, "/healthz").json() == {"status": "ok"}
    assert len(web(running, "/audit/events").json()["rows"]) >= 2
    run = {"operator_email": "olivia.osei@raxx.example", "notes": "test"}
    assert web(running, "/audit/runs", run).status_code == 201
    lines = running.log()
    assert any("heroku[router]: at=info method=POST" in line and 'path="/audit/runs"' in line for line in lines)
    assert any("app[web.1]: raptor web starting, database login raptor_app" in line for line in lines)


def test_restart_replaces_the_processes(running: Stand) -> None:
    running.wait_up()
    before, ids = pids(running), {dyno["id"] for dyno in running.dynos()}
    answer = running.call("DELETE", f"/apps/{APP}/dynos")
    assert (answer.status_code, answer.json()) == (202, {})
    assert {dyno["state"] for dyno in running.dynos()} == {"starting"}
    assert not ids & {dyno["id"] for dyno in running.wait_up()}
    after = pids(running)
    assert before.keys() == after.keys()
    assert not any(alive(pid) for pid in before.values())
    lines = running.log(source="heroku", dyno="web.1")
    assert any(line.endswith("heroku[web.1]: State changed from up to starting") for line in lines)
    assert lines[-1].endswith("heroku[web.1]: State changed from starting to up")


def test_restart_of_one_and_of_one_type(running: Stand) -> None:
    running.wait_up()
    before = pids(running)
    running.call("DELETE", f"/apps/{APP}/dynos/web.2")
    running.wait_up()
    after = pids(running)
    assert {name for name, pid in before.items() if after[name] != pid} == {"web.2"}
    running.call("DELETE", f"/apps/{APP}/formations/worker")
    running.wait_up()
    assert {name for name, pid in pids(running).items() if after[name] != pid} == {"worker.1"}
    assert running.call("DELETE", f"/apps/{APP}/dynos/web.9").status_code == 404


def test_a_release_restarts_with_the_new_config(running: Stand) -> None:
    running.wait_up()
    url = running.config()["RAPTOR_APP_DATABASE_URL"]
    running.call("PATCH", f"/apps/{APP}/config-vars", {"RAPTOR_APP_DATABASE_URL": url.replace(":p", ":px")})
    version = running.releases()[-1]["version"]
    assert {dyno["release"]["version"] for dyno in running.wait_up()} == {version}
    answer = web(running, "/audit/events")
    assert (answer.status_code, answer.json()["error"]) == (503, "authentication_failed")

    def both_sides() -> bool:
        lines = running.log(lines=200)
        words = 'FATAL:  password authentication failed for user "raptor_app"'
        mine = [line for line in lines if "app[web." in line and words in line]
        theirs = [line for line in lines if "app[postgres." in line and f"sql_error_code = 28P01 {words}" in line]
        return bool(mine and theirs)

    eventually(both_sides)
    running.call("PATCH", f"/apps/{APP}/config-vars", {"FLAG_RAPTOR_APP_ROLE_SEPARATION": "0"})
    running.wait_up()
    assert web(running, "/audit/events").status_code == 200
    restored = {"FLAG_RAPTOR_APP_ROLE_SEPARATION": "1", "RAPTOR_APP_DATABASE_URL": url}
    running.call("PATCH", f"/apps/{APP}/config-vars", restored)
    running.wait_up()
    assert web(running, "/audit/events").status_code == 200


def test_a_lost_connection_is_made_anew(running: Stand) -> None:
    running.wait_up()
    statement = "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = 'raptor_app'"
    execute(running.postgres, "raptor", statement)
    for __ in range(4):
        assert web(running, "/audit/events").status_code == 200


def test_missing_rights_are_not_an_authentication_failure(running: Stand) -> None:
    running.wait_up()
    execute(running.postgres, "raptor", "REVOKE SELECT ON audit_events FROM raptor_app")
    try:
        answer = web(running, "/audit/events")
    finally:
        execute(running.postgres, "raptor", "GRANT SELECT ON audit_events TO raptor_app")
    assert answer.json()["error"] == "permission_denied"
    words = "ERROR:  permission denied for table audit_events"
    eventually(lambda: any("[DATABASE]" in line and f"sql_error_code = 42501 {words}" in line for line in running.log()))
    assert any("app[web." in line and words in line for line in running.log())


def test_scale_and_the_router_without_dynos(running: Stand) -> None:
    running.wait_up()
    updates = {"updates": [{"type": "web", "quantity": 0}]}
    assert running.call("PATCH", f"/apps/{APP}/formation", updates).status_code == 200
    assert {dyno["name"] for dyno in running.dynos()} == {"worker.1"}
    assert web(running, "/healthz").status_code == 503
    assert any("at=error code=H14" in line for line in running.log(source="heroku"))
    running.call("PATCH", f"/apps/{APP}/formation", {"updates": [{"type": "web", "quantity": 2}]})
    running.wait_up()
    assert web(running, "/healthz").status_code == 200


def test_a_process_that_ends_has_crashed(running: Stand) -> None:
    running.wait_up()
    os.kill(pids(running)["worker.1"], signal.SIGKILL)
    eventually(lambda: {dyno["name"]: dyno["state"] for dyno in running.dynos()}["worker.1"] == "crashed")
    lines = running.log(source="heroku", dyno="worker.1")
    assert lines[-2].endswith("Process exited with status 137")
    assert lines[-1].endswith("State changed from up to crashed")
    running.call("DELETE", f"/apps/{APP}/dynos/worker.1")
    running.wait_up()


def test_an_attached_rotation_restarts_the_app(running: Stand) -> None:
    running.wait_up()
    before = pids(running)
    running.rotate("audit_archiver")
    eventually(lambda: running.credential("audit_archiver")["state"] == "active")
    running.wait_up()
    assert not before.items() & pids(running).items()


def test_nothing_is_left_after_stop(stand_in: Any, seed: dict[str, Any]) -> None:
    seed["heroku"]["apps"][0]["formation"] = {"web": 1, "worker": 1}
    with stand_in(seed) as stand:
        stand.wait_up()
        before = pids(stand)
    assert before
    assert not any(alive(pid) for pid in before.values())
