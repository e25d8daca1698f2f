# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions about a rotation (runbook 2a, 3a; invariants I4, I5, I12), as a table."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _waiting
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._fingerprint import fingerprint
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import (
    Addon,
    CredentialStore,
    CredentialUser,
    HerokuClient,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._rotation import (
    Goal,
    History,
    Intent,
    Request,
    Rotation,
    Step,
    check_plan,
    is_settled,
    next_step,
    present_url,
    would_rotate,
)

OLD, PASSING, NEW = "p0ld", "pb7e", "p0ew"


def store(state: str, *users: tuple[str, str, str], name: str = "raptor_app") -> CredentialStore:
    listed = tuple(CredentialUser(user, password, word, None) for user, password, word in users)
    return CredentialStore(name, state, "db.example", 5432, "d1", listed)


# The phases of a rotation as heroku.com shows them.
BEFORE = store("active", ("raptor_app", OLD, "active"))
PHASE_0 = store("rotating", ("raptor_app", OLD, "active"))
PHASE_A = store("rotating", ("raptor_app", OLD, "active"), ("raptor_app-rotating", PASSING, "enabling"))
PHASE_B = store("rotating", ("raptor_app", OLD, "revoking"), ("raptor_app-rotating", PASSING, "active"))
PHASE_C = store("rotating", ("raptor_app", NEW, "active"), ("raptor_app-rotating", PASSING, "revoking"))
COMPLETED = store("rotation_completed", ("raptor_app", NEW, "active"))
AFTER = store("active", ("raptor_app", NEW, "active"))
STUCK_ON_PASSING = store("active", ("raptor_app-rotating", PASSING, "active"))
UNKNOWN_WORD = store("hibernating", ("raptor_app", OLD, "active"))
NOBODY = store("active", ("raptor_app", OLD, "revoked"))

OLD_URL = present_url(BEFORE)
EARLIER, OPENED, LATER = (datetime(2026, 5, 19, hour, tzinfo=UTC) for hour in (9, 10, 11))
KEY = "a key"


def intent(at: datetime, url: str | None = OLD_URL) -> Intent:
    return Intent(at, fingerprint(url or "", KEY), KEY)


ACCEPTED = History(requests=1, last=Request.ACCEPTED, old_url=OLD_URL, polls=1)
UNKNOWN = History(requests=1, last=Request.UNKNOWN, old_url=OLD_URL)
REFUSED = History(requests=1, last=Request.REFUSED, joined=True, polls=3)
JOINED = History(joined=True, polls=3)
FIRST = History(polls=1)
ANY, SINCE = Goal(), Goal(since=OPENED)
COVERED, STALE_INTENT = Goal(since=OPENED, intent=intent(LATER)), Goal(since=OPENED, intent=intent(EARLIER))


@pytest.mark.parametrize(
    ("seen", "goal", "history", "step"),
    [
        # Nothing is known of any rotation: ask for one, also where the state is a word that is not known.
        (BEFORE, ANY, FIRST, Step.REQUEST),
        (BEFORE, SINCE, FIRST, Step.REQUEST),
        (UNKNOWN_WORD, ANY, FIRST, Step.REQUEST),
        (STUCK_ON_PASSING, ANY, FIRST, Step.REQUEST),
        (NOBODY, ANY, FIRST, Step.REQUEST),
        # It is announced, but has not taken place; or it has (I12); or the announcement is too old.
        (BEFORE, COVERED, FIRST, Step.REQUEST),
        (AFTER, COVERED, FIRST, Step.DONE),
        (AFTER, STALE_INTENT, FIRST, Step.REQUEST),
        (AFTER, Goal(intent=intent(EARLIER)), FIRST, Step.DONE),
        (STUCK_ON_PASSING, COVERED, FIRST, Step.WAIT),
        # Under way: never ask again, whatever is known of it.
        *((phase, goal, FIRST, Step.WAIT) for phase in (PHASE_0, PHASE_A, PHASE_B, PHASE_C) for goal in (ANY, SINCE, COVERED)),
        # It was under way, and is over now: enough unless it had to be begun later than it provably was.
        (AFTER, ANY, JOINED, Step.DONE),
        (AFTER, COVERED, JOINED, Step.DONE),
        (AFTER, SINCE, JOINED, Step.REQUEST),
        (AFTER, STALE_INTENT, JOINED, Step.REQUEST),
        (AFTER, COVERED, REFUSED, Step.DONE),
        (AFTER, SINCE, REFUSED, Step.REQUEST),
        # Accepted: done only when the own user is active again, with another password, and nothing is at work.
        (BEFORE, ANY, ACCEPTED, Step.WAIT),
        (PHASE_A, ANY, ACCEPTED, Step.WAIT),
        (PHASE_B, ANY, ACCEPTED, Step.WAIT),
        (PHASE_C, ANY, ACCEPTED, Step.WAIT),
        (STUCK_ON_PASSING, ANY, ACCEPTED, Step.WAIT),
        (NOBODY, ANY, ACCEPTED, Step.WAIT),
        (UNKNOWN_WORD, ANY, ACCEPTED, Step.WAIT),
        (COMPLETED, ANY, ACCEPTED, Step.DONE),
        (AFTER, ANY, ACCEPTED, Step.DONE),
        # No answer: look several times, ask once more, then give up (I4, I5).
        (BEFORE, ANY, History(1, Request.UNKNOWN, OLD_URL, polls=4), Step.WAIT),
        (BEFORE, ANY, History(1, Request.UNKNOWN, OLD_URL, polls=5), Step.REQUEST),
        (BEFORE, ANY, History(2, Request.UNKNOWN, OLD_URL, polls=4), Step.WAIT),
        (BEFORE, ANY, History(2, Request.UNKNOWN, OLD_URL, polls=5), Step.GIVE_UP),
        # Somebody else's rotation is forced only when asked to, after a while, and once.
        (PHASE_B, Goal(forced=True), History(joined=True, polls=10), Step.WAIT),
        (PHASE_B, Goal(forced=True), History(joined=True, polls=11), Step.REQUEST),
        (PHASE_B, Goal(forced=True), History(1, Request.REFUSED, joined=True, polls=99), Step.WAIT),
        (PHASE_B, ANY, History(joined=True, polls=99), Step.WAIT),
        # Waiting only.
        (BEFORE, Goal(rotate=False), FIRST, Step.DONE),
        (PHASE_B, Goal(rotate=False, forced=True), History(joined=True, polls=99), Step.WAIT),
        (AFTER, Goal(rotate=False, since=OPENED), JOINED, Step.DONE),
        (NOBODY, Goal(rotate=False), FIRST, Step.WAIT),
    ],
)
def test_next_step(seen: CredentialStore, goal: Goal, history: History, step: Step) -> None:
    assert next_step(seen, goal, history) is step


@pytest.mark.parametrize(
    ("seen", "history", "last", "joined"),
    [
        (PHASE_0, History(), Request.NONE, True),
        (BEFORE, History(), Request.NONE, False),
        (PHASE_A, UNKNOWN, Request.ACCEPTED, False),
        (AFTER, UNKNOWN, Request.ACCEPTED, False),  # forced: over at once
        (BEFORE, UNKNOWN, Request.UNKNOWN, False),
        (PHASE_B, ACCEPTED, Request.ACCEPTED, False),
    ],
)
def test_a_look_tells_what_became_of_a_request(seen: CredentialStore, history: History, last: Request, joined: bool) -> None:
    after = history.after_look(seen)
    assert (after.last, after.joined, after.polls) == (last, joined, history.polls + 1)


@pytest.mark.parametrize(
    ("seen", "goal", "expected"),
    [
        (BEFORE, ANY, True),
        (BEFORE, COVERED, True),
        (AFTER, COVERED, False),
        (PHASE_B, ANY, False),
        (PHASE_B, COVERED, False),
        (PHASE_B, SINCE, True),
        (PHASE_B, STALE_INTENT, True),
        (BEFORE, Goal(rotate=False), False),
        (PHASE_B, Goal(rotate=False, since=OPENED), False),
    ],
)
def test_check_mode_foretells_the_request(seen: CredentialStore, goal: Goal, expected: bool) -> None:
    """I11: the plan of a dry run is that of the real one."""
    assert would_rotate(seen, goal) is expected


def test_an_intent_at_the_very_moment_counts() -> None:
    assert Goal(since=OPENED, intent=intent(OPENED)).intent_in_time
    assert not Goal(since=OPENED, intent=intent(OPENED - timedelta(microseconds=1))).intent_in_time


def test_the_default_credential_has_a_user_of_another_name() -> None:
    assert is_settled(store("active", ("xkqwzvbnm", NEW, "active"), name="default"))
    assert not is_settled(store("active", ("xkqwzvbnm-rotating", NEW, "active"), name="default"))


def test_a_url_is_written_as_heroku_writes_it_and_kept_out_of_representations() -> None:
    odd = store("active", ("raptor_app", "p/w@rd", "active"))
    assert present_url(odd) == "postgres://raptor_app:p%2Fw%40rd@db.example:5432/d1"
    assert "p/w@rd" not in repr(odd)
    assert OLD not in repr(ACCEPTED)
    assert KEY not in repr(COVERED)


@pytest.mark.parametrize(
    ("plan", "name", "refused"),
    [
        ("standard-0", "raptor_app", False),
        ("essential-0", "raptor_app", False),
        ("mini", "raptor_app", True),
        ("mini", "default", False),
        ("advanced-beta", "raptor_app", True),
    ],
)
def test_plans_without_such_rotations_are_refused(plan: str, name: str, refused: bool) -> None:
    addon = Addon("a-1", "postgresql-round-1", f"heroku-postgresql:{plan}", "raxx-api-prod")
    if not refused:
        check_plan(addon, name)
        return
    with pytest.raises(DeprovisionError) as caught:
        check_plan(addon, name)
    assert caught.value.code == "unsupported_plan"


class Killed(Exception):  # noqa: N818  # what it stands for
    """The run ends here, without any clearing up."""


class SimulatedHeroku:
    """A credential that passes through the phases of its rotation, one each time it is looked at.

    C(faults) says for each request in turn whether it is carried out and whether its answer arrives; C(behind) looks after a
    request still show what was before it; the run is killed at call number C(killed_at).
    """

    def __init__(self, faults: list[str], behind: int, killed_at: int | None) -> None:
        self.number = self.phase = 0
        self.faults = list(faults)
        self.behind_by = behind
        self.behind = 0
        self.calls_left = killed_at
        self.rotations = 0

    def credential(self, _addon: Addon, _name: str) -> CredentialStore:
        self.call()
        if self.behind:
            self.behind -= 1
            return self.shown(0)
        shown = self.shown(self.phase)
        if self.phase:
            self.phase += 1
            if self.phase == 6:
                self.number, self.phase = self.number + 1, 0
        return shown

    def rotate(self, _addon: Addon, _name: str, *, forced: bool = False) -> None:
        fault = self.faults.pop(0) if self.faults else "none"
        if fault != "not executed":
            if self.phase:
                raise ApiError("conflict", "Heroku Data refused it with status 422.", status=422)
            self.rotations += 1
            self.behind, self.phase = self.behind_by, 1
        self.call()  # killed here: it was carried out
        if fault != "none":
            raise UnreachableError("unreachable", "Heroku Data gave no usable answer.", outcome_unknown=True)

    def call(self) -> None:
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Killed

    def shown(self, phase: int) -> CredentialStore:
        old, passing, new = f"pw{self.number}", f"passing{self.number}", f"pw{self.number + 1}"
        return (
            store("active", ("raptor_app", old, "active")),
            store("rotating", ("raptor_app", old, "active")),
            store("rotating", ("raptor_app", old, "active"), ("raptor_app-rotating", passing, "enabling")),
            store("rotating", ("raptor_app", old, "revoking"), ("raptor_app-rotating", passing, "active")),
            store("rotating", ("raptor_app", new, "active"), ("raptor_app-rotating", passing, "revoking")),
            store("rotation_completed", ("raptor_app", new, "active")),
        )[phase]

    @property
    def final_url(self) -> str:
        return present_url(self.shown(5 if self.phase else 0)) or ""


@pytest.mark.parametrize("killed_at", [None, *range(12)])
@pytest.mark.parametrize("behind", [0, 2])
@pytest.mark.parametrize("faults", [[], ["executed"], ["not executed"], ["not executed", "executed"]])
def test_whatever_happens_the_final_url_comes_out(
    monkeypatch: pytest.MonkeyPatch, faults: list[str], behind: int, killed_at: int | None
) -> None:
    """I4, I5, I12: lost answers, reads that are behind, and a kill at any call; the same announced rotation is gone on with."""
    monkeypatch.setattr(_waiting, "sleep", lambda _seconds: None)
    heroku = SimulatedHeroku(faults, behind, killed_at)
    addon = Addon("a-1", "postgresql-round-1", "heroku-postgresql:standard-0", "raxx-api-prod")
    goal = Goal(since=OPENED, intent=intent(LATER, heroku.final_url))
    old_url = heroku.final_url

    def run() -> str | None:
        client = t.cast(HerokuClient, heroku)
        rotation = Rotation(client, addon, "raptor_app", goal, end_sessions=len, timeout=60, poll_interval=1)
        return present_url(rotation.run(client.credential(addon, "raptor_app")).store)

    try:
        url = run()
    except Killed:
        heroku.calls_left = None
        url = run()
    heroku.calls_left = None
    assert url == heroku.final_url != old_url
    assert heroku.rotations == 1
    assert run() == url
    assert heroku.rotations == 1
