# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_prerequisites (P1 to P5): everything that is wrong is said at once, before anything changes."""

from __future__ import annotations

import typing as t
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _prerequisites, _ssm, _times
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._freescout import FreescoutClient
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import Addon, CredentialStore, CredentialUser, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._postgres import ProbeResult
from botocore.exceptions import ConnectionClosedError

from .conftest import ModuleRunner
from .ledger_world import PLACE, PREFIX, parameters


def credential(name: str, store: dict[str, str]) -> dict[str, t.Any]:
    """An entry as the filter credential_list gives it."""
    place = {"app": "raxx-api-test", "addon": "DATABASE", "role": name, "store": store}
    work: dict[str, t.Any] = {"checks": [], "consumers": [], "one_off_command": None, "permitted_query": "SELECT 1"}
    return {"name": name, "waived": False, "fallback": {}, **work, **place}


PARAMS: dict[str, t.Any] = {
    "emails": ["Jordan.Smith@raxx.example"],
    "consoles": ["raxx-console-test"],
    "credentials": [
        credential("raptor_app", {"kind": "infisical", "environment": "test", "path": "/raxx", "name": "URL"}),
        credential("audit_archiver", {"kind": "ssm", "name": "/raxx/test/URL"}),
    ],
    "apps": [{"name": "raptor", "app": "raxx-api-test", "smoke_command": ["smoke.sh"], "smoke_directory": "/nowhere"}],
    "ledger_prefix": "/raxx/test/deprovision",
    "infisical_url": "https://vault.example",
    "infisical_workspace_id": "w-1",
    "freescout_url": "https://help.example",
    "freescout_mailbox_id": 3,
    "freescout_user_id": 9,
}

CONSOLE = _prerequisites._console
LOOKS = ("_console", "_credential", "_vault", "_parameter", "_app", "_aws", "_tickets")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """What each look finds: a line, or an exception. Every look succeeds until a test says otherwise."""
    found: dict[str, t.Any] = {name: f"{name} is fine" for name in (*LOOKS, "account")}
    found["account"] = "Olivia.Osei@raxx.example"
    found["_attested"] = {_times.now().date().isoformat(): {"result": "passed"}}

    def answer(name: str) -> t.Any:
        def look(*_arguments: t.Any) -> t.Any:
            if isinstance(found[name], Exception):
                raise found[name]
            return found[name]

        return look

    for name in (*LOOKS, "_attested"):
        monkeypatch.setattr(_prerequisites, name, answer(name))

    class Client:
        def account(self) -> t.Any:
            return type("Account", (), {"email": answer("account")()})

    monkeypatch.setattr(HerokuClient, "from_params", lambda params: Client())
    return found


def known(account: str) -> Future[tuple[str, _prerequisites.Check]]:
    """P2, looked at and met."""
    identity: Future[tuple[str, _prerequisites.Check]] = Future()
    identity.set_result((account, _prerequisites.Check("P2", "Heroku", _prerequisites.MET, "")))
    return identity


def test_the_account_is_asked_beside_everything_else(
    run_main: ModuleRunner, answers: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """P2. Only the check of Console has to know who operates, and not before it has the list of those who may."""
    together = Barrier(3, timeout=10)

    def account(_client: HerokuClient) -> t.Any:
        together.wait()
        return type("Account", (), {"email": "olivia.osei@raxx.example"})

    def members_of(*_arguments: t.Any, **_options: t.Any) -> set[str]:
        together.wait()
        return {"olivia.osei@raxx.example"}

    monkeypatch.setattr(HerokuClient, "from_params", lambda params: type("Client", (), {"account": account})())
    monkeypatch.setattr(_prerequisites, "_console", CONSOLE)
    monkeypatch.setattr(_prerequisites, "url_from_config", lambda *arguments: "postgres://db")
    monkeypatch.setattr(_prerequisites, "members_of", members_of)
    monkeypatch.setattr(_prerequisites, "revoke", lambda *arguments, **options: type("Nobody", (), {"people": ()})())
    monkeypatch.setattr(_prerequisites, "_aws", lambda *_arguments: str(together.wait()))
    lines = run_main("deprovision_prerequisites", PARAMS).result["lines"]
    assert "olivia.osei@raxx.example is superadmin" in next(line for line in lines if "P1" in line)


@pytest.mark.parametrize("check", [True, False])
def test_whose_rights_they_are_is_asked_while_they_are_tried(store: t.Any, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    """P3."""
    together = Barrier(2, timeout=10)
    get_many, whoami = _ssm.SsmClient.get_many, _ssm.SsmClient.whoami

    def waiting_get_many(client: _ssm.SsmClient, names: t.Sequence[str]) -> t.Any:
        together.wait()
        return get_many(client, names)

    def waiting_whoami(client: _ssm.SsmClient) -> str:
        together.wait()
        return whoami(client)

    monkeypatch.setattr(_ssm.SsmClient, "get_many", waiting_get_many)
    monkeypatch.setattr(_ssm.SsmClient, "whoami", waiting_whoami)
    assert "arn:aws:" in _prerequisites._aws(PLACE, check)


def test_the_operator_is_the_account_unless_somebody_else_is_named(run_main: ModuleRunner, answers: dict[str, t.Any]) -> None:
    outcome = run_main("deprovision_prerequisites", PARAMS)
    assert (outcome.result["operator"], outcome.result["outages"]) == ("olivia.osei@raxx.example", [])
    assert all(line.startswith("ok") for line in outcome.result["lines"])
    named = run_main("deprovision_prerequisites", {**PARAMS, "operator": "Priya.Patel@raxx.example"})
    assert named.result["operator"] == "priya.patel@raxx.example"


def test_everything_that_is_wrong_is_said_at_once(run_main: ModuleRunner) -> None:
    """Without a single credential on this machine no call is made, and each system's missing credential is named."""
    outcome = run_main("deprovision_prerequisites", PARAMS)
    assert outcome.code == "prerequisites_not_met"
    told = {(check["system"], check["code"]) for check in outcome.result["failure"]["details"]["checks"]}
    assert {("Heroku", "credentials_missing"), ("Infisical", "credentials_missing"), ("FreeScout", "credentials_missing")} <= told
    for words in ("HEROKU_API_KEY", "INFISICAL_TOKEN", "FREESCOUT_API_KEY", "Nothing was changed"):
        assert words in outcome.result["msg"]


@pytest.mark.parametrize("look", ["_credential", "_vault", "_parameter", "_aws", "_tickets", "_app"])
def test_an_outage_elsewhere_does_not_delay_the_lockout(run_main: ModuleRunner, answers: dict[str, t.Any], look: str) -> None:
    answers[look] = UnreachableError("unreachable", "It gave no answer.", system="It")
    outcome = run_main("deprovision_prerequisites", PARAMS)
    assert not outcome.failed
    assert {entry["code"] for entry in outcome.result["outages"]} == {"unreachable"}
    assert outcome.result["ledger_available"] is (look != "_aws")


def test_grant_drift_is_told_before_a_rotation_and_delays_no_lockout(run_main: ModuleRunner, answers: dict[str, t.Any]) -> None:
    """1a, 2a: what the present credential may not do, its successor may not do either."""
    answers["_credential"] = DeprovisionError("grant_drift", "The role lacks a right.")
    outcome = run_main("deprovision_prerequisites", PARAMS)
    assert not outcome.failed
    told = {(entry["host"], entry["code"]) for entry in outcome.result["outages"]}
    assert told == {("credential raptor_app", "grant_drift"), ("credential audit_archiver", "grant_drift")}
    assert all("Re-apply the role's grants" in entry["message"] for entry in outcome.result["outages"])


@pytest.mark.parametrize(
    ("answer", "drifted"),
    [
        ({"current_user": "rose", "session_user": "rose"}, False),
        ({"current_user": "rose", "session_user": "rose", "permitted_sqlstate": "42501"}, True),
        ({"current_user": "rose", "session_user": "rose", "permitted_sqlstate": "57014"}, False),
        ({"outcome": "refused", "sqlstate": "28P01"}, False),
        ({"outcome": "inconclusive", "reason": "TimeoutError"}, False),
        (None, False),
    ],
)
def test_the_present_credential_is_tried(monkeypatch: pytest.MonkeyPatch, answer: dict[str, t.Any] | None, drifted: bool) -> None:
    """Practice R0. Only a missing right is known from it: a rotation is what mends a password that is dead."""
    users = (CredentialUser("rose", "secret", "active", None),) if answer else ()
    found = CredentialStore("rose", "active", "db.example", 5432, "raptor", users)
    addon = Addon("1", "addon", "heroku-postgresql:standard-0", "raxx-api-test")
    client = type("Client", (), {"resolve_addon": lambda *_: addon, "credential": lambda *_: found})()
    asked: list[t.Any] = []

    def probe(url: str, **options: t.Any) -> ProbeResult:
        asked.append((url, options))
        return ProbeResult(**{"outcome": "logs_in", **(answer or {})})

    monkeypatch.setattr(HerokuClient, "from_params", lambda params: client)
    monkeypatch.setattr(_prerequisites, "probe", probe)
    look = partial(_prerequisites._credential, {"database_timeout": 5}, credential("rose", {}))
    if drifted:
        with pytest.raises(DeprovisionError, match=r"the role may not run .* \(SQLSTATE 42501\)"):
            look()
    else:
        assert "rose of addon is active" in look()
    once = ("postgres://rose:secret@db.example:5432/raptor", {"timeout": 5, "permitted": "SELECT 1"})
    assert asked == ([once] if answer else [])


def test_without_console_nothing_can_be_done(run_main: ModuleRunner, answers: dict[str, t.Any]) -> None:
    answers["_console"] = UnreachableError("unreachable", "No connection.", system="Console database")
    assert run_main("deprovision_prerequisites", PARAMS).code == "prerequisites_not_met"


def test_nobody_is_locked_out_by_an_operator_whom_nobody_knows(run_main: ModuleRunner, answers: dict[str, t.Any]) -> None:
    """P1, P2: without Heroku's answer only -e operator says who it is, and whether that is a superadmin."""
    answers["account"] = UnreachableError("unreachable", "Heroku gave no usable answer.", system="Heroku")
    outcome = run_main("deprovision_prerequisites", PARAMS)
    assert outcome.code == "prerequisites_not_met"
    for words in ("Nothing was changed.", "(P2 Heroku)", "Heroku gave no usable answer.", "-e operator="):
        assert words in outcome.result["msg"]
    named = run_main("deprovision_prerequisites", {**PARAMS, "operator": "Priya.Patel@raxx.example"})
    assert named.result["operator"] == "priya.patel@raxx.example"
    assert [entry["step"] for entry in named.result["outages"]] == ["P2"]


@pytest.mark.parametrize("look", LOOKS)
def test_a_refusal_anywhere_stops_before_anything_changes(run_main: ModuleRunner, answers: dict[str, t.Any], look: str) -> None:
    answers[look] = ApiError("unauthorized", "It refused the token.", system="It", status=401)
    outcome = run_main("deprovision_prerequisites", PARAMS)
    assert outcome.code == "prerequisites_not_met"
    assert "It refused the token." in outcome.result["msg"]


REFUSAL = ApiError("unauthorized", "It refused the token.", system="It", status=401)
HINT = "To lock the person out meanwhile, add --tags step1."
WAITS = ("_credential", "_vault", "_parameter", "_aws", "_tickets", "_app")


@pytest.mark.parametrize("tags", [["step1"], ["step1", "step5"]])
@pytest.mark.parametrize("look", WAITS)
def test_what_the_lock_out_does_not_need_cannot_refuse_a_run_of_it_alone(
    run_main: ModuleRunner, answers: dict[str, t.Any], look: str, tags: list[str]
) -> None:
    """1a, 1b: the token of the vault has expired, and the person has to go now."""
    answers[look] = REFUSAL
    outcome = run_main("deprovision_prerequisites", {**PARAMS, "tags": tags})
    assert not outcome.failed
    assert {(entry["code"], entry["message"]) for entry in outcome.result["outages"]} == {("unauthorized", REFUSAL.as_text())}
    assert outcome.result["ledger_available"] is (look != "_aws")
    assert any(line.startswith("??") and "It refused the token." in line for line in outcome.result["lines"])


@pytest.mark.parametrize("tags", [["all"], ["step1", "step2"], ["step5"]])
def test_a_run_of_more_than_the_lock_out_is_refused_and_told_how_to_lock_out(
    run_main: ModuleRunner, answers: dict[str, t.Any], tags: list[str]
) -> None:
    answers |= {"_vault": REFUSAL, "_tickets": REFUSAL}
    outcome = run_main("deprovision_prerequisites", {**PARAMS, "tags": tags})
    assert outcome.code == "prerequisites_not_met"
    assert HINT in outcome.result["msg"]


@pytest.mark.parametrize(
    ("look", "refusal"),
    [
        ("account", REFUSAL),
        ("_console", REFUSAL),
        ("_console", UnreachableError("unreachable", "No connection.", system="Console database")),
        ("_evidence", DeprovisionError("evidence_not_written", "No evidence can be written.")),
        ("_inventory", DeprovisionError("invalid_input", "It has a gap.")),
        ("_tickets", DeprovisionError("invalid_input", "The ticket is that of somebody else.")),
    ],
)
def test_what_the_lock_out_needs_refuses_it_too(
    run_main: ModuleRunner, monkeypatch: pytest.MonkeyPatch, answers: dict[str, t.Any], look: str, refusal: DeprovisionError
) -> None:
    """P1, P2, I14. No hint is given, for it would not help."""

    def refuse(*_arguments: t.Any) -> t.Any:
        raise refusal

    answers["_vault"] = REFUSAL
    if look == "account":
        answers[look] = refusal
    else:
        monkeypatch.setattr(_prerequisites, look, refuse)
    for tags in (["step1"], ["all"]):
        outcome = run_main("deprovision_prerequisites", {**PARAMS, "tags": tags})
        assert outcome.code == "prerequisites_not_met"
        assert refusal.message in outcome.result["msg"]
        assert HINT not in outcome.result["msg"]


def test_a_rotation_without_a_leaver_is_told_of_no_lock_out(run_main: ModuleRunner, answers: dict[str, t.Any]) -> None:
    """E5."""
    answers["_vault"] = REFUSAL
    outcome = run_main("deprovision_prerequisites", {**PARAMS, "emails": [], "consoles": []})
    assert outcome.code == "prerequisites_not_met"
    assert HINT not in outcome.result["msg"]


@pytest.mark.parametrize(
    ("option", "value"), [("emails", ["jordan"]), ("operator", "o'hara"), ("notice", "now"), ("notice", "2999-01-01T00:00:00Z")]
)
def test_bad_input_is_refused_before_any_look(run_main: ModuleRunner, option: str, value: t.Any) -> None:
    assert run_main("deprovision_prerequisites", {**PARAMS, option: value}).code == "invalid_input"


@pytest.mark.parametrize(
    ("operator", "account", "emails", "words"),
    [
        ("olivia@x.y", "olivia@x.y", ["jordan@x.y"], None),
        ("mateo@x.y", "mateo@x.y", ["jordan@x.y"], "mateo@x.y is not in the group superadmin (P1)"),
        ("olivia@x.y", "olivia@x.y", ["olivia@x.y", "jordan@x.y"], "olivia@x.y is the operator's own account"),
        ("olivia@x.y", "jordan@x.y", ["jordan@x.y"], "jordan@x.y is the operator's own account"),
        ("priya@x.y", "priya@x.y", ["olivia@x.y"], "olivia@x.y is the last superadmin"),
    ],
)
def test_p1(monkeypatch: pytest.MonkeyPatch, operator: str, account: str, emails: list[str], words: str | None) -> None:
    """P1, and the two people whose access this run cannot take: the operator and the last superadmin."""
    monkeypatch.setattr(HerokuClient, "from_params", lambda params: None)
    monkeypatch.setattr(_prerequisites, "url_from_config", lambda *arguments: "postgres://db")
    monkeypatch.setattr(_prerequisites, "members_of", lambda *arguments, **options: {"olivia@x.y"})
    nobody = type("Nobody", (), {"people": ()})()
    monkeypatch.setattr(_prerequisites, "revoke", lambda *arguments, **options: nobody)
    people = _prerequisites._People(emails, operator, known(account))
    params = {"database_timeout": 5, "superadmin_group": "superadmin", "console_account": True}
    if words is None:
        assert "olivia@x.y is superadmin" in _prerequisites._console(params, "raxx-console-test", people)
    else:
        with pytest.raises(DeprovisionError, match=words.replace("(", r"\(").replace(")", r"\)")):
            _prerequisites._console(params, "raxx-console-test", people)


def test_the_smoke_suite_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Y7: better now than after the rotation."""
    client = type("Client", (), {"app": lambda self, name: None})()
    monkeypatch.setattr(HerokuClient, "from_params", lambda params: client)
    app = {"app": "raxx-api-test", "smoke_directory": str(tmp_path), "smoke_command": ["./smoke.sh"]}
    with pytest.raises(DeprovisionError, match="is not in"):
        _prerequisites._app({}, app)
    (tmp_path / "smoke.sh").touch(mode=0o755)
    assert "smoke suite" in _prerequisites._app({}, app)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"consumers": [{"app": "rapter"}]}, "consumer rapter"),
        ({"checks": ["one_off"]}, "no credential_one_off_command"),
        ({"store": {"kind": "infisical", "name": "URL", "environment": "test"}}, "has no path"),
    ],
)
def test_a_gap_between_two_entries_of_the_inventory_is_found_before_anything_changes(
    change: dict[str, t.Any], words: str
) -> None:
    entry = {**PARAMS["credentials"][0], **change}
    assert words in " ".join(_prerequisites.inventory_problems([entry], [{"name": "raptor"}], "w-1"))


def test_a_whole_inventory_has_no_gap() -> None:
    assert _prerequisites.inventory_problems(PARAMS["credentials"], PARAMS["apps"], "w-1") == []
    assert "INFISICAL_WORKSPACE_ID" in " ".join(_prerequisites.inventory_problems(PARAMS["credentials"], PARAMS["apps"], ""))


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ("DEPROV-2026-05-19-jordan.smith", True),
        ("DEPROV-2026-05-19-jordan.smith-2", True),
        ("DEPROV-2026-05-19-jordan.smithers", False),
        ("DEPROV-2026-05-19-priya.patel", False),
        ("Laptop does not charge", False),
    ],
)
def test_the_ticket_of_somebody_else_is_not_taken(monkeypatch: pytest.MonkeyPatch, subject: str, fits: bool) -> None:
    """P4: what is named would be annotated and closed."""
    found = type("Conversation", (), {"subject": subject})()
    client = type("Client", (), {"by_number": lambda self, number: [found]})()
    monkeypatch.setattr(FreescoutClient, "from_params", lambda params: client)
    params = {"ticket": 4711, "freescout_mailbox_id": 3}
    if fits:
        assert subject in _prerequisites._tickets(params, ["jordan.smith@raxx.example"])
        with pytest.raises(DeprovisionError, match="several people"):
            _prerequisites._tickets(params, ["jordan.smith@raxx.example", "priya.patel@raxx.example"])
    else:
        with pytest.raises(DeprovisionError, match="is not one for"):
            _prerequisites._tickets(params, ["jordan.smith@raxx.example"])


def test_a_person_with_two_accounts_is_listed_with_what_both_had() -> None:
    people = _prerequisites._People(["a@x.y"], "o@x.y", known("o@x.y"))
    people.add("a@x.y", memberships=[{"group": "support"}], sessions=[])
    people.add("a@x.y", memberships=[{"group": "billing"}], sessions=[{"id": 1}])
    assert [len(people.found["a@x.y"][kind]) for kind in ("memberships", "sessions")] == [2, 1]


def test_evidence_must_have_a_place(tmp_path: Path) -> None:
    """I14."""
    (tmp_path / "file").touch()
    asked = {"evidence_path": str(tmp_path / "new" / "place"), "signing_key_file": None}
    assert "can be written" in _prerequisites._evidence(asked, False)
    assert "UNSIGNED" in _prerequisites._evidence(asked, True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(DeprovisionError, match="No evidence"):
        _prerequisites._evidence({**asked, "evidence_path": str(tmp_path / "file" / "place")}, False)


@pytest.mark.parametrize(
    ("attested", "said"),
    [
        ({"2020-01-01": {"result": "passed"}}, "!!  S5  rehearsal                    the last rehearsal was on 2020-01-01"),
        ({}, "no rehearsal has been attested"),
        ({"2020-01-01": {"result": "failed"}}, "no rehearsal has passed, and that of 2020-01-01 failed"),
        ({"no date": {}}, "cannot be read (ledger_damaged)"),
        (ApiError("forbidden", "AWS refused."), "cannot be read (forbidden)"),
        (UnreachableError("unreachable", "No answer."), "cannot be read (unreachable)"),
    ],
)
def test_an_old_rehearsal_is_said_and_stops_nothing(
    run_main: ModuleRunner, answers: dict[str, t.Any], attested: t.Any, said: str
) -> None:
    """S5."""
    answers["_attested"] = attested
    outcome = run_main("deprovision_prerequisites", PARAMS)
    (line,) = (line for line in outcome.result["lines"] if " S5 " in line)
    assert line.startswith("!!")
    assert said in line
    assert (outcome.result["outages"], outcome.result["ledger_available"]) == ([], True)


@pytest.mark.parametrize("call", ["put_parameter", "delete_parameter"])
def test_one_lost_answer_is_no_outage(store: t.Any, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """P3, I12, I15: the lock-out would go on without the ledger, and what the person had would be on no record."""
    client = _ssm.SsmClient("us-east-1", sleep=lambda _seconds: None)
    method, calls = getattr(client._ssm, call), []

    def first_is_lost(**arguments: t.Any) -> t.Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise ConnectionClosedError(endpoint_url="https://ssm.example")
        return method(**arguments)

    monkeypatch.setattr(client._ssm, call, first_is_lost)
    _prerequisites._write_canary(client, f"{PREFIX}/canary/1")
    assert calls
    assert client.get(f"{PREFIX}/canary/1") is None


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_wrong_is_refused(store: t.Any, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """P3, I5: by it a rotation from before somebody left would count as one that covers them. AWS accepts up to five minutes."""
    client = _ssm.SsmClient("us-east-1")
    _prerequisites._write_canary(client, f"{PREFIX}/canary/1")
    monkeypatch.setattr(_prerequisites, "now", lambda: _times.now() + timedelta(minutes=minutes))
    with pytest.raises(DeprovisionError, match=r"differs by 2[34]\d s from that of AWS") as caught:
        _prerequisites._write_canary(client, f"{PREFIX}/canary/2")
    assert caught.value.code == "clock_differs"
    assert parameters(store) == {}
