# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""heroku_pg_credential (runbook 2a, 3a): asks once, waits for the final URL, never takes a passing one for it."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

import pytest
import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _waiting
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._fingerprint import fingerprint
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import EndedSessions
from ansible_collections.raxx.deprovision.plugins.modules import heroku_pg_credential
from responses import matchers

from .conftest import ModuleRunner
from .heroku_answers import API, APP, BASIC, DATA, KEY, attachment, error, expect_config

CREDENTIAL = f"{DATA}/postgres/v0/databases/postgresql-round-1/credentials/raptor_app"
OLD, PASSING, NEW = "p0ldpassword", "ppassingpassword", "p0newpassword"
PARAMS = {"heroku_api_key": KEY, "app": "raxx-api-prod", "name": "raptor_app"}

User = tuple[str, str, str, t.Any]
BEFORE: tuple[User, ...] = (("raptor_app", OLD, "active", 3),)
PHASE_A: tuple[User, ...] = (("raptor_app", OLD, "active", None), ("raptor_app-rotating", PASSING, "enabling", None))
PHASE_B: tuple[User, ...] = (("raptor_app", OLD, "revoking", 3), ("raptor_app-rotating", PASSING, "active", 0))
PHASE_C: tuple[User, ...] = (("raptor_app", NEW, "active", 0), ("raptor_app-rotating", PASSING, "revoking", 0))
AFTER: tuple[User, ...] = (("raptor_app", NEW, "active", 1),)


def url(password: str, user: str = "raptor_app") -> str:
    return f"postgres://{user}:{password}@db.example:5432/d1"


def store(state: str, users: tuple[User, ...]) -> dict[str, t.Any]:
    listed = [{"user": user, "password": password, "state": word, "connections": count} for user, password, word, count in users]
    return {
        "uuid": "u-1",
        "name": "raptor_app",
        "state": state,
        "database": "d1",
        "host": "db.example",
        "port": 5432,
        "credentials": listed,
    }


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    time: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_waiting, "sleep", clock.sleep)
    monkeypatch.setattr(_waiting, "monotonic", lambda: clock.time)
    return clock


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """The sweeps that were made: with which owner's URL, and of which users. Each ends two sessions."""
    sweeps: list[tuple[str, list[str]]] = []

    @contextlib.contextmanager
    def session(url: str, timeout: float) -> t.Iterator[str]:
        yield url

    def end_sessions(connection: str, users: t.Sequence[str], *, wait: float) -> EndedSessions:
        sweeps.append((connection, list(users)))
        return EndedSessions(2, 0, None)

    monkeypatch.setattr(heroku_pg_credential, "session", session)
    monkeypatch.setattr(heroku_pg_credential, "end_sessions", end_sessions)
    return sweeps


def expect_resolve(script: responses.RequestsMock) -> None:
    script.post(
        f"{API}/actions/addon-attachments/resolve",
        json=[attachment()],
        match=[
            matchers.json_params_matcher({"addon_attachment": "DATABASE", "app": "raxx-api-prod"}),
            matchers.header_matcher({"Authorization": f"Bearer {KEY}"}),
        ],
    )


def expect_look(script: responses.RequestsMock, state: str, users: tuple[User, ...]) -> None:
    script.get(CREDENTIAL, json=store(state, users), match=[matchers.header_matcher({"Authorization": BASIC})])


def expect_request(script: responses.RequestsMock, body: t.Any = None, status: int = 200, *, forced: bool = False) -> None:
    script.post(
        f"{CREDENTIAL}/credentials_rotation",
        json=body or {"message": "Rotating credentials on postgresql-round-1"},
        status=status,
        match=[
            matchers.json_params_matcher({"forced": True} if forced else {}),
            matchers.header_matcher({"Authorization": BASIC}),
        ],
    )


def lose_answer(script: responses.RequestsMock) -> None:
    script.post(f"{CREDENTIAL}/credentials_rotation", body="<html>bad gateway</html>", status=502)


def test_waits_through_every_phase_for_the_final_url(
    run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any], clock: Clock
) -> None:
    """2a: the old and the passing URL are never handed out; what Heroku waits for is ended through the owner."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script)
    expect_look(script, "active", BEFORE)  # a read that is behind
    expect_look(script, "rotating", PHASE_A)
    expect_look(script, "rotating", PHASE_B)
    expect_config(script, {"DATABASE_URL": "postgres://owner:pw@db.example:5432/d1"})
    expect_look(script, "rotating", PHASE_C)  # nothing left to end: no sweep
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", {**PARAMS, "fingerprint_key": "a key of the ledger"}).result
    assert (result["url"], result["user"], result["state"], result["settled"]) == (url(NEW), "raptor_app", "active", True)
    assert (result["changed"], result["rotated"], result["posts"], result["sessions_ended"]) == (True, True, 1, 2)
    assert result["fingerprint"] == fingerprint(url(NEW), "a key of the ledger")
    assert result["waited"] == sum(clock.pauses)
    assert result["diff"]["after"] == {"name": "raptor_app", "credential": "rotated"}
    assert swept == [("postgres://owner:pw@db.example:5432/d1", ["raptor_app"])]
    assert result["raxx_deprovision_no_log"] is True


def test_a_forced_rotation_may_be_over_at_once(run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock) -> None:
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script, forced=True)
    expect_look(script, "active", AFTER)
    assert run_main("heroku_pg_credential", {**PARAMS, "forced": True}).result["url"] == url(NEW)


@pytest.mark.parametrize(("state", "users", "settled"), [("active", BEFORE, True), ("rotating", PHASE_B, False)])
def test_reading_reads_once(
    run_main: ModuleRunner, script: responses.RequestsMock, state: str, users: tuple[User, ...], settled: bool
) -> None:
    expect_resolve(script)
    expect_look(script, state, users)
    result = run_main("heroku_pg_credential", {**PARAMS, "state": "read"}).result
    assert (result["changed"], result["settled"], result["fingerprint"]) == (False, settled, None)
    assert result["url"] == (url(OLD) if settled else url(PASSING, "raptor_app-rotating"))


def test_check_mode_reads_once(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I11."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    result = run_main("heroku_pg_credential", PARAMS, check=True).result
    assert (result["changed"], result["rotated"], result["posts"], result["url"]) == (True, False, 0, url(OLD))


def test_waiting_for_somebody_elses_rotation_begins_none(
    run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any]
) -> None:
    expect_resolve(script)
    expect_look(script, "rotating", PHASE_C)
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", {**PARAMS, "state": "settled"}).result
    assert (result["changed"], result["posts"], result["url"]) == (False, 0, url(NEW))


def announced(at: str, before: str = OLD) -> dict[str, t.Any]:
    key = "a key of the ledger"
    return {
        "rotated_since": "2026-05-19T10:00:00Z",
        "intent": {"at": at, "fingerprint": fingerprint(url(before), key), "fingerprint_key": key},
    }


def test_a_killed_run_is_continued_without_a_second_request(
    run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any]
) -> None:
    """I12: found in the middle of the rotation that it had announced."""
    expect_resolve(script)
    expect_look(script, "rotating", PHASE_A)
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", {**PARAMS, **announced("2026-05-19T10:01:00Z")}).result
    assert (result["changed"], result["posts"], result["url"]) == (False, 0, url(NEW))


def test_an_announced_rotation_that_took_place_is_enough(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """S3, I12: the second run."""
    expect_resolve(script)
    expect_look(script, "active", AFTER)
    assert run_main("heroku_pg_credential", {**PARAMS, **announced("2026-05-19T10:00:00Z")}).result["changed"] is False


def test_a_rotation_of_unknown_beginning_is_not_enough_for_an_event(
    run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any]
) -> None:
    expect_resolve(script)
    expect_look(script, "rotating", PHASE_C)
    expect_look(script, "active", BEFORE)
    expect_request(script)
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", {**PARAMS, **announced("2026-05-19T09:00:00Z", before="p0lder")}).result
    assert (result["posts"], result["url"]) == (1, url(NEW))


def test_an_answer_that_got_lost_is_looked_up(run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any]) -> None:
    """I4: executed and error."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    lose_answer(script)
    expect_look(script, "active", BEFORE)
    expect_look(script, "rotating", PHASE_A)
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", PARAMS).result
    assert (result["posts"], result["rotated"], result["url"]) == (1, True, url(NEW))


def test_a_request_that_got_lost_is_repeated_once(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I4: not executed and error. Looks that fail do not count."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    lose_answer(script)
    for _look in range(4):
        expect_look(script, "active", BEFORE)
    script.get(CREDENTIAL, body="<h1>Oops</h1>", content_type="application/json")
    expect_look(script, "active", BEFORE)
    expect_request(script)
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", PARAMS).result
    assert (result["posts"], result["url"]) == (2, url(NEW))


def test_two_requests_without_an_answer_are_the_end(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """I5, E1."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    for _request in range(2):
        lose_answer(script)
        for _look in range(5):
            expect_look(script, "active", BEFORE)
    outcome = run_main("heroku_pg_credential", PARAMS)
    assert (outcome.code, outcome.result["failure"]["retryable"]) == ("rotation_unknown", False)


@pytest.mark.parametrize(
    ("status", "error_id", "code"),
    [
        (401, "unauthorized", "unauthorized"),
        (403, "forbidden", "forbidden"),
        (403, "two_factor", "forbidden"),
        (404, "not_found", "rotation_refused"),
        (409, "conflict", "rotation_refused"),
        (418, "teapot", "rotation_refused"),
        (422, "unprocessable_entity", "rotation_refused"),
        (422, "invalid_params", "rotation_refused"),
    ],
)
def test_an_unknown_refusal_stops_the_procedure(
    run_main: ModuleRunner, script: responses.RequestsMock, status: int, error_id: str, code: str
) -> None:
    """E1."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script, error(error_id, f"about {OLD}"), status)
    for _look in range(3 if code == "rotation_refused" else 0):
        expect_look(script, "active", BEFORE)
    outcome = run_main("heroku_pg_credential", PARAMS)
    assert (outcome.code, outcome.result["failure"]["status"]) == (code, status)
    assert OLD not in outcome.text
    assert KEY not in outcome.text


def test_refused_because_a_rotation_had_just_begun(
    run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any]
) -> None:
    """I3: two runs at the same time."""
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script, error("unprocessable_entity"), 422)
    expect_look(script, "rotating", PHASE_A)
    expect_look(script, "rotating", PHASE_C)
    expect_look(script, "active", AFTER)
    result = run_main("heroku_pg_credential", {**PARAMS, **announced("2026-05-19T10:01:00Z")}).result
    assert (result["changed"], result["rotated"], result["posts"], result["url"]) == (False, False, 1, url(NEW))


def test_time_runs_out_with_the_words_of_heroku(
    run_main: ModuleRunner, script: responses.RequestsMock, swept: list[t.Any], clock: Clock
) -> None:
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script)
    for _look in range(4):  # at 0.25, 0.75, 1.75 and 3.75 s
        expect_look(script, "rotating", PHASE_B)
        expect_config(script, {"DATABASE_URL": "postgres://owner:pw@db.example:5432/d1"})
    outcome = run_main("heroku_pg_credential", {**PARAMS, "settle_timeout": 3})
    assert outcome.code == "rotation_not_settled"
    assert "raptor_app revoking (3 connections), raptor_app-rotating active (0 connections)" in outcome.result["msg"]
    assert "-e forced_rotation=true" in outcome.result["msg"]
    details = outcome.result["failure"]["details"]
    assert (details["state"], details["posts"], details["sessions_ended"]) == ("rotating", 1, 8)
    assert OLD not in outcome.text


def test_sessions_that_cannot_be_ended_do_not_end_the_rotation(
    run_main: ModuleRunner, script: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: t.Any) -> t.NoReturn:
        raise UnreachableError("unreachable", "PostgreSQL gave no usable answer.", system="PostgreSQL")

    monkeypatch.setattr(heroku_pg_credential, "session", broken)
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script)
    expect_look(script, "rotating", PHASE_B)
    expect_config(script, {"DATABASE_URL": "postgres://owner:pw@db.example:5432/d1"})
    expect_look(script, "active", AFTER)
    assert run_main("heroku_pg_credential", PARAMS).result["url"] == url(NEW)


def test_an_outage_while_waiting_is_waited_out_within_the_bound(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script)
    for _look in range(3):
        script.get(CREDENTIAL, body="<h1>Not Found</h1>", content_type="application/json")
    outcome = run_main("heroku_pg_credential", {**PARAMS, "settle_timeout": 1})
    assert outcome.code == "rotation_not_settled"
    assert "cannot be read now" in outcome.result["msg"]


def test_access_that_is_lost_while_waiting_is_told_at_once(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_resolve(script)
    expect_look(script, "active", BEFORE)
    expect_request(script)
    script.get(CREDENTIAL, json=error("unauthorized"), status=401)
    assert run_main("heroku_pg_credential", PARAMS).code == "unauthorized"


def test_unknown_words_and_missing_counts_are_survived(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_resolve(script)
    body = store("hibernating", (("raptor_app", OLD, "active", None),))
    del body["credentials"][0]["connections"]
    script.get(CREDENTIAL, json=body)
    result = run_main("heroku_pg_credential", {**PARAMS, "state": "read"}).result
    assert (result["state"], result["settled"], result["settled_at"]) == ("hibernating", False, None)


def test_no_active_user_is_an_error_not_a_guess(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_resolve(script)
    expect_look(script, "active", (("raptor_app", OLD, "revoked", 0),))
    assert run_main("heroku_pg_credential", {**PARAMS, "state": "read"}).code == "credential_unusable"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ('{"id": "not_found", "message": "no"}', 404, "not_found"),
        ("<h1>Not Found</h1>", 404, "not_found"),
        ("<h1>Hello</h1>", 200, "unreachable"),
        ("[]", 200, "unreachable"),
        ('{"name": "raptor_app"}', 200, "unreachable"),
    ],
)
def test_the_sloppier_data_api(run_main: ModuleRunner, script: responses.RequestsMock, body: str, status: int, code: str) -> None:
    expect_resolve(script)
    script.get(CREDENTIAL, body=body, status=status, content_type="application/json")
    assert run_main("heroku_pg_credential", {**PARAMS, "state": "read"}).code == code


def test_a_time_without_a_zone_is_refused_before_any_call(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    assert run_main("heroku_pg_credential", {**PARAMS, "rotated_since": "2026-05-19T10:00:00"}).code == "invalid_input"


def test_without_an_api_key_nothing_is_called(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    assert run_main("heroku_pg_credential", {**PARAMS, "heroku_api_key": None}).code == "credentials_missing"


def test_a_missing_owner_url_is_named_if_time_runs_out(
    run_main: ModuleRunner, script: responses.RequestsMock, clock: Clock
) -> None:
    expect_resolve(script)
    expect_look(script, "rotating", PHASE_B)
    script.get(f"{APP}/config-vars", json={"OTHER": "1"})
    outcome = run_main("heroku_pg_credential", {**PARAMS, "settle_timeout": 0})
    assert "App raxx-api-prod has no config var DATABASE_URL" in outcome.result["msg"]
