#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssm_secret
short_description: Set or remove a SecureString in AWS SSM Parameter Store
version_added: 0.1.0
description:
  - Makes sure that a parameter of type SecureString holds a value, or that it does not exist.
  - The store makes a new version for every write, even of an equal value. So the module reads first, writes only if the value
    differs, and reads back what it wrote.
  - Needs the rights C(ssm:GetParameter) and C(ssm:PutParameter) (or C(ssm:DeleteParameter) for O(state=absent)) on the
    parameter, and those on its KMS key; nothing else. A denied read is an error, never taken for "does not exist".
  - Values that AWS or Infisical would alter or refuse are refused before anything is sent, so that a value can always be moved
    from one store to the other.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.aws
attributes:
  action_group:
    membership: [raxx.deprovision.aws]
options:
  name:
    description: Name of the parameter with its path.
    type: str
    required: true
  state:
    description: Whether the parameter is to hold O(value) or not to exist.
    type: str
    choices: [present, absent]
    default: present
  value:
    description: The value that the parameter is to hold. Required if O(state=present).
    type: str
  prefix:
    description:
      - What O(value) must begin with, for example C(postgres://audit_archiver:). Checked before anything is sent; what is read
        back after a write must be the value itself, so it begins with this too.
      - Protects against storing the URL of another role, or of the temporary user of a rotation that has not ended.
    type: str
  description:
    description:
      - Description of the parameter, sent with a write. A description alone is not a reason to write, since reading it takes
        another right.
    type: str
  key_id:
    description:
      - KMS key that a write encrypts with. Without it the account's default key is used. Like O(description), not compared.
    type: str
seealso:
  - module: raxx.deprovision.infisical_secret
"""

EXAMPLES = r"""
- name: Put the new connection URL of the archiver into the store
  raxx.deprovision.ssm_secret:
    aws_region: us-east-1
    name: /raxx/prod/raptor/AUDIT_ARCHIVER_DB_URL
    value: "{{ new_credential.url }}"
    prefix: "postgres://audit_archiver:"
    description: DEPROV-2026-05-19-jsmith

- name: See whether the store is up to date, without changing anything
  raxx.deprovision.ssm_secret:
    aws_region: us-east-1
    name: /raxx/prod/raptor/AUDIT_ARCHIVER_DB_URL
    value: "{{ new_credential.url }}"
    prefix: "postgres://audit_archiver:"
  check_mode: true

- name: Remove a parked copy that the vault holds by now
  raxx.deprovision.ssm_secret:
    name: /raxx/prod/raptor/RAPTOR_APP_DB_URL
    state: absent
"""

RETURN = r"""
version:
  description: Version of the parameter. V(null) if there is none, or if it would be created in check mode.
  returned: success
  type: int
  sample: 7
last_modified:
  description: When that version was written (RFC 3339, UTC). V(null) where RV(version) is.
  returned: success
  type: str
  sample: "2026-05-19T10:11:12.345000Z"
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS
from ansible_collections.raxx.deprovision.plugins.module_utils._ssm import SYSTEM, Parameter, SsmClient, from_params
from ansible_collections.raxx.deprovision.plugins.module_utils._values import check_storable

SPEC = AWS + Spec(
    options={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "value": {"type": "str", "no_log": True},
        "prefix": {"type": "str"},
        "description": {"type": "str"},
        "key_id": {"type": "str", "no_log": False},
    },
    required_if=[("state", "present", ["value"])],
)


def run(params: Params, check_mode: bool) -> Result:
    name = params["name"]
    wanted = _check_value(params["value"], params["prefix"]) if params["state"] == "present" else None
    client = from_params(params)
    before = client.get(name)
    if before is not None and before.type != "SecureString":
        raise DeprovisionError(
            "wrong_type", f"The parameter {name} exists with type {before.type}; it was left alone.", system=SYSTEM
        )
    changed = (before and before.value) != wanted
    after = before
    if changed and not check_mode:
        after = _write(client, name, wanted, params)
    elif changed and wanted is None:
        after = None
    return {
        "changed": changed,
        "version": after and after.version,
        "last_modified": after and after.last_modified,
        "diff": {
            "before": _describe(name, before, wanted),
            "after": None if wanted is None else {"name": name, "value": "as wanted"},
        },
    }


def _check_value(value: str | None, prefix: str | None) -> str:
    """The value to store, never V(None), which would mean that the parameter is to go (required_if lets null pass)."""
    value = value or ""
    check_storable(value)
    if prefix and not value.startswith(prefix):
        raise DeprovisionError("wrong_prefix", f"The value does not begin with {prefix!r}. Nothing was written.", system=SYSTEM)
    return value


def _write(client: SsmClient, name: str, wanted: str | None, params: Params) -> Parameter | None:
    """Makes the change and returns what the store then holds."""
    if wanted is None:
        client.delete(name)
    else:
        client.put(name, wanted, description=params["description"], key_id=params["key_id"])
    after = client.read_back(name, wanted)
    if (after and after.value) != wanted:
        done = "the deletion of" if wanted is None else "the new value of"
        raise DeprovisionError(
            "write_not_confirmed", f"{SYSTEM} accepted {done} {name}, but reading it shows another state.", system=SYSTEM
        )
    return after


def _describe(name: str, parameter: Parameter | None, wanted: str | None) -> dict[str, str] | None:
    """A parameter in a diff: whether it holds the wanted value, never the value."""
    if parameter is None:
        return None
    if wanted is None:
        return {"name": name, "value": "a value"}
    return {"name": name, "value": "as wanted" if parameter.value == wanted else "another value"}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
