# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: commands that do the same in the same sandbox, each for a person of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.calls import Call
from bench.measure import Measured, measure
from bench.worlds import World, calls_since, locked_out
from tests.conformance.clients import search_path, settings
from tests.e2e.world import ROOT, Sandbox
from tests.export import tracked

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Arena:
    """A sandbox, in which the measured commands run from C(tree), a checkout."""

    sandbox: Sandbox
    world: World
    place: Path
    clients: tuple[Path, ...] = ()

    def ours(self, emails: list[str], tree: Path = ROOT) -> tuple[Measured, list[Call]]:
        """The playbook, as an operator starts it; with many people they are given in a file."""
        inputs = self.place / "inputs.json"
        evidence = self.place / "evidence"
        waits = {"app_log_window": self.world.log_window, "deprovision_lease_seconds": self.world.lease}
        inputs.write_text(json.dumps({"email": emails, "evidence_directory": str(evidence), **waits}), encoding="utf-8")
        measured = self.run([str(BIN / "ansible-playbook"), "deprovision.yml", "-e", f"@{inputs}"], emails, tree)
        shutil.rmtree(evidence, ignore_errors=True)
        return measured

    def peer(self, email: str) -> tuple[Measured, list[Call]]:
        """The manual procedure, typed by a script."""
        command = ["bash", str(ROOT / "bench" / "peer.sh"), email, str(self.world.log_window)]
        return self.run(
            command, [email], extra={"PATH": search_path(self.clients, os.environ["PATH"]), **settings(self.sandbox.home)}
        )

    def floor(self, email: str, recorded: list[Call]) -> tuple[Measured, list[Call]]:
        """The calls of a run of ours, and nothing else."""
        recording = self.place / "recording.json"
        recording.write_text(json.dumps(recorded), encoding="utf-8")
        command = [sys.executable, "-m", "bench.floor", str(recording), email, str(self.world.log_window)]
        return self.run(command, [email], extra={"PYTHONPATH": str(ROOT / "collections")})

    def run(
        self, command: list[str], emails: list[str], tree: Path = ROOT, extra: dict[str, str] | None = None
    ) -> tuple[Measured, list[Call]]:
        """A command that takes the access of C(emails) away, and the calls that it made. Raises L(FailedRunError)."""
        seen = calls_since(self.sandbox, 0)[1]
        log = self.place / "output.log"
        env = {**self.sandbox.environment, **(extra or {})}
        with locked_out(self.sandbox, emails) as gone:
            measured = measure(command, env=env, cwd=tree, log=log, condition=gone)
        if measured.status != 0 or measured.reached is None:
            raise FailedRunError(command, measured.status, log)
        calls = calls_since(self.sandbox, seen)[0]
        return measured, calls

    def empty(self) -> Measured:
        """An ansible-playbook that does nothing, with the same inventory and forks."""
        log = self.place / "output.log"
        command = [str(BIN / "ansible-playbook"), str(ROOT / "bench" / "empty.yml")]
        measured = measure(command, env=self.sandbox.environment, cwd=ROOT, log=log)
        if measured.status != 0:
            raise FailedRunError(command, measured.status, log)
        return measured


class FailedRunError(Exception):
    """A command that did not do what it was measured for; its time would mean nothing."""

    def __init__(self, command: list[str], status: int, log: Path) -> None:
        last = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        super().__init__(f"{' '.join(command)} ended with {status}:\n{last}")


def ordinary_tree(place: Path) -> Path:
    """A copy of the checkout without our action plugins, so that every module runs the ordinary way."""
    for name in tracked():
        if not name.startswith("plugins/action/"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
    return place
