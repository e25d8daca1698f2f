# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in real headless Chromium: accessible, whole at any width, nothing fetched, and fit to be printed.

C(REPORT_SCREENSHOTS=<directory>) keeps a picture and the PDF of each page, to be looked at.
"""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

import axe_playwright_python  # type: ignore[import-untyped]
import pytest
from ansible_collections.raxx.deprovision.plugins.module_utils._plan import Plan
from ansible_collections.raxx.deprovision.plugins.module_utils._report import plan_html, report_html
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import chromium
from tests.unit.bundle_world import EMAIL
from tests.unit.test_report import complete, failed, parked

(AXE,) = Path(axe_playwright_python.__file__).parent.glob("axe*.js")
PLAN = Plan(
    "test",
    (EMAIL,),
    (
        {"step": "1a", "action": "remove_membership", "email": EMAIL, "group": "support", "console": "console"},
        {"step": "2a", "action": "rotate", "credential": "raptor_app", "role": "raptor_app", "app": "raxx-api-test"},
    ),
    {
        "settings": {"infisical_url": "https://vault.example"},
        "credentials": {
            "raptor_app": {
                "consumers": [{"app": "raptor", "config_var": "RAPTOR_APP_DATABASE_URL"}],
                "forbidden_query": "DELETE FROM audit_archival_runs WHERE false",
                "store": {"kind": "infisical", "path": "/raxx/prod/raptor", "name": "RAPTOR_APP_DB_URL"},
            }
        },
    },
)
PAGES: dict[str, t.Callable[[], bytes]] = {
    "complete": lambda: report_html(complete()),
    "parked": lambda: report_html(parked()),
    "failed": lambda: report_html(failed()),
    "plan": lambda: plan_html(PLAN),
}
VIEWS = {"desktop": (1100, "light"), "phone": (360, "light"), "dark": (1100, "dark")}


@pytest.fixture(scope="module")
def browser() -> t.Iterator[Browser]:
    found = chromium.found()
    if found is None:
        pytest.skip("there is no Chromium here: `make browser` installs one and runs these tests")
    known: dict[str, str | float | bool] = {**os.environ, **found.environment}
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, and the page is ours.
        started = playwright.chromium.launch(executable_path=found.program, args=["--no-sandbox"], env=known)
        yield started
        started.close()


def opened(browser: Browser, file: Path, view: str) -> tuple[Page, list[str]]:
    """The page as C(view) shows it, and whatever it asked for besides itself."""
    width, scheme = VIEWS[view]
    # axe is put into the page from outside, past the page's own policy.
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=t.cast("t.Any", scheme), bypass_csp=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text))
    page.goto(file.as_uri())
    return page, [what for what in asked if what != file.as_uri()]


def kept(name: str) -> str | None:
    """Where a picture is to be kept, if somebody wants to look at it."""
    place = os.environ.get("REPORT_SCREENSHOTS")
    return str(Path(place, name)) if place else None


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", PAGES)
def test_the_page_is_accessible_and_whole(browser: Browser, tmp_path: Path, kind: str, view: str) -> None:
    file = tmp_path / f"{kind}.html"
    file.write_bytes(PAGES[kind]())
    page, asked = opened(browser, file, view)
    assert asked == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it must be scrolled sideways"
    if picture := kept(f"{kind}-{view}.png"):
        page.screenshot(path=picture, full_page=True)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    page.context.close()


@pytest.mark.parametrize("kind", PAGES)
def test_who_reads_for_half_a_minute_sees_verdict_person_window_and_ticket(browser: Browser, tmp_path: Path, kind: str) -> None:
    """All of it is on the first screen, on a phone as well."""
    file = tmp_path / f"{kind}.html"
    file.write_bytes(PAGES[kind]())
    for view in ("desktop", "phone"):
        page, _asked = opened(browser, file, view)
        for part in ("h1", ".verdict", ".facts"):
            box = page.locator(part).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 640, f"{part} is below the first screen ({view})"
        page.context.close()


@pytest.mark.parametrize("kind", PAGES)
def test_it_prints_on_a4(browser: Browser, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"{kind}.html"
    file.write_bytes(PAGES[kind]())
    page, _asked = opened(browser, file, "dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "paper is not dark"
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF-")
    boxes = {tuple(map(round, map(float, box.split()))) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", printed)}
    assert boxes == {(0, 0, 595, 842)}
    pages = len(re.findall(rb"/Type /Page\b(?!s)", printed))
    assert 1 <= pages <= 8
    if picture := kept(f"{kind}.pdf"):
        Path(picture).write_bytes(printed)
    page.context.close()
