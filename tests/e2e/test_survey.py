# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as AWX starts it: the answers of its survey are texts that Ansible must not render, some of them empty."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from tests.awx import rules
from tests.awx.data import objects
from tests.e2e.world import LEAVER, ROOT, Record, Sandbox, clean_environment


@pytest.fixture(scope="module")
def untouched(sandbox: Sandbox) -> Record:
    return sandbox.dump()


def launch(sandbox: Sandbox, place: Path, answers: t.Mapping[str, t.Any]) -> subprocess.CompletedProcess[str]:
    """A dry run with the extra vars that AWX makes of the C(answers)."""
    survey = objects()["deprovision_production_survey"]
    given = {**rules.survey_answers(survey, answers), "awx_job_id": 7, "awx_user_name": "olivia"}
    lines = [f"{name}: !unsafe '{value}'" if isinstance(value, str) else f"{name}: {value}" for name, value in given.items()]
    (place / "extravars").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["ansible-playbook", "deprovision.yml", "--check", "-e", f"@{place / 'extravars'}"]
    environment = {**sandbox.environment, **clean_environment(place / "home")}
    return subprocess.run(
        [*command, "-e", f"evidence_directory={place / 'evidence'}"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


ANSWERS: dict[str, dict[str, t.Any]] = {
    "only the address": {},
    "everything left empty": {"notice": "", "ticket": "", "operator": "", "approved_by": "", "plan": ""},
    "everything answered": {"notice": "2026-05-19T09:00:00Z", "direct_database_access": "false"},
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_of_the_survey_work(sandbox: Sandbox, untouched: Record, tmp_path: Path, kind: str) -> None:
    done = launch(sandbox, tmp_path, {"email": LEAVER, **ANSWERS[kind]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[-1].startswith("PLAN: ")
    assert sandbox.dump() == untouched


def test_a_template_in_an_answer_is_text(sandbox: Sandbox, untouched: Record, tmp_path: Path) -> None:
    done = launch(sandbox, tmp_path, {"email": '{{ lookup("env", "HEROKU_API_KEY") }}@raxx.example'})
    assert done.returncode == 2
    assert "REFUSED: " in done.stdout
    assert "Not an email address" in done.stdout
    assert sandbox.environment["HEROKU_API_KEY"] not in done.stdout + done.stderr
    assert sandbox.dump() == untouched


def test_an_empty_text_of_the_command_line_is_no_answer(sandbox: Sandbox, untouched: Record, tmp_path: Path) -> None:
    """A text that Ansible may render stays empty, where one that it must not render is read as null."""
    nothing = "ticket= notice= operator= approved_by= plan="
    words = ["--check", "-e", f"email={LEAVER}", "-e", f"evidence_directory={tmp_path / 'evidence'}", "-e", nothing]
    environment = {**sandbox.environment, **clean_environment(tmp_path / "home")}
    done = subprocess.run(
        ["ansible-playbook", "deprovision.yml", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert sandbox.dump() == untouched
