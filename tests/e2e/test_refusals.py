# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be right is refused with one clear message before anything changes."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from tests.e2e.inventories import copy_inventory, without_line
from tests.e2e.runs import Run, deprovision
from tests.e2e.world import LEAVER, OPERATOR, Record, Sandbox


@pytest.fixture(scope="module")
def untouched(sandbox: Sandbox) -> Record:
    """The sandbox before the first refusal; every later one must find it so."""
    return sandbox.dump()


def assert_refused(run: Run, said: str, untouched: Record, sandbox: Sandbox) -> None:
    assert run.status != 0
    assert run.last_line.startswith("REFUSED: "), run.output
    assert re.search(said, run.last_line), run.last_line
    assert len(set(run.failures)) == 1
    assert "Traceback" not in run.output
    assert run.changed == {}
    assert run.evidence == []
    assert sandbox.dump() == untouched


@pytest.mark.parametrize(
    ("given", "said"), [({}, "FAILED: "), ({"tags": "step1"}, "REFUSED: The prerequisites and the result were left out")]
)
def test_nobody_leaves_out_what_is_always_needed(sandbox: Sandbox, untouched: Record, given: dict[str, t.Any], said: str) -> None:
    """I14. Without prerequisites no step can do anything, and each failure would wait for a result that is left out, too."""
    run = deprovision(sandbox, LEAVER, skip_tags="always", **given)
    assert run.last_line.startswith(said), run.output
    assert (run.status, sandbox.dump()) == (2, untouched)


ADDRESSES: dict[str, tuple[t.Any, str]] = {
    "none": (None, "email"),
    "no address, in a list": ([LEAVER, "jordan.smith"], "Not an email address: 'jordan.smith'"),
    "quotes": ("o'brien\"@raxx.example", "Not an email address"),
    "percent signs": ("jordan%s%(x)s%@raxx.example", "Not an email address"),
    "ten thousand characters": ("j" * 9987 + "@raxx.example", "10000 characters long"),
    "SQL": ("x' OR 1=1; DROP TABLE admins; --@raxx.example", "Not an email address"),
}
JINJA = "{{ lookup('env', 'HEROKU_API_KEY') }}@raxx.example"


@pytest.mark.parametrize("kind", ADDRESSES)
def test_what_is_no_email_address_is_refused(sandbox: Sandbox, untouched: Record, kind: str) -> None:
    """P1 to P5: checked before anything changes."""
    email, said = ADDRESSES[kind]
    assert_refused(deprovision(sandbox, email), said, untouched, sandbox)


@pytest.mark.parametrize("rendered", [False, True])
def test_an_address_that_is_a_template_is_refused(sandbox: Sandbox, untouched: Record, rendered: bool) -> None:
    said = "." if rendered else "Not an email address"
    assert_refused(deprovision(sandbox, JINJA, rendered=rendered), said, untouched, sandbox)


def test_an_unknown_email_is_refused_and_near_matches_are_named(sandbox: Sandbox, untouched: Record) -> None:
    """1a."""
    run = deprovision(sandbox, "jordan.smit@raxx.example")
    assert_refused(run, r"no account for jordan\.smit@raxx\.example.*Jordan\.Smith@.*console_account=false", untouched, sandbox)


def test_one_s_own_email_is_refused(sandbox: Sandbox, untouched: Record) -> None:
    """P1."""
    assert_refused(deprovision(sandbox, OPERATOR), f"{OPERATOR} is the operator's own account", untouched, sandbox)


def test_an_operator_who_is_no_superadmin_is_refused(sandbox: Sandbox, untouched: Record) -> None:
    """P1."""
    run = deprovision(sandbox, LEAVER, operator="priya.patel@raxx.example")
    assert_refused(run, r"priya\.patel@raxx\.example is not in the group superadmin \(P1\)", untouched, sandbox)


def test_the_last_superadmin_is_refused(sandbox: Sandbox, untouched: Record) -> None:
    """P1."""
    run = deprovision(sandbox, OPERATOR, operator="mateo.garcia@raxx.example")
    assert_refused(run, f"{OPERATOR} is the last superadmin", untouched, sandbox)


CREDENTIALS = {
    "Heroku": {"HEROKU_API_KEY": "HRKU-00000000-wrong"},
    "Infisical": {"INFISICAL_TOKEN": "eyJhbGciOiJIUzI1NiJ9.e30.wrong"},
    "FreeScout": {"FREESCOUT_API_KEY": "0000wrong"},
    "AWS": {"AWS_ACCESS_KEY_ID": "AKIAWRONGWRONGWRONG0", "AWS_SECRET_ACCESS_KEY": "wrong"},
}


@pytest.mark.parametrize("system", CREDENTIALS)
@pytest.mark.parametrize("kind", ["missing", "wrong"])
def test_a_missing_or_wrong_credential_is_refused(sandbox: Sandbox, untouched: Record, system: str, kind: str) -> None:
    """P2, P3, P4, Y4."""
    given = CREDENTIALS[system]
    run = deprovision(sandbox, LEAVER, environment=dict(given) if kind == "wrong" else dict.fromkeys(given))
    assert_refused(run, f"{system}.*(token|key|credential|authenticat|refuse)", untouched, sandbox)


@pytest.mark.parametrize(
    ("file", "variable"),
    [
        ("hosts.yml", "credential_permitted_query"),
        ("hosts.yml", "app_role_separation_flag"),
        ("group_vars/all.yml", "freescout_customer_email"),
        ("group_vars/all.yml", "heroku_api_url"),
    ],
)
def test_an_inventory_that_lacks_a_variable_is_refused(
    sandbox: Sandbox, untouched: Record, tmp_path: Path, file: str, variable: str
) -> None:
    """P1 to P5: checked before anything changes."""
    inventory = copy_inventory(tmp_path / "copy")
    without_line(inventory, file, variable)
    run = deprovision(sandbox, LEAVER, inventory=str(inventory / "hosts.yml"))
    assert_refused(run, variable, untouched, sandbox)


def test_a_shell_that_knows_no_sandbox_is_refused(sandbox: Sandbox, untouched: Record) -> None:
    """P1 to P5."""
    run = deprovision(sandbox, LEAVER, environment=dict.fromkeys(sandbox.environment.keys() - {"PATH", "HOME"}))
    assert_refused(run, "The sandbox is not up.*sandbox up", untouched, sandbox)


def test_a_sandbox_that_is_gone_is_refused(sandbox: Sandbox, untouched: Record) -> None:
    """P2."""
    nobody = "http://127.0.0.1:9"
    names = [name for name, value in sandbox.environment.items() if value.startswith("http://127.0.0.1")]
    assert len(names) >= 5
    run = deprovision(sandbox, LEAVER, environment=dict.fromkeys(names, nobody))
    assert_refused(run, "Heroku", untouched, sandbox)
