# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plays tell each other: who looks after which app, which values go where."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.raxx.deprovision.plugins.module_utils import _run_data

ROOT = Path(__file__).parents[2]
GROUPS = {
    "consoles": ["console"],
    "credentials": ["raptor_app", "audit_archiver"],
    "apps": ["raptor", "other"],
    "records": ["audit_record"],
}


def credential(name: str, rotate: str, *consumers: tuple[str, str], **facts: t.Any) -> dict[str, t.Any]:
    return {
        "credential_step": 2,
        "credential_rotate": rotate,
        "credential_engine": "raxx.deprovision.engine_heroku",
        "credential_name": name,
        "credential_store": {"kind": "ssm", "name": f"/raxx/{name}"},
        "credential_checks": ["smoke"],
        "credential_permitted_query": "SELECT 1",
        "credential_consumers": [{"app": app, "config_var": var} for app, var in consumers],
        **facts,
    }


def rotated(name: str, **facts: t.Any) -> dict[str, t.Any]:
    old_urls = {} if "dead" in facts else {"3": f"postgres://{name}-was"}
    return {"url": f"postgres://{name}", "number": 3, "facts": facts, "old_urls": old_urls}


HOSTS: dict[str, t.Any] = {
    "raptor_app": credential("raptor_app", "always", ("raptor", "APP_URL"), step23_rotate_credential=rotated("raptor_app")),
    "audit_archiver": credential(
        "audit_archiver",
        "direct_access",
        ("raptor", "ARCHIVE_URL"),
        ("other", "URL"),
        step23_rotate_credential=rotated("audit_archiver", dead={}),
    ),
}
RELEASED: dict[str, t.Any] = {
    "results": [
        {
            "item": "raptor",
            "changed": True,
            "changed_names": ["ARCHIVE_URL"],
            "release": 12,
            "release_at": "2026-05-19T09:59:30Z",
            "restarted_at": "2026-05-19T10:00:00Z",
        }
    ]
}


@pytest.mark.parametrize(
    ("playing", "host", "apps"),
    [
        (["raptor_app", "audit_archiver", "raptor", "other"], "raptor", ["raptor"]),
        (["raptor_app", "audit_archiver", "raptor", "other"], "raptor_app", []),
        (["raptor_app"], "raptor_app", ["raptor"]),
        (["raptor_app", "audit_archiver"], "raptor_app", ["raptor", "other"]),
        (["raptor_app", "audit_archiver"], "audit_archiver", []),
        (["audit_archiver", "raptor"], "audit_archiver", ["other"]),
    ],
)
def test_a_limit_never_leaves_an_app_without_its_credential(playing: list[str], host: str, apps: list[str]) -> None:
    assert _run_data.apps_in_charge(GROUPS, HOSTS, playing, host) == apps


@pytest.mark.parametrize(
    ("tags", "leased"),
    [
        (["all"], ["raptor_app"]),
        (["tagged"], ["raptor_app"]),
        (["step1", "step2"], ["raptor_app"]),
        (["step3"], []),
        (["untagged"], []),
        (["step1"], []),
    ],
)
def test_what_a_run_is_to_rotate_is_leased(tags: list[str], leased: list[str]) -> None:
    """I3; every task that rotates has a tag, so C(--tags tagged) rotates."""
    assert _run_data.leased_credentials(HOSTS, GROUPS, GROUPS["credentials"], tags, False) == leased


def test_one_app_gets_all_its_values_at_once() -> None:
    values = _run_data.config_values(HOSTS, GROUPS["credentials"], "raptor")
    assert values == {"APP_URL": "postgres://raptor_app", "ARCHIVE_URL": "postgres://audit_archiver"}


def test_a_credential_that_was_not_rotated_is_not_handed_out() -> None:
    hosts = {**HOSTS, "raptor_app": credential("raptor_app", "always", ("raptor", "APP_URL"))}
    assert _run_data.config_values(hosts, GROUPS["credentials"], "raptor") == {"ARCHIVE_URL": "postgres://audit_archiver"}


def test_a_credential_that_was_only_proved_has_its_config_vars_and_no_rotation() -> None:
    """E6: what an app is to have before it is switched to its own credential again."""
    hosts = {
        name: {key: value for key, value in host.items() if key != "step23_rotate_credential"} for name, host in HOSTS.items()
    }
    hosts["raptor_app"]["step23_rotate_proved"] = {"url": "postgres://raptor_app"}
    assert _run_data.config_values(hosts, GROUPS["credentials"], "raptor") == {"APP_URL": "postgres://raptor_app"}
    assert _run_data.rotated_credentials(hosts, GROUPS["credentials"]) == []


def test_each_proof_of_this_run_may_show_in_the_log() -> None:
    """4: also those of what a rotation that was cut short had replaced."""
    known = {**rotated("raptor_app"), "old_urls": {"2": "older", "3": "old"}}
    hosts = {**HOSTS, "raptor_app": {**HOSTS["raptor_app"], "step23_rotate_credential": known}}
    (due,) = _run_data.verifications(RELEASED, hosts, GROUPS["credentials"])
    assert (due["refusals"], due["denials"]) == ({"raptor_app": 4}, 2)


def test_what_was_handed_out_says_whether_this_run_wrote_it() -> None:
    """2c: the config var of an attached add-on is Heroku's to set."""
    noted = _run_data.distribution_facts(RELEASED, HOSTS, GROUPS["credentials"])
    assert {entry["credential"]: entry["fact"]["written"] for entry in noted} == {"raptor_app": False, "audit_archiver": True}


def test_what_was_verified_is_not_verified_again_and_a_known_proof_refuses_no_login() -> None:
    due = _run_data.verifications(RELEASED, HOSTS, GROUPS["credentials"])
    assert due == [
        {
            "app": "raptor",
            "credentials": ["raptor_app", "audit_archiver"],
            "since": "2026-05-19T10:00:00Z",
            "refusals": {"raptor_app": 2},
            "denials": 1,
        }
    ]
    verified = {"verified-raptor": {"from": "2026-05-19T10:00:00.000000Z"}}
    done = {name: {**host, "step23_rotate_credential": rotated(name, **verified)} for name, host in HOSTS.items()}
    unchanged: dict[str, t.Any] = {"results": [{**RELEASED["results"][0], "changed": False}]}
    assert _run_data.verifications(unchanged, done, GROUPS["credentials"]) == []
    # A restart of this run is verified whatever was proved before it.
    assert _run_data.verifications(RELEASED, done, GROUPS["credentials"])
    # C4: so is what was released since the window began, by a run that did not come to the end of it or by somebody else.
    released_since = {"results": [{**unchanged["results"][0], "release_at": "2026-05-19T10:00:01Z"}]}
    # What has failed says nothing of a release; the play asks all the same.
    assert _run_data.verifications({"results": [{"item": "raptor", "failed": True}]}, done, GROUPS["credentials"])
    (again,) = _run_data.verifications(released_since, done, GROUPS["credentials"])
    assert (again["credentials"], again["since"]) == (["raptor_app", "audit_archiver"], None)


@pytest.mark.parametrize(
    ("direct_access", "waived"), [(True, False), ("true", False), (False, True), ("false", True), ("no", True)]
)
def test_direct_access_may_come_from_the_command_line_as_text(direct_access: t.Any, waived: bool) -> None:
    listed = _run_data.credential_list(HOSTS, GROUPS["credentials"], direct_access)
    assert [entry["waived"] for entry in listed] == [False, waived]
    assert not any("postgres://" in str(entry) for entry in listed)


def test_an_engine_gets_no_intent_where_nothing_was_claimed() -> None:
    assert _run_data.rotation_intent({"number": None, "facts": {}, "key": None}) == {}
    claim = {"facts": {"intent": {"at": "2026-05-19T10:00:00Z", "fingerprint": "0f", "event": "x"}}, "key": "k"}
    assert _run_data.rotation_intent(claim) == {"at": "2026-05-19T10:00:00Z", "fingerprint": "0f", "fingerprint_key": "k"}


def test_a_proof_is_kept_without_its_noise() -> None:
    facts = _run_data.proof_facts({"old_dead": True, "failed": False, "invocation": {}}, {"tried1": {}})
    assert (list(facts), facts["dead"]["old_dead"], "invocation" in facts["dead"]) == (["dead"], True, False)


def test_each_attempt_that_proved_nothing_is_kept_with_its_reason() -> None:
    """C2: tried and cannot tell is another thing than not tried."""
    failed = {"failed": True, "msg": "No answer. [proof_inconclusive]", "failure": {"code": "proof_inconclusive"}, "x": 1}
    kept = {"code": "proof_inconclusive", "message": "No answer. [proof_inconclusive]"}
    assert _run_data.proof_facts(failed, {"intent": {}}) == {"tried1": kept}
    assert _run_data.proof_facts(failed, {"tried1": {}}) == {"tried2": kept}
    assert _run_data.proof_facts({"old_dead": False}, {})["tried1"]["code"] == "proof_inconclusive"
    assert _run_data.proof_facts({"failed": True, "msg": "Down.", "failure": {"code": "unreachable"}}, {}) == {}


OLDER = {"2": "older"}


@pytest.mark.parametrize(
    ("claim", "old_urls"),
    [
        ({"number": 3, "facts": {}, "old_is_present": True, "old_url": None, "unproved": {}}, {"3": "before"}),
        ({"number": 3, "facts": {}, "old_is_present": False, "old_url": "old", "unproved": OLDER}, {**OLDER, "3": "old"}),
        ({"number": 3, "facts": {"dead": {}}, "old_is_present": False, "old_url": None, "unproved": OLDER}, OLDER),
        ({"number": 3, "facts": {}, "old_is_present": False, "old_url": None, "unproved": {}}, {"3": None}),
        ({"number": None, "facts": {}, "old_is_present": False, "old_url": None, "unproved": {}}, {"0": None}),
    ],
)
def test_what_each_rotation_replaced_is_to_be_proved_dead(claim: dict[str, t.Any], old_urls: dict[str, str | None]) -> None:
    """2d, C2: also that of a rotation which was cut short, and which another one has followed since."""
    assert _run_data.old_urls(claim, "before") == old_urls


@pytest.mark.parametrize(
    ("playing", "tags", "skipped", "consoles"),
    [
        (["console", "raptor"], ["all"], [], ["console"]),
        (["console"], ["step1", "step5"], [], ["console"]),
        (["console"], ["step2"], [], []),
        (["console"], ["all"], ["step1"], []),
        (["raptor"], ["all"], [], []),
    ],
)
def test_who_is_locked_out_in_this_run_goes_by_tags_and_limit(
    playing: list[str], tags: list[str], skipped: list[str], consoles: list[str]
) -> None:
    assert _run_data.consoles_to_lock({"consoles": ["console"]}, playing, tags, skipped) == consoles


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        ({"msg": "It broke.", "failure": {"code": "unreachable"}}, "unreachable", "It broke."),
        (
            {"msg": "One or more items failed", "results": [{"msg": "fine"}, {"failed": True, "msg": "It broke."}]},
            "",
            "It broke.",
        ),
        ({"msg": "non-zero return code", "failed": True}, "", "non-zero return code"),
        ({}, "", ""),
        ("skipped", "", ""),
    ],
)
def test_a_failure_is_told_by_its_first_failed_item(result: t.Any, code: str, message: str) -> None:
    assert _run_data.failure_of(result) == {"code": code, "message": message}


def test_the_code_of_a_message_counts_where_there_is_no_other() -> None:
    """A task of the playbook that fails has its code in its text; whatever else stands in brackets is none."""
    assert (
        _run_data.failure_of({"msg": "It is off (E6). Next: switch it on. [role_separation_off]"})["code"]
        == "role_separation_off"
    )
    assert _run_data.failure_of({"msg": "It broke. [sic]"})["code"] == ""


REPORT: dict[str, t.Any] = {"operator": "olivia@x.y", "ledger_available": True, "outages": [{"host": "FreeScout"}]}


@pytest.mark.parametrize("code", ["unreachable", "rate_limited", "conflict"])
def test_a_ledger_that_fails_after_the_check_is_an_outage_like_any_other(code: str) -> None:
    """1a, 1b: it must not keep anybody from being locked out."""
    message = f"AWS SSM gave no usable answer. Next: check it. [{code}]"
    for failed in ({"msg": message, "failure": {"code": code}}, {"msg": message, "failed": True}):
        assert _run_data.without_ledger(REPORT, failed) == {
            "operator": "olivia@x.y",
            "ledger_available": False,
            "outages": [{"host": "FreeScout"}, {"host": "AWS SSM", "step": "P5", "code": code, "message": message}],
        }


@pytest.mark.parametrize(
    "code", ["run_in_progress", "run_superseded", "plan_differs", "invalid_input", "forbidden", "ledger_damaged"]
)
def test_an_answer_before_the_lock_out_stops_the_run(code: str) -> None:
    message = f"So it is. Next: mend it. [{code}]"
    assert _run_data.without_ledger(REPORT, {"msg": message, "failure": {"code": code}}) == {**REPORT, "msg": message}
    assert _run_data.without_ledger(REPORT, {"msg": "non-zero return code"}) == {**REPORT, "msg": "non-zero return code"}


def test_a_task_that_ran_once_fails_once() -> None:
    hosts = {name: {"failure_record": {"host": name, "message": "It broke." if name == "b" else ""}} for name in "abc"}
    assert [record["host"] for record in _run_data.failures(hosts, "abc")] == ["b"]
    assert len(_run_data.failures({"a": {"failure_record": {"host": "a", "message": ""}}}, "a")) == 1


def test_an_app_for_which_nothing_was_rotated_is_left_alone() -> None:
    idle = {name: credential(name, "always", ("raptor", "URL")) for name in ("raptor_app", "audit_archiver")}
    assert _run_data.apps_in_charge(GROUPS, idle, ["raptor"], "raptor") == []


def test_a_run_that_continues_another_one_watches_a_window_of_its_own() -> None:
    """What the other run did (its probes, its restart) lies in the old window."""
    unchanged = {"results": [{**RELEASED["results"][0], "changed": False}]}
    assert _run_data.verifications(unchanged, HOSTS, GROUPS["credentials"])[0]["since"] is None


def test_what_an_app_may_still_need_is_not_taken_from_it() -> None:
    hosts: dict[str, dict[str, t.Any]] = {"raptor": {"failure_record": {"step": "steps 2c and 3c"}}, "other": {}}
    hosts.update({"raptor_app": {}, "audit_archiver": {"failure_record": {"step": "step 3"}}})
    assert _run_data.failed_apps(hosts, [{"app": "raptor"}, {"app": "other"}], GROUPS["credentials"]) == ["raptor"]
    # The proofs run beside the verification, and must not stop halfway because that has failed.
    hosts["raptor"]["failure_record"]["step"] = "step 4"
    assert _run_data.failed_apps(hosts, [{"app": "raptor"}], GROUPS["credentials"]) == []
    # With --limit credentials the first of them stands in for the apps.
    hosts["raptor_app"]["failure_record"] = {"step": "steps 2c and 3c"}
    assert _run_data.failed_apps(hosts, [{"app": "raptor"}], GROUPS["credentials"]) == ["raptor"]


def test_access_after_closing_is_a_failure_of_this_run() -> None:
    again = {"people": [{"email": "Jordan@x.y", "removed": ["support"]}, {"email": "priya@x.y", "removed": []}]}
    hosts = {"console": {"step1_lock_out_memberships": again, "step1_lock_out_sessions": {"people": []}}}
    events = [{"email": "jordan@x.y", "event": "E1", "closed": True}, {"email": "priya@x.y", "event": "E2", "closed": True}]
    found = _run_data.found_again(hosts, ["console"], events)
    assert [(record["code"], "Jordan@x.y" in record["message"]) for record in found] == [("access_found_after_closing", True)]
    assert _run_data.found_again(hosts, ["console"], [{**events[0], "closed": False}]) == []


JORDAN = {"event": "E1", "email": "jordan@x.y", "closed": False, "locking_before": []}
PRIYA = {"event": "E2", "email": "priya@x.y", "closed": False, "locking_before": ["console"]}
SESSIONS = {
    "people": [
        {"email": "Jordan@x.y", "ended": [7], "sessions_before": [{"id": 7}, {"id": 8}], "listing": {"rows": 0}},
        {"email": "priya@x.y", "ended": [9], "sessions_before": [{"id": 9}], "listing": {"rows": 0}},
    ]
}
MEMBERSHIPS = {
    "people": [{"email": "jordan@x.y", "removed": ["support"], "listing": {"rows": 1}}],
    "missing": ["priya@x.y"],
}
LISTINGS = [{"rows": 1, "kind": "memberships"}, {"rows": 0, "kind": "sessions"}]
LOOKED = {"app": "console-app", "by": "olivia@x.y"}


def test_the_lock_out_is_kept_person_by_person() -> None:
    events = [JORDAN, PRIYA, {**JORDAN, "event": "E0", "closed": True}]
    jordan, priya = _run_data.lockout_facts(
        events, MEMBERSHIPS, SESSIONS, console="console", app="console-app", operator="olivia@x.y"
    )
    assert jordan == {
        "event": "E1",
        "email": "jordan@x.y",
        "facts": {
            "lockout": {
                **LOOKED, "account": True, "continued": False, "removed": ["support"], "ended": [7], "listings": LISTINGS,
            }
        },
    }  # fmt: skip
    lockout = priya["facts"]["lockout"]
    assert (priya["event"], lockout["account"], lockout["continued"], lockout["ended"]) == ("E2", False, True, [9])


def test_what_a_continued_run_finds_again_is_kept_as_a_look() -> None:
    """1a, 1b, 5: the lock-out is written once, and access that came back after it must not pass unseen."""
    known: dict[str, t.Any] = {"facts": {"lockout-console": {}, "recheck1-console": {}}}
    gone = {"event": "E3", "email": "mateo@x.y", "closed": False, "locking_before": ["console"], **known}
    memberships = {**MEMBERSHIPS, "missing": ["mateo@x.y"]}
    again = _run_data.lockout_facts(
        [{**JORDAN, **known}, gone], memberships, SESSIONS, console="console", app="console-app", operator="olivia@x.y"
    )
    look = {**LOOKED, "removed": 1, "ended": 1, "sessions": [{"id": 7}], "listings": LISTINGS}
    assert again == [{"event": "E1", "email": "jordan@x.y", "facts": {"recheck2": look}}]


def test_the_last_look_is_kept_person_by_person_once_everything_else_is_proved() -> None:
    events = [{**JORDAN, "ready_for_recheck": True, "look": 2}, {**PRIYA, "ready_for_recheck": False, "look": 1}]
    assert _run_data.recheck_facts(events, MEMBERSHIPS, SESSIONS, app="console-app", operator="olivia@x.y") == [
        {
            "event": "E1",
            "email": "jordan@x.y",
            "facts": {"recheck2": {**LOOKED, "removed": 1, "ended": 1, "sessions": [{"id": 7}], "listings": LISTINGS}},
        }
    ]


TICKET = {"id": 812, "number": 4711, "url": "https://x/812", "created_at": "2026-05-19T09:00:00Z", "status": "active"}


def test_a_ticket_is_opened_and_kept_for_each_event_that_has_none() -> None:
    more = {"operator": "olivia@x.y", "notice": "9:00", "opened": "9:01", "deadline": "13:00"}
    events = [{**PRIYA, **more, "facts": {"ticket": {}}}, {**JORDAN, **more, "facts": {}}]
    (wanted,) = _run_data.tickets_to_open(events, number=0)
    assert (wanted["subject"], wanted["note_marker"], "number" in wanted) == ("E1", "E1 begun", False)
    assert wanted["note"] == (
        "Access removal of jordan@x.y was begun by olivia@x.y. Notice 9:00, opened 9:01, deadline 13:00 (UTC)."
    )
    (named,) = _run_data.tickets_to_open(events, number=4711)
    assert (named["number"], "subject" in named) == (4711, False)
    assert _run_data.ticket_facts([TICKET], events) == [
        {
            "event": "E1",
            "email": "jordan@x.y",
            "facts": {"ticket": {name: value for name, value in TICKET.items() if name != "status"}},
        }
    ]


def test_what_is_owed_is_noted_in_the_tickets_that_there_are() -> None:
    owing = {"ticket_number": 4711, "debt_marker": "E1 debt raptor_app", "debt_note": "The vault has the old URL."}
    events = [{**JORDAN, **owing}, {**PRIYA, **owing, "ticket_number": 0}, {**PRIYA, **owing, "debt_note": ""}]
    assert _run_data.tickets_in_debt(events) == [
        {"number": 4711, "note_marker": "E1 debt raptor_app", "note": "The vault has the old URL."}
    ]


REACHED: dict[str, t.Any] = {"raptor": {"rollback_switched": {}}, "other": {"rollback_switched": {}}}


@pytest.mark.parametrize(
    ("playing", "given", "left"),
    [
        (["raptor_app", "audit_archiver", "raptor"], {}, []),
        (["audit_archiver"], {}, []),
        # E5: nothing was rotated, whatever the limit was.
        (["raptor"], {}, ["raptor_app", "audit_archiver"]),
        # What is parked without a need is all that is paid.
        (["raptor"], {"credentials": []}, []),
        (["raptor_app", "raptor", "other"], {"restore": "true"}, []),
        (["raptor_app", "raptor"], {"restore": True}, []),
        # E6: no app was chosen.
        (["raptor_app"], {"restore": False}, ["raptor", "other"]),
    ],
)
def test_a_rollback_knows_what_it_has_not_reached(playing: list[str], given: dict[str, t.Any], left: list[str]) -> None:
    hosts = {name: host for name, host in {**HOSTS, **REACHED}.items() if name in playing}
    asked: dict[str, t.Any] = {"restore": None, "credentials": GROUPS["credentials"], "check_mode": False, **given}
    assert _run_data.rollback_outcome(hosts, GROUPS, playing, **asked)["left"] == left


@pytest.mark.parametrize(
    ("restore", "credentials", "planned", "done"),
    [
        (None, ["a", "b"], "rotate, store, hand out and prove a, b", "a, b rotated, stored, handed out and proved"),
        (None, [], "remove what is parked, and rotate nothing", "nothing had to be rotated; what was parked is removed"),
        (True, [], "let raptor work on its own credentials again", "on its own credentials again: raptor"),
        (
            "false",
            [],
            "let raptor work on the credential of the owner",
            "on the credential of the owner: raptor; undo this with -e restore=true",
        ),
    ],
)
def test_a_check_run_of_a_rollback_says_that_nothing_was_changed(
    restore: bool | str | None, credentials: list[str], planned: str, done: str
) -> None:
    """E5, E6, I11."""

    def said(check_mode: bool) -> str:
        asked: dict[str, t.Any] = {"restore": restore, "credentials": credentials, "check_mode": check_mode}
        return str(_run_data.rollback_outcome({}, {"apps": ["raptor"]}, ["a", "b", "raptor"], **asked)["verdict"])

    assert (said(True), said(False)) == (f"PLAN: a real run would {planned}; nothing was changed", f"ROLLED BACK: {done}")


def test_an_app_is_switched_to_nothing_that_was_not_proved() -> None:
    """E6."""
    assert _run_data.unproved_credentials(HOSTS, GROUPS["credentials"], "raptor") == ["raptor_app", "audit_archiver"]
    proved = {name: {**host, "step23_rotate_proved": {}} for name, host in HOSTS.items()}
    assert _run_data.unproved_credentials(proved, GROUPS["credentials"], "raptor") == []
    assert _run_data.unproved_credentials(HOSTS, GROUPS["credentials"], "another") == []


def test_what_is_finished_is_closed_and_kept_as_closed() -> None:
    more = {"ticket_note": "all done", "ticket_number": 4711, "scope": {"consoles": []}, "ready_to_close": True}
    events = [{**PRIYA, **more, "ready_to_close": False}, {**JORDAN, **more}]
    assert _run_data.tickets_to_close(events) == [{"number": 4711, "note_marker": "E1 complete", "note": "all done"}]
    (by_subject,) = _run_data.tickets_to_close([{**JORDAN, **more, "ticket_number": 0}])
    assert (by_subject["subject"], "number" in by_subject) == ("E1", False)
    (closed,) = _run_data.closing_facts([TICKET], events, operator="olivia@x.y")
    assert closed["facts"] == {"closed": {"ticket": 812, "by": "olivia@x.y", "scope": {"consoles": []}}}


def test_only_what_is_ready_gets_an_audit_row_and_a_plan_names_all() -> None:
    more = {"operator": "olivia@x.y", "ticket_id": "812", "audit_notes": "done", "opened": "2026-05-19T09:00:00Z"}
    more["audit_anchor"] = ""
    events = [
        {**JORDAN, **more, "ready_for_audit_row": True, "audit_anchor": "head sha256:ab12"},
        {**PRIYA, **more, "ready_for_audit_row": False},
        {**PRIYA, **more, "event": "E0", "ready_for_audit_row": False, "closed": True},
    ]
    assert [row["event"] for row in _run_data.audit_rows(events, planned=False)] == ["E1"]
    assert [(row["event"], row["anchor"]) for row in _run_data.audit_rows(events, planned=True)] == [
        ("E1", "head sha256:ab12"),
        ("E2", None),
    ]
    row = {"completed_at": "2026-05-19T09:30:00Z", "freescout_ticket_id": "812", "operator_email": "olivia@x.y"}
    written = [{"event": "E1", "email": "jordan@x.y", "run_type": "deprovisioning", "row": row}]
    assert _run_data.audit_row_facts(written) == [
        {
            "event": "E1",
            "email": "jordan@x.y",
            "facts": {
                "audit_row": {
                    "run_type": "deprovisioning",
                    "completed_at": "2026-05-19T09:30:00Z",
                    "ticket": "812",
                    "operator": "olivia@x.y",
                }
            },
        }
    ]


def test_the_scope_names_what_must_be_proved() -> None:
    hosts = {**HOSTS, "console": {"step1_lock_out_sessions": {}}}
    found = _run_data.scope(hosts, GROUPS, True)
    assert (found["consoles"], found["records"], found["locked_out"]) == (["console"], ["audit_record"], ["console"])
    assert [entry["name"] for entry in found["credentials"]] == ["raptor_app", "audit_archiver"]


PLAN_HOSTS: dict[str, t.Any] = {
    "console": {"console_url": "https://console.example", "console_heroku_app": "raxx-console-test", "console_account": False},
    "raptor_app": credential(
        "raptor_app",
        "always",
        ("raptor", "APP_URL"),
        credential_heroku_app="raxx-api-test",
        credential_addon="DATABASE",
        credential_fallback={"kind": "ssm", "name": "/parked"},
        credential_one_off_command="job --dry-run",
        credential_permitted_query="SELECT 1",
        credential_forbidden_query="DELETE FROM x WHERE false",
        credential_token="hunter2",
    ),
    "raptor": {
        "app_heroku_app": "raxx-api-test",
        "app_smoke_command": ["run_smoke.sh"],
        "app_smoke_directory": "/opt/raptor",
        "app_log_window": 600,
        "app_role_separation_flag": "FLAG",
    },
    "audit_record": {"record_heroku_app": "raxx-api-test"},
}
PLAN_GROUPS = {
    "all": list(PLAN_HOSTS),
    "consoles": ["console"],
    "credentials": ["raptor_app"],
    "apps": ["raptor"],
    "records": ["audit_record"],
}
SETTINGS = {
    "deprovision_ledger_prefix": "/raxx/test/deprovision",
    "deprovision_evidence_bucket": "raxx-evidence",
    "heroku_api_url": "https://api.heroku.example",
    "heroku_data_url": "https://api.data.heroku.example",
    "infisical_url": "https://vault.example",
    "infisical_workspace_id": "0d4b9a52",
    "aws_region": "us-east-1",
    "aws_endpoint_url": "https://aws.example",
    "freescout_url": "https://help.example",
    "freescout_mailbox_id": "3",
    "freescout_customer_email": "hr@example",
}


def plan_hosts(**of_one_host: t.Any) -> dict[str, t.Any]:
    return {name: {**SETTINGS, **host, **of_one_host.get(name, {})} for name, host in PLAN_HOSTS.items()}


def test_the_targets_of_a_plan_are_what_the_inventory_says_of_them() -> None:
    """I11: the same on every machine, so without paths, and without anything that is not known to be no secret."""
    assert _run_data.plan_targets(plan_hosts(), PLAN_GROUPS) == {
        "settings": SETTINGS,
        "consoles": {"console": {"url": "https://console.example", "heroku_app": "raxx-console-test"}},
        "credentials": {
            "raptor_app": {
                "step": 2,
                "engine": "raxx.deprovision.engine_heroku",
                "name": "raptor_app",
                "heroku_app": "raxx-api-test",
                "addon": "DATABASE",
                "store": {"kind": "ssm", "name": "/raxx/raptor_app"},
                "fallback": {"kind": "ssm", "name": "/parked"},
                "consumers": [{"app": "raptor", "config_var": "APP_URL"}],
                "checks": ["smoke"],
                "one_off_command": "job --dry-run",
                "permitted_query": "SELECT 1",
                "forbidden_query": "DELETE FROM x WHERE false",
            }
        },
        "apps": {
            "raptor": {
                "heroku_app": "raxx-api-test",
                "smoke_command": ["run_smoke.sh"],
                "log_window": 600,
                "role_separation_flag": "FLAG",
            }
        },
        "records": {"audit_record": {"heroku_app": "raxx-api-test"}},
    }


def test_a_setting_of_one_host_alone_is_a_target_of_that_host() -> None:
    targets = _run_data.plan_targets(plan_hosts(raptor_app={"infisical_url": "https://elsewhere.example"}), PLAN_GROUPS)
    assert targets["settings"] == SETTINGS
    assert targets["credentials"]["raptor_app"]["infisical_url"] == "https://elsewhere.example"


def test_a_setting_that_one_host_alone_does_without_is_a_target_of_that_host() -> None:
    targets = _run_data.plan_targets(plan_hosts(raptor_app={"aws_endpoint_url": ""}), PLAN_GROUPS)
    assert targets["credentials"]["raptor_app"]["aws_endpoint_url"] == ""


@pytest.mark.parametrize(
    "mine",
    [
        {"freescout_mailbox_id": 3},
        {"raptor_checkout": "/srv/raptor", "app_smoke_directory": "/srv/raptor", "heroku_ca_path": "/etc/ca.pem"},
        {"freescout_user_id": 7, "console_account": True, "heroku_timeout": 60, "aws_timeout": 60},
    ],
)
def test_what_may_differ_from_machine_to_machine_is_no_target(mine: dict[str, t.Any]) -> None:
    elsewhere = plan_hosts(**dict.fromkeys(PLAN_HOSTS, mine))
    assert _run_data.plan_targets(elsewhere, PLAN_GROUPS) == _run_data.plan_targets(plan_hosts(), PLAN_GROUPS)


def test_an_empty_setting_is_as_good_as_none() -> None:
    empty = plan_hosts(**{name: {"deprovision_evidence_bucket": "", "aws_endpoint_url": ""} for name in PLAN_HOSTS})
    targets = _run_data.plan_targets(empty, PLAN_GROUPS)
    assert {"deprovision_evidence_bucket", "aws_endpoint_url"}.isdisjoint(targets["settings"])


@pytest.mark.parametrize(("value", "given"), [("", None), (None, None), (False, False), ("false", "false"), (0, 0), ("x", "x")])
def test_an_input_that_was_left_empty_was_not_given(value: t.Any, given: t.Any) -> None:
    """A survey and C(-e restore=) give an empty text."""
    assert _run_data.given(value) is given


# Variables of the inventory that a plan does not bind, and why not.
UNBOUND = {
    "credential_rotate",  # decides, with direct_database_access, which changes the plan has
    "app_smoke_directory",  # a path of this machine
    "heroku_ca_path",
    "deprovision_environment",  # stands in the plan by itself
    "deprovision_escalation_contact",  # only shown
    "deprovision_lease_seconds",  # how long something is waited for
    *(f"{system}_timeout" for system in ("heroku", "database", "infisical", "aws", "freescout")),
    "deprovision_attestation_prefix",  # only read
    "deprovision_superadmin_group",
    "freescout_user_id",  # the operator's own
}


def test_whatever_the_inventory_can_say_is_bound_by_a_plan_or_known_not_to_be() -> None:
    """I11: a new variable needs a decision."""
    specs = yaml.safe_load((ROOT / "roles/prerequisites/meta/argument_specs.yml").read_text())["argument_specs"]
    engine = yaml.safe_load((ROOT / "roles/engine_heroku/meta/argument_specs.yml").read_text())["argument_specs"]["read"]
    prefixes = ("deprovision_", "heroku_", "database_", "infisical_", "aws_", "freescout_")
    said = {name for name in specs["main"]["options"] if name.startswith(prefixes)}
    said |= {name for group in ("consoles", "credentials", "apps", "records") for name in specs[group]["options"]}
    said |= {name for name in engine["options"] if name.startswith("credential_")}
    bound = {prefix + name for prefix, names in _run_data._TARGETS.values() for name in names} | set(_run_data._SETTINGS)
    assert said == bound | UNBOUND
