# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_plan (I11): what would change, by name, with a digest that depends on nothing else."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._plan import Plan, difference, line

from .conftest import ModuleRunner
from .ledger_world import EMAIL, EVENT, OPERATOR, PREFIX, note, parameters
from .test_deprovision_result import PERSON, credential
from .test_progress import AT, FACTS, ROTATED

Params = dict[str, t.Any]

TARGETS = {
    "settings": {"heroku_api_url": "https://api.heroku.example", "infisical_workspace_id": "0d4b9a52"},
    "credentials": {
        "raptor_app": {
            "addon": "DATABASE",
            "checks": ["smoke"],
            "store": {"kind": "infisical", "environment": "test", "name": "URL"},
        },
    },
    "apps": {"raptor": {"heroku_app": "raxx-api-test", "smoke_command": ["run_smoke.sh", "--env=test"]}},
    "records": {"audit_record": {"heroku_app": "raxx-api-test"}},
}
OTHER_SESSION = {"id": 8, "started_at": "2026-05-19T10:00:00.000000Z", "user_agent": "curl", "console": "raxx-console-test"}


def planned(run_main: ModuleRunner, **given: t.Any) -> Params:
    """The parameters of the module for a person that C(given) says something of."""
    person = {**PERSON, **given}
    found = run_main("deprovision_event", {**EVENT, "people": [person]}, check=True).result
    return {
        "ledger_prefix": PREFIX,
        "environment_name": "test",
        "events": found["events"],
        "since": found["since"],
        "credentials": [credential("raptor_app", 2), credential("audit_archiver", 3, waived=True)],
        "records": ["audit_record"],
        "targets": TARGETS,
    }


def edited(*path: str, to: t.Any) -> Params:
    """The targets with another value at C(path), or without it."""
    targets: Params = copy.deepcopy(TARGETS)
    *above, last = path
    place: Params = targets
    for name in above:
        place = place[name]
    place.update({} if to is None else {last: to})
    if to is None:
        del place[last]
    return targets


def text(outcome: t.Any) -> str:
    return "\n".join(outcome.result["lines"])


def test_the_plan_names_what_a_run_would_do(run_main: ModuleRunner, store: t.Any, tmp_path: Path) -> None:
    """1a, 1b, 2a, 2b, 2c, 6, 7. What was waived is left out."""
    outcome = run_main("deprovision_plan", {**planned(run_main), "path": str(tmp_path)}, check=True)
    for words in (
        "remove jordan.smith@raxx.example from the group support",
        "end session 7 of",
        "rotate raptor_app of raxx-api-test",
        "write the URL of raptor_app to ssm /raxx/test/raptor_app",
        "set URL on raptor and restart it",
        "write one row of audit_archival_runs",
        "find or create, and close, the ticket",
    ):
        assert words in text(outcome)
    assert "audit_archiver" not in text(outcome)
    assert outcome.result["steps"] == ["1a", "1b", "2a", "2b", "2c", "2", "6", "7"]
    assert outcome.result["changed"] is True
    assert list(tmp_path.iterdir()) == []


def test_the_file_holds_the_plan_and_its_name_is_the_digest(run_main: ModuleRunner, store: t.Any, tmp_path: Path) -> None:
    params = {**planned(run_main), "path": str(tmp_path)}
    outcome = run_main("deprovision_plan", params)
    path, page = outcome.result["paths"]
    assert "end session 7 of" in Path(page).read_text()
    assert path == str(tmp_path / "plans" / f"{outcome.result['digest']}.json")
    assert json.loads(Path(path).read_text()) == outcome.result["plan"]
    assert run_main("deprovision_plan", params).result["changed"] is False
    assert parameters(store) == {}


def test_the_digest_depends_on_changes_alone(run_main: ModuleRunner, store: t.Any) -> None:
    """Neither on times, nor on the date in the event's id, nor on the order in which things were listed."""
    params = planned(run_main, sessions=[*PERSON["sessions"], OTHER_SESSION])
    digest = run_main("deprovision_plan", params).result["digest"]
    later = planned(run_main, sessions=[OTHER_SESSION, *PERSON["sessions"]])
    later["events"][0].update(
        event="DEPROV-2031-01-01-jordan.smith", opened="2031-01-01T00:00:00Z", notice=AT, operator="mateo.garcia@raxx.example"
    )
    later["since"] = "2031-01-01T00:00:00Z"
    later["credentials"].reverse()
    assert run_main("deprovision_plan", later).result["digest"] == digest


@pytest.mark.parametrize(
    "change",
    [
        {"environment_name": "other"},
        {"forced": True},
        {"ticket": 4711},
        {"records": ["audit_record", "second"]},
        {"credentials": [credential("raptor_app", 2), credential("audit_archiver", 3)]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_would_be_done_otherwise_changes_the_digest(run_main: ModuleRunner, store: t.Any, change: Params) -> None:
    params = planned(run_main)
    digest = run_main("deprovision_plan", params).result["digest"]
    assert run_main("deprovision_plan", {**params, **change}).result["digest"] != digest


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (("credentials", "raptor_app", "addon"), "OTHER", "credentials.raptor_app.addon: DATABASE -> OTHER"),
        (("credentials", "raptor_app", "checks"), [], 'credentials.raptor_app.checks: ["smoke"] -> []'),
        (("credentials", "raptor_app", "store", "environment"), "prod", "credentials.raptor_app.store.environment: test -> prod"),
        (("credentials", "raptor_app", "fallback"), {"name": "/x"}, "credentials.raptor_app.fallback.name: nothing -> /x"),
        (("apps", "raptor", "heroku_app"), "raxx-api-prod", "apps.raptor.heroku_app: raxx-api-test -> raxx-api-prod"),
        (
            ("apps", "raptor", "smoke_command"),
            ["true"],
            'apps.raptor.smoke_command: ["run_smoke.sh","--env=test"] -> ["true"]',
        ),
        (("records", "audit_record", "heroku_app"), "other", "records.audit_record.heroku_app: raxx-api-test -> other"),
        (("settings", "infisical_workspace_id"), None, "settings.infisical_workspace_id: 0d4b9a52 -> nothing"),
        (
            ("settings", "heroku_api_url"),
            "https://x.example",
            "settings.heroku_api_url: https://api.heroku.example -> https://x.",
        ),
    ],
)
def test_where_it_would_be_done_is_part_of_the_plan(
    run_main: ModuleRunner, store: t.Any, tmp_path: Path, path: tuple[str, ...], to: t.Any, said: str
) -> None:
    """An inventory that was edited since the check run leads elsewhere, though the changes have the same names."""
    params = planned(run_main)
    checked = run_main("deprovision_plan", {**params, "path": str(tmp_path)}).result
    assert checked["plan"]["targets"] == TARGETS
    now = {**params, "targets": edited(*path, to=to)}
    refused = run_main("deprovision_plan", {**now, "digest": checked["digest"], "evidence_path": str(tmp_path)})
    assert refused.code == "plan_differs"
    assert f"What differs: {said}" in refused.result["msg"]
    assert "would now also" not in refused.result["msg"]


def test_the_order_in_which_targets_are_named_is_no_difference(run_main: ModuleRunner, store: t.Any) -> None:
    params = planned(run_main)
    turned = json.loads(json.dumps(TARGETS), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    digests = {run_main("deprovision_plan", {**params, "targets": targets}).result["digest"] for targets in (TARGETS, turned)}
    assert len(digests) == 1


def test_the_same_change_twice_is_another_plan_than_once() -> None:
    change = {"step": "2c", "action": "set_config", "credential": "raptor_app", "app": "raptor", "config_var": "URL"}
    once, twice = (Plan("test", (EMAIL,), (change,) * times, {}) for times in (1, 2))
    assert difference(twice, once) == ["would now also: 2c set URL on raptor and restart it"]
    assert difference(once, twice) == ["would no longer: 2c set URL on raptor and restart it"]


def test_another_order_is_said_to_be_one() -> None:
    changes = [
        {"step": "2c", "action": "set_config", "credential": "raptor_app", "app": app, "config_var": "URL"} for app in ("a", "b")
    ]
    there, back = Plan("test", (EMAIL,), tuple(changes), {}), Plan("test", (EMAIL,), tuple(changes[::-1]), {})
    assert difference(there, back) == ["the same changes in another order"]


def test_the_same_plan_lets_the_run_through(run_main: ModuleRunner, store: t.Any) -> None:
    params = planned(run_main)
    digest = run_main("deprovision_plan", params).result["digest"]
    assert not run_main("deprovision_plan", {**params, "digest": digest}).failed
    assert not run_main("deprovision_plan", {**params, "digest": f"SHA256:{digest.upper()}"}).failed


def test_another_plan_is_refused_and_what_differs_is_named(run_main: ModuleRunner, store: t.Any, tmp_path: Path) -> None:
    given = run_main("deprovision_plan", {**planned(run_main), "path": str(tmp_path)}).result["digest"]
    params = planned(run_main, memberships=[], sessions=[*PERSON["sessions"], OTHER_SESSION])
    refused = run_main("deprovision_plan", {**params, "digest": given, "evidence_path": str(tmp_path)})
    assert refused.code == "plan_differs"
    assert "would now also: 1b end session 8 of" in refused.result["msg"]
    assert "would no longer: 1a remove jordan.smith@raxx.example from the group support" in refused.result["msg"]
    assert "end session 7" not in refused.result["msg"]


def test_a_plan_for_somebody_else_says_so(run_main: ModuleRunner, store: t.Any, tmp_path: Path) -> None:
    params = planned(run_main)
    given = run_main("deprovision_plan", {**params, "environment_name": "prod", "path": str(tmp_path)}).result["digest"]
    refused = run_main("deprovision_plan", {**params, "digest": given, "evidence_path": str(tmp_path)})
    assert f"this run is for {EMAIL} on test, the plan was for {EMAIL} on prod" in refused.result["msg"]


@pytest.mark.parametrize("file", [None, "no JSON", '{"format": "another"}', "edited"])
def test_without_the_file_the_own_plan_is_shown_in_full(
    run_main: ModuleRunner, store: t.Any, tmp_path: Path, file: str | None
) -> None:
    """A file that was edited is no longer the plan that its name says."""
    digest = "0" * 64
    (tmp_path / "plans").mkdir()
    params = planned(run_main)
    if file == "edited":
        file = json.dumps(run_main("deprovision_plan", params).result["plan"])
    if file is not None:
        (tmp_path / "plans" / f"{digest}.json").write_text(file)
    refused = run_main("deprovision_plan", {**params, "digest": digest, "evidence_path": str(tmp_path)})
    assert refused.code == "plan_differs"
    assert "No file of the plan" in refused.result["msg"]
    assert "end session 7" in refused.result["msg"]
    assert "rotate raptor_app" in refused.result["msg"]


@pytest.mark.parametrize("digest", ["abc", "g" * 64, "0" * 63, "0" * 65, "sha1:" + "0" * 64])
def test_what_is_no_digest_is_refused(run_main: ModuleRunner, store: t.Any, digest: str) -> None:
    assert run_main("deprovision_plan", {**planned(run_main), "digest": digest}).code == "invalid_input"


def test_a_parked_url_is_still_to_be_brought_home(run_main: ModuleRunner, store: t.Any) -> None:
    """I15: what is done is left out, what is parked is in."""
    event = run_main("deprovision_event", {**EVENT, "people": [PERSON]}).result["events"][0]
    claim = {"ledger_prefix": PREFIX, "credential": "raptor_app", "since": event["opened"]}
    run_main("deprovision_rotation", {**claim, "url": "postgres://u:x@db/r", "event": event["event"], "operator": OPERATOR})
    parked = {"kind": "ssm", "name": "/raxx/test/parked", "code": "unreachable"}
    facts = {"settled": ROTATED["settled"], "parked": {**parked, "at": AT}}
    run_main("deprovision_ledger", {"ledger_prefix": PREFIX, "credential": "raptor_app", "rotation": 1, "facts": facts})
    plan = text(run_main("deprovision_plan", planned(run_main)))
    assert "rotate raptor_app" not in plan
    assert "remove the parked URL of raptor_app from ssm /raxx/test/parked" in plan


def test_a_closed_event_has_nothing_to_change(run_main: ModuleRunner, store: t.Any) -> None:
    event = run_main("deprovision_event", {**EVENT, "people": [PERSON]}).result["events"][0]
    note(run_main, event["event"], {"closed": FACTS["closed"]})
    plan = run_main("deprovision_plan", planned(run_main, memberships=[], sessions=[]))
    assert plan.result["lines"][-1].strip() == "change nothing"
    assert plan.result["plan"]["changes"] == []


def test_an_outage_of_the_ledger_does_not_keep_the_plan_from_being_made(run_main: ModuleRunner, store: t.Any) -> None:
    params = planned(run_main)
    digest = run_main("deprovision_plan", params).result["digest"]
    assert run_main("deprovision_plan", {**params, "recorded": False}).result["digest"] == digest


def test_every_change_has_words(run_main: ModuleRunner, store: t.Any) -> None:
    for change in run_main("deprovision_plan", planned(run_main)).result["plan"]["changes"]:
        assert line(change).strip()
