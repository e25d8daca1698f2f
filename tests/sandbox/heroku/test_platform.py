# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Platform API as Heroku speaks it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from tests.sandbox.heroku.conftest import ADDON, APP, TOKEN, Stand

CONFIG = f"/apps/{APP}/config-vars"
RELEASES = f"/apps/{APP}/releases"
RESOLVE = "/actions/addon-attachments/resolve"


def test_account_and_headers(stand: Stand) -> None:
    answer = stand.call("GET", "/account")
    assert answer.json()["email"] == "olivia.osei@raxx.example"
    assert len(answer.headers["Request-Id"].split(",")) == 3
    assert int(answer.headers["RateLimit-Remaining"]) < 4500
    assert answer.headers["Content-Type"] == "application/json"


def test_rate_limit_is_free_to_ask_and_counts_other_calls(stand: Stand) -> None:
    before = stand.get("/account/rate-limits")["remaining"]
    for __ in range(3):
        stand.get("/account")
    assert before - stand.get("/account/rate-limits")["remaining"] in (2, 3)


@pytest.mark.parametrize(
    ("headers", "path", "status", "code"),
    [
        ({"Authorization": ""}, "/account", 401, "unauthorized"),
        ({"Authorization": "Bearer wrong"}, "/account", 401, "unauthorized"),
        ({"Authorization": "Bearer HRKU-reader"}, CONFIG, 403, "forbidden"),
        ({"Accept": "application/json"}, "/account", 406, "not_acceptable"),
        ({"Accept": "*/*"}, "/account", 406, "not_acceptable"),
        ({}, "/apps/raxx-secret-sandbox", 403, "forbidden"),
        ({}, "/apps/nobody", 404, "not_found"),
        ({}, "/nothing", 404, "not_found"),
        ({"Range": "colour .."}, RELEASES, 416, "requested_range_not_satisfiable"),
    ],
)
def test_refusals(stand: Stand, headers: dict[str, str], path: str, status: int, code: str) -> None:
    answer = stand.call("GET", path, **headers)
    assert (answer.status_code, answer.json()["id"]) == (status, code)


def test_a_read_token_cannot_write(stand: Stand) -> None:
    assert stand.call("GET", f"/apps/{APP}", Authorization="Bearer HRKU-reader").status_code == 200
    assert stand.call("DELETE", f"/apps/{APP}/dynos", Authorization="Bearer HRKU-reader").status_code == 403


def test_sdk_accept_and_basic_authentication(stand: Stand) -> None:
    basic = "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()
    answer = stand.call("GET", f"/apps/{APP}", Accept="application/vnd.heroku+json; version=3.sdk", Authorization=basic)
    assert answer.json()["generation"] == {"name": "cedar"}


@pytest.mark.parametrize("asked", ["DATABASE", "DATABASE_URL", f"{APP}::DATABASE"])
def test_attachments_resolve_by_name(stand: Stand, asked: str) -> None:
    [found] = stand.call("POST", RESOLVE, {"addon_attachment": asked, "app": APP}).json()
    assert found["addon"]["name"] == ADDON
    assert found["addon"]["plan"]["name"].startswith("heroku-postgresql:")
    assert (found["namespace"], found["config_vars"]) == (None, ["DATABASE_URL"])


def test_attachments_resolve_by_add_on(stand: Stand) -> None:
    found = stand.call("POST", RESOLVE, {"addon_attachment": ADDON, "app": APP}).json()
    assert {item["namespace"] for item in found} == {None, "credential:audit_archiver"}
    listed = stand.get(f"/addons/{ADDON}/addon-attachments")
    assert listed == stand.get(f"/apps/{APP}/addon-attachments") == sorted(found, key=lambda item: item["id"])


@pytest.mark.parametrize(("path", "body"), [(RESOLVE, {"addon_attachment": "X"}), ("/actions/addons/resolve", {"addon": "X"})])
def test_what_does_not_resolve_is_not_found(stand: Stand, path: str, body: dict[str, str]) -> None:
    answer = stand.call("POST", path, body)
    assert answer.status_code == 404
    assert answer.json()["resource"] == ("add_on attachment" if path == RESOLVE else "add_on")


def test_add_ons_resolve(stand: Stand) -> None:
    for asked in ({"addon": ADDON}, {"addon": "DATABASE", "app": APP}):
        [found] = stand.call("POST", "/actions/addons/resolve", asked).json()
        assert found["name"] == ADDON


def test_one_release_for_one_change_of_several_variables(stand: Stand) -> None:
    before = stand.releases()[-1]["version"]
    answer = stand.call("PATCH", CONFIG, {"A": "1", "B": "2", "LOG_LEVEL": None})
    assert answer.json()["A"] == "1"
    assert "LOG_LEVEL" not in answer.json()
    last = stand.releases()[-1]
    assert last["version"] == before + 1
    assert last["description"] == "Set A, B and Remove LOG_LEVEL config vars"
    assert last["user"]["email"] == "olivia.osei@raxx.example"
    stand.call("PATCH", CONFIG, {"A": "1", "LOG_LEVEL": None})
    assert stand.releases()[-1]["version"] == before + 1


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"DATABASE_URL": "x", "A": "1"}, 422, "Cannot overwrite attachment values DATABASE_URL."),
        ({"DATABASE_URL": None}, 422, "Cannot overwrite attachment values DATABASE_URL."),
        ({"A": 1}, 422, "Config var values must be strings: A."),
        (["A"], 400, "Unable to parse the JSON request."),
    ],
)
def test_refused_changes_change_nothing(stand: Stand, body: Any, status: int, message: str) -> None:
    before = stand.config()
    answer = stand.call("PATCH", CONFIG, body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert stand.config() == before


def test_releases_come_in_ranges(stand: Stand) -> None:
    for number in range(4):
        stand.call("PATCH", CONFIG, {"A": str(number)})
    versions = [release["version"] for release in stand.releases()]
    assert versions == sorted(versions)
    seen, wanted = [], "version ..; order=desc,max=3"
    while wanted:
        answer = stand.call("GET", RELEASES, Range=wanted)
        seen += [release["version"] for release in answer.json()]
        wanted = answer.headers.get("Next-Range", "")
        assert answer.status_code == (206 if wanted else 200)
    assert seen == versions[::-1]
    [last] = stand.call("GET", RELEASES, Range="version ..; order=desc,max=1").json()
    assert last["current"]


def test_attach_a_credential(stand: Stand) -> None:
    assert stand.get(f"/addons/{ADDON}/config/credential:raptor_app")
    assert stand.get(f"/addons/{ADDON}/config/credential:nobody") == []
    body = {"addon": {"name": ADDON}, "app": {"name": APP}, "name": "RAPTOR", "namespace": "credential:raptor_app"}
    assert stand.call("POST", "/addon-attachments", body).status_code == 201
    config = stand.config()
    assert config["RAPTOR_URL"] == config["RAPTOR_APP_DATABASE_URL"]


def test_log_lines_and_their_filters(stand: Stand) -> None:
    stand.call("PATCH", CONFIG, {"A": "1"})
    lines = stand.log(source="app", dyno="api")
    assert lines[0].endswith("app[api]: Set A config vars by user olivia.osei@raxx.example")
    version = stand.releases()[-1]["version"]
    assert lines[1].endswith(f"app[api]: Release v{version} created by user olivia.osei@raxx.example")
    assert stand.log(dyno="web") == []
    assert stand.log(lines=1) == lines[-1:]


def test_log_as_events(stand: Stand) -> None:
    stand.call("PATCH", CONFIG, {"A": "1"})
    url = stand.call("POST", f"/apps/{APP}/log-sessions", {"lines": 1}).json()["logplex_url"]
    answer = requests.get(url, headers={"Accept": "text/event-stream"}, timeout=10)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text.startswith("retry: 1\n\nid: 2\ndata: ")
    again = requests.get(url, headers={"Accept": "text/event-stream", "Last-Event-ID": "2"}, timeout=10)
    assert "data:" not in again.text
    assert requests.get(url + "x", timeout=10).status_code == 404


def test_a_tail_goes_on(stand: Stand) -> None:
    url = stand.call("POST", f"/apps/{APP}/log-sessions", {"lines": 0, "tail": True}).json()["logplex_url"]
    with requests.get(url, stream=True, timeout=10) as answer:
        stand.call("PATCH", CONFIG, {"A": "1"})
        assert b"Set A config vars" in next(answer.iter_lines(chunk_size=1))


def test_dump_and_secrets(stand: Stand) -> None:
    dump = stand.heroku.dump()
    assert dump == stand.heroku.dump()
    assert dump["apps"][APP]["config"] == stand.config()
    assert {TOKEN, stand.password("raptor_app"), stand.config()["DATABASE_URL"]} <= stand.heroku.secrets()
