# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A client for the conversations (tickets) of FreeScout, and the decision what a ticket still lacks."""

from __future__ import annotations

import html
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._http import HttpClient

SYSTEM = "FreeScout"
# The list hides closed conversations unless they are asked for.
STATUSES = "active,pending,closed"
PAGE_SIZE = 50
MOST_PAGES = 40


@dataclass(frozen=True)
class Conversation:
    """One conversation. C(id) is what the API takes, C(number) what people see. C(notes) are plain text, not in the list."""

    id: int
    number: int
    subject: str
    status: str
    created_at: str
    notes: tuple[str, ...] = ()

    @classmethod
    def from_answer(cls, body: t.Any) -> Conversation:
        try:
            # In the list "threads" is a count; the threads themselves are always below "_embedded".
            threads = (body.get("_embedded") or {}).get("threads") or []
            return cls(
                int(body["id"]),
                int(body["number"]),
                str(body["subject"]),
                str(body["status"]),
                str(body["createdAt"]),
                tuple(plain(thread.get("body") or "") for thread in threads if thread.get("type") == "note"),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise _not_a_conversation() from None

    def holds(self, text: str) -> bool:
        """Whether a note holds C(text), whatever FreeScout did to its markup and white space."""
        return any(_squeezed(text) in _squeezed(note) for note in self.notes)


@dataclass(frozen=True)
class Plan:
    """What a conversation still lacks."""

    create: bool
    note: bool
    close: bool

    def __bool__(self) -> bool:
        return self.create or self.note or self.close


def plan(conversation: Conversation | None, *, note: str | None, marker: str | None, close: bool) -> Plan:
    """Decides from what was found. A note is known by its marker, or without one by its whole text."""
    if conversation is None:
        return Plan(create=True, note=note is not None, close=close)
    return Plan(
        create=False,
        note=note is not None and not conversation.holds(marker or note),
        close=close and conversation.status != "closed",
    )


def plain(body: str) -> str:
    """The text of an HTML body: line breaks kept, other markup dropped, entities decoded."""
    with_lines = re.sub(r"(?i)<br\s*/?>|</p>|</div>", "\n", body)
    return html.unescape(re.sub(r"<[^<>]*>", "", with_lines))


def marked_up(text: str) -> str:
    """C(text) as FreeScout wants it: it shows bodies as HTML."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def _squeezed(text: str) -> str:
    return " ".join(text.split())


class FreescoutClient:
    """Finds, creates, annotates and closes conversations. It never deletes one, and never mails anybody."""

    def __init__(self, url: str, api_key: str, *, timeout: float) -> None:
        self._http = HttpClient(SYSTEM, url, {"X-FreeScout-API-Key": api_key}, timeout=timeout, parse_error=_parse_error)

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> FreescoutClient:
        """Reads the option group FREESCOUT."""
        if not params["freescout_api_key"]:
            raise DeprovisionError(
                "credentials_missing", "No FreeScout API key was given.", system=SYSTEM, next_step="Export FREESCOUT_API_KEY."
            )
        return cls(params["freescout_url"], params["freescout_api_key"], timeout=params["freescout_timeout"])

    def page_for_people(self, conversation: Conversation) -> str:
        return f"{self._http.base_url}/conversation/{conversation.id}"

    def by_subject(self, subject: str, mailbox_id: int) -> list[Conversation]:
        """Every conversation with exactly this subject, the oldest (lowest id) first."""
        # Newer servers answer with every subject that contains the text, so compare here.
        return [found for found in self._list({"subject": subject, "mailboxId": mailbox_id}) if found.subject == subject]

    def by_number(self, number: int) -> list[Conversation]:
        return [found for found in self._list({"number": number}) if found.number == number]

    def with_notes(self, conversation_id: int) -> Conversation:
        answer = self._http.request("GET", f"/api/conversations/{conversation_id}", params={"embed": "threads"})
        return Conversation.from_answer(answer.body)

    def create(self, subject: str, *, mailbox_id: int, customer_email: str, user_id: int, note: str) -> int | None:
        """Creates a conversation of one note. Returns its id, or V(None) where the answer does not tell it: then search."""
        answer = self._http.request(
            "POST",
            "/api/conversations",
            json={
                "type": "email",
                "mailboxId": mailbox_id,
                "subject": subject,
                "customer": {"email": customer_email},
                "threads": [{"type": "note", "text": marked_up(note), "user": user_id}],
                # Imported conversations cause no mail to the customer and no automatic answer.
                "imported": True,
                "assignTo": user_id,
                "status": "active",
            },
            expected=(200, 201),
        )
        created = str(answer.headers.get("Resource-ID", ""))
        return int(created) if created.isdigit() else None

    def add_note(self, conversation: Conversation, note: str, *, user_id: int) -> None:
        thread = {"type": "note", "text": marked_up(note), "user": user_id, "imported": True}
        if conversation.status in STATUSES.split(","):
            # Said explicitly, so that a note can never open a closed conversation again.
            thread["status"] = conversation.status
        self._http.request("POST", f"/api/conversations/{conversation.id}/threads", json=thread, expected=(200, 201))

    def close(self, conversation: Conversation, *, user_id: int) -> None:
        # FreeScout carries the keys out in this order.
        order = {"byUser": user_id, "status": "closed"}
        self._http.request("PUT", f"/api/conversations/{conversation.id}", json=order, expected=(200, 204))

    def _list(self, wanted: dict[str, t.Any]) -> list[Conversation]:
        found: list[Conversation] = []
        for page in range(1, MOST_PAGES + 1):
            body = self._http.request(
                "GET",
                "/api/conversations",
                params={
                    **wanted,
                    "status": STATUSES,
                    "state": "published",
                    "sortField": "createdAt",
                    "sortOrder": "asc",
                    "pageSize": PAGE_SIZE,
                    "page": page,
                },
                expected=(200, 201),
            ).body
            try:
                found += [Conversation.from_answer(item) for item in body["_embedded"]["conversations"]]
                last = page >= int(body["page"]["totalPages"])
            except (KeyError, TypeError, ValueError):
                raise _not_a_conversation() from None
            if last:
                break
        return sorted(found, key=lambda conversation: conversation.id)


def may_have_been_done(error: DeprovisionError) -> bool:
    """Whether a create or note that ended with C(error) may exist all the same: some servers answer 400 after creating."""
    return error.outcome_unknown or (isinstance(error, ApiError) and error.status == 400)


def _not_a_conversation() -> UnreachableError:
    return UnreachableError("unreachable", "FreeScout's answer does not have the form of a conversation.", system=SYSTEM)


def _parse_error(status: int, body: t.Any) -> tuple[str | None, str]:
    """Names the fields that were refused, never their values: an entry may quote our own text."""
    if not isinstance(body, t.Mapping):
        return ("not_the_api", "the answer is not the API's") if status == 404 else (None, "")
    if status == 405:
        return "not_the_api", "the API does not know this call"
    embedded = body.get("_embedded")
    entries = embedded.get("errors") if isinstance(embedded, t.Mapping) else None
    fields = [str(entry.get("path", "")) for entry in entries or [] if isinstance(entry, t.Mapping)]
    return None, ", ".join(field for field in fields if re.fullmatch(r"[\w.\[\]/-]{1,60}", field))
