# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The invariants of a case, looked at through SQL, HTTP, boto3 and log-ins, and never through the collection's own code.

A check yields what is wrong, one line each. Ids such as I8 are those of the invariants in C(docs/).
"""

from __future__ import annotations

import contextlib
import json
import time
import typing as t
from dataclasses import dataclass, field
from functools import partial

import psycopg2
import requests
from psycopg2.extensions import connection

from tests.e2e.world import (
    ARCHIVER_PARAMETER,
    CONFIG_VARS,
    LEDGER,
    OPERATOR,
    RAPTOR,
    Record,
    Sandbox,
    active_url,
    login_state,
)
from tests.faults.cases import APPLICATION
from tests.faults.runs import Run, claims
from tests.leaks import Leaks
from tests.slow_login import PATIENT_SERVER, SlowClient

PARKED = "/raxx/sandbox/raptor/RAPTOR_APP_DB_URL"
SETTLE_SECONDS = 10.0
# Statements that tell nothing of what is there.
NO_LOOK = ("BEGIN", "COMMIT", "ROLLBACK", "SET")
OUTCOME_UNKNOWN = ("error", "act-then-error", "act-then-drop", "stall", "garbage")
NEEDS_NO_LEASE = ("console_memberships", "console_sessions", "deprovision_run")  # the lock-out waits for nobody
SHORTEST_SECRET = 8  # what is shorter is no secret, such as the word that the prerequisites write to see that they may

Check = t.Callable[["Story"], t.Iterator[str]]


@dataclass
class Story:
    """A sandbox with what was in it before, and the runs so far."""

    sandbox: Sandbox
    people: tuple[str, ...]
    baseline: t.Any
    before: Record = field(default_factory=dict)
    old_urls: dict[str, str] = field(default_factory=dict)
    old_releases: int = 0
    sessions: dict[str, connection] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    killed: bool = False
    slow_logins: bool = False
    slow: dict[str, SlowClient] = field(default_factory=dict)
    calls: list[Record] = field(default_factory=list)
    calls_before: int = 0
    dump: Record = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        self.config = self.sandbox.config()
        self.old_urls = {name: self.config[variable] for name, variable in CONFIG_VARS.items()}
        # What the leaver has open on their own machine.
        self.sessions = {name: psycopg2.connect(url, sslmode="require") for name, url in self.old_urls.items()}
        if self.slow_logins:
            with contextlib.closing(psycopg2.connect(self.sandbox.at["databases"]["raptor"])) as link, link.cursor() as cursor:
                link.autocommit = True
                cursor.execute("ALTER SYSTEM SET authentication_timeout = %s", (PATIENT_SERVER,))
                cursor.execute("SELECT pg_reload_conf()")
            self.slow = {name: SlowClient(url, partial(self._rotated, name)) for name, url in self.old_urls.items()}
            for client in self.slow.values():
                client.start()
        self.before, self.old_releases = self.sandbox.dump(), len(self.sandbox.releases())

    def _rotated(self, name: str) -> bool:
        return bool(self.sandbox.rotations()[name] > 0)

    def end(self) -> None:
        for client in self.slow.values():
            client.stop()
        for session in self.sessions.values():
            with contextlib.suppress(psycopg2.Error):
                session.close()

    def look(self) -> None:
        """Sees how everything is now; a rotation that is under way is waited for."""
        self.calls = self.sandbox.control("GET", "/calls")
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            self.dump, self.config = self.sandbox.dump(), self.sandbox.config()
            with contextlib.suppress(StopIteration):
                found = {name: self.sandbox.credential(name) for name in CONFIG_VARS}
                self.urls = {name: active_url(credential) for name, credential in found.items()}
                if all(credential["state"] == "active" for credential in found.values()):
                    break
            time.sleep(0.1)

    @property
    def run(self) -> Run:
        return self.runs[-1]

    def secrets(self) -> list[str]:
        return [secret for secret in self.sandbox.secrets() if len(secret) >= SHORTEST_SECRET]

    def parameter(self, name: str) -> str | None:
        return next((entry["versions"][-1]["value"] for entry in self.dump["ssm"] if entry["name"] == name), None)

    def stored(self) -> dict[str, set[str | None]]:
        """What the source of truth of each credential holds, and its fallback."""
        return {
            "raptor_app": {self.sandbox.vault(), self.parameter(PARKED)},
            "audit_archiver": {self.parameter(ARCHIVER_PARAMETER)},
        }

    def tickets(self, email: str) -> list[Record]:
        name = email.partition("@")[0]
        return [ticket for ticket in self.sandbox.tickets("DEPROV-2") if ticket["subject"].endswith(f"-{name}")]

    def rows(self, email: str) -> list[Record]:
        return [row for row in self.dump["raptor"]["audit_archival_runs"] if email in str(row["notes"])]


# -- at every stage, also after a kill


def keeps_a_working_credential(story: Story) -> t.Iterator[str]:
    """I1"""
    # Workers that outlived their run may rotate between a look and the log-in, each its own credential.
    deadline = time.monotonic() + SETTLE_SECONDS
    while refused := {name: state for name, url in story.urls.items() if (state := login_state(url)) != "ok"}:
        if time.monotonic() > deadline:
            break
        story.look()
    for name, state in refused.items():
        yield f"the URL of {name} at Heroku does not log in: {state}"


def hands_out_only_what_is_stored(story: Story) -> t.Iterator[str]:
    """I2"""
    stored = story.stored()
    for name, variable in CONFIG_VARS.items():
        value = story.config[variable]
        if value != story.old_urls[name] and value not in stored[name]:
            yield f"{variable} has a value that its store does not hold"


def rotates_at_most(story: Story) -> t.Iterator[str]:
    """I5"""
    allowed = 2 if story.killed else 1
    for name, number in story.sandbox.rotations().items():
        if number > allowed:
            yield f"{name} was rotated {number} times, allowed {allowed}"


def writes_no_row_or_ticket_twice(story: Story) -> t.Iterator[str]:
    """I8"""
    for email in story.people:
        if len(rows := story.rows(email)) > 1:
            yield f"{len(rows)} audit rows for {email}"
        tickets = story.tickets(email)
        if len(tickets) > 1:
            yield f"{len(tickets)} tickets for {email}"
        for ticket in tickets:
            notes = [thread["body"] for thread in ticket["_embedded"]["threads"] if thread["type"] == "note"]
            for words in ("was begun by", "is removed"):
                if (number := sum(words in note for note in notes)) > 1:
                    yield f"{number} notes with {words!r} on the ticket of {email}"


def never_repeats_blindly(story: Story) -> t.Iterator[str]:
    """I4"""
    unsure: dict[tuple[str, ...], Record] = {}
    for call in story.calls:
        if not _is_ours(call):
            continue
        if not call["writes"]:
            if call["method"] not in NO_LOOK:
                unsure = {key: earlier for key, earlier in unsure.items() if key[0] != call["system"]}
            continue
        # Both credentials have the same statements, but for their literals.
        key = (call["system"], call["method"], call["path"], call["values"])
        if key in unsure:
            yield f"{' '.join(key)} was made again without a look, after {unsure[key]['struck']}"
        if call["struck"] in OUTCOME_UNKNOWN:
            unsure[key] = call


def one_run_writes_at_a_time(story: Story) -> t.Iterator[str]:
    """I3"""
    writes: list[tuple[str, str]] = []
    for file in (story.run.place.parent / "evidence" / "runs").glob("*.jsonl"):
        for text in file.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):  # the last line of a run that was killed may be half a line
                record = json.loads(text)
                if record["kind"] == "write" and record["module"] not in NEEDS_NO_LEASE:
                    writes.append((record["at"], record["chain_uid"]))
    order = [run for _at, run in sorted(writes)]
    turns = [run for run, before in zip(order, ["", *order], strict=False) if run != before]
    if len(turns) > len(set(turns)):
        yield f"runs wrote in turns: {turns}"


def keeps_the_order_of_records(story: Story) -> t.Iterator[str]:
    """I9"""
    for email in story.people:
        rows, closed = story.rows(email), [ticket for ticket in story.tickets(email) if ticket["status"] == "closed"]
        if rows and story.sandbox.access(email) != (0, 0):
            yield f"{email} has an audit row and access"
        if closed and not rows:
            yield f"the ticket of {email} is closed without an audit row"


def leaves_colleagues_alone(story: Story) -> t.Iterator[str]:
    """S1"""
    leavers = {row["id"] for row in story.before["console"]["admins"] if row["email"].lower() in story.people}
    for table, before in story.before["console"].items():
        old, new = (
            [row for row in rows if not leavers & {row.get("user_id"), row.get("admin_id")}]
            for rows in (before, story.dump["console"][table])
        )
        if old != new:
            yield f"rows of others in {table} changed"


def leaks_nothing(story: Story) -> t.Iterator[str]:
    """I10"""
    leaks = Leaks(story.secrets())
    places = [run.place for run in story.runs] + [story.run.place.parent / "evidence"]
    # What ansible-runner writes down of its caller's environment is no output of the run (docs/operations.md, Limits).
    environments = [path for place in places for path in place.glob("private/artifacts/*/command")]
    yield from leaks.below(*places, but=environments)
    logs = [path for path in story.sandbox.state.rglob("*.log") if path.is_file()]
    for path in logs:
        yield from (f"{path}: {name}" for name in leaks.in_bytes(path.read_bytes()))
    plain = {
        "the ticket": story.dump["freescout"],
        "the audit rows": story.dump["raptor"],
        "Console": story.dump["console"],
        "the ledger": [entry for entry in story.dump["ssm"] if entry["type"] != "SecureString"],
        "the log of the app": story.sandbox.log(),
    }
    for name, content in plain.items():
        text = json.dumps(content, ensure_ascii=False).encode()
        yield from (f"{name}: {secret}" for secret in leaks.in_bytes(text))


# -- after a run that must change nothing, for it is a check run, cannot write its evidence, or has nothing to do any more


def changed_nothing(story: Story) -> t.Iterator[str]:
    """I11, I13, I14"""
    if story.dump != story.before:
        yield f"{', '.join(name for name in story.dump if story.dump[name] != story.before[name])} changed"
    yield from (
        f"{call['method']} {call['path']} was called"
        for call in story.calls[story.calls_before :]
        # P3 is proved by a parameter that is written and removed at once.
        if call["writes"] and _is_ours(call) and "/canary/" not in call["path"]
    )
    if not story.run.check and story.run.changed:
        yield f"the recap counts {story.run.changed} changes"


def _is_ours(call: Record) -> bool:
    return bool(call["system"] != "postgres" or call["path"].startswith(f"{APPLICATION}: "))


# -- what a run that was not killed says of itself


def says_what_is_so(story: Story) -> t.Iterator[str]:
    """I6"""
    run = story.run
    for words in ("Traceback (most recent", "[internal_error]", "Unexpected "):
        if words in run.output:
            yield f"the output has {words!r}"
    if not run.word:
        yield f"no verdict in the last line: {run.last_line[:150]!r}"
    if (run.status == 0) != (run.word == "COMPLETE"):
        yield f"exit status {run.status} with the word {run.word!r}"
    result = run.result
    if result is None:
        if run.word == "COMPLETE":
            yield "COMPLETE without a result file"
        return
    if (result["result"] == "complete") != (run.word == "COMPLETE"):
        yield f"result.json says {result['result']}, the last line {run.word}"
    if result["checkpoints"]["C1"]["grade"] == "observed" and story.sandbox.access(result["email"]) != (0, 0):
        yield "C1 is observed and there is access"
    stored = {"raptor_app": story.sandbox.vault(), "audit_archiver": story.parameter(ARCHIVER_PARAMETER)}
    for name, said in result["credentials"].items():
        url = story.urls[name]
        truths = {
            "rotated": url != story.old_urls[name],
            "stored": stored[name] == url,
            "distributed": story.config[CONFIG_VARS[name]] == url,
            "new_live": login_state(url) == "ok",
            "old_dead": login_state(story.old_urls[name]) == "28P01",
            "old_sessions_ended": not _answers(story.sessions[name]),
        }
        yield from (f"{name} is said to be {claim} and is not" for claim, truth in truths.items() if said[claim] and not truth)


# -- when it is said to be complete


def took_access_away(story: Story) -> t.Iterator[str]:
    """I6"""
    for email in story.people:
        if (access := story.sandbox.access(email)) != (0, 0):
            yield f"{email} has {access[0]} memberships and {access[1]} sessions"


def killed_the_old_credentials(story: Story) -> t.Iterator[str]:
    """I7"""
    for name, url in story.old_urls.items():
        if (state := login_state(url)) != "28P01":
            yield f"the old password of {name} gets {state}"
        if _answers(story.sessions[name]):
            yield f"a session with the old password of {name} lives"
        if name in story.slow and story.slow[name].answers():
            yield f"a log-in with the old password of {name} was half done at the rotation, and its session lives"


def agrees_everywhere(story: Story) -> t.Iterator[str]:
    """I2"""
    for name, values in story.stored().items():
        url = story.urls[name]
        if url == story.old_urls[name]:
            yield f"{name} was not rotated"
        if values - {None} != {url}:
            yield f"the store of {name} does not hold Heroku's URL, or holds more"
        if story.config[CONFIG_VARS[name]] != url:
            yield f"{CONFIG_VARS[name]} is not Heroku's URL"


def recorded_it_once(story: Story) -> t.Iterator[str]:
    """I8"""
    for email in story.people:
        rows, tickets = story.rows(email), story.tickets(email)
        if len(rows) != 1 or len(tickets) != 1:
            yield f"{len(rows)} audit rows and {len(tickets)} tickets for {email}"
            continue
        (row,), (ticket,) = rows, tickets
        if (row["run_type"], row["operator_email"], row["freescout_ticket_id"]) != (
            "deprovisioning",
            OPERATOR,
            str(ticket["id"]),
        ):
            yield f"the audit row of {email} is wrong"
        if ticket["status"] != "closed":
            yield f"the ticket of {email} is {ticket['status']}"


def left_nothing_behind(story: Story) -> t.Iterator[str]:
    """I15"""
    for entry in story.dump["ssm"]:
        if entry["name"].endswith(("/old", "/key")) or "/canary/" in entry["name"] or entry["name"] == PARKED:
            yield f"{entry['name']} is left"
        if entry["type"] == "SecureString" and entry["name"].startswith(LEDGER):
            yield f"the secret {entry['name']} is left in the ledger"
    dynos = [dyno for dyno in story.dump["heroku"]["apps"][RAPTOR]["dynos"] if str(dyno.get("name", "")).startswith("run.")]
    if dynos:
        yield "a one-off dyno is left"


def restarted_no_more_than_needed(story: Story) -> t.Iterator[str]:
    """I12"""
    releases = len(story.sandbox.releases()) - story.old_releases
    # One for each run that hands something out: what one run could not rotate, the next one does.
    allowed = len(story.runs)
    if not 1 <= releases <= allowed:
        yield f"{releases} releases, allowed {allowed}"


def claims_what_an_unbroken_run_claims(story: Story) -> t.Iterator[str]:
    """I12"""
    if story.baseline is None or len(story.people) > 1 or not any(run.word == "COMPLETE" for run in story.runs):
        return
    mine = claims([run.result for run in story.runs if run.word == "COMPLETE"][-1])
    for name in sorted(set(mine) | set(story.baseline)):
        if mine.get(name) != story.baseline.get(name):
            yield f"result.json differs in {name}: {mine.get(name)} instead of {story.baseline.get(name)}"


def serves(story: Story) -> t.Iterator[str]:
    """C4"""
    with contextlib.suppress(requests.RequestException):
        if story.sandbox.serves():
            return
    yield "Raptor does not serve"


AT_ANY_TIME: tuple[Check, ...] = (
    keeps_a_working_credential, hands_out_only_what_is_stored, rotates_at_most, writes_no_row_or_ticket_twice,
    never_repeats_blindly, one_run_writes_at_a_time, keeps_the_order_of_records, leaves_colleagues_alone,
)  # fmt: skip
WHEN_COMPLETE: tuple[Check, ...] = (
    took_access_away, killed_the_old_credentials, agrees_everywhere, recorded_it_once, left_nothing_behind,
    restarted_no_more_than_needed, claims_what_an_unbroken_run_claims, serves,
)  # fmt: skip


def _answers(session: connection) -> bool:
    try:
        with session, session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True
