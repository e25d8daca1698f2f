# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_role_separation (E6): a debt that is noted once, and paid once."""

from __future__ import annotations

import typing as t

from .conftest import ModuleRunner
from .ledger_world import OPERATOR, PREFIX, parameters

OWES = {"ledger_prefix": PREFIX, "app": "raptor", "operator": OPERATOR}
PAYS = {**OWES, "state": "absent"}
DEBTS = {"ledger_prefix": PREFIX, "credentials": []}


def test_a_debt_stays_until_it_is_paid(run_main: ModuleRunner, store: t.Any) -> None:
    assert run_main("deprovision_role_separation", OWES).result["changed"] is True
    again = run_main("deprovision_role_separation", {**OWES, "operator": "priya.patel@raxx.example"}).result
    assert (again["changed"], again["debt"]["by"]) == (False, OPERATOR)
    found = run_main("deprovision_debts", DEBTS).result
    assert [(debt["app"], debt["kind"], debt["by"]) for debt in found["debts"]] == [("raptor", "role_separation", OPERATOR)]
    assert "rollback.yml -e restore=true" in found["lines"][0]

    assert run_main("deprovision_role_separation", PAYS).result["changed"] is True
    assert run_main("deprovision_role_separation", PAYS).result["changed"] is False
    assert run_main("deprovision_debts", DEBTS).result["debts"] == []


def test_a_second_debt_is_a_fact_of_its_own(run_main: ModuleRunner, store: t.Any) -> None:
    for arguments in (OWES, PAYS, OWES):
        run_main("deprovision_role_separation", arguments)
    assert sorted(parameters(store)) == [
        "/role_separation/raptor/0001/owed",
        "/role_separation/raptor/0001/paid",
        "/role_separation/raptor/0002/owed",
    ]
    assert len(run_main("deprovision_debts", DEBTS).result["debts"]) == 1


def test_a_ledger_that_cannot_be_read_is_no_clean_sheet(run_main: ModuleRunner, store: t.Any) -> None:
    store.put_parameter(Name=f"{PREFIX}/role_separation/raptor/0001/owed", Value="{", Type="String")
    assert run_main("deprovision_role_separation", PAYS).result["failure"]["code"] == "ledger_damaged"


def test_check_mode_writes_nothing(run_main: ModuleRunner, store: t.Any) -> None:
    assert run_main("deprovision_role_separation", OWES, check=True).result["changed"] is True
    assert parameters(store) == {}
