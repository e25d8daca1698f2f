# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_evidence_copy: a copy in a bucket whose objects cannot be changed, or none that looks like one."""

from __future__ import annotations

import typing as t
from pathlib import Path

import boto3
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._bucket import Bucket
from botocore.exceptions import ClientError, EndpointConnectionError

from .conftest import ModuleRunner

RULE = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 7}}}
EVENT = "DEPROV-2026-05-19-jordan.smith"


@pytest.fixture
def bucket(store: t.Any) -> t.Any:
    """A client of an account with one locked bucket and one that is not."""
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=RULE)
    client.create_bucket(Bucket="open")
    client.create_bucket(Bucket="no-rule", ObjectLockEnabledForBucket=True)
    return client


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, t.Any]:
    place = tmp_path / EVENT
    place.mkdir()
    for name in ("statement.dsse.json", "result.json", "ztext"):
        (place / name).write_text(name)
    return {"directories": [str(place)], "bucket": "locked", "prefix": "test"}


def keys(client: t.Any) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket="locked").get("Contents", [])]


def test_every_file_is_copied_once_and_the_statement_last(run_main: ModuleRunner, bucket: t.Any, asked: dict[str, t.Any]) -> None:
    names = [f"test/{EVENT}/{name}" for name in ("result.json", "ztext", "statement.dsse.json")]
    planned = run_main("deprovision_evidence_copy", asked, check=True).result
    assert (planned["copied"], keys(bucket)) == (names, [])
    done = run_main("deprovision_evidence_copy", asked).result
    assert (done["copied"], done["retention"], keys(bucket)) == (names, "compliance for 7 years", sorted(names))
    again = run_main("deprovision_evidence_copy", asked).result
    assert (again["changed"], again["copied"]) == (False, [])


def test_of_single_files_only_those_are_copied(run_main: ModuleRunner, bucket: t.Any, tmp_path: Path) -> None:
    place = tmp_path / "attestations"
    place.mkdir()
    for name in ("2026-08-19.json", "2026-08-19-2.json"):
        (place / name).write_text(name)
    asked = {"files": [str(place / "2026-08-19.json")], "bucket": "locked", "prefix": "test"}
    assert run_main("deprovision_evidence_copy", asked).result["copied"] == ["test/attestations/2026-08-19.json"]
    assert run_main("deprovision_evidence_copy", asked).result["changed"] is False
    assert keys(bucket) == ["test/attestations/2026-08-19.json"]


def test_what_is_to_be_copied_must_be_said(run_main: ModuleRunner, bucket: t.Any) -> None:
    outcome = run_main("deprovision_evidence_copy", {"bucket": "locked"})
    assert outcome.failed
    assert "one of the following is required: directories, files" in outcome.result["msg"]


def test_what_has_changed_becomes_a_new_version_beside_the_old_one(
    run_main: ModuleRunner, bucket: t.Any, asked: dict[str, t.Any]
) -> None:
    run_main("deprovision_evidence_copy", asked)
    Path(asked["directories"][0], "result.json").write_text("changed")
    assert run_main("deprovision_evidence_copy", asked).result["copied"] == [f"test/{EVENT}/result.json"]
    versions = bucket.list_object_versions(Bucket="locked", Prefix=f"test/{EVENT}/result.json")["Versions"]
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("bucket_name", "code"), [("open", "bucket_not_locked"), ("no-rule", "bucket_not_locked"), ("missing", "not_found")]
)
def test_a_bucket_that_protects_nothing_is_refused(
    run_main: ModuleRunner, bucket: t.Any, asked: dict[str, t.Any], bucket_name: str, code: str
) -> None:
    outcome = run_main("deprovision_evidence_copy", {**asked, "bucket": bucket_name})
    assert outcome.code == code


def test_the_time_out_is_that_of_the_inventory(store: t.Any) -> None:
    params = {"aws_endpoint_url": "", "aws_profile": None, "aws_region": "us-east-1"}
    quick, patient = (Bucket("locked", {**params, "aws_timeout": seconds})._client.meta.config for seconds in (2.0, 30.0))
    assert (quick.connect_timeout, quick.read_timeout, patient.connect_timeout, patient.read_timeout) == (2.0, 2.0, 5.0, 30.0)


def test_a_directory_that_cannot_be_read_is_refused(run_main: ModuleRunner, bucket: t.Any, asked: dict[str, t.Any]) -> None:
    assert run_main("deprovision_evidence_copy", {**asked, "directories": ["/nowhere"]}).code == "invalid_input"
    assert run_main("deprovision_evidence_copy", {**asked, "files": ["/nowhere/to/be/found.json"]}).code == "invalid_input"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "x"), "forbidden"),  # type: ignore[typeddict-item]
        (ClientError({"Error": {"Code": "InternalError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "x"), "unreachable"),  # type: ignore[typeddict-item]
        (EndpointConnectionError(endpoint_url="https://s3.example"), "unreachable"),
    ],
)
def test_a_refusal_and_an_outage_are_told_apart(
    run_main: ModuleRunner, bucket: t.Any, asked: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    class Client:
        def get_object_lock_configuration(self, **_arguments: t.Any) -> t.Any:
            raise error

    monkeypatch.setattr(boto3.Session, "client", lambda *_a, **_k: Client())
    assert run_main("deprovision_evidence_copy", asked).code == code
