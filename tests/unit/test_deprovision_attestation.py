# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""deprovision_attestation (S5, SC-A16): a statement about a rehearsal, and a fact that nobody can write again."""

from __future__ import annotations

import base64
import json
import subprocess
import typing as t
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._attestation import age_words, commit, due
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import SsmClient
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import EXIT, STATEMENT, canonical, main, pretty
from ansible_collections.raxx.deprovision.plugins.modules import deprovision_attestation
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .bundle_world import bundle, case
from .conftest import ModuleRunner
from .ledger_world import OPERATOR, PREFIX, parameters

DEFAULTS = {"aws_region": "us-east-1", "aws_endpoint_url": None, "aws_profile": None, "aws_timeout": 10, "signing_key_file": None}
PLAN = {"digest": "a" * 64, "steps": ["1a", "2a"], "plan": {"changes": []}}


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, t.Any]:
    return {
        "ledger_prefix": PREFIX,
        "environment_name": "test",
        "operator": OPERATOR,
        "good": True,
        "verdict": "PLAN: nothing was changed",
        "checks": ["ok  P2  Heroku"],
        "plan": PLAN,
        "path": str(tmp_path),
    }


def test_what_was_rehearsed_is_in_the_envelope_and_its_digest_in_the_ledger(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path
) -> None:
    told = run_main("deprovision_attestation", asked).result
    file = tmp_path / "attestations" / f"{told['name']}.json"
    assert told["file"] == str(file)
    envelope = json.loads(file.read_text())
    assert (envelope["payloadType"], envelope["signatures"]) == ("application/vnd.in-toto+json", [])
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert (predicate["result"], predicate["plan"], predicate["operator"]) == ("passed", PLAN["digest"], OPERATOR)
    assert predicate["exercised"] == {"checks": ["ok  P2  Heroku"], "steps": ["1a", "2a"]}
    assert set(predicate["versions"]) == {"collection", "ansible_core", "python", "commit"}
    fact = json.loads(parameters(store)[f"/attestations/{told['name']}"])
    assert (fact["sha256"], fact["keyid"]) == (sha256(file.read_bytes()).hexdigest(), None)
    assert "UNSIGNED" in told["verdict"]
    assert "no rehearsal has been attested" in told["verdict"]


def test_a_second_rehearsal_of_a_day_gets_a_number_and_both_stay(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path
) -> None:
    first = run_main("deprovision_attestation", {**asked, "good": False}).result
    kept = Path(first["file"]).read_bytes()
    second = run_main("deprovision_attestation", asked).result
    assert second["name"] == first["name"] + "-2"
    assert Path(first["file"]).read_bytes() == kept
    assert first["verdict"].startswith("NOT PASSED: ")
    assert second["verdict"].startswith("ATTESTED: ")
    # The first one did not pass, so there was none before the second.
    assert (first["overdue"], second["overdue"]) == (True, True)
    assert run_main("deprovision_attestation", asked).result["overdue"] is False


class Killed(BaseException):
    """The end of the process: nothing catches it."""


@pytest.mark.parametrize("recorded", [False, True])
def test_a_fact_is_never_without_its_file(
    run_main: ModuleRunner,
    store: t.Any,
    asked: dict[str, t.Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recorded: bool,
) -> None:
    """Wherever the run is killed. A file without a fact may be left, which attests nothing, and keeps its name."""
    create = SsmClient.create

    def killed(self: SsmClient, *args: t.Any, **more: t.Any) -> bool:
        if recorded:
            create(self, *args, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SsmClient, "create", killed)
        with pytest.raises(Killed):
            deprovision_attestation.run({**DEFAULTS, **asked}, False)
    (file,) = (tmp_path / "attestations").iterdir()
    left = file.read_bytes()
    assert [json.loads(fact)["sha256"] for fact in parameters(store).values()] == [sha256(left).hexdigest()] * recorded

    again = run_main("deprovision_attestation", asked).result
    assert again["name"] == f"{file.stem}-2"
    assert file.read_bytes() == left
    fact = json.loads(parameters(store)[f"/attestations/{again['name']}"])
    assert fact["sha256"] == sha256(Path(again["file"]).read_bytes()).hexdigest()


def test_of_two_rehearsals_at_the_same_time_each_has_its_own_name_and_file(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one, on another machine, has taken the name since this one looked."""
    other = {**asked, "path": str(tmp_path / "elsewhere"), "verdict": "PLAN: the other one"}
    create = SsmClient.create

    def overtaken(self: SsmClient, *args: t.Any, **more: t.Any) -> bool:
        monkeypatch.setattr(SsmClient, "create", create)
        deprovision_attestation.run({**DEFAULTS, **other}, False)
        return create(self, *args, **more)

    monkeypatch.setattr(SsmClient, "create", overtaken)
    mine = run_main("deprovision_attestation", asked).result
    (theirs,) = (tmp_path / "elsewhere" / "attestations").iterdir()
    assert (mine["name"], mine["file"]) == (f"{theirs.stem}-2", str(tmp_path / "attestations" / f"{theirs.stem}-2.json"))
    assert [file.name for file in (tmp_path / "attestations").iterdir()] == [f"{theirs.stem}-2.json"]
    recorded = {name.rpartition("/")[2]: json.loads(fact)["sha256"] for name, fact in parameters(store).items()}
    assert recorded == {file.stem: sha256(file.read_bytes()).hexdigest() for file in (theirs, Path(mine["file"]))}


def test_where_no_file_can_be_written_nothing_is_attested(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path
) -> None:
    (tmp_path / "attestations").write_text("no directory")
    assert run_main("deprovision_attestation", asked).code == "evidence_not_written"
    assert parameters(store) == {}


def test_with_a_key_it_is_signed(run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    told = run_main("deprovision_attestation", {**asked, "signing_key_file": str(file)}).result
    envelope = json.loads(Path(told["file"]).read_text())
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    key.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
    assert told["signed"] is True


def key_pair(tmp_path: Path, name: str) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}-public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_the_auditor_s_command_checks_it(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = key_pair(tmp_path, "ours")
    _private, strange = key_pair(tmp_path, "other")
    file = Path(run_main("deprovision_attestation", {**asked, "signing_key_file": str(private)}).result["file"])
    unsigned = run_main("deprovision_attestation", asked).result["file"]
    (digest,) = {json.loads(fact)["sha256"] for fact in parameters(store).values() if json.loads(fact)["keyid"]}
    capsys.readouterr()

    def status(path: t.Any, key: Path, *more: str) -> int:
        return main([str(path), "--public-key", str(key), *more])

    assert status(file, public, "--anchor", digest) == 0
    assert capsys.readouterr().out == f"VERIFIED: {file}\n"
    assert status(file, public) == 0
    assert "not checked: its digest in the ledger" in capsys.readouterr().out
    assert status(file, public, "--anchor", "0" * 64) == EXIT["anchor"]
    assert status(file, strange) == EXIT["wrong_key"]
    assert status(unsigned, public) == EXIT["unsigned"]
    assert f"{Path(unsigned).name}: UNSIGNED" in capsys.readouterr().out

    envelope = json.loads(file.read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["result"] = "failed"
    edited = tmp_path / "edited.json"
    edited.write_bytes(pretty({**envelope, "payload": base64.b64encode(canonical(statement)).decode()}))
    assert status(edited, public) == EXIT["signature"]
    edited.write_bytes(file.read_bytes() + b"\n")
    assert status(edited, public) == EXIT["malformed"]


def test_an_attestation_is_no_bundle_and_a_statement_of_a_bundle_no_attestation(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path
) -> None:
    file = Path(run_main("deprovision_attestation", asked).result["file"])
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / STATEMENT).write_bytes(file.read_bytes())
    assert main([str(tmp_path / "bundle"), "--without-signature"]) == EXIT["malformed"]
    (tmp_path / STATEMENT).write_bytes(bundle(case())[STATEMENT])
    assert main([str(tmp_path / STATEMENT), "--without-signature"]) == EXIT["malformed"]


def test_check_mode_writes_nothing(run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path) -> None:
    run_main("deprovision_attestation", asked, check=True)
    assert parameters(store) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_used_is_said_before_anything_is_written(
    run_main: ModuleRunner, store: t.Any, asked: dict[str, t.Any], tmp_path: Path
) -> None:
    refused = run_main("deprovision_attestation", {**asked, "signing_key_file": str(tmp_path / "none")})
    assert refused.code == "signing_key_unusable"
    assert parameters(store) == {}


@pytest.mark.parametrize(
    ("last", "next_one"),
    [("2026-05-19", "2026-08-19"), ("2026-11-30", "2027-02-28"), ("2027-11-30", "2028-02-29"), ("2026-12-31", "2027-03-31")],
)
def test_a_quarter_later(last: str, next_one: str) -> None:
    """S5: verified on 19 May, due on 19 August."""
    assert due(date.fromisoformat(last)) == date.fromisoformat(next_one)


PASSED, FAILED = {"result": "passed"}, {"result": "failed"}


@pytest.mark.parametrize(
    ("attested", "today", "overdue", "said"),
    [
        ({}, "2026-08-19", True, "no rehearsal has been attested; "),
        ({"2026-05-19": PASSED}, "2026-08-19", False, "the last rehearsal was on 2026-05-19, 92 days ago; "),
        ({"2026-05-19": PASSED}, "2026-08-20", True, "the last rehearsal was on 2026-05-19, 93 days ago, and the next was due"),
        ({"2026-08-20-2": PASSED, "2026-05-19": PASSED}, "2026-08-21", False, "the last rehearsal was on 2026-08-20"),
        # One that did not pass shows no more than that it was tried.
        ({"2026-08-19": FAILED}, "2026-08-19", True, "no rehearsal has passed, and that of 2026-08-19 failed; "),
        (
            {"2026-05-19": PASSED, "2026-08-19": FAILED},
            "2026-08-20",
            True,
            "the last rehearsal that passed was on 2026-05-19, 93 days ago, that of 2026-08-19 failed, and the next was due",
        ),
        (
            {"2026-05-19": PASSED, "2026-06-19-2": FAILED},
            "2026-08-19",
            False,
            "the last rehearsal that passed was on 2026-05-19, 92 days ago, that of 2026-06-19 failed; ",
        ),
        ({"2026-08-18": FAILED, "2026-08-19": FAILED, "2026-08-19-2": PASSED}, "2026-08-19", False, "the last rehearsal was on"),
    ],
)
def test_a_rehearsal_that_passes_is_due_every_quarter(
    attested: dict[str, dict[str, str]], today: str, overdue: bool, said: str
) -> None:
    late, words = age_words(attested, date.fromisoformat(today))
    assert (late, words[: len(said)]) == (overdue, said)


def test_outside_a_checkout_no_commit_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROJECT_REVISION", raising=False)
    assert commit(tmp_path) is None


def test_the_commit_of_a_copy_is_the_one_that_the_job_server_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWX leaves .git out of the directory of a job."""
    monkeypatch.setenv("PROJECT_REVISION", "4c8da142" * 5)
    assert commit(tmp_path) == "4c8da142" * 5
    # What git says of a checkout is nearer.
    for words in ("init", "-c user.name=x -c user.email=x@raxx.example commit --allow-empty -m x"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    found = commit(tmp_path)
    assert found is not None
    assert (len(found), found != "4c8da142" * 5) == (40, True)
    monkeypatch.setenv("PATH", str(tmp_path / "without-git"))
    assert commit(tmp_path) == "4c8da142" * 5
