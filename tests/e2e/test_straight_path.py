# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A leaver's access goes away: a check run, the run, the same run again, and a check run after it, in one sandbox."""

from __future__ import annotations

import re
import subprocess
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection

from bench.calls import unexplained
from bench.worlds import calls_since
from tests.e2e.runs import HOSTS, Run, deprovision
from tests.e2e.world import (
    ARCHIVER_PARAMETER,
    CONFIG_VARS,
    LEAVER,
    LEDGER,
    OPERATOR,
    RAPTOR,
    ROOT,
    Record,
    Sandbox,
    facts,
    login_state,
)
from tests.leaks import CommandLines, Leaks


@dataclass
class Story:
    """What was seen before, between and after the runs. C(run) was made at the highest verbosity."""

    sandbox: Sandbox
    before: Record
    old_urls: dict[str, str]
    old_releases: list[Record]
    checked: Run
    after_check: Record
    sessions_survived_check: bool
    commands: set[bytes]
    run: Run
    result: bytes
    dynos_restarted: list[str]
    after: Record
    again: Run
    after_again: Record
    result_again: bytes
    checked_again: Run
    after_checked_again: Record
    sessions: dict[str, connection]


@pytest.fixture(scope="module")
def story(sandbox: Sandbox) -> t.Iterator[Story]:
    config = sandbox.config()
    old_urls = {name: config[variable] for name, variable in CONFIG_VARS.items()}
    # What the leaver has open on their own machine.
    sessions = {name: psycopg2.connect(url, sslmode="require") for name, url in old_urls.items()}
    before, old_releases = sandbox.dump(), sandbox.releases()

    checked = deprovision(sandbox, LEAVER, check=True)
    after_check = sandbox.dump()
    survived = all(answers(session) for session in sessions.values())

    seen = len(sandbox.log())
    with CommandLines() as commands:
        run = deprovision(sandbox, LEAVER, verbosity=4)
    restarted = [line for line in sandbox.log()[seen:] if "State changed from up to starting" in line]
    (file,) = run.evidence
    result, after = file.read_bytes(), sandbox.dump()

    again = deprovision(sandbox, LEAVER, evidence=run.place / "evidence")
    after_again = sandbox.dump()
    result_again = file.read_bytes()

    checked_again = deprovision(sandbox, LEAVER, check=True, evidence=run.place / "evidence")
    yield Story(
        sandbox, before, old_urls, old_releases, checked, after_check, survived, set(commands.seen), run, result, restarted,
        after, again, after_again, result_again, checked_again, sandbox.dump(), sessions,
    )  # fmt: skip
    for session in sessions.values():
        session.close()


def answers(session: connection) -> bool:
    try:
        with session, session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


def leaver_id(dump: Record) -> int:
    return next(int(row["id"]) for row in dump["console"]["admins"] if row["email"].lower() == LEAVER)


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


# -- the run


def test_the_run_is_complete_and_says_so_in_its_last_line(story: Story) -> None:
    """C1 to C6, 7."""
    assert story.run.status == 0
    assert story.run.last_line == f"COMPLETE: {story.run.result['event']}"
    assert set(story.run.stats["processed"]) == HOSTS
    assert not story.run.stats["failures"]


def test_the_result_is_as_the_contract_says(story: Story) -> None:
    """C1 to C6, S1, E4."""
    result = story.run.result
    assert (result["result"], result["environment"], result["email"], result["operator"]) == (
        "complete", "sandbox", LEAVER, OPERATOR,
    )  # fmt: skip
    assert re.fullmatch(r"DEPROV-\d{4}-\d\d-\d\d-jordan\.smith", result["event"])
    assert [file.parent.name for file in story.run.evidence] == [result["event"]]
    assert set(result["checkpoints"]) == {"C1", "C2", "C3", "C4", "C5", "C6"}
    for checkpoint in result["checkpoints"].values():
        assert checkpoint["grade"] == "observed"
        assert moment(checkpoint["at"])
        assert checkpoint["detail"]
    names = {"rotated", "stored", "distributed", "new_live", "old_dead", "old_sessions_ended"}
    assert result["credentials"] == {name: dict.fromkeys(names, True) for name in CONFIG_VARS}
    assert result["debts"] == []
    assert any("E4" in item for item in result["not_covered"])
    assert any("S1" in item for item in result["not_covered"])


def test_the_window_is_in_order_and_four_hours_long(story: Story) -> None:
    """S2, P5."""
    window = {name: moment(text) for name, text in story.run.result["window"].items()}
    assert set(window) == {"notice", "opened", "lockout", "ended", "deadline"}
    assert window["notice"] <= window["opened"] < window["lockout"] < window["ended"] < window["deadline"]
    assert window["deadline"] - window["notice"] == timedelta(hours=4)
    assert all(window["lockout"] <= moment(item["at"]) <= window["ended"] for item in story.run.result["checkpoints"].values())


def test_no_membership_and_no_active_session_is_left(story: Story) -> None:
    """1a, 1b, 5."""
    assert story.sandbox.access(LEAVER) == (0, 0)


def test_the_leaver_stays_in_admins_and_past_sessions_stay_as_they_were(story: Story) -> None:
    """1a, 1b."""
    assert story.after["console"]["admins"] == story.before["console"]["admins"]
    old, new = (
        [row for row in dump["console"]["admin_sessions"] if row["admin_id"] == leaver_id(dump)]
        for dump in (story.before, story.after)
    )
    past = [row for row in old if row["revoked_at"]]
    assert len(past) == 1
    assert past[0] in new
    assert [{**row, "revoked_at": None} for row in old] == [{**row, "revoked_at": None} for row in new]


def test_every_colleague_is_untouched_row_by_row(story: Story) -> None:
    """1a, 1b."""
    leaver = leaver_id(story.before)
    tables = set(story.before["console"]) | set(story.after["console"])
    assert {"admins", "rbac_groups", "rbac_user_groups", "admin_sessions"} <= tables
    for table in tables:
        old, new = (
            [row for row in dump["console"][table] if leaver not in (row.get("user_id"), row.get("admin_id"))]
            for dump in (story.before, story.after)
        )
        assert new == old


@pytest.mark.parametrize("name", CONFIG_VARS)
def test_the_old_password_is_refused_and_the_new_one_accepted(story: Story, name: str) -> None:
    """C2, C3."""
    new = story.sandbox.config()[CONFIG_VARS[name]]
    assert new != story.old_urls[name]
    assert login_state(story.old_urls[name]) == "28P01"
    assert login_state(new) == "ok"


@pytest.mark.parametrize("name", CONFIG_VARS)
def test_a_session_that_the_leaver_had_open_is_ended(story: Story, name: str) -> None:
    """C2, C3."""
    assert not answers(story.sessions[name])


def test_no_session_is_older_than_the_rotation(story: Story) -> None:
    """C2, C3."""
    released = max(moment(release["created_at"]) for release in story.sandbox.releases())
    rows = story.sandbox.sql(
        "raptor",
        "SELECT usename, backend_start FROM pg_stat_activity WHERE usename ~ '^(raptor_app|audit_archiver)'",
    )
    assert {name for name, __ in rows} == {"raptor_app"}
    assert [began for __, began in rows if began < released] == []


def test_vault_heroku_and_config_hold_the_same_url_of_raptor_app(story: Story) -> None:
    """2a, 2b, 2c."""
    url = story.sandbox.credential_url("raptor_app")
    assert story.sandbox.vault() == url == story.sandbox.config()["RAPTOR_APP_DATABASE_URL"]
    assert url.startswith("postgres://raptor_app:")


def test_the_parameter_is_a_secure_string_with_heroku_s_url_of_audit_archiver(story: Story) -> None:
    """3a, 3b, 3c."""
    parameter, url = story.sandbox.parameter(), story.sandbox.credential_url("audit_archiver")
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", url)
    assert story.sandbox.config()["AUDIT_ARCHIVER_DB_URL"] == url
    assert url.startswith("postgres://audit_archiver:")


def test_exactly_one_audit_row_was_added(story: Story) -> None:
    """6, C6."""
    old, new = (dump["raptor"]["audit_archival_runs"] for dump in (story.before, story.after))
    assert new[:-1] == old
    row, result = new[-1], story.run.result
    (ticket,) = story.sandbox.tickets(result["event"])
    assert (row["run_type"], row["operator_email"], row["freescout_ticket_id"]) == ("deprovisioning", OPERATOR, str(ticket["id"]))
    assert LEAVER in row["notes"]
    assert "steps 1, 2, 3, 4, 5, 6" in row["notes"]
    times = re.search(r"window (\S+Z) to (\S+Z) UTC", row["notes"])
    assert times is not None
    assert times[1] == result["window"]["notice"]
    assert moment(result["window"]["lockout"]) < moment(times[2]) <= moment(result["window"]["ended"])
    assert story.after["raptor"]["audit_events"] == story.before["raptor"]["audit_events"]


def test_there_is_one_ticket_and_it_is_closed_with_the_window_in_its_note(story: Story) -> None:
    """P4, 7."""
    result = story.run.result
    (ticket,) = story.sandbox.tickets(result["event"])
    assert (ticket["subject"], ticket["status"], ticket["number"]) == (result["event"], "closed", result["ticket"])
    notes = [thread["body"] for thread in ticket["_embedded"]["threads"] if thread["type"] == "note"]
    (closing,) = [note for note in notes if "is removed" in note]
    assert re.search(rf"window {re.escape(result['window']['notice'])} to \S+Z UTC", closing)
    others = [entry for entry in story.after["freescout"] if entry["id"] != ticket["id"]]
    assert others == story.before["freescout"]


def test_raptor_serves_and_its_smoke_suite_is_green(story: Story) -> None:
    """2d, 4, C4."""
    assert story.sandbox.serves()
    smoke = ROOT / "sandbox" / "raptor" / "scripts" / "ci" / "run_smoke.sh"
    done = subprocess.run([smoke, "--env=sandbox"], env=story.sandbox.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_one_release_by_the_operator_and_one_restart_of_each_dyno(story: Story) -> None:
    """2c, 3c."""
    known = {release["version"] for release in story.old_releases}
    (release,) = [release for release in story.sandbox.releases() if release["version"] not in known]
    assert release["user"]["email"] == OPERATOR
    assert all(variable in release["description"] for variable in CONFIG_VARS.values())
    dynos = [match[1] for line in story.dynos_restarted if (match := re.search(r"heroku\[([a-z]+\.\d+)\]", line))]
    assert sorted(dynos) == ["web.1", "web.2", "worker.1"]
    assert {dyno["release"] for dyno in story.after["heroku"]["apps"][RAPTOR]["dynos"]} == {release["version"]}


def test_each_credential_was_rotated_and_stored_exactly_once(story: Story) -> None:
    """2a, 2b, 3a, 3b, S3."""
    assert story.sandbox.rotations() == {"raptor_app": 1, "audit_archiver": 1}
    assert {entry["name"]: len(entry["versions"]) for entry in story.after["infisical"]} == {
        "RAPTOR_APP_DB_URL": 2,
        "STATUS_PAGE_TOKEN": 1,
    }
    assert next(len(entry["versions"]) for entry in story.after["ssm"] if entry["name"] == ARCHIVER_PARAMETER) == 2
    for name in CONFIG_VARS:
        assert [place for place in facts(story.after, f"credentials/{name}") if place.endswith("/intent")] == ["0001/intent"]


def test_everything_else_at_heroku_is_as_it_was(story: Story) -> None:
    """2c, S1."""
    old, new = (dump["heroku"]["apps"] for dump in (story.before, story.after))
    assert new["raxx-console-sandbox"] == old["raxx-console-sandbox"]
    changed = {name for name in new[RAPTOR]["config"] if new[RAPTOR]["config"][name] != old[RAPTOR]["config"].get(name)}
    assert changed == set(CONFIG_VARS.values())
    assert story.after["heroku"]["attachments"] == story.before["heroku"]["attachments"]


# -- the same command again


def test_every_remote_call_has_its_reason(story: Story) -> None:
    calls = calls_since(story.sandbox, 0)[0]
    assert unexplained(calls) == []


def test_a_second_run_changes_nothing_on_any_host(story: Story) -> None:
    """S3."""
    assert story.again.status == 0
    assert story.again.changed == {}
    assert set(story.again.stats["ok"]) == HOSTS
    assert story.again.last_line == story.run.last_line


def test_a_second_run_leaves_every_system_and_the_result_identical(story: Story) -> None:
    """S3."""
    assert story.after_again == story.after
    assert story.result_again == story.result


# -- check mode


def test_a_check_run_before_changes_nothing_anywhere(story: Story) -> None:
    """P1 to P5."""
    assert story.checked.status == 0
    assert story.after_check == story.before
    assert story.sessions_survived_check
    assert not [entry["name"] for entry in story.after_check["ssm"] if entry["name"].startswith(LEDGER)]
    assert story.checked.evidence == []


def test_a_check_run_names_what_would_be_taken_away(story: Story) -> None:
    """1a, 1b, 2a to 2c, 3a to 3c, 6, 7."""
    words = story.checked.words
    leaver = leaver_id(story.before)
    groups = {row["id"]: row["name"] for row in story.before["console"]["rbac_groups"]}
    mine = [groups[row["group_id"]] for row in story.before["console"]["rbac_user_groups"] if row["user_id"] == leaver]
    assert len(mine) == 3
    for group in mine:
        assert f"from the group {group}" in words
    for row in story.before["console"]["admin_sessions"]:
        ended = row["admin_id"] == leaver and row["revoked_at"] is None
        assert bool(re.search(rf"end session {row['id']}\b", words)) == ended
    for name, place in {"raptor_app": "/raxx/sandbox/raptor/RAPTOR_APP_DB_URL", "audit_archiver": ARCHIVER_PARAMETER}.items():
        assert f"rotate {name}" in words
        assert place in words
        assert f"set {CONFIG_VARS[name]} on raptor" in words
    assert "write one row of audit_archival_runs" in words
    assert "find or create, and close, the ticket" in words
    assert re.search(r"nothing was changed \| -e plan=[0-9a-f]{64} holds a real run to this plan$", story.checked.last_line)


def test_a_check_run_afterwards_has_nothing_to_change(story: Story) -> None:
    """S3."""
    assert story.checked_again.status == 0
    assert story.checked_again.changed == {}
    assert "change nothing" in story.checked_again.words
    assert story.after_checked_again == story.after
    (file,) = story.run.evidence
    assert file.read_bytes() == story.result


# -- secrets


def test_a_run_at_the_highest_verbosity_leaves_no_secret_anywhere(story: Story) -> None:
    """I10. Every other run of these tests is searched in the same way."""
    assert len(story.sandbox.secrets()) > 20
    leaks = Leaks(story.sandbox.secrets())
    own = [story.run.place / "private" / "env", *(story.run.place / "private" / "artifacts").glob("*/command")]
    assert "EXEC" in story.run.output or "task path:" in story.run.output
    assert list(story.run.place.rglob("job_events/*.json"))
    assert leaks.below(story.run.place, but=own) == []
    # The search would see one: what runner keeps of its caller's environment is full of them.
    assert leaks.below(*[file for file in own if file.is_dir()], story.run.place / "private" / "artifacts")


def test_no_temporary_file_outlives_the_run(story: Story) -> None:
    """I10."""
    for run in (story.checked, story.run, story.again):
        left = [path for place in ("home", "home-tmp") for path in (run.place / place).rglob("*") if path.is_file()]
        assert left == []


def test_no_argument_list_of_any_process_held_a_secret(story: Story) -> None:
    """I10."""
    assert any(b"ansible-playbook" in line for line in story.commands)
    assert Leaks(story.sandbox.secrets()).in_bytes(b"\n".join(story.commands)) == set()
