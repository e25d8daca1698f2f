# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What every module shares: the argument spec as a value, and the one place where exceptions become a failed result.

A module of this collection is a C(SPEC) and a function C(run(params, check_mode)), which changes nothing in check mode (I11).
It is executed in one of two ways, and both end in L(execute): by C(main()) as an ordinary Ansible module, or inline by the
collection's action plugin.
"""

from __future__ import annotations

import importlib.util
import traceback
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._redaction import SHORTEST_SECRET, redact

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]
Run = t.Callable[[Params, bool], Result]

NOT_SHOWN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # as Ansible itself says
# A result that holds a secret says so under HIDDEN, and Ansible shows nothing of it. Ansible takes that from an action plugin
# only, so an ordinary module says it under HIDDEN_BY_ACTION, and the collection's action plugin passes it on.
HIDDEN = "_ansible_no_log"
HIDDEN_BY_ACTION = "raxx_deprovision_no_log"


@dataclass(frozen=True)
class Spec:
    """An argument spec with its constraints and the libraries that it needs. Two specs add up to one."""

    options: dict[str, dict[str, t.Any]]
    libraries: tuple[str, ...] = ()
    mutually_exclusive: list[list[str]] = field(default_factory=list)
    required_together: list[list[str]] = field(default_factory=list)
    required_one_of: list[list[str]] = field(default_factory=list)
    required_if: list[tuple[t.Any, ...]] = field(default_factory=list)
    required_by: dict[str, list[str]] = field(default_factory=dict)

    def __add__(self, other: Spec) -> Spec:
        return Spec(
            options={**self.options, **other.options},
            libraries=tuple(dict.fromkeys(self.libraries + other.libraries)),
            mutually_exclusive=self.mutually_exclusive + other.mutually_exclusive,
            required_together=self.required_together + other.required_together,
            required_one_of=self.required_one_of + other.required_one_of,
            required_if=self.required_if + other.required_if,
            required_by={**self.required_by, **other.required_by},
        )

    def arguments(self) -> dict[str, t.Any]:
        """The keyword arguments that C(AnsibleModule) and C(ActionBase.validate_argument_spec) take."""
        return {
            "argument_spec": self.options,
            "mutually_exclusive": self.mutually_exclusive,
            "required_together": self.required_together,
            "required_one_of": self.required_one_of,
            "required_if": self.required_if,
            "required_by": self.required_by,
        }


def execute(spec: Spec, run: Run, params: Params, check_mode: bool, secrets: t.Iterable[str]) -> Result:
    """Runs a module and returns its result. Never raises: a failure is a result with C(failed), C(msg) and C(failure).

    C(secrets) are the values of C(no_log) options; the text of a failure is cleansed of them in every encoding.
    An unexpected exception is reported by its type and place only, for its text may hold anything.
    """
    try:
        _require(spec.libraries)
        return run(params, check_mode)
    except DeprovisionError as error:
        failure = error
    except Exception as error:  # noqa: BLE001  # the text of an unknown exception must not reach the output
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename.rsplit('/', maxsplit=1)[-1]}:{frame.lineno}"
        failure = DeprovisionError("internal_error", f"Unexpected {type(error).__name__} at {place}.")
    return t.cast(
        Result, redact({"failed": True, "changed": False, "msg": failure.as_text(), "failure": failure.as_failure()}, secrets)
    )


def _require(libraries: t.Iterable[str]) -> None:
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    if missing:
        raise DeprovisionError("library_missing", " ".join(missing_required_lib(name) for name in missing))


def searchable(no_log_values: t.Iterable[str]) -> set[str]:
    """Those values of C(no_log) options that Ansible is to mask wherever they stand in a result.

    It masks parts of words too, so a flag that is set to C(0) would leave no number and no time stamp readable.
    """
    return {value for value in no_log_values if len(value) >= SHORTEST_SECRET}


def shown(spec: Spec, params: Params) -> Result:
    """The parameters as high verbosity shows them, with no C(no_log) option among them however short its value is."""
    return {
        name: NOT_SHOWN if value is not None and spec.options.get(name, {}).get("no_log") else value
        for name, value in params.items()
    }


def run_module(spec: Spec, run: Run) -> None:
    """The body of every module's C(main())."""
    module = AnsibleModule(supports_check_mode=True, **spec.arguments())
    module.no_log_values = searchable(module.no_log_values)
    result = execute(spec, run, module.params, module.check_mode, module.no_log_values)
    result["invocation"] = {"module_args": shown(spec, module.params)}
    if result.pop(HIDDEN, False):
        result[HIDDEN_BY_ACTION] = True
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
