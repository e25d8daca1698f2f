# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: what it measures is what happened, and what it says follows from that. Nothing here depends on a time."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.calls import KINDS, Call, counted, kind_of, unexplained
from bench.floor import stages
from bench.goals import Record, goals, table
from bench.measure import measure
from bench.page import PAGE, between, calls, figures
from bench.picture import picture
from bench.worlds import REAL, ZERO, person

ROTATION = "/postgres/v0/databases/postgresql-raptor-83017/credentials/raptor_app/credentials_rotation"
LEDGER = "/raxx/sandbox/deprovision"


def run(wall: float, **figures: float | None) -> Record:
    kinds = {"Heroku: rotate": 2, "SQL: remove memberships": 1}
    return {
        "wall": wall,
        "cpu": wall,
        "memory": 100.0,
        "reached": 1.0,
        "calls": {"aws": 3, "heroku": 2},
        "kinds": kinds,
        **figures,
    }


def measured(**parts: dict[str, list[Record]]) -> Record:
    machine = {"cores": 2, "load": 0.1, "python": "x", "ansible": "y", "at": "2026-05-19T09:00:00+00:00"}
    common = {"machine": machine, "world": "zero latency"}
    return {"parts": {name: {**common, "contestants": contestants} for name, contestants in parts.items()}}


def verdicts(found: Record) -> dict[str, str]:
    return {goal.name: goal.verdict for goal in goals(found)}


def call(system: str, method: str, path: str) -> Call:
    return Call(0.0, system, method, path, writes=False)


def test_a_goal_is_judged_by_the_ratio_of_the_medians() -> None:
    ours, peer = [run(9.0), run(2.0), run(1.0)], [run(8.0), run(9.0), run(8.0)]
    found = measured(zero={"ours": ours, "peer": peer})
    assert verdicts(found)["zero latency: wall time / peer's"] == "met"
    ours[2] = run(3.0)
    assert verdicts(found)["zero latency: wall time / peer's"] == "missed"


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert set(verdicts(measured()).values()) == {"not measured"}
    alone = verdicts(measured(zero={"ours": [run(2.0)]}))
    assert alone["zero latency: wall time / peer's"] == "not measured"
    assert alone["zero latency: time to lock-out in seconds"] == "met"


def test_calls_that_must_not_grow_with_the_number_of_people_are_compared() -> None:
    name = "more people: most calls that a run makes once / for one"
    crowds = {"1": [run(1.0)], "100": [run(1.0)]}
    assert verdicts(measured(growth=crowds))[name] == "met"
    crowds["100"][0]["kinds"] = {"Heroku: rotate": 2, "SQL: remove memberships": 100}
    assert verdicts(measured(growth=crowds))[name] == "missed"


def test_the_table_has_every_contestant_and_every_goal() -> None:
    ours = [run(5.0), run(2.0), run(3.0)]
    found = measured(zero={"ours": ours, "empty": [run(1.0, reached=None)]})
    text = "\n".join(table(found))
    assert re.search(r"ours .*locked out s 1\.00 \(1\.00 to 1\.00\) .*wall s 3\.00 \(2\.00 to 5\.00\)", text)
    assert "calls 5: aws 3 heroku 2" in text
    assert "locked out" not in next(line for line in text.splitlines() if "empty" in line)
    assert all(goal.name in text for goal in goals(found))


def test_the_picture_is_an_svg_with_a_bar_for_each_figure() -> None:
    root = ElementTree.fromstring(picture(measured(zero={"ours": [run(2.0)], "peer": [run(8.0)]})))
    bars = [float(each.get("width", "")) for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("rx")]
    assert len(bars) == 6
    assert bars[2] * 4 == pytest.approx(bars[3], abs=0.5)


def test_the_page_has_a_place_for_what_was_measured() -> None:
    found = measured(zero={"ours": [run(2.0)]})
    text = PAGE.read_text(encoding="utf-8")
    for mark, content in (("figures", figures(found)), ("calls", calls(found))):
        text = between(text, mark, content)
        assert between(text, mark, content) == text
    assert "| Heroku: rotate | 2 | " in text
    assert "| 5: aws 3 heroku 2 |" in text


@pytest.mark.parametrize(
    ("system", "method", "path", "name"),
    [
        ("heroku", "POST", ROTATION, "Heroku: rotate"),
        ("heroku", "GET", ROTATION.rpartition("/")[0], "Heroku: credential"),
        ("aws", "POST", f"PutParameter {LEDGER}/credentials/raptor_app/0001/old", "SSM: what a continued run needs, write"),
        ("aws", "POST", f"PutParameter {LEDGER}/credentials/raptor_app/0001/live", "SSM: fact of a rotation"),
        ("aws", "POST", f"PutParameter {LEDGER}/credentials/raptor_app/latest", "SSM: newest rotation, hint"),
        ("aws", "POST", f"GetParameter {LEDGER}/credentials/raptor_app/0002/intent", "SSM: newest rotation"),
        (
            "aws",
            "POST",
            f"GetParameters {LEDGER}/people/a/x/opened {LEDGER}/people/b/y/opened",
            "SSM: facts of several people, read",
        ),
        ("aws", "POST", f"GetParametersByPath {LEDGER}/people/a", "SSM: facts of a person, read"),
        ("aws", "POST", "PutParameter /raxx/sandbox/raptor/AUDIT_ARCHIVER_DB_URL", "SSM: store, write"),
        (
            "postgres",
            "DELETE",
            "raxx.deprovision: DELETE FROM audit_archival_runs WHERE false",
            "SQL: what the role may do, and may not",
        ),
    ],
)
def test_a_call_has_one_kind(system: str, method: str, path: str, name: str) -> None:
    assert kind_of(call(system, method, path)).name == name


def test_each_kind_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(kind.reason for kind in KINDS)


def test_a_call_without_a_reason_is_named() -> None:
    unknown = call("heroku", "DELETE", "/apps/raxx-api-sandbox")
    assert unexplained([unknown, call("heroku", "GET", "/account")]) == ["heroku DELETE /apps/raxx-api-sandbox"]
    assert counted([unknown]) == {"not explained": 1}


def test_the_floor_takes_the_calls_apart_where_they_do_not_depend_on_each_other() -> None:
    facts = f"PutParameter {LEDGER}/credentials"
    recorded = [
        call("heroku", "GET", "/account"),
        call("aws", "POST", "GetCallerIdentity"),
        call("aws", "POST", f"GetParameter {LEDGER}/credentials/raptor_app/latest"),
        call("postgres", "DELETE", "raxx.deprovision: DELETE FROM rbac_user_groups"),
        call("postgres", "UPDATE", "raxx.deprovision: UPDATE admin_sessions"),
        call("aws", "POST", f"PutParameter {LEDGER}/people/x/y/lockout-console"),
        call("heroku", "POST", ROTATION),
        call("heroku", "POST", ROTATION.replace("raptor_app", "audit_archiver")),
        call("heroku", "GET", "/apps/raxx-api-sandbox/config-vars"),
        call("aws", "POST", f"{facts}/raptor_app/0001/live"),
        call("aws", "POST", f"{facts}/audit_archiver/0001/live"),
        call("heroku", "PATCH", "/apps/raxx-api-sandbox/config-vars"),
        call("heroku", "POST", "/apps/raxx-api-sandbox/dynos"),
        call("postgres", "SELECT", "raxx.deprovision: SELECT id FROM admin_sessions"),
        call("aws", "POST", f"GetParametersByPath {LEDGER}/credentials/audit_archiver/0001"),
    ]
    found = stages(recorded)
    assert [name for name, _lanes in found] == [
        "prerequisites",
        "lock-out",
        "ticket",
        "rotation",
        "release",
        "proofs",
        "last look",
    ]
    assert set(found[0][1]) == {"heroku", "aws", "raptor_app"}
    assert set(found[3][1]) == {"raptor_app", "audit_archiver"}
    assert set(found[6][1]) == {"all", "audit_archiver"}
    assert sorted(each for _name, lanes in found for lane in lanes.values() for each in lane) == sorted(recorded)


def test_a_command_is_measured_with_all_its_processes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = "import time; b = bytearray(64 << 20); b[::4096] = b'x' * len(b[::4096]); open('made', 'w'); time.sleep(0.3)"
    script = f'"$0" -c "{child}" & "$0" -c "{child}" & wait; echo said'
    made = tmp_path / "made"
    found = measure(["bash", "-c", script, sys.executable], env=dict(os.environ), cwd=tmp_path, log=log, condition=made.exists)
    assert found.status == 0
    assert log.read_text(encoding="utf-8") == "said\n"
    assert found.memory > 128
    assert found.cpu > 0
    assert found.reached is not None
    assert found.reached <= found.wall


def test_a_condition_that_never_comes_true_is_no_time(tmp_path: Path) -> None:
    found = measure(["false"], env=dict(os.environ), cwd=tmp_path, log=tmp_path / "log", condition=lambda: False)
    assert (found.status, found.reached) == (1, None)


def test_a_crowd_is_seeded_beside_the_people_of_the_default_seed() -> None:
    admins = ZERO.seed(3)["console"]["admins"]
    assert [admin["email"] for admin in admins[-3:]] == [person(0), person(1), person(2)]
    assert "olivia.osei@raxx.example" in [admin["email"] for admin in admins]


def test_a_realistic_rotation_settles_in_twenty_seconds() -> None:
    timings = REAL.seed(0)["heroku"]["timings"]
    assert timings["enable_delay"] + 2 * timings["settle_delay"] == 20
