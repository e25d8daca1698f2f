# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""heroku_config (runbook 2c, 3c, E6): one write for all that differs, read back, and every dyno on its release."""

from __future__ import annotations

import typing as t

import pytest
import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _waiting
from responses import matchers

from .conftest import ModuleRunner
from .heroku_answers import (
    APP,
    KEY,
    attachment,
    dyno,
    error,
    expect_config,
    expect_dynos,
    expect_release,
)

NEW = {
    "RAPTOR_APP_DATABASE_URL": "postgres://raptor_app:p0newpassword@db.example:5432/d1",
    "AUDIT_ARCHIVER_DB_URL": "postgres://a",
}
OLD = dict.fromkeys(NEW, "postgres://raptor_app:p0ldpassword@db.example:5432/d1")
REST = {"LOG_LEVEL": "info"}
PARAMS = {"heroku_api_key": KEY, "app": "raxx-api-prod", "values": NEW}
ATTACHED = error("invalid_params", "Cannot overwrite attachment values AUDIT_ARCHIVER_DB_URL.")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; time passes only by them."""
    pauses: list[float] = []
    monkeypatch.setattr(_waiting, "sleep", pauses.append)
    monkeypatch.setattr(_waiting, "monotonic", lambda: sum(pauses))
    return pauses


def expect_write(script: responses.RequestsMock, values: dict[str, str], body: t.Any = None, status: int = 200) -> None:
    script.patch(f"{APP}/config-vars", json=body or {}, status=status, match=[matchers.json_params_matcher(values)])


def lose_write(script: responses.RequestsMock) -> None:
    script.patch(f"{APP}/config-vars", body="<html>bad gateway</html>", status=502)


def up(version: int) -> list[dict[str, t.Any]]:
    return [dyno("web.1", version), dyno("worker.1", version, updated="2026-05-19T10:05:07Z")]


def test_one_write_for_all_that_differs(run_main: ModuleRunner, script: responses.RequestsMock, clock: list[float]) -> None:
    expect_config(script, {**OLD, **REST})
    expect_release(script, 41)
    expect_write(script, NEW)
    expect_config(script, {**NEW, **REST})
    expect_release(script, 42, "pending")
    expect_dynos(script, dyno("web.1", 41), dyno("worker.1", None, "down"))
    expect_release(script, 42)
    expect_dynos(script, *up(42), dyno("run.4821", 40), dyno("release.1", 42, "starting"))
    result = run_main("heroku_config", PARAMS).result
    assert (result["changed"], result["changed_names"], result["attached_names"]) == (True, sorted(NEW), [])
    assert (result["release"], result["release_at"]) == (42, "2026-05-19T10:04:00Z")
    assert result["dynos"][0] == {"name": "web.1", "type": "web", "state": "up", "release": 42}
    assert [each["name"] for each in result["dynos"]] == ["web.1", "worker.1"]
    assert result["restarted_at"] == "2026-05-19T10:05:08.000000Z"  # Heroku cuts its times to the second
    assert result["diff"]["before"] == dict.fromkeys(NEW, "another value")


def test_only_what_differs_is_written(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    name = "RAPTOR_APP_DATABASE_URL"
    expect_config(script, {"AUDIT_ARCHIVER_DB_URL": NEW["AUDIT_ARCHIVER_DB_URL"]})
    expect_release(script, 41)
    expect_write(script, {name: NEW[name]})
    expect_config(script, NEW)
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    outcome = run_main("heroku_config", PARAMS)
    assert outcome.result["changed_names"] == [name]
    assert outcome.result["diff"]["before"] == {name: "absent", "AUDIT_ARCHIVER_DB_URL": "as wanted"}
    assert "p0newpassword" not in outcome.text


def test_a_second_run_writes_nothing_and_still_looks_at_the_dynos(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I7, I12: killed between the write and the restart."""
    expect_config(script, NEW)
    expect_release(script, 42)
    expect_dynos(script, dyno("web.1", 41), dyno("worker.1", 42))
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    assert run_main("heroku_config", PARAMS).result["changed"] is False


def test_check_mode_reads_only(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I11."""
    expect_config(script, OLD)
    expect_release(script, 41)
    expect_dynos(script, dyno("web.1", 40, "crashed"))
    result = run_main("heroku_config", PARAMS, check=True).result
    assert (result["changed"], result["changed_names"], result["release"]) == (True, sorted(NEW), 41)


def test_a_release_list_that_is_behind_proves_nothing(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I6: a stale read after the write; the old dynos are up on the old release."""
    expect_config(script, OLD)
    expect_release(script, 41)
    expect_write(script, NEW)
    expect_config(script, OLD)
    expect_config(script, NEW)
    expect_release(script, 41)
    expect_dynos(script, *up(41))
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    assert run_main("heroku_config", PARAMS).result["release"] == 42


def test_a_write_that_does_not_read_back_fails(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_config(script, OLD)
    expect_release(script, 41)
    expect_write(script, NEW)
    for _read in range(5):
        expect_config(script, {**NEW, "AUDIT_ARCHIVER_DB_URL": "postgres://somebody:else"})
    outcome = run_main("heroku_config", PARAMS)
    assert outcome.code == "write_not_confirmed"
    assert "AUDIT_ARCHIVER_DB_URL" in outcome.result["msg"]
    assert "RAPTOR_APP_DATABASE_URL" not in outcome.result["msg"]


def test_a_lost_answer_is_looked_up(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I4: executed and error."""
    expect_config(script, OLD)
    expect_release(script, 41)
    lose_write(script)
    expect_config(script, NEW)
    expect_config(script, NEW)
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    assert run_main("heroku_config", PARAMS).result["changed"] is True


def test_a_lost_write_is_repeated_after_a_look(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I4: not executed and error."""
    expect_config(script, OLD)
    expect_release(script, 41)
    lose_write(script)
    expect_config(script, OLD)
    expect_write(script, NEW)
    expect_config(script, NEW)
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    assert run_main("heroku_config", PARAMS).result["changed"] is True


def test_writes_that_get_lost_again_and_again_are_the_end(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_config(script, OLD)
    expect_release(script, 41)
    for _write in range(3):
        lose_write(script)
        expect_config(script, OLD)
    outcome = run_main("heroku_config", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


def test_a_var_of_an_addon_is_waited_for_and_the_others_are_written(
    run_main: ModuleRunner, script: responses.RequestsMock
) -> None:
    """heroku.md 4.3: 422 Cannot overwrite attachment values."""
    name = "RAPTOR_APP_DATABASE_URL"
    expect_config(script, OLD)
    expect_release(script, 41)
    expect_write(script, NEW, ATTACHED, 422)
    script.get(f"{APP}/addon-attachments", json=[attachment(), attachment("AUDIT_ARCHIVER_DB", "credential:audit_archiver")])
    expect_write(script, {name: NEW[name]})
    expect_config(script, {**OLD, name: NEW[name]})
    expect_config(script, {**OLD, name: NEW[name]})
    expect_config(script, NEW)
    expect_release(script, 43)
    expect_dynos(script, *up(43))
    result = run_main("heroku_config", PARAMS).result
    assert (result["changed_names"], result["attached_names"]) == ([name], ["AUDIT_ARCHIVER_DB_URL"])


def test_a_var_of_an_addon_alone_needs_no_release_of_ours(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    values = {"AUDIT_ARCHIVER_DB_URL": NEW["AUDIT_ARCHIVER_DB_URL"]}
    expect_config(script, OLD)
    expect_release(script, 42)
    expect_write(script, values, ATTACHED, 422)
    script.get(f"{APP}/addon-attachments", json=[attachment()])  # it does not tell: then it is all of them
    expect_config(script, NEW)
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    result = run_main("heroku_config", {**PARAMS, "values": values}).result
    assert (result["changed"], result["attached_names"]) == (False, ["AUDIT_ARCHIVER_DB_URL"])


def test_a_var_of_an_addon_that_does_not_become_right_fails(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    values = {"AUDIT_ARCHIVER_DB_URL": NEW["AUDIT_ARCHIVER_DB_URL"]}
    expect_config(script, OLD)
    expect_release(script, 42)
    expect_write(script, values, ATTACHED, 422)
    script.get(f"{APP}/addon-attachments", json=[attachment("AUDIT_ARCHIVER_DB")])
    expect_config(script, OLD)
    outcome = run_main("heroku_config", {**PARAMS, "values": values, "wait_timeout": 0})
    assert (outcome.code, outcome.result["failure"]["details"]) == (
        "config_var_attached",
        {"names": ["AUDIT_ARCHIVER_DB_URL"], "written": []},
    )


def test_dynos_that_do_not_come_up_are_named(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_config(script, NEW)
    for _look in range(3):  # at 0, 0.25 and 0.75 s, and then at 1.75 s, after the bound
        expect_release(script, 42)
        expect_dynos(script, dyno("web.1", 42), dyno("worker.1", 42, "crashed"))
    expect_release(script, 42)
    expect_dynos(script, dyno("web.1", 42), dyno("worker.1", 42, "crashed"))
    outcome = run_main("heroku_config", {**PARAMS, "wait_timeout": 1})
    assert (outcome.code, "worker.1 (crashed)" in outcome.result["msg"]) == ("restart_not_finished", True)
    assert "web.1" not in outcome.result["msg"]


def test_a_failed_release_is_told_at_once(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_config(script, NEW)
    expect_release(script, 42, "failed")
    expect_dynos(script, *up(41))
    outcome = run_main("heroku_config", PARAMS)
    assert (outcome.code, "v42" in outcome.result["msg"]) == ("restart_not_finished", True)


def test_an_outage_while_waiting_is_waited_out_within_the_bound(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_config(script, NEW)
    script.get(f"{APP}/releases", body="<h1>Oops</h1>", content_type="application/json")
    expect_release(script, 42)
    script.get(f"{APP}/dynos", json={"not": "a list"})
    expect_release(script, 42)
    expect_dynos(script, *up(42))
    assert run_main("heroku_config", PARAMS).result["release"] == 42


@pytest.mark.parametrize(
    ("status", "error_id", "code"),
    [
        (401, "unauthorized", "unauthorized"),
        (402, "delinquent", "forbidden"),
        (403, "forbidden", "forbidden"),
        (403, "two_factor", "forbidden"),
        (404, "not_found", "not_found"),
        (406, "not_acceptable", "invalid_request"),
        (409, "conflict", "conflict"),
        (410, "gone", "not_found"),
        (422, "invalid_params", "invalid_request"),
        (422, "verification_needed", "conflict"),
    ],
)
@pytest.mark.parametrize("call", ["read", "write"])
def test_refusals_are_told_apart(
    run_main: ModuleRunner, script: responses.RequestsMock, status: int, error_id: str, code: str, call: str
) -> None:
    body = error(error_id, f"about {NEW['RAPTOR_APP_DATABASE_URL']}", resource="app")
    if call == "read":
        script.get(f"{APP}/config-vars", json=body, status=status)
    else:
        expect_config(script, OLD)
        expect_release(script, 41)
        expect_write(script, NEW, body, status)
    outcome = run_main("heroku_config", PARAMS)
    assert (outcome.code, outcome.result["failure"]["status"]) == (code, status)
    assert "p0newpassword" not in outcome.text
    assert KEY not in outcome.text


@pytest.mark.parametrize("value", ["", None, 1, True, ["a"]])
def test_what_is_not_a_string_is_refused_before_any_call(
    run_main: ModuleRunner, script: responses.RequestsMock, value: t.Any
) -> None:
    """An undefined value must never remove a config var."""
    assert run_main("heroku_config", {**PARAMS, "values": {"FLAG": value}}).code == "invalid_input"


def test_an_app_without_dynos_has_nothing_to_wait_for(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_config(script, NEW)
    expect_release(script, 42)
    expect_dynos(script)
    result = run_main("heroku_config", PARAMS).result
    assert (result["dynos"], result["restarted_at"]) == ([], None)
