# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""What both secret stores can hold unaltered, decided once so that a fallback from one to the other is always possible."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError

# The SSM standard tier's limit, in bytes of UTF-8.
LONGEST_VALUE = 4096


def check_storable(value: str) -> None:
    """Raises C(value_not_storable) unless Infisical and SSM both keep C(value) byte for byte.

    Infisical trims outer white space and reads C(${...}) as a reference; SSM refuses C({{...}}), the empty string and
    more than 4096 bytes.
    """
    if not value:
        problem = "it is empty"
    elif value != value.strip():
        problem = "it has white space at an end"
    elif "${" in value:
        problem = "it holds '${', which Infisical reads as a reference"
    elif "{{" in value:
        problem = "it holds '{{', which SSM refuses"
    elif len(value.encode()) > LONGEST_VALUE:
        problem = f"it is longer than {LONGEST_VALUE} bytes"
    else:
        return
    raise DeprovisionError("value_not_storable", f"The value cannot be stored unaltered: {problem}. Nothing was written.")


def encode(value: t.Any) -> str:
    """C(value) as JSON that SSM accepts: it refuses C({{), which JSON has only inside strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).replace("{{", "{\\u007b")
