# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Single flight (I3): which run is in charge of which people and credentials.

Below C(<ledger_prefix>/runs/<number>) a run keeps its C(lease): who it is, what it is in charge of, and when it last showed
that it is alive. Numbers are given by an atomic create-if-absent, so of two runs that want the same the one with the lower
number goes on. A lease that was not renewed for C(patience) seconds, by the clock of AWS, counts as abandoned: whoever needs it
writes C(taken_over) beside it, once and for ever, and from then on the run that held it can write nothing more.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import threading
import time
import typing as t
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._parallel import both
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import RETRY_DELAYS, SYSTEM, Parameter, SsmClient, from_params
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now, parse
from ansible_collections.raxx.deprovision.plugins.module_utils._values import encode

LEASE = "lease"
TAKEN_OVER = "taken_over"
LATEST = "latest"  # a hint where to look for the newest run
# A parameter has room for the keys of so many people; a run for more is in charge of everybody.
MOST_PEOPLE = 50
EVERYBODY = ("*",)
# The process that has read this file: the controller, which forks a worker for each task.
CONTROLLER = os.getpid()
RENEWALS = 4  # how often a lease is renewed within the patience of the others
LONGEST_RENEWAL = 20.0  # seconds that the end of a task waits for a renewal in flight
POLL_INTERVAL = 0.5  # seconds between two looks at a lease that may be abandoned
LONGEST_CHECK_AGE = 1.0  # seconds for which a check holds, so that a task that writes several facts checks once


@dataclass(frozen=True)
class Charge:
    """What a run is in charge of, and who it is. C(where) is the name of a machine.

    C(people) are keys of the ledger, or L(EVERYBODY).
    """

    id: str
    operator: str
    where: str
    people: tuple[str, ...]
    credentials: tuple[str, ...]

    def shared_with(self, other: Charge) -> list[str]:
        """The credentials and people that both want, in words for a person."""
        credentials = [f"the credential {name}" for name in self.credentials if name in other.credentials]
        everybody = bool(self.people and other.people) and EVERYBODY in (self.people, other.people)
        return credentials + (["the same person"] if everybody or set(self.people) & set(other.people) else [])


@dataclass(frozen=True)
class Lease:
    """The lease of the C(number)-th run.

    C(since) and C(renewed) are RFC 3339 in UTC by the clock of the machine that runs, C(modified) by that of AWS. C(ended) is
    V(None) while it runs. Every run with a number below C(floor) is over; V(None) while it runs, if it died, and
    if that could not be found out when it ended.
    """

    number: int
    charge: Charge
    since: str
    renewed: str
    floor: int | None = None
    ended: str | None = None
    taken_over: t.Mapping[str, t.Any] | None = None
    version: int = field(default=0, compare=False)
    modified: str = field(default="", compare=False)

    @property
    def over(self) -> bool:
        return self.ended is not None or self.taken_over is not None

    def encode(self) -> str:
        times = {"since": self.since, "renewed": self.renewed, "ended": self.ended}
        people = self.charge.people if len(self.charge.people) <= MOST_PEOPLE else EVERYBODY
        return encode({**asdict(self.charge), "people": people, **times, "floor": self.floor})

    @classmethod
    def decode(cls, number: int, found: t.Mapping[str, Parameter]) -> Lease:
        """From the parameters of a run by their last names."""
        parameter = found[LEASE]
        try:
            raw = json.loads(parameter.value)
            charge = Charge(raw["id"], raw["operator"], raw["where"], tuple(raw["people"]), tuple(raw["credentials"]))
            taken_over = json.loads(found[TAKEN_OVER].value) if TAKEN_OVER in found else None
            return cls(
                number,
                charge,
                raw["since"],
                raw["renewed"],
                raw["floor"],
                raw["ended"],
                taken_over,
                parameter.version,
                parameter.last_modified,
            )
        except (ValueError, KeyError, TypeError):
            raise DeprovisionError(
                "ledger_damaged", f"The lease of run {number} in the ledger cannot be read.", system=SYSTEM
            ) from None


class Leases:
    """The leases of one environment. C(patience), in seconds, must be the same for every run of it.

    C(store) must not ask a guard before it writes, for it is what the guard writes with.
    """

    def __init__(
        self, store: SsmClient, ledger_prefix: str, patience: float, sleep: t.Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._base = f"{ledger_prefix.rstrip('/')}/runs"
        self._patience = patience
        self._sleep = sleep

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Leases:
        """From the option groups C(AWS) and C(LEDGER), and C(lease_seconds)."""
        return cls(from_params(params, before_write=_ask_nobody), params["ledger_prefix"], params["lease_seconds"])

    def begin(self, charge: Charge) -> tuple[Lease, list[Lease]]:
        """A lease for C(charge), and those that had to be taken over for it.

        Waits for a lease that is in the way and may be abandoned, for no longer than C(patience) seconds. Raises
        C(run_in_progress) as soon as it is seen to be alive.
        """
        mine = self._create(charge)
        try:
            # Whoever comes later must see that this run is alive, however long it waits for a dead one.
            with Holder(lambda: self, mine.number, self._patience).kept():
                taken, _hinted = both(partial(self._clear, mine), partial(self._hint, mine.number))
        except DeprovisionError:
            with contextlib.suppress(DeprovisionError):
                self._give_back(mine)
            raise
        return mine, taken

    def _clear(self, mine: Lease) -> list[Lease]:
        """The earlier runs that had to be taken over for C(mine)."""
        earlier = self._running_before(mine.number)
        if not earlier:
            return []
        mine = self.read(mine.number)  # as AWS dates it
        begun = time.monotonic()
        taken = []
        for number in earlier:
            if other := self._abandoned(number, mine, begun):
                self._take_over(other, mine)
                taken.append(other)
        return taken

    def _abandoned(self, number: int, mine: Lease, begun: float) -> Lease | None:
        """The lease of another run if nobody renews it any more. One that shares nothing with C(mine) is not waited for."""
        first: Lease | None = None
        while True:
            # Before the lease is read, so that no renewal is taken for older than it is.
            waited = time.monotonic() - begun
            other = self.read(number)
            if other.over:
                return None
            shared = mine.charge.shared_with(other.charge)
            if first and other.version > first.version:
                raise _in_progress(other, shared)
            # By the clock of AWS, which wrote down when both were last changed, and by how long this run has waited since.
            if (parse(mine.modified) - parse(other.modified)).total_seconds() + waited > self._patience:
                return other
            if not shared:
                return None
            first = first or other
            self._sleep(POLL_INTERVAL)

    def end(self, lease: Lease) -> None:
        """Gives the lease back; nobody has to wait for it any more.

        The floor is found now, and not when the run begins, for then it would be time until the lock-out.
        """
        floor = None
        # Without it the next run only has more to read.
        with contextlib.suppress(DeprovisionError):
            floor = min([lease.number, *self._running_before(lease.number)])
        self._give_back(lease, floor)

    def _give_back(self, lease: Lease, floor: int | None = None) -> None:
        self._put(replace(lease, floor=floor, ended=format_time(now())))

    def check(self, number: int, *, renew: bool = True) -> Lease:
        """The lease of a run that still is in charge, renewed if it is time; otherwise raises C(run_superseded)."""
        lease = self.read(number)
        if lease.taken_over is not None:
            raise DeprovisionError(
                "run_superseded",
                f"This run (number {number}) showed no sign of life for {self._patience:.0f} s, and run "
                f"{lease.taken_over['by']} of {lease.taken_over['operator']} took over at {lease.taken_over['at']}; "
                "nothing more is written by this one.",
                system=SYSTEM,
            )
        if renew and (now() - parse(lease.renewed)).total_seconds() >= self._patience / RENEWALS:
            lease = self._put(lease)
        return lease

    def read(self, number: int) -> Lease:
        """The lease of a run that is known to exist: a number is never given twice, so a stale listing is asked again."""
        base = f"{self._base}/{number:06d}"
        for delay in (*RETRY_DELAYS, None):
            found = {parameter.name[len(base) + 1 :]: parameter for parameter in self._store.by_path(base)}
            if LEASE in found:
                return Lease.decode(number, found)
            if delay is not None:
                self._sleep(delay)
        raise DeprovisionError("ledger_damaged", f"The ledger knows of a run {number}, but has no lease of it.", system=SYSTEM)

    def _create(self, charge: Charge) -> Lease:
        hint = self._store.get(f"{self._base}/{LATEST}")
        number = int(hint.value) if hint else 0
        at = format_time(now())
        while True:
            number += 1
            lease = Lease(number, charge, at, at)
            if self._store.create(self._name(number, LEASE), lease.encode()):
                return lease

    def _hint(self, number: int) -> None:
        with contextlib.suppress(UnreachableError):  # the next run finds its number all the same
            self._store.put(f"{self._base}/{LATEST}", str(number), secure=False)

    def _running_before(self, number: int) -> list[int]:
        """The lower numbers of runs that are not over, the oldest first."""
        found, lowest = [], 1
        earlier = number - 1
        while earlier >= lowest:
            lease = self.read(earlier)
            if lease.floor is not None:
                lowest = max(lowest, lease.floor)
            if not lease.over:
                found.append(earlier)
            earlier -= 1
        return found[::-1]

    def _take_over(self, other: Lease, mine: Lease) -> None:
        fact = {"by": mine.number, "operator": mine.charge.operator, "at": format_time(now())}
        self._store.create(self._name(other.number, TAKEN_OVER), encode(fact))

    def _put(self, lease: Lease) -> Lease:
        renewed = replace(lease, renewed=format_time(now()))
        self._store.put(self._name(lease.number, LEASE), renewed.encode(), secure=False)
        return renewed

    def _name(self, number: int, last: str) -> str:
        return f"{self._base}/{number:06d}/{last}"


def all_leases(store: SsmClient, ledger_prefix: str) -> tuple[list[Lease], int]:
    """Every lease that there is, in order, and the highest number that a run is known to have got."""
    base = f"{ledger_prefix.rstrip('/')}/runs"
    hint = store.get(f"{base}/{LATEST}")  # read first: a run that begins meanwhile is not missed
    runs: dict[int, dict[str, Parameter]] = {}
    for parameter in store.by_path(base):
        number, _slash, last = parameter.name[len(base) + 1 :].partition("/")
        if last:
            runs.setdefault(int(number), {})[last] = parameter
    leases = [Lease.decode(number, found) for number, found in sorted(runs.items()) if LEASE in found]
    return leases, max(int(hint.value) if hint else 0, *runs, 0)


class Holder:
    """A run that holds the lease with C(number): to be asked before each write, and by itself while it works.

    C(leases) makes the L(Leases) when they are first needed. C(checked) is when the run was last seen to be in charge, in seconds
    of this machine's clock (as C(time.time) has them).
    """

    def __init__(self, leases: t.Callable[[], Leases], number: int, patience: float, *, checked: float | None = None) -> None:
        self._leases = functools.cache(leases)
        self._number = number
        self._interval = patience / RENEWALS
        self._checked = checked
        self._fault: str | None = None  # the type of the exception that has ended the renewals
        self._checking = threading.Lock()  # many writes at the same time ask once

    def check(self) -> None:
        """Raises C(run_superseded) if another run has taken over. A check holds for a moment (a machine's sleep counts)."""
        if self._fault:
            raise DeprovisionError(
                "internal_error", f"The lease is not renewed any more ({self._fault}), so nothing more is written.", system=SYSTEM
            )
        with self._checking:
            if self._checked is None or abs(time.time() - self._checked) > LONGEST_CHECK_AGE:
                self._leases().check(self._number, renew=_has_controller())
                self._checked = time.time()

    @contextlib.contextmanager
    def kept(self) -> t.Iterator[None]:
        """While the block runs, the lease is renewed by another thread, however long a single call or wait takes.

        A worker whose controller was killed comes to the end of its task, but keeps nobody waiting: it renews nothing any more.
        """
        done = threading.Event()

        def renew() -> None:
            try:
                while not done.wait(self._interval) and _has_controller():
                    # The next write will meet the same trouble, and tell.
                    with contextlib.suppress(DeprovisionError):
                        self._leases().check(self._number)
            except Exception as error:  # noqa: BLE001  # nobody else would see it
                self._fault = type(error).__name__

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            # What it read before the run ended must not be written after it.
            thread.join(LONGEST_RENEWAL)


def _has_controller() -> bool:
    """Whether the run whose worker this is still goes on; a worker outlives the kill of its run's process group."""
    return CONTROLLER in (os.getppid(), os.getpid())


def _ask_nobody(_system: str, _action: str) -> None:
    """In the place of a guard."""


def _in_progress(other: Lease, shared: t.Sequence[str]) -> DeprovisionError:
    return DeprovisionError(
        "run_in_progress",
        f"Run {other.number} of {other.charge.operator} on {other.charge.where} works on {' and '.join(shared)} "
        f"since {other.since}, and is alive. Nothing was changed.",
        system=SYSTEM,
        details={"number": other.number, "operator": other.charge.operator, "where": other.charge.where, "since": other.since},
    )
