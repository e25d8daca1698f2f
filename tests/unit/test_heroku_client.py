# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Heroku client, where the tests of modules do not reach: names, pages, one-off dynos, logs, and lost answers."""

from __future__ import annotations

import ssl
import typing as t

import pytest
import requests
import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _http
from ansible_collections.raxx.deprovision.plugins.module_utils._database import database_url
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import guarded
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import Account, Addon, App, HerokuClient
from responses import matchers
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from .heroku_answers import API, APP, DATA, KEY, attachment, dyno, error, expect_config

RESOLVE = f"{API}/actions/addon-attachments/resolve"
ADDON = Addon("a-1", "postgresql-round-1", "heroku-postgresql:standard-0", "raxx-api-prod")
MISSING = error("not_found", "Couldn't find that add on attachment.", resource="add_on attachment")
DATABASE_PARAMS = {
    "database_url": None,
    "heroku_app": "raxx-api-prod",
    "heroku_config_var": "DATABASE_URL",
    "heroku_api_key": KEY,
    "heroku_api_url": API,
    "heroku_data_url": DATA,
    "heroku_timeout": 20,
}


@pytest.fixture
def client() -> HerokuClient:
    return HerokuClient(KEY)


def other(name: str, addon: str = "a-2", **more: t.Any) -> dict[str, t.Any]:
    """An attachment of another database."""
    return attachment(
        name, addon={"id": addon, "name": f"postgresql-{addon}", "plan": {"name": "heroku-postgresql:mini"}}, **more
    )


def expect_resolve(
    script: responses.RequestsMock, body: t.Any, status: int = 200, *, identifier: str = "DATABASE", app: str = "raxx-api-prod"
) -> None:
    script.post(
        RESOLVE,
        json=body,
        status=status,
        match=[
            matchers.json_params_matcher({"addon_attachment": identifier, "app": app}),
            matchers.header_matcher({"Accept-Inclusion": "addon:plan,config_vars"}),
        ],
    )


def test_one_attachment_is_the_database(client: HerokuClient, script: responses.RequestsMock) -> None:
    redis = attachment("DATABASE", addon={"id": "k-1", "name": "redis-1", "plan": {"name": "heroku-redis:mini"}})
    expect_resolve(script, [attachment(), redis])
    assert client.resolve_addon("raxx-api-prod") == ADDON


def test_a_name_may_override_the_app(client: HerokuClient, script: responses.RequestsMock) -> None:
    expect_resolve(script, [attachment()], identifier="REPLICA", app="other-app")
    assert client.resolve_addon("raxx-api-prod", "other-app::REPLICA") == ADDON


def test_the_default_credential_is_preferred(client: HerokuClient, script: responses.RequestsMock) -> None:
    """The name of an add-on fits all of its attachments."""
    found = [attachment("RAPTOR_APP_DB", "credential:raptor_app"), attachment()]
    expect_resolve(script, found, identifier="postgresql-round-1")
    assert client.resolve_addon("raxx-api-prod", "postgresql-round-1") == ADDON


def test_a_credential_chooses_its_attachment(client: HerokuClient, script: responses.RequestsMock) -> None:
    expect_resolve(script, [attachment("RAPTOR_APP_DB", "credential:raptor_app"), other("DATABASE")])
    assert client.resolve_addon("raxx-api-prod", credential="raptor_app") == ADDON


def test_several_equal_ones_are_one(client: HerokuClient, script: responses.RequestsMock) -> None:
    expect_resolve(script, [attachment(), attachment("HEROKU_POSTGRESQL_RED")])
    expect_config(script, {"DATABASE_URL": "postgres://same", "HEROKU_POSTGRESQL_RED_URL": "postgres://same"})
    assert client.resolve_addon("raxx-api-prod") == ADDON


@pytest.mark.parametrize("values", [{"DATABASE_URL": "postgres://one", "HEROKU_POSTGRESQL_RED_URL": "postgres://two"}, None])
def test_several_different_ones_are_ambiguous(
    client: HerokuClient, script: responses.RequestsMock, values: dict[str, str] | None
) -> None:
    expect_resolve(script, [attachment(), attachment("HEROKU_POSTGRESQL_RED") if values else other("HEROKU_POSTGRESQL_RED")])
    if values:
        expect_config(script, values)
    with pytest.raises(DeprovisionError) as caught:
        client.resolve_addon("raxx-api-prod")
    assert caught.value.code == "ambiguous_name"
    assert "raxx-api-prod::HEROKU_POSTGRESQL_RED" in caught.value.message


def test_a_copied_config_var_is_found_by_its_value(client: HerokuClient, script: responses.RequestsMock) -> None:
    expect_resolve(script, MISSING, 404, identifier="PRIMARY_URL")
    script.get(f"{APP}/addon-attachments", json=[other("SPARE"), attachment()])
    expect_config(script, {"PRIMARY_URL": "postgres://x", "DATABASE_URL": "postgres://x", "SPARE_URL": "postgres://y"})
    assert client.resolve_addon("raxx-api-prod", "PRIMARY_URL") == ADDON


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, MISSING, "not_found"),
        (401, error("unauthorized"), "unauthorized"),
        (422, error("multiple_matches"), "ambiguous_name"),
        (200, [], "not_found"),
        (200, {"not": "a list"}, "unreachable"),
        (200, [{"name": "DATABASE"}], "unreachable"),
    ],
)
def test_names_that_do_not_resolve(
    client: HerokuClient, script: responses.RequestsMock, status: int, body: t.Any, code: str
) -> None:
    expect_resolve(script, body, status)
    if status == 404:
        script.get(f"{APP}/addon-attachments", json=[attachment()])
        expect_config(script, {"DATABASE_URL": ""})
    with pytest.raises(DeprovisionError) as caught:
        client.resolve_addon("raxx-api-prod")
    assert caught.value.code == code


def test_every_page_of_a_list_is_read(client: HerokuClient, script: responses.RequestsMock) -> None:
    script.get(f"{APP}/dynos", json=[dyno("web.1", 1)], status=206, headers={"Next-Range": "name ]web.1..; max=1"})
    script.get(f"{APP}/dynos", json=[dyno("web.2", 1)], match=[matchers.header_matcher({"Range": "name ]web.1..; max=1"})])
    assert [each.name for each in client.dynos("raxx-api-prod")] == ["web.1", "web.2"]


def test_a_list_without_end_is_left(client: HerokuClient) -> None:
    with responses.RequestsMock() as calls:
        calls.get(f"{APP}/dynos", json=[dyno("web.1", 1)], status=206, headers={"Next-Range": "again"})
        with pytest.raises(UnreachableError):
            client.dynos("raxx-api-prod")


def test_names_are_encoded_in_paths(client: HerokuClient, script: responses.RequestsMock) -> None:
    script.get(f"{DATA}/postgres/v0/databases/postgresql-round-1/credentials/a%2F..%2Fb", json=error("not_found"), status=404)
    with pytest.raises(DeprovisionError):
        client.credential(ADDON, "a/../b")


def test_a_one_off_dyno_is_started_as_herokus_client_does(client: HerokuClient, script: responses.RequestsMock) -> None:
    command = "python jobs/audit_archiver.py --dry-run"
    body = {"attach": True, "command": command, "env": {"TERM": "dumb"}, "force_no_tty": True, "size": "basic"}
    answer = {**dyno("run.4821", 42, "starting"), "attach_url": "rendezvous://rendezvous.example:5000/the-secret"}
    script.post(f"{APP}/dynos", json=answer, status=201, match=[matchers.json_params_matcher(body)])
    started = client.run_dyno("raxx-api-prod", command, size="basic")
    assert (started.name, started.attach_url) == ("run.4821", "rendezvous://rendezvous.example:5000/the-secret")
    assert "the-secret" not in repr(started)


@pytest.mark.parametrize("lost", [requests.exceptions.ReadTimeout(), requests.exceptions.ConnectionError("reset"), "{}"])
def test_a_dyno_whose_answer_is_lost_is_not_started_again(
    client: HerokuClient, script: responses.RequestsMock, lost: t.Any
) -> None:
    """I4: one call, and the caller is told that it may have been carried out."""
    script.post(f"{APP}/dynos", body=lost, status=201)
    with pytest.raises(UnreachableError) as caught:
        client.run_dyno("raxx-api-prod", "true")
    assert caught.value.outcome_unknown


THROTTLED: dict[str, t.Any] = {"json": {"id": "rate_limit"}, "status": 429}
NEVER_LEFT = requests.ConnectionError(MaxRetryError(t.cast(t.Any, None), "/", NewConnectionError(t.cast(t.Any, None), "refused")))


@pytest.mark.parametrize(
    ("failures", "pauses"),
    [
        ([THROTTLED], [0.5]),
        ([{**THROTTLED, "headers": {"Retry-After": "7"}}], [7.0]),
        ([{**THROTTLED, "headers": {"Retry-After": "3600"}}], [30.0]),
        ([{**THROTTLED, "headers": {"Retry-After": "soon"}}], [0.5]),
        ([{"body": NEVER_LEFT}, THROTTLED, {"body": NEVER_LEFT}], [0.5, 1.0, 2.0]),
    ],
)
def test_each_attempt_of_a_write_is_asked_for(
    client: HerokuClient,
    script: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
    failures: list[dict[str, t.Any]],
    pauses: list[float],
) -> None:
    """I3: another run may have taken over meanwhile."""
    slept: list[float] = []
    monkeypatch.setattr(_http, "sleep", slept.append)
    for failure in failures:
        script.delete(f"{APP}/dynos", **failure)
    script.delete(f"{APP}/dynos", body="{}", status=202)
    asked: list[str] = []
    with guarded(lambda _system, action: asked.append(action)):
        client.restart("raxx-api-prod")
    assert slept == pauses
    assert asked == ["DELETE /apps/raxx-api-prod/dynos"] * (len(failures) + 1)


@pytest.mark.parametrize(("failure", "code"), [(THROTTLED, "rate_limited"), ({"body": NEVER_LEFT}, "unreachable")])
def test_a_write_is_repeated_within_a_bound(
    client: HerokuClient, script: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, failure: dict[str, t.Any], code: str
) -> None:
    monkeypatch.setattr(_http, "sleep", lambda _seconds: None)
    for __ in range(4):
        script.delete(f"{APP}/dynos", **failure)
    with pytest.raises(DeprovisionError) as caught:
        client.restart("raxx-api-prod")
    assert (caught.value.code, caught.value.outcome_unknown) == (code, False)


def test_a_write_is_not_repeated_after_a_fault_of_tls(client: HerokuClient, script: responses.RequestsMock) -> None:
    """I4: it may have come in the answer."""
    cause = SSLError(ssl.SSLError("decryption failed or bad record mac"))
    script.delete(f"{APP}/dynos", body=requests.exceptions.SSLError(MaxRetryError(t.cast(t.Any, None), "/", cause)))
    with pytest.raises(UnreachableError) as caught:
        client.restart("raxx-api-prod")
    assert caught.value.outcome_unknown
    assert len(script.calls) == 1


def test_a_read_that_is_throttled_is_repeated(client: HerokuClient, script: responses.RequestsMock) -> None:
    script.get(f"{API}/account", **THROTTLED)
    script.get(f"{API}/account", json={"id": "u-1", "email": "olivia.osei@raxx.example"})
    assert client.account() == Account("u-1", "olivia.osei@raxx.example")


@pytest.mark.parametrize(("status", "body"), [(202, "{}"), (202, ""), (204, "")])
def test_an_accepted_restart_may_have_no_body(
    client: HerokuClient, script: responses.RequestsMock, status: int, body: str
) -> None:
    script.delete(f"{APP}/dynos", body=body, status=status)
    client.restart("raxx-api-prod")


def test_what_only_looks_is_no_write(client: HerokuClient, script: responses.RequestsMock) -> None:
    """Each write renews the lease, and is in the journal of the run."""
    script.post(f"{APP}/log-sessions", json={"logplex_url": "https://logs.example/secret"}, status=201)
    script.post(f"{APP}/log-sessions", body="<html>", status=503)
    writes: list[str] = []
    with guarded(lambda _system, action: writes.append(action)):
        client.log_session("raxx-api-prod", lines=100, tail=True)
        with pytest.raises(UnreachableError) as caught:
            client.log_session("raxx-api-prod", lines=100, tail=True)
    assert (writes, caught.value.outcome_unknown) == ([], False)


def test_a_log_session_is_asked_for(client: HerokuClient, script: responses.RequestsMock) -> None:
    script.post(
        f"{APP}/log-sessions",
        json={"logplex_url": "https://logs.example/secret"},
        status=201,
        match=[matchers.json_params_matcher({"lines": 100, "tail": True, "source": "app"})],
    )
    assert client.log_session("raxx-api-prod", lines=100, tail=True, source="app") == "https://logs.example/secret"


@pytest.mark.parametrize(("generation", "expected"), [("cedar", "cedar"), ({"name": "fir"}, "fir"), (None, "cedar")])
def test_an_app_tells_its_kind(client: HerokuClient, script: responses.RequestsMock, generation: t.Any, expected: str) -> None:
    script.get(APP, json={"name": "raxx-api-prod", "stack": {"name": "heroku-24"}, "generation": generation})
    assert client.app("raxx-api-prod") == App("raxx-api-prod", "heroku-24", expected)


def test_the_account_is_read(client: HerokuClient, script: responses.RequestsMock) -> None:
    script.get(f"{API}/account", json={"id": "u-1", "email": "olivia.osei@raxx.example"})
    assert client.account() == Account("u-1", "olivia.osei@raxx.example")


def test_a_dyno_is_stopped_by_name(client: HerokuClient, script: responses.RequestsMock) -> None:
    script.post(f"{APP}/dynos/run.4821/actions/stop", body="", status=202)
    client.stop_dyno("raxx-api-prod", "run.4821")


def test_a_database_url_comes_from_the_option_or_from_the_config(script: responses.RequestsMock) -> None:
    assert database_url({"database_url": "postgres://given"}) == "postgres://given"
    expect_config(script, {"DATABASE_URL": "postgres://from-config"})
    assert database_url(DATABASE_PARAMS) == "postgres://from-config"


def test_a_missing_config_var_is_named_without_any_value(script: responses.RequestsMock) -> None:
    expect_config(script, {"OTHER_URL": "postgres://from-config"})
    with pytest.raises(DeprovisionError) as caught:
        database_url(DATABASE_PARAMS)
    assert (caught.value.code, caught.value.message) == ("not_found", "App raxx-api-prod has no config var DATABASE_URL.")
