# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the facts amount to (C1 to C6, grades, I9): pure functions, tested by table."""

from __future__ import annotations

import typing as t
from datetime import datetime

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._event import Event
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import (
    Credential,
    Progress,
    checklist,
    evaluate,
    next_look,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

NOTICE = parse("2026-05-19T09:00:00Z")
EVENT = Event("DEPROV-2026-05-19-jordan", "jordan@raxx.example", "olivia@raxx.example", NOTICE, parse("2026-05-19T09:10:00Z"))
AT = "2026-05-19T09:15:00.000000Z"
ROTATED: dict[str, t.Any] = {
    "intent": {"at": AT},
    "settled": {"at": AT},
    "stored": {"at": AT},
    "live": {"at": AT},
    "distributed-raptor": {"at": AT},
    "dead": {"at": AT, "old_dead": True, "sessions_left": 0},
    "checked": {"at": AT},
    "verified-raptor": {"at": AT, "from": AT, "to": AT, "lines": 12, "requests": 3},
}
FACTS: dict[str, t.Any] = {
    "before": {"memberships": [{"group": "support"}], "sessions": [{"id": 1}, {"id": 2}]},
    "lockout-console": {"at": AT, "account": True, "removed": ["support"], "ended": [1, 2]},
    "recheck1-console": {"at": AT, "ended": 0, "removed": 0},
    "audit_row-audit_record": {
        "completed_at": AT,
        "run_type": "deprovisioning",
        "ticket": "812",
        "operator": "olivia@raxx.example",
    },
    "closed": {"at": "2026-05-19T09:20:00.000000Z", "scope": {}},
}


# Nobody changes these defaults.
# pylint: disable-next=dangerous-default-value
def raptor(facts: dict[str, t.Any] | None = ROTATED, **more: t.Any) -> Credential:
    return Credential("raptor_app", 2, facts, checks=("smoke",), consumers=("raptor",), **more)


# pylint: disable-next=dangerous-default-value
def archiver(facts: dict[str, t.Any] | None = ROTATED, **more: t.Any) -> Credential:
    return Credential("audit_archiver", 3, facts, checks=("one_off",), consumers=("raptor",), **more)


def without(facts: dict[str, t.Any], *names: str) -> dict[str, t.Any]:
    return {name: value for name, value in facts.items() if name not in names}


# pylint: disable-next=dangerous-default-value
def judge(facts: dict[str, t.Any] = FACTS, *credentials: Credential) -> Progress:
    return evaluate(
        EVENT, facts, consoles=["console"], credentials=credentials or (raptor(), archiver()), records=["audit_record"]
    )


def test_everything_observed_is_complete() -> None:
    progress = judge()
    assert progress.complete
    assert {checkpoint.grade for checkpoint in progress.checkpoints.values()} == {"observed"}
    assert progress.window() == {
        "notice": "2026-05-19T09:00:00.000000Z",
        "opened": "2026-05-19T09:10:00.000000Z",
        "lockout": AT,
        "ended": "2026-05-19T09:20:00.000000Z",
        "deadline": "2026-05-19T13:00:00.000000Z",
    }


@pytest.mark.parametrize(
    ("missing", "checkpoint"), [("lockout-console", "C1"), ("recheck1-console", "C5"), ("audit_row-audit_record", "C6")]
)
def test_a_missing_fact_is_a_missing_checkpoint(missing: str, checkpoint: str) -> None:
    progress = judge(without(FACTS, missing))
    assert (progress.checkpoints[checkpoint].grade, progress.complete) == ("missing", False)
    assert progress.missing[0].startswith(checkpoint)


@pytest.mark.parametrize(
    ("missing", "checkpoint", "words"),
    [
        ("settled", "C2", "rotate"),
        ("stored", "C2", "store"),
        ("live", "C2", "prove the new one"),
        ("distributed-raptor", "C2", "distribute"),
        ("checked", "C2", "smoke"),
        ("dead", "C2", "prove the old one dead"),
        ("verified-raptor", "C4", "no clean log window with raptor_app"),
    ],
)
def test_a_rotation_is_done_when_every_part_of_it_is(missing: str, checkpoint: str, words: str) -> None:
    progress = judge(FACTS, raptor(without(ROTATED, missing)), archiver())
    assert progress.checkpoints[checkpoint].grade == "missing"
    assert words in progress.checkpoints[checkpoint].detail
    assert not progress.ready_for_audit_row


@pytest.mark.parametrize(
    ("code", "grade"),
    [("proof_inconclusive", "inconclusive"), ("old_credential_alive", "missing"), ("observer_blind", "missing")],
)
def test_an_attempt_that_could_not_tell_is_inconclusive_and_blocks(code: str, grade: str) -> None:
    """C2: that the old one is alive is no doubt but a fact."""
    tried = {"at": AT, "code": code, "message": f"No clear answer. [{code}]"}
    progress = judge(FACTS, raptor({**without(ROTATED, "dead"), "tried1": tried}), archiver())
    assert (progress.checkpoints["C2"].grade, progress.complete) == (grade, False)
    if grade == "inconclusive":
        assert (progress.checkpoints["C2"].at, progress.checkpoints["C2"].detail) == (AT, "No clear answer. [proof_inconclusive]")


def test_what_is_missing_besides_an_inconclusive_proof_is_said() -> None:
    tried = {"at": AT, "code": "proof_inconclusive", "message": "No clear answer."}
    progress = judge(FACTS, raptor({**without(ROTATED, "dead", "checked"), "tried1": tried}), archiver())
    assert (progress.checkpoints["C2"].grade, "smoke" in progress.checkpoints["C2"].detail) == ("missing", True)


def test_sessions_that_nobody_counted_block_as_well() -> None:
    progress = judge(FACTS, raptor({**ROTATED, "dead": {"at": AT, "old_dead": True, "sessions_left": None}}), archiver())
    assert (progress.checkpoints["C2"].grade, progress.complete) == ("inconclusive", False)


def test_what_every_rotation_replaced_must_be_proved_dead() -> None:
    """C2: somebody left, the rotation was cut short, and another one followed for somebody else: the first knew the first URL."""
    cut_short = {"intent": {"at": AT}, "settled": {"at": AT}}
    progress = judge(FACTS, raptor(earlier=(cut_short,)), archiver())
    assert (progress.checkpoints["C2"].grade, progress.credentials["raptor_app"]["old_dead"]) == ("missing", False)
    assert "prove the old one dead" in progress.checkpoints["C2"].detail
    proved = {**cut_short, "dead": {"at": AT, "old_dead": True, "sessions_left": 0}}
    assert judge(FACTS, raptor(earlier=(proved,)), archiver()).complete


def test_a_copy_that_a_rotation_before_has_parked_is_owed_as_well() -> None:
    """2b, I15."""
    parked = {"at": AT, "kind": "ssm", "name": "/raxx/parked", "code": "unreachable"}
    before = {"intent": {"at": AT}, "parked": parked, "dead": ROTATED["dead"]}
    progress = judge(FACTS, raptor(earlier=(before,)), archiver())
    assert progress.debts == [
        {"credential": "raptor_app", "since": AT, "kind": "ssm", "name": "/raxx/parked", "code": "unreachable"}
    ]
    assert progress.checkpoints["C2"].grade == "missing"
    assert judge(FACTS, raptor(earlier=({**before, "unparked": {"at": AT}},)), archiver()).complete


def test_an_old_password_that_was_not_tried_is_inconclusive_and_blocks() -> None:
    facts = {**ROTATED, "dead": {"at": AT, "old_dead": None, "sessions_left": 0}}
    progress = judge(FACTS, raptor(facts), archiver())
    assert (progress.checkpoints["C2"].grade, progress.complete) == ("inconclusive", False)
    assert progress.credentials["raptor_app"]["old_dead"] is False


def test_no_direct_access_is_attested_by_name() -> None:
    progress = judge(FACTS, raptor(), archiver(facts=None, waiver={"by": "olivia@raxx.example", "at": AT}))
    assert progress.checkpoints["C3"].grade == "attested"
    assert "olivia@raxx.example" in progress.checkpoints["C3"].detail
    assert set(progress.credentials["audit_archiver"].values()) == {None}
    assert progress.complete


def test_no_console_account_is_attested_too() -> None:
    facts = {**FACTS, "lockout-console": {"at": AT, "account": False, "by": "olivia@raxx.example"}}
    assert judge(facts).checkpoints["C1"].grade == "attested"


def test_the_lock_out_says_what_it_removed_and_what_was_gone_already() -> None:
    """1a, 1b: what somebody else took away between the opening and step 1 is not our removal."""

    def said(**more: t.Any) -> str:
        return judge({**FACTS, "lockout-console": {**FACTS["lockout-console"], **more}}).checkpoints["C1"].detail

    assert said() == "removed from support; sessions ended: 2; none left"
    assert said(removed=[], ended=[]) == "already gone: support, 2 sessions; none left"
    assert said(removed=[], ended=[2]) == "removed from no group; sessions ended: 1; already gone: support, 1 session; none left"
    assert said(removed=["support", "later"]) == "removed from support, later; sessions ended: 2; none left"
    # Who continues a killed run finds nothing.
    assert said(removed=[], ended=[], continued=True) == said()


def test_the_lock_out_of_several_consoles_is_told_of_each_by_its_own_facts() -> None:
    before = {
        "memberships": [{"group": "support", "console": "eu"}, {"group": "support", "console": "us"}],
        "sessions": [{"id": 1, "console": "eu"}],
    }
    facts = {
        **FACTS,
        "before": before,
        "lockout-a": {"at": AT, "app": "eu", "removed": ["support"], "ended": [1]},
        "lockout-b": {"at": AT, "app": "us", "removed": [], "ended": []},
    }
    progress = evaluate(EVENT, facts, consoles=["a", "b"], credentials=[], records=[])
    assert progress.checkpoints["C1"].detail == "removed from support; sessions ended: 1; already gone: support; none left"


def test_a_person_who_had_nothing_was_removed_from_nothing() -> None:
    facts = {**FACTS, "before": {}, "lockout-console": {"at": AT, "account": True, "removed": [], "ended": []}}
    said = "no group membership and no session was found when the event was opened; none is there"
    assert judge(facts).checkpoints["C1"].detail == said


def test_the_row_needs_c5_and_the_ticket_needs_the_row() -> None:
    """I9."""
    before = judge(without(FACTS, "recheck1-console", "audit_row-audit_record", "closed"))
    assert (before.ready_for_recheck, before.ready_for_audit_row) == (True, False)
    ready = judge(without(FACTS, "audit_row-audit_record", "closed"))
    assert (ready.ready_for_audit_row, ready.ready_to_close) == (True, False)
    assert judge(without(FACTS, "closed")).ready_to_close


def test_without_any_credential_nothing_is_claimed() -> None:
    progress = evaluate(EVENT, FACTS, consoles=["console"], credentials=[], records=["audit_record"])
    assert [progress.checkpoints[name].grade for name in ("C2", "C3", "C4")] == ["missing"] * 3


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("2026-05-19T09:30:00Z", "0:30:00 since the notice, 3:30:00 left"),
        ("2026-05-19T13:00:01Z", "4:00:01 since the notice, OVERDUE by 0:00:01"),
    ],
)
def test_the_checklist_counts_from_the_notice(now: str, words: str) -> None:
    lines = checklist(judge(without(FACTS, "closed", "recheck1-console")), parse(now))
    assert words in lines[0]
    assert [line[:3] for line in lines[1:]] == ["[x]", "[x]", "[x]", "[x]", "[ ]", "[x]", "[ ]"]


def test_a_closed_event_shows_the_time_it_took() -> None:
    assert "0:20:00 from notice to close" in checklist(judge(), datetime.max.replace(tzinfo=NOTICE.tzinfo))[0]


def test_each_console_app_and_record_must_have_its_own_facts() -> None:
    """A second app or console is one more entry in the inventory, and one more thing to be proved."""
    more = Credential("raptor_app", 2, ROTATED, checks=("smoke",), consumers=("raptor", "other"))
    progress = evaluate(
        EVENT, FACTS, consoles=["console", "second"], credentials=[more, archiver()], records=["audit_record", "x"]
    )
    assert progress.undone == ["C1", "C2", "C4", "C5", "C6"]
    assert "second" in progress.checkpoints["C1"].detail


def test_a_rotation_counts_more_than_a_waiver() -> None:
    """Who says afterwards that step 3 was not needed does not undo what is half done."""
    waiver = {"by": "olivia@raxx.example", "at": AT}
    progress = judge(FACTS, raptor(), archiver(facts=without(ROTATED, "checked"), waiver=waiver, waived_now=True))
    assert progress.checkpoints["C3"].grade == "missing"


def test_the_last_look_must_come_last() -> None:
    """I6: sessions that were looked for before the lock-out was finished prove nothing."""
    early = {**FACTS, "recheck1-console": {"at": "2026-05-19T09:14:00Z", "ended": 0}}
    assert (judge(early).checkpoints["C5"].grade, judge(early).complete) == ("inconclusive", False)


def test_what_came_back_is_told() -> None:
    facts = {**FACTS, "recheck1-console": {"at": AT, "ended": 2, "removed": 1}}
    assert "3 new ones" in judge(facts).checkpoints["C5"].detail
    # Also what an earlier look has found, whose run did not come to the end.
    again = {**facts, "recheck2-console": {"at": AT, "ended": 0}, "recheck2-other": {"at": AT, "ended": 9}}
    assert "3 new ones" in judge(again).checkpoints["C5"].detail


def test_a_parked_url_is_a_debt_until_the_store_has_it_and_the_copy_is_gone() -> None:
    """2b, I1, I15."""
    parked = {"at": AT, "kind": "ssm", "name": "/raxx/URL", "code": "unreachable", "reason": "No answer."}
    owing = judge(FACTS, raptor({**without(ROTATED, "stored"), "parked": parked}), archiver())
    assert owing.checkpoints["C2"].grade == "missing"
    assert "parked in ssm /raxx/URL for unreachable" in owing.checkpoints["C2"].detail
    assert owing.debts == [{"credential": "raptor_app", "since": AT, "kind": "ssm", "name": "/raxx/URL", "code": "unreachable"}]
    half = judge(FACTS, raptor({**ROTATED, "parked": parked}), archiver())
    assert (half.checkpoints["C2"].grade, len(half.debts)) == ("missing", 1)
    paid = judge(FACTS, raptor({**ROTATED, "parked": parked, "unparked": {"at": AT}}), archiver())
    assert (paid.complete, paid.debts) == (True, [])


def test_an_app_on_the_owners_credential_keeps_an_open_event_open() -> None:
    """E6. What was finished before is finished; an app that has nothing to do with the event does not matter."""
    owed = {"app": "raptor", "at": AT, "by": "olivia@raxx.example"}
    still_open = without(FACTS, "closed")
    known: dict[str, t.Any] = {"consoles": ["console"], "credentials": [raptor(), archiver()], "records": ["audit_record"]}
    progress = evaluate(EVENT, still_open, **known, separation_debts={"raptor": owed})
    assert (progress.checkpoints["C4"].grade, progress.ready_to_close) == ("missing", False)
    assert progress.debts == [{"app": "raptor", "kind": "role_separation", "since": AT, "by": "olivia@raxx.example"}]
    assert evaluate(EVENT, still_open, **known, separation_debts={"other": owed}).ready_to_close
    finished = evaluate(EVENT, FACTS, **known, separation_debts={"raptor": owed})
    assert (finished.complete, finished.debts) == (True, [])


def test_only_the_last_look_counts() -> None:
    """What comes after a look, for example another rotation, calls for another one."""
    early = {"at": "2026-05-19T09:14:00Z", "ended": 0}
    assert judge({**FACTS, "recheck1-console": early, "recheck2-console": {"at": AT, "ended": 0}}).complete


def test_a_look_never_gets_the_number_of_another_one() -> None:
    """Facts are written once: of two consoles, one may have been looked at more often than the other."""
    assert next_look({}) == 1
    assert next_look({"recheck1-console": {}, "lockout-console": {}}) == 2
    assert next_look({"recheck1-a": {}, "recheck2-a": {}, "recheck1-b": {}}) == 3
