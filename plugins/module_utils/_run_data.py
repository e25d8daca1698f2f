# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What one play needs from another, computed from host variables so that playbooks need no logic of their own."""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.raxx.deprovision.plugins.module_utils._codes import CODES
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, split_code
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import fact_name
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import INCONCLUSIVE_CODE, next_look, next_try
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

HostVars = t.Mapping[str, t.Mapping[str, t.Any]]
Record = t.Dict[str, t.Any]
Accounts = t.Dict[str, t.List[Record]]  # by the address of their person

# What may be tried again, but is an answer of the ledger all the same: somebody else is at work.
ANOTHER_RUN = ("run_in_progress", "run_superseded")
# How the play that hands out names its failures.
HANDING_OUT = "steps 2c and 3c"

# Each credential's proof makes two log-ins that the server refuses (with the old password and with a random one) and one
# statement that it denies. The database says so in its log, which Heroku may show in the app's.
REFUSED_LOGINS_PER_PROOF = 2

# What can come of an attempt to prove the old credential dead.
_NOT_PROVED_DEAD = (INCONCLUSIVE_CODE, "old_credential_alive", "path_does_not_check_passwords", "observer_blind")

# For each group what the variables of its hosts begin with, and which of them say where something is, or how it is proved.
_TARGETS = {
    "consoles": ("console_", ("url", "heroku_app")),
    "credentials": (
        "credential_",
        (
            "step",
            "engine",
            "name",
            "heroku_app",
            "addon",
            "store",
            "fallback",
            "consumers",
            "checks",
            "one_off_command",
            "permitted_query",
            "forbidden_query",
        ),
    ),
    "apps": ("app_", ("heroku_app", "smoke_command", "log_window", "role_separation_flag")),
    "records": ("record_", ("heroku_app",)),
}
_SETTINGS = (
    "deprovision_ledger_prefix",
    "deprovision_evidence_bucket",
    "heroku_api_url",
    "heroku_data_url",
    "infisical_url",
    "infisical_workspace_id",
    "aws_region",
    "aws_endpoint_url",
    "freescout_url",
    "freescout_mailbox_id",
    "freescout_customer_email",
)


def given(value: t.Any) -> t.Any:
    """An input as it was given, or V(None) if it was left empty, as a survey may leave it. V(False) is an answer."""
    return None if value == "" else value


def credential_list(hostvars: HostVars, names: t.Iterable[str], direct_access: bool | str) -> list[Record]:
    """The credentials of the inventory without any secret. C(waived): not rotated, for the person had no direct access."""
    return [
        {
            "name": name,
            "step": int(host["credential_step"]),
            "role": host.get("credential_name", name),
            "engine": host["credential_engine"],
            "app": host.get("credential_heroku_app"),
            "addon": host.get("credential_addon"),
            "store": dict(host["credential_store"]),
            "fallback": dict(host.get("credential_fallback") or {}),
            "checks": list(host["credential_checks"]),
            "one_off_command": host.get("credential_one_off_command"),
            "permitted_query": host["credential_permitted_query"],
            "consumers": [dict(consumer) for consumer in host["credential_consumers"]],
            "waived": host["credential_rotate"] == "direct_access" and not boolean(direct_access),
        }
        for name, host in ((name, hostvars[name]) for name in names)
    ]


def app_list(hostvars: HostVars, names: t.Iterable[str]) -> list[Record]:
    """The apps of the inventory, with what their smoke suite needs."""
    return [
        {
            "name": name,
            "app": host["app_heroku_app"],
            "smoke_command": list(host["app_smoke_command"]),
            "smoke_directory": str(host["app_smoke_directory"]),
        }
        for name, host in ((name, hostvars[name]) for name in names)
    ]


def plan_targets(hostvars: HostVars, groups: t.Mapping[str, t.Sequence[str]]) -> Record:
    """Where the inventory says that everything is which a run works on, for a plan.

    What is known to be no secret and the same on every machine is named here one by one: neither a path of this machine nor who
    signs notes is part of it. A setting that one host has otherwise than the others stands at that host as well.
    """
    settings = _settings(hostvars[groups["all"][0]])
    found: Record = {"settings": {key: value for key, value in settings.items() if value}}
    for group, (prefix, names) in _TARGETS.items():
        found[group] = {}
        for name in groups[group]:
            host = hostvars[name]
            own = {key: value for key, value in _settings(host).items() if value != settings[key]}
            found[group][name] = {**{key: host[prefix + key] for key in names if prefix + key in host}, **own}
    return found


def _settings(host: t.Mapping[str, t.Any]) -> dict[str, str]:
    """L(_SETTINGS) of a host as text, as ids from the environment are; empty where it has none."""
    return {name: str(host.get(name) or "") for name in _SETTINGS}


def leased_credentials(
    hostvars: HostVars,
    groups: t.Mapping[str, t.Sequence[str]],
    playing: t.Sequence[str],
    tags: t.Sequence[str],
    direct_access: bool | str,
) -> list[str]:
    """The credentials that a run with these C(--tags) and this C(--limit) is to rotate; no other may rotate them meanwhile."""
    return [
        item["name"]
        for item in credential_list(hostvars, groups["credentials"], direct_access)
        if item["name"] in playing and not item["waived"] and {"all", "tagged", f"step{item['step']}"} & set(tags)
    ]


def consoles_to_lock(
    groups: t.Mapping[str, t.Sequence[str]], playing: t.Sequence[str], tags: t.Sequence[str], skipped: t.Sequence[str]
) -> list[str]:
    """The consoles from which a run with these C(--tags), C(--skip-tags) and this C(--limit) locks people out (step 1)."""
    chosen = {"all", "tagged", "step1"} & set(tags) and "step1" not in skipped
    return [name for name in groups["consoles"] if name in playing] if chosen else []


def rotation_intent(claim: Record) -> Record:
    """What an engine needs of a claimed rotation to tell whether it has happened; empty if nothing can be told."""
    intent = claim.get("facts", {}).get("intent")
    if not intent or not claim.get("key"):
        return {}
    return {"at": intent["at"], "fingerprint": intent["fingerprint"], "fingerprint_key": claim.get("key")}


def old_urls(claim: Record, before: str) -> dict[str, str | None]:
    """What is still to be proved dead, by the number of the rotation that replaced it. Secrets are in it.

    Besides the one of the claimed rotation that is what rotations before it replaced, if they were never finished. C(before) is
    the URL that the credential had when the rotation was claimed. V(None): it was never known. In check mode the number is 0.
    """
    own = {} if "dead" in claim["facts"] else {str(claim["number"] or 0): before if claim["old_is_present"] else claim["old_url"]}
    return {**claim["unproved"], **own}


def rollback_outcome(
    hostvars: HostVars,
    groups: t.Mapping[str, t.Sequence[str]],
    playing: t.Sequence[str],
    *,
    restore: bool | str | None,
    credentials: t.Sequence[str],
    check_mode: bool,
) -> Record:
    """What has become of a rollback (E5, E6): the hosts that it has C(left), and the last line if there are none.

    C(restore) is V(None) if C(credentials) were to be rotated, otherwise it is about apps. Tags, options or a limit can leave
    out what is left; if a limit has chosen none, all of them are.
    """
    names, done = (credentials, "step23_rotate_credential") if restore is None else (groups["apps"], "rollback_switched")
    chosen = [name for name in names if name in playing] or names
    left = [name for name in chosen if name not in hostvars or done not in hostvars[name]]
    return {"left": left, "verdict": _rollback_verdict(chosen, restore, check_mode)}


def _rollback_verdict(names: t.Sequence[str], restore: bool | str | None, check_mode: bool) -> str:
    who = ", ".join(names)
    if restore is None and not names:
        planned, done = "remove what is parked, and rotate nothing", "nothing had to be rotated; what was parked is removed"
    elif restore is None:
        planned, done = f"rotate, store, hand out and prove {who}", f"{who} rotated, stored, handed out and proved"
    elif boolean(restore):
        planned, done = f"let {who} work on its own credentials again", f"on its own credentials again: {who}"
    else:
        planned = f"let {who} work on the credential of the owner"
        done = f"on the credential of the owner: {who}; undo this with -e restore=true"
    return f"PLAN: a real run would {planned}; nothing was changed" if check_mode else f"ROLLED BACK: {done}"


def unproved_credentials(hostvars: HostVars, credentials: t.Iterable[str], app: str) -> list[str]:
    """The credentials of C(app) that this run has not proved to work: it must not be switched to them (E6)."""
    return [name for name in credentials if "step23_rotate_proved" not in hostvars[name] and _is_consumer(app, hostvars[name])]


def scope(hostvars: HostVars, groups: t.Mapping[str, t.Sequence[str]], direct_access: bool | str) -> Record:
    """What a run is about: each of these consoles, credentials and records must have its own facts."""
    return {
        "consoles": list(groups["consoles"]),
        "records": list(groups["records"]),
        "credentials": credential_list(hostvars, groups["credentials"], direct_access),
        # Known to this run alone; it counts only where the ledger cannot be reached.
        "locked_out": [
            name
            for name in groups["consoles"]
            if "step1_lock_out_sessions" in hostvars[name] and "failure_record" not in hostvars[name]
        ],
    }


def apps_in_charge(groups: t.Mapping[str, t.Sequence[str]], hostvars: HostVars, playing: t.Sequence[str], host: str) -> list[str]:
    """The apps that C(host) hands new credentials to: itself; and with C(--limit <credential>), apps that the limit left out.

    A rotated credential must reach its apps whatever the limit, or they would stop working. The first credential in the
    play stands in for apps that are not. An app for which nothing was rotated is left alone.
    """
    if host in groups["apps"]:
        mine = [host]
    else:
        credentials = [name for name in groups["credentials"] if name in playing]
        if not credentials or host != credentials[0]:
            return []
        apps = [consumer["app"] for name in credentials for consumer in hostvars[name]["credential_consumers"]]
        mine = [app for app in dict.fromkeys(apps) if app not in playing]
    return [app for app in mine if rotated_credentials(hostvars, groups["credentials"], app)]


def config_values(hostvars: HostVars, credentials: t.Iterable[str], app: str) -> dict[str, str]:
    """The config vars of C(app) that follow from the credentials rotated, or only proved, in this run. Secrets are in it."""
    return {
        consumer["config_var"]: known["url"]
        for name in credentials
        if (known := hostvars[name].get("step23_rotate_credential") or hostvars[name].get("step23_rotate_proved"))
        for consumer in hostvars[name]["credential_consumers"]
        if consumer["app"] == app
    }


def rotated_credentials(hostvars: HostVars, credentials: t.Iterable[str], app: str | None = None) -> list[str]:
    """The credentials (of C(app)) that this run has rotated, stored or parked, and proved, or found so."""
    return [
        name
        for name in credentials
        if "step23_rotate_credential" in hostvars[name] and (app is None or _is_consumer(app, hostvars[name]))
    ]


def _is_consumer(app: str, credential: t.Mapping[str, t.Any]) -> bool:
    """Whether C(app) uses a credential, given the variables of its host."""
    return any(consumer["app"] == app for consumer in credential["credential_consumers"])


def distribution_facts(config: Record, hostvars: HostVars, credentials: t.Sequence[str]) -> list[Record]:
    """One ledger entry for each credential and app that C(heroku_config) has served, from its looped result.

    C(written): this run wrote the config var. Otherwise the app had the value already, from its add-on or from an earlier run.
    """
    return [
        {
            "credential": name,
            "rotation": hostvars[name]["step23_rotate_credential"]["number"],
            "app": result["item"],
            "fact": {
                "release": result["release"],
                "restarted_at": result["restarted_at"],
                "written": any(
                    consumer["app"] == result["item"] and consumer["config_var"] in result["changed_names"]
                    for consumer in hostvars[name]["credential_consumers"]
                ),
            },
        }
        for result in config["results"]
        for name in rotated_credentials(hostvars, credentials, result["item"])
    ]


def verifications(config: Record, hostvars: HostVars, credentials: t.Sequence[str]) -> list[Record]:
    """The apps that are still to be verified after C(heroku_config): for which credentials, since when, with what to expect.

    One that was verified is verified again if it was released since, by whomever: another run may have handed out anew what
    somebody had changed, and have ended before it saw that the app works.

    The window begins with the restart, if this run made it. Otherwise (a run that continues another one) it begins now
    (C(since) is V(None)): the old window holds what the other run did. Every proof of this run may show in the log, also that
    of a credential which the app does not use.
    """
    proofs = {
        hostvars[name]["credential_name"]: len(old_urls)
        for name in rotated_credentials(hostvars, credentials)
        if (old_urls := hostvars[name]["step23_rotate_credential"]["old_urls"])
    }
    due = []
    for result in config.get("results", []):
        app = result["item"]
        mine = [
            name
            for name in rotated_credentials(hostvars, credentials, app)
            if result.get("changed") or not _is_verified(hostvars[name]["step23_rotate_credential"]["facts"], result)
        ]
        if mine:
            due.append(
                {
                    "app": app,
                    "credentials": mine,
                    "since": result["restarted_at"] if result.get("changed") else None,
                    "refusals": {role: count * REFUSED_LOGINS_PER_PROOF for role, count in proofs.items()},
                    "denials": sum(proofs.values()),
                }
            )
    return due


def _is_verified(facts: Record, config: Record) -> bool:
    """Whether the log window of an app began after its newest release: what was released since, nobody has looked at (C4)."""
    known, released = facts.get(fact_name("verified", config["item"])), config.get("release_at")
    return known is not None and released is not None and parse(known["from"]) >= parse(released)


def failed_apps(hostvars: HostVars, consumers: t.Iterable[Record], credentials: t.Iterable[str]) -> list[str]:
    """The consumers that may not have got the successor of what they use, so it must not be taken from them.

    The verification (step 4) runs beside the proofs; what fails there was handed out all the same. One of the C(credentials)
    stands in for the apps that a limit has left out; if it has failed to hand out, any app may be one of these.
    """
    consumers = list(consumers)
    records = [hostvars[name].get("failure_record") for name in credentials]
    if any(record is not None and record.get("step") == HANDING_OUT for record in records):
        return [consumer["app"] for consumer in consumers]
    failed = {consumer["app"]: hostvars[consumer["app"]].get("failure_record") for consumer in consumers}
    return [app for app, record in failed.items() if record is not None and record.get("step") != "step 4"]


def found_again(hostvars: HostVars, consoles: t.Iterable[str], events: t.Iterable[Record]) -> list[Record]:
    """A failure for each person whose event is closed, but who had access to a console again when this run looked."""
    closed = {event["email"]: event["event"] for event in events if event["closed"]}
    again = [
        (console, person["email"])
        for console in consoles
        for kind in (
            "step1_lock_out_memberships",
            "step1_lock_out_sessions",
            "step5_recheck_sessions_memberships",
            "step5_recheck_sessions_found",
        )
        for person in hostvars[console].get(kind, {}).get("people", [])
        if person["email"].strip().lower() in closed and (person.get("removed") or person.get("ended"))
    ]
    code = "access_found_after_closing"
    return [
        {
            "host": console,
            "step": "step 1",
            "task": "",
            "code": code,
            "message": DeprovisionError(
                code,
                f"{email} had access again after the event was closed; it was taken away, but is not part of the event's record.",
            ).as_text(),
        }
        for console, email in dict.fromkeys(again)
    ]


def failures(hostvars: HostVars, names: t.Iterable[str]) -> list[Record]:
    """What the role C(failure) has remembered, host by host.

    A task that runs once fails for every host of its play; only the host that ran it knows why.
    """
    names = list(names)
    records = [dict(hostvars[name]["failure_record"]) for name in names if "failure_record" in hostvars[name]]
    parked = [_parked(name, hostvars[name]) for name in names if "step23_rotate_refusal" in hostvars[name]]
    return ([record for record in records if record["message"]] or records[:1]) + parked


def _parked(name: str, host: t.Mapping[str, t.Any]) -> Record:
    """A URL that this run had to park does not stop the run, but it is not finished either (2b)."""
    place = host.get("credential_fallback", {}).get("name", "no other place")
    return {
        "host": name,
        "step": f"step {host['credential_step']}b",
        "task": "",
        "code": "parked",
        "message": DeprovisionError(
            "parked", f"{host['step23_rotate_refusal']['message']} The URL is parked in {place}."
        ).as_text(),
    }


def failure_of(result: t.Any) -> Record:
    """The C(code) and C(message) of a failed result; of a loop's, those of its first failed item.

    Nothing else is taken: the arguments and the rest of a result may hold secrets.
    """
    if not isinstance(result, t.Mapping):
        return {"code": "", "message": ""}
    items = result.get("results")
    failed = [item for item in items if item.get("failed")] if isinstance(items, list) else []
    source = failed[0] if failed else result
    message = str(source.get("msg", ""))
    # What a task of the playbook fails with has its code in the text alone, as every message ends with it.
    written = split_code(message)[1]
    code = (source.get("failure") or {}).get("code") or (written if written in CODES else "")
    return {"code": str(code), "message": message}


def without_ledger(report: Record, failed: t.Any) -> Record:
    """The result C(report) of M(raxx.deprovision.deprovision_prerequisites) after a failure of the ledger before step 1.

    A ledger that cannot be reached counts like an outage that the prerequisites saw. After any other failure the run must stop:
    then C(msg) says why.
    """
    failure = failure_of(failed)
    code = CODES.get(failure["code"])
    if code is None or not code.retryable or failure["code"] in ANOTHER_RUN:
        return {**report, "msg": failure["message"]}
    outage = {"host": "AWS SSM", "step": "P5", **failure}
    return {**report, "ledger_available": False, "outages": [*report["outages"], outage]}


def lockout_facts(
    events: t.Iterable[Record], memberships: Record, sessions: Record, *, console: str, app: str, operator: str
) -> list[Record]:
    """What step 1 did to each person in a console, and what it saw afterwards; nothing of events that are closed.

    C(continued): an earlier run has begun the lock-out, so what this one did not find may have been removed by that one. If an
    earlier one has noted it, what this one still found had come back: that is a look like those of step 5.
    """
    members, logins = _by_person(memberships), _by_person(sessions)
    entries = []
    for event in events:
        email, facts = event["email"], event.get("facts", {})
        look = _look(email, members, logins, app=app, operator=operator)
        if event["closed"]:
            continue
        if fact_name("lockout", console) in facts:
            if look["removed"] or look["ended"]:
                entries.append(_entry(event, f"recheck{next_look(facts)}", look))
            continue
        fact = {
            "account": email not in memberships["missing"],
            "app": app,
            "by": operator,
            "continued": console in event["locking_before"],
            "removed": [name for account in members.get(email, []) for name in account["removed"]],
            "ended": [identifier for account in logins.get(email, []) for identifier in account["ended"]],
            "listings": look["listings"],
        }
        entries.append(_entry(event, "lockout", fact))
    return entries


def recheck_facts(events: t.Iterable[Record], memberships: Record, sessions: Record, *, app: str, operator: str) -> list[Record]:
    """What the last look found of each person and took away: the number of memberships, and of sessions with their facts.

    A look is a fact of its own each time, for only the last one counts. None is noted before everything else is proved.
    """
    members, logins = _by_person(memberships), _by_person(sessions)
    return [
        _entry(event, f"recheck{event['look']}", _look(event["email"], members, logins, app=app, operator=operator))
        for event in events
        if event["ready_for_recheck"]
    ]


def _look(email: str, members: Accounts, logins: Accounts, *, app: str, operator: str) -> Record:
    """What a look at a console found of a person and took away."""
    accounts = logins.get(email, [])
    ended = [session for account in accounts for session in account["sessions_before"] if session["id"] in account["ended"]]
    return {
        "app": app,
        "by": operator,
        "removed": sum(len(account["removed"]) for account in members.get(email, [])),
        "ended": len(ended),
        "sessions": ended,
        "listings": _listings(email, members, logins),
    }


def tickets_to_open(events: t.Iterable[Record], *, number: int) -> list[Record]:
    """The ticket of each event that has none yet, as M(raxx.deprovision.freescout_conversation) takes it (P4).

    C(number) is that of the ticket that the operator named, or 0.
    """
    return [
        {
            **({"number": number} if number else {"subject": event["event"]}),
            "note_marker": f"{event['event']} begun",
            "note": f"Access removal of {event['email']} was begun by {event['operator']}. "
            f"Notice {event['notice']}, opened {event['opened']}, deadline {event['deadline']} (UTC).",
        }
        for event in _without_ticket(events)
    ]


def ticket_facts(conversations: t.Iterable[Record], events: t.Iterable[Record]) -> list[Record]:
    """The ticket of each event that had none yet, as it was found or opened."""
    return [
        _entry(event, "ticket", {name: found[name] for name in ("id", "number", "url", "created_at")})
        for event, found in zip(_without_ticket(events), conversations, strict=True)
    ]


def audit_rows(events: t.Iterable[Record], *, planned: bool) -> list[Record]:
    """The audit row of each event that is ready for it, from what M(raxx.deprovision.deprovision_result) says of the events.

    C(planned): that of each event that is not closed, for a run that changes nothing.
    """
    return [
        {
            "event": event["event"],
            "email": event["email"],
            "operator_email": event["operator"],
            "ticket_id": event["ticket_id"],
            "notes": event["audit_notes"],
            "since": event["opened"],
            "anchor": event["audit_anchor"] or None,
        }
        for event in events
        if event["ready_for_audit_row"] or (planned and not event["closed"])
    ]


def audit_row_facts(rows: t.Iterable[Record]) -> list[Record]:
    """What the ledger keeps of audit rows, from what M(raxx.deprovision.audit_archival_run) says of them."""
    return [
        _entry(
            row,
            "audit_row",
            {
                "run_type": row["run_type"],
                "completed_at": row["row"]["completed_at"],
                "ticket": row["row"]["freescout_ticket_id"],
                "operator": row["row"]["operator_email"],
            },
        )
        for row in rows
    ]


def tickets_in_debt(events: t.Iterable[Record]) -> list[Record]:
    """The tickets in which something owed is to be noted (2b, E6), from what M(raxx.deprovision.deprovision_result) says."""
    return [
        {"number": event["ticket_number"], "note_marker": event["debt_marker"], "note": event["debt_note"]}
        for event in events
        if event["debt_note"] and event["ticket_number"]
    ]


def tickets_to_close(events: t.Iterable[Record]) -> list[Record]:
    """The tickets of the events that are finished, with the window in a note (step 7)."""
    return [
        {
            **({"number": event["ticket_number"]} if event["ticket_number"] else {"subject": event["event"]}),
            "note_marker": f"{event['event']} complete",
            "note": event["ticket_note"],
        }
        for event in _finished(events)
    ]


def closing_facts(conversations: t.Iterable[Record], events: t.Iterable[Record], *, operator: str) -> list[Record]:
    """That each event that is finished is closed, and what it was about, with the ticket as it was closed."""
    return [
        _entry(event, "closed", {"ticket": found["id"], "by": operator, "scope": event["scope"]})
        for event, found in zip(_finished(events), conversations, strict=True)
    ]


def _without_ticket(events: t.Iterable[Record]) -> list[Record]:
    return [event for event in events if "ticket" not in event["facts"]]


def _finished(events: t.Iterable[Record]) -> list[Record]:
    return [event for event in events if event["ready_to_close"]]


def _entry(event: Record, name: str, fact: Record) -> Record:
    """A fact of an event as M(raxx.deprovision.deprovision_ledger) takes it."""
    return {"event": event["event"], "email": event["email"], "facts": {name: fact}}


def _by_person(result: Record) -> Accounts:
    """The accounts in the result of a Console module, by the address of the person in lower case, who may have several."""
    found: Accounts = {}
    for account in result.get("people", []):
        found.setdefault(account["email"].strip().lower(), []).append(account)
    return found


def _listings(email: str, members: Accounts, logins: Accounts) -> list[Record]:
    """How the last listings of one person were made."""
    return [
        {**account["listing"], "kind": kind}
        for kind, accounts in (("memberships", members), ("sessions", logins))
        for account in accounts.get(email, [])
    ]


def proof_facts(proof: t.Any, facts: Record) -> Record:
    """What the ledger keeps of a death proof, as facts of its rotation: C(dead) if it proves that, else another C(tried<number>).

    C(proof) may be the failed result. Nothing is kept of what failed otherwise. C(facts) are those of the rotation.
    """
    kept = (
        "users",
        "observer",
        "server_time",
        "older_than",
        "attempts",
        "old_dead",
        "old_sqlstate",
        "control_sqlstate",
        "new_live",
        "grade",
        "sessions_ended",
        "sessions_left",
        "oldest_session",
    )
    if proof.get("old_dead"):
        return {"dead": {name: proof.get(name) for name in kept}}
    unknown = {"code": INCONCLUSIVE_CODE, "message": "The old password was never known, so no log-in could prove it dead."}
    failure = failure_of(proof) if proof.get("failed") else unknown
    return {next_try(facts): failure} if failure["code"] in _NOT_PROVED_DEAD else {}
