# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Every failure code of the collection, with its meaning and the advice that goes with it. Codes are stable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """C(meaning) and C(next_step) are sentences for the operator; C(retryable): the same call may simply be made again."""

    meaning: str
    next_step: str
    retryable: bool = False


CODES: dict[str, Code] = {
    # Any remote system
    "unreachable": Code(
        "The system gave no usable answer (no connection, time-out, 5xx, or a body that is not its own).",
        "Check the system and run the same command again; it continues where it stopped.",
        retryable=True,
    ),
    "unauthorized": Code(
        "The system does not accept the credentials.",
        "Get a fresh token or key for this system, export it, and run the same command again.",
    ),
    "forbidden": Code(
        "The credentials are valid but may not do this.",
        "Have the missing right granted to the account, then run the same command again.",
    ),
    "not_found": Code(
        "The thing named in the inventory does not exist in the system.",
        "Compare the name in the inventory with the system.",
    ),
    "conflict": Code(
        "The system refused because of its present state.", "Wait a minute and run the same command again.", retryable=True
    ),
    "rate_limited": Code(
        "The system's rate limit was hit and stayed hit.", "Wait a minute and run the same command again.", retryable=True
    ),
    "invalid_request": Code(
        "The system refused the request as malformed.", "Report this as a fault of the collection, with the message."
    ),
    "credentials_missing": Code(
        "No credential for the system was given.",
        "Export the credential (see the section on credentials in README.md) and run the same command again.",
    ),
    "insecure_url": Code(
        "A base URL is not https and not on the loopback interface.", "Correct the URL in the inventory or the environment."
    ),
    "not_the_api": Code(
        "Something answers at the base URL, but not the API that was expected there.",
        "Check the base URL, and that the system's API is switched on and not too old.",
    ),
    "library_missing": Code(
        "A Python library is not installed where the module runs.", "Install requirements.txt into that Python."
    ),
    "internal_error": Code(
        "A fault of the collection itself.", "Report it with the place that the message names; no secret is in it."
    ),
    "invalid_input": Code("An input is not acceptable.", "Correct the input and run the command again; nothing was changed."),
    "ambiguous_name": Code("A name fits several things.", "Write the exact name into the inventory."),
    # Heroku
    "config_var_attached": Code(
        "The config var belongs to an add-on: only the rotation of the credential changes it.",
        "Run the same command again; once the rotation has written the var, it is as wanted.",
        retryable=True,
    ),
    "restart_not_finished": Code(
        "The app's dynos are not all up on the newest release.",
        "Look at the app's dynos and log (heroku ps, heroku logs), then run the same command again.",
        retryable=True,
    ),
    "unsupported_dyno": Code(
        "One-off dynos of this app cannot be attached to as the collection does it (private space, or generation fir).",
        "Run the command by hand (heroku run) and record the outcome.",
    ),
    "command_failed": Code(
        "The command in a one-off dyno ended with an exit status other than 0.",
        "Read the end of its output in the details. Stop and escalate if the cause is not clear within 15 minutes.",
    ),
    "command_authentication_failure": Code(
        "PostgreSQL refused the login of a command in a one-off dyno.",
        "Check that the config var holds the new credential (its prefix, never its value), then run the same command again.",
    ),
    "exit_status_unknown": Code(
        "The connection to a one-off dyno ended before the exit status of its command was known.",
        "Look at the app's log for the dyno, then run the same command again; allow more time (dyno_timeout) if it was too slow.",
        retryable=True,
    ),
    "smoke_failed": Code(
        "The smoke suite of an app goes on failing.",
        "Check the prefix of the app's config var, never its value (2d). Stop and escalate if the cause is not clear within "
        "15 minutes (E2).",
    ),
    "smoke_timeout": Code(
        "The smoke suite of an app does not come to an end.",
        "Check that the app answers at all and that the time allowed (timeout) is enough. Stop and escalate if the cause is not "
        "clear within 15 minutes (E2).",
    ),
    "log_authentication_failure": Code(
        "The app's log shows that PostgreSQL refused a login of the role.",
        "Check that every consumer has the new credential; a dyno that logs this still uses an old one.",
    ),
    "grant_drift": Code(
        "The role lacks a right, as a probe or the app's log shows. Its credential works; this is not an authentication failure.",
        "Re-apply the role's grants, then run the same command again.",
    ),
    "log_inconclusive": Code(
        "The app's log could not be seen completely for the whole window, or shows nothing at all.",
        "Check that the app is in use and its log can be read (heroku logs), then run the same command again.",
        retryable=True,
    ),
    "credential_unusable": Code(
        "Heroku names no active user for the credential.", "Look at the credential (heroku pg:credentials) and escalate."
    ),
    "unsupported_plan": Code(
        "The database's plan has no such credential rotation.", "Compare the inventory with the database's plan; rotate by hand."
    ),
    # E1
    "rotation_refused": Code(
        "Heroku answered the rotation with an error that the procedure does not know.",
        "Stop and escalate; look at the credential (heroku pg:credentials) before any further attempt.",
    ),
    "rotation_unknown": Code(
        "Heroku gave no usable answer to two rotation requests, and the credential has not changed.",
        "Stop and escalate; look at the credential (heroku pg:credentials) before any further attempt.",
    ),
    "rotation_not_settled": Code(
        "The rotation was accepted, but was not complete in time.",
        "Run the same command again; it waits on. To cut the waiting short, add -e forced_rotation=true: "
        "it ends every connection of the credential at once.",
        retryable=True,
    ),
    # Secrets and stores
    "secret_not_found": Code(
        "The vault has no secret of that name (or no such project).",
        "Compare the inventory with the vault; creating a new secret must be asked for (create=true).",
    ),
    "value_not_storable": Code(
        "The store would alter or refuse this value.",
        "Rotate the credential again; a value of the usual form has no such characters.",
    ),
    "write_not_confirmed": Code(
        "The store accepted the write, but reading back did not give the value.",
        "Run the same command again; it reads first and writes only if the value still differs.",
        retryable=True,
    ),
    "approval_pending": Code(
        "The vault did not apply the change but opened an approval request.",
        "Use a machine identity's token, or have the request approved; then run the same command again.",
    ),
    "store_full": Code(
        "The store refuses the write because of a quota (number of parameters, or a label on the oldest version).",
        "Remove parameters or labels that are not needed, or have the quota raised; then run the same command again.",
    ),
    "wrong_type": Code(
        "The parameter exists, but is not a SecureString.",
        "Find out who made it. Move it away or delete it, then run the same command again.",
    ),
    "wrong_prefix": Code(
        "The value does not begin as it must.",
        "Check that the right credential was given; the store was not changed.",
    ),
    "value_hidden": Code(
        "The vault hides the value from this identity, so equality cannot be judged.",
        "Grant the identity the right to read secret values.",
    ),
    # Databases and the proof of a credential
    "database_schema": Code(
        "The database refused a statement: its tables are not as the procedure knows them.",
        "Stop and escalate; compare the tables with the runbook.",
    ),
    "observer_blind": Code(
        "The database role may not see the sessions of other roles, so no statement about them would be true.",
        "Grant pg_monitor to the role (the owner's credential has it on Heroku), then run the same command again.",
    ),
    "unknown_person": Code(
        "Console knows no such email address.",
        "Check the spelling. If the person never had a Console account, say so: -e console_account=false (missing_ok=true).",
    ),
    "parked": Code(
        "The store did not take the new URL after the rotation; it is parked in the fallback, and the apps got it.",
        "When the store is well again, run the same command; it pays the debt.",
        retryable=True,
    ),
    "role_separation_off": Code(
        "An app works on the owner's credential, since its role separation is switched off (E6).",
        "Once the new credential works, switch it on again (playbooks/rollback.yml -e restore=true); then the same command.",
        retryable=True,
    ),
    "config_changed": Code(
        "A config var that the run had set was changed by somebody else before the app was verified.",
        "Find out by whom, and run the same command again; it sets the value right.",
    ),
    "access_found_after_closing": Code(
        "A person whose event is closed had access to Console again.",
        "Find out how, and run the command again with -e new_event=true, so that everything is done anew and recorded.",
    ),
    "access_keeps_appearing": Code(
        "The person logs in again and again; every session was ended, and new ones came.",
        "Have the identity provider lock the account out, then run the same command again; it continues where it stopped.",
        retryable=True,
    ),
    "not_effective": Code(
        "The change was made, but a later look shows that access is still there.",
        "Run the same command again; if it happens again, somebody or something gives the access back: escalate.",
        retryable=True,
    ),
    "new_credential_not_live": Code(
        "The new credential does not work as it must.",
        "Do not distribute it. Check that the rotation has settled and the role's grants, then run the same command again.",
    ),
    "old_credential_alive": Code(
        "The old credential's password is still accepted.",
        "Treat the person as having access. Check that the rotation has settled, then run the same command again.",
    ),
    "path_does_not_check_passwords": Code(
        "The server let a random password in: this way to the database does not check passwords, so no probe proves anything.",
        "Stop and escalate: the database is open on this path.",
    ),
    "proof_inconclusive": Code(
        "The probes got no clear answer.",
        "Check that the database can be reached, then run the same command again.",
        retryable=True,
    ),
    # E3
    "audit_schema": Code(
        "The audit table refused the row, or is not as the procedure knows it.",
        "Stop and escalate; only the row is missing. When the table is right, run the same command again.",
    ),
    "debt_left": Code(
        "Something is still owed: a parked URL, an app on the owner's credential, or a rollback that is not finished.",
        "Give the command that each debt names; playbooks/sync_vault.yml lists them.",
    ),
    # The run
    "run_in_progress": Code(
        "Another run works on the same person or credential, and is alive.",
        "Let it end, then run the same command again. If it shares nothing but credentials with this one, --tags step1 "
        "locks the person out meanwhile.",
        retryable=True,
    ),
    "clock_differs": Code(
        "The clock of this machine is wrong by more than the order of things can bear.",
        "Set the clock (NTP), then run the same command again.",
    ),
    "run_superseded": Code(
        "This run was silent for too long (the machine slept, or lost its network), and another one has taken over.",
        "See how the other run ends, then run the same command again; it continues where that one stopped.",
        retryable=True,
    ),
    "ledger_damaged": Code(
        "A fact of the ledger cannot be read.",
        "Compare the parameter with its version history in SSM; do not edit it before the cause is known.",
    ),
    "evidence_not_written": Code(
        "Evidence cannot be written where it was asked for.",
        "Give another place with -e evidence_directory=... and run the same command again; the ledger holds everything.",
    ),
    "bucket_not_locked": Code(
        "The bucket for copies of the evidence has no object lock with a default retention.",
        "Give a bucket with object lock (deprovision_evidence_bucket), and run the same command again; only the copy is missing.",
    ),
    "signing_key_unusable": Code(
        "The key that evidence is to be signed with cannot be used.",
        "Give an Ed25519 key as an unencrypted PEM file (DEPROVISION_SIGNING_KEY_FILE), or none, and run the same command again.",
    ),
    "plan_differs": Code(
        "The plan of this run is not the one that it was held to with -e plan=...",
        "Look at what differs. If it is right, make a check run again and give the digest that it prints.",
    ),
    "prerequisites_not_met": Code(
        "Something that the procedure needs is not as it must be.",
        "Mend all of this and run the same command again.",
    ),
}
