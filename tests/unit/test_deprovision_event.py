# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_event (P4, P5, S2): one open event a person, whatever the date; facts are written once."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import SsmClient

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, lose_answer, note, parameters

NOTICE = "2026-05-19T09:00:00.000000Z"
PERSON = {"email": EMAIL, "memberships": [{"group": "audit-reader"}], "sessions": []}


def close(run_main: ModuleRunner, event: dict[str, t.Any]) -> None:
    assert note(run_main, event["event"], {"closed": {"rotations": {}}}, event["email"])["changed"] is True


def test_the_window_runs_from_the_notice(run_main: ModuleRunner, store: t.Any) -> None:
    outcome = run_main("deprovision_event", {**EVENT, "notice": NOTICE, "people": [PERSON]})
    event = outcome.result["events"][0]
    assert outcome.result["changed"] is True
    assert event["event"] == f"DEPROV-{event['opened'][:10]}-jordan.smith"
    assert (event["notice"], event["deadline"]) == (NOTICE, "2026-05-19T13:00:00.000000Z")
    assert event["facts"]["before"]["memberships"] == [{"group": "audit-reader"}]
    assert outcome.result["since"] == event["opened"]


def test_a_second_run_continues_the_open_event(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_event", {**EVENT, "people": [PERSON]}).result["events"][0]
    kept = parameters(store)
    second = run_main("deprovision_event", {**EVENT, "emails": [EMAIL.upper()], "operator": "mateo.garcia@raxx.example"})
    assert second.result["changed"] is False
    assert second.result["events"][0]["opened"] == first["opened"]
    assert second.result["events"][0]["operator"] == OPERATOR
    assert parameters(store) == kept


def test_a_run_that_continues_a_lock_out_knows_that_it_was_begun(run_main: ModuleRunner, store: t.Any) -> None:
    """1a, I12: what is gone by then may have been removed by the earlier run; where none had begun, it was gone already."""
    opened = run_main("deprovision_event", EVENT).result["events"][0]
    assert (opened["opened_now"], opened["locking_before"]) == (True, [])
    locking = {**EVENT, "consoles": ["console"]}
    first = run_main("deprovision_event", locking).result["events"][0]
    assert (first["opened_now"], first["locking_before"], "locking-console" in first["facts"]) == (False, [], True)
    second = run_main("deprovision_event", locking)
    assert (second.result["changed"], second.result["events"][0]["locking_before"]) == (False, ["console"])


def test_without_a_lease_only_what_is_closed_is_read(run_main: ModuleRunner, store: t.Any) -> None:
    """I3. Another run may have opened an event since this one saw that all of them are closed, and took no lease."""
    without = {**EVENT, "leased": False}
    assert run_main("deprovision_event", without).code == "run_in_progress"
    assert parameters(store) == {}
    event = run_main("deprovision_event", EVENT).result["events"][0]
    refused = run_main("deprovision_event", without)
    assert refused.code == "run_in_progress"
    assert event["event"] in refused.result["msg"]
    assert run_main("deprovision_event", without, check=True).result["events"][0]["closed"] is False
    close(run_main, event)
    closed = run_main("deprovision_event", without).result
    assert (closed["changed"], closed["events"][0]["closed"], closed["since"]) == (False, True, None)


def test_an_event_that_was_claimed_and_not_opened_is_opened_by_the_next_run(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I12. What the first of two runs has noted stands. It may have locked the person out without a ledger after that."""
    create = SsmClient.create

    def dying(client: SsmClient, name: str, value: str, *, secure: bool = False) -> bool:
        if name.endswith("/opened"):
            raise DeprovisionError("unreachable", "It is away.")
        return create(client, name, value, secure=secure)

    locking = {**EVENT, "consoles": ["console"], "waivers": ["raptor_app"]}
    with monkeypatch.context() as patch:
        patch.setattr(SsmClient, "create", dying)
        assert run_main("deprovision_event", {**locking, "people": [PERSON]}).code == "unreachable"
    listed = run_main("deprovision_events", {"ledger_prefix": PREFIX}).result
    assert (listed["events"], len(listed["unopened"]), listed["opening_missing"]) == ([], 1, [])
    again = {**EVENT, "consoles": ["console"], "people": [{"email": EMAIL, "memberships": []}]}
    event = run_main("deprovision_event", again).result["events"][0]
    assert event["facts"]["before"]["memberships"] == PERSON["memberships"]
    assert set(event["facts"]) == {"before", "waiver-raptor_app", "locking-console", "opened"}
    assert (event["opened_now"], event["locking_before"]) == (True, ["console"])
    assert event["event"].endswith("-jordan.smith")


def test_check_mode_writes_no_fact(run_main: ModuleRunner, store: t.Any) -> None:
    outcome = run_main("deprovision_event", {**EVENT, "people": [PERSON]}, check=True)
    assert (outcome.result["changed"], outcome.result["events"][0]["opened_now"]) == (True, True)
    assert outcome.result["events"][0]["present"] == PERSON
    assert parameters(store) == {}


def test_a_closed_event_is_returned_unless_a_new_one_is_asked_for(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_event", EVENT).result["events"][0]
    close(run_main, first)
    again = run_main("deprovision_event", EVENT)
    assert (again.result["changed"], again.result["events"][0]["closed"]) == (False, True)
    new = run_main("deprovision_event", {**EVENT, "new_event": True})
    assert new.result["events"][0]["event"] == first["event"] + "-2"
    assert new.result["events"][0]["closed"] is False


PLAN = "ab" * 32
APPROVER = "priya.patel@raxx.example"


def test_the_plan_and_who_approved_it_are_written_once(run_main: ModuleRunner, store: t.Any) -> None:
    given = {**EVENT, "plan": PLAN, "held_to_plan": True, "approved_by": APPROVER.title()}
    facts = run_main("deprovision_event", given).result["events"][0]["facts"]
    opened = facts["opened"]["opened"]
    assert facts["planned"] == {"at": opened, "by": OPERATOR, "digest": PLAN, "held": True}
    assert facts["approved"] == {"at": opened, "by": APPROVER, "digest": PLAN, "stated_by": OPERATOR}
    kept = parameters(store)
    again = run_main("deprovision_event", {**given, "plan": "cd" * 32, "held_to_plan": False, "approved_by": "bob@raxx.example"})
    assert (again.result["changed"], parameters(store)) == (False, kept)
    assert again.result["events"][0]["facts"] == facts


def test_an_approval_that_comes_with_a_later_run_is_still_written(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_event", {**EVENT, "plan": PLAN}).result["events"][0]["facts"]
    assert (first["planned"]["held"], "approved" in first) == (False, False)
    outcome = run_main("deprovision_event", {**EVENT, "plan": "cd" * 32, "approved_by": APPROVER})
    facts = outcome.result["events"][0]["facts"]
    assert outcome.result["changed"] is True
    assert (facts["planned"]["digest"], facts["approved"]["digest"]) == (PLAN, "cd" * 32)


@pytest.mark.parametrize("approver", ["yes", EMAIL.upper()])
def test_neither_the_leaver_nor_nobody_can_approve(run_main: ModuleRunner, store: t.Any, approver: str) -> None:
    outcome = run_main("deprovision_event", {**EVENT, "approved_by": approver})
    assert outcome.code == "invalid_input"
    assert parameters(store) == {}


def test_two_people_with_one_prefix_get_two_events(run_main: ModuleRunner, store: t.Any) -> None:
    """They are opened at the same time; whoever comes first, the ids are those that a check run tells."""
    emails = ["jordan.smith@raxx.example", *(f"jordan.smith@{number}.example" for number in range(2, 9))]
    first, *others = run_main("deprovision_event", {**EVENT, "emails": emails}).result["events"]
    assert [event["event"] for event in others] == [f"{first['event']}-{number}" for number in range(2, 9)]


def test_two_people_with_one_prefix_are_told_apart_before_there_is_an_event(run_main: ModuleRunner, store: t.Any) -> None:
    emails = ["jordan.smith@raxx.example", "priya.patel@raxx.example", "jordan.smith@contractor.example"]
    for outcome in (
        run_main("deprovision_event", {**EVENT, "emails": emails}, check=True),
        run_main("deprovision_event", {**EVENT, "emails": emails, "recorded": False}),
    ):
        first, _other, second = outcome.result["events"]
        assert second["event"] == first["event"] + "-2"


def test_without_a_ledger_the_event_is_made_up(run_main: ModuleRunner) -> None:
    """An outage of AWS must not delay the lock-out."""
    outcome = run_main("deprovision_event", {**EVENT, "recorded": False})
    assert (outcome.result["changed"], outcome.result["events"][0]["email"]) == (False, EMAIL)


@pytest.mark.parametrize("number", range(4))
def test_one_lost_answer_does_not_cost_the_event(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """I12: the person would be locked out without it, and what they had would be on no record."""
    tried = lose_answer(monkeypatch, number)
    event = run_main("deprovision_event", {**EVENT, "people": [PERSON], "plan": PLAN}).result["events"][0]
    assert len(tried) == 5
    assert (event["facts"]["before"], event["facts"]["planned"]["digest"]) == (PERSON, PLAN)
    assert len(parameters(store)) == 4


def test_a_long_listing_is_kept_whole(run_main: ModuleRunner, store: t.Any) -> None:
    """A parameter holds 4096 bytes; SSM refuses two opening braces in a row."""
    sessions = [{"id": number, "user_agent": "Mozilla {{ é " + "x" * 150} for number in range(60)]
    run_main("deprovision_event", {**EVENT, "people": [{**PERSON, "sessions": sessions}]})
    facts = run_main("deprovision_event", EVENT).result["events"][0]["facts"]
    assert facts["before"]["sessions"] == sessions
    assert max(len(value) for value in parameters(store).values()) <= 4096
    assert not any("{{" in value for value in parameters(store).values())


@pytest.mark.parametrize(
    "email",
    ["", "jordan", "jordan@", "@raxx.example", "jordan@raxx", "jor dan@raxx.example", "o'hara@raxx.example", 'a"b@raxx.example',
     "100%@raxx.example", "a@b@raxx.example", "jordan@raxx.example\n", "-x@raxx.example", "x" * 10_000 + "@raxx.example",
     "jordan@raxx.example; DROP TABLE admins", "{{ 1 + 1 }}@raxx.example", "jördan@raxx.example"],
)  # fmt: skip
def test_what_is_not_an_address_is_refused(run_main: ModuleRunner, store: t.Any, email: str) -> None:
    assert run_main("deprovision_event", {**EVENT, "emails": [email]}).code == "invalid_input"
    assert parameters(store) == {}


@pytest.mark.parametrize("recorded", [True, False])
def test_an_event_that_nobody_answers_for_is_refused(run_main: ModuleRunner, store: t.Any, recorded: bool) -> None:
    """P2: who opened it is written once, and an empty name would stay for ever."""
    outcome = run_main("deprovision_event", {**EVENT, "operator": "", "recorded": recorded})
    assert outcome.code == "invalid_input"
    assert "-e operator=" in outcome.result["msg"]
    assert parameters(store) == {}


@pytest.mark.parametrize("notice", ["yesterday", "2026-05-19", "2026-05-19T09:00:00", "2026-13-19T09:00:00Z"])
def test_a_notice_without_a_clear_time_is_refused(run_main: ModuleRunner, store: t.Any, notice: str) -> None:
    assert run_main("deprovision_event", {**EVENT, "notice": notice}).code == "invalid_input"


def test_another_notice_for_an_open_event_is_refused(run_main: ModuleRunner, store: t.Any) -> None:
    """The window is part of the evidence; what is recorded cannot be put right silently."""
    run_main("deprovision_event", {**EVENT, "notice": NOTICE})
    assert run_main("deprovision_event", {**EVENT, "notice": "2026-05-19T11:00:00+02:00"}).result["changed"] is False
    assert run_main("deprovision_event", {**EVENT, "notice": "2026-05-19T08:00:00Z"}).code == "invalid_input"


def test_check_mode_names_a_new_event_as_a_real_run_would(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_event", EVENT).result["events"][0]
    close(run_main, first)
    planned = run_main("deprovision_event", {**EVENT, "new_event": True}, check=True).result["events"][0]
    assert planned["event"] == run_main("deprovision_event", {**EVENT, "new_event": True}).result["events"][0]["event"]


def test_parts_that_a_dead_run_has_left_are_not_mixed_with_others(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"id": number, "user_agent": "x" * 150} for number in range(60)]
    for person in ({**PERSON, "sessions": many}, {**PERSON, "sessions": many[::-1]}):
        run_main("deprovision_event", {**EVENT, "people": [person]})
        for name in [name for name in parameters(store) if name.endswith(("/opened", "/before"))][
            : 2 if person["sessions"] == many else 0
        ]:
            store.delete_parameter(Name=PREFIX + name)
    facts = run_main("deprovision_event", EVENT).result["events"][0]["facts"]
    assert facts["before"]["sessions"] == many[::-1]
