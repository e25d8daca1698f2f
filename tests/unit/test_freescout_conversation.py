# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""freescout_conversation (runbook P4, step 7): one ticket per event, each note once, closed at the end."""

from __future__ import annotations

import typing as t

import pytest
import requests
import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _parallel
from ansible_collections.raxx.deprovision.plugins.module_utils._freescout import Conversation, Plan, marked_up, plain, plan
from responses import matchers

from .conftest import ModuleRunner, Outcome

BASE = "https://help.example/api/conversations"
SUBJECT = "DEPROV-2026-05-19-jsmith"
MARKER = "[DEPROV-2026-05-19-jsmith done]"
KEY = "the-freescout-key"
PARAMS: dict[str, t.Any] = {
    "freescout_url": "https://help.example/",
    "freescout_api_key": KEY,
    "subject": SUBJECT,
    "mailbox_id": 3,
    "user_id": 9,
    "customer_email": "people@example.org",
}
NOTE = {"note": "1a <done> & proved\n1b done", "note_marker": MARKER}
NOTE_AS_SENT = f"{MARKER}<br>1a &lt;done&gt; &amp; proved<br>1b done"
BY_SUBJECT = {"subject": SUBJECT, "mailboxId": "3"}


def ticket(number: int = 4711, status: str = "active", subject: str = SUBJECT, notes: tuple[str, ...] = ()) -> dict[str, t.Any]:
    """A conversation as FreeScout answers it; its id is 4000 less than its number."""
    threads = [{"id": 1, "type": "customer", "body": MARKER}, *({"id": 2, "type": "note", "body": body} for body in notes)]
    return {
        "id": number - 4000,
        "number": number,
        "threads": 2,
        "subject": subject,
        "status": status,
        "createdAt": "2026-05-19T10:00:00Z",
        "_embedded": {"threads": threads},
    }


def expect_list(script: responses.RequestsMock, *found: t.Any, page: int = 1, pages: int = 1, **query: str) -> None:
    wanted = {"status": "active,pending,closed", "state": "published", "sortField": "createdAt", "sortOrder": "asc"}
    script.get(
        BASE,
        json={"_embedded": {"conversations": found}, "page": {"number": page, "totalPages": pages, "size": 50}},
        match=[
            matchers.query_param_matcher({**wanted, "pageSize": "50", "page": str(page), **(query or BY_SUBJECT)}),
            matchers.header_matcher({"X-FreeScout-API-Key": KEY}),
        ],
    )


def expect_read(script: responses.RequestsMock, body: t.Any, status: int = 200) -> None:
    script.get(
        f"{BASE}/{body.get('id', 711)}", json=body, status=status, match=[matchers.query_param_matcher({"embed": "threads"})]
    )


def expect_create(script: responses.RequestsMock, text: str = "Opened.", **answer: t.Any) -> None:
    body = {
        "type": "email",
        "mailboxId": 3,
        "subject": SUBJECT,
        "customer": {"email": "people@example.org"},
        "threads": [{"type": "note", "text": text, "user": 9}],
        "imported": True,
        "assignTo": 9,
        "status": "active",
    }
    answer = answer or {"status": 201, "headers": {"Resource-ID": "711"}}
    script.post(BASE, match=[matchers.json_params_matcher(body)], **answer)


def expect_note(script: responses.RequestsMock, **answer: t.Any) -> None:
    thread = {"type": "note", "text": NOTE_AS_SENT, "user": 9, "imported": True, "status": "active"}
    answer = answer or {"status": 201, "headers": {"Resource-ID": "99"}}
    script.post(f"{BASE}/711/threads", match=[matchers.json_params_matcher(thread)], **answer)


def expect_close(script: responses.RequestsMock, **answer: t.Any) -> None:
    def in_order(request: t.Any) -> tuple[bool, str]:
        return request.body == b'{"byUser": 9, "status": "closed"}', f"the order of the keys counts, got {request.body}"

    script.put(f"{BASE}/711", match=[in_order], **(answer or {"status": 204}))


def facts(outcome: Outcome) -> tuple[t.Any, ...]:
    return tuple(outcome.result[name] for name in ("changed", "created", "noted", "closed", "id", "number", "status"))


def test_a_ticket_that_exists_is_found_and_left_alone(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """P4: the id of the ticket goes into the audit row; id and number are two things."""
    expect_list(script, ticket())
    expect_read(script, ticket())
    outcome = run_main("freescout_conversation", PARAMS)
    assert facts(outcome) == (False, False, False, False, 711, 4711, "active")
    assert outcome.result["url"] == "https://help.example/conversation/711"
    assert outcome.result["created_at"] == "2026-05-19T10:00:00Z"


def test_the_subject_must_be_equal_and_the_lowest_id_wins(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """Newer servers answer with subjects that only contain the text."""
    expect_list(script, ticket(4800), ticket(4600, subject=f"Re: {SUBJECT}"), pages=2)
    expect_list(script, ticket(), page=2, pages=2)
    expect_read(script, ticket())
    outcome = run_main("freescout_conversation", PARAMS)
    assert (outcome.result["id"], outcome.result["duplicates"]) == (711, [800])


def test_a_missing_ticket_is_created_and_looked_for_again(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script)
    expect_create(script, NOTE_AS_SENT)
    expect_list(script, ticket())
    expect_read(script, ticket(notes=(NOTE_AS_SENT,)))
    outcome = run_main("freescout_conversation", {**PARAMS, **NOTE})
    assert facts(outcome) == (True, True, True, False, 711, 4711, "active")
    assert outcome.result["diff"]["before"] is None


def test_a_new_ticket_is_used_although_the_list_lags_behind(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script)
    expect_create(script)
    expect_list(script)
    for _time in range(2):
        expect_read(script, ticket())
    assert run_main("freescout_conversation", PARAMS).result["id"] == 711


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200, "body": ""},
        {"status": 400, "json": {"message": "Customer first name or email is required"}},
        {"status": 500, "body": "<html>"},
        {"status": 504},
        {"body": requests.ConnectionError("connection reset")},
        {"status": 201, "body": "<html>not ours</html>"},
    ],
    ids=["no id", "400 although created", "500", "504", "dropped", "garbage"],
)
def test_after_an_unclear_create_it_searches_and_never_creates_twice(
    run_main: ModuleRunner, script: responses.RequestsMock, answer: dict[str, t.Any]
) -> None:
    expect_list(script)
    expect_create(script, **answer)
    expect_list(script, ticket())
    expect_read(script, ticket())
    assert facts(run_main("freescout_conversation", PARAMS))[:2] == (True, True)


@pytest.mark.parametrize(
    ("answer", "code", "unknown"),
    [
        ({"status": 200, "body": ""}, "write_not_confirmed", False),
        ({"status": 400, "json": {"message": "Bad"}}, "invalid_request", False),
        ({"status": 502}, "unreachable", True),
    ],
)
def test_an_unclear_create_that_left_nothing_fails(
    run_main: ModuleRunner, script: responses.RequestsMock, answer: dict[str, t.Any], code: str, unknown: bool
) -> None:
    expect_list(script)
    expect_create(script, **answer)
    expect_list(script)
    outcome = run_main("freescout_conversation", PARAMS)
    assert (outcome.code, outcome.result["failure"]["outcome_unknown"]) == (code, unknown)


def test_a_clear_refusal_of_the_create_is_final(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script)
    expect_create(script, status=403, json={"message": "Access denied"})
    assert run_main("freescout_conversation", PARAMS).code == "forbidden"


def test_two_runs_that_race_use_the_same_ticket(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """FreeScout has no unique key: both runs create, and both go on with the lowest id."""
    expect_list(script)
    expect_create(script, NOTE_AS_SENT, status=201, headers={"Resource-ID": "712"})
    expect_list(script, ticket(), ticket(4712))
    expect_read(script, ticket())
    expect_note(script)
    expect_read(script, ticket(notes=(NOTE_AS_SENT,)))
    outcome = run_main("freescout_conversation", {**PARAMS, **NOTE})
    assert (outcome.result["id"], outcome.result["duplicates"]) == (711, [712])


def test_it_writes_the_note_and_then_closes(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """Step 7: the ticket is closed with a note. The note is escaped, since FreeScout shows it as HTML."""
    noted = ticket(notes=(NOTE_AS_SENT,))
    expect_list(script, ticket())
    expect_read(script, ticket())
    expect_note(script)
    expect_read(script, noted)
    expect_close(script)
    expect_read(script, {**noted, "status": "closed"})
    outcome = run_main("freescout_conversation", {**PARAMS, **NOTE, "state": "closed"})
    assert facts(outcome) == (True, False, True, True, 711, 4711, "closed")
    assert outcome.result["diff"] == {
        "before": {"status": "active", "note": "absent"},
        "after": {"status": "closed", "note": "as wanted"},
    }


def test_the_second_run_writes_nothing(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    """The note is known again whatever FreeScout did to its markup, and closed tickets are in the list."""
    rewritten = f"<div>\n {MARKER}<br />1a &lt;done&gt;</div>"
    expect_list(script, ticket(status="closed"))
    expect_read(script, ticket(status="closed", notes=(rewritten,)))
    outcome = run_main("freescout_conversation", {**PARAMS, **NOTE, "state": "closed"})
    assert facts(outcome) == (False, False, False, False, 711, 4711, "closed")


def test_a_note_never_opens_a_closed_ticket(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script, ticket(status="closed"))
    expect_read(script, ticket(status="closed"))
    script.post(
        f"{BASE}/711/threads",
        status=201,
        match=[matchers.json_params_matcher({"status": "closed"}, strict_match=False)],
    )
    expect_read(script, ticket(status="closed", notes=(NOTE_AS_SENT,)))
    assert run_main("freescout_conversation", {**PARAMS, **NOTE}).result["status"] == "closed"


@pytest.mark.parametrize("answer", [{"status": 504}, {"body": requests.ConnectionError("reset")}, {"status": 400, "json": {}}])
@pytest.mark.parametrize("done", [True, False])
def test_a_note_or_close_without_an_answer_is_judged_by_what_is_there(
    run_main: ModuleRunner, script: responses.RequestsMock, answer: dict[str, t.Any], done: bool
) -> None:
    noted = ticket(notes=(NOTE_AS_SENT,))
    closed = {**noted, "status": "closed"}
    expect_list(script, ticket())
    expect_read(script, ticket())
    expect_note(script, **answer)
    expect_read(script, noted)
    expect_close(script, **answer)
    expect_read(script, closed if done else noted)
    outcome = run_main("freescout_conversation", {**PARAMS, **NOTE, "state": "closed"})
    assert outcome.failed is not done
    if not done:
        assert outcome.code in ("unreachable", "invalid_request")


def test_a_note_that_does_not_appear_fails(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script, ticket())
    expect_read(script, ticket())
    expect_note(script)
    expect_read(script, ticket())
    assert run_main("freescout_conversation", {**PARAMS, **NOTE}).code == "write_not_confirmed"


def test_a_number_is_looked_up_and_never_created(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    by_number = {key: value for key, value in PARAMS.items() if key not in ("subject", "mailbox_id")} | {"number": 4711}
    expect_list(script, ticket(), number="4711")
    expect_read(script, ticket())
    assert run_main("freescout_conversation", by_number).result["id"] == 711

    expect_list(script, ticket(4712), number="4711")
    assert run_main("freescout_conversation", by_number).code == "not_found"


def test_without_create_a_missing_ticket_is_an_error(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script)
    assert run_main("freescout_conversation", {**PARAMS, "create": False}).code == "not_found"


def several(*entries: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    return {**{key: value for key, value in PARAMS.items() if key != "subject"}, "conversations": list(entries), **more}


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script knows one order of the requests only."""
    monkeypatch.setattr(_parallel, "AT_ONCE", 1)


@pytest.mark.usefixtures("one_by_one")
def test_several_tickets_are_closed_each_with_its_own_note(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script, ticket())
    expect_read(script, ticket())
    expect_note(script)
    expect_read(script, ticket(notes=(NOTE_AS_SENT,)))
    expect_close(script)
    expect_read(script, ticket(status="closed", notes=(NOTE_AS_SENT,)))
    expect_list(script, ticket(4712, "closed", notes=("done",)), number="4712")
    expect_read(script, ticket(4712, "closed", notes=("done",)))
    entries: list[dict[str, t.Any]] = [{"subject": SUBJECT, **NOTE}, {"number": 4712, "note": "done"}]
    result = run_main("freescout_conversation", several(*entries, state="closed")).result
    assert result["changed"] is True
    assert [(found["number"], found["noted"], found["closed"]) for found in result["conversations"]] == [
        (4711, True, True),
        (4712, False, False),
    ]


def test_of_no_tickets_none_is_looked_for(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    result = run_main("freescout_conversation", several(freescout_api_key="")).result
    assert (result["changed"], result["conversations"]) == (False, [])


@pytest.mark.usefixtures("one_by_one")
def test_check_mode_says_what_would_become_of_several(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script)
    expect_list(script, ticket(), number="4711")
    expect_read(script, ticket())
    entries: list[dict[str, t.Any]] = [{"subject": SUBJECT, **NOTE}, {"number": 4711}]
    result = run_main("freescout_conversation", several(*entries), check=True).result
    assert (result["changed"], [found["created"] for found in result["conversations"]]) == (True, [True, False])


def test_a_failure_of_one_of_several_is_that_of_all(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script, number="4711")
    outcome = run_main("freescout_conversation", several({"number": 4711}, create=False))
    assert (outcome.code, "4711" in outcome.result["msg"]) == ("not_found", True)


@pytest.mark.parametrize("name", ["user_id", "customer_email"])
def test_what_only_a_create_needs_is_asked_for_before_it(
    run_main: ModuleRunner, script: responses.RequestsMock, name: str
) -> None:
    expect_list(script)
    outcome = run_main("freescout_conversation", {key: value for key, value in PARAMS.items() if key != name})
    assert (outcome.code, name in outcome.result["msg"]) == ("invalid_input", True)


@pytest.mark.parametrize("found", [True, False])
def test_check_mode_reads_only(run_main: ModuleRunner, script: responses.RequestsMock, found: bool) -> None:
    expect_list(script, *([ticket()] if found else []))
    if found:
        expect_read(script, ticket())
    outcome = run_main("freescout_conversation", {**PARAMS, **NOTE, "state": "closed"}, check=True)
    existing = (711, 4711, "active") if found else (None, None, None)
    assert facts(outcome) == (True, not found, True, True, *existing)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"status": 401, "json": {"message": "Not Authorized"}}, "unauthorized"),
        ({"status": 403, "json": {"message": "Access denied"}}, "forbidden"),
        ({"status": 404, "body": "<html>Page not found</html>"}, "not_the_api"),
        ({"status": 405, "json": {"message": "Method not allowed"}}, "not_the_api"),
        ({"status": 409, "json": {}}, "conflict"),
        ({"status": 200, "body": "<html>log in</html>"}, "unreachable"),
        ({"status": 200, "json": ["not ours"]}, "unreachable"),
        ({"status": 200, "json": {"_embedded": {"conversations": [{}]}, "page": {"totalPages": 1}}}, "unreachable"),
        ({"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, "unreachable"),
    ],
)
def test_every_refusal_of_the_search_has_its_code(
    run_main: ModuleRunner, script: responses.RequestsMock, answer: dict[str, t.Any], code: str
) -> None:
    script.get(BASE, **answer)
    outcome = run_main("freescout_conversation", PARAMS)
    assert outcome.code == code
    assert KEY not in outcome.text


def test_a_refusal_names_fields_but_not_what_was_in_them(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    entries = [
        {"path": "threads.0.user", "message": "`user` parameter is required", "rejectedValue": "our own text"},
        {"path": "our own text", "message": "?"},
    ]
    script.get(BASE, status=400, json={"message": "Error occurred", "_embedded": {"errors": entries}})
    outcome = run_main("freescout_conversation", PARAMS)
    assert "threads.0.user" in outcome.result["msg"]
    assert "our own text" not in outcome.text


def test_a_ticket_that_vanished_is_reported(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    expect_list(script, ticket())
    expect_read(script, {"message": "Not Found"}, 404)
    assert run_main("freescout_conversation", PARAMS).code == "not_found"


def test_without_a_key_nothing_is_called(run_main: ModuleRunner, script: responses.RequestsMock) -> None:
    params = {key: value for key, value in PARAMS.items() if key != "freescout_api_key"}
    assert run_main("freescout_conversation", params).code == "credentials_missing"


@pytest.mark.parametrize(
    ("conversation", "note", "close", "wanted"),
    [
        (None, None, False, Plan(create=True, note=False, close=False)),
        (None, "text", True, Plan(create=True, note=True, close=True)),
        (("active", "other"), "text", True, Plan(create=False, note=True, close=True)),
        (("active", "the  text\nitself"), "the text itself", False, Plan(create=False, note=False, close=False)),
        (("pending", "text"), None, True, Plan(create=False, note=False, close=True)),
        (("closed", "text"), "text", True, Plan(create=False, note=False, close=False)),
        (("closed", "text"), "more", False, Plan(create=False, note=True, close=False)),
    ],
)
def test_the_plan(conversation: tuple[str, str] | None, note: str | None, close: bool, wanted: Plan) -> None:
    found = conversation and Conversation(711, 4711, SUBJECT, conversation[0], "", (conversation[1],))
    assert plan(found, note=note, marker=None, close=close) == wanted


@pytest.mark.parametrize("text", ["plain", "a < b & c > d", "two\nlines", "&amp; already", "ünï"])
def test_text_survives_markup(text: str) -> None:
    assert plain(marked_up(text)) == text
