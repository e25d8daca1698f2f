# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbook through ansible-runner, as an operator's job server makes them."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import typing as t
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import ansible_runner  # type: ignore[import-untyped]
import yaml

from tests.e2e.world import ROOT, Record, Sandbox, clean_environment
from tests.leaks import Leaks

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
HOSTS = {"console", "raptor_app", "audit_archiver", "raptor", "audit_record"}
_numbers = itertools.count(1)


class AwxDumper(yaml.SafeDumper):
    """Writes variables as AWX does: each text is marked, so that Ansible renders nothing in it."""

    def represent_data(self, data: t.Any) -> yaml.Node:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


@dataclass(frozen=True)
class Run:
    """A run that has ended. C(place) holds whatever it left: runner's artifacts, the evidence, temporary files."""

    place: Path
    status: int
    stats: Record
    events: list[Record]
    output: str

    @property
    def evidence(self) -> list[Path]:
        return sorted((self.place / "evidence").glob("*/result.json"))

    @property
    def result(self) -> Record:
        (file,) = self.evidence
        found: Record = json.loads(file.read_text(encoding="utf-8"))
        return found

    @property
    def changed(self) -> dict[str, int]:
        """Changes by host, those without any left out."""
        return {host: number for host, number in self.stats["changed"].items() if number}

    @property
    def words(self) -> str:
        """The output on one line, for texts that were wrapped."""
        return " ".join(self.output.split())

    @property
    def last_line(self) -> str:
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    @property
    def failures(self) -> list[str]:
        """The messages of tasks that failed and were not rescued by the playbook."""
        return [
            str(event["event_data"]["res"].get("msg"))
            for event in self.events
            if event["event"] in ("runner_on_failed", "runner_on_unreachable")
        ]


def deprovision(sandbox: Sandbox, email: str | None, *, check: bool = False, **given: t.Any) -> Run:
    """Runs the playbook for C(email) and searches everything that it leaves for secrets.

    C(given) are extra vars but for C(limit), C(tags), C(skip_tags), C(start_at_task), C(verbosity), C(inventory), C(playbook),
    C(environment) (laid over that of the sandbox; V(None) takes a variable away), C(evidence) (a directory, by default one of
    the run's own) and C(rendered) (whether texts are variables as a file or a command line has them, and not as AWX does).
    """
    options = {name: given.pop(name) for name in ("limit", "tags", "skip_tags", "verbosity", "inventory") if name in given}
    words = [*(["--check", "--diff"] if check else []), *_start(given.pop("start_at_task", None))]
    changes: dict[str, str | None] = given.pop("environment", {})
    playbook = given.pop("playbook", "deprovision.yml")
    dumper = yaml.SafeDumper if given.pop("rendered", False) else AwxDumper
    place = sandbox.place / f"run-{next(_numbers)}"
    given.setdefault("evidence_directory", str(given.pop("evidence", place / "evidence")))
    private, caller = place / "private", clean_environment(_made(place) / "home")
    _inject(private, {**sandbox.environment, **changes}, caller)
    variables = {**({} if email is None else {"email": email}), **given}
    (private / "env" / "extravars").write_text(yaml.dump(variables, Dumper=dumper), encoding="utf-8")
    with mock.patch.dict(os.environ, caller, clear=True):
        ended = ansible_runner.run(
            private_data_dir=str(private),
            playbook=playbook,
            cmdline=shlex.join(words) or None,
            quiet=True,
            **options,
        )
    run = Run(place, int(ended.rc), ended.stats or {}, list(ended.events), COLOUR.sub("", ended.stdout.read()))
    # What runner itself writes down of its caller's environment is no output of the run.
    own = [place / "private" / "env", *(place / "private" / "artifacts").glob("*/command")]
    assert not Leaks(sandbox.secrets()).below(place, but=own)
    return run


def _start(task: str | None) -> list[str]:
    return ["--start-at-task", task] if task else []


def _made(place: Path) -> Path:
    place.mkdir(parents=True)
    return place


def _inject(private: Path, environment: dict[str, str | None], caller: dict[str, str]) -> None:
    """Makes a private data directory of C(runner/), with credentials as variables, and one as a file, as AWX injects them."""
    shutil.copytree(ROOT / "runner", private)
    (private / "project").symlink_to(ROOT)
    variables = {name: value for name, value in environment.items() if value is not None and name not in caller}
    if token := variables.pop("INFISICAL_TOKEN", None):
        file = private / "env" / "infisical-token"
        file.write_text(token, encoding="utf-8")
        variables["INFISICAL_TOKEN_FILE"] = str(file)
    (private / "env" / "envvars").write_text(yaml.safe_dump(variables), encoding="utf-8")
