# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A parameter store to keep a ledger in, for tests: moto's, in this process."""

from __future__ import annotations

import typing as t

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

if t.TYPE_CHECKING:
    from .conftest import ModuleRunner

PREFIX = "/raxx/test/deprovision"
EMAIL = "jordan.smith@raxx.example"
OPERATOR = "olivia.osei@raxx.example"
# What a module gets for the options of AWS that are not given, and where its ledger is.
PLACE: dict[str, t.Any] = {
    "aws_region": "us-east-1",
    "aws_endpoint_url": None,
    "aws_profile": None,
    "aws_timeout": 10.0,
    "ledger_prefix": PREFIX,
}
EVENT = {"ledger_prefix": PREFIX, "emails": [EMAIL], "operator": OPERATOR}


def note(run_main: ModuleRunner, event: str, facts: dict[str, t.Any], email: str = EMAIL) -> t.Any:
    """Writes facts of an event, and returns the result of the module."""
    entry = {"event": event, "email": email, "facts": facts}
    return run_main("deprovision_ledger", {"ledger_prefix": PREFIX, "events": [entry]}).result


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Any]:
    """A boto3 client of an empty parameter store, which the modules under test use too."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-access-key")
    with mock_aws():
        yield boto3.client("ssm", region_name="us-east-1")


def lose_answer(monkeypatch: pytest.MonkeyPatch, number: int) -> list[str]:
    """Lets the write with this number (from 0 on) get no answer and have no effect. Returns a list of all that are tried."""
    call, tried = BaseClient._make_api_call, []  # type: ignore[attr-defined]

    def lossy(self: t.Any, operation: str, arguments: t.Any) -> t.Any:
        if operation == "PutParameter":
            tried.append(arguments["Name"])
            if len(tried) == number + 1:
                raise ConnectionClosedError(endpoint_url="https://ssm.example")
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", lossy)
    return tried


def parameters(store: t.Any) -> dict[str, str]:
    """Everything in the store below the ledger's prefix, decrypted."""
    pages = store.get_paginator("get_parameters_by_path").paginate(Path=PREFIX, Recursive=True, WithDecryption=True)
    return {item["Name"].removeprefix(PREFIX): item["Value"] for page in pages for item in page["Parameters"]}
