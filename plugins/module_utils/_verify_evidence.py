# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Checks a bundle of evidence, or the attestation of a rehearsal.

This one file is all that an auditor needs: it imports nothing of the collection nor of Ansible.

    python verify_evidence.py DIRECTORY --public-key raxx.pem --anchor 7cb86ca4... --anchor-file ticket.txt

The public key and the anchors must come from elsewhere: from whoever answers for the key, from the audit row, from the ticket.
The library cryptography is needed for the signature alone.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
import typing as t
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

STATEMENT = "statement.dsse.json"
JOURNAL = "journal.jsonl"
LISTINGS = ("before.json", "after.json")
# What a bundle has beside its statement: all of it, and nothing else.
FILES = (*LISTINGS, JOURNAL, "ocsf.jsonl", "oscal.json", "report.html", "report.md", "result.json")
# What the journal does not tell, or only the collection could make of it again.
SIGNED_ONLY = (
    "ocsf.jsonl",
    "oscal.json",
    "report.html",
    "report.md",
    "result.json, but for event, email, operator, ticket, window and result",
    f"{STATEMENT}, but for run, subject, operator, ticket, window, plan, approval, result, head, sealed and keyid",
)
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
# The predicate of an attestation, which is one file by itself.
REHEARSAL = "https://raxx.app/deprovision/rehearsal/v1"

# What stands in a journal in the place of a digest where there is no record before.
START = "0" * 64
LINK = ("chain_uid", "seq", "prev")
# The fact that keeps the head of what was noted before the audit row.
SEALED = "event/sealed"

# Exit statuses; 2 is that of a wrong command. Of several the smallest is given.
EXIT = {"malformed": 3, "digest": 4, "chain": 5, "signature": 6, "wrong_key": 7, "unsigned": 8, "anchor": 9}

_DIGEST = re.compile("[0-9a-f]{64}")
_HEAD = re.compile(r"sha256:([0-9a-f]{64})\b")
Record = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Problem:
    """C(code) is a key of L(EXIT); C(place) names the file and, where it is known, the record in it."""

    code: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.place}: {self.text}"


@dataclass(frozen=True)
class Broken:
    """One thing that is wrong with a journal. C(line) counts from 1; C(code) is V(malformed) or V(chain)."""

    line: int
    code: str
    how: str

    def __str__(self) -> str:
        return f"record {self.line}: {self.how}"


class MalformedError(Exception):
    """Something is not in the only form that it can have."""


# -- canonical JSON and chains


def canonical(value: t.Any) -> bytes:
    """C(value) as the only JSON text there is for it: sorted keys, no white space, UTF-8.

    Raises C(TypeError) for a float, whose text depends on who writes it, and for a key that is no text.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def pretty(value: t.Any) -> bytes:
    """JSON for people and machines, in only one way as well."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_record(line: bytes) -> Record:
    """A line of a journal. Raises C(ValueError) unless it is a record, written as L(canonical) writes it."""
    record = json.loads(line.decode(), parse_constant=_no_constant)
    if not isinstance(record, dict):
        raise ValueError("not an object")  # noqa: TRY004  # one exception says that the line is no record
    if canonical(record) != line:
        raise ValueError("not in canonical form")
    missing = [name for name in LINK if name not in record]
    if missing:
        raise ValueError(f"no {missing[0]}")
    return record


def verify(data: bytes, expected_head: str | None = None) -> t.List[Broken]:
    """Everything that is wrong with the content of a journal. Empty: it is as it was written.

    Without C(expected_head), which must come from another place, an end that was cut off is not noticed.
    """
    lines = data.split(b"\n")
    rest = lines.pop()
    found: t.List[Broken] = []
    prev, chain_uid = START, None
    for number, line in enumerate(lines, start=1):
        try:
            record = read_record(line)
        except (ValueError, TypeError, RecursionError) as error:
            found.append(Broken(number, "malformed", f"is not a canonical JSON record ({_reason(error)})"))
        else:
            chain_uid = record["chain_uid"] if chain_uid is None else chain_uid
            found += [Broken(number, "chain", how) for how in _breaks(record, number, prev, chain_uid)]
        prev = digest(line)
    if rest:
        found.append(Broken(len(lines) + 1, "malformed", "does not end with a line end"))
    if expected_head is not None and not found and prev != expected_head:
        found.append(Broken(len(lines), "chain", f"is not the last one: the head of the chain is {prev}, not {expected_head}"))
    return found


def _breaks(record: Record, number: int, prev: str, chain_uid: t.Any) -> t.List[str]:
    found = []
    if record["seq"] != number or isinstance(record["seq"], bool):
        found.append(f"has the number {record['seq']!r} instead of {number}: a record was inserted, deleted or moved")
    if record["prev"] != prev:
        before = "record before it" if number > 1 else "start"
        found.append(f"does not follow from the {before}: that was changed, or records were inserted, deleted or moved")
    if record["chain_uid"] != chain_uid:
        found.append(f"belongs to another journal ({record['chain_uid']!r})")
    return found


def _refuse_floats(value: t.Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical form")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key is not text")
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)


def _no_constant(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is not JSON")


def _reason(error: Exception) -> str:
    return str(error).partition(":")[0][:80] if isinstance(error, (ValueError, TypeError)) else type(error).__name__


# -- the bundle


@dataclass(frozen=True)
class Envelope:
    """The statement, what was signed, and the signatures as key id and bytes."""

    statement: Record
    signed: bytes
    signatures: t.Tuple[t.Tuple[str, bytes], ...]

    @property
    def predicate(self) -> Record:
        return t.cast(Record, self.statement["predicate"])

    @property
    def sealed(self) -> Record:
        return t.cast(Record, self.predicate.get("sealed") or {})


def read_envelope(data: bytes) -> Envelope:
    """The envelope of a statement. Raises C(MalformedError) for everything that could be written in another way."""
    try:
        found = json.loads(data.decode(), parse_constant=_no_constant)
        _demand(isinstance(found, dict) and pretty(found) == data, "the envelope is not written as it must be")
        _demand(set(found) == {"payload", "payloadType", "signatures"}, "it is not an envelope (DSSE)")
        _demand(found["payloadType"] == PAYLOAD_TYPE, "its payload is not an in-toto statement")
        payload = _base64(found["payload"])
        statement = json.loads(payload.decode(), parse_constant=_no_constant)
        _demand(canonical(statement) == payload, "its payload is not canonical JSON")
        _demand(statement["_type"] == STATEMENT_TYPE, "its payload is not an in-toto statement")
        _demand(isinstance(statement["subject"], list), "its payload names no files")
        for subject in statement["subject"]:
            _demand(bool(_DIGEST.fullmatch(subject["digest"]["sha256"])), "a digest is none")
            _demand(bool(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", subject["name"])), "a file name is none")
        _demand_predicate(statement["predicateType"], statement["predicate"])
        _demand(isinstance(found["signatures"], list), "it has no list of signatures")
        _demand(all(set(item) == {"keyid", "sig"} for item in found["signatures"]), "a signature is none")
        _demand(all(isinstance(item["keyid"], str) for item in found["signatures"]), "the id of a key is none")
        signatures = tuple((item["keyid"], _base64(item["sig"])) for item in found["signatures"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedError(f"it cannot be read ({type(error).__name__})") from None
    kind = PAYLOAD_TYPE.encode()
    return Envelope(statement, b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload), signatures)


def _demand_predicate(kind: t.Any, predicate: Record) -> None:
    """An attestation says nothing of a journal."""
    _demand(isinstance(predicate, dict), "it has no predicate")
    if kind == REHEARSAL:
        return
    _demand(isinstance(predicate.get("run"), str), "its predicate names no event")
    _demand(isinstance(predicate.get("head"), str), "its predicate has no head")
    _demand(isinstance(predicate.get("keyid"), (str, type(None))), "the id of its key is none")
    sealed = predicate.get("sealed")
    if sealed is not None:
        _demand(bool(_DIGEST.fullmatch(sealed["head"])), "its sealed head is none")
        number = isinstance(sealed["records"], int) and not isinstance(sealed["records"], bool)
        _demand(number, "its number of sealed records is none")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise MalformedError(otherwise)


def _base64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    _demand(base64.b64encode(data).decode() == text, "base64 is not written as it must be")
    return data


def check(directory: Path, public_key: bytes | None, heads: t.Iterable[t.Tuple[str, str]]) -> t.List[Problem]:
    """Everything that is wrong with a bundle. C(heads) are anchors, each as its place and the head that it carries."""
    try:
        envelope = read_envelope((directory / STATEMENT).read_bytes())
        _demand(envelope.statement["predicateType"] != REHEARSAL, "it is the attestation of a rehearsal")
    except OSError as error:
        return [Problem("malformed", STATEMENT, f"it cannot be read ({type(error).__name__})")]
    except MalformedError as error:
        return [Problem("malformed", STATEMENT, str(error))]
    found, broken = list(_check_files(directory, envelope)), list(_check_journal(directory, envelope))
    # Only what holds by itself is worth a closer look.
    found += _check_forms(directory, {problem.place for problem in found})
    found += broken or _check_contents(directory, envelope, {problem.place.partition(",")[0] for problem in found})
    found += _check_signature(envelope, public_key) if public_key is not None else []
    return found + list(_check_anchors(envelope, heads))


def check_attestation(file: Path, public_key: bytes | None, heads: t.Iterable[t.Tuple[str, str]]) -> t.List[Problem]:
    """Everything that is wrong with the attestation of a rehearsal. Its anchor is its digest, as the ledger has it."""
    data = file.read_bytes()
    try:
        envelope = read_envelope(data)
        _demand(envelope.statement["predicateType"] == REHEARSAL, "it is not the attestation of a rehearsal")
    except MalformedError as error:
        return [Problem("malformed", file.name, str(error))]
    found = _check_signature(envelope, public_key, file.name) if public_key is not None else []
    others = [(place, head) for place, head in heads if head != digest(data)]
    return found + [Problem("anchor", place, f"it is not the digest of this file, {digest(data)}") for place, _head in others]


def _check_files(directory: Path, envelope: Envelope) -> t.Iterator[Problem]:
    wanted = {subject["name"]: subject["digest"]["sha256"] for subject in envelope.statement["subject"]}
    if len(wanted) != len(envelope.statement["subject"]):
        yield Problem("malformed", STATEMENT, "it names a file twice")
    present = {path.name: path for path in directory.iterdir() if path.name != STATEMENT}
    for name in sorted(wanted.keys() | present.keys() | set(FILES)):
        if name not in wanted:
            yield Problem("digest", name, "the statement does not name this file")
        elif name not in FILES:
            yield Problem("digest", name, "no bundle has this file")
        elif name not in present:
            yield Problem("digest", name, "the file is missing")
        elif not present[name].is_file() or present[name].is_symlink():
            yield Problem("digest", name, "it is not a file of its own")
        elif digest(present[name].read_bytes()) != wanted[name]:
            yield Problem("digest", name, "its content is not what the statement says")


def _check_journal(directory: Path, envelope: Envelope) -> t.Iterator[Problem]:
    data = _read(directory / JOURNAL)
    broken = verify(data, envelope.predicate["head"])
    for item in broken:
        yield Problem(item.code, f"{JOURNAL}, record {item.line}", item.how)
    if broken:
        return
    lines = data.split(b"\n")[:-1]
    records = [read_record(line) for line in lines]
    shapeless = list(_shapeless(records))
    yield from shapeless
    if shapeless:
        return
    if not records or any(record["chain_uid"] != envelope.predicate["run"] for record in records):
        yield Problem("chain", JOURNAL, "it is not the journal of the event that the statement is about")
    seals = [(number, record) for number, record in enumerate(records, start=1) if record["fact"] == SEALED]
    for number, record in seals:
        order = record["value"]["order"]
        names = [item["fact"] for item in records[: len(order)]]
        head = digest(lines[len(order) - 1]) if 0 < len(order) <= len(lines) else START
        if names != order or head != record["value"]["head"]:
            yield Problem("chain", f"{JOURNAL}, record {number}", "what was sealed before the audit row is not what is there now")
        if {"head": head, "records": len(order), "at": record["at"]} != envelope.sealed:
            yield Problem("chain", f"{JOURNAL}, record {number}", "the statement speaks of another seal")
    if not seals and envelope.sealed:
        yield Problem("chain", JOURNAL, "the statement speaks of a seal that is not there")


def _shapeless(records: t.Sequence[Record]) -> t.Iterator[Problem]:
    """The records that are no facts of an event, each of which is noted once."""
    known: t.Set[str] = set()
    for number, record in enumerate(records, start=1):
        fact, value, at = (record.get(name) for name in ("fact", "value", "at"))
        place = f"{JOURNAL}, record {number}"
        if not (isinstance(fact, str) and isinstance(value, dict) and isinstance(at, str)):
            yield Problem("malformed", place, "it is not a fact")
            continue
        if record.get("event") != record["chain_uid"]:
            yield Problem("malformed", place, "it is a fact of another event")
        if fact == SEALED and not (isinstance(value.get("order"), list) and isinstance(value.get("head"), str)):
            yield Problem("malformed", place, "it is not a seal")
        if fact in known:
            yield Problem("malformed", place, f"the fact {fact} was noted before, and each is noted once")
        known.add(fact)


def _check_forms(directory: Path, but: t.Set[str]) -> t.Iterator[Problem]:
    """Whether the files, C(but) those, are written in the only way, and each listing has the rows that were noted of it."""
    for name in sorted({*LISTINGS, "oscal.json", "result.json"} - but):
        data = _read(directory / name)
        try:
            content = json.loads(data.decode(), parse_constant=_no_constant)
            _demand(isinstance(content, dict) and pretty(content) == data, "it is not written as it must be")
            listings = content["listings"] if name in LISTINGS else []
            _demand(isinstance(listings, list), "it has no list of listings")
            for number, listing in enumerate(listings, start=1):
                rows = listing["content"]
                if len(rows) != listing["rows"] or digest(canonical(rows)) != listing["sha256"]:
                    place = f"{name}, listing {number}"
                    yield Problem("digest", place, "its rows do not have the number and digest that were noted")
        except MalformedError as error:
            yield Problem("malformed", name, str(error))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            yield Problem("malformed", name, f"it cannot be read ({type(error).__name__})")


def _check_contents(directory: Path, envelope: Envelope, but: t.Set[str]) -> t.Iterator[Problem]:
    """Where the statement, or a file C(but) those, says something else than the journal."""
    records = [read_record(line) for line in _read(directory / JOURNAL).split(b"\n")[:-1]]
    facts = {record["fact"][len("event/") :]: record["value"] for record in records if record["fact"].startswith("event/")}
    try:
        predicate = _predicate(facts, envelope.predicate)
        told = {
            "before.json": _before(facts, predicate),
            "after.json": _after(facts, predicate),
            "result.json": _result(predicate),
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        yield Problem("malformed", JOURNAL, f"what it tells cannot be followed ({type(error).__name__})")
        return
    contents = {name: json.loads(_read(directory / name)) for name in told.keys() - but}
    for name, content in sorted({**contents, STATEMENT: envelope.predicate}.items()):
        wanted = told.get(name, predicate)
        # More than that there is only in the result.
        names = sorted(wanted if name == "result.json" else {*wanted, *content})
        differing = [key for key in names if _ordered(key, content.get(key)) != _ordered(key, wanted.get(key))]
        if differing:
            yield Problem("malformed", name, f"the journal tells something else of {', '.join(differing)}")


def _ordered(key: str, value: t.Any) -> t.Any:
    """A value to be compared; the order of listings is that of the consoles, of which the journal says nothing."""
    return sorted(map(pretty, value)) if key == "listings" and isinstance(value, list) else pretty(value)


# -- what follows from the journal


def _predicate(facts: Record, given: Record) -> Record:
    """The predicate of the statement: what was C(given), but for what the C(facts) of the event tell."""
    seal = facts.get("sealed")
    # Without the ledger a person is locked out all the same, and the event is not opened.
    unopened = {**given["window"], "event": given["run"], "email": given["subject"], "operator": given["operator"]}
    opened = facts["opened"] if "opened" in facts or seal is not None else unopened
    lockouts = [str(fact["at"]) for name, fact in facts.items() if name.startswith("lockout-")]
    # Before the seal another console may still be open, of which the journal says nothing.
    waiting = seal is None and given["window"]["lockout"] is None
    # An event is closed once everything is proved, and not before.
    result = "complete" if "closed" in facts else "failed" if given["result"] == "failed" else "incomplete"
    return {
        **given,
        "run": opened["event"],
        "subject": opened["email"],
        "operator": opened["operator"],
        "ticket": facts.get("ticket", {}).get("number"),
        "plan": facts.get("planned"),
        "approval": facts.get("approved"),
        "window": {
            **{name: opened[name] for name in ("notice", "opened", "deadline")},
            "lockout": max(lockouts) if lockouts and not waiting else None,
            "ended": facts["closed"]["at"] if "closed" in facts else None,
        },
        "result": result,
        "keyid": given["keyid"] if seal is None else seal.get("keyid"),
    }


def _result(predicate: Record) -> Record:
    """What of C(result.json) is told by the journal, or by the statement as well."""
    kept = ("environment", "operator", "ticket", "window", "result")
    return {"event": predicate["run"], "email": predicate["subject"], **{name: predicate[name] for name in kept}}


def _before(facts: Record, predicate: Record) -> Record:
    """The content of C(before.json)."""
    before = facts.get("before", {})
    listings = [
        _listing(listing, listing["console"], predicate["operator"], _rows_of(before, listing))
        for listing in before.get("listings", [])
    ]
    items = [
        *(_item("membership", item, item["group"], "removed", facts) for item in before.get("memberships", [])),
        *(_item("session", item, item["id"], "ended", facts) for item in before.get("sessions", [])),
    ]
    return {"event": predicate["run"], "person": predicate["subject"], "listings": listings, "items": items}


def _rows_of(before: Record, listing: Record) -> t.List[Record]:
    return [
        {name: value for name, value in item.items() if name not in ("console", "account")}
        for item in before.get(listing["kind"], [])
        if (item.get("console"), item.get("account")) == (listing["console"], listing["account"])
    ]


def _item(kind: str, item: Record, name: t.Any, verb: str, facts: Record) -> Record:
    """What became of something that the person had."""
    lockouts = [fact for key, fact in facts.items() if key.startswith("lockout-") and fact.get("app") == item.get("console")]
    lockout = lockouts[-1] if lockouts else None
    outcome = "open"
    if lockout:
        outcome = "removed" if name in lockout.get(verb, []) or lockout.get("continued", False) else "already gone"
    return {
        "kind": kind,
        "console": item.get("console", ""),
        "name": str(name),
        "facts": {key: value for key, value in item.items() if key != "console"},
        "outcome": outcome,
        "at": lockout["at"] if lockout else None,
        "by": lockout.get("by") if lockout else None,
    }


def _after(facts: Record, predicate: Record) -> Record:
    """The content of C(after.json): the listings of the last look at each console, which found nothing any more."""
    latest: t.Dict[str, Record] = {}
    for name, look in facts.items():
        console = re.fullmatch(r"recheck[0-9]+-(.+)", name)
        if console and (console[1] not in latest or _time(look["at"]) > _time(latest[console[1]]["at"])):
            latest[console[1]] = look
    listings = [
        _listing(listing, look["app"], look["by"], []) for look in latest.values() for listing in look.get("listings", [])
    ]
    return {"event": predicate["run"], "person": predicate["subject"], "listings": listings}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _listing(listing: Record, console: str, operator: str, rows: t.List[Record]) -> Record:
    kept = ("kind", "query", "parameters", "server", "server_time", "local_time", "rows", "sha256", "collection")
    return {
        **{name: listing.get(name) for name in kept},
        "console": console,
        "accounts": [listing["account"]],
        "asked_by": {"role": listing.get("role"), "operator": operator},
        "content": rows,
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _check_signature(envelope: Envelope, public_key: bytes, name: str = STATEMENT) -> t.List[Problem]:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415  # only here is it needed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(public_key)
    except UnsupportedAlgorithm:
        raise ValueError("the public key is of an unknown kind") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the public key is not an Ed25519 key")  # noqa: TRY004  # one exception for every unusable key
    keyid = digest(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    sealed_for = envelope.predicate.get("keyid")
    if not envelope.signatures:
        more = f", although it was to be signed with the key {sealed_for}" if sealed_for else ""
        return [Problem("unsigned", name, f"UNSIGNED: nobody vouches for it{more}")]
    found = []
    for number, (named, signature) in enumerate(envelope.signatures, start=1):
        place = f"{name}, signature {number}"
        if named != keyid:
            found.append(Problem("wrong_key", place, f"made with the key {named}, not with {keyid}"))
            continue
        if sealed_for != named and (sealed_for or envelope.sealed):
            found.append(Problem("wrong_key", place, f"made with the key {named}; it was sealed for {sealed_for or 'none'}"))
            continue
        try:
            key.verify(signature, envelope.signed)
        except InvalidSignature:
            found.append(Problem("signature", place, "it does not fit the statement"))
    return found


def _check_anchors(envelope: Envelope, heads: t.Iterable[t.Tuple[str, str]]) -> t.Iterator[Problem]:
    sealed = envelope.sealed.get("head", "none")
    for place, head in heads:
        if head != sealed:
            yield Problem("anchor", place, f"it carries the head {head or 'none'}; that of the sealed journal is {sealed}")


def anchors_in(text: str) -> t.List[str]:
    """The heads that a note of an audit row or of a ticket carries, each once."""
    return list(dict.fromkeys(_HEAD.findall(text)))


# -- the command


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(arguments)
    heads = [(f"anchor {number}", head.rpartition(":")[2].lower()) for number, head in enumerate(options.anchor, start=1)]
    try:
        for path in options.anchor_file:
            heads += [(str(path), head) for head in anchors_in(path.read_text(encoding="utf-8")) or [""]]
        public_key = options.public_key.read_bytes() if options.public_key else None
        checked = check_attestation if options.path.is_file() else check
        problems = checked(options.path, public_key, heads)
    except (OSError, ValueError, ImportError, binascii.Error) as error:
        print(f"This could not be checked: {error}", file=sys.stderr)  # noqa: T201  # pylint: disable=ansible-bad-function  # a command speaks
        return 2
    for line in _report(options, heads, problems):
        # The name of a file that was put in could hold a line of its own, or what no terminal can show.
        shown = line if line.isascii() and line.isprintable() else ascii(line)[1:-1]
        print(shown)  # noqa: T201  # pylint: disable=ansible-bad-function
    return min((EXIT[problem.code] for problem in problems), default=0)


def _report(options: argparse.Namespace, heads: t.Sequence[t.Any], problems: t.Sequence[Problem]) -> t.Iterator[str]:
    yield from map(str, problems)
    if options.public_key is None:
        nobody = ": nobody did, it is UNSIGNED" if _is_unsigned(options.path) else ""
        yield f"not checked: who signed it{nobody}"
        yield from _left_open(options.path, anchored=bool(heads))
    if not heads:
        where = "its digest in the ledger" if options.path.is_file() else "the anchors in the audit row and in the ticket"
        yield f"not checked: {where}"
    word = "VERIFIED IN PART" if options.public_key is None else "VERIFIED"
    word = f"NOT VERIFIED, {len(problems)} problems" if problems else word
    yield f"{word}: {options.path}"


def _left_open(path: Path, *, anchored: bool) -> t.Iterator[str]:
    """What of a bundle nobody vouches for unless the signature is checked."""
    if path.is_file():
        return
    for what in SIGNED_ONLY:
        yield f"not checked: {what}: only a signature vouches for it"
    try:
        sealed = read_envelope(_read(path / STATEMENT)).sealed.get("records", 0) if anchored else 0
    except MalformedError:
        return
    records = _read(path / JOURNAL).count(b"\n")
    if records > sealed:
        which = f"{JOURNAL}, records {sealed + 1} to {records}"
        yield f"not checked: {which}: only a signature vouches for them, and for what the other files have from them"


def _is_unsigned(path: Path) -> bool:
    try:
        return not read_envelope(_read(path if path.is_file() else path / STATEMENT)).signatures
    except MalformedError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify_evidence.py",
        description="Checks a bundle of evidence (digests, chain, signature, anchors) or an attestation (signature, digest).",
        epilog="Exit status: 0 verified, 2 wrong command, "
        + ", ".join(f"{status} {code}" for code, status in EXIT.items())
        + ".",
    )
    parser.add_argument(
        "path",
        type=Path,
        help="the directory of one event, for example evidence/DEPROV-2026-05-19-jsmith, or the file of an attestation",
    )
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--public-key", type=Path, help="PEM file with the Ed25519 key that must have signed, got from elsewhere")
    key.add_argument("--without-signature", action="store_true", help="do not ask who signed it")
    anchor = "the head that the audit row or the ticket carries; of an attestation the digest that the ledger has"
    parser.add_argument("--anchor", action="append", default=[], help=anchor)
    parser.add_argument(
        "--anchor-file", action="append", default=[], type=Path, help="a file with the notes of the row or ticket"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())  # pylint: disable=ansible-bad-function
