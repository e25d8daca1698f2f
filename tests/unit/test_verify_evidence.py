# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The auditor's command: whatever was edited later is found and named, each kind with an exit status of its own."""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import json
import os
import random
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _bundle
from ansible_collections.raxx.deprovision.plugins.module_utils import _verify_evidence as verifier
from ansible_collections.raxx.deprovision.plugins.module_utils._journal import as_bytes, canonical, chain
from ansible_collections.raxx.deprovision.plugins.module_utils._record import build
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import (
    EXIT,
    REHEARSAL,
    STATEMENT,
    Problem,
    anchors_in,
    check,
    digest,
    main,
    pretty,
)
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .bundle_world import CLOSING, EMAIL, EVENT_FACTS, PLANNED, SCOPE, at, bundle, case, new_key, without

KEY, PUBLIC = new_key(1)
CASE = case(keyid=KEY.keyid)
FILES = bundle(CASE, KEY)
HEAD = CASE.journal.sealed["head"]
ANCHORS = [("audit row", HEAD)]
# More than a hundred edits in all; the seed makes each failure one that can be repeated.
EDITS_PER_FILE = 16
CHANCE = random.Random(20260519)


def written(directory: Path, files: dict[str, bytes]) -> Path:
    place = directory / "bundle"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def codes(problems: list[Problem]) -> set[str]:
    return {problem.code for problem in problems}


def edits(content: bytes) -> t.Iterator[tuple[str, bytes]]:
    """Flipped, deleted, inserted and exchanged bytes, and records likewise."""
    single = [bytes([byte]) for byte in content]
    lines = content.splitlines(keepends=True)
    for number in range(EDITS_PER_FILE):
        kind = ("flip", "delete", "insert", "exchange")[number % 4]
        what, parts = ("byte", single) if number < EDITS_PER_FILE // 2 or len(lines) < 3 else ("record", lines)
        at = CHANCE.randrange(len(parts) - 1)
        edited = b"".join(_edited(kind, parts, at))
        if edited != content:
            yield f"{kind} {what} {at}", edited


def _edited(kind: str, parts: list[bytes], at: int) -> list[bytes]:
    flipped = bytes([parts[at][0] ^ (1 << CHANCE.randrange(8))]) + parts[at][1:]
    return {
        "flip": [*parts[:at], flipped, *parts[at + 1 :]],
        "delete": [*parts[:at], *parts[at + 1 :]],
        "insert": [*parts[:at], CHANCE.choice(parts), *parts[at:]],
        "exchange": [*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]],
    }[kind]


def test_a_bundle_as_it_was_written_is_verified(tmp_path: Path) -> None:
    assert check(written(tmp_path, FILES), PUBLIC, ANCHORS) == []


TAMPERED = [(name, kind, edited) for name, content in sorted(FILES.items()) for kind, edited in edits(content)]


def test_there_are_enough_edits() -> None:
    assert len(TAMPERED) >= 100
    assert {name for name, _kind, _edited in TAMPERED} == set(FILES)


@pytest.mark.parametrize(("name", "kind", "edited"), TAMPERED, ids=[f"{name}: {kind}" for name, kind, _edited in TAMPERED])
def test_every_edit_is_found_and_the_file_is_named(tmp_path: Path, name: str, kind: str, edited: bytes) -> None:
    found = check(written(tmp_path, {**FILES, name: edited}), PUBLIC, ANCHORS)
    assert name in {problem.place.partition(",")[0] for problem in found}


def test_an_edited_record_of_the_journal_is_named(tmp_path: Path) -> None:
    lines = FILES["journal.jsonl"].splitlines(keepends=True)
    edited = b"".join([*lines[:4], lines[4].replace(b"2026-05-19", b"2026-05-18", 1), *lines[5:]])
    found = check(written(tmp_path, {**FILES, "journal.jsonl": edited}), PUBLIC, ANCHORS)
    assert "journal.jsonl, record 6" in {problem.place for problem in found}
    assert codes(found) == {"digest", "chain"}


@pytest.mark.parametrize("name", sorted(set(FILES) - {STATEMENT}))
def test_a_file_that_was_taken_away_is_named(tmp_path: Path, name: str) -> None:
    found = check(written(tmp_path, {key: value for key, value in FILES.items() if key != name}), PUBLIC, ANCHORS)
    assert Problem("digest", name, "the file is missing") in found


def test_a_file_that_was_put_in_and_a_link_are_named(tmp_path: Path) -> None:
    place = written(tmp_path, FILES)
    (place / "more.txt").touch()
    (tmp_path / "elsewhere").write_bytes(FILES["ocsf.jsonl"])
    (place / "ocsf.jsonl").unlink()
    (place / "ocsf.jsonl").symlink_to(tmp_path / "elsewhere")
    assert [problem.place for problem in check(place, PUBLIC, ANCHORS)] == ["more.txt", "ocsf.jsonl"]


def rehashed() -> tuple[dict[str, bytes], t.Any]:
    """The whole bundle made anew for another story, by somebody who has everything but the key."""
    other = case({**EVENT_FACTS, "lockout-console": {**EVENT_FACTS["lockout-console"], "at": at(2)}}, keyid=KEY.keyid)
    return bundle(other), other


def test_a_bundle_that_was_made_anew_without_the_key_fails_on_signature_and_anchors(tmp_path: Path) -> None:
    files, _other = rehashed()
    found = check(written(tmp_path, files), PUBLIC, ANCHORS)
    assert codes(found) == {"unsigned", "anchor"}
    envelope = json.loads(files[STATEMENT])
    envelope["signatures"] = json.loads(FILES[STATEMENT])["signatures"]
    found = check(written(tmp_path, {**files, STATEMENT: pretty(envelope)}), PUBLIC, ANCHORS)
    assert codes(found) == {"signature", "anchor"}


def test_a_bundle_that_was_made_anew_with_another_key_fails_on_key_and_anchors(tmp_path: Path) -> None:
    _files, other = rehashed()
    mine, _public = new_key(2)
    assert codes(check(written(tmp_path, bundle(other, mine)), PUBLIC, ANCHORS)) == {"wrong_key", "anchor"}
    envelope = json.loads(bundle(other, mine)[STATEMENT])
    envelope["signatures"][0]["keyid"] = KEY.keyid
    files = {**bundle(other, mine), STATEMENT: pretty(envelope)}
    assert codes(check(written(tmp_path, files), PUBLIC, ANCHORS)) == {"signature", "anchor"}


def test_a_bundle_that_was_sealed_for_one_key_is_not_vouched_for_by_another(tmp_path: Path) -> None:
    """Whoever made it says which key was to sign it, and the auditor may know more than one."""
    mine, public = new_key(2)
    assert codes(check(written(tmp_path, bundle(CASE, mine)), public, ANCHORS)) == {"wrong_key"}
    without = case()
    anchors = [("audit row", without.journal.sealed["head"])]
    assert codes(check(written(tmp_path, bundle(without, mine)), public, anchors)) == {"wrong_key"}


def test_an_event_that_is_not_sealed_may_be_signed_with_any_key(tmp_path: Path) -> None:
    mine, public = new_key(2)
    assert check(written(tmp_path, bundle(case(closing={}), mine)), public, []) == []
    other = bundle(case(closing={}, keyid=KEY.keyid), mine)
    assert codes(check(written(tmp_path, other), public, [])) == {"wrong_key"}


def test_records_after_the_seal_cannot_replace_what_was_sealed(tmp_path: Path) -> None:
    """A journal that is chained anew, with its old seal in it, does not fit that seal, whatever the digests say."""
    records = [
        {name: value for name, value in record.items() if name not in ("chain_uid", "seq", "prev")}
        for record in CASE.journal.records
    ]
    records[2] = {**records[2], "value": {**records[2]["value"], "by": "nobody@raxx.example"}}
    chained = chain(records, CASE.progress.event.id)
    record = build(CASE)
    record["integrity"] = {**record["integrity"], "head": digest(canonical(chained[-1]))}
    files = {**{name: content for name, content in FILES.items() if name != STATEMENT}, "journal.jsonl": as_bytes(chained)}
    found = check(written(tmp_path, _bundle.with_statement(files, record, KEY, None)), PUBLIC, ANCHORS)
    assert codes(found) == {"chain"}
    assert "sealed" in found[0].text


def test_a_listing_that_does_not_have_its_own_digest_is_named(tmp_path: Path) -> None:
    before = json.loads(FILES["before.json"])
    before["listings"][0]["content"].pop()
    files = {**{name: content for name, content in FILES.items() if name != STATEMENT}, "before.json": pretty(before)}
    found = check(written(tmp_path, _bundle.with_statement(files, build(CASE), KEY, None)), PUBLIC, ANCHORS)
    assert [(problem.code, problem.place) for problem in found] == [("digest", "before.json, listing 1")]


def test_what_contradicts_the_statement_or_is_none_of_its_kind_is_malformed(tmp_path: Path) -> None:
    for name, content in {"result.json": b'{"event": "x", "result": "complete"}', "after.json": b"[]"}.items():
        files = {**{key: value for key, value in FILES.items() if key != STATEMENT}, name: content}
        found = check(written(tmp_path, _bundle.with_statement(files, build(CASE), KEY, None)), PUBLIC, ANCHORS)
        assert [(problem.code, problem.place) for problem in found] == [("malformed", name)]


@pytest.mark.parametrize(
    "payload", [b"[]", b"{}", b"\xff", b'{"_type":"x"}', canonical({"_type": "https://in-toto.io/Statement/v1"})]
)
def test_what_is_no_statement_is_malformed(tmp_path: Path, payload: bytes) -> None:
    envelope = {**json.loads(FILES[STATEMENT]), "payload": base64.b64encode(payload).decode()}
    found = check(written(tmp_path, {**FILES, STATEMENT: pretty(envelope)}), PUBLIC, ANCHORS)
    assert [(problem.code, problem.place) for problem in found] == [("malformed", STATEMENT)]


# -- made anew by somebody without the key

JOURNAL = "journal.jsonl"
Value = t.Any


def decoded(files: dict[str, bytes]) -> dict[str, Value]:
    """What stands in each file that holds JSON, and in place of the statement what is signed."""
    found = {name: json.loads(content) for name, content in files.items() if name.endswith(".json")}
    lines = {name: [*map(json.loads, content.splitlines())] for name, content in files.items() if name.endswith(".jsonl")}
    return {**found, **lines, STATEMENT: json.loads(base64.b64decode(found[STATEMENT]["payload"]))}


def compact(value: Value) -> bytes:
    """Canonical JSON, but of values that have none as well."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def encoded(name: str, value: Value) -> bytes:
    if name.endswith(".jsonl") and isinstance(value, list):
        return b"".join(compact(item) + b"\n" for item in value)
    return pretty(value)


def chained_anew(records: Value) -> Value:
    """C(records) with the digests of those before them, as far as they are records."""
    prev = "0" * 64
    for record in records:
        if isinstance(record, dict):
            record["prev"] = prev
        prev = digest(compact(record))
    return records


def anew(name: str, value: Value, *, signatures: Value = None, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    """C(files) with another content of one of them and all digests made anew; as well as can be, where it is the statement."""
    statement, envelope = decoded(files)[STATEMENT], json.loads(files[STATEMENT])
    if name == STATEMENT:
        statement = value
    else:
        files = {**files, name: value if isinstance(value, bytes) else encoded(name, value)}
        for subject in statement["subject"]:
            subject["digest"]["sha256"] = digest(files[subject["name"]])
        if name == JOURNAL:
            statement["predicate"]["head"] = digest(files[name].splitlines()[-1]) if files[name] else "0" * 64
    if signatures is not None:
        envelope["signatures"] = signatures
    return {**files, STATEMENT: pretty({**envelope, "payload": base64.b64encode(compact(statement)).decode()})}


def attestation(signatures: Value) -> bytes:
    """That of a rehearsal."""
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": REHEARSAL, "predicate": {}}
    payload = base64.b64encode(canonical(statement)).decode()
    return pretty({"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": signatures})


@st.composite
def places(draw: st.DrawFn, value: Value) -> tuple[Value, ...]:
    """The way to some value within C(value), rather one near its top."""
    path: tuple[Value, ...] = ()
    while isinstance(value, (dict, list)) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        path, value = (*path, key), value[key]
    return path


def replaced(value: Value, path: tuple[Value, ...], other: Value) -> Value:
    """C(value) with another one at C(path); V(...) takes away what is there."""
    if not path:
        return {} if other is ... else other
    changed = copy.deepcopy(value)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if other is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = other
    return changed


TEXT = st.text(max_size=3)
OTHER = st.one_of(
    st.just(...),
    st.sampled_from([None, True, 0, 1, -1, 2**70, 1.5, "", "x", "0" * 64, [], {}, [[]], [{}], {"": None}, {"head": 1}]),
    st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)
MUTATED = {**decoded(FILES), "envelope": json.loads(FILES[STATEMENT])}
# The journal and the statement are read the most; of the rest a little is enough.
NAMES = [JOURNAL] * 8 + [STATEMENT] * 5 + sorted(MUTATED)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data(), st.sampled_from(NAMES), OTHER, st.booleans())
def test_whatever_stands_in_a_bundle_the_command_ends_with_a_status_of_its_list(
    tmp_path: Path, data: st.DataObject, name: str, other: Value, with_key: bool
) -> None:
    value = replaced(MUTATED[name], data.draw(places(MUTATED[name])), copy.deepcopy(other))
    if name == JOURNAL and isinstance(value, list):
        value = chained_anew(value)
    files = {**FILES, STATEMENT: pretty(value)} if name == "envelope" else anew(name, value)
    (tmp_path / "public.pem").write_bytes(PUBLIC)
    key = ["--public-key", str(tmp_path / "public.pem")] if with_key else ["--without-signature"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([str(written(tmp_path, files)), *key, "--anchor", HEAD]) in {0, *EXIT.values()}


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ((0, "value"), "text"),
        ((0, "value"), ...),
        ((0, "fact"), 1),
        ((4, "event"), "DEPROV-2026-05-19-somebody.else"),
        ((-3, "value", "order"), 7),
        ((-3, "value", "order"), ...),
        ((-3, "value", "head"), []),
    ],
)
def test_a_record_that_is_no_fact_is_malformed_and_named(tmp_path: Path, path: tuple[Value, ...], other: Value) -> None:
    records = chained_anew(replaced(decoded(FILES)[JOURNAL], path, other))
    found = check(written(tmp_path, anew(JOURNAL, records)), None, ANCHORS)
    assert ("malformed", f"journal.jsonl, record {path[0] % len(records) + 1}") in {(one.code, one.place) for one in found}


PLAN_CASE = case({**EVENT_FACTS, **PLANNED}, keyid=KEY.keyid)
PLAN_FILES = bundle(PLAN_CASE, KEY)
PLAN_ANCHORS = [("audit row", PLAN_CASE.journal.sealed["head"])]


def test_the_verifier_knows_the_files_of_a_bundle() -> None:
    assert {*verifier.FILES, STATEMENT} == set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_can_be_replaced_without_the_key(tmp_path: Path, name: str) -> None:
    """Whoever has no key can make every digest anew, and has no signature for them."""
    value: Value = decoded(FILES).get(name)
    changed: t.Any = {
        JOURNAL: lambda: chained_anew(replaced(value, (-1, "value", "by"), "nobody@raxx.example")),
        STATEMENT: lambda: replaced(value, ("predicate", "claims"), []),
        "ocsf.jsonl": lambda: value[:-1],
        "report.html": lambda: b"<p>All is well.",
        "report.md": lambda: b"All is well.",
    }.get(name, lambda: {})
    for signatures, code in ((None, "signature"), ([], "unsigned")):
        found = check(written(tmp_path, anew(name, changed(), signatures=signatures)), PUBLIC, ANCHORS)
        assert code in codes(found)


# Each of these is told by the sealed part of the journal, so the anchors cover it.
ANCHORED: list[tuple[str, tuple[Value, ...], Value]] = [
    (JOURNAL, (2, "value", "by"), "nobody@raxx.example"),
    (JOURNAL, (1, "value", "listings"), []),
    *(
        ("before.json", path, other)
        for path, other in [
            (("event",), "DEPROV-2026-05-19-somebody.else"),
            (("person",), "somebody.else@raxx.example"),
            (("items", 0, "by"), "nobody@raxx.example"),
            (("listings",), []),
            (("listings", 0), ...),
            (("listings", 0, "content", 0, "group"), "other"),
            (("listings", 0, "asked_by", "operator"), "nobody@raxx.example"),
            (("listings", 0, "accounts"), [3]),
            *((("listings", 1, name), "other") for name in ("kind", "console", "query", "parameters", "server", "server_time")),
            *((("listings", 1, name), "other") for name in ("local_time", "collection", "rows", "sha256")),
            (("items",), []),
            (("items", 0), ...),
            (("items", 2, "outcome"), "already gone"),
            (("items", 0, "at"), at(1)),
            (("more",), "other"),
        ]
    ),
    *(
        ("after.json", path, other)
        for path, other in [
            (("listings",), []),
            (("listings", 0, "server_time"), at(1)),
            (("listings", 1, "asked_by", "role"), "other"),
            (("person",), "somebody.else@raxx.example"),
        ]
    ),
    *(("result.json", (name,), "other") for name in ("event", "email", "operator", "ticket", "window", "result")),
    *(("result.json", ("window", name), at(1)) for name in ("notice", "opened", "lockout", "deadline", "ended")),
    *((STATEMENT, ("predicate", name), "other") for name in ("run", "subject", "operator", "ticket", "window", "plan")),
    *((STATEMENT, ("predicate", name), "other") for name in ("approval", "result", "head", "keyid")),
    *((STATEMENT, ("predicate", "window", name), at(1)) for name in ("notice", "opened", "lockout", "deadline", "ended")),
    (STATEMENT, ("predicate", "approval", "by"), "nobody@raxx.example"),
    (STATEMENT, ("predicate", "plan"), None),
    (STATEMENT, ("predicate", "sealed", "at"), at(1)),
    (STATEMENT, ("predicate", "sealed", "records"), 3),
    (STATEMENT, ("predicate", "sealed"), None),
]


@pytest.mark.parametrize(("name", "path", "other"), ANCHORED, ids=[f"{name}: {path}" for name, path, _other in ANCHORED])
def test_what_the_sealed_journal_tells_is_covered_by_the_anchors_alone(
    tmp_path: Path, name: str, path: tuple[Value, ...], other: Value
) -> None:
    value = replaced(decoded(PLAN_FILES)[name], path, other)
    value = chained_anew(value) if name == JOURNAL else value
    found = check(written(tmp_path, anew(name, value, signatures=[], files=PLAN_FILES)), None, PLAN_ANCHORS)
    # Head and seal are in the journal and in the statement.
    named = {problem.place.partition(",")[0] for problem in found}
    assert name in named or (name == STATEMENT and JOURNAL in named)
    assert codes(found) <= {"malformed", "digest", "chain", "anchor"}


def test_rows_that_are_taken_out_with_their_digest_are_missed(tmp_path: Path) -> None:
    before = decoded(FILES)["before.json"]
    before["listings"][0].update(content=[], rows=0, sha256=digest(b"[]"))
    found = check(written(tmp_path, anew("before.json", before)), None, ANCHORS)
    assert found == [Problem("malformed", "before.json", "the journal tells something else of listings")]


@pytest.mark.parametrize("name", sorted(set(FILES) - {STATEMENT}))
def test_a_statement_names_every_file_and_no_other(tmp_path: Path, name: str) -> None:
    statement = decoded(FILES)[STATEMENT]
    statement["subject"] = [subject for subject in statement["subject"] if subject["name"] != name]
    for present in (True, False):
        files = anew(STATEMENT, statement)
        found = check(written(tmp_path, files if present else {**{k: v for k, v in files.items() if k != name}}), None, ANCHORS)
        assert Problem("digest", name, "the statement does not name this file") in found
    statement["subject"].append({"name": "more.txt", "digest": {"sha256": digest(b"")}})
    found = check(written(tmp_path, {**anew(STATEMENT, statement), "more.txt": b""}), None, ANCHORS)
    assert Problem("digest", "more.txt", "no bundle has this file") in found


def test_an_end_that_was_rewritten_behind_the_seal_contradicts_the_files(tmp_path: Path) -> None:
    records = chained_anew(replaced(decoded(FILES)[JOURNAL], (-1, "value", "at"), at(1)))
    found = check(written(tmp_path, anew(JOURNAL, records)), None, ANCHORS)
    assert {(one.code, one.place) for one in found} == {("malformed", STATEMENT), ("malformed", "result.json")}


@pytest.mark.parametrize("name", ["before.json", "after.json", "result.json", "oscal.json"])
def test_a_file_says_each_thing_once(tmp_path: Path, name: str) -> None:
    """Of two keys of the same name every reader takes another one."""
    twice = FILES[name].replace(b"{\n", b'{\n  "event": "x",\n  "event": "x",\n', 1)
    found = check(written(tmp_path, anew(name, twice)), None, ANCHORS)
    assert ("malformed", name) in {(one.code, one.place) for one in found}


OTHER_LOOK = {"recheck2-console": {**EVENT_FACTS["recheck1-console"], "at": at(31), "by": "priya.patel@raxx.example"}}
SECOND = {name: {**EVENT_FACTS[f"{name}console"], "app": "raxx-second"} for name in ("lockout-", "recheck1-")}
STAGES: dict[str, dict[str, t.Any]] = {
    "just opened": {"facts": without(EVENT_FACTS, "lockout-console", "ticket", "recheck1-console"), "closing": {}},
    "never opened": {"facts": without(EVENT_FACTS, "opened", "ticket", "recheck1-console"), "closing": {}},
    "not sealed": {"closing": {}},
    "not closed": {"closing": without(CLOSING, "closed")},
    "looked again": {"facts": {**EVENT_FACTS, **OTHER_LOOK}},
    "two consoles": {
        "facts": {**EVENT_FACTS, **{f"{name}second": fact for name, fact in SECOND.items()}},
        "consoles": ["second", "console"],
    },
    "one console locked": {"closing": {}, "consoles": ["console", "second"]},
    "nothing listed": {"facts": {**EVENT_FACTS, "before": {"email": EMAIL}}},
    "planned": {"facts": {**EVENT_FACTS, **PLANNED}},
}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_evidence_of_every_stage_is_what_its_journal_tells(tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = dict(STAGES[stage])
    monkeypatch.setitem(SCOPE, "consoles", made.pop("consoles", ["console"]))
    made_case = case(**made)
    heads = [("audit row", made_case.journal.sealed["head"])] if made_case.journal.sealed else []
    assert check(written(tmp_path, bundle(made_case)), None, heads) == []


def test_what_only_the_signature_vouches_for_is_said_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, anew("report.html", b"<p>All is well."))
    assert main([str(place), "--without-signature", "--anchor", HEAD]) == 0
    said = capsys.readouterr().out.splitlines()
    for name in ("oscal.json", "ocsf.jsonl", "report.html", "report.md", "result.json", STATEMENT):
        assert any(line.startswith(f"not checked: {name}") for line in said), name
    sealed, all_of_them = len(CASE.journal.sealed["order"]), len(CASE.journal.records)
    assert any(line.startswith(f"not checked: journal.jsonl, records {sealed + 1} to {all_of_them}:") for line in said)
    assert said[-1] == f"VERIFIED IN PART: {place}"
    # Whatever else somebody puts into the statement is none of what is checked.
    kept = "run, subject, operator, ticket, window, plan, approval, result, head, sealed and keyid"
    assert f"not checked: {STATEMENT}, but for {kept}: only a signature vouches for it" in said
    main([str(place), "--without-signature"])
    assert f"not checked: journal.jsonl, records 1 to {all_of_them}:" in capsys.readouterr().out
    (tmp_path / "public.pem").write_bytes(PUBLIC)
    main([str(written(tmp_path, FILES)), "--public-key", str(tmp_path / "public.pem"), "--anchor", HEAD])
    assert "not checked" not in capsys.readouterr().out


def test_a_fact_is_noted_once(tmp_path: Path) -> None:
    """Facts are written once, so a second one of the same name takes the place of nothing."""
    records = decoded(FILES)[JOURNAL]
    again = {**records[-1], "fact": "event/ticket", "seq": len(records) + 1}
    found = check(written(tmp_path, anew(JOURNAL, chained_anew([*records, again]))), None, ANCHORS)
    assert ("malformed", f"journal.jsonl, record {len(records) + 1}") in {(one.code, one.place) for one in found}


@pytest.mark.parametrize(
    ("path", "other"),
    [
        (("predicate", "sealed"), "text"),
        (("predicate", "sealed", "records"), True),
        (("predicate", "sealed", "head"), 1),
        (("predicate", "keyid"), 1),
        (("predicate", "run"), None),
        (("predicate",), []),
        (("subject",), {}),
        (("subject", 0, "name"), 1),
    ],
)
def test_a_statement_of_another_form_is_malformed(tmp_path: Path, path: tuple[Value, ...], other: Value) -> None:
    statement = replaced(decoded(FILES)[STATEMENT], path, other)
    assert {(one.code, one.place) for one in check(written(tmp_path, anew(STATEMENT, statement)), PUBLIC, ANCHORS)} == {
        ("malformed", STATEMENT)
    }


# -- the command


def command(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As an auditor gives it: another interpreter, the one file, nothing of the collection to be imported."""
    script = Path(__file__).parents[2] / "tools" / "verify_evidence.py"
    alone = place.parent / "verify_evidence.py"
    shutil.copyfile(script, alone)
    return subprocess.run([sys.executable, "-E", alone, place, *arguments], capture_output=True, text=True, check=False, cwd="/")


def test_the_one_file_is_enough(tmp_path: Path) -> None:
    place = written(tmp_path, FILES)
    (tmp_path / "public.pem").write_bytes(PUBLIC)
    (tmp_path / "ticket.txt").write_text(f"Evidence: journal of 15 records, head sha256:{HEAD}\n")
    good = command(place, "--public-key", str(tmp_path / "public.pem"), "--anchor-file", str(tmp_path / "ticket.txt"))
    assert (good.returncode, good.stdout, good.stderr) == (0, f"VERIFIED: {place}\n", "")
    (place / "ocsf.jsonl").write_bytes(b"")
    bad = command(place, "--without-signature")
    assert bad.returncode == EXIT["digest"]
    assert bad.stdout.splitlines()[0] == "digest: ocsf.jsonl: its content is not what the statement says"
    assert "not checked: who signed it" in bad.stdout


def test_each_kind_of_problem_has_an_exit_status_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "public.pem").write_bytes(PUBLIC)
    lines = FILES["journal.jsonl"].splitlines(keepends=True)
    plain = {name: content for name, content in FILES.items() if name != STATEMENT}
    mine, _public = new_key(2)
    forged = json.loads(FILES[STATEMENT])
    forged["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    cases = {
        "malformed": {**FILES, STATEMENT: b"{}"},
        "digest": {**FILES, "ocsf.jsonl": b""},
        "chain": _bundle.with_statement({**plain, "journal.jsonl": b"".join(lines[:-1])}, build(CASE), KEY, None),
        "signature": {**FILES, STATEMENT: pretty(forged)},
        "wrong_key": bundle(CASE, mine),
        "unsigned": bundle(CASE),
    }
    seen = {}
    for code, files in cases.items():
        seen[code] = main([str(written(tmp_path, files)), "--public-key", str(tmp_path / "public.pem"), "--anchor", HEAD])
    seen["anchor"] = main([str(written(tmp_path, FILES)), "--without-signature", "--anchor", "0" * 64])
    assert seen == EXIT
    assert len(set(EXIT.values()) - {0, 1, 2}) == len(EXIT)
    assert "UNSIGNED" in capsys.readouterr().out


def test_what_cannot_be_checked_is_a_wrong_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, FILES)
    (tmp_path / "public.pem").write_bytes(b"nonsense")
    assert main([str(place), "--public-key", str(tmp_path / "public.pem")]) == 2
    assert main([str(place), "--public-key", str(tmp_path / "missing.pem")]) == 2
    assert main([str(tmp_path / "nothing"), "--without-signature"]) == EXIT["malformed"]
    with pytest.raises(SystemExit):
        main([str(place)])
    capsys.readouterr()


def test_a_key_of_a_kind_that_the_library_does_not_know_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_pem: bytes) -> t.NoReturn:
        raise UnsupportedAlgorithm("a curve of its own")

    monkeypatch.setattr(serialization, "load_pem_public_key", load)
    (tmp_path / "public.pem").write_bytes(PUBLIC)
    assert main([str(written(tmp_path, FILES)), "--public-key", str(tmp_path / "public.pem")]) == 2
    assert capsys.readouterr().err.startswith("This could not be checked: ")


def test_that_nobody_signed_is_said_even_to_those_who_do_not_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, bundle(CASE))
    assert main([str(place), "--without-signature", "--anchor", HEAD]) == 0
    assert "not checked: who signed it: nobody did, it is UNSIGNED" in capsys.readouterr().out.splitlines()
    (tmp_path / "attestation.json").write_bytes(attestation([]))
    assert main([str(tmp_path / "attestation.json"), "--without-signature"]) == 0
    assert "UNSIGNED" in capsys.readouterr().out


def test_the_name_of_a_file_cannot_look_like_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, FILES)
    (place / "x\nVERIFIED: all of it").touch()
    Path(os.fsdecode(bytes(place) + b"/\xff")).touch()
    assert main([str(place), "--without-signature", "--anchor", HEAD]) == EXIT["digest"]
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("VERIFIED")] == []
    assert len([line for line in said if line.startswith("digest: ")]) == 2


def test_heads_are_found_in_notes() -> None:
    text = f"steps 1, 6; journal of 21 records, head sha256:{HEAD}\nevent=x\nEvidence: head sha256:{HEAD}"
    assert anchors_in(text) == [HEAD]
    assert anchors_in("sha256:abc") == []


def test_an_anchor_file_without_a_head_is_no_anchor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("journal not sealed")
    assert (
        main([str(written(tmp_path, FILES)), "--without-signature", "--anchor-file", str(tmp_path / "note.txt")])
        == EXIT["anchor"]
    )
    assert "note.txt" in capsys.readouterr().out
