# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an operator types and whatever a server answers: a clear refusal or a correct run, and never anything unexpected."""

from __future__ import annotations

import json
import re
import typing as t
from datetime import UTC, datetime
from importlib import import_module

import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _event
from ansible_collections.raxx.deprovision.plugins.module_utils._codes import CODES
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._module import execute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MANY = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ODD = st.sampled_from(
    ["'", '"', "%", "@", "/", "\\", " ", "\n", ";", "--", "$(id)", "{{ 1 }}", "é", "\0", "..", "DROP TABLE admins"]
)
TEXT = st.lists(st.one_of(ODD, st.text(max_size=8)), max_size=6).map("".join)
EMAIL = st.one_of(TEXT, st.builds("{}@{}".format, TEXT, TEXT), st.emails(), st.builds("{}@raxx.example".format, TEXT))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
OPENED = datetime(2026, 5, 19, 10, 0, tzinfo=UTC)


@MANY
@given(EMAIL)
def test_an_address_is_refused_or_makes_names_that_every_system_takes(email: str) -> None:
    """P4: an id is a part of a subject, of a parameter's name and of a path."""
    try:
        taken = _event.check_email(email)
    except DeprovisionError as refusal:
        words, code = refusal.as_text(), refusal.code
    else:
        _check_names(taken)
        return
    assert code == "invalid_input"
    assert "\n" not in words


def _check_names(taken: str) -> None:
    event = _event.event_id(taken, OPENED)
    assert re.fullmatch(r"DEPROV-2026-05-19-[A-Za-z0-9_.-]+", event), event
    assert ".." not in event.removeprefix("DEPROV-")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", _event.person_key(taken))
    assert _event.is_ticket_subject(event, taken)


# A module, its parameters, and the names that a server's answer would have, so that answers are nearly right as well.
MODULES: dict[str, tuple[dict[str, t.Any], tuple[str, ...]]] = {
    "infisical_secret": (
        {"infisical_url": "https://vault.example", "infisical_token": "token-of-the-vault", "workspace_id": "w",
         "environment": "prod", "path": "/p", "name": "N", "value": "postgres://u:password-new@h.example:5432/d"},
        ("secret", "secretValue", "version", "id", "updatedAt", "secretValueHidden", "approval", "message"),
    ),
    "freescout_conversation": (
        {"freescout_url": "https://desk.example", "freescout_api_key": "key-of-the-desk", "subject": "DEPROV-2026-05-19-x",
         "mailbox_id": 3, "user_id": 9, "customer_email": "people@raxx.example", "note": "note", "note_marker": "marker"},
        ("_embedded", "conversations", "id", "number", "subject", "status", "threads", "page", "totalPages", "createdAt"),
    ),
    "heroku_pg_credential": (
        {"heroku_api_key": "key-of-heroku", "app": "a", "name": "raptor_app", "state": "read"},
        ("addon", "id", "name", "app", "plan", "state", "credentials", "user", "password", "host", "port", "database"),
    ),
    "heroku_config": (
        {"heroku_api_key": "key-of-heroku", "app": "a", "values": {"X_URL": "postgres://u:password-new@h.example:5432/d"},
         "wait_timeout": 0},
        ("X_URL", "version", "status", "current", "state", "release", "name", "type"),
    ),
}  # fmt: skip


def answers(names: tuple[str, ...]) -> st.SearchStrategy[t.Any]:
    """JSON of any form, and objects with the right names that hold anything."""
    nearly = st.recursive(
        st.one_of(st.none(), st.integers(), TEXT, st.booleans()),
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(names), inner, max_size=6)),
        max_leaves=12,
    )
    return st.one_of(JSON, nearly, st.lists(nearly, max_size=2))


@MANY
@given(
    data=st.data(), name=st.sampled_from(sorted(MODULES)), status=st.sampled_from([200, 201, 202, 206, 400, 401, 404, 409, 422])
)
def test_a_server_may_answer_anything(data: st.DataObject, name: str, status: int) -> None:
    """I10: the failure is a known one, in one line, and quotes neither a secret nor the answer."""
    given_params, names = MODULES[name]
    module = import_module(f"ansible_collections.raxx.deprovision.plugins.modules.{name}")
    params = {option: spec.get("default") for option, spec in module.SPEC.options.items()} | given_params
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        for method in (responses.GET, responses.POST, responses.PATCH, responses.PUT):
            for __ in range(3):
                body = json.dumps(data.draw(answers(names)))
                server.add(method, re.compile("https://.*"), body=body, status=status, content_type="application/json")
        result = execute(module.SPEC, module.run, params, True, {"password-new"})
    if result.get("failed"):
        assert result["failure"]["code"] in CODES
        assert result["failure"]["code"] != "internal_error", result["msg"]
        assert "password-new" not in json.dumps(result)
