# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Rotating a Heroku Postgres credential (2a, 3a, S3): what to do next (pure), and the loop that does it.

Heroku accepts a rotation and then works on it: a second user, C(NAME-rotating), serves for a while, and only at the end is
the credential's own user active again with its new password. A URL that is read before that is the old one or a passing one.
"""

from __future__ import annotations

import contextlib
import enum
import typing as t
from dataclasses import dataclass, field, replace
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._fingerprint import fingerprint
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import (
    DATA_SYSTEM,
    Addon,
    CredentialStore,
    CredentialUser,
    HerokuClient,
)
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import Wait

MOST_REQUESTS = 2  # invariant I5
POLLS_WHEN_UNKNOWN = 5  # looks at the credential before a request without an answer counts as not carried out
LOOKS_AFTER_REFUSAL = 3  # for what was refused to show its reason
POLLS_BEFORE_FORCING = 10  # looks at a rotation that somebody else began before it counts as stuck

# How Heroku names the user that serves while a credential is being rotated.
ROTATING_SUFFIX = "-rotating"

# Unknown words of state are possible: they are neither at work nor settled.
_AT_WORK = ("rotating", "revoking", "provisioning", "wait_for_provisioning")
_SETTLED = ("active", "rotation_completed")
_PLAIN_REFUSALS = ("unauthorized", "forbidden", "rate_limited")


class Step(enum.Enum):
    DONE = "done"
    WAIT = "wait"
    REQUEST = "request"
    GIVE_UP = "give up"


class Request(enum.Enum):
    """What became of the last request of this run."""

    NONE = "none"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True)
class Intent:
    """A rotation that was announced: when, and the keyed fingerprint that the URL had then."""

    at: datetime
    fingerprint: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Goal:
    """C(rotate) false is to wait for a rotation that is under way, and begin none.

    A rotation that was begun at C(since) or later is enough; V(None) makes do with one that is under way.
    """

    rotate: bool = True
    since: datetime | None = None
    intent: Intent | None = None
    forced: bool = False

    @property
    def intent_in_time(self) -> bool:
        return self.intent is not None and (self.since is None or self.intent.at >= self.since)

    def is_met_by(self, url: str | None) -> bool:
        """Whether C(url) shows that the announced rotation has taken place."""
        return bool(url and self.intent and self.intent_in_time and fingerprint(url, self.intent.key) != self.intent.fingerprint)


@dataclass(frozen=True)
class History:
    """What this run has done and seen. C(old_url) must be gone for the run's own request to be complete."""

    requests: int = 0
    last: Request = Request.NONE
    old_url: str | None = field(default=None, repr=False)
    joined: bool = False
    polls: int = 0

    def after_look(self, store: CredentialStore) -> History:
        """The history with one more look at the credential, which may tell what became of a request without an answer."""
        seen = replace(self, polls=self.polls + 1)
        if self.last is Request.UNKNOWN and (store.state in _AT_WORK or present_url(store) != self.old_url):
            return replace(seen, last=Request.ACCEPTED)
        return replace(seen, joined=seen.joined or (store.state in _AT_WORK and seen.last is not Request.ACCEPTED))

    def after_request(self, store: CredentialStore, became: Request) -> History:
        old_url = None if store.state in _AT_WORK else present_url(store)
        return replace(self, requests=self.requests + 1, last=became, old_url=old_url, polls=0)


def own_user(store: CredentialStore) -> CredentialUser | None:
    """The active user under the credential's own name. The user of C(default) is a random word."""
    for user in store.users:
        own = not user.name.endswith(ROTATING_SUFFIX) if store.name == "default" else user.name == store.name
        if own and user.state == "active" and user.password:
            return user
    return None


def present_user(store: CredentialStore) -> CredentialUser | None:
    """The user that serves at present, which during a rotation may be the passing one."""
    active = [user for user in store.users if user.state == "active" and user.password]
    return own_user(store) or (active[0] if active else None)


def present_url(store: CredentialStore) -> str | None:
    user = present_user(store)
    return store.url(user) if user else None


def is_settled(store: CredentialStore, old_url: str | None = None) -> bool:
    """Whether the URL is final: nothing at work, the own user active, and, if C(old_url) is given, not with that one."""
    user = own_user(store)
    return store.state in _SETTLED and user is not None and store.url(user) != old_url


def next_step(store: CredentialStore, goal: Goal, history: History) -> Step:
    """What to do about a credential that was just looked at."""
    if history.last is Request.ACCEPTED:
        return Step.DONE if is_settled(store, history.old_url) else Step.WAIT
    if store.state in _AT_WORK:
        stuck = goal.rotate and goal.forced and not history.requests and history.polls > POLLS_BEFORE_FORCING
        return Step.REQUEST if stuck else Step.WAIT
    if history.last is Request.UNKNOWN:
        if history.polls < POLLS_WHEN_UNKNOWN:
            return Step.WAIT
        return Step.REQUEST if history.requests < MOST_REQUESTS else Step.GIVE_UP
    if not goal.rotate or goal.is_met_by(present_url(store)) or (history.joined and goal.since is None):
        return Step.DONE if is_settled(store) else Step.WAIT
    return Step.REQUEST if history.requests < MOST_REQUESTS else Step.GIVE_UP


def would_rotate(store: CredentialStore, goal: Goal) -> bool:
    """Whether a run that finds C(store) would request a rotation sooner or later (for check mode)."""
    if store.state in _AT_WORK:
        return goal.rotate and goal.since is not None and not goal.intent_in_time
    return next_step(store, goal, History()) is Step.REQUEST


def check_plan(addon: Addon, name: str) -> None:
    """Raises C(unsupported_plan) where Heroku has no such rotation."""
    plan = addon.plan.partition(":")[2]
    if plan.startswith(("advanced", "performance")):
        raise DeprovisionError("unsupported_plan", f"{addon.name} is on the plan {plan}, whose credentials have another API.")
    if plan.startswith(("dev", "basic", "mini")) and name != "default":
        raise DeprovisionError("unsupported_plan", f"{addon.name} is on the plan {plan}, which has no credentials but default.")


@dataclass(frozen=True)
class Outcome:
    """A settled credential. C(rotated) says that a request of this run did it. C(waited) is in seconds."""

    store: CredentialStore
    rotated: bool
    requests: int
    waited: float
    sessions_ended: int


class Rotation:
    """Brings one credential to C(goal).

    C(end_sessions) ends the sessions of user names and returns how many there were: Heroku waits for up to half an hour for
    the users that it revokes to have none.
    """

    def __init__(
        self,
        client: HerokuClient,
        addon: Addon,
        name: str,
        goal: Goal,
        *,
        end_sessions: t.Callable[[t.Sequence[str]], int],
        timeout: float,
        poll_interval: float,
    ) -> None:
        self._client = client
        self._addon = addon
        self._name = name
        self._goal = goal
        self._end_sessions = end_sessions
        self._wait = Wait(timeout, poll_interval)
        self._history = History()
        self._sessions_ended = 0
        self._problem: DeprovisionError | None = None

    def run(self, store: CredentialStore) -> Outcome:
        """Works until the goal is reached. C(store) is the credential as it was just seen."""
        fresh = True
        while True:
            # Only a real look counts: a request without an answer is never repeated because looking failed.
            if fresh:
                self._history = self._history.after_look(store)
                step = next_step(store, self._goal, self._history)
                if step is Step.DONE:
                    return self._outcome(store)
                if step is Step.GIVE_UP:
                    raise self._given_up()
                if step is Step.REQUEST:
                    self._history = self._request(store)
                    self._wait.hurry()
                else:
                    self._drain(store)
            if self._wait.expired:
                raise self._not_settled(store, fresh)
            self._wait.pause()
            try:
                store, fresh = self._client.credential(self._addon, self._name), True
            except DeprovisionError as error:
                if not error.retryable:
                    raise
                self._problem, fresh = error, False

    def _request(self, store: CredentialStore) -> History:
        try:
            self._client.rotate(self._addon, self._name, forced=self._goal.forced)
        except UnreachableError as error:
            if not error.outcome_unknown:
                raise
            return self._history.after_request(store, Request.UNKNOWN)
        except ApiError as error:
            if error.code in _PLAIN_REFUSALS:
                raise
            # Refused because somebody else's rotation is under way: that is a thing to wait for.
            if self._is_rotating():
                return replace(self._history.after_request(store, Request.REFUSED), joined=True)
            raise DeprovisionError(
                "rotation_refused",
                f"Heroku refused to rotate the credential {self._name} of {self._addon.name} with status {error.status}; "
                "the old credential is still in force.",
                system=DATA_SYSTEM,
                status=error.status,
                request_id=error.request_id,
                details={"refusal": error.message},
            ) from None
        return self._history.after_request(store, Request.ACCEPTED)

    def _is_rotating(self) -> bool:
        for _look in range(LOOKS_AFTER_REFUSAL):
            with contextlib.suppress(DeprovisionError):
                if self._client.credential(self._addon, self._name).state == "rotating":
                    return True
            self._wait.pause()
        return False

    def _drain(self, store: CredentialStore) -> None:
        users = [user.name for user in store.users if user.state == "revoking" and user.connections != 0]
        if not users or self._name == "default":
            return
        try:
            self._sessions_ended += self._end_sessions(users)
        except DeprovisionError as error:
            # Heroku's own waiting still works without it; it is told if time runs out.
            self._problem = error

    def _outcome(self, store: CredentialStore) -> Outcome:
        return Outcome(
            store,
            rotated=self._history.last is Request.ACCEPTED,
            requests=self._history.requests,
            waited=round(self._wait.elapsed, 3),
            sessions_ended=self._sessions_ended,
        )

    def _given_up(self) -> DeprovisionError:
        return DeprovisionError(
            "rotation_unknown",
            f"Heroku was asked {self._history.requests} times to rotate the credential {self._name} of {self._addon.name}, "
            "and it has not changed.",
            system=DATA_SYSTEM,
            details={"posts": self._history.requests},
        )

    def _not_settled(self, store: CredentialStore, fresh: bool) -> DeprovisionError:
        users = [{"name": user.name, "state": user.state, "connections": user.connections} for user in store.users]
        words = ", ".join(f"{user.name} {user.state} ({_count(user.connections)})" for user in store.users)
        seen = "is" if fresh else "cannot be read now, and was last seen"
        details = {"state": store.state, "users": users, "posts": self._history.requests, "sessions_ended": self._sessions_ended}
        return DeprovisionError(
            "rotation_not_settled",
            f"After {self._wait.elapsed:.0f} s the credential {self._name} of {self._addon.name} {seen} {store.state}: {words}."
            f"{' Meanwhile: ' + self._problem.message if self._problem else ''}",
            system=DATA_SYSTEM,
            outcome_unknown=self._history.last is Request.UNKNOWN,
            details={**details, "problem": self._problem and self._problem.code},
        )


def _count(connections: int | None) -> str:
    return "connections unknown" if connections is None else f"{connections} connections"
