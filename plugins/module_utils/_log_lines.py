# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What lines of an app's log say about database logins, and the verdict on a window of them. Pure functions only."""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._times import parse

CLEAN = "clean"
AUTHENTICATION_FAILURE = "authentication_failure"
PERMISSION_ERROR = "permission_error"
INCONCLUSIVE = "inconclusive"

_LINE = re.compile(r"(?P<at>\S+) (?P<source>[^\s\[\]]+)\[(?P<process>[^\s\[\]]+)\]: ?(?P<text>.*)", re.DOTALL)
_REQUEST = re.compile(r"\bstatus=[1-4]\d\d\b")
# The name stands in quotes, which are escaped where the line is itself a JSON text. Class 28 is "invalid authorization".
_NAMED_FAILURE = re.compile(
    r"""(?:(?:password|SASL)\ authentication\ failed\ for\ user
        | no\ pg_hba\.conf\ entry\ for\ .*?\buser)\ \\*["'](?P<user>[^"'\\]+)
      | \brole\ \\*["'](?P<role>[^"'\\]+)\\*["']\ (?:is\ not\ permitted\ to\ log\ in | does\ not\ exist)""",
    re.VERBOSE,
)
_CODE = r"(?i:sql_error_code|sqlstate|pgcode|code)\W{{0,5}}{}\b"
_BARE_FAILURE = re.compile(rf"\b28P01\b|{_CODE.format('28000')}|FATAL: +(?:password|SASL) authentication failed")
_PERMISSION = re.compile(rf"\bpermission denied for\b|{_CODE.format('42501')}|\b(?:ERROR|error):? +42501\b|\b42501:? +ERROR\b")
# PostgreSQL explains an error in further lines, which repeat its code.
_EXPLANATION = re.compile(r"\b(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION): ")


@dataclass(frozen=True)
class LogLine:
    """A line without its text. C(kind) is a verdict word, C(request) or empty; C(role) is the role that it names, or empty."""

    at: datetime
    source: str
    kind: str = ""
    role: str = ""

    @property
    def from_database(self) -> bool:
        """Whether Heroku Postgres wrote it (C(app[postgres.123]) or C(app[heroku-postgres])), not a dyno."""
        return _of_database(self.source.partition("[")[2].rstrip("]"))


@dataclass(frozen=True)
class LogWindow:
    """What was seen from C(since) on. Lines of C(own_*) are from the database and expected: our own probes."""

    first: datetime | None = None
    last: datetime | None = None
    lines: int = 0
    requests: int = 0
    authentication_failures: tuple[LogLine, ...] = ()
    permission_errors: tuple[LogLine, ...] = ()
    own_refusals: int = 0
    own_denials: int = 0
    gaps: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """What was seen counts, even if the view was not complete; only then does what was not seen."""
        if self.authentication_failures:
            return AUTHENTICATION_FAILURE
        if self.permission_errors:
            return PERMISSION_ERROR
        return INCONCLUSIVE if self.gaps or not self.lines else CLEAN

    @property
    def quiet(self) -> bool:
        """Whether nothing is wrong with what was seen but that nobody used the app."""
        return not (self.authentication_failures or self.permission_errors or self.gaps or self.requests)


def read_line(raw: str, roles: t.Collection[str]) -> LogLine | None:
    """A line as Logplex gives it, or V(None) if it is not one. Failures of other database roles are of no interest."""
    match = _LINE.fullmatch(raw)
    if not match:
        return None
    try:
        at = parse(match["at"])
    except DeprovisionError:
        return None
    kind, role = _classify(match["source"], match["process"], match["text"], roles)
    return LogLine(at, f"{match['source']}[{match['process']}]", kind, role)


def authentication_failure(text: str) -> str | None:
    """The role whose login PostgreSQL refused according to C(text), or "" if none is named; V(None) for no refusal."""
    named = _NAMED_FAILURE.search(text)
    if named:
        return named["user"] or named["role"]
    return "" if _BARE_FAILURE.search(text) else None


def judge(
    lines: t.Iterable[LogLine],
    since: datetime,
    until: datetime,
    *,
    expected_refusals: t.Mapping[str, int],
    expected_denials: int = 0,
    gaps: t.Sequence[str] = (),
) -> LogWindow:
    """Counts the lines stamped within the window.

    Up to C(expected_refusals[role]) refused logins and C(expected_denials) missing rights are our own probes, but only if the
    database reports them: from a dyno they are always failures.
    """
    seen = sorted((line for line in lines if since <= line.at <= until), key=lambda line: line.at)
    failures, permissions, own = [], [], Counter[str]()
    denials = 0
    for line in seen:
        if line.kind == AUTHENTICATION_FAILURE:
            if line.from_database and own[line.role] < expected_refusals.get(line.role, 0):
                own[line.role] += 1
            else:
                failures.append(line)
        elif line.kind == PERMISSION_ERROR:
            if line.from_database and denials < expected_denials:
                denials += 1
            else:
                permissions.append(line)
    return LogWindow(
        first=seen[0].at if seen else None,
        last=seen[-1].at if seen else None,
        lines=len(seen),
        requests=sum(line.kind == "request" for line in seen),
        authentication_failures=tuple(failures),
        permission_errors=tuple(permissions),
        own_refusals=sum(own.values()),
        own_denials=denials,
        gaps=tuple(gaps),
    )


def _of_database(process: str) -> bool:
    return process.partition(".")[0] in ("postgres", "heroku-postgres")


def _classify(source: str, process: str, text: str, roles: t.Collection[str]) -> tuple[str, str]:
    if (source, process) == ("heroku", "router"):
        return ("request", "") if _REQUEST.search(text) else ("", "")
    if _of_database(process) and _EXPLANATION.search(text):
        return "", ""
    role = authentication_failure(text)
    if role is not None:
        return (AUTHENTICATION_FAILURE, role) if not role or role in roles else ("", "")
    return (PERMISSION_ERROR, "") if _PERMISSION.search(text) else ("", "")
