# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""infisical_secret (runbook 2b): reads, compares, writes, reads back."""

from __future__ import annotations

import typing as t

import pytest
import responses
from responses import matchers

from .conftest import ModuleRunner

URL = "https://vault.example/api/v3/secrets/raw/DB_URL"
VALUE = "postgres://raptor_app:n3w-p@ss@db.example:5432/raptor"
PLACE = {"workspaceId": "w-1", "environment": "prod", "secretPath": "/raxx/prod/raptor"}
PARAMS = {
    "infisical_url": "https://vault.example",
    "infisical_token": "a-token-of-the-vault",
    "workspace_id": "w-1",
    "environment": "prod",
    "path": "/raxx/prod/raptor",
    "name": "DB_URL",
    "value": VALUE,
}


def secret(value: str, version: int = 4, **more: t.Any) -> dict[str, t.Any]:
    return {
        "secret": {
            "id": "s-1",
            "version": version,
            "secretValue": value,
            "updatedAt": f"2026-05-19T10:00:0{version}.000Z",
            **more,
        }
    }


def expect_read(script: responses.RequestsMock, body: t.Any, status: int = 200) -> None:
    script.get(
        URL,
        json=body,
        status=status,
        match=[
            matchers.query_param_matcher({**PLACE, "expandSecretReferences": "false"}),
            matchers.header_matcher({"Authorization": "Bearer a-token-of-the-vault"}),
        ],
    )


def expect_write(script: responses.RequestsMock, method: str, body: t.Any, status: int = 200) -> None:
    script.add(method, URL, json=body, status=status, match=[matchers.json_params_matcher({**PLACE, "secretValue": VALUE})])


def test_writes_a_different_value_and_reads_it_back(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret("old"))
    expect_write(script, "PATCH", secret(VALUE, 5))
    expect_read(script, secret(VALUE, 5))
    outcome = run_main("infisical_secret", PARAMS)
    assert outcome.result["changed"] is True
    assert (outcome.result["version"], outcome.result["updated_at"]) == (5, "2026-05-19T10:00:05.000Z")
    assert outcome.result["diff"]["before"] == {"name": "DB_URL", "value": "another value"}


def test_an_equal_value_is_not_written_again(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret(VALUE))
    assert run_main("infisical_secret", PARAMS).result["changed"] is False


def test_check_mode_reads_only(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret("old"))
    outcome = run_main("infisical_secret", PARAMS, check=True)
    assert (outcome.result["changed"], outcome.result["version"]) == (True, 4)


def test_a_missing_secret_is_created_only_on_request(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    gone = {"statusCode": 404, "error": "NotFound", "message": "Secret with name 'DB_URL' not found"}
    expect_read(script, gone, 404)
    refused = run_main("infisical_secret", PARAMS)
    assert (refused.code, "create=true" in refused.result["msg"]) == ("secret_not_found", True)

    expect_read(script, gone, 404)
    expect_write(script, "POST", secret(VALUE, 1))
    expect_read(script, secret(VALUE, 1))
    assert run_main("infisical_secret", {**PARAMS, "create": True}).result["created"] is True


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, "UnauthorizedError", "unauthorized"),
        (401, "ValidationFailure", "invalid_request"),
        (422, "ValidationFailure", "invalid_request"),
        (403, "TokenError", "unauthorized"),
        (403, "PermissionDenied", "forbidden"),
        (403, "You are not a member of this project", "forbidden"),
        (404, "UpdateSecret", "not_found"),
        (404, "Not Found", "not_found"),
        (400, "BadRequest", "invalid_request"),
    ],
)
def test_a_refusal_is_told_by_status_and_error(
    run_main: ModuleRunner, script: responses.RequestsMock, status: int, error: str, code: str
) -> None:
    expect_read(script, {"statusCode": status, "error": error, "message": f"about {VALUE}"}, status)
    outcome = run_main("infisical_secret", PARAMS)
    assert (outcome.code, outcome.result["failure"]["status"]) == (code, status)
    assert VALUE not in outcome.text


def test_an_approval_is_not_success(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret("old"))
    expect_write(script, "PATCH", {"approval": {"id": "a-1", "status": "open"}})
    assert run_main("infisical_secret", PARAMS).code == "approval_pending"


def test_a_hidden_value_is_never_compared(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret("<hidden-by-infisical>", secretValueHidden=True))
    assert run_main("infisical_secret", PARAMS).code == "value_hidden"


def test_a_write_that_does_not_read_back_fails(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret("old"))
    expect_write(script, "PATCH", secret(VALUE, 5))
    expect_read(script, secret("old"))
    outcome = run_main("infisical_secret", PARAMS)
    assert (outcome.code, outcome.result["failure"]["retryable"]) == ("write_not_confirmed", True)


def test_a_write_without_an_answer_is_reported_as_unknown(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_read(script, secret("old"))
    script.patch(URL, body="<html>bad gateway</html>", status=502)
    outcome = run_main("infisical_secret", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


@pytest.mark.parametrize("value", ["", " padded", "padded\n", "a${REF}b", "a{{b}}", "é" * 2049])
def test_values_that_a_store_would_alter_are_refused_before_any_call(
    run_main: ModuleRunner, script: responses.RequestsMock, value: str
) -> None:
    assert run_main("infisical_secret", {**PARAMS, "value": value}).code == "value_not_storable"


def test_universal_auth_logs_in_once(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    script.post(
        "https://vault.example/api/v1/auth/universal-auth/login",
        json={"accessToken": "a-token-of-the-vault", "expiresIn": 60},
        match=[matchers.json_params_matcher({"clientId": "c-1", "clientSecret": "the client secret"})],
    )
    expect_read(script, secret("old"))
    expect_write(script, "PATCH", secret(VALUE, 5))
    expect_read(script, secret(VALUE, 5))
    params = {**PARAMS, "infisical_client_id": "c-1", "infisical_client_secret": "the client secret"}
    outcome = run_main("infisical_secret", params)
    assert outcome.result["changed"] is True
    assert "the client secret" not in outcome.text


def test_a_refused_login_is_not_repeated(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    script.post(
        "https://vault.example/api/v1/auth/universal-auth/login",
        json={"statusCode": 401, "error": "UnauthorizedError", "message": "Invalid credentials"},
        status=401,
    )
    params = {**PARAMS, "infisical_client_id": "c-1", "infisical_client_secret": "the client secret"}
    assert run_main("infisical_secret", params).code == "unauthorized"


def test_the_token_may_come_from_a_file(run_main: ModuleRunner, script: responses.RequestsMock, tmp_path: t.Any) -> None:
    (tmp_path / ".raxx-vault-token").write_text("a-token-of-the-vault\n")
    expect_read(script, secret(VALUE))
    params = {key: value for key, value in PARAMS.items() if key != "infisical_token"}
    assert run_main("infisical_secret", params).result["changed"] is False


def test_without_any_credential_nothing_is_called(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    params = {key: value for key, value in PARAMS.items() if key != "infisical_token"}
    assert run_main("infisical_secret", params).code == "credentials_missing"


def test_v4_names_the_project_differently(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    place = {"projectId": "w-1", "environment": "prod", "secretPath": "/raxx/prod/raptor", "expandSecretReferences": "false"}
    script.get("https://vault.example/api/v4/secrets/DB_URL", json=secret(VALUE), match=[matchers.query_param_matcher(place)])
    assert run_main("infisical_secret", {**PARAMS, "infisical_api_version": "v4"}).result["changed"] is False
