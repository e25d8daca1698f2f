# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the reference, and the tables of the pages in docs/ from modules, failure codes, argument specs and cited ids.

With C(--check) it only says whether they are right.
"""

from __future__ import annotations

import sys
import typing as t
from functools import partial
from importlib import import_module
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PAGES = ("modules.md", "operations.md", "inventory.md", "runbook.md")
REFERENCE = "docs/reference"
COLLECTION = "ansible_collections.raxx.deprovision.plugins"
sys.path[:0] = [str(ROOT / "collections"), str(ROOT)]

Options = t.Mapping[str, t.Mapping[str, t.Any]]


def modules() -> t.Iterator[str]:
    yield "| module | what it does | needs |"
    yield "| --- | --- | --- |"
    for file in sorted((ROOT / "plugins" / "modules").glob("[!_]*.py")):
        module = import_module(f"{COLLECTION}.modules.{file.stem}")
        summary = yaml.safe_load(module.DOCUMENTATION)["short_description"]
        yield f"| [`{file.stem}`](reference/{file.stem}_module.rst) | {summary} | {', '.join(module.SPEC.libraries)} |"


def roles() -> t.Iterator[str]:
    """Every entry point of every role; what is passed to it is in the reference."""
    yield "| role | entry point | what it does | required |"
    yield "| --- | --- | --- | --- |"
    for file in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        specs = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]
        role = f"[`{file.parts[-3]}`](reference/{file.parts[-3]}_role.rst)"
        for name, spec in specs.items():
            required = ", ".join(f"`{key}`" for key, option in spec.get("options", {}).items() if option.get("required"))
            yield f"| {role} | `{name}` | {spec['short_description']} | {required} |"


def codes() -> t.Iterator[str]:
    yield "| code | what happened | what to do | again? |"
    yield "| --- | --- | --- | --- |"
    for name, code in import_module(f"{COLLECTION}.module_utils._codes").CODES.items():
        yield f"| `{name}` | {code.meaning} | {code.next_step} | {'yes' if code.retryable else ''} |"


def variables(role: str, entry_point: str, prefixes: tuple[str, ...] = ("",)) -> t.Iterator[str]:
    """The options of a role's entry point whose names begin with one of C(prefixes)."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options: Options = specs["argument_specs"][entry_point]["options"]
    yield "| variable | type | required | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, option in options.items():
        if name.startswith(prefixes):
            yield from _rows(name, option)


def _rows(name: str, option: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    kind = f"list of {option['elements']}" if "elements" in option else option["type"]
    choices = f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}." if "choices" in option else ""
    yield f"| `{name}` | {kind} | {'yes' if option.get('required') else ''} | {option['description']}{choices} |"
    for inner, description in option.get("options", {}).items():
        yield from _rows(f"{name}.{inner}", description)


SETTINGS = ("deprovision_", "heroku_", "database_", "infisical_", "aws_", "freescout_")
TABLES: dict[str, t.Callable[[], t.Iterable[str]]] = {
    "modules": modules,
    "roles": roles,
    "codes": codes,
    "consoles": partial(variables, "prerequisites", "consoles"),
    "credentials": partial(variables, "prerequisites", "credentials"),
    "engine_heroku": partial(variables, "engine_heroku", "read"),
    "apps": partial(variables, "prerequisites", "apps"),
    "records": partial(variables, "prerequisites", "records"),
    "runbook_map": lambda: import_module("docs.runbook_map").table(),
    "settings": partial(variables, "prerequisites", "main", SETTINGS),
}


def rendered(text: str) -> str:
    """C(text) with every table that it has a place for."""
    for name, lines in TABLES.items():
        head, begin, rest = text.partition(f"<!-- {name}: made by docs/render_modules.py -->\n")
        if begin:
            _old, end, tail = rest.partition(f"<!-- end of {name} -->\n")
            text = head + begin + "\n" + "\n".join(lines()) + "\n\n" + end + tail
    return text


def role_page(role: str) -> str:
    """The README of a role: its entry points in a sentence each, and where the rest is."""
    lines = [f"# raxx.deprovision.{role}", ""]
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    for name, spec in specs["argument_specs"].items():
        lines += [f"- `{name}`: {spec['short_description']}."]
    page = f"[reference](../../{REFERENCE}/{role}_role.rst)"
    end = f"What it does and does not do, and its options: {page}, or `ansible-doc -t role raxx.deprovision.{role}`."
    return "\n".join([*lines, "", end, ""])


def differing(wanted: t.Mapping[str, str], root: Path) -> list[str]:
    """The pages that are not as wanted, or that the reference has no more."""
    there = {f"{REFERENCE}/{file.name}" for file in (root / REFERENCE).glob("*")}
    there |= {page for page in wanted if (root / page).exists()}
    right = {page for page in there & wanted.keys() if (root / page).read_text(encoding="utf-8") == wanted[page]}
    return sorted((there | wanted.keys()) - right)


def write(wanted: t.Mapping[str, str], root: Path) -> None:
    for page in differing(wanted, root):
        if page in wanted:
            (root / page).parent.mkdir(parents=True, exist_ok=True)
            (root / page).write_text(wanted[page], encoding="utf-8")
        else:
            (root / page).unlink()


def main() -> None:
    pages = {f"docs/{page}": rendered((ROOT / "docs" / page).read_text(encoding="utf-8")) for page in PAGES}
    pages |= {f"roles/{role.name}/README.md": role_page(role.name) for role in sorted((ROOT / "roles").iterdir())}
    reference = import_module("docs.render_reference").pages()
    pages |= {f"{REFERENCE}/{name}": text for name, text in reference.items()}
    if "--check" not in sys.argv[1:]:
        write(pages, ROOT)
    elif found := differing(pages, ROOT):
        sys.exit(f"not up to date: {', '.join(found)}; run make docs")


if __name__ == "__main__":
    main()
