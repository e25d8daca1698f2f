# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""_record and _claims: what is claimed, each with one grade, from the facts alone (I6, I12)."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _record
from ansible_collections.raxx.deprovision.plugins.module_utils._event_journal import Covering, journal
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import canonical
from ansible_collections.raxx.deprovision.plugins.module_utils._record import build
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

from .bundle_world import CLOSING, EVENT, EVENT_FACTS, OPERATOR, PLANNED, ROTATED, Facts, at, case, without


def claims(*arguments: t.Any, **more: t.Any) -> dict[str, Facts]:
    return {claim["id"]: claim for claim in build(case(*arguments, **more))["claims"]}


def changed(name: str, **more: t.Any) -> Facts:
    return {**EVENT_FACTS, name: {**EVENT_FACTS[name], **more}}


def test_a_whole_departure_claims_each_thing_once_and_with_its_grade() -> None:
    """S1, S2, E4, 1a, 1b, 2a, 2b, 2c, 2d, 3a, 3b, 3c, 4, 5, 6, 7: what was done, and what is not covered."""
    found = claims()
    assert {name: (claim["grade"], claim["result"]) for name, claim in found.items()} == {
        "1a/console": ("observed", "removed"),
        "1b/console": ("observed", "removed"),
        "2a/raptor_app": ("observed", "rotated"),
        "2b/raptor_app": ("observed", "stored"),
        "2.live/raptor_app": ("observed", "new one works"),
        "2c/raptor_app@raptor": ("observed", "handed out"),
        "2d/raptor_app": ("observed", "checks passed"),
        "2.dead/raptor_app": ("observed", "old one refused"),
        "2.sessions/raptor_app": ("observed", "no old session left"),
        "4/raptor_app@raptor": ("observed", "clean"),
        "3a/audit_archiver": ("attested", "not needed"),
        "3b/audit_archiver": ("attested", "not needed"),
        "3.live/audit_archiver": ("attested", "not needed"),
        "3c/audit_archiver@raptor": ("attested", "not needed"),
        "3.dead/audit_archiver": ("attested", "not needed"),
        "3.sessions/audit_archiver": ("attested", "not needed"),
        "4/audit_archiver@raptor": ("attested", "not needed"),
        "5/console": ("observed", "none left"),
        "6/audit_record": ("observed", "written"),
        "7": ("observed", "ticket closed"),
        "7.keys": ("acknowledged", "keys destroyed"),
        "S2": ("observed", "in time"),
        "E4": ("not covered", "not covered"),
        "S1": ("not covered", "not covered"),
        "approval": ("not covered", "not covered"),
    }
    assert found["3a/audit_archiver"]["by"] == OPERATOR
    assert found["2.dead/raptor_app"]["sources"] == ["credentials/raptor_app/0003/dead"]


def test_an_approval_is_what_the_operator_states_of_somebody_else() -> None:
    claim = claims({**EVENT_FACTS, **PLANNED})["approval"]
    assert (claim["grade"], claim["result"], claim["by"]) == ("attested", "approved", "priya.patel@raxx.example")
    assert claim["detail"] == f"stated by {OPERATOR}; plan {'ab' * 32}"
    own = {**PLANNED, "approved": {**PLANNED["approved"], "by": OPERATOR}}
    claim = claims({**EVENT_FACTS, **own})["approval"]
    assert (claim["grade"], claim["result"]) == ("attested", "approved by the operator")


def test_the_record_names_the_plan_and_who_approved_it() -> None:
    found = build(case({**EVENT_FACTS, **PLANNED}))
    assert (found["plan"], found["approval"]) == (PLANNED["planned"], PLANNED["approved"])
    said = [entry["what"] for entry in found["timeline"]]
    assert f"plan {'ab' * 32} made" in said
    assert "approved by priya.patel@raxx.example, as olivia.osei@raxx.example stated" in said
    assert (build(case())["plan"], build(case())["approval"]) == (None, None)


def test_every_source_of_a_claim_is_a_record_of_the_journal() -> None:
    whole = case()
    known = {record["fact"] for record in whole.journal.records} | {"event/waiver-audit_archiver"}
    assert {source for claim in build(whole)["claims"] for source in claim["sources"]} <= known


def test_what_was_gone_already_is_not_called_removed() -> None:
    """Somebody else took the group away between the list and step 1 of the same run."""
    found = build(case(changed("lockout-console", removed=["support"])))
    outcomes = {item["name"]: item["outcome"] for item in found["population"]["items"]}
    assert outcomes == {"audit-reader": "already gone", "support": "removed", "7": "removed"}
    claim = next(claim for claim in found["claims"] if claim["id"] == "1a/console")
    assert "already gone audit-reader" in claim["detail"]


def test_an_old_credential_that_was_tried_in_vain_is_inconclusive_with_the_reason() -> None:
    """2d: the last attempt is told, until one proves it."""
    tried = {"at": at(20), "code": "proof_inconclusive", "message": "The server was full."}
    open_still = {**without(ROTATED, "dead"), "tried1": {**tried, "at": at(18), "message": "No answer."}, "tried2": tried}
    claim = claims(EVENT_FACTS, open_still, closing={})["2.dead/raptor_app"]
    assert (claim["grade"], claim["detail"], claim["at"]) == ("inconclusive", "The server was full.", at(20))
    assert claim["sources"] == ["credentials/raptor_app/0003/tried2"]
    alive = {**tried, "code": "old_credential_alive", "message": "It still logs in."}
    claim = claims(EVENT_FACTS, {**open_still, "tried2": alive}, closing={})["2.dead/raptor_app"]
    assert (claim["grade"], claim["result"]) == ("missing", "not dead")
    assert claims(EVENT_FACTS, {**ROTATED, "tried1": tried})["2.dead/raptor_app"]["grade"] == "observed"


def test_the_proofs_of_all_rotations_are_one_claim() -> None:
    """2d: the person may have known what any of them replaced."""
    before = {"intent": ROTATED["intent"], "settled": ROTATED["settled"]}
    assert claims(EVENT_FACTS, ROTATED, closing={}, earlier=[before])["2.dead/raptor_app"]["grade"] == "missing"
    proved = {**before, "dead": {**ROTATED["dead"], "at": at(19), "sessions_ended": 1}}
    found = build(case(EVENT_FACTS, ROTATED, earlier=[proved]))
    dead = next(claim for claim in found["claims"] if claim["id"] == "2.dead/raptor_app")
    assert (dead["grade"], dead["at"]) == ("observed", at(19))
    assert dead["sources"] == ["credentials/raptor_app/0002/dead", "credentials/raptor_app/0003/dead"]
    sessions = next(claim for claim in found["claims"] if claim["id"] == "2.sessions/raptor_app")
    assert sessions["detail"] == "old sessions: ended 3, left 0"
    assert [proof["rotation"] for proof in found["proofs"]] == [2, 3]


def test_what_a_killed_run_had_removed_is_removed() -> None:
    """I12: the run that continues it finds nothing, and claims the same."""
    continued = build(case(changed("lockout-console", removed=[], ended=[], continued=True)))
    unbroken = build(case())
    assert continued["claims"] == unbroken["claims"]
    assert continued["population"] == unbroken["population"]


def test_a_person_who_had_nothing_is_said_to_have_had_nothing() -> None:
    facts = {**changed("lockout-console", removed=[], ended=[]), "before": {}}
    assert claims(facts)["1a/console"]["result"] == "nothing to remove"


def test_a_person_without_an_account_is_attested() -> None:
    claim = claims(changed("lockout-console", account=False))["1b/console"]
    assert (claim["grade"], claim["by"], claim["result"]) == ("attested", OPERATOR, "no account")


@pytest.mark.parametrize(
    ("rotated", "claim", "grade"),
    [
        ({**ROTATED, "dead": {**ROTATED["dead"], "old_dead": None}}, "2.dead/raptor_app", "inconclusive"),
        ({**ROTATED, "dead": {**ROTATED["dead"], "sessions_left": None}}, "2.sessions/raptor_app", "inconclusive"),
        (without(ROTATED, "stored"), "2b/raptor_app", "missing"),
        (without(ROTATED, "verified-raptor"), "4/raptor_app@raptor", "missing"),
        (None, "2a/raptor_app", "missing"),
    ],
)
def test_what_is_not_proved_is_not_claimed(rotated: Facts | None, claim: str, grade: str) -> None:
    record = build(case(EVENT_FACTS, rotated, closing={}))
    found = {item["id"]: item for item in record["claims"]}
    assert (found[claim]["grade"], record["result"]) == (grade, "incomplete")
    step = next(step for step in record["steps"] if step["id"] == found[claim]["step"])
    assert step["grade"] == grade


def test_a_parked_secret_is_open_and_its_debt_a_claim_of_its_own() -> None:
    parked = {"at": at(15), "kind": "ssm", "name": "/raxx/test/PARKED", "code": "unreachable", "reason": "No answer."}
    rotated = {**without(ROTATED, "stored"), "parked": parked}
    found = claims(EVENT_FACTS, rotated, closing={})
    assert (found["2b/raptor_app"]["result"], found["2b.unparked/raptor_app"]["grade"]) == ("parked", "missing")
    assert build(case(EVENT_FACTS, rotated, closing={}))["debts"][0]["name"] == "/raxx/test/PARKED"


def test_a_gap_that_was_accepted_is_waived_by_name_and_until_a_day_and_completes_nothing() -> None:
    waiver = {"at": at(40), "by": "ciso@raxx.example", "until": "2026-06-01T00:00:00Z", "reason": "the vault is being moved"}
    facts = {**EVENT_FACTS, "waived-2b-raptor_app": waiver}
    record = build(case(facts, without(ROTATED, "stored"), closing={}))
    claim = next(claim for claim in record["claims"] if claim["id"] == "2b/raptor_app")
    assert (claim["grade"], claim["by"], claim["until"]) == ("waived", "ciso@raxx.example", "2026-06-01T00:00:00Z")
    assert record["result"] == "incomplete"


def test_a_waiver_that_has_ended_or_is_nobody_s_counts_no_more() -> None:
    for waiver in ({"by": "ciso@raxx.example", "until": at(1)}, {"until": "2027-01-01T00:00:00Z"}):
        facts = {**EVENT_FACTS, "waived-2b-raptor_app": {"at": at(0), **waiver}}
        assert claims(facts, without(ROTATED, "stored"), closing={})["2b/raptor_app"]["grade"] == "missing"


@pytest.mark.parametrize(
    ("until", "now", "grade"),
    [
        ("2026-05-19", "2026-05-19T23:59:59Z", "waived"),
        ("2026-05-19", "2026-05-20T00:00:00Z", "missing"),
        ("2026-05-20T02:00:00+02:00", "2026-05-19T23:59:59Z", "waived"),
        ("2026-05-20T02:00:00+02:00", "2026-05-20T00:00:00Z", "missing"),
        ("the summer", "2026-05-19T10:00:00Z", "missing"),
        ("2026-02-30", "2026-01-01T10:00:00Z", "missing"),
        ("2026-06-01T12:00:00", "2026-05-19T10:00:00Z", "missing"),
    ],
)
def test_a_waiver_holds_until_the_end_of_its_day_and_what_is_no_time_accepts_nothing(until: str, now: str, grade: str) -> None:
    """A fact cannot be corrected: whatever stands in it, the evidence is still made."""
    waiver = {"at": at(1), "by": "ciso@raxx.example", "until": until, "reason": "the vault is being moved"}
    facts = {**EVENT_FACTS, "waived-2b-raptor_app": waiver}
    record = build(replace(case(facts, without(ROTATED, "stored"), closing={}), now=parse(now)))
    claim = next(claim for claim in record["claims"] if claim["id"] == "2b/raptor_app")
    assert claim["grade"] == grade
    assert (f"until {until}: no longer" in claim["detail"]) == (grade == "missing")


def test_a_waiver_takes_nothing_from_what_is_proved() -> None:
    waiver = {"at": at(40), "by": "ciso@raxx.example", "until": "2026-06-01T00:00:00Z"}
    assert claims({**EVENT_FACTS, "waived-2b-raptor_app": waiver})["2b/raptor_app"]["grade"] == "observed"


def test_a_step_that_is_open_has_no_time_though_a_part_of_it_has() -> None:
    """Step 4 of what was stated to be not needed was settled at the opening; the other credential's is still to come."""
    whole = build(case(without(EVENT_FACTS, "recheck1-console"), {"intent": ROTATED["intent"]}, closing={}))
    step = next(step for step in whole["steps"] if step["id"] == "4")
    assert (step["grade"], step["at"]) == ("missing", None)
    phase = next(phase for phase in whole["phases"] if phase["step"] == "5")
    assert phase["begun"] is None, "step 5 begins when what it follows is done"


def test_an_ended_session_is_not_read_as_a_number_of_sessions() -> None:
    found = claims(changed("lockout-console", ended=[7, 9]))
    assert found["1b/console"]["detail"] == "ended sessions 7, 9"
    assert claims()["1b/console"]["detail"] == "ended session 7"


def test_an_overdue_event_says_so() -> None:
    closing = {**CLOSING, "closed": {**CLOSING["closed"], "at": "2026-05-19T13:00:01.000000Z"}}
    record = build(case(closing=closing))
    assert record["timeliness"]["overdue"] is True
    assert record["timeliness"]["end_seconds"] == 4 * 3600 + 1
    claim = next(claim for claim in record["claims"] if claim["id"] == "S2")
    # The statement is one that holds either way.
    assert (claim["grade"], claim["result"]) == ("observed", "overdue")
    assert claim["statement"] == claims()["S2"]["statement"] == "Time from the notice to the end, against four hours (S2)"


def test_the_record_is_plain_json_and_its_times_are_in_order() -> None:
    record = build(case())
    assert canonical(json.loads(json.dumps(record))) == canonical(record)
    assert record["timeline"][0]["what"] == "notice of the departure"
    assert [entry["at"] for entry in record["timeline"]] == sorted(entry["at"] for entry in record["timeline"])
    for span in (*record["steps"], *record["phases"]):
        assert not (span["begun"] and span["ended"]) or span["begun"] <= span["ended"]
    assert "?" not in json.dumps([entry["what"] for entry in record["timeline"]])


def test_the_listings_carry_their_rows_and_where_they_come_from() -> None:
    population = build(case())["population"]
    assert [(entry["kind"], entry["rows"], len(entry["content"])) for entry in population["before"]] == [
        ("memberships", 2, 2),
        ("sessions", 1, 1),
    ]
    assert [(entry["kind"], entry["content"]) for entry in population["after"]] == [("memberships", []), ("sessions", [])]
    assert population["before"][0]["asked_by"] == {"role": "owner", "operator": OPERATOR}


# -- the journal of an event


def test_the_journal_begins_with_the_opening_and_ends_with_the_closing() -> None:
    names = [record["fact"] for record in case().journal.records]
    assert names[:2] == ["event/opened", "event/before"]
    assert names[-3:] == ["event/sealed", "event/audit_row-audit_record", "event/closed"]
    assert len(names) == len(EVENT_FACTS) + len(ROTATED) + 3


def test_what_happens_to_a_rotation_later_does_not_change_the_journal_of_a_closed_event() -> None:
    whole = case()
    later = {**ROTATED, "distributed-second": {"at": at(50), "release": 9}}
    assert journal(EVENT, whole.facts, [Covering("raptor_app", 3, later)]) == whole.journal


def test_a_fact_that_was_sealed_is_kept_though_the_clock_of_its_machine_was_fast() -> None:
    """Another machine proved the app; its clock was an hour ahead of the one that sealed and closed the event."""
    whole = case(rotated={**ROTATED, "verified-raptor": {**ROTATED["verified-raptor"], "at": "2026-05-19T10:28:00.000000Z"}})
    assert "credentials/raptor_app/0003/verified-raptor" in whole.journal.sealed["order"]
    assert (whole.journal.intact, whole.journal.lost) == (True, [])


def test_what_was_sealed_is_rendered_with_the_version_that_sealed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """I12: a colleague may have upgraded meanwhile."""
    sealed, open_still = case(), case(closing={})
    before = build(sealed)
    monkeypatch.setattr(_record, "VERSION", "9.9.9")
    assert build(sealed) == before
    assert before["collection"] == sealed.journal.sealed["collection"]
    assert build(open_still)["collection"] == "9.9.9"


def test_an_edit_of_the_ledger_after_the_seal_is_noticed() -> None:
    whole = case()
    assert whole.journal.intact
    for facts in (
        {**whole.facts, "lockout-console": {**whole.facts["lockout-console"], "by": "somebody.else@raxx.example"}},
        without(whole.facts, "recheck1-console"),
    ):
        found = journal(EVENT, facts, whole.rotations)
        assert not found.intact
    assert found.lost == ["event/recheck1-console"]


def test_a_fact_after_the_seal_is_chained_to_the_end() -> None:
    whole = case()
    more = {**without(whole.facts, "closed"), "recheck2-console": {**EVENT_FACTS["recheck1-console"], "at": at(5)}}
    found = journal(EVENT, more, whole.rotations)
    assert found.intact
    assert found.records[: len(found.sealed["order"])] == whole.journal.records[: len(found.sealed["order"])]


def test_a_number_that_is_no_whole_number_becomes_text() -> None:
    facts = {**EVENT_FACTS, "lockout-console": {**EVENT_FACTS["lockout-console"], "waited": 1.5}}
    records = journal(EVENT, facts, []).records
    assert next(record["value"]["waited"] for record in records if record["fact"] == "event/lockout-console") == "1.5"


def test_an_event_begins_with_its_opening_whatever_an_earlier_run_has_noted() -> None:
    """I12. A run that came no further than to note its plan leaves that to the one that opens the event."""
    facts = {**EVENT_FACTS, "planned": {**PLANNED["planned"], "at": "2026-05-19T08:00:00Z"}}
    order = [record["fact"] for record in journal(EVENT, without(facts, "sealed"), []).records]
    assert order[:3] == ["event/opened", "event/before", "event/planned"]
