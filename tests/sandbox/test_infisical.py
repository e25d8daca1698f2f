# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The Infisical stand-in keeps to the wire facts of both ages of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import Client, TestResponse

from sandbox import seed as seeds
from sandbox.infisical import Infisical

RAW = "/api/v3/secrets/raw"
LOGIN = "/api/v1/auth/universal-auth/login"
DIALECTS = ["legacy", "current"]


class FakePostgres:
    """Only knows how URLs look."""

    def url(self, user: str, password: str, database: str) -> str:
        return f"postgres://{user}:{password}@127.0.0.1:1/{database}"


class Vault:
    """A stand-in and a client that sends the operator's token."""

    def __init__(self, **settings: Any) -> None:
        seed = seeds.load()
        seed["infisical"] |= settings
        self.stand_in = Infisical(seed, FakePostgres())  # type: ignore[arg-type]
        self.client_id, self.client_secret = (seed["infisical"][key] for key in ("client_id", "client_secret"))
        self.web = Client(self.stand_in.app)
        self.token: str | None = self.stand_in.auth.token
        self.place = {"workspaceId": self.stand_in.workspace_id, "environment": "sandbox", "secretPath": "/raxx/sandbox/raptor"}

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.web.open(path, method=method, headers=headers, **options)

    def read(self, name: str = "STATUS_PAGE_TOKEN", **query: Any) -> TestResponse:
        return self.call("GET", f"{RAW}/{quote(name, safe='')}", query_string=self.place | query)

    def write(self, value: str | None, name: str = "STATUS_PAGE_TOKEN", method: str = "PATCH", **body: Any) -> TestResponse:
        sent = self.place | ({} if value is None else {"secretValue": value}) | body
        return self.call(method, f"{RAW}/{quote(name, safe='')}", json=sent)

    def log_in(self, secret: str | None = None) -> TestResponse:
        return self.web.post(LOGIN, json={"clientId": self.client_id, "clientSecret": secret or self.client_secret})


@pytest.fixture
def vault() -> Callable[..., Vault]:
    return Vault


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.json is not None
    return answer.status_code, answer.json["error"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_update_is_a_new_version_of_the_same_secret(vault: Callable[..., Vault], dialect: str) -> None:
    v = vault(dialect=dialect)
    before = v.read().json["secret"]  # type: ignore[index]
    for version in (2, 3):
        time.sleep(0.002)
        after = v.write("not-a-real-token").json["secret"]  # type: ignore[index]
        assert after["version"] == version
    assert (after["id"], after["createdAt"]) == (before["id"], before["createdAt"])
    assert after["updatedAt"] > before["updatedAt"]


@pytest.mark.parametrize(("sent", "kept"), [("  a \n", "a\n"), (" a ", "a"), ("a\n\n", "a\n"), ("", "")])
def test_values_are_trimmed_but_for_one_final_line_break(vault: Callable[..., Vault], sent: str, kept: str) -> None:
    v = vault()
    assert v.write(sent).json["secret"]["secretValue"] == kept  # type: ignore[index]
    assert v.read().json["secret"]["secretValue"] == kept  # type: ignore[index]


def test_the_seed_puts_a_connection_url_into_the_vault(vault: Callable[..., Vault]) -> None:
    value = vault().read("RAPTOR_APP_DB_URL").json["secret"]["secretValue"]  # type: ignore[index]
    assert value.startswith("postgres://raptor_app:p")


def test_an_update_echoes_what_was_sent_not_what_is_stored(vault: Callable[..., Vault]) -> None:
    v = vault()
    v.write("x", secretComment=" mine ")
    assert v.write("y").json["secret"]["secretComment"] == ""  # type: ignore[index]
    assert v.write(None).json["secret"]["secretValue"] == ""  # type: ignore[index]
    kept = v.read().json["secret"]  # type: ignore[index]
    assert (kept["secretComment"], kept["secretValue"], kept["version"]) == ("mine", "y", 4)


def test_delete_and_create_begin_anew(vault: Callable[..., Vault]) -> None:
    v = vault()
    old = v.write("x").json["secret"]  # type: ignore[index]
    assert v.write(None, method="DELETE").status_code == 200
    assert problem(v.read()) == (404, "NotFound")
    new = v.write("x", method="POST").json["secret"]  # type: ignore[index]
    assert new["version"] == 1
    assert new["id"] != old["id"]
    assert problem(v.write("x", method="POST")) == (400, "BadRequest")


def test_the_dialects_differ_in_shape(vault: Callable[..., Vault]) -> None:
    old, new = vault(dialect="legacy"), vault(dialect="current")
    assert "metadata" in old.read().json["secret"]  # type: ignore[index]
    assert "secretValueHidden" not in old.read().json["secret"]  # type: ignore[index]
    assert new.read().json["secret"]["secretPath"] == "/raxx/sandbox/raptor"  # type: ignore[index]
    assert "reqId" not in old.read("NOPE").json  # type: ignore[operator]
    assert new.read("NOPE").json["reqId"].startswith("req-")  # type: ignore[index]


@pytest.mark.parametrize(("dialect", "status"), [("legacy", 401), ("current", 422)])
def test_a_schema_error_lists_what_is_wrong(vault: Callable[..., Vault], dialect: str, status: int) -> None:
    v = vault(dialect=dialect)
    answer = v.call("PATCH", f"{RAW}/X", json={"workspaceId": v.stand_in.workspace_id, "secretValue": "x"})
    assert problem(answer) == (status, "ValidationFailure")
    assert answer.json["message"][0]["path"] == ["environment"]  # type: ignore[index]


def test_the_variants_of_not_found(vault: Callable[..., Vault]) -> None:
    v = vault()
    assert problem(v.write("x", name="NOPE")) == (404, "NotFound")
    assert problem(v.write("x", secretPath="/other")) == (404, "UpdateSecret")
    assert problem(v.write("x", method="DELETE", environment="prod")) == (404, "DeleteSecret")
    assert problem(v.write("x", workspaceId="0000")) == (404, "NotFound")
    answer = v.call("GET", "/api/v9/nothing")
    assert answer.json == {"message": "Route GET:/api/v9/nothing not found", "error": "Not Found", "statusCode": 404}
    assert v.write("x", secretPath="/raxx/sandbox/raptor/").status_code == 200


def test_v4_names_the_project_and_is_unknown_to_the_old_server(vault: Callable[..., Vault]) -> None:
    v = vault()
    query = {"projectId": v.stand_in.workspace_id, "environment": "sandbox", "secretPath": "/raxx/sandbox/raptor"}
    assert v.call("GET", "/api/v4/secrets/STATUS_PAGE_TOKEN", query_string=query).status_code == 200
    assert problem(v.call("GET", "/api/v4/secrets/STATUS_PAGE_TOKEN", query_string=v.place)) == (422, "ValidationFailure")
    assert len(v.call("GET", "/api/v4/secrets", query_string=query).json["secrets"]) == 2  # type: ignore[index]
    assert problem(vault(dialect="legacy").call("GET", "/api/v4/secrets/X", query_string=query)) == (404, "Not Found")


def test_malformed_json_is_a_server_error(vault: Callable[..., Vault]) -> None:
    v = vault()
    assert problem(v.call("PATCH", f"{RAW}/X", data="{", content_type="application/json")) == (500, "InternalServerError")


@pytest.mark.parametrize(
    ("dialect", "role", "missing", "existing"),
    [("legacy", "viewer", 403, 403), ("current", "viewer", 404, 403)],
)
def test_a_reader_may_not_write(vault: Callable[..., Vault], dialect: str, role: str, missing: int, existing: int) -> None:
    v = vault(dialect=dialect, role=role)
    assert v.read().status_code == 200
    assert v.write("x", name="NOPE").status_code == missing
    assert v.write("x").status_code == existing
    assert problem(v.write("x")) == (403, "PermissionDenied")


def test_values_can_be_hidden_from_who_may_write(vault: Callable[..., Vault]) -> None:
    v = vault(role="writer")
    for answer in (v.read(), v.write("x")):
        secret = answer.json["secret"]  # type: ignore[index]
        assert (secret["secretValue"], secret["secretValueHidden"]) == ("<hidden-by-infisical>", True)
    assert v.stand_in.dump()[1]["versions"][-1]["value"] == "x"


def test_a_persons_change_waits_for_approval(vault: Callable[..., Vault]) -> None:
    v = vault()
    v.token = v.stand_in.auth.user_token
    answer = v.write("changed")
    assert answer.status_code == 200
    assert "secret" not in (answer.json or {})
    assert answer.json["approval"]["status"] == "open"  # type: ignore[index]
    assert v.read().json["secret"]["secretValue"] == "not-a-real-token"  # type: ignore[index]


def test_references_are_expanded_when_asked(vault: Callable[..., Vault]) -> None:
    v = vault()
    v.write("<${RAPTOR_APP_DB_URL}>")
    assert v.read(expandSecretReferences="false").json["secret"]["secretValue"] == "<${RAPTOR_APP_DB_URL}>"  # type: ignore[index]
    assert v.read(expandSecretReferences="true").json["secret"]["secretValue"].startswith("<postgres://")  # type: ignore[index]
    v.write("${NOPE}")
    assert v.read(expandSecretReferences="true").status_code == 500


def test_versions(vault: Callable[..., Vault]) -> None:
    v, old = vault(), vault(dialect="legacy")
    for each in (v, old):
        each.write("second")
    assert v.read(version=1).json["secret"]["secretValue"] == "not-a-real-token"  # type: ignore[index]
    assert v.read(version=99).status_code == 404
    assert old.read(version=99).json["secret"]["version"] == 2  # type: ignore[index]
    secret_id = v.read().json["secret"]["id"]  # type: ignore[index]
    listed = v.call("GET", f"/api/v1/secret/{secret_id}/secret-versions").json["secretVersions"]  # type: ignore[index]
    assert [item["version"] for item in listed] == [2, 1]
    assert old.call("GET", "/api/v1/secret/x/secret-versions").status_code == 403


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (None, (401, "UnauthorizedError")),
        ("nonsense", (403, "TokenError")),
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", (403, "TokenError")),
    ],
)
def test_bad_bearers(vault: Callable[..., Vault], token: str | None, expected: tuple[int, str]) -> None:
    v = vault()
    v.token = token
    assert problem(v.read()) == expected


def test_a_token_of_another_server_has_a_wrong_signature(vault: Callable[..., Vault]) -> None:
    v = vault()
    v.token = vault().token
    assert v.read().json["message"] == "invalid signature"  # type: ignore[index]


def test_login_gives_a_token_that_works_until_revoked(vault: Callable[..., Vault]) -> None:
    v = vault()
    answer = v.log_in().json
    assert answer is not None
    assert {key: answer[key] for key in ("expiresIn", "accessTokenMaxTTL", "tokenType")} == {
        "expiresIn": 2592000,
        "accessTokenMaxTTL": 2592000,
        "tokenType": "Bearer",
    }
    v.token = answer["accessToken"]
    assert v.read().status_code == 200
    assert v.web.post("/api/v1/auth/token/revoke", json={"accessToken": v.token}).status_code == 200
    assert v.read().json["message"] == "No identity access token found"  # type: ignore[index]


@pytest.mark.parametrize(("dialect", "expected"), [("legacy", (401, "UnauthorizedError")), ("current", (403, "TokenError"))])
def test_a_tokens_time_ends(vault: Callable[..., Vault], dialect: str, expected: tuple[int, str]) -> None:
    v = vault(dialect=dialect, token_ttl=0)
    v.token = v.log_in().json["accessToken"]  # type: ignore[index]
    assert problem(v.read()) == expected


def test_a_tokens_uses_end(vault: Callable[..., Vault]) -> None:
    v = vault(token_uses=1)
    v.token = v.log_in().json["accessToken"]  # type: ignore[index]
    answers = [v.read() for __ in range(3)]
    assert answers[0].status_code == 200
    assert [answer.json["message"] for answer in answers[1:]] == [  # type: ignore[index]
        "Unable to renew because access token number of uses limit reached",
        "No identity access token found",
    ]


def test_renewal_returns_the_same_token_only_from_the_old_server(vault: Callable[..., Vault]) -> None:
    vaults = {dialect: vault(dialect=dialect, token_ttl=60) for dialect in DIALECTS}
    tokens = {dialect: v.log_in().json["accessToken"] for dialect, v in vaults.items()}  # type: ignore[index]
    time.sleep(1.0)
    for dialect, v in vaults.items():
        answer = v.web.post("/api/v1/auth/token/renew", json={"accessToken": tokens[dialect]}).json
        assert answer is not None
        assert (answer["accessToken"] == tokens[dialect]) is (dialect == "legacy")


@pytest.mark.parametrize(("dialect", "expected"), [("legacy", (404, "NotFound")), ("current", (401, "UnauthorizedError"))])
def test_an_unknown_client(vault: Callable[..., Vault], dialect: str, expected: tuple[int, str]) -> None:
    answer = vault(dialect=dialect).web.post(LOGIN, json={"clientId": "nobody", "clientSecret": "x"})
    assert problem(answer) == expected


def test_the_client_secrets_uses_end(vault: Callable[..., Vault]) -> None:
    v = vault(client_secret_uses=1)
    assert v.log_in().status_code == 200
    assert [v.log_in().json["message"] for __ in range(2)] == [  # type: ignore[index]
        "Access denied due to client secret usage limit reached",
        "Invalid credentials",
    ]


def test_three_wrong_secrets_lock_the_login_but_not_on_the_old_server(vault: Callable[..., Vault]) -> None:
    new, old = vault(), vault(dialect="legacy")
    for v in (new, old):
        assert [problem(v.log_in("wrong")) for __ in range(3)] == [(401, "UnauthorizedError")] * 3
    assert "temporarily locked" in new.log_in().json["message"]  # type: ignore[index]
    assert old.log_in().status_code == 200


@pytest.mark.parametrize(("dialect", "limit"), [("legacy", 40), ("current", 60)])
def test_requests_are_limited_by_route(vault: Callable[..., Vault], dialect: str, limit: int) -> None:
    v = vault(dialect=dialect)
    answers = [v.read() for __ in range(limit + 1)]
    assert answers[0].headers["x-ratelimit-limit"] == str(limit)
    assert answers[limit - 1].headers["x-ratelimit-remaining"] == "0"
    assert answers[limit - 1].status_code == 200
    assert problem(answers[limit]) == (429, "RateLimitExceeded")
    assert 0 < int(answers[limit].headers["retry-after"]) <= 60
    assert v.write("x").status_code == 200


def test_every_value_that_ever_was_counts_as_a_secret(vault: Callable[..., Vault]) -> None:
    v = vault()
    v.write("one")
    v.write("two")
    assert {"not-a-real-token", "one", "two", v.client_secret, v.token} <= v.stand_in.secrets()


def test_status_needs_no_login(vault: Callable[..., Vault]) -> None:
    v = vault()
    v.token = None
    assert v.call("GET", "/api/status").json["message"] == "Ok"  # type: ignore[index]
