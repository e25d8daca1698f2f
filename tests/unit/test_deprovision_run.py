# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_run (I3): one run at a time for a person and for a credential; a dead one is taken over, and stays dead."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
import responses
from ansible_collections.raxx.deprovision.plugins.module_utils import _http, _lease
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._event import person_key
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import before_write
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._in_charge import watched
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import verify
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import SsmClient
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now

from .conftest import ModuleRunner
from .heroku_answers import API, KEY
from .ledger_world import EMAIL, OPERATOR, PLACE, PREFIX, lose_answer, parameters

PATIENCE = 1.5  # seconds; the clock is moto's, so it is the real one
OTHER = "priya.patel@raxx.example"
RUN = {
    "ledger_prefix": PREFIX,
    "emails": [EMAIL],
    "operator": OPERATOR,
    "credentials": ["raptor_app"],
    "lease_seconds": PATIENCE,
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(_lease, "LONGEST_CHECK_AGE", 0.0)


def write_as(run: dict[str, t.Any]) -> None:
    with watched(run, "infisical_secret", "raptor_app"):
        before_write("Infisical", "PATCH /api/v3/secrets/raw/X")


def test_a_run_that_ended_is_in_nobodys_way(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_run", RUN).result
    assert run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": first["number"]}).result["changed"]
    again = run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": first["number"]})
    assert again.result["changed"] is False
    second = run_main("deprovision_run", {**RUN, "emails": [OTHER]}).result
    assert (first["number"], second["number"], second["taken_over"]) == (1, 2, [])


def test_a_run_that_is_alive_is_not_disturbed(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_run", RUN).result
    with watched(first, "smoke_suite", "raptor_app"):  # a module that takes long, and writes nothing
        second = run_main("deprovision_run", {**RUN, "emails": [OTHER]}).result
    assert second["failure"]["code"] == "run_in_progress"
    for words in (OPERATOR, "the credential raptor_app", first["id"][:3], "since", "Nothing was changed", "--tags step1"):
        assert words in second["msg"]
    write_as(first)
    third = run_main("deprovision_run", {**RUN, "credentials": [], "emails": [OTHER]}).result
    assert third["number"] == 3


def test_the_same_person_is_in_the_way_as_well(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_run", RUN).result
    with watched(first, "smoke_suite", "raptor_app"):
        second = run_main("deprovision_run", {**RUN, "credentials": []}).result
    assert "the same person" in second["msg"]


def test_a_run_for_a_great_many_people_is_in_charge_of_everybody(run_main: ModuleRunner, store: t.Any) -> None:
    """A parameter of the store holds 4096 bytes."""
    crowd = [f"somebody.with.a.long.name.{number}@raxx.example" for number in range(200)]
    first = run_main("deprovision_run", {**RUN, "emails": crowd, "credentials": []}).result
    assert first["number"] == 1
    with watched(first, "smoke_suite", "raptor_app"):
        refused = run_main("deprovision_run", {**RUN, "credentials": []})
    assert refused.code == "run_in_progress"
    nobody = run_main("deprovision_run", {**RUN, "emails": [], "credentials": ["other"]}).result
    assert nobody["number"] == 3


def test_a_dead_run_is_taken_over_and_can_write_nothing_more(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_run", RUN).result
    second = run_main("deprovision_run", RUN).result
    assert [other["number"] for other in second["taken_over"]] == [1]
    with pytest.raises(DeprovisionError) as caught:
        write_as(first)
    assert caught.value.code == "run_superseded"
    assert OPERATOR in caught.value.message
    write_as(second)


def test_a_live_run_is_not_taken_over_while_a_dead_one_is_waited_for(run_main: ModuleRunner, store: t.Any) -> None:
    """What was read of the live one before the wait was as old as the dead one's lease after it."""
    run_main("deprovision_run", RUN)
    second = run_main("deprovision_run", {**RUN, "emails": [OTHER], "credentials": ["audit_archiver"]}).result
    with watched(second, "smoke_suite", "audit_archiver"):
        lease = f"{PREFIX}/runs/000001/lease"
        store.put_parameter(Name=lease, Value=store.get_parameter(Name=lease)["Parameter"]["Value"], Overwrite=True)
        third = run_main("deprovision_run", RUN).result
    assert [other["number"] for other in third["taken_over"]] == [1]
    write_as(second)


def test_a_run_that_waits_for_a_dead_one_is_alive_itself(run_main: ModuleRunner, store: t.Any) -> None:
    run_main("deprovision_run", RUN)
    waits, go_on = threading.Event(), threading.Event()

    def wait(_seconds: float) -> None:
        waits.set()
        go_on.wait(10)

    client = SsmClient("us-east-1", before_write=lambda _system, _action: None)
    leases = _lease.Leases(client, PREFIX, PATIENCE, wait)
    charge = _lease.Charge("run", OTHER, "there", (person_key(OTHER),), ("raptor_app",))
    thread = threading.Thread(target=leases.begin, args=[charge])
    thread.start()
    assert waits.wait(10)
    third = run_main("deprovision_run", {**RUN, "emails": [OTHER], "credentials": []})
    go_on.set()
    thread.join()
    assert third.code == "run_in_progress"


def test_a_run_that_is_taken_over_while_it_is_throttled_repeats_nothing(
    run_main: ModuleRunner, store: t.Any, script: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I4: a worker that outlived its run waited for as long as Heroku asked, and rotated once more."""
    first = run_main("deprovision_run", RUN).result
    pauses: list[float] = []

    def take_over(seconds: float) -> None:
        pauses.append(seconds)
        fact = {"by": 2, "operator": OTHER, "at": "2026-05-19T10:00:00Z"}
        store.put_parameter(Name=f"{PREFIX}/runs/000001/taken_over", Value=json.dumps(fact), Type="String")

    monkeypatch.setattr(_http, "sleep", take_over)
    script.post(f"{API}/apps/x/dynos", json={"id": "rate_limit"}, status=429, headers={"Retry-After": "7"})
    with watched(first, "heroku_dyno", "raptor"), pytest.raises(DeprovisionError) as caught:
        HerokuClient(KEY).run_dyno("x", "true")
    assert (caught.value.code, pauses) == ("run_superseded", [7.0])


def test_a_worker_that_outlives_its_run_keeps_nobody_waiting(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible's workers are in process groups of their own, so a kill of the run's leaves one that waits for something."""
    first = run_main("deprovision_run", RUN).result
    with watched(first, "heroku_log_watch", "raptor"):
        monkeypatch.setattr(_lease, "CONTROLLER", -1)  # that of no process
        writing = threading.Event()

        def write_on() -> None:
            while not writing.wait(0.01):
                with contextlib.suppress(DeprovisionError):
                    before_write("Heroku", "PATCH /apps/x/config-vars")

        thread = threading.Thread(target=write_on)
        thread.start()
        second = run_main("deprovision_run", RUN).result
        writing.set()
        thread.join()
        with pytest.raises(DeprovisionError):
            before_write("Heroku", "PATCH /apps/x/config-vars")
    assert [taken["number"] for taken in second["taken_over"]] == [1]


@pytest.mark.parametrize("number", range(2))
def test_one_lost_answer_does_not_cost_the_lease(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """I3, I12."""
    tried = lose_answer(monkeypatch, number)
    first = run_main("deprovision_run", RUN).result
    assert len(tried) > number
    assert first["number"] == 1
    write_as(first)
    assert run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": 1}).result["changed"]
    assert run_main("deprovision_run", RUN).result["number"] == 2


def test_the_lock_out_waits_for_nobody(run_main: ModuleRunner, store: t.Any) -> None:
    """1a, 1b: also a run that was taken over may take access away."""
    first = run_main("deprovision_run", RUN).result
    run_main("deprovision_run", RUN)
    with watched(first, "console_sessions", "console"):
        before_write("Console database", "UPDATE admin_sessions SET revoked_at = now()")


def test_a_run_that_has_just_begun_need_not_ask_whether_it_still_is_in_charge(
    run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I3. What is written first is the event, and the lock-out waits for that."""
    first = run_main("deprovision_run", RUN).result
    asked: list[int] = []
    monkeypatch.setattr(_lease.Leases, "check", lambda _self, number, **_how: asked.append(number))
    monkeypatch.setattr(_lease, "LONGEST_CHECK_AGE", 60.0)
    write_as(first)
    assert asked == []
    a_while_ago = format_time(now() - timedelta(minutes=2))
    write_as({**first, "lease": {**first["lease"], "renewed": a_while_ago}})
    assert asked == [1]


def test_what_ends_a_run_does_not_renew_its_lease(run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that was read before the end, and written after it, would be alive again."""
    first = run_main("deprovision_run", RUN).result
    renewals: list[int] = []
    monkeypatch.setattr(_lease.Leases, "check", lambda _self, number, **_how: renewals.append(number))
    with watched(first, "deprovision_run", "console"):
        before_write("AWS SSM", "put_parameter lease")
    assert renewals == []
    with watched(first, "deprovision_ledger", "console"):
        before_write("AWS SSM", "put_parameter fact")
    assert renewals == [first["number"]]


class Renewals:
    """In the place of leases: a renewal that says when it has begun, and ends as C(end) does."""

    def __init__(self, end: t.Callable[[], t.Any]) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()
        self._end = end

    def check(self, _number: int, **_how: t.Any) -> None:
        self.begun.set()
        self._end()
        self.ended.set()


def holder(renewals: Renewals) -> _lease.Holder:
    return _lease.Holder(lambda: t.cast(_lease.Leases, renewals), 1, 0.04)


def test_a_renewal_is_over_before_its_task_is() -> None:
    """One that was in flight wrote over the end of the run, and the next run waited for nothing."""
    answer = threading.Event()
    renewals = Renewals(lambda: answer.wait(10))
    with holder(renewals).kept():
        assert renewals.begun.wait(10)
        threading.Timer(0.05, answer.set).start()
    assert renewals.ended.is_set()


def test_no_task_waits_for_ever_for_a_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "LONGEST_RENEWAL", 0.0)
    answer = threading.Event()
    renewals = Renewals(lambda: answer.wait(10))
    with holder(renewals).kept():
        assert renewals.begun.wait(10)
    assert not renewals.ended.is_set()
    answer.set()


def test_a_renewal_that_fails_in_an_unknown_way_stops_the_next_write() -> None:
    """It ended all renewals without a word."""
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise RuntimeError("secret words")

    renewing = holder(Renewals(fail))
    with renewing.kept():
        assert failed.wait(10)
    with pytest.raises(DeprovisionError) as caught:
        renewing.check()
    assert caught.value.code == "internal_error"
    assert "RuntimeError" in caught.value.message
    assert "secret words" not in caught.value.message


def test_of_two_that_begin_at_once_one_goes_on(run_main: ModuleRunner, store: t.Any) -> None:
    """Two threads stand for two runs; each keeps its lease once it has it, as a run does."""
    leases = _lease.Leases.from_params({**PLACE, **RUN})
    charge = _lease.Charge("run", OPERATOR, "here", ("jordan",), ("raptor_app",))
    outcomes: list[str] = []
    done = threading.Event()

    def begin() -> None:
        try:
            lease, _taken = leases.begin(charge)
        except DeprovisionError as error:
            outcomes.append(error.code)
            return
        outcomes.append("went on")
        with _lease.Holder(lambda: leases, lease.number, PATIENCE).kept():
            done.wait(10)

    threads = [threading.Thread(target=begin) for __ in range(3)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while len(outcomes) < len(threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["run_in_progress", "run_in_progress", "went on"]


def test_a_run_looks_no_further_back_than_it_must(run_main: ModuleRunner, store: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is time until the lock-out. A run that ended says which earlier ones are over; one that died does not."""
    running = run_main("deprovision_run", {**RUN, "credentials": ["other"], "emails": [], "lease_seconds": 600}).result
    for __ in range(3):
        number = run_main("deprovision_run", {**RUN, "lease_seconds": 600}).result["number"]
        run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": number})
    read, looked_at = _lease.Leases.read, []

    def noted(leases: _lease.Leases, number: int) -> _lease.Lease:
        looked_at.append(number)
        return read(leases, number)

    monkeypatch.setattr(_lease.Leases, "read", noted)
    run_main("deprovision_run", {**RUN, "lease_seconds": 600})
    assert looked_at == [4, 3, 2, 1, 5, 1], "the one that still runs is looked for, and looked at"

    run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": running["number"]})
    run_main("deprovision_run", {"ledger_prefix": PREFIX, "state": "ended", "number": 5})
    looked_at.clear()
    assert run_main("deprovision_run", {**RUN, "lease_seconds": 600}).result["number"] == 6  # it dies
    assert looked_at == [5]
    looked_at.clear()
    run_main("deprovision_run", {**RUN, "credentials": ["third"], "emails": [OTHER], "lease_seconds": 600})
    assert looked_at == [6, 5, 7, 6]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_run_that_nobody_answers_for_is_refused(run_main: ModuleRunner, store: t.Any, recorded: bool) -> None:
    """P2, I3."""
    outcome = run_main("deprovision_run", {**RUN, "operator": "", "recorded": recorded})
    assert outcome.code == "invalid_input"
    assert "-e operator=" in outcome.result["msg"]
    assert parameters(store) == {}


def test_check_mode_leases_nothing(run_main: ModuleRunner, store: t.Any) -> None:
    outcome = run_main("deprovision_run", RUN, check=True)
    assert (outcome.result["changed"], outcome.result["lease"]) == (True, None)
    assert parameters(store) == {}


def test_without_a_ledger_there_is_no_lease(run_main: ModuleRunner) -> None:
    assert run_main("deprovision_run", {**RUN, "recorded": False}).result["lease"] is None


def test_each_write_is_in_the_journal_before_it_is_made(run_main: ModuleRunner, store: t.Any, tmp_path: Path) -> None:
    run = run_main("deprovision_run", {**RUN, "journal_directory": str(tmp_path)}).result
    write_as(run)
    content = Path(run["journal"]).read_bytes()
    begun, written = (json.loads(line) for line in content.splitlines())
    assert (begun["kind"], begun["number"], begun["operator"]) == ("run", 1, OPERATOR)
    assert (written["kind"], written["host"], written["system"]) == ("write", "raptor_app", "Infisical")
    assert verify(content) == []


def test_without_a_journal_nothing_is_written(run_main: ModuleRunner, store: t.Any, tmp_path: Path) -> None:
    """I14."""
    run = run_main("deprovision_run", {**RUN, "journal_directory": str(tmp_path)}).result
    Path(run["journal"]).unlink()
    Path(run["journal"]).mkdir()
    with pytest.raises(DeprovisionError) as caught:
        write_as(run)
    assert caught.value.code == "evidence_not_written"
