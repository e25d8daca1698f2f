# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts and which tests cite the ids of docs/runbook.md."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import typing as t
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "runbook.md"
# What nothing can be built or tested for, and why.
REASONS = {"S4": "an estimate of the manual work; nothing depends on it"}
_ID = r"(?:[SPYCEI]\d{1,2}|[1-7][abcd]?)"
_ROW = re.compile(rf"^\| ({_ID}) \|", re.MULTILINE)
_LETTERED = re.compile(r"(?<![\w.:/-])([SPYCEI]\d{1,2}|[1-7][abcd])(?:( to )([SPYCEI]?\d{1,2}))?(?![\w/-])")
# A bare number is an id only where it says so: after the word step, or in a list of ids that begins a docstring.
_STEPS = re.compile(r"\bsteps? ((?:[1-7][abcd]?(?:, | and | to )?)+)", re.IGNORECASE)
_LEADING = re.compile(rf"\A\W*((?:{_ID}(?:, | and |: |\.))+)")
_NUMBER = re.compile(r"\b([1-7])\b(?: to ([1-7])\b)?")
_TASK = re.compile(r"^ *- name: \"?(.+?)\"?(?: +#.*)?$", re.MULTILINE)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def ids() -> tuple[str, ...]:
    """The ids that the page has a row for, in its order."""
    return tuple(_ROW.findall(PAGE.read_text(encoding="utf-8").partition("<!-- runbook_map")[0]))


def cited(text: str) -> set[str]:
    """The ids that a text cites."""
    found: set[str] = set()
    for first, _to, last in _LETTERED.findall(text):
        kind = first[0] if first[0].isalpha() else ""
        if last and kind:
            begin, end = int(first[1:]), int(last.lstrip(kind) or 0)
            found |= {f"{kind}{number}" for number in range(begin, end + 1)}
        else:
            found.add(first)
    for words in [*_STEPS.findall(text), *_LEADING.findall(text)]:
        for first, last in _NUMBER.findall(words):
            found |= {str(number) for number in range(int(first), int(last or first) + 1)}
    return found


def parts() -> dict[str, str]:
    """What the project is made of, by the names that readers know: the text in which ids are looked for."""
    texts: dict[str, str] = {}
    for file in sorted([*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").glob("*/*/*.yml")]):
        name = f"role `{file.parts[len(ROOT.parts) + 1]}`" if "roles" in file.parts else f"`playbooks/{file.name}`"
        texts[name] = texts.get(name, "") + file.read_text(encoding="utf-8")
    for kind, folder in (("module", "modules"), ("code", "module_utils"), ("callback", "callback")):
        for file in sorted((ROOT / "plugins" / folder).glob("*.py")):
            texts[f"{kind} `{file.stem}`"] = _said(file)
    texts["inventories"] = "".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "inventories").glob("**/*.yml")))
    return texts


def tasks() -> dict[str, dict[str, list[str]]]:
    """The names of the tasks that cite an id, by the id, for each role."""
    found: dict[str, dict[str, list[str]]] = {}
    for file in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        named = found.setdefault(f"role `{file.parts[-3]}`", {})
        for task in _TASK.findall(file.read_text(encoding="utf-8")):
            for name in cited(task):
                named.setdefault(name, []).append(f'"{task}"')
    return found


def tests() -> dict[str, str]:
    """The files of tests, with what their docstrings and comments say."""
    return {
        f"`{file.relative_to(ROOT / 'tests')}`": said_by_test(file)
        for file in sorted((ROOT / "tests").glob("**/test_*.py"))
        # A test of this map would be a test of everything.
        if file.stem != "test_runbook_map"
    }


def said_by_test(file: Path) -> str:
    """Docstrings and comments; each begins a line of its own. Other texts of a test are data, and prove nothing."""
    source = file.read_text(encoding="utf-8")
    documented = [node for node in ast.walk(ast.parse(source)) if isinstance(node, _DOCUMENTED)]
    return "\n\0".join([*filter(None, map(ast.get_docstring, documented)), *_comments(source)])


def _said(file: Path) -> str:
    """Docstrings, comments and other texts of a Python file, for instance the documentation of a module."""
    source = file.read_text(encoding="utf-8")
    values = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return "\n\0".join([*(value for value in values if isinstance(value, str)), *_comments(source)])


def _comments(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def found_in(texts: t.Mapping[str, str]) -> dict[str, list[str]]:
    """Where each id is cited."""
    where: dict[str, list[str]] = {name: [] for name in ids()}
    for place, text in texts.items():
        for name in {name for said in text.split("\0") for name in cited(said)} & set(where):
            where[name].append(place)
    return where


def uncovered() -> list[str]:
    """Ids that no part or no test cites, without a reason."""
    in_parts, in_tests = found_in(parts()), found_in(tests())
    return [
        f"{name} is cited by no {what}"
        for name in ids()
        for what, where in (("part", in_parts), ("test", in_tests))
        if not where[name] and name not in REASONS
    ]


def table() -> t.Iterator[str]:
    in_parts, in_tests, in_tasks = found_in(parts()), found_in(tests()), tasks()
    yield "| id | cited by | tested by |"
    yield "| --- | --- | --- |"
    for name in ids():
        reason = f"not tested: {REASONS[name]}" if name in REASONS and not in_tests[name] else ""
        named = [(part, in_tasks.get(part, {}).get(name)) for part in in_parts[name]]
        places = [f"{part} ({', '.join(found)})" if found else part for part, found in named]
        yield f"| {name} | {', '.join(places)} | {', '.join(in_tests[name]) or reason} |"
