# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Running a smoke suite here: in an environment without the operator's credentials, bounded in time, memory and processes."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import typing as t
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._output import LINES_KEPT, Lines, clean
from ansible_collections.raxx.deprovision.plugins.module_utils._redaction import parts, redact

SYSTEM = "smoke suite"
# What every program needs. Whatever else the suite gets is named: the operator's shell holds the keys to all systems.
ALWAYS_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM")
POLL = 0.05  # seconds; how soon the end of a suite is seen that leaves a process behind with its output open
LONGEST_DEATH = 5.0  # seconds that a killed suite may hang in the kernel
MOST_DRAINED = 1 << 20  # bytes; more than a pipe holds
_SECRET_NAME = re.compile(r"passw|pwd|secret|token|key", re.IGNORECASE)

Variables = t.Mapping[str, str]


@dataclass(frozen=True)
class Attempt:
    """How one run of the suite ended: C(exit_status) is V(None) if it was ended because it took too long."""

    exit_status: int | None
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Green:
    """A suite that ended with exit status 0 in the attempt of this number."""

    attempts: int
    lines: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Suite:
    """A command that proves that an app works. C(given) are the variables that it gets beside L(ALWAYS_PASSED)."""

    command: tuple[str, ...]
    directory: Path
    basic: Variables
    given: Variables
    unset: tuple[str, ...] = ()

    @classmethod
    def create(
        cls, command: t.Sequence[str], directory: str, own: Variables, names: t.Iterable[str], more: t.Mapping[str, t.Any]
    ) -> Suite:
        """C(names) are passed on from the environment C(own); C(more) are added. Raises C(invalid_input)."""
        for name, value in more.items():
            if not isinstance(value, str):
                raise DeprovisionError("invalid_input", f"The value for {name} is not a string; write it in quotes.")
        if not command or any("\0" in word for word in (*command, directory)):
            raise _unusable("The command of the smoke suite is empty or holds a NUL character.")
        wanted = [name for name in names if name not in more]
        return cls(
            command=tuple(command),
            directory=Path(directory).absolute(),
            basic={name: own[name] for name in ALWAYS_PASSED if name in own},
            given={**{name: own[name] for name in wanted if name in own}, **more},
            unset=tuple(name for name in wanted if name not in own),
        )

    def program(self) -> str:
        """The file that the command runs: seen from the directory, or else found in PATH. Raises C(invalid_input)."""
        name = self.command[0]
        if not os.access(self.directory, os.X_OK):
            raise _unusable(f"The directory {self.directory} of the smoke suite is not there.")
        script = self.directory / name
        if not os.access(script, os.F_OK):
            found = None if "/" in name else shutil.which(name, path={**self.basic, **self.given}.get("PATH", os.defpath))
            if found is None:
                raise _unusable(f"The smoke suite {script} is not there.")
            return found
        if not os.access(script, os.X_OK) or script.is_dir():
            raise _unusable(f"The smoke suite {script} is not executable.")
        return str(script)

    def run(self, *, attempts: int, timeout: float, delay: float) -> Green:
        """Runs the suite until it is green, at most C(attempts) times. Raises C(smoke_failed) or C(smoke_timeout)."""
        begun = monotonic()
        for number in range(1, attempts + 1):
            last = self._attempt(timeout)
            if last.exit_status == 0:
                return Green(number, last.lines, round(monotonic() - begun, 3))
            if number < attempts:
                sleep(delay)
        raise self._failure(last, attempts, timeout)

    def _failure(self, last: Attempt, attempts: int, timeout: float) -> DeprovisionError:
        end = f"ended with exit status {last.exit_status}"
        if last.exit_status is None:
            end = f"was not finished after {timeout} seconds and was killed"
        said = next((line for line in reversed(last.lines) if line.strip()), "")
        command = self._shown(shlex.join(self.command))
        message = [
            f"The smoke suite in {self.directory} ({command}) {end}, attempt {attempts} of {attempts}.",
            f'Its last line: "{said}".' if said else "It wrote nothing.",
        ]
        if self.unset:
            message.append(f"Not set where it was run: {', '.join(self.unset)}.")
        return DeprovisionError(
            "smoke_timeout" if last.exit_status is None else "smoke_failed",
            " ".join(message),
            system=SYSTEM,
            details={"exit_status": last.exit_status, "attempts": attempts, "output": list(last.lines)},
        )

    def _attempt(self, timeout: float) -> Attempt:
        """Runs the suite once, in a session of its own. Nothing of it is left when this returns."""
        deadline = monotonic() + timeout
        tail = _Tail()
        with _Group() as group:
            process = group.start([self.program(), *self.command[1:]], self.directory, {**self.basic, **self.given})
            with t.cast("t.IO[bytes]", process.stdout) as stream, selectors.DefaultSelector() as selector:
                selector.register(stream, selectors.EVENT_READ)
                ended = _read(process, stream.fileno(), selector, tail, deadline)
                group.kill()
                if not ended:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LONGEST_DEATH)
                _drain(stream.fileno(), selector, tail)
        status = process.returncode if ended else None
        if status is not None and status < 0:  # ended by a signal: the number that a shell would give
            status = 128 - status
        return Attempt(status, tuple(self._shown(line) for line in tail.finish()))

    def _shown(self, text: str) -> str:
        """C(text) for people. Values that the suite was given are masked if their names say that they are secret."""
        secrets: set[str] = set()
        for name, value in self.given.items():
            plain = value.encode(errors="replace").decode()
            secrets |= parts(plain) if _SECRET_NAME.search(name) else parts(plain) - {plain}
        return clean(t.cast("str", redact(text, secrets)))


def _unusable(message: str) -> DeprovisionError:
    """The general advice for an input says that nothing was changed. Before this one, credentials may have been."""
    return DeprovisionError(
        "invalid_input",
        message,
        system=SYSTEM,
        next_step="Correct the command of the smoke suite or its directory (Y7), then run the same command again.",
    )


class _Tail:
    """The last lines of a stream."""

    def __init__(self) -> None:
        self._split = Lines()
        self._lines: deque[bytes] = deque(maxlen=LINES_KEPT)

    def feed(self, data: bytes) -> None:
        self._lines.extend(self._split.feed(data))

    def finish(self) -> list[str]:
        if self._split.rest:
            self._lines.append(self._split.rest)
        return [line.decode(errors="replace") for line in self._lines]


class _Group:
    """The processes of one attempt. They do not outlive this context, nor an order to this process to end."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._previous: dict[signal.Signals, t.Any] = {}
        self._starting = False
        self._ordered: int | None = None  # the signal that came while the suite was being started

    def __enter__(self) -> _Group:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.getsignal(number) for number in self.SIGNALS}
            for number, handler in self._previous.items():
                if handler not in (signal.SIG_IGN, None):
                    signal.signal(number, self._ordered_to_end)
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()
        self._restore()

    def start(self, command: list[str], directory: Path, environment: Variables) -> subprocess.Popen[bytes]:
        self._starting = True
        try:
            self._process = process = subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function  # what the inventory names; no shell
                command,
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as error:  # no such interpreter, a name of a variable that cannot be one
            raise _unusable(f"The smoke suite {command[0]} cannot be started ({type(error).__name__}).") from None
        finally:
            self._starting = False
            if self._ordered is not None:
                self._ordered_to_end(self._ordered, None)
        return process

    def kill(self) -> None:
        process, self._process = self._process, None  # once: later the number may be that of another group
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: permission denied if all are gone
                os.killpg(process.pid, signal.SIGKILL)

    def _ordered_to_end(self, number: int, _frame: object) -> None:
        if self._starting:  # the suite may run already, but its number is not known yet
            self._ordered = number
            return
        self.kill()
        self._restore()
        os.kill(os.getpid(), number)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            if handler is not None:
                signal.signal(number, handler)


def _read(process: subprocess.Popen[bytes], stream: int, selector: selectors.BaseSelector, tail: _Tail, deadline: float) -> bool:
    """Reads until the process ends. Whether it did so in time. A process that it left behind is not waited for."""
    while process.poll() is None:
        left = deadline - monotonic()
        if left <= 0:
            return False
        if selector.select(min(left, POLL)):
            data = os.read(stream, 65536)
            if not data:  # output closed, which mostly means that it ends now
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - monotonic()))
                return process.returncode is not None
            tail.feed(data)
    return True


def _drain(stream: int, selector: selectors.BaseSelector, tail: _Tail) -> None:
    """Takes what is still in the pipe, but not what somebody outside the group may go on writing."""
    taken = 0
    while taken < MOST_DRAINED and selector.select(0):
        data = os.read(stream, 65536)
        if not data:
            return
        tail.feed(data)
        taken += len(data)
