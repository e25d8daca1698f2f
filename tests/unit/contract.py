# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every run of every module. The fixture C(run_main) checks it, so each module test is a contract test as well."""

from __future__ import annotations

import json
import typing as t
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest import mock

import requests
import yaml
from ansible_collections.raxx.deprovision.plugins.module_utils._codes import CODES
from ansible_collections.raxx.deprovision.plugins.module_utils._module import HIDDEN_BY_ACTION
from ansible_collections.raxx.deprovision.plugins.module_utils._redaction import SHORTEST_SECRET, forms, parts
from botocore.client import BaseClient

# Calls that are not reads by their verb, but leave nothing behind: a log-in, the opening of a log stream, a look-up.
HARMLESS = ("/universal-auth/login", "/log-sessions", "/actions/addon-attachments/resolve")
# In every successful result, besides what RETURN documents.
COMMON = {"changed", "diff", "invocation", "warnings", "deprecations", HIDDEN_BY_ACTION}
FAILURE = {"code", "system", "status", "request_id", "retryable", "outcome_unknown", "next_step", "details"}
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "raw": (object,),
}


@dataclass
class Writes:
    """The calls of one run that could change something: all of them, and those that the other side accepted."""

    tried: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)


@contextmanager
def watched_writes() -> t.Iterator[Writes]:
    """Notes every writing call through requests or boto3 while the context is open."""
    writes = Writes()
    send, call = requests.Session.request, BaseClient._make_api_call  # type: ignore[attr-defined]

    def watched_request(self: t.Any, method: str, url: str, **arguments: t.Any) -> t.Any:
        writing = method not in ("GET", "HEAD") and not url.endswith(HARMLESS)
        if writing:
            writes.tried.append(f"{method} {url}")
        answer = send(self, method, url, **arguments)
        if writing and answer.ok:
            writes.done.append(f"{method} {url}")
        return answer

    def watched_call(self: t.Any, operation: str, arguments: t.Any) -> t.Any:
        writing = not operation.startswith(("Get", "Describe", "List", "Head"))
        if writing:
            writes.tried.append(operation)
        answer = call(self, operation, arguments)
        if writing:
            writes.done.append(operation)
        return answer

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(requests.Session, "request", watched_request))
        patches.enter_context(mock.patch.object(BaseClient, "_make_api_call", watched_call))
        yield writes


def breaches(
    module: t.Any, params: dict[str, t.Any], check: bool, result: dict[str, t.Any], text: str, writes: Writes
) -> list[str]:
    """Everything in which one run of C(module) broke the contract, in words. C(text) is the result as it was printed."""
    found = [f"the value of {name} is in the output" for name in _leaked(module, params, text)]
    if check and writes.tried:
        found.append(f"wrote in check mode: {writes.tried}")
    if result.get("failed"):
        return found + _failure_breaches(result)
    if not result.get("changed") and writes.done:
        found.append(f"reports no change after {writes.done}")
    return found + _result_breaches(module, result)


def _leaked(module: t.Any, params: dict[str, t.Any], text: str) -> t.Iterator[str]:
    # The parameters that the test gave are those that a user would; a default is no secret.
    for name, value in params.items():
        if not module.SPEC.options.get(name, {}).get("no_log"):
            continue
        for secret in _strings(value):
            for part in parts(secret):
                if len(part) >= SHORTEST_SECRET and any(form in text for form in forms(part)):
                    yield name


def _strings(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _failure_breaches(result: dict[str, t.Any]) -> list[str]:
    failure = result.get("failure")
    if failure is None:
        return []  # Ansible's own validation of the arguments
    found = []
    if set(failure) != FAILURE:
        found.append(f"failure has the keys {sorted(failure)}")
    if failure.get("code") not in CODES:
        found.append(f"unknown code {failure.get('code')}")
    if failure.get("code") == "internal_error":
        found.append(f"fault of the module: {result['msg']}")
    if not result["msg"].endswith(f"[{failure.get('code')}]"):
        found.append("the message does not end with its code")
    return found


def _result_breaches(module: t.Any, result: dict[str, t.Any]) -> list[str]:
    documented = yaml.safe_load(module.RETURN)
    found = [f"{key} is not documented in RETURN" for key in result.keys() - documented.keys() - COMMON]
    for key, entry in documented.items():
        if key in result:
            found += type_breaches(key, entry, result[key])
        elif entry["returned"] in ("success", "always"):
            found.append(f"{key} is documented as returned, but is not there")
    if "diff" in result:
        shown = json.dumps(result["diff"])
        if set(result["diff"]) != {"before", "after"}:
            found.append(f"diff has the keys {sorted(result['diff'])}")
        if result.get(HIDDEN_BY_ACTION) and any(key in result and str(result[key]) in shown for key in ("url", "value")):
            found.append("a secret is in the diff")
    return found


def type_breaches(key: str, entry: dict[str, t.Any], value: t.Any) -> list[str]:
    """Whether C(value) is what RETURN promises: its type, or null where the description says when that is."""
    if value is None:
        return [] if "V(null)" in str(entry["description"]) else [f"{key} is null, and RETURN does not say when"]
    if not isinstance(value, TYPES[entry["type"]]) or (entry["type"] in ("int", "float") and isinstance(value, bool)):
        return [f"{key} is a {type(value).__name__}, documented as {entry['type']}"]
    contains = entry.get("contains")
    if contains and isinstance(value, dict):
        found = [f"{key}.{name} is not documented" for name in value.keys() - contains.keys()]
        return found + [
            breach
            for name in value.keys() & contains.keys()
            for breach in type_breaches(f"{key}.{name}", contains[name], value[name])
        ]
    if contains and isinstance(value, list):
        inner = {"type": "dict", "contains": contains, "description": ""}
        return [breach for item in value for breach in type_breaches(f"{key}[]", inner, item)]
    return []
