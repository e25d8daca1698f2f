# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Changing config vars of a Heroku app: one write for all that differ, never blindly repeated, and read back."""

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._waiting import Wait

MOST_WRITES = 3  # one, one without what belongs to an add-on, one after a lost answer
READS_TO_CONFIRM = 5

Values = t.Mapping[str, str]


def check_values(values: t.Mapping[str, t.Any]) -> Values:
    """C(values) as strings. Raises C(invalid_input) for what is not one, and for the empty string."""
    for name, value in values.items():
        if not isinstance(value, str) or not value:
            raise DeprovisionError("invalid_input", f"The value for {name} is empty or not a string; write it in quotes.")
    return values


def differing(config: Values, wanted: Values, names: t.Iterable[str] | None = None) -> list[str]:
    """The names (of C(names), else all) whose value is not the wanted one, in alphabetical order."""
    return sorted(name for name in (wanted if names is None else names) if config.get(name) != wanted[name])


class ConfigChange:
    """Brings the config vars of one app to the wanted values."""

    def __init__(self, client: HerokuClient, app: str, wanted: Values, wait: Wait) -> None:
        self._client = client
        self._app = app
        self._wanted = wanted
        self._wait = wait

    def apply(self, names: list[str]) -> tuple[list[str], list[str]]:
        """Changes C(names). Returns those that were written, and those of an add-on that became right by themselves."""
        written, attached = self._write(names)
        self._wait.hurry()
        self._confirm(written)
        self._await(attached, written)
        return written, attached

    def _write(self, names: list[str]) -> tuple[list[str], list[str]]:
        attached: list[str] = []
        failure: DeprovisionError | None = None
        for _attempt in range(MOST_WRITES):
            if not names:
                return names, attached
            try:
                self._client.set_config_vars(self._app, {name: self._wanted[name] for name in names})
            except UnreachableError as error:
                if not error.outcome_unknown:
                    raise
                failure = error
                if not self._differing(names):
                    return names, attached
            except ApiError as error:
                # Nothing was written. A second refusal is not about what is known to belong to an add-on.
                if error.code != "config_var_attached" or attached:
                    raise
                failure = error
                owned = {name for attachment in self._client.attachments(self._app) for name in attachment.config_vars}
                attached = [name for name in names if name in owned] or names
                names = [name for name in names if name not in attached]
            else:
                return names, attached
        raise failure or AssertionError

    def _confirm(self, names: list[str]) -> None:
        for _read in range(READS_TO_CONFIRM):
            wrong = self._differing(names)
            if not wrong:
                return
            self._wait.pause()
        raise DeprovisionError(
            "write_not_confirmed",
            f"Heroku accepted config vars of app {self._app}, but does not return what was written to {', '.join(wrong)}.",
            system=SYSTEM,
        )

    def _await(self, names: list[str], written: list[str]) -> None:
        while wrong := self._differing(names):
            if self._wait.expired:
                raise DeprovisionError(
                    "config_var_attached",
                    f"After {self._wait.elapsed:.0f} s the rotation has not brought {', '.join(wrong)} of app {self._app} to the "
                    "wanted value; what belongs to an add-on cannot be written.",
                    system=SYSTEM,
                    details={"names": wrong, "written": written},
                )
            self._wait.pause()

    def _differing(self, names: list[str]) -> list[str]:
        return names and differing(self._client.config_vars(self._app), self._wanted, names)
