# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX 24.6.1 refuses to store, as pure functions: each returns what is wrong, and nothing if all is well.

Restated from AWX's awx/api/views (surveys), awx/main/fields.py (credential types), awx/api/serializers.py (schedules) and
awx/main/utils/ansible.py (the list of playbooks).
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import jinja2
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from jinja2.sandbox import ImmutableSandboxedEnvironment

Record = t.Mapping[str, t.Any]

SURVEY_TYPES = {
    "text": str, "textarea": str, "password": str, "multiplechoice": str, "multiselect": str, "integer": int, "float": float,
}  # fmt: skip
NOT_FROM_CREDENTIALS = {
    "VIRTUAL_ENV", "PATH", "PYTHONPATH", "JOB_ID", "INVENTORY_ID", "INVENTORY_SOURCE_ID", "INVENTORY_UPDATE_ID",
    "AD_HOC_COMMAND_ID", "REST_API_URL", "REST_API_TOKEN", "MAX_EVENT_RES", "CALLBACK_QUEUE", "CALLBACK_CONNECTION", "CACHE",
    "JOB_CALLBACK_DEBUG", "INVENTORY_HOSTVARS", "AWX_HOST", "PROJECT_REVISION", "SUPERVISOR_CONFIG_PATH",
}  # fmt: skip
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
PLAYBOOK = re.compile(r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):\s*?.*?$")


def _is(value: t.Any, kind: type) -> bool:
    """Whether a value is of a type, where V(True) is no integer."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def survey_problems(spec: Record) -> list[str]:
    problems = [f"{key} is missing" for key in ("name", "description", "spec") if key not in spec]
    if problems or not spec["spec"]:
        return problems or ["spec is empty"]
    for question in spec["spec"]:
        problems += _question_problems(question)
    variables = [question["variable"] for question in spec["spec"]]
    return problems + [f"{name} is asked twice" for name in set(variables) if variables.count(name) > 1]


def _question_problems(question: Record) -> list[str]:
    name, kind, default = question.get("variable"), question.get("type"), question.get("default", "")
    problems = [f"{name}: {key} is no text" for key in ("question_name", "variable") if not isinstance(question.get(key), str)]
    if not isinstance(question.get("required"), bool):
        problems.append(f"{name}: required is no boolean")
    if kind not in SURVEY_TYPES:
        return [*problems, f"{name}: there is no type {kind}"]
    if default != "" and not isinstance(default, SURVEY_TYPES[kind]):
        problems.append(f"{name}: the default is no {kind}")
    problems += [
        f"{name}: {key} is no integer" for key in ("min", "max") if question.get(key) is not None and not _is(question[key], int)
    ]
    if kind in ("multiplechoice", "multiselect"):
        choices = question.get("choices")
        if not choices:
            problems.append(f"{name}: no choices")
        elif any(item not in choices for item in str(default).splitlines()):
            problems.append(f"{name}: the default is no choice")
    return problems


def survey_answers(spec: Record, given: Record) -> dict[str, t.Any]:
    """The extra vars of a job: the answers, and for each question without one its default if that is valid."""
    answers = {}
    for question in spec["spec"]:
        default = question.get("default")
        valid = _is(default, SURVEY_TYPES[question["type"]]) and default in question.get("choices", [default])
        if valid and len(str(default)) >= (question.get("min") or 0):
            answers[question["variable"]] = default
    return {**answers, **given}


def credential_type_problems(inputs: Record, injectors: Record) -> list[str]:
    fields = [field["id"] for field in inputs["fields"]]
    problems = [f"{name} is no name of a field" for name in fields if not NAME.fullmatch(name) or name == "tower"]
    problems += [f"{name} is there twice" for name in set(fields) if fields.count(name) > 1]
    # AWX takes this one; nobody could ever fill such a credential in.
    problems += [f"{name} is required, but no field" for name in inputs.get("required", []) if name not in fields]
    for field in inputs["fields"]:
        unknown = set(field) - {"id", "label", "type", "secret", "multiline", "format", "choices", "help_text", "default"}
        problems += [f"{field['id']}: unknown key {key}" for key in unknown]
        if "label" not in field:
            problems.append(f"{field['id']}: no label")
    problems += [f"unknown injector {kind}" for kind in set(injectors) - {"env", "extra_vars", "file"}]
    files = injectors.get("file", {})
    if "template" in files and len(files) > 1:
        problems.append("one file without a name and others with one")
    for name, value in injectors.get("env", {}).items():
        if not NAME.fullmatch(name) or name.startswith("ANSIBLE_") or name in NOT_FROM_CREDENTIALS:
            problems.append(f"{name} may not be injected")
        if not value.isascii():
            problems.append(f"{name} is not ASCII")
    for templates in injectors.values():
        problems += [problem for value in templates.values() for problem in _template_problems(value, fields, files)]
    return problems


def _template_problems(template: str, fields: t.Iterable[str], files: Record) -> list[str]:
    named = {name.partition(".")[2]: "/path" for name in files if "." in name}
    tower = {"filename": "/path" if "template" in files else named} if files else {}
    values = {**dict.fromkeys(fields, "EXAMPLE"), "tower": tower}
    try:
        ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string(template).render(values)
    except jinja2.TemplateError as error:
        return [f"{template}: {error}"]
    return []


def schedule_problems(rrule: str) -> list[str]:
    problems = []
    starts = re.findall(r"DTSTART(?:;[^:]+)?:[0-9]+T[0-9]+Z?", rrule)
    rules = re.findall(r"RULE:[^\s]*", rrule)
    if len(starts) != 1 or re.search(r"DTSTART:[0-9]+T[0-9]+ ", rrule):
        problems.append("exactly one DTSTART with a time zone is needed")
    if not rules or re.search("EXDATE:|RDATE:", rrule, re.IGNORECASE):
        problems.append("rules are needed, and EXDATE and RDATE refused")
    for rule in rules:
        if "INTERVAL" not in rule or "SECONDLY" in rule or ("COUNT" in rule and "UNTIL" in rule):
            problems.append(f"{rule}: INTERVAL is needed, SECONDLY and COUNT with UNTIL are refused")
        if re.search(r"BYDAY[:=][0-9]+[a-zA-Z]{2}", rule):
            problems.append(f"{rule}: numbered BYDAY")
    if not problems:
        try:
            rrulestr(rrule)
        except ValueError as error:
            problems.append(str(error))
    return problems


def playbooks(root: Path, names: t.Iterable[str]) -> set[str]:
    """The files among C(names) that AWX offers, and takes, as playbooks."""
    found = set()
    for name in names:
        parts = Path(name).parts
        hidden = any(part in ("roles", "tasks", "group_vars", "host_vars") or part.startswith(".") for part in parts[:-1])
        if name.endswith((".yml", ".yaml")) and not hidden and not (root / name).is_symlink():
            lines = (root / name).read_text(encoding="utf-8", errors="ignore").splitlines()
            if any(PLAYBOOK.match(line) for line in lines):
                found.add(name)
    return found


def graph_problems(nodes: t.Sequence[Record]) -> list[str]:
    """Links that lead nowhere, names that are there twice, and circles."""
    names = [node["identifier"] for node in nodes]
    problems = [f"{name} is there twice" for name in set(names) if names.count(name) > 1]
    links = {node["identifier"]: list(node.get("success_nodes", [])) for node in nodes}
    problems += [f"{name} leads to {target}" for name, targets in links.items() for target in targets if target not in links]
    while leaves := [name for name, targets in links.items() if not set(targets) & set(links)]:
        for name in leaves:
            del links[name]
    return problems + [f"{name} is in a circle" for name in links]
