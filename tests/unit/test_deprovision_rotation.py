# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_rotation (R1, I5): the intent is durable before the rotation, and one rotation covers every event before it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _ssm
from ansible_collections.raxx.deprovision.plugins.module_utils._fingerprint import fingerprint

from .conftest import ModuleRunner
from .ledger_world import OPERATOR, PREFIX, parameters

URL = "postgres://raptor_app:p0f3d1c2b3a4@db.raxx.example:5432/raptor"
ASKED = {"ledger_prefix": PREFIX, "credential": "raptor_app", "since": "2026-05-19T09:00:00Z"}
CLAIM = {**ASKED, "url": URL, "event": "DEPROV-2026-05-19-jordan.smith", "operator": OPERATOR}


def test_the_intent_names_what_is_replaced_without_telling_it(run_main: ModuleRunner, store: t.Any) -> None:
    outcome = run_main("deprovision_rotation", CLAIM)
    assert (outcome.result["changed"], outcome.result["number"]) == (True, 1)
    intent = outcome.result["facts"]["intent"]
    assert intent["fingerprint"] == fingerprint(URL, outcome.result["key"])
    told = {name for name, value in parameters(store).items() if "p0f3d1c2b3a4" in value}
    assert told == {"/credentials/raptor_app/0001/old"}
    for secret in ("key", "old"):
        assert store.get_parameter(Name=f"{PREFIX}/credentials/raptor_app/0001/{secret}")["Parameter"]["Type"] == "SecureString"


def test_a_run_that_continues_another_one_knows_what_was_replaced(run_main: ModuleRunner, store: t.Any) -> None:
    """I12: the old password can be proved dead by whoever finishes the rotation, until that is proved."""
    run_main("deprovision_rotation", CLAIM)
    assert run_main("deprovision_rotation", ASKED).result["old_url"] == URL
    params = {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1, "facts": {"dead": {}}, "forget": ["old"]}
    assert run_main("deprovision_ledger", params).result["changed"] is True
    assert run_main("deprovision_rotation", ASKED).result["old_url"] is None


def test_a_claim_that_broke_off_before_the_intent_leaves_nothing_stale(run_main: ModuleRunner, store: t.Any) -> None:
    store.put_parameter(Name=f"{PREFIX}/credentials/raptor_app/0001/old", Value="postgres://x:stale@db/r", Type="SecureString")
    assert run_main("deprovision_rotation", CLAIM).result["old_is_present"] is True
    assert run_main("deprovision_rotation", ASKED).result["old_url"] == URL


def test_a_recent_rotation_is_returned_and_not_begun_again(run_main: ModuleRunner, store: t.Any) -> None:
    first = run_main("deprovision_rotation", CLAIM).result
    kept = parameters(store)
    second = run_main("deprovision_rotation", {**CLAIM, "url": "postgres://raptor_app:another@db.raxx.example:5432/raptor"})
    assert (second.result["changed"], second.result["number"], second.result["key"]) == (False, 1, first["key"])
    assert parameters(store) == kept


def test_an_older_rotation_does_not_cover_a_later_event(run_main: ModuleRunner, store: t.Any) -> None:
    begun = run_main("deprovision_rotation", CLAIM).result["facts"]["intent"]["at"]
    later = begun.replace("2026-", "2027-")
    assert run_main("deprovision_rotation", {**ASKED, "since": later}).result["number"] is None
    assert run_main("deprovision_rotation", {**CLAIM, "since": later}).result["number"] == 2


def test_what_a_rotation_before_replaced_is_known_until_it_is_proved_dead(run_main: ModuleRunner, store: t.Any) -> None:
    """C2: a rotation was cut short, and somebody who left later needs another one."""
    begun = run_main("deprovision_rotation", CLAIM).result["facts"]["intent"]["at"]
    parked = {"kind": "ssm", "name": "/raxx/parked", "code": "unreachable", "reason": "Down."}
    known = {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1}
    run_main("deprovision_ledger", {**known, "facts": {"parked": parked}})
    later = {**CLAIM, "since": begun.replace("2026-", "2027-"), "url": "postgres://raptor_app:second@db.raxx.example:5432/raptor"}
    result = run_main("deprovision_rotation", later).result
    assert (result["number"], result["unproved"], result["parked"]) == (2, {"1": URL}, [{"rotation": 1, "name": "/raxx/parked"}])
    run_main("deprovision_ledger", {**known, "facts": {"dead": {}, "unparked": {}}, "forget": ["old"]})
    again = run_main("deprovision_rotation", later).result
    assert (again["number"], again["unproved"], again["parked"]) == (2, {}, [])


def test_the_hint_may_be_lost(run_main: ModuleRunner, store: t.Any) -> None:
    """A run that dies between the intent and the hint leaves the hint behind."""
    run_main("deprovision_rotation", CLAIM)
    store.delete_parameter(Name=f"{PREFIX}/credentials/raptor_app/latest")
    assert run_main("deprovision_rotation", CLAIM).result["number"] == 1


NEW_URL = "postgres://raptor_app:another@db.raxx.example:5432/raptor"


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str, str, int], None]:
    """Makes as many answers as given of a read (C(get) or C(by_path)) of one parameter or path come without an intent."""
    monkeypatch.setattr(_ssm, "RETRY_DELAYS", (0.0, 0.0, 0.0))

    def make(call: str, name: str, times: int) -> None:
        read, left = getattr(_ssm.SsmClient, call), [times]

        def behind(client: _ssm.SsmClient, path: str, **how: t.Any) -> t.Any:
            found = read(client, path, **how)
            if path != f"{PREFIX}/credentials/raptor_app/{name}" or not left[0]:
                return found
            left[0] -= 1
            return None if call == "get" else [each for each in found if not each.name.endswith("/intent")]

        monkeypatch.setattr(_ssm.SsmClient, call, behind)

    return make


@pytest.mark.parametrize("times", [1, 3])
def test_what_is_replaced_is_kept_where_an_intent_is_seen_late(
    run_main: ModuleRunner, store: t.Any, stale: t.Callable[[str, str, int], None], times: int
) -> None:
    """The present URL is the new one by then; written over the old one it would have been proved dead for ever in vain."""
    run_main("deprovision_rotation", CLAIM)
    store.delete_parameter(Name=f"{PREFIX}/credentials/raptor_app/latest")
    stale("get", "0001/intent", times)
    again = run_main("deprovision_rotation", {**CLAIM, "url": NEW_URL}).result
    assert (again["changed"], again["number"], again["old_url"], again["old_is_present"]) == (False, 1, URL, False)


@pytest.mark.parametrize("times", [1, 3])
def test_a_rotation_that_is_seen_late_is_not_begun_again(
    run_main: ModuleRunner, store: t.Any, stale: t.Callable[[str, str, int], None], times: int
) -> None:
    """The live URL was written beside the first rotation of all, whose old one had long been proved dead."""
    begun = run_main("deprovision_rotation", CLAIM).result["facts"]["intent"]["at"]
    params = {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1, "facts": {"dead": {}}, "forget": ["old"]}
    run_main("deprovision_ledger", params)
    later = {**CLAIM, "since": begun.replace("2026-", "2027-"), "url": NEW_URL}
    assert run_main("deprovision_rotation", later).result["number"] == 2
    kept = parameters(store)
    stale("by_path", "0002", times)
    again = run_main("deprovision_rotation", later).result
    assert (again["changed"], again["number"]) == (False, 2)
    assert parameters(store) == kept


def test_a_rotation_that_is_not_seen_stops_the_claim(
    run_main: ModuleRunner, store: t.Any, stale: t.Callable[[str, str, int], None]
) -> None:
    run_main("deprovision_rotation", CLAIM)
    kept = parameters(store)
    stale("by_path", "0001", 4)
    outcome = run_main("deprovision_rotation", {**CLAIM, "url": NEW_URL})
    assert (outcome.code, outcome.result["failure"]["retryable"]) == ("unreachable", True)
    assert parameters(store) == kept


def test_check_mode_claims_nothing(run_main: ModuleRunner, store: t.Any) -> None:
    outcome = run_main("deprovision_rotation", CLAIM, check=True)
    assert (outcome.result["changed"], outcome.result["number"], outcome.result["key"]) == (True, None, None)
    assert parameters(store) == {}


def test_a_time_without_a_zone_is_refused(run_main: ModuleRunner, store: t.Any) -> None:
    assert run_main("deprovision_rotation", {**CLAIM, "since": "2026-05-19T09:00:00"}).code == "invalid_input"


def test_a_rotation_never_counts_as_begun_before_the_event_it_is_for(run_main: ModuleRunner, store: t.Any) -> None:
    """A clock that is behind must not make every run rotate again."""
    ahead = "2999-01-01T00:00:00Z"
    assert run_main("deprovision_rotation", {**CLAIM, "since": ahead}).result["number"] == 1
    assert run_main("deprovision_rotation", {**CLAIM, "since": ahead}).result["number"] == 1
