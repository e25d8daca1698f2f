# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What every module shares: the argument spec as a value, and the one place where exceptions become a failed result.

A module of this collection is a C(SPEC) and a function C(run(params, check_mode)). It is executed in one of two ways, and
both end in L(execute): by C(main()) as an ordinary Ansible module, or inline by the collection's action plugin.
"""

from __future__ import annotations

import importlib.util
import traceback
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._redaction import redact

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]
Run = t.Callable[[Params, bool], Result]


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


def run_module(spec: Spec, run: Run) -> None:
    """The body of every module's C(main())."""
    module = AnsibleModule(supports_check_mode=True, **spec.arguments())
    result = execute(spec, run, module.params, module.check_mode, module.no_log_values)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
