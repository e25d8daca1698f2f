#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: freescout_conversation
short_description: Find, open, annotate and close tickets in FreeScout
version_added: 0.1.0
description:
  - Makes sure that there is one conversation (ticket) with a subject, that it holds a note, and on request that it is closed.
  - Conversations are looked for in every status but spam, and by the exact subject. If several have it, the one with the lowest
    id is used and the others are returned as RV(duplicates).
  - A new conversation is imported, so that FreeScout sends no mail to anybody. Nothing is ever deleted, and a closed
    conversation is never opened again.
  - With O(conversations) it does so for several, some of them at the same time. If that fails for one, no further one is begun;
    the next run finds what was done.
  - FreeScout can create a conversation and still answer with an error. After any unclear answer the module looks again before
    it decides.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.freescout
attributes:
  action_group:
    membership: [raxx.deprovision.freescout]
options:
  subject:
    description:
      - The whole subject of the conversation. It must be the same in every run, since it is what a conversation is found by.
      - Exactly one of O(subject), O(number) and O(conversations) must be given.
    type: str
  number:
    description:
      - The number of an existing conversation, as people see it. It can differ from the id.
    type: int
  conversations:
    description:
      - Several conversations, each with a subject or a number of its own. What is not said there holds for all of them. An empty
        list is none.
    type: list
    elements: dict
    suboptions:
      subject:
        description: As O(subject).
        type: str
      number:
        description: As O(number).
        type: int
      note:
        description: As O(note).
        type: str
      note_marker:
        description: As O(note_marker).
        type: str
  mailbox_id:
    description: Id of the mailbox. Required with O(subject) and O(conversations).
    type: int
  user_id:
    description:
      - Numeric id of the staff user in whose name notes are written and the conversation is closed; an API key is nobody.
      - Required with O(note), O(conversations) and O(state=closed), and where a conversation has to be created.
    type: int
  customer_email:
    description: The customer of a new conversation. Required where a conversation has to be created.
    type: str
  state:
    description: Whether the conversation only has to exist, or has to be closed as well.
    type: str
    choices: [present, closed]
    default: present
  note:
    description: Plain text of a note that the conversation is to hold. It must not hold a secret.
    type: str
  note_marker:
    description:
      - First line of the note, by which it is known again. A conversation with a note that holds this text gets no second one,
        even if O(note) has changed since.
      - Without it the note is known by its whole text.
    type: str
  create:
    description: Whether a conversation that is not found is created. With O(number) it never is.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Find the ticket of the event or open it
  raxx.deprovision.freescout_conversation:
    freescout_url: https://help.raxx.app
    subject: DEPROV-2026-05-19-jsmith
    mailbox_id: 3
    user_id: 9
    customer_email: people@raxx.app
    note: The procedure has begun.
    note_marker: "[DEPROV-2026-05-19-jsmith begun]"

- name: Close the ticket that the operator named
  raxx.deprovision.freescout_conversation:
    freescout_url: https://help.raxx.app
    number: 4711
    user_id: 9
    state: closed
    note: "{{ checklist }}"
    note_marker: "[DEPROV-2026-05-19-jsmith done]"

- name: Open the tickets of several people
  raxx.deprovision.freescout_conversation:
    freescout_url: https://help.raxx.app
    conversations:
      - subject: DEPROV-2026-05-19-jsmith
        note: The procedure has begun.
      - subject: DEPROV-2026-05-19-mlopez
        note: The procedure has begun.
    mailbox_id: 3
    user_id: 9
    customer_email: people@raxx.app

- name: See whether there is a ticket, without opening one
  raxx.deprovision.freescout_conversation:
    freescout_url: https://help.raxx.app
    subject: DEPROV-2026-05-19-jsmith
    mailbox_id: 3
    create: false
  check_mode: true
"""

RETURN = r"""
id:
  description: Id of the conversation. V(null) in check mode if it would be created.
  returned: O(subject) or O(number) is given
  type: int
  sample: 812
number:
  description: Number of the conversation, as people see it. V(null) in check mode if it would be created.
  returned: O(subject) or O(number) is given
  type: int
  sample: 4711
status:
  description: Status of the conversation after this run. In check mode as it is, V(null) if it would be created.
  returned: O(subject) or O(number) is given
  type: str
  sample: closed
url:
  description: The page of the conversation for people. V(null) in check mode if it would be created.
  returned: O(subject) or O(number) is given
  type: str
  sample: https://help.raxx.app/conversation/812
created_at:
  description: When the conversation was created (RFC 3339, UTC). V(null) in check mode if it would be created.
  returned: O(subject) or O(number) is given
  type: str
  sample: "2026-05-19T10:11:12Z"
created:
  description: Whether the conversation was (or in check mode would be) created.
  returned: O(subject) or O(number) is given
  type: bool
  sample: false
noted:
  description: Whether the note was (or in check mode would be) added.
  returned: O(subject) or O(number) is given
  type: bool
  sample: true
closed:
  description: Whether the conversation was (or in check mode would be) closed by this run.
  returned: O(subject) or O(number) is given
  type: bool
  sample: true
duplicates:
  description: Ids of further conversations with the same subject. They should be merged by a person.
  returned: O(subject) or O(number) is given
  type: list
  elements: int
  sample: []
conversations:
  description: Each of O(conversations) in their order, with the values above.
  returned: O(conversations) is given
  type: list
  elements: dict
  sample:
    - id: 812
      number: 4711
      status: closed
      url: https://help.raxx.app/conversation/812
      created_at: "2026-05-19T10:11:12Z"
      created: false
      noted: true
      closed: true
      duplicates: []
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._freescout import FreescoutClient
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import FREESCOUT
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import each
from ansible_collections.raxx.deprovision.plugins.module_utils._ticket import settle

SPEC = FREESCOUT + Spec(
    options={
        "subject": {"type": "str"},
        "number": {"type": "int"},
        "conversations": {
            "type": "list",
            "elements": "dict",
            "options": {
                "subject": {"type": "str"},
                "number": {"type": "int"},
                "note": {"type": "str"},
                "note_marker": {"type": "str"},
            },
            "mutually_exclusive": [["subject", "number"]],
            "required_one_of": [["subject", "number"]],
            "required_by": {"note_marker": ["note"]},
        },
        "mailbox_id": {"type": "int"},
        "user_id": {"type": "int"},
        "customer_email": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "closed"], "default": "present"},
        "note": {"type": "str"},
        "note_marker": {"type": "str"},
        "create": {"type": "bool", "default": True},
    },
    mutually_exclusive=[["subject", "number", "conversations"], ["note", "conversations"]],
    required_one_of=[["subject", "number", "conversations"]],
    required_if=[("state", "closed", ["user_id"])],
    required_by={
        "subject": ["mailbox_id"],
        "conversations": ["mailbox_id", "user_id"],
        "note": ["user_id"],
        "note_marker": ["note"],
    },
)


def run(params: Params, check_mode: bool) -> Result:
    if params["conversations"] is None:
        return settle(FreescoutClient.from_params(params), params, check_mode)
    if not params["conversations"]:
        return {"changed": False, "conversations": [], "diff": {"before": [], "after": []}}
    client = FreescoutClient.from_params(params)
    results = each(lambda entry: settle(client, {**params, **entry}, check_mode), params["conversations"])
    changed = [result.pop("changed") for result in results]
    diffs = [result.pop("diff") for result in results]
    return {
        "changed": any(changed),
        "conversations": results,
        "diff": {side: [diff[side] for diff in diffs] for side in ("before", "after")},
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
