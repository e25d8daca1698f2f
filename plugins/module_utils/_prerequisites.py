# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""P1 to P5: everything that the procedure needs, looked at side by side and reported together, before anything changes."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._attestation import age_words
from ansible_collections.raxx.deprovision.plugins.module_utils._codes import CODES
from ansible_collections.raxx.deprovision.plugins.module_utils._console import MEMBERSHIPS, SESSIONS, members_of, plain, revoke
from ansible_collections.raxx.deprovision.plugins.module_utils._database import url_from_config
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._event import check_email, is_ticket_subject
from ansible_collections.raxx.deprovision.plugins.module_utils._freescout import FreescoutClient
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._infisical import InfisicalClient
from ansible_collections.raxx.deprovision.plugins.module_utils._ledger import Facts, Ledger
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import both
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import probe
from ansible_collections.raxx.deprovision.plugins.module_utils._proof import lacks_right
from ansible_collections.raxx.deprovision.plugins.module_utils._results import check_writable
from ansible_collections.raxx.deprovision.plugins.module_utils._rotation import present_url
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import SsmClient, from_params
from ansible_collections.raxx.deprovision.plugins.module_utils._statement import signing_key
from ansible_collections.raxx.deprovision.plugins.module_utils._times import now, parse

Params = t.Mapping[str, t.Any]

# By how much the clocks of those who run the procedure may differ from that of AWS. It signs requests with up to five minutes.
MOST_SKEW = timedelta(seconds=30)

MET = "met"
REFUSED = "refused"
OUTAGE = "outage"
# Worth knowing; it stops nothing.
NOTED = "noted"

# What is to be mended before a rotation, but must not keep the person from being locked out.
_AFTER_LOCKOUT = ("grant_drift",)
# Without these nobody can be locked out, so an outage of them ends the run at once.
_NEEDED_FOR_LOCKOUT = ("Console",)
# What the lock-out does without: the ledger, the ticket, the apps, and the credentials with their stores.
_NOT_NEEDED_FOR_LOCKOUT = ("P3", "P4", "Y3", "Y4", "Y5")
# The tags of a run that does no more than lock somebody out; after a prerequisite that is not met, step 5 is left out.
_TAGS_OF_LOCKOUT = ({"step1"}, {"step1", "step5"})


@dataclass(frozen=True)
class Check:
    """C(state) is V(met), V(refused) (somebody must mend it), V(outage) or V(noted). C(text) is one line for the operator.

    C(advice) is the text of an outage or a refusal with what to do next and its code.
    """

    id: str
    system: str
    state: str
    text: str
    code: str = ""
    advice: str = ""

    @property
    def can_wait(self) -> bool:
        """Whether it was refused, and the person can be locked out all the same.

        The ticket of somebody else cannot wait: it may be the wrong person who is to be locked out.
        """
        wrong_ticket = self.id == "P4" and self.code == "invalid_input"
        return self.state == REFUSED and self.id in _NOT_NEEDED_FOR_LOCKOUT and not wrong_ticket

    def line(self) -> str:
        mark = {MET: "ok", REFUSED: "NO", OUTAGE: "??", NOTED: "!!"}[self.state]
        return f"{mark}  {self.id:<3} {self.system:<28} {self.text}"


@dataclass(frozen=True)
class Report:
    """All checks, and what they found on the way: who the operator is and what each person has now."""

    checks: tuple[Check, ...]
    operator: str
    people: tuple[dict[str, t.Any], ...]

    @property
    def refused(self) -> list[Check]:
        return [
            check
            for check in self.checks
            if check.state == REFUSED or (check.state == OUTAGE and check.system in _NEEDED_FOR_LOCKOUT)
        ]

    def refusals(self) -> str:
        """What must be mended, each thing once, with the checks that met it."""
        met: dict[str, list[str]] = {}
        for check in self.refused:
            met.setdefault(check.text.replace("Nothing was changed. ", ""), []).append(f"{check.id} {check.system}")
        return " ".join(f"({', '.join(checks)}) {text}" for text, checks in met.items())

    @property
    def next_step(self) -> str:
        """What to do about refusals, and how to lock the person out in spite of them, if that is possible."""
        mend = CODES["prerequisites_not_met"].next_step
        for_a_person = any(check.id == "P1" for check in self.checks)
        if for_a_person and all(check.can_wait for check in self.refused):
            return f"{mend} To lock the person out meanwhile, add --tags step1."
        return mend

    @property
    def outages(self) -> list[Check]:
        return [check for check in self.checks if check.state == OUTAGE]

    @property
    def ledger_available(self) -> bool:
        return all(check.state == MET for check in self.checks if check.id == "P3")


class _Probe:
    """One check: runs C(look), which returns the line for the operator, and turns an exception into the check's state."""

    def __init__(self, identifier: str, system: str, look: t.Callable[[], str]) -> None:
        self._identifier, self._system, self._look = identifier, system, look

    def __call__(self) -> Check:
        try:
            return Check(self._identifier, self._system, MET, self._look())
        except DeprovisionError as error:
            if error.retryable or isinstance(error, UnreachableError) or error.code in _AFTER_LOCKOUT:
                return Check(self._identifier, self._system, OUTAGE, error.message, error.code, error.as_text())
            text = f"{error.message} {error.next_step}"
            return Check(self._identifier, self._system, REFUSED, text, error.code, error.as_text())


def inspect(params: Params, check_mode: bool) -> Report:
    """Makes every check that C(params) (the options of the module C(deprovision_prerequisites)) ask for."""
    emails = [check_email(text) for text in params["emails"]]
    if params["notice"] and parse(params["notice"], "notice") > now():
        raise DeprovisionError("invalid_input", "The notice lies in the future; give the time at which it was confirmed, in UTC.")
    stated = check_email(params["operator"]) if params["operator"] else ""
    probes: list[t.Callable[[], Check]] = [
        *_credential_probes(params),
        *(_Probe("Y3", f"app {app['name']}", partial(_app, params, app)) for app in params["apps"]),
        _Probe("P3", "AWS SSM", partial(_aws, params, check_mode)),
        _Probe("P4", "FreeScout", partial(_tickets, params, emails)),
        _Probe("P5", "evidence", partial(_evidence, params, check_mode)),
        _Probe("Y", "inventory", partial(_inventory, params)),
        partial(_rehearsal, params),
    ]
    with ThreadPoolExecutor(max_workers=1 + len(params["consoles"]) + len(probes)) as pool:
        identity = pool.submit(_identity, params)
        people = _People(emails, stated, identity)
        consoles = [_Probe("P1", "Console", partial(_console, params, app, people)) for app in params["consoles"]]
        checks = list(pool.map(lambda probe: probe(), [*consoles, *probes]))
    return Report(counted((identity.result()[1], *checks), params["tags"]), people.operator, tuple(people.found.values()))


def counted(checks: t.Sequence[Check], tags: t.Iterable[str]) -> tuple[Check, ...]:
    """C(checks) as they count in a run with these C(--tags). Pure.

    Whoever wants to lock somebody out and nothing else is not refused for what can wait: it counts as an outage.
    """
    alone = set(tags) in _TAGS_OF_LOCKOUT
    return tuple(replace(check, state=OUTAGE) if alone and check.can_wait else check for check in checks)


def _identity(params: Params) -> tuple[str, Check]:
    """P2: the address of the Heroku account, in lower case, and the check of it."""
    accounts: list[str] = []

    def look() -> str:
        accounts.append(HerokuClient.from_params(params).account().email.lower())
        return f"authenticated as {accounts[0]}"

    check = _Probe("P2", "Heroku", look)()
    if check.state == OUTAGE and not params["operator"]:
        # Nobody could be held against P1, nor named in the record.
        unknown = "Who runs this is not known. Give your address, -e operator=..., or wait until Heroku is back."
        check = replace(check, state=REFUSED, text=f"{check.text} {unknown}")
    return (accounts[0] if accounts else ""), check


@dataclass
class _People:
    """Who leaves and who does it; what Console says of them is added by the check of Console.

    C(stated) is the operator's address as the operator gives it, or empty. C(identity) is what L(_identity) finds.
    """

    emails: list[str]
    stated: str
    identity: Future[tuple[str, Check]]
    found: dict[str, dict[str, t.Any]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The address of the Heroku account; waits until P2 was looked at."""
        return self.identity.result()[0]

    @property
    def operator(self) -> str:
        return self.stated or self.account

    def add(self, email: str, **had: list[dict[str, t.Any]]) -> None:
        """Notes what an account had. A person can have several: in several consoles, or with other capitals."""
        person = self.found.setdefault(email, {"email": email, "memberships": [], "sessions": [], "listings": []})
        for kind, items in had.items():
            person[kind] = person[kind] + items


def _console(params: Params, app: str, people: _People) -> str:
    """P1: the operator is a superadmin, and is not one of the people; the people exist; a superadmin remains."""
    url = url_from_config(HerokuClient.from_params(params), app, "DATABASE_URL")
    timeout = params["database_timeout"]
    group = params["superadmin_group"]
    superadmins = members_of(url, group, timeout=timeout)
    problems = []
    if people.operator and people.operator not in superadmins:
        problems.append(f"{people.operator} is not in the group {group} (P1).")
    own = sorted({people.operator, people.account} & set(people.emails))
    if own:
        problems.append(f"{own[0]} is the operator's own account; another {group} must run this.")
    if superadmins and superadmins <= set(people.emails):
        problems.append(f"{', '.join(sorted(superadmins))} is the last {group}; appoint another one first.")
    if problems:
        raise DeprovisionError("invalid_input", " ".join(problems), system="Console")
    missing_ok = not params["console_account"]
    memberships = revoke(url, MEMBERSHIPS, people.emails, missing_ok=missing_ok, timeout=timeout, check_mode=True)
    sessions = revoke(url, SESSIONS, people.emails, missing_ok=missing_ok, timeout=timeout, check_mode=True)
    for person in memberships.people:
        people.add(
            person.email.strip().lower(),
            memberships=[{**item.facts, "console": app, "account": plain(person.id)} for item in memberships.had(person)],
            sessions=[{**item.facts, "console": app, "account": plain(person.id)} for item in sessions.had(person)],
            listings=[
                {**found.listing(person), "console": app, "kind": kind}
                for kind, found in (("memberships", memberships), ("sessions", sessions))
            ],
        )
    accounts = f"{len(memberships.people)} of {len(people.emails)} people have an account"
    return f"{people.operator or 'the operator'} is {group}; {accounts}"


def _credential_probes(params: Params) -> list[_Probe]:
    """For each credential that will be rotated: it can be found, and its store and its fallback can be read."""
    probes = []
    for credential in params["credentials"]:
        if credential["waived"]:
            continue
        store = credential["store"]
        if credential["app"]:
            probes.append(_Probe("Y3", f"credential {credential['name']}", partial(_credential, params, credential)))
        if store["kind"] == "infisical":
            probes.append(_Probe("Y4", "Infisical", partial(_vault, params, store)))
        else:
            probes.append(_Probe("Y5", "AWS SSM", partial(_parameter, params, store)))
        if credential["fallback"]:
            probes.append(_Probe("Y5", "AWS SSM, fallback", partial(_parameter, params, credential["fallback"])))
    return probes


def _credential(params: Params, credential: Params) -> str:
    """Y3: it can be found, and its role may do what it must as long as nothing was rotated."""
    client = HerokuClient.from_params(params)
    addon = client.resolve_addon(credential["app"], credential["addon"])
    role, store = credential["role"], client.credential(addon, credential["role"])
    # With any other answer the rotation may be what mends it.
    url = present_url(store)
    if url and lacks_right(probe(url, timeout=params["database_timeout"], permitted=credential["permitted_query"]), role):
        raise DeprovisionError(
            "grant_drift",
            f"The credential of {role} works, but the role may not run the query that must work (SQLSTATE 42501). "
            "This run does not rotate it: a new one would lack the same right.",
            system=store.name,
        )
    return f"{role} of {addon.name} is {store.state}"


def _vault(params: Params, store: Params) -> str:
    client = InfisicalClient.from_params(
        params, workspace_id=params["infisical_workspace_id"], environment=store["environment"], path=store["path"]
    )
    secret = client.read(store["name"])
    if secret is None:
        raise DeprovisionError(
            "secret_not_found", f"Infisical has no secret {store['name']} in {store['path']}.", system="Infisical"
        )
    return f"{store['path']}/{store['name']} is readable, version {secret.version}"


def _parameter(params: Params, store: Params) -> str:
    parameter = from_params(params).get(store["name"])
    return f"{store['name']} is readable" if parameter else f"{store['name']} may be read, and does not exist"


def _app(params: Params, app: Params) -> str:
    HerokuClient.from_params(params).app(app["app"])
    # As the module smoke_suite looks for it: a path is one of the checkout, a bare name one of PATH.
    name = app["smoke_command"][0]
    found = os.access(Path(app["smoke_directory"], name), os.X_OK) if "/" in name else shutil.which(name)
    if not found or not Path(app["smoke_directory"]).is_dir():
        raise DeprovisionError(
            "invalid_input",
            f"The smoke suite {name} (Y7) is not in {app['smoke_directory']}.",
            next_step="Set RAPTOR_CHECKOUT to a checkout of Raptor.",
        )
    return f"{app['app']} is there, and so is its smoke suite"


def _aws(params: Params, check_mode: bool) -> str:
    """P3: the ledger can be written, which is proved by a parameter that is written, read and removed again."""
    client = from_params(params)
    canary = f"{params['ledger_prefix'].rstrip('/')}/canary/{secrets.token_hex(8)}"
    if check_mode:
        identity, _none = both(client.whoami, partial(client.get_many, [canary]))
        return f"{identity} may read {params['ledger_prefix']}"
    identity, _written = both(client.whoami, partial(_write_canary, client, canary))
    return f"{identity} may write {params['ledger_prefix']}"


def _rehearsal(params: Params) -> Check:
    """S5: how old the last rehearsal is. Whatever is found, it never stops a run."""
    try:
        overdue, words = age_words(_attested(params), now().date())
    except (DeprovisionError, ValueError) as error:
        reason = error.code if isinstance(error, DeprovisionError) else "ledger_damaged"
        return Check("S5", "rehearsal", NOTED, f"when the last one was cannot be read ({reason})")
    return Check("S5", "rehearsal", NOTED if overdue else MET, words)


def _attested(params: Params) -> dict[str, Facts]:
    """The facts about rehearsals, by their names."""
    return Ledger(from_params(params), params["attestation_prefix"] or params["ledger_prefix"]).attestations()


def _write_canary(client: SsmClient, name: str) -> None:
    begun = now()
    client.create(name, "canary", secure=True)
    # Read as the ledger's facts are, which takes a right that nothing needs before the lock-out.
    written = client.get_many([name]).get(name)
    ended = now()
    # That it can be written is proved by now; one that stays all the same is worth nothing to anybody.
    with contextlib.suppress(DeprovisionError):
        _delete_canary(client, name)
    if written is None or written.value != "canary":
        raise DeprovisionError("write_not_confirmed", "A parameter that was written could not be read back.", system="AWS SSM")
    at = parse(written.last_modified)
    if not begun - MOST_SKEW <= at <= ended + MOST_SKEW:
        raise DeprovisionError(
            "clock_differs",
            f"The clock of this machine differs by {abs((ended - at).total_seconds()):.0f} s from that of AWS. By such times it "
            "is decided whether a rotation came after somebody had left.",
            system="AWS SSM",
        )


def _delete_canary(client: SsmClient, name: str) -> None:
    try:
        client.delete(name)
    except UnreachableError:
        if client.get(name):
            client.delete(name)


def _tickets(params: Params, emails: list[str]) -> str:
    """P4: a ticket that the operator names must be one for this person; anything else would be annotated and closed."""
    client = FreescoutClient.from_params(params)
    number = params["ticket"]
    if number is None:
        client.by_subject("DEPROV-", params["freescout_mailbox_id"])
        return "the API answers; a ticket will be found or created"
    if len(emails) > 1:
        raise DeprovisionError(
            "invalid_input", "One ticket cannot stand for several people.", next_step="Leave ticket out; each gets its own."
        )
    found = client.by_number(number)
    if not found:
        raise DeprovisionError(
            "invalid_input", f"FreeScout has no ticket {number} (P4).", next_step="Correct -e ticket=... or leave it out."
        )
    subject = found[0].subject
    if not is_ticket_subject(subject, emails[0]):
        raise DeprovisionError(
            "invalid_input",
            f"Ticket {number} has the subject {subject[:80]!r} and is not one for {emails[0]} (P4).",
            next_step="Correct -e ticket=... or leave it out.",
        )
    return f"ticket {number} is {subject}"


def _evidence(params: Params, check_mode: bool) -> str:
    """I14: nothing is changed unless it can be recorded, and signed if that is wanted."""
    if params["evidence_path"]:
        check_writable(Path(params["evidence_path"]).absolute(), check_mode=check_mode)
    key = signing_key(params["signing_key_file"])
    signed = f"signed with the key {key.keyid[:16]}" if key else "UNSIGNED, for no signing key is configured"
    return f"can be written below {params['evidence_path'] or 'nothing'}; {signed}"


def _inventory(params: Params) -> str:
    problems = inventory_problems(params["credentials"], params["apps"], params["infisical_workspace_id"])
    problems += [
        f"{name} is not set ({name.upper()})." for name in ("freescout_mailbox_id", "freescout_user_id") if not params[name]
    ]
    if problems:
        raise DeprovisionError("invalid_input", " ".join(problems), next_step="Complete the inventory (docs/inventory.md).")
    return f"{len(params['credentials'])} credentials, {len(params['apps'])} apps"


def inventory_problems(credentials: t.Sequence[Params], apps: t.Sequence[Params], workspace_id: str) -> list[str]:
    """What the inventory lacks that is only found where two of its entries are looked at together."""
    known = {app["name"] for app in apps}
    problems = []
    for credential in credentials:
        name, store = credential["name"], credential["store"]
        unknown = [consumer["app"] for consumer in credential["consumers"] if consumer["app"] not in known]
        problems += [f"{name} has the consumer {app}, which is not in the group apps." for app in unknown]
        if "one_off" in credential["checks"] and not credential["one_off_command"]:
            problems.append(f"{name} has the check one_off, but no credential_one_off_command.")
        if store["kind"] == "infisical":
            problems += [f"The store of {name} has no {key}." for key in ("environment", "path") if not store.get(key)]
            if not workspace_id:
                problems.append(f"{name} is kept in Infisical, but infisical_workspace_id is empty (INFISICAL_WORKSPACE_ID).")
    return problems
