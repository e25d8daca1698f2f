# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems that are set up in other ways, all of them in one sandbox, for they do not touch each other.

The credential of the archive is attached instead of copied, the audit table is older than the procedure, the vault speaks its
old dialect and is entered as a machine identity, and the ticket is there already.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from tests.e2e.runs import Run, deprovision
from tests.e2e.world import ADDON, LEAVER, RAPTOR, Record, Sandbox, login_state

UNKNOWN = "casey.never@raxx.example"
TICKET_SUBJECT = "DEPROV-2026-05-19-jordan.smith"  # opened on another day
ADDON_ACTOR = "heroku-postgresql"


@pytest.fixture(scope="module")
def seed() -> Record:
    raptor_app = {
        "name": "raptor_app",
        "copied_to": "RAPTOR_APP_DATABASE_URL",
        "grants": [
            "SELECT, INSERT ON audit_archival_runs",
            "SELECT, INSERT ON audit_events",
            "USAGE ON ALL SEQUENCES IN SCHEMA public",
        ],
    }
    archiver = {"name": "audit_archiver", "attached_as": "AUDIT_ARCHIVER_DB", "grants": ["SELECT ON audit_events"]}
    console = {
        "name": "postgresql-console-41250",
        "app": "raxx-console-sandbox",
        "database": "console",
        "credentials": [{"name": "default", "user": "ubdjxlqkrtmvhw"}],
    }
    raptor = {
        "name": ADDON,
        "app": RAPTOR,
        "database": "raptor",
        "credentials": [{"name": "default", "user": "qfzhyopnwcaegs"}, raptor_app, archiver],
    }
    ticket = {"subject": TICKET_SUBJECT, "customer": "hr@raxx.example", "status": "active", "created": "1d", "note": "Please."}
    return {
        "raptor": {"audit_run_types": ["scheduled", "manual", "manual_deprovisioning"]},
        "heroku": {"addons": [console, raptor]},
        "infisical": {"dialect": "legacy"},
        "freescout": {"conversations": [ticket]},
    }


@dataclass
class Departure:
    """One run with what was there before it."""

    before: Record
    releases: list[Record]
    urls: dict[str, str]
    run: Run
    after: Record


def depart(sandbox: Sandbox, email: str, **given: t.Any) -> Departure:
    before, releases, urls = sandbox.dump(), sandbox.releases(), sandbox.config()
    machine_identity = {
        "INFISICAL_TOKEN": None,
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": sandbox.at["infisical"]["client_id"],
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": sandbox.at["infisical"]["client_secret"],
    }
    run = deprovision(sandbox, email, environment=machine_identity, **given)
    known = {release["version"] for release in releases}
    added = [release for release in sandbox.releases() if release["version"] not in known]
    return Departure(before, added, urls, run, sandbox.dump())


@pytest.fixture(scope="module")
def ticket(sandbox: Sandbox) -> Record:
    (found,) = sandbox.tickets(TICKET_SUBJECT)
    return found


@pytest.fixture(scope="module")
def first(sandbox: Sandbox, ticket: Record) -> Departure:
    return depart(sandbox, LEAVER, ticket=ticket["number"])


@pytest.fixture(scope="module")
def second(sandbox: Sandbox, first: Departure) -> Departure:
    return depart(sandbox, UNKNOWN, console_account=False, forced_rotation=True)


def by_addon(releases: list[Record]) -> int:
    return len([release for release in releases if ADDON_ACTOR in release["description"]])


def test_the_run_is_complete(first: Departure) -> None:
    """C1 to C6."""
    assert (first.run.status, first.run.result["result"]) == (0, "complete"), first.run.output
    assert {checkpoint["grade"] for checkpoint in first.run.result["checkpoints"].values()} == {"observed"}


def test_a_credential_that_is_attached_follows_its_rotation_by_itself(sandbox: Sandbox, first: Departure) -> None:
    """3a to 3c."""
    url = sandbox.config()["AUDIT_ARCHIVER_DB_URL"]
    assert url == sandbox.credential_url("audit_archiver") == sandbox.parameter()["Value"]
    assert login_state(url) == "ok"
    assert login_state(first.urls["AUDIT_ARCHIVER_DB_URL"]) == "28P01"
    assert first.after["heroku"]["attachments"] == first.before["heroku"]["attachments"]
    # Through the second user and back, and once for what the add-on does not own.
    assert by_addon(first.releases) == 2
    own = [release["description"] for release in first.releases if ADDON_ACTOR not in release["description"]]
    assert own == ["Set RAPTOR_APP_DATABASE_URL config vars"]


def test_a_table_that_does_not_know_the_run_type_gets_the_other_one_with_a_note(first: Departure) -> None:
    """6."""
    *old, row = first.after["raptor"]["audit_archival_runs"]
    assert old == first.before["raptor"]["audit_archival_runs"]
    assert row["run_type"] == "manual_deprovisioning"
    assert "Schema update pending" in row["notes"]
    assert LEAVER in row["notes"]


def test_a_vault_of_the_old_dialect_is_entered_as_a_machine_identity(sandbox: Sandbox, first: Departure) -> None:
    """2b."""
    assert sandbox.vault() == sandbox.credential_url("raptor_app") == sandbox.config()["RAPTOR_APP_DATABASE_URL"]
    assert [len(entry["versions"]) for entry in first.after["infisical"] if entry["name"] == "RAPTOR_APP_DB_URL"] == [2]


def test_a_ticket_that_is_given_by_its_number_is_used_and_closed(sandbox: Sandbox, first: Departure, ticket: Record) -> None:
    """P4, 7."""
    (found,) = sandbox.tickets(TICKET_SUBJECT)
    assert (found["id"], found["subject"], found["status"]) == (ticket["id"], TICKET_SUBJECT, "closed")
    assert first.run.result["ticket"] == ticket["number"]
    assert len(first.after["freescout"]) == len(first.before["freescout"])
    assert first.after["raptor"]["audit_archival_runs"][-1]["freescout_ticket_id"] == str(ticket["id"])
    assert any("window" in thread["body"] for thread in found["_embedded"]["threads"])


def test_somebody_without_a_console_account_is_complete_by_statement(second: Departure) -> None:
    """C1."""
    assert (second.run.status, second.run.result["result"]) == (0, "complete"), second.run.output
    assert second.run.result["checkpoints"]["C1"]["grade"] == "attested"
    assert "olivia.osei@raxx.example stated" in second.run.result["checkpoints"]["C1"]["detail"]
    assert second.after["console"] == second.before["console"]


def test_a_forced_rotation_cuts_the_old_credential_off_at_once(sandbox: Sandbox, second: Departure) -> None:
    """2a, 3a: a hostile departure."""
    # No second user in between: the attached config var is written once.
    assert by_addon(second.releases) == 1
    assert sandbox.rotations() == {"raptor_app": 2, "audit_archiver": 2}
    assert login_state(second.urls["RAPTOR_APP_DATABASE_URL"]) == "28P01"
    assert sandbox.serves()
