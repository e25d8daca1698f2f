# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: everything that the record says is on the page, nothing is loaded, and a text from elsewhere stays a text."""

from __future__ import annotations

import itertools
import re
import typing as t
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils import _report
from ansible_collections.raxx.deprovision.plugins.module_utils._plan import Plan
from ansible_collections.raxx.deprovision.plugins.module_utils._record import build
from ansible_collections.raxx.deprovision.plugins.module_utils._report import plan_html, report_html, report_md
from ansible_collections.raxx.deprovision.plugins.module_utils._report_chart import limits_chart, run_chart, span_words
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, parse
from jinja2 import Environment

from .bundle_world import CLOSING, EMAIL, EVENT, EVENT_FACTS, PLANNED, ROTATED, Facts, at, case, without

PARKED = {
    **without(ROTATED, "stored"),
    "parked": {"at": at(15), "kind": "ssm", "name": "/raxx/test/parked", "code": "unreachable"},
}
FAILURE = {"host": "raptor_app", "step": "step 2", "code": "rotation_refused", "message": "Heroku refused it."}


def complete() -> Facts:
    return {**build(case()), "result": "complete"}


def parked() -> Facts:
    facts = without(EVENT_FACTS, "recheck1-console")
    return {**build(case(facts, PARKED, closing={})), "result": "incomplete"}


def failed() -> Facts:
    facts = without(EVENT_FACTS, "recheck1-console")
    return {**build(case(facts, {"intent": ROTATED["intent"]}, closing={})), "result": "failed", "failures": [FAILURE]}


RECORDS = {"complete": complete, "parked": parked, "failed": failed}


class Text(HTMLParser):
    """The words of a page as a reader sees them, its headings, and everything that could load or run something."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.words, self.headings, self.tags, self.loading = "", [], [], []
        self._within: list[str] = []
        self.feed(page.decode())

    words: str
    headings: list[str]
    tags: list[str]
    loading: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._within.append(tag)
        self.headings += [tag] if re.fullmatch(r"h\d", tag) else []
        self.loading += [f"{tag} {name}" for name, _value in attrs if name in ("src", "srcset", "data") or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            self._within.remove(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self._within:
            self.words += " " + data
            self.words = " ".join(self.words.split())


@pytest.mark.parametrize("kind", RECORDS)
def test_everything_that_counts_is_on_the_page(kind: str) -> None:
    record = RECORDS[kind]()
    page = Text(report_html(record))
    top = page.words[: page.words.index("Checklist")]
    for said in (kind.upper().replace("PARKED", "INCOMPLETE"), EMAIL, "#4711", EVENT.id, record["operator"]):
        assert said in top
    for step in record["steps"]:
        assert f"{step['id']} {step['title']}" in page.words
    for claim in record["claims"]:
        assert claim["statement"] in page.words
    for text in (*record["not_covered"], record["integrity"]["head"], "UNSIGNED", "1 h: warn", "4 h: limit"):
        assert text in page.words
    for listing in (*record["population"]["before"], *record["population"]["after"]):
        assert listing["sha256"] in page.words
    for item in record["population"]["items"]:
        assert f"{item['kind']} {item['name']}" in page.words


def test_the_words_of_a_step_can_be_understood_without_its_claims() -> None:
    steps = {step["id"]: step for step in complete()["steps"]}
    assert steps["2b"]["result"] == "stored, new one works"
    assert steps["2d"]["result"] == "checks passed, old one refused, no old session left"
    assert steps["7"]["result"] == "ticket closed, keys destroyed"
    # What is said of one credential stands together, with its name once.
    said = "raptor_app: smoke; refused with 28P01, a random password as well; old sessions: ended 2, left 0"
    assert steps["2d"]["detail"] == said
    assert said in Text(report_html(complete())).words


def test_what_is_open_is_not_said_to_last_until_the_reader_s_now() -> None:
    words = Text(report_html(parked())).words
    assert "Window (UTC) 09:00:00Z, not ended notice on 2026-05-19" in words
    # Nothing vouches for these files, and the page does not name anchors that are not there.
    assert "No signing key was configured, and no anchor is written yet: nothing tells whether these files were changed." in words
    said = "The anchors below cover the sealed journal and what follows from it; nothing vouches for the rest."
    assert said in Text(report_html(complete())).words
    assert "raptor_app: the store did not take it (unreachable); parked in ssm /raxx/test/parked" in words


def test_when_the_ticket_was_made_is_said() -> None:
    words = Text(report_html(complete())).words
    assert "Ticket created 2026-05-19 09:12:00Z" in words
    assert "- Ticket created: 2026-05-19 09:12:00Z" in report_md(complete()).decode()


def test_the_anchors_name_the_head_that_they_carry() -> None:
    for text in (Text(report_html(complete())).words, report_md(complete()).decode()):
        assert re.search(r"Anchor: audit_archival_runs, notes:? carries the sealed head", text)
        assert re.search(r"Anchor: ticket 4711, closing note:? carries the sealed head", text)
    assert re.search(r"Anchor: ticket 4711, closing note not written yet", Text(report_html(parked())).words)


def test_a_debt_and_a_failure_are_at_the_top() -> None:
    debt = Text(report_html(parked())).words
    assert "parked in ssm /raxx/test/parked" in debt[: debt.index("Checklist")]
    words = Text(report_html(failed())).words
    assert "step 2 (raptor_app): Heroku refused it." in words[: words.index("Checklist")]
    assert "2a Rotate the credentials of Raptor" in words[words.index("What is missing") : words.index("Checklist")]


def test_a_probe_that_was_not_answered_as_required_says_so() -> None:
    record = complete()
    record["proofs"][0]["probes"][1]["answer"] = "53300"
    record["proofs"][0]["probes"][2]["answer"] = None
    words = Text(report_html(record)).words
    assert re.search(r"old URL must be refused with 28P01 53300 not as required", words)
    assert re.search(r"random password must be refused with 28P01 none \? no answer", words)


@pytest.mark.parametrize("kind", RECORDS)
def test_the_page_needs_no_font_with_signs(kind: str) -> None:
    page = Text(report_html(RECORDS[kind]()))
    assert max(page.words) <= "\u2014"
    assert page.tags.count("path") > 10


@pytest.mark.parametrize("kind", RECORDS)
def test_the_page_stands_alone(kind: str) -> None:
    """No script, nothing that a browser would load, one first heading, no level left out."""
    html = report_html(RECORDS[kind]())
    page = Text(html)
    assert page.loading == []
    assert not {"script", "img", "iframe", "link", "object", "embed", "audio", "video", "form"} & set(page.tags)
    assert b"@import" not in html
    assert b"url(" not in html
    assert page.headings.count("h1") == 1
    levels = [int(heading[1]) for heading in page.headings]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert {"header", "main", "footer"} <= set(page.tags)


@pytest.mark.parametrize("kind", RECORDS)
def test_the_same_record_gives_the_same_bytes(kind: str) -> None:
    """I12: another machine renders the same file."""
    assert report_html(RECORDS[kind]()) == report_html(RECORDS[kind]())
    assert report_md(RECORDS[kind]()) == report_md(RECORDS[kind]())


def test_many_pages_take_one_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def compile_template(self: Environment, *args: t.Any, **kwargs: t.Any) -> t.Any:
        compiled.append(args)
        return Environment.compile(self, *args, **kwargs)

    monkeypatch.setattr(_report, "Environment", type("Counted", (Environment,), {"compile": compile_template}))
    _report._compiled.cache_clear()
    pages = {report_html({**complete(), "email": f"{name}@raxx.example"}) for name in ("ada", "bo", "cy")}
    assert (len(pages), len(compiled)) == (3, 1)


def test_what_comes_from_elsewhere_stays_a_text() -> None:
    """A user agent is whatever a browser says of itself."""
    record = complete()
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)> | {{ 7 * 7 }}\n# heading"
    record["population"]["items"][2]["facts"]["user_agent"] = evil
    record["failures"] = [{**FAILURE, "message": evil}]
    record["ticket"]["url"] = "javascript:alert(1)"
    page = Text(report_html(record))
    assert "script" not in page.tags
    assert page.loading == []
    assert "{{ 7 * 7 }}" in page.words
    assert b"javascript:" not in report_html(record)
    text = report_md(record).decode()
    assert "<script" not in text
    assert "\n# heading" not in text


@pytest.mark.parametrize("kind", RECORDS)
def test_the_short_form_says_the_same(kind: str) -> None:
    record = RECORDS[kind]()
    text = report_md(record).decode()
    for step in record["steps"]:
        assert f"| {step['id']} | {step['title']} | {step['grade']} |" in text
    assert record["integrity"]["head"] in text
    assert ("Debt: The URL of raptor_app is parked" in text) == (kind == "parked")
    assert ("Went wrong: step 2 (raptor_app): Heroku refused it." in text) == (kind == "failed")


def test_the_plan_and_who_approved_it_are_on_the_page() -> None:
    record = {**build(case({**EVENT_FACTS, **PLANNED})), "result": "complete"}
    words = Text(report_html(record)).words
    assert "Operator olivia.osei@raxx.example, approved by priya.patel@raxx.example" in words[: words.index("Checklist")]
    assert f"Plan {'ab' * 32} , the run was held to it" in words
    assert "approved by priya.patel@raxx.example" in report_md(record).decode()
    without_any = Text(report_html(complete())).words
    assert "approved by" not in without_any
    assert "Operator olivia.osei@raxx.example, no approver named" in without_any[: without_any.index("Checklist")]
    assert "Plan not recorded" in without_any


def test_a_page_that_is_the_same_on_every_machine_does_not_say_that_it_is_signed() -> None:
    """I12: a machine without the key writes the same page beside an envelope without a signature."""
    record = build(case(keyid="ab" * 32))
    html = report_html(record)
    words = Text(html).words
    assert f"TO BE SIGNED The statement over all files is to be signed with the key {'ab' * 32}." in words
    assert "statement.dsse.json with a public key from elsewhere" in words
    assert "UNSIGNED" not in words
    assert "is signed with" not in words
    assert b'class="verdict plain"' in html[html.index(b'id="integrity"') :]
    assert f"- TO BE SIGNED: The statement over all files is to be signed with the key {'ab' * 32}." in report_md(record).decode()


def test_the_picture_is_to_scale() -> None:
    """The notice was at 9:00: one hour and four hours are a quarter and all of four hours; the lock-out ended at 9:11."""
    picture = limits_chart(complete())
    warn, limit = (float(line["x"].rstrip("%")) for line in picture["lines"])
    assert limit == pytest.approx(4 * warn, abs=0.05)
    lockout = picture["rows"][0]["bar"]
    assert float(lockout["x"].rstrip("%")) == pytest.approx(warn * 10 / 60, abs=0.05)
    rows = [row for row in picture["rows"] if row["hand"]]
    widths = [float(row["hand"]["width"].rstrip("%")) for row in rows]
    assert widths[1] == pytest.approx(warn / 2, abs=0.05), "step 2 takes 30 minutes by hand"
    assert sum(widths) == pytest.approx(warn * 75 / 60, abs=0.1), "S4"
    for before, after in itertools.pairwise(rows):
        assert float(after["hand"]["x"].rstrip("%")) == pytest.approx(
            float(before["hand"]["x"].rstrip("%")) + float(before["hand"]["width"].rstrip("%")), abs=0.05
        )


def test_an_overdue_departure_fits_into_the_picture() -> None:
    record = complete()
    record["phases"][-1]["ended"] = record["window"]["ended"] = "2026-05-19T17:00:00.000000Z"
    record["timeliness"].update(end_seconds=8 * 3600, overdue=True)
    bars = [row["bar"] for row in limits_chart(record)["rows"] if row["bar"]]
    assert all(float(each["x"].rstrip("%")) + float(each["width"].rstrip("%")) <= 100 for each in bars)
    words = Text(report_html(record)).words
    assert "OVERDUE" in words
    assert "later than 4 h" in words


def test_a_claim_that_is_overdue_has_no_good_mark() -> None:
    """S2: it was observed, and what was observed is bad."""

    def shown(of: Facts) -> tuple[str, str]:
        """The tone of the grade, and its words."""
        html = report_html({**of, "result": "complete"}).decode()
        (row,) = [row for row in html.split("<tr") if "against four hours (S2)" in row]
        return re.findall(r'class="grade (\w+)"', row)[0], Text(row.encode()).words

    late = {**CLOSING, "closed": {**CLOSING["closed"], "at": "2026-05-19T13:00:01.000000Z"}}
    tone, words = shown(build(case(closing=late)))
    assert (tone, "observed: overdue" in words) == ("bad", True)
    tone, words = shown(build(case()))
    assert (tone, "overdue" in words) == ("good", False)


@pytest.mark.parametrize("seconds", [20, 60, 3000, 5400, 100_000])
def test_no_two_labels_of_an_axis_are_on_each_other(seconds: int) -> None:
    """On a phone, where a label of a dozen letters takes a fifth of the width."""
    record = complete()
    opened = parse(record["window"]["opened"])
    record["phases"][-1]["ended"] = format_time(opened + timedelta(seconds=seconds))
    for picture in filter(None, (limits_chart(record), run_chart(record))):
        ends: list[float] = []
        for line in picture["lines"]:
            width = 1.8 * len(line["label"])
            left = float(line["x"].rstrip("%")) - {"start": 0, "middle": width / 2, "end": width}[line["anchor"]]
            if line["label"]:
                assert left >= (ends[-1] if ends else 0), (line, ends)
                ends.append(left + width)


def test_a_step_that_was_not_needed_is_not_called_open() -> None:
    """The third step is waived in this departure."""
    said = {row["label"][0]: row["said"] for row in limits_chart(complete())["rows"]}
    assert (said["2"], said["3"], said["7"]) == ("6 min 00 s", "not needed", "1 min 00 s")


def test_an_event_that_stayed_open_for_a_year_has_few_marks() -> None:
    record = complete()
    ended = parse(record["window"]["opened"]) + timedelta(days=365)
    record["phases"] = [{**phase, "ended": format_time(ended)} for phase in record["phases"]]
    picture = run_chart(record)
    assert picture
    assert 3 <= len(picture["lines"]) <= 7


def test_before_anything_has_happened_there_is_nothing_to_magnify() -> None:
    record = complete()
    record["phases"] = [{**phase, "begun": None, "ended": None} for phase in record["phases"]]
    assert run_chart(record) is None
    assert "not yet" in Text(report_html(record)).words


@pytest.mark.parametrize(("seconds", "words"), [(None, "not yet"), (0, "0 s"), (61, "1 min 01 s"), (3600, "1 h 00 min")])
def test_spans(seconds: int | None, words: str) -> None:
    assert span_words(seconds) == words


def test_the_page_of_a_plan_names_each_change_and_how_to_hold_a_run_to_it() -> None:
    change: dict[str, t.Any] = {"step": "1a", "action": "remove_membership", "email": EMAIL, "group": "<b>", "console": "app"}
    plan = Plan("test", (EMAIL,), (change,), {"settings": {}, "apps": {"raptor": {"heroku_app": "<b>api"}}})
    page = Text(plan_html(plan))
    assert f"1a remove {EMAIL} from the group <b> (app)" in page.words
    assert f"-e plan={plan.digest}" in page.words
    assert "apps.raptor.heroku_app <b>api" in page.words
    assert "b" not in page.tags
    assert "Nothing." in Text(plan_html(Plan("test", (EMAIL,), (), {}))).words
