# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The report of a departure for people: one page of HTML that stands alone, and its short form for the ticket.

Pure functions of the record (C(_record.py)) or of a plan, without a clock or the name of a machine: every machine renders the
same bytes.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._claims import OVERDUE
from ansible_collections.raxx.deprovision.plugins.module_utils._plan import Plan, leaves, line
from ansible_collections.raxx.deprovision.plugins.module_utils._progress import NOT_COVERED, debt_words
from ansible_collections.raxx.deprovision.plugins.module_utils._report_chart import limits_chart, run_chart, span_words
from ansible_collections.raxx.deprovision.plugins.module_utils._report_template import DEPARTURE, PLAN, STYLE

try:
    from jinja2 import Environment, StrictUndefined, Template
    from markupsafe import Markup
except ImportError:  # wherever Ansible runs there is Jinja2; only its own tests import this without
    Environment = None  # type: ignore[assignment, misc]

Value = t.Dict[str, t.Any]

# The colour of a grade is never alone: a sign and a word go with it.
_GRADES = {
    "observed": ("good", "\u2713"),
    "acknowledged": ("good", "\u2713"),
    "attested": ("plain", "\u270e"),
    "waived": ("open", "\u25b3"),
    "not covered": ("plain", "\u2013"),
    "inconclusive": ("open", "?"),
    "missing": ("bad", "\u2717"),
}
_OUTCOMES = {
    "removed": ("good", "\u2713"),
    "ended": ("good", "\u2713"),
    "already gone": ("plain", "\u2013"),
    "open": ("bad", "\u2717"),
}
_VERDICTS = {
    "complete": ("good", "\u2713", "COMPLETE: access is removed, and every step is proved"),
    "incomplete": ("open", "!", "INCOMPLETE: something is still to be done"),
    "failed": ("bad", "\u2717", "FAILED: something went wrong"),
}
_ANCHORS = {"written": "carries the sealed head", "open": "not written yet"}
_WEAKEST_FIRST = ("missing", "inconclusive", "waived", "not covered", "attested", "acknowledged", "observed")
_NOTHING = "\u2013"


def report_html(record: Value) -> bytes:
    """C(report.html)."""
    window, integrity = record["window"], record["integrity"]
    return _page(
        DEPARTURE,
        title=f"{record['event']}: {record['result']}",
        kicker=f"Access removal (SOC 2 CC6.3) \u00b7 {record['environment']} \u00b7 {record['event']}",
        heading=record["email"],
        subheading=f"Operator {record['operator']}{_approved(record)}",
        verdict=_verdict(record),
        tiles=_tiles(record),
        missing=_missing(record),
        debts=[_debt(debt) for debt in record["debts"]],
        failures=[_failure(failure) for failure in record["failures"]],
        steps=[
            {**step, "grade": _grade(step["grade"]), "at": _clock(step["at"]), "detail": _short_times(step["detail"])}
            for step in record["steps"]
        ],
        window={name: _moment(at) for name, at in window.items()},
        limits=limits_chart(record),
        magnified=run_chart(record),
        timeline_words=_timeline_words(record),
        times=_times(record),
        items=[_item(item) for item in record["population"]["items"]],
        listings=_listings(record["population"]),
        proofs=[_proof(proof) for proof in record["proofs"]],
        claims=[_claim(claim) for claim in record["claims"]],
        not_covered=record["not_covered"],
        events=[{**entry, "at": _moment(entry["at"]), "what": _entry(entry)} for entry in record["timeline"]],
        signature=_signature(integrity),
        integrity=_integrity(record),
        foot=f"Made by raxx.deprovision {record['collection']} from the ledger of {record['environment']}. All times are UTC.",
    )


def plan_html(plan: Plan) -> bytes:
    """The plan of a check run as a page."""
    people = ", ".join(plan.people)
    count = len(plan.changes)
    return _page(
        PLAN,
        title=f"Plan for {people}",
        kicker=f"Plan of a check run \u00b7 {plan.environment}",
        heading=people,
        subheading=f"SHA-256 {plan.digest}",
        verdict=_said("plain", "i", "PLAN: nothing was changed", [f"A real run would make {count} changes." if count else ""]),
        tiles=[
            _tile("Changes", str(count), "what a real run would do"),
            _tile("Memberships", str(_count(plan, "remove_membership")), "would be removed"),
            _tile("Sessions", str(_count(plan, "end_session")), "would be ended"),
            _tile("Credentials", str(_count(plan, "rotate", "rotate_forced")), "would be rotated"),
        ],
        changes=[{"step": change["step"], "text": " ".join(line(change).split()[1:])} for change in plan.changes],
        targets=list(leaves(plan.targets).items()),
        digest=plan.digest,
        not_covered=list(NOT_COVERED),
        foot=f"Plan {plan.digest} (SHA-256). It depends on what there is to change, and where, alone.",
    )


def report_md(record: Value) -> bytes:
    """C(report.md), for the ticket."""
    verdict, signature = _verdict(record), _signature(record["integrity"])
    lines = [
        f"# {record['event']}: {record['email']}",
        "",
        f"**{verdict['word']}**",
        "",
        f"- Environment {record['environment']}, operator {record['operator']}{_approved(record)}, ticket {_ticket(record)}",
        *(f"- {pair['name']}: {pair['value']}" for pair in _times(record)),
        *(f"- Missing: {text}" for text in _missing(record)),
        *(f"- Debt: {_debt(debt)}" for debt in record["debts"]),
        *(f"- Went wrong: {failure['where']} {failure['message']}" for failure in map(_failure, record["failures"])),
        "",
        "| step | what was to be done | grade | result | when (UTC) |",
        "| --- | --- | --- | --- | --- |",
        *(_row(step["id"], step["title"], step["grade"], step["result"], _clock(step["at"])) for step in record["steps"]),
        "",
        "| log-in with | must | answer | credential |",
        "| --- | --- | --- | --- |",
        *(
            _row(probe["probe"], probe["required"], probe["answer"] or "none", proof["credential"])
            for proof in record["proofs"]
            for probe in proof["probes"]
        ),
        "",
        *(f"- Not covered: {text}" for text in record["not_covered"]),
        f"- {signature['word']}: {signature['text']}",
        *(f"- {pair['name']}: {pair['value']}" for pair in _integrity(record)),
        "",
    ]
    return "\n".join(_one_line(text) for text in lines).encode()


def _page(template: str, **values: t.Any) -> bytes:
    page = _compiled(template).render(style=Markup(STYLE), **values)  # noqa: S704  # our own text
    return (page.strip() + "\n").encode()


@functools.cache
def _compiled(template: str) -> Template:
    """To compile a template takes longer than to fill it in, and a run has a page for each person."""
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(template)


# -- the top of the page


def _said(tone: str, mark: str, word: str, text: t.Sequence[str] = ()) -> Value:
    return {"tone": tone, "mark": mark, "word": word, "text": [part for part in text if part]}


def _verdict(record: Value) -> Value:
    tone, mark, word = _VERDICTS[record["result"]]
    late = "OVERDUE: more than four hours since the notice." if record["timeliness"]["overdue"] else ""
    grades = [claim["grade"] for claim in record["claims"]]
    counted = ", ".join(f"{grades.count(grade)} {grade}" for grade in reversed(_WEAKEST_FIRST) if grade in grades)
    return _said(tone, mark, word, [late, f"{len(grades)} claims: {counted}."])


def _approved(record: Value) -> str:
    return f", approved by {record['approval']['by']}" if record["approval"] else ", no approver named"


def _tile(name: str, value: str, note: str = "", link: str = "") -> Value:
    return {"name": name, "value": value, "note": note, "link": link}


def _tiles(record: Value) -> list[Value]:
    timeliness, window = record["timeliness"], record["window"]
    lockout, end = timeliness["lockout_seconds"], timeliness["end_seconds"]
    url = str(record["ticket"].get("url") or "")
    notice = _clock(window["notice"])
    whole = f"{notice} to {_clock(window['ended'])}" if window["ended"] else f"{notice}, not ended"
    return [
        _tile("Window (UTC)", whole, f"notice on {window['notice'][:10]}"),
        _tile("Notice to lock-out", span_words(lockout), _against(lockout, timeliness["warn_seconds"], "1 h")),
        _tile("Notice to end", span_words(end), _against(end, timeliness["fail_seconds"], "4 h")),
        _tile("Ticket", _ticket(record), record["event"], url if url.startswith(("https://", "http://")) else ""),
    ]


def _against(seconds: int | None, limit: int, words: str) -> str:
    if seconds is None:
        return f"must be within {words}"
    return f"within {words}" if seconds <= limit else f"later than {words}"


def _ticket(record: Value) -> str:
    number = record["ticket"].get("number")
    return f"#{number}" if number else "none yet"


def _missing(record: Value) -> list[str]:
    open_grades = ("missing", "inconclusive")
    return [
        f"{step['id']} {step['title']}: {step['detail'] or step['result']}"
        for step in record["steps"]
        if step["grade"] in open_grades
    ]


def _debt(debt: Value) -> str:
    return debt_words(debt, _moment(debt["since"]))


def _failure(failure: t.Mapping[str, t.Any]) -> Value:
    host = f" ({failure['host']})" if failure.get("host") else ""
    return {"where": f"{failure.get('step', '')}{host}:", "message": failure.get("message", "")}


# -- tables


def _grade(word: str) -> Value:
    tone, mark = _GRADES.get(word, ("plain", _NOTHING))
    return {"tone": tone, "mark": mark, "word": word}


def _item(item: Value) -> Value:
    tone, mark = _OUTCOMES.get(item["outcome"], ("plain", _NOTHING))
    known = {name: value for name, value in item["facts"].items() if name not in ("id", "group", "account", "admin_id", "email")}
    return {
        **item,
        "name": f"{item['kind']} {item['name']}",
        "facts": "; ".join(f"{name.replace('_', ' ')} {_readable(value)}" for name, value in known.items() if value is not None),
        "outcome": {"tone": tone, "mark": mark, "word": "still there" if item["outcome"] == "open" else item["outcome"]},
        "at": _clock(item["at"]),
    }


def _listings(population: Value) -> list[Value]:
    return [
        {
            "title": title,
            "none": none,
            "entries": [
                {
                    "kind": f"{listing['kind']}, {listing['console']}",
                    "by": " as ".join(filter(None, (listing["asked_by"].get("operator"), listing["asked_by"].get("role")))),
                    "rows": listing["rows"],
                    "server": _server(listing.get("server") or {}),
                    "server_time": _moment(listing["server_time"]),
                    "sha256": listing["sha256"] or _NOTHING,
                }
                for listing in population[part]
            ],
        }
        for part, title, none in (
            ("before", "Listings made before", "No listing from before is recorded."),
            ("after", "Listings made after, by the last look", "The last look has not been made yet."),
        )
    ]


def _server(server: Value) -> str:
    place = ":".join(str(server[name]) for name in ("address", "port") if server.get(name))
    version = f"PostgreSQL {server['version']}" if server.get("version") else ""
    return ", ".join(filter(None, (server.get("database"), place, version))) or _NOTHING


def _proof(proof: Value) -> Value:
    probes = []
    for probe in proof["probes"]:
        as_required = probe["answer"] == probe["required"]
        verdict = _said("good", "\u2713", "as required") if as_required else _said("bad", "\u2717", "not as required")
        if probe["answer"] is None:
            verdict = _said("open", "?", "no answer")
        probes.append(
            {
                "probe": probe["probe"],
                "required": _must(probe["required"]),
                "answer": _answer(probe["answer"]),
                "verdict": verdict,
            }
        )
    observer = proof["observer"]
    seen = f" Seen by {observer['user']}." if observer.get("user") else ""
    left, ended = proof["sessions_left"], proof["sessions_ended"]
    sessions = (
        f"Sessions of the old credential: {_counted(ended)} ended, {_counted(left)} left.{seen} Tried {_moment(proof['at'])}."
    )
    return {**proof, "grade": _grade(proof["grade"] or "inconclusive"), "probes": probes, "sessions": sessions}


def _must(required: str) -> str:
    return "be refused with 28P01" if required == "28P01" else "log in"


def _answer(answer: str | None) -> str:
    if answer is None:
        return "none"
    return "refused with 28P01 (wrong password)" if answer == "28P01" else "logged in" if answer == "logs in" else answer


def _counted(number: int | None) -> str:
    return "an unknown number" if number is None else str(number)


def _claim(claim: Value) -> Value:
    said = [f"{claim['subject']}: {claim['result']}" if claim["subject"] else claim["result"], claim["detail"]]
    said += [f"by {claim['by']}"] if claim["by"] else []
    said += [f"until {claim['until']}"] if claim["until"] else []
    detail = "; ".join(dict.fromkeys(part for part in said if part))
    late = claim["result"] == OVERDUE
    grade = _said("bad", "\u2717", f"{claim['grade']}: {OVERDUE}") if late else _grade(claim["grade"])
    return {**claim, "grade": grade, "detail": _short_times(detail), "at": _clock(claim["at"])}


def _entry(entry: Value) -> str:
    return f"{entry['subject']}: {entry['what']}" if entry["subject"] else str(entry["what"])


# -- time and integrity


def _times(record: Value) -> list[Value]:
    window, timeliness, created = record["window"], record["timeliness"], record["ticket"].get("created_at")
    return [
        _pair("Notice", _moment(window["notice"])),
        *([_pair("Ticket created", _moment(created))] if created else []),
        _pair("Event opened", _moment(window["opened"])),
        _pair("Locked out", f"{_moment(window['lockout'])}, {span_words(timeliness['lockout_seconds'])} after the notice"
              if window["lockout"] else "not yet"),
        _pair("Ended", f"{_moment(window['ended'])}, {span_words(timeliness['end_seconds'])} after the notice"
              if window["ended"] else "not yet"),
        _pair("Deadline", f"{_moment(window['deadline'])}{', OVERDUE' if timeliness['overdue'] else ''}"),
    ]  # fmt: skip


def _timeline_words(record: Value) -> str:
    """The picture in words, for those who do not see it."""
    rows = limits_chart(record)["rows"]
    return ". ".join(f"Step {row['label']}: {row['said']}{row['by_hand']}" for row in rows) + "."


def _signature(integrity: Value) -> Value:
    signature = integrity["signature"]
    if signature["state"] == "to be signed":
        return {
            **_said("plain", "i", "TO BE SIGNED"),
            "text": f"The statement over all files is to be signed with the key {signature['keyid']}. This page is the same"
            " whether it is or not: only checking statement.dsse.json with a public key from elsewhere tells.",
        }
    anchored = any(anchor["state"] == "written" for anchor in integrity["anchors"])
    text = (
        "No signing key was configured. The anchors below cover the sealed journal and what follows from it;"
        " nothing vouches for the rest."
        if anchored
        else "No signing key was configured, and no anchor is written yet: nothing tells whether these files were changed."
    )
    return {**_said("open", "!", "UNSIGNED"), "text": text}


def _plan(plan: Value | None) -> Value:
    if not plan:
        return _pair("Plan", "not recorded")
    return _pair(
        "Plan", plan["digest"], code=True, note=", the run was held to it" if plan["held"] else ", made by the run itself"
    )


def _integrity(record: Value) -> list[Value]:
    integrity = record["integrity"]
    sealed = integrity["sealed"]
    seal = f"{sealed['head']} over {sealed['records']} records, {_moment(sealed['at'])}" if sealed else "not sealed yet"
    return [
        _plan(record["plan"]),
        _pair("Journal", f"{integrity['records']} records, chain {integrity['chain']}"),
        _pair("Head of the chain", integrity["head"], code=True),
        _pair("Sealed head", seal, code=bool(sealed)),
        *(_pair(f"Anchor: {anchor['where']}", _ANCHORS[anchor["state"]]) for anchor in integrity["anchors"]),
    ]


def _pair(name: str, value: str, *, code: bool = False, note: str = "") -> Value:
    return {"name": name, "value": value, "code": code, "note": note}


def _moment(at: str | None) -> str:
    """Date and time to the second."""
    return f"{at[:10]} {at[11:19]}Z" if at else _NOTHING


def _clock(at: str | None) -> str:
    """The time of day to the second."""
    return f"{at[11:19]}Z" if at else _NOTHING


def _short_times(text: str) -> str:
    """C(text) with the times in it as times of day."""
    return re.sub(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)[.\d]*Z", r"\1Z", text)


def _readable(value: t.Any) -> str:
    text = str(value)
    return _moment(text) if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text) else text


def _count(plan: Plan, *actions: str) -> int:
    return sum(change["action"] in actions for change in plan.changes)


def _row(*cells: str) -> str:
    return "| " + " | ".join(str(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in cells) + " |"


def _one_line(text: str) -> str:
    """Texts of other systems may hold line ends and mark-up."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).replace("<", "&lt;")
