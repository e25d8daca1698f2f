# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as AWX starts it: the answers of its survey are texts that Ansible must not render, some of them empty."""

from __future__ import annotations

import typing as t

import pytest

from tests.awx import rules
from tests.awx.data import ROOT, load, objects
from tests.e2e.runs import Run, deprovision
from tests.e2e.world import LEAVER, Record, Sandbox


@pytest.fixture(scope="module")
def untouched(sandbox: Sandbox) -> Record:
    return sandbox.dump()


def launch(sandbox: Sandbox, answers: t.Mapping[str, t.Any]) -> Run:
    """A dry run with the extra vars that AWX makes of the C(answers)."""
    survey = objects()["deprovision_production_survey"]
    given = {**rules.survey_answers(survey, answers), "awx_job_id": 7, "awx_user_name": "olivia"}
    return deprovision(sandbox, given.pop("email"), check=True, **given)


ANSWERS: dict[str, dict[str, t.Any]] = {
    "only the address": {},
    "everything left empty": {"notice": "", "ticket": "", "operator": "", "approved_by": "", "plan": ""},
    "everything answered": {"notice": "2026-05-19T09:00:00Z", "direct_database_access": "false"},
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_of_the_survey_work(sandbox: Sandbox, untouched: Record, kind: str) -> None:
    run = launch(sandbox, {"email": LEAVER, **ANSWERS[kind]})
    assert run.status == 0, run.output
    assert run.last_line.startswith("PLAN: ")
    assert sandbox.dump() == untouched


def test_the_example_for_ansible_runner_is_as_if_only_the_address_were_given(sandbox: Sandbox, untouched: Record) -> None:
    """A text that Ansible may render stays empty, where one that it must not render is read as null."""
    example = load(ROOT / "runner/env/extravars.example")
    assert [name for name, value in example.items() if value == ""] == ["notice", "operator", "ticket", "plan", "approved_by"]
    run = deprovision(sandbox, example.pop("email"), check=True, rendered=True, **example)
    assert run.status == 0, run.output
    assert sandbox.dump() == untouched


def test_a_template_in_an_answer_is_text(sandbox: Sandbox, untouched: Record) -> None:
    run = launch(sandbox, {"email": '{{ lookup("env", "HEROKU_API_KEY") }}@raxx.example'})
    assert run.status == 2
    assert run.last_line.startswith("REFUSED: ")
    assert "Not an email address" in run.last_line
    assert "lookup(" in run.last_line
    assert sandbox.environment["HEROKU_API_KEY"] not in run.output
    assert sandbox.dump() == untouched
