# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""One ticket: found or created, annotated, closed; each write is judged by what is there afterwards (P4, step 7)."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._freescout import (
    SYSTEM,
    Conversation,
    FreescoutClient,
    Plan,
    may_have_been_done,
    plan,
)

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def settle(client: FreescoutClient, params: Params, check_mode: bool) -> Result:
    """Makes sure of the ticket that C(params) describe, the options of M(raxx.deprovision.freescout_conversation).

    Returns what that module returns of one conversation. Raises C(not_found) where it may not be created, C(invalid_input) where
    something is missing for that, and C(write_not_confirmed) where a write was accepted but is not there afterwards.
    """
    found = _find(client, params)
    before = client.with_notes(found[0].id) if found else None
    if before is None:
        _may_create(params)
    todo = _plan(before, params)
    after = before
    if todo and not check_mode:
        if before is None:
            found = _create(client, params)
        after = _complete(client, before or client.with_notes(found[0].id), params)
    return {
        "changed": bool(todo),
        "created": todo.create,
        "noted": todo.note,
        "closed": todo.close,
        "id": after and after.id,
        "number": after and after.number,
        "status": after and after.status,
        "url": after and client.page_for_people(after),
        "created_at": after and after.created_at,
        "duplicates": [other.id for other in found[1:]],
        "diff": {
            "before": before and {"status": before.status, "note": "absent" if todo.note else "as wanted"},
            "after": {
                "status": "closed" if params["state"] == "closed" else before.status if before else "active",
                "note": "as wanted",
            },
        },
    }


def _find(client: FreescoutClient, params: Params) -> list[Conversation]:
    if params["number"] is not None:
        return client.by_number(params["number"])
    return client.by_subject(params["subject"], params["mailbox_id"])


def _plan(conversation: Conversation | None, params: Params) -> Plan:
    return plan(conversation, note=params["note"], marker=params["note_marker"], close=params["state"] == "closed")


def _text(params: Params) -> str | None:
    note, marker = params["note"], params["note_marker"]
    return f"{marker}\n{note}" if marker and not note.startswith(marker) else note


def _may_create(params: Params) -> None:
    if params["number"] is not None or not params["create"]:
        wanted = f"number {params['number']}" if params["number"] is not None else f"the subject {params['subject']}"
        raise DeprovisionError("not_found", f"FreeScout has no conversation with {wanted}.", system=SYSTEM)
    for name in ("user_id", "customer_email"):
        if not params[name]:
            raise DeprovisionError("invalid_input", f"The conversation must be created, but {name} is missing.", system=SYSTEM)


def _create(client: FreescoutClient, params: Params) -> list[Conversation]:
    """Creates the conversation and looks again: the answer may be unclear, and two runs may race."""
    created, unclear = None, None
    try:
        created = client.create(
            params["subject"],
            mailbox_id=params["mailbox_id"],
            customer_email=params["customer_email"],
            user_id=params["user_id"],
            note=_text(params) or "Opened.",
        )
    except DeprovisionError as error:
        if not may_have_been_done(error):
            raise
        unclear = error
    found = _find(client, params)
    if not found and created is not None:
        found = [client.with_notes(created)]  # the list may lag behind
    if not found:
        raise unclear or DeprovisionError("write_not_confirmed", "FreeScout did not create the conversation.", system=SYSTEM)
    return found


def _complete(client: FreescoutClient, conversation: Conversation, params: Params) -> Conversation:
    """Adds what C(conversation) lacks, one write at a time, each read back."""
    todo, text, user_id = _plan(conversation, params), _text(params), params["user_id"]
    after = conversation
    if todo.note and text:
        after = _confirm(client, after, params, "note", lambda: client.add_note(conversation, text, user_id=user_id))
    if todo.close:
        after = _confirm(client, after, params, "close", lambda: client.close(conversation, user_id=user_id))
    return after


def _confirm(
    client: FreescoutClient, conversation: Conversation, params: Params, step: str, write: t.Callable[[], None]
) -> Conversation:
    """Writes, and judges by what is there afterwards, not by the answer."""
    unclear = None
    try:
        write()
    except DeprovisionError as error:
        if not may_have_been_done(error):
            raise
        unclear = error
    after = client.with_notes(conversation.id)
    if getattr(_plan(after, params), step):
        message = f"FreeScout accepted the {step} for conversation {after.number}, but does not show it."
        raise unclear or DeprovisionError("write_not_confirmed", message, system=SYSTEM)
    return after
