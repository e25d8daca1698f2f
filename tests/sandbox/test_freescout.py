# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The FreeScout stand-in keeps to the wire facts of the API & Webhooks module."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from sandbox import seed as seeds
from sandbox.freescout import FreeScout

BOT = 9


class Desk:
    """A stand-in and a client that sends its key."""

    def __init__(self, **settings: Any) -> None:
        seed = seeds.load()
        seed["freescout"] |= settings
        self.stand_in = FreeScout(seed)
        self.web = Client(self.stand_in.app)
        self.headers = {"X-FreeScout-API-Key": self.stand_in.api_key}

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> TestResponse:
        return self.web.open(f"/api{path}", method=method, headers=self.headers, json=body, query_string=query)

    def create(self, **changes: Any) -> TestResponse:
        body = {
            "type": "email",
            "mailboxId": 3,
            "subject": "DEPROV-2026-06-01-jsmith",
            "customer": {"email": "people-ops@raxx.example"},
            "threads": [{"type": "note", "text": "Started.", "user": BOT}],
            "imported": True,
        }
        return self.call("POST", "/conversations", body | changes)

    def new_id(self, **changes: Any) -> int:
        return int(self.create(**changes).headers["Resource-ID"])

    def found(self, **query: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (self.call("GET", "/conversations", **query).json or {})["_embedded"]["conversations"]
        return listed

    def read(self, conversation: int, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.call("GET", f"/conversations/{conversation}", **query).json or {}
        return answer


@pytest.fixture
def desk() -> Desk:
    return Desk()


def problem(answer: TestResponse) -> str:
    assert answer.status_code == 400
    text: str = (answer.json or {})["_embedded"]["errors"][0]["message"]
    return text


def test_a_key_is_needed_in_any_of_three_places(desk: Desk) -> None:
    key = desk.stand_in.api_key
    basic = base64.b64encode(f"{key}:x".encode()).decode()
    for headers, query in (
        ({"X-FreeScout-API-Key": key}, ""),
        ({}, f"?api_key={key}"),
        ({"Authorization": f"Basic {basic}"}, ""),
    ):
        assert desk.web.get(f"/api/conversations{query}", headers=headers).status_code == 200
    refused = desk.web.get("/api/conversations", headers={"X-FreeScout-API-Key": "wrong"})
    assert (refused.status_code, refused.json) == (401, {"message": "Not Authorized"})


@pytest.mark.parametrize(("settings", "path"), [({"module_active": False}, "/conversations"), ({}, "/nothing")])
def test_what_is_not_there_is_an_html_page(settings: dict[str, Any], path: str) -> None:
    answer = Desk(**settings).call("GET", path)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"


def test_creation_answers_with_a_header_and_no_body(desk: Desk) -> None:
    answer = desk.create()
    assert (answer.status_code, answer.data) == (201, b"")
    shown = desk.read(int(answer.headers["Resource-ID"]))
    assert shown["number"] != shown["id"]
    assert shown["threadsCount"] == 1
    assert shown["_embedded"]["threads"][0]["body"] == "Started."


def test_closed_conversations_are_hidden_from_who_does_not_ask(desk: Desk) -> None:
    assert [item["status"] for item in desk.found()] == ["active"]
    assert len(desk.found(status="active,pending,closed")) == 3
    number = desk.found(status="closed")[0]["number"]
    assert desk.found(number=number) == []
    assert len(desk.found(number=number, status="closed")) == 1


@pytest.mark.parametrize(("mode", "part", "hits"), [("contains", "2026-06-01", 1), ("exact", "2026-06-01", 0)])
def test_the_subject_filter_depends_on_the_modules_age(mode: str, part: str, hits: int) -> None:
    desk = Desk(subject_search=mode)
    desk.create()
    assert len(desk.found(subject=part)) == hits
    assert len(desk.found(subject="DEPROV-2026-06-01-jsmith")) == 1


def test_a_list_has_counts_and_pages(desk: Desk) -> None:
    for number in range(5):
        desk.create(subject=f"ticket {number}")
    answer = desk.call("GET", "/conversations", subject="ticket", pageSize=2, page=3, sortField="subject", sortOrder="asc")
    assert answer.json is not None
    assert answer.json["page"] == {"size": 2, "totalElements": 5, "totalPages": 3, "number": 3}
    assert [item["subject"] for item in answer.json["_embedded"]["conversations"]] == ["ticket 4"]
    assert answer.json["_embedded"]["conversations"][0]["threads"] == 1


@pytest.mark.parametrize("name", ["subject", "type", "mailboxId", "customer", "threads"])
def test_required_parameters(desk: Desk, name: str) -> None:
    assert problem(desk.create(**{name: None})) == f"`{name}` parameter is required"


def test_a_body_that_is_not_json_looks_like_a_missing_subject(desk: Desk) -> None:
    for content_type, data in (("application/json", "{"), ("text/plain", '{"subject": "x"}')):
        answer = desk.web.post("/api/conversations", headers=desk.headers, data=data, content_type=content_type)
        assert problem(answer) == "`subject` parameter is required"


def test_a_note_needs_its_user_inside_and_as_a_number(desk: Desk) -> None:
    note = {"type": "note", "text": "x"}
    assert problem(desk.create(threads=[note], user=BOT)) == "`user` parameter is required"
    assert problem(desk.create(threads=[note | {"user": str(BOT)}])) == "`user` parameter is required"
    assert problem(desk.create(threads=[note | {"user": 77}])) == "User not found"
    assert desk.found(subject="DEPROV-2026-06-01") == []


def test_threads_are_given_and_shown_newest_first(desk: Desk) -> None:
    notes = [{"type": "note", "text": text, "user": BOT} for text in ("second", "first")]
    number = desk.new_id(threads=notes)
    desk.call("POST", f"/conversations/{number}/threads", {"type": "note", "text": "third", "user": BOT})
    assert [thread["body"] for thread in desk.read(number)["_embedded"]["threads"]] == ["third", "second", "first"]


def test_half_a_creation_is_refused_and_yet_there() -> None:
    desk = Desk(create_mode="half")
    assert problem(desk.create()) == "Customer first name or email is required"
    assert len(desk.found(subject="DEPROV-2026-06-01-jsmith")) == 1


def test_a_blank_creation_names_no_id() -> None:
    desk = Desk(create_mode="blank")
    answer = desk.create()
    assert (answer.status_code, answer.data) == (200, b"")
    assert "Resource-ID" not in answer.headers
    assert len(desk.found(subject="DEPROV-2026-06-01-jsmith")) == 1


def test_a_reply_sets_the_status_unless_told(desk: Desk) -> None:
    number = desk.new_id()
    path = f"/conversations/{number}/threads"
    for body, status in (
        ({"type": "message", "user": BOT}, "pending"),
        ({"type": "customer", "customer": {"email": "people-ops@raxx.example"}}, "active"),
        ({"type": "note", "user": BOT}, "active"),
        ({"type": "note", "user": BOT, "status": "closed"}, "closed"),
    ):
        answer = desk.call("POST", path, body | {"text": "x"})
        assert (answer.status_code, answer.data) == (201, b"")
        assert int(answer.headers["Resource-ID"])
        assert desk.read(number)["status"] == status
    assert desk.read(number)["closedByUser"]["id"] == BOT


def test_a_change_of_status_needs_by_user(desk: Desk) -> None:
    number = desk.new_id()
    assert problem(desk.call("PUT", f"/conversations/{number}", {"status": "closed"})) == "`byUser` parameter is required"
    answer = desk.call("PUT", f"/conversations/{number}", {"byUser": BOT, "status": "closed"})
    assert (answer.status_code, answer.data) == (204, b"")
    shown = desk.read(number)
    assert shown["status"] == "closed"
    assert shown["closedBy"] == BOT
    assert shown["closedAt"]
    assert desk.call("PUT", f"/conversations/{number}", {"subject": "new"}).status_code == 204


def test_an_update_is_carried_out_in_the_order_of_its_keys(desk: Desk) -> None:
    number = desk.new_id()
    problem(desk.call("PUT", f"/conversations/{number}", {"byUser": BOT, "status": "closed", "assignTo": 77, "subject": "x"}))
    shown = desk.read(number)
    assert (shown["status"], shown["assignee"], shown["subject"]) == ("closed", None, "DEPROV-2026-06-01-jsmith")
    other = desk.new_id()
    desk.call("PUT", f"/conversations/{other}", {"byUser": BOT, "assignTo": 4, "status": "closed"})
    kinds = [thread["action"]["type"] for thread in desk.read(other)["_embedded"]["threads"]]
    assert kinds == ["status-changed", "user-changed", None]


def test_tags_are_replaced_and_do_not_move_the_date(desk: Desk) -> None:
    number = desk.found()[0]["id"]
    before = desk.read(number)["updatedAt"]
    for tags in (["a", "b"], ["c"]):
        assert desk.call("PUT", f"/conversations/{number}/tags", {"tags": tags}).status_code == 204
    shown = desk.read(number, embed="tags")
    assert [tag["name"] for tag in shown["_embedded"]["tags"]] == ["c"]
    assert shown["updatedAt"] == before
    assert [item["id"] for item in desk.found(tag="c")] == [number]
    assert (desk.call("GET", "/tags", conversationId=number).json or {})["_embedded"]["tags"][0]["name"] == "c"


def test_custom_fields(desk: Desk) -> None:
    number = desk.new_id(customFields=[{"id": 22, "value": "one"}])
    assert desk.read(number)["customFields"] == [{"id": 22, "name": "Event", "value": "one", "text": ""}]
    body = {"customFields": [{"id": 22, "value": "two"}]}
    assert desk.call("PUT", f"/conversations/{number}/custom_fields", body).status_code == 204
    assert desk.read(number)["customFields"][0]["value"] == "two"
    assert (desk.call("GET", "/mailboxes/3/custom_fields").json or {})["_embedded"]["custom_fields"][0]["id"] == 22


def test_an_unknown_conversation_is_not_found_in_json(desk: Desk) -> None:
    answer = desk.call("GET", "/conversations/99999")
    assert (answer.status_code, answer.json) == (404, {"message": "Not Found"})


def test_users_and_mailboxes_can_be_looked_up(desk: Desk) -> None:
    users = (desk.call("GET", "/users", email="deprovisioning-bot@raxx.example").json or {})["_embedded"]["users"]
    assert [user["id"] for user in users] == [BOT] == [desk.stand_in.user_id]
    assert (desk.call("GET", "/mailboxes").json or {})["_embedded"]["mailboxes"][0]["id"] == desk.stand_in.mailbox_id


def test_a_dump_needs_no_request(desk: Desk) -> None:
    assert [item["subject"] for item in desk.stand_in.dump()][-1] == "DEPROV-2026-05-19-asmith"
