# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""ssm_secret (runbook 3b, and the parked copy of 2b) and its client: reads, compares, writes, reads back."""

from __future__ import annotations

import time
import typing as t
from datetime import UTC, datetime

import boto3
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _ssm
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from botocore import exceptions
from botocore.stub import Stubber

from .conftest import ModuleRunner

NAME = "/raxx/prod/raptor/AUDIT_ARCHIVER_DB_URL"
VALUE = "postgres://audit_archiver:n3w-p@ss@db.example:5432/raptor"
PARAMS = {"name": NAME, "value": VALUE, "prefix": "postgres://audit_archiver:"}
READ = {"Name": NAME, "WithDecryption": True}
WRITE = {"Name": NAME, "Value": VALUE, "Type": "SecureString", "Overwrite": True}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Stubber]:
    """The AWS calls that are expected, in this order; any other, missing or misplaced call fails the test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-access-key")
    monkeypatch.setattr(_ssm, "RETRY_DELAYS", (0.0, 0.0, 0.0))
    client = boto3.client("ssm", region_name="us-east-1")
    monkeypatch.setattr(_ssm, "_client", lambda service, **more: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def parameter(value: str = VALUE, version: int = 4, kind: str = "SecureString", name: str = NAME) -> dict[str, t.Any]:
    stamp = datetime(2026, 5, 19, 10, 0, version, 123000, UTC)
    return {"Name": name, "Type": kind, "Value": value, "Version": version, "LastModifiedDate": stamp}


def expect_read(aws: Stubber, value: str = VALUE, version: int = 4, kind: str = "SecureString") -> None:
    aws.add_response("get_parameter", {"Parameter": parameter(value, version, kind)}, READ)


def expect_nothing(aws: Stubber) -> None:
    aws.add_client_error("get_parameter", "ParameterNotFound", http_status_code=400, expected_params=READ)


def test_writes_a_different_value_and_reads_it_back(run_main: ModuleRunner, aws: Stubber) -> None:
    expect_read(aws, "postgres://audit_archiver:old@db.example/raptor")
    aws.add_response("put_parameter", {"Version": 5, "Tier": "Standard"}, WRITE)
    expect_read(aws, VALUE, 5)
    outcome = run_main("ssm_secret", PARAMS)
    assert outcome.result["changed"] is True
    assert (outcome.result["version"], outcome.result["last_modified"]) == (5, "2026-05-19T10:00:05.123000Z")
    assert outcome.result["diff"] == {
        "before": {"name": NAME, "value": "another value"},
        "after": {"name": NAME, "value": "as wanted"},
    }
    assert "n3w-p@ss" not in outcome.text
    assert "audit_archiver:old" not in outcome.text


def test_an_equal_value_is_not_written_again(run_main: ModuleRunner, aws: Stubber) -> None:
    """I13: every write would make another version."""
    expect_read(aws)
    outcome = run_main("ssm_secret", {**PARAMS, "description": "another", "key_id": "alias/other"})
    assert (outcome.result["changed"], outcome.result["version"]) == (False, 4)


def test_a_missing_parameter_is_created_with_description_and_key(run_main: ModuleRunner, aws: Stubber) -> None:
    expect_nothing(aws)
    aws.add_response("put_parameter", {"Version": 1}, {**WRITE, "Description": "of DEPROV-1", "KeyId": "alias/raxx"})
    expect_read(aws, VALUE, 1)
    outcome = run_main("ssm_secret", {**PARAMS, "description": "of DEPROV-1", "key_id": "alias/raxx"})
    assert (outcome.result["changed"], outcome.result["version"], outcome.result["diff"]["before"]) == (True, 1, None)


def test_check_mode_reads_only(run_main: ModuleRunner, aws: Stubber) -> None:
    """I11."""
    expect_nothing(aws)
    outcome = run_main("ssm_secret", PARAMS, check=True)
    assert (outcome.result["changed"], outcome.result["version"], outcome.result["last_modified"]) == (True, None, None)
    expect_read(aws)
    assert run_main("ssm_secret", PARAMS, check=True).result["changed"] is False
    expect_read(aws)
    assert run_main("ssm_secret", {"name": NAME, "state": "absent"}, check=True).result["changed"] is True


def test_a_value_of_another_role_is_refused_before_any_call(run_main: ModuleRunner, aws: Stubber) -> None:
    """3b: the prefix, also that of Heroku's temporary user."""
    for value in (VALUE.replace("audit_archiver", "raptor_app"), VALUE.replace("audit_archiver", "audit_archiver-rotating")):
        outcome = run_main("ssm_secret", {**PARAMS, "value": value})
        assert outcome.code == "wrong_prefix"
        assert "n3w-p@ss" not in outcome.text


@pytest.mark.parametrize("value", ["", " padded", "padded\n", "a${REF}b", "a{{b}}", "é" * 2049])
def test_values_that_a_store_would_alter_are_refused_before_any_call(run_main: ModuleRunner, aws: Stubber, value: str) -> None:
    assert run_main("ssm_secret", {"name": NAME, "value": value}).code == "value_not_storable"


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_parameter_of_another_type_is_left_alone(run_main: ModuleRunner, aws: Stubber, state: str) -> None:
    expect_read(aws, VALUE, 4, "String")
    outcome = run_main("ssm_secret", {**PARAMS, "state": state})
    assert (outcome.code, "String" in outcome.result["msg"]) == ("wrong_type", True)


def test_a_write_that_does_not_read_back_fails(run_main: ModuleRunner, aws: Stubber) -> None:
    """I6."""
    expect_read(aws, "old")
    aws.add_response("put_parameter", {"Version": 5}, WRITE)
    for __ in range(4):
        expect_read(aws, "old")
    assert run_main("ssm_secret", PARAMS).code == "write_not_confirmed"


def test_a_late_read_after_a_write_is_waited_for(run_main: ModuleRunner, aws: Stubber) -> None:
    expect_read(aws, "old")
    aws.add_response("put_parameter", {"Version": 5}, WRITE)
    expect_read(aws, "old")
    expect_read(aws, VALUE, 5)
    assert run_main("ssm_secret", PARAMS).result["version"] == 5


def test_absent_deletes_and_looks_again(run_main: ModuleRunner, aws: Stubber) -> None:
    """I15: the parked copy goes when the vault has the value."""
    expect_read(aws)
    aws.add_response("delete_parameter", {}, {"Name": NAME})
    expect_nothing(aws)
    outcome = run_main("ssm_secret", {"name": NAME, "state": "absent"})
    assert (outcome.result["changed"], outcome.result["version"]) == (True, None)
    assert outcome.result["diff"]["after"] is None
    expect_nothing(aws)
    assert run_main("ssm_secret", {"name": NAME, "state": "absent"}).result["changed"] is False


def test_a_deletion_that_had_no_effect_fails(run_main: ModuleRunner, aws: Stubber) -> None:
    expect_read(aws)
    aws.add_response("delete_parameter", {}, {"Name": NAME})
    for __ in range(4):
        expect_read(aws)
    assert run_main("ssm_secret", {"name": NAME, "state": "absent"}).code == "write_not_confirmed"


CALLS = ["get_parameter", "put_parameter", "delete_parameter"]
REFUSALS = [
    ("AccessDeniedException", "forbidden"),
    ("InvalidKeyId", "forbidden"),
    ("UnrecognizedClientException", "unauthorized"),
    ("InvalidSignatureException", "unauthorized"),
    ("ExpiredTokenException", "unauthorized"),
    ("ValidationException", "invalid_request"),
    ("HierarchyTypeMismatchException", "invalid_request"),
    ("ParameterLimitExceeded", "store_full"),
    ("ParameterMaxVersionLimitExceeded", "store_full"),
    ("a sentence, not a code", "invalid_request"),
]


def expect_calls_before(aws: Stubber, call: str) -> dict[str, t.Any]:
    """Scripts what comes before C(call) and returns the parameters that lead to it."""
    if call != "get_parameter":
        expect_read(aws, "old")
    return {"name": NAME, "state": "absent"} if call == "delete_parameter" else PARAMS


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("aws_code", "code"), REFUSALS)
def test_a_refusal_stops_and_is_told_by_its_code(
    run_main: ModuleRunner, aws: Stubber, call: str, aws_code: str, code: str
) -> None:
    """A denied read is never taken for "absent"; the message of AWS, which may quote the value, is left out."""
    params = expect_calls_before(aws, call)
    aws.add_client_error(call, aws_code, f"about {VALUE}", http_status_code=400, response_meta={"RequestId": "r-1"})
    outcome = run_main("ssm_secret", params)
    failure = outcome.result["failure"]
    assert (outcome.code, failure["status"], failure["request_id"]) == (code, 400, "r-1")
    assert (failure["outcome_unknown"], "n3w-p@ss" in outcome.text) == (False, False)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("aws_code", "code"), [("ThrottlingException", "rate_limited"), ("TooManyUpdates", "conflict")])
def test_throttling_is_repeated_within_a_bound(run_main: ModuleRunner, aws: Stubber, call: str, aws_code: str, code: str) -> None:
    params = expect_calls_before(aws, call)
    for __ in range(4):
        aws.add_client_error(call, aws_code, http_status_code=400)
    outcome = run_main("ssm_secret", params)
    assert (outcome.code, outcome.result["failure"]["retryable"]) == (code, True)


def test_throttling_that_passes_is_not_noticed(run_main: ModuleRunner, aws: Stubber) -> None:
    aws.add_client_error("get_parameter", "ThrottlingException", http_status_code=400)
    expect_read(aws, "old")
    aws.add_client_error("put_parameter", "ThrottlingException", http_status_code=400)
    aws.add_response("put_parameter", {"Version": 5}, WRITE)
    expect_read(aws, VALUE, 5)
    assert run_main("ssm_secret", PARAMS).result["version"] == 5


def test_each_attempt_of_a_write_is_asked_for(aws: Stubber) -> None:
    """I3: another run may have taken over meanwhile."""
    aws.add_client_error("put_parameter", "ThrottlingException", http_status_code=400)
    asked: list[str] = []

    def guard(_system: str, action: str) -> None:
        asked.append(action)
        if len(asked) == 2:
            raise DeprovisionError("run_superseded", "Another run has taken over.")

    with pytest.raises(DeprovisionError) as caught:
        _ssm.SsmClient("us-east-1", before_write=guard).put(NAME, VALUE)
    assert (caught.value.code, asked) == ("run_superseded", [f"put_parameter {NAME}"] * 2)


def test_a_server_fault_of_a_read_is_repeated(run_main: ModuleRunner, aws: Stubber) -> None:
    aws.add_client_error("get_parameter", "InternalServerError", http_status_code=500)
    expect_read(aws)
    assert run_main("ssm_secret", PARAMS).result["changed"] is False


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_write_of_unknown_outcome_is_never_repeated_but_observed(run_main: ModuleRunner, aws: Stubber, status: int) -> None:
    """I4: act-then-error is success, act-not-and-error is reported as unknown."""
    expect_read(aws, "old")
    aws.add_client_error("put_parameter", "InternalServerError", http_status_code=status)
    expect_read(aws, VALUE, 5)  # the client observes
    expect_read(aws, VALUE, 5)  # the module reads back
    assert run_main("ssm_secret", PARAMS).result["changed"] is True

    expect_read(aws, "old")
    aws.add_client_error("put_parameter", "InternalServerError", http_status_code=status)
    expect_read(aws, "old")
    outcome = run_main("ssm_secret", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


def test_a_deletion_of_unknown_outcome_is_reported(run_main: ModuleRunner, aws: Stubber) -> None:
    expect_read(aws, "old")
    aws.add_client_error("delete_parameter", "InternalServerError", http_status_code=500)
    outcome = run_main("ssm_secret", {"name": NAME, "state": "absent"})
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


@pytest.mark.parametrize(
    ("error", "code", "unknown"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="https://ssm/"), "unreachable", False),
        (exceptions.ConnectTimeoutError(endpoint_url="https://ssm/"), "unreachable", False),
        (exceptions.SSLError(endpoint_url="https://ssm/", error=OSError("x")), "unreachable", False),
        (exceptions.ReadTimeoutError(endpoint_url="https://ssm/"), "unreachable", True),
        (exceptions.ConnectionClosedError(endpoint_url="https://ssm/"), "unreachable", True),
        (exceptions.NoCredentialsError(), "credentials_missing", False),
        (exceptions.CredentialRetrievalError(provider="sso", error_msg="x"), "credentials_missing", False),
        (exceptions.SSOTokenLoadError(error_msg="x"), "credentials_missing", False),
        (exceptions.ParamValidationError(report=VALUE), "invalid_input", False),
    ],
)
def test_a_write_without_an_answer(run_main: ModuleRunner, aws: Stubber, error: Exception, code: str, unknown: bool) -> None:
    """Only a request that may have reached AWS has an unknown outcome."""

    def fail(**_: t.Any) -> None:
        raise error

    aws.client.meta.events.register_first("provide-client-params.ssm.PutParameter", fail)
    expect_read(aws, "old")
    if unknown:
        expect_read(aws, "old")
    outcome = run_main("ssm_secret", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == (code, unknown)
    assert "n3w-p@ss" not in outcome.text


def test_a_garbled_answer_is_not_a_parameter(run_main: ModuleRunner, aws: Stubber) -> None:
    """botocore makes an empty answer of a body that it cannot read."""
    aws.add_response("get_parameter", {}, READ)
    assert run_main("ssm_secret", PARAMS).code == "unreachable"


def test_a_garbled_answer_to_a_write_is_an_unknown_outcome(run_main: ModuleRunner, aws: Stubber) -> None:
    expect_read(aws, "old")
    aws.add_response("put_parameter", {}, WRITE)
    expect_read(aws, "old")
    outcome = run_main("ssm_secret", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == ("unreachable", True)


def test_slow_failures_are_not_repeated_for_ever(run_main: ModuleRunner, aws: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt may take ten seconds; a second one is made, a third is not."""
    moments = iter([0.0, 10.0, 20.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    for __ in range(2):
        aws.add_client_error("get_parameter", "InternalServerError", http_status_code=500)
    assert run_main("ssm_secret", PARAMS).code == "unreachable"


def test_an_endpoint_must_be_https_or_local(run_main: ModuleRunner) -> None:
    assert run_main("ssm_secret", {**PARAMS, "aws_endpoint_url": "http://ssm.example"}).code == "insecure_url"


def test_an_unknown_profile_is_told(run_main: ModuleRunner) -> None:
    assert run_main("ssm_secret", {**PARAMS, "aws_profile": "nobody"}).code == "credentials_missing"


def test_a_credential_service_that_cannot_be_reached_is_told(run_main: ModuleRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any credential botocore asks the machine's metadata service."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert run_main("ssm_secret", PARAMS).code == "credentials_missing"


def test_a_null_value_never_means_absent(run_main: ModuleRunner, aws: Stubber) -> None:
    """Ansible takes null for a value; an undefined URL must not delete the parameter."""
    assert run_main("ssm_secret", {"name": NAME, "value": None}).code == "value_not_storable"


def test_a_value_is_required_unless_absent(run_main: ModuleRunner) -> None:
    assert "value" in run_main("ssm_secret", {"name": NAME}).result["msg"]


class TestClient:
    """What the ledger needs beyond the module."""

    @pytest.fixture
    def client(self, aws: Stubber) -> _ssm.SsmClient:
        return _ssm.SsmClient("us-east-1", sleep=lambda seconds: None)

    FACT: t.ClassVar = {"Name": "/l/opened", "Value": "run 1", "Type": "String", "Overwrite": False}

    def test_create_is_first_writer_wins(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        aws.add_response("put_parameter", {"Version": 1}, self.FACT)
        assert client.create("/l/opened", "run 1") is True
        aws.add_client_error("put_parameter", "ParameterAlreadyExists", http_status_code=400, expected_params=self.FACT)
        assert client.create("/l/opened", "run 1") is False

    @pytest.mark.parametrize(("stored", "created"), [("run 1", True), ("run 2", None)])
    def test_create_without_an_answer_observes(
        self, aws: Stubber, client: _ssm.SsmClient, stored: str, created: bool | None
    ) -> None:
        """I4."""
        aws.add_client_error("put_parameter", "InternalServerError", http_status_code=500, expected_params=self.FACT)
        for __ in range(1 if created else 2):
            aws.add_response("get_parameter", {"Parameter": parameter(stored, 1, "String", "/l/opened")})
        if created:
            assert client.create("/l/opened", "run 1") is True
        else:
            with pytest.raises(DeprovisionError) as caught:
                client.create("/l/opened", "run 1")
            assert caught.value.outcome_unknown

    def test_create_without_an_answer_and_without_sight_stays_unknown(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        aws.add_client_error("put_parameter", "InternalServerError", http_status_code=500)
        for __ in range(2):
            aws.add_client_error("get_parameter", "AccessDeniedException", http_status_code=400)
        with pytest.raises(DeprovisionError) as caught:
            client.create("/l/opened", "run 1")
        assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", True)

    def test_create_is_refused_like_any_write(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        aws.add_client_error("put_parameter", "AccessDeniedException", http_status_code=400)
        with pytest.raises(DeprovisionError) as caught:
            client.create("/l/opened", "run 1")
        assert caught.value.code == "forbidden"

    def test_by_path_reads_every_page(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        asked = {"Path": "/l", "Recursive": True, "WithDecryption": True}
        first = {"Parameters": [parameter("1", name="/l/a")], "NextToken": "more"}
        aws.add_response("get_parameters_by_path", first, asked)
        aws.add_response(
            "get_parameters_by_path", {"Parameters": [parameter("2", name="/l/b/c")]}, {**asked, "NextToken": "more"}
        )
        assert [(item.name, item.value) for item in client.by_path("/l")] == [("/l/a", "1"), ("/l/b/c", "2")]

    def test_by_path_stops_on_a_refusal(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        """A list that cannot be read is not an empty list."""
        aws.add_client_error("get_parameters_by_path", "AccessDeniedException", http_status_code=400)
        with pytest.raises(DeprovisionError) as caught:
            client.by_path("/l")
        assert caught.value.code == "forbidden"

    def test_a_garbled_list_is_not_an_empty_one(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        aws.add_response("get_parameters_by_path", {})
        with pytest.raises(DeprovisionError) as caught:
            client.by_path("/l")
        assert caught.value.code == "unreachable"

    def test_create_with_a_garbled_answer_observes(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        """I4: and is made once more, for it is seen that nothing is there. Twice is no accident."""
        for looks in (2, 1):
            aws.add_response("put_parameter", {}, self.FACT)
            for __ in range(looks):
                aws.add_client_error("get_parameter", "ParameterNotFound", http_status_code=400)
        with pytest.raises(DeprovisionError) as caught:
            client.create("/l/opened", "run 1")
        assert caught.value.outcome_unknown

    @pytest.mark.parametrize("late", [False, True])
    def test_create_is_made_once_more_where_nothing_is(self, aws: Stubber, client: _ssm.SsmClient, late: bool) -> None:
        """I4: the first call may still be carried out meanwhile, and then it was this one's."""
        aws.add_client_error("put_parameter", "InternalServerError", http_status_code=500, expected_params=self.FACT)
        for __ in range(2):
            aws.add_client_error("get_parameter", "ParameterNotFound", http_status_code=400)
        if late:
            aws.add_client_error("put_parameter", "ParameterAlreadyExists", http_status_code=400, expected_params=self.FACT)
            aws.add_response("get_parameter", {"Parameter": parameter("run 1", 1, "String", "/l/opened")})
        else:
            aws.add_response("put_parameter", {"Version": 1}, self.FACT)
        assert client.create("/l/opened", "run 1") is True

    def test_delete_of_nothing(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        aws.add_client_error("delete_parameter", "ParameterNotFound", http_status_code=400)
        assert client.delete("/l/a") is False

    def test_an_unknown_version_is_not_an_absent_parameter(self, aws: Stubber, client: _ssm.SsmClient) -> None:
        aws.add_client_error("get_parameter", "ParameterVersionNotFound", http_status_code=400)
        with pytest.raises(DeprovisionError):
            client.get("/l/a:9")

    def test_pauses_grow(self, aws: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(_ssm, "_client", lambda service, **more: aws.client)
        pauses: list[float] = []
        for __ in range(4):
            aws.add_client_error("get_parameter", "ThrottlingException", http_status_code=400)
        with pytest.raises(DeprovisionError):
            _ssm.SsmClient("us-east-1", sleep=pauses.append).get("/l/a")
        assert pauses == [0.5, 1.0, 2.0]

    def test_the_value_is_not_in_the_representation(self) -> None:
        assert "s3cret" not in repr(_ssm.Parameter("/l/a", "SecureString", 1, "2026-05-19T10:00:00Z", "s3cret"))


def test_whoami_asks_sts(monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: whose credentials are in use."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-access-key")
    sts = boto3.client("sts", region_name="us-east-1")
    monkeypatch.setattr(_ssm, "_client", lambda service, **more: {"sts": sts, "ssm": None}[service])
    client = _ssm.SsmClient("us-east-1")
    with Stubber(sts) as stubber:
        stubber.add_response("get_caller_identity", {"Arn": "arn:aws:iam::1:user/op"}, {})
        assert client.whoami() == "arn:aws:iam::1:user/op"
        stubber.add_client_error("get_caller_identity", "InvalidClientTokenId", http_status_code=403)
        with pytest.raises(DeprovisionError) as caught:
            client.whoami()
    assert caught.value.code == "unauthorized"


def test_settings_of_the_environment_do_not_move_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty endpoint means AWS itself, whatever else is configured; a loopback endpoint is never reached through a proxy."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-access-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "https://elsewhere.example")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    real = _ssm.SsmClient("us-east-1", endpoint_url="")
    assert real._ssm.meta.endpoint_url == "https://ssm.us-east-1.amazonaws.com"
    local = _ssm.SsmClient("us-east-1", endpoint_url="http://127.0.0.1:4566/")
    assert local._ssm.meta.endpoint_url == "http://127.0.0.1:4566"
    assert local._ssm.meta.config.proxies == {}
