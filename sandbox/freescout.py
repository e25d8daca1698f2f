# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""A stand-in for FreeScout's API & Webhooks module: conversations, threads, tags, custom fields."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.faults import Dialect
from sandbox.seed import Seed, ago

FIRST_ID = 800
SET_STATUSES = ("active", "pending", "closed", "spam")
THREAD_STATUSES = ("active", "pending", "closed")
THREAD_TYPES = ("customer", "message", "note")
SORT_FIELDS = {
    "createdAt": "created",
    "mailboxId": "mailbox_id",
    "number": "number",
    "subject": "subject",
    "updatedAt": "updated",
    "waitingSince": "created",
}
HTML_404 = "<!DOCTYPE html><html><head><title>Page not found</title></head><body><h1>Page not found</h1></body></html>\n"


class FreeScoutDialect(Dialect):
    def error(self) -> Response:
        return _json_answer(503, {"message": "Service Unavailable"})

    def throttled(self) -> Response:
        """FreeScout knows no limit; what answers is the proxy before it."""
        page = "<html><body><h1>429 Too Many Requests</h1></body></html>\n"
        return Response(page, 429, {"Retry-After": "1"}, content_type="text/html")


class RefusedError(Exception):
    """An answer in place of what was asked for."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass
class Thread:
    """`person` is who wrote it, as the API shows people. A `lineitem` records a change and has no body."""

    id: int
    type: str
    body: str
    status: str
    person: dict[str, Any]
    created: str
    action: str = ""


@dataclass
class Conversation:
    """`threads` is oldest first; the API shows them newest first."""

    id: int
    number: int
    subject: str
    type: str
    mailbox_id: int
    status: str
    customer: dict[str, Any]
    created: str
    updated: str
    created_by: dict[str, Any]
    state: str = "published"
    assignee: int | None = None
    closed_at: str | None = None
    closed_by: int | None = None
    threads: list[Thread] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    custom: dict[int, str] = field(default_factory=dict)


class FreeScout:
    """`app` serves /api. `api_key`, `mailbox_id` and `user_id` are what a client is configured with."""

    def __init__(self, seed: Seed) -> None:
        settings = seed["freescout"]
        self.api_key: str = settings["api_key"]
        self._mailbox: dict[str, Any] = settings["mailbox"]
        self.mailbox_id: int = self._mailbox["id"]
        self._users: dict[int, dict[str, Any]] = {user["id"]: user for user in settings["users"]}
        self.user_id: int = next(user["id"] for user in settings["users"] if user.get("automation"))
        self._fields: dict[int, dict[str, Any]] = {entry["id"]: entry for entry in settings["custom_fields"]}
        self._exact: bool = settings["subject_search"] == "exact"
        self._create_mode: str = settings["create_mode"]
        self._active: bool = settings["module_active"]
        self._offset: int = settings["number_offset"]
        self._lock = threading.RLock()
        self._ids = itertools.count(FIRST_ID)
        self._thread_ids = itertools.count(5000)
        self._customers: dict[str, dict[str, Any]] = {}
        self._conversations: dict[int, Conversation] = {}
        for entry in settings["conversations"]:
            self._seed(entry)
        self.app = self._make_app()

    def secrets(self) -> set[str]:
        return {self.api_key}

    def dump(self) -> list[dict[str, Any]]:
        with self._lock:
            return [self._show_one(item) for __, item in sorted(self._conversations.items())]

    def _seed(self, entry: dict[str, Any]) -> None:
        customer = self._customer({"email": entry["customer"]})
        created = _stamp(ago(entry["created"]))
        conversation = self._new(entry["subject"], "email", entry["status"], customer, created)
        if entry["status"] == "closed":
            conversation.closed_at, conversation.closed_by = created, self.user_id
        self._add_thread(conversation, "note", entry["note"], self._user(self.user_id), created=created)

    def _make_app(self) -> Flask:
        app = Flask("freescout")
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.before_request(self._before)
        app.register_error_handler(RefusedError, lambda refused: refused.response)
        app.register_error_handler(HTTPException, lambda error: Response(HTML_404, error.code or 404, content_type="text/html"))
        one = "/api/conversations/<int:conversation_id>"
        routes: list[tuple[str, str, Callable[..., Response]]] = [
            ("GET", "/api/conversations", self._list),
            ("POST", "/api/conversations", self._create),
            ("GET", one, self._read),
            ("PUT", one, self._update),
            ("DELETE", one, self._delete),
            ("POST", f"{one}/threads", self._reply),
            ("PUT", f"{one}/custom_fields", self._put_custom_fields),
            ("PUT", f"{one}/tags", self._put_tags),
            ("GET", "/api/mailboxes", self._mailboxes),
            ("GET", "/api/mailboxes/<int:mailbox_id>/custom_fields", self._custom_fields),
            ("GET", "/api/users", self._list_users),
            ("GET", "/api/tags", self._list_tags),
        ]
        for method, path, view in routes:
            app.add_url_rule(path, f"{method} {path}", view, methods=[method])
        return app

    def _before(self) -> Response | None:
        if not self._active or request.url_rule is None:
            return Response(HTML_404, 404, content_type="text/html; charset=UTF-8")
        login = request.authorization.username if request.authorization else None
        if self.api_key in (request.headers.get("X-FreeScout-API-Key"), request.args.get("api_key"), login):
            return None
        return _json_answer(401, {"message": "Not Authorized"})

    # -- conversations

    def _list(self) -> Response:
        with self._lock:
            found = [item for item in self._conversations.values() if self._matches(item)]
            key = SORT_FIELDS.get(request.args.get("sortField", "createdAt"))
            if key is None:
                raise _invalid("sortField", "`sortField` parameter is incorrect")
            found.sort(key=lambda item: (getattr(item, key), item.id), reverse=request.args.get("sortOrder", "desc") == "desc")
            size, page = _number("pageSize", 50), _number("page", 1)
            shown = [self._show(item, listed=True) for item in found[(page - 1) * size : page * size]]
            return _page("conversations", shown, size, len(found), page)

    def _matches(self, item: Conversation) -> bool:
        asked = request.args
        subject = asked.get("subject")
        if subject is not None:
            wanted, present = subject.casefold(), item.subject.casefold()
            if wanted != present if self._exact else wanted not in present:
                return False
        tests: dict[str, Callable[[str], bool]] = {
            "mailboxId": lambda value: str(item.mailbox_id) in value.split(","),
            "state": lambda value: item.state in value.split(","),
            "type": lambda value: item.type == value,
            "assignedTo": lambda value: str(item.assignee or "") == value,
            "customerEmail": lambda value: item.customer["email"] == value,
            "customerId": lambda value: str(item.customer["id"]) == value,
            "number": lambda value: str(item.number) == value,
            "tag": lambda value: value in item.tags,
            "createdByUserId": lambda value: item.created_by["type"] == "user" and str(item.created_by["id"]) == value,
            "createdByCustomerId": lambda value: item.created_by["type"] == "customer" and str(item.created_by["id"]) == value,
            "createdSince": lambda value: item.created >= value,
            "updatedSince": lambda value: item.updated >= value,
        }
        # Closed conversations are hidden from who does not ask for them.
        shown = item.status in asked.get("status", "active").split(",")
        return shown and all(test(asked[name]) for name, test in tests.items() if name in asked)

    def _read(self, conversation_id: int) -> Response:
        with self._lock:
            return jsonify(self._show_one(self._find(conversation_id)))

    def _create(self) -> Response:
        body = _body()
        for name in ("subject", "type", "mailboxId", "customer", "threads"):
            if not body.get(name):
                raise _invalid(name, f"`{name}` parameter is required")
        if body["mailboxId"] != self.mailbox_id:
            raise _invalid("mailboxId", "Mailbox not found")
        if body.get("status", "active") not in THREAD_STATUSES:
            raise _invalid("status", "`status` parameter is incorrect")
        with self._lock:
            # The caller gives threads newest first.
            people = [(thread, self._writer(thread, body["customer"])) for thread in reversed(body["threads"])]
            if body.get("assignTo") is not None:
                self._user(body["assignTo"], "assignTo")
            customer = self._customer(body["customer"])
            imported = body.get("imported") is True
            created = (body.get("createdAt") if imported else None) or _stamp()
            conversation = self._new(body["subject"], body["type"], body.get("status", "active"), customer, created)
            conversation.created_by = people[0][1]
            conversation.assignee = body.get("assignTo")
            if conversation.status == "closed":
                conversation.closed_at = (body.get("closedAt") if imported else None) or created
            conversation.custom = {entry["id"]: str(entry["value"]) for entry in body.get("customFields", [])}
            for thread, person in people:
                self._add_thread(conversation, thread["type"], thread["text"], person, created=created)
        if self._create_mode == "half":
            raise _invalid("customer", "Customer first name or email is required")
        if self._create_mode == "blank":
            return Response("", 200)
        return _created(conversation.id)

    def _reply(self, conversation_id: int) -> Response:
        body = _body()
        with self._lock:
            conversation = self._find(conversation_id)
            person = self._writer(body, body.get("customer"))
            status = body.get("status")
            if status is not None and status not in THREAD_STATUSES:
                raise _invalid("status", "`status` parameter is incorrect")
            created = (body.get("createdAt") if body.get("imported") is True else None) or _stamp()
            thread = self._add_thread(conversation, body["type"], body["text"], person, created=created)
            status = status or {"customer": "active", "message": "pending"}.get(body["type"])
            if status:
                self._set_status(conversation, status, person if person["type"] == "user" else None)
            return _created(thread.id)

    def _update(self, conversation_id: int) -> Response:
        """The keys are carried out in their order; what precedes a bad one has happened."""
        body = _body()
        with self._lock:
            conversation = self._find(conversation_id)
            user = None
            if {"status", "assignTo", "mailboxId"} & set(body):
                if not isinstance(body.get("byUser"), int):
                    raise _invalid("byUser", "`byUser` parameter is required")
                user = self._user(body["byUser"], "byUser")
            actions = {
                "status": self._set_status,
                "assignTo": self._assign,
                "mailboxId": self._move,
                "customerId": self._set_customer,
                "subject": self._set_subject,
            }
            for name, value in body.items():
                if name in actions:
                    actions[name](conversation, value, user)
                    conversation.updated = _stamp()
        return Response(status=204)

    def _delete(self, conversation_id: int) -> Response:
        with self._lock:
            del self._conversations[self._find(conversation_id).id]
        return Response(status=204)

    def _put_custom_fields(self, conversation_id: int) -> Response:
        entries = _body().get("customFields")
        with self._lock:
            conversation = self._find(conversation_id)
            if not isinstance(entries, list):
                raise _invalid("customFields", "`customFields` parameter is required")
            for entry in entries:
                if entry.get("id") not in self._fields:
                    raise _invalid("customFields", "Custom field not found")
                conversation.custom[entry["id"]] = str(entry["value"])
        return Response(status=204)

    def _put_tags(self, conversation_id: int) -> Response:
        """The list replaces what was there, and `updatedAt` stays."""
        tags = _body().get("tags")
        with self._lock:
            conversation = self._find(conversation_id)
            if not isinstance(tags, list):
                raise _invalid("tags", "`tags` parameter is required")
            conversation.tags = list(dict.fromkeys(str(tag) for tag in tags))
        return Response(status=204)

    # -- the other lists

    def _mailboxes(self) -> Response:
        return _page("mailboxes", [self._mailbox], 50, 1, 1)

    def _custom_fields(self, mailbox_id: int) -> Response:
        if mailbox_id != self.mailbox_id:
            raise RefusedError(_json_answer(404, {"message": "Not Found"}))
        entries = [{"options": None, "required": False, "sortOrder": 1, **entry} for entry in self._fields.values()]
        return jsonify({"_embedded": {"custom_fields": entries}})

    def _list_users(self) -> Response:
        email = request.args.get("email")
        shown = [
            {key: user[key] for key in ("id", "firstName", "lastName", "email")}
            for user in self._users.values()
            if email in (None, user["email"])
        ]
        return _page("users", shown, 50, len(shown), 1)

    def _list_tags(self) -> Response:
        with self._lock:
            wanted = request.args.get("conversationId")
            shown = [
                tag for item in self._conversations.values() if wanted in (None, str(item.id)) for tag in self._show_tags(item)
            ]
        return _page("tags", list({tag["id"]: tag for tag in shown}.values()), 50, len(shown), 1)

    # -- pieces

    def _find(self, conversation_id: int) -> Conversation:
        if conversation_id not in self._conversations:
            raise RefusedError(_json_answer(404, {"message": "Not Found"}))
        return self._conversations[conversation_id]

    def _new(self, subject: str, kind: str, status: str, customer: dict[str, Any], created: str) -> Conversation:
        number = next(self._ids)
        conversation = Conversation(
            id=number,
            number=number + self._offset,
            subject=subject,
            type=kind,
            mailbox_id=self.mailbox_id,
            status=status,
            customer=customer,
            created=created,
            updated=created,
            created_by=customer,
        )
        self._conversations[conversation.id] = conversation
        return conversation

    def _add_thread(
        self, conversation: Conversation, kind: str, text: str, person: dict[str, Any], *, created: str, action: str = ""
    ) -> Thread:
        thread = Thread(next(self._thread_ids), kind, text, conversation.status, person, created, action)
        conversation.threads.append(thread)
        conversation.updated = created
        return thread

    def _writer(self, thread: dict[str, Any], customer: Any) -> dict[str, Any]:
        """Who writes a thread. For a note or a message that is `user` inside the thread, and a number."""
        if thread.get("type") not in THREAD_TYPES:
            raise _invalid("type", "`type` parameter is required")
        if not thread.get("text"):
            raise _invalid("text", "`text` parameter is required")
        if thread["type"] == "customer":
            return self._customer(thread.get("customer") or customer or {})
        if not isinstance(thread.get("user"), int):
            raise _invalid("user", "`user` parameter is required")
        return self._user(thread["user"])

    def _user(self, user_id: int, parameter: str = "user") -> dict[str, Any]:
        if user_id not in self._users:
            raise _invalid(parameter, "User not found")
        user = self._users[user_id]
        return {"id": user_id, "type": "user", **{key: user[key] for key in ("firstName", "lastName", "email")}}

    def _customer(self, given: dict[str, Any]) -> dict[str, Any]:
        """The customer with an id or an address; an unknown address makes a new one."""
        if "id" in given:
            known = next((item for item in self._customers.values() if item["id"] == given["id"]), None)
            if known is None:
                raise _invalid("customer", "Customer not found")
            return known
        email = given.get("email")
        if not email:
            raise _invalid("customer", "Customer first name or email is required")
        names = {"firstName": given.get("firstName", ""), "lastName": given.get("lastName", "")}
        new = {"id": 31 + len(self._customers), "type": "customer", **names, "email": email}
        return self._customers.setdefault(email, new)

    def _set_status(self, conversation: Conversation, status: Any, user: dict[str, Any] | None) -> None:
        if status not in SET_STATUSES:
            raise _invalid("status", "`status` parameter is incorrect")
        if status == conversation.status:
            return
        conversation.status = status
        closed = status == "closed"
        conversation.closed_at = _stamp() if closed else None
        conversation.closed_by = user["id"] if closed and user else None
        self._note_change(conversation, "status-changed", user)

    def _assign(self, conversation: Conversation, user_id: Any, user: dict[str, Any] | None) -> None:
        if user_id is not None:
            self._user(user_id, "assignTo")
        conversation.assignee = user_id
        self._note_change(conversation, "user-changed", user)

    def _move(self, conversation: Conversation, mailbox_id: Any, user: dict[str, Any] | None) -> None:
        if mailbox_id != self.mailbox_id:
            raise _invalid("mailboxId", "Mailbox not found")
        self._note_change(conversation, "moved-from-mailbox", user)

    def _set_customer(self, conversation: Conversation, customer_id: Any, _user: dict[str, Any] | None) -> None:
        conversation.customer = self._customer({"id": customer_id})

    def _set_subject(self, conversation: Conversation, subject: Any, _user: dict[str, Any] | None) -> None:
        conversation.subject = str(subject)

    def _note_change(self, conversation: Conversation, action: str, user: dict[str, Any] | None) -> None:
        self._add_thread(conversation, "lineitem", "", user or conversation.customer, created=_stamp(), action=action)

    def _show_one(self, item: Conversation) -> dict[str, Any]:
        return self._show(item, listed=False)

    def _show(self, item: Conversation, *, listed: bool) -> dict[str, Any]:
        """In the list `threads` is a count, in a single answer the count is `threadsCount`."""
        wanted = request.args.get("embed", "" if listed else "threads").split(",") if request else ["threads", "tags"]
        threads = [_show_thread(thread) for thread in reversed(item.threads)] if "threads" in wanted else []
        embedded: dict[str, Any] = {"threads": threads}
        if "tags" in wanted:
            embedded["tags"] = self._show_tags(item)
        counted = [thread for thread in item.threads if thread.type != "lineitem"]
        closer = self._user(item.closed_by) if item.closed_by else None
        return {
            "id": item.id,
            "number": item.number,
            "threads" if listed else "threadsCount": len(counted),
            "type": item.type,
            "folderId": 11,
            "status": item.status,
            "state": item.state,
            "subject": item.subject,
            "preview": counted[-1].body[:255] if counted else "",
            "mailboxId": item.mailbox_id,
            "assignee": self._user(item.assignee) if item.assignee else None,
            "createdBy": item.created_by,
            "createdAt": item.created,
            "updatedAt": item.updated,
            "closedBy": item.closed_by,
            "closedByUser": closer,
            "closedAt": item.closed_at,
            "userUpdatedAt": item.updated,
            "customerWaitingSince": {"time": item.created, "friendly": "", "latestReplyFrom": "customer"},
            "source": {"type": "api", "via": item.created_by["type"]},
            "cc": [],
            "bcc": [],
            "customer": item.customer,
            "customFields": [
                {"id": number, "name": entry["name"], "value": item.custom.get(number, ""), "text": ""}
                for number, entry in self._fields.items()
            ],
            "_embedded": embedded,
        }

    def _show_tags(self, item: Conversation) -> list[dict[str, Any]]:
        names = sorted({tag for other in self._conversations.values() for tag in other.tags})
        return [{"id": names.index(tag) + 1, "name": tag} for tag in item.tags]


def _show_thread(thread: Thread) -> dict[str, Any]:
    return {
        "id": thread.id,
        "type": thread.type,
        "status": thread.status,
        "state": "published",
        "action": {"type": thread.action or None, "text": "", "associatedEntities": {}},
        "body": thread.body,
        "source": {"type": "api", "via": thread.person["type"]},
        "customer": thread.person if thread.person["type"] == "customer" else None,
        "createdBy": thread.person,
        "assignedTo": None,
        "to": [],
        "cc": [],
        "bcc": [],
        "createdAt": thread.created,
        "openedAt": None,
        "_embedded": {"attachments": []},
    }


def _body() -> dict[str, Any]:
    """What was sent as JSON. Anything else counts as nothing, and then the first parameter is missing."""
    body = request.get_json(silent=True) if request.is_json else None
    return body if isinstance(body, dict) else {}


def _number(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _page(name: str, shown: list[dict[str, Any]], size: int, total: int, page: int) -> Response:
    pages = -(-total // size)
    numbers = {"size": size, "totalElements": total, "totalPages": pages, "number": page}
    return jsonify({"_embedded": {name: shown}, "page": numbers})


def _created(number: int) -> Response:
    return Response("", 201, {"Resource-ID": str(number)})


def _invalid(path: str, message: str) -> RefusedError:
    errors = [{"path": path, "message": message, "source": "JSON"}]
    return RefusedError(_json_answer(400, {"message": "Error occurred", "_embedded": {"errors": errors}}))


def _json_answer(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def _stamp(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
