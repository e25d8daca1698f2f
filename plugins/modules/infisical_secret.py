#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: infisical_secret
short_description: Set a secret in Infisical
version_added: 0.1.0
description:
  - Makes sure that a secret in Infisical holds a value.
  - The vault makes a new version for every write, even of an equal value, and keeps only a few. So the module reads first,
    writes only if the value differs, and reads back what it wrote.
  - Values that the vault would alter (outer white space, references) are refused before anything is sent.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.state
  - raxx.deprovision.infisical
attributes:
  action_group:
    membership: [raxx.deprovision.infisical]
options:
  workspace_id:
    description: Id of the project (in older versions called workspace).
    type: str
    required: true
  environment:
    description: Slug of the environment.
    type: str
    required: true
  path:
    description: Folder of the secret. Must begin with a slash.
    type: str
    default: /
  name:
    description: Name of the secret. Case sensitive.
    type: str
    required: true
  value:
    description: The value that the secret is to hold.
    type: str
    required: true
  create:
    description:
      - Whether a secret that does not exist is created.
      - The default is to fail, since a missing secret usually means a wrong name or folder.
    type: bool
    default: false
seealso:
  - module: raxx.deprovision.ssm_secret
"""

EXAMPLES = r"""
- name: Put the new connection URL into the vault
  raxx.deprovision.infisical_secret:
    infisical_url: https://vault.raxx.app
    workspace_id: 0d4b9a52-1111-4222-8333-abcdefabcdef
    environment: prod
    path: /raxx/prod/raptor
    name: RAPTOR_APP_DB_URL
    value: "{{ new_credential.url }}"

- name: See whether the vault is up to date, without changing anything
  raxx.deprovision.infisical_secret:
    infisical_url: https://vault.raxx.app
    workspace_id: 0d4b9a52-1111-4222-8333-abcdefabcdef
    environment: prod
    path: /raxx/prod/raptor
    name: RAPTOR_APP_DB_URL
    value: "{{ new_credential.url }}"
  check_mode: true
"""

RETURN = r"""
version:
  description: Version of the secret in the vault. V(null) in check mode if the secret would be created.
  returned: success
  type: int
  sample: 7
updated_at:
  description: When that version was written (RFC 3339, UTC). V(null) in check mode if the secret would be created.
  returned: success
  type: str
  sample: "2026-05-19T10:11:12.345Z"
created:
  description: Whether the secret was (or in check mode would be) created.
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._infisical import SYSTEM, InfisicalClient, Secret
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import INFISICAL
from ansible_collections.raxx.deprovision.plugins.module_utils._values import check_storable

SPEC = INFISICAL + Spec(
    options={
        "workspace_id": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "path": {"type": "str", "default": "/"},
        "name": {"type": "str", "required": True},
        "value": {"type": "str", "required": True, "no_log": True},
        "create": {"type": "bool", "default": False},
    }
)


def run(params: Params, check_mode: bool) -> Result:
    name, value = params["name"], params["value"]
    check_storable(value)
    client = InfisicalClient.from_params(
        params, workspace_id=params["workspace_id"], environment=params["environment"], path=params["path"]
    )
    before = client.read(name)
    if before is None and not params["create"]:
        raise DeprovisionError("secret_not_found", f"Infisical has no secret {name} in {params['path']}.", system=SYSTEM)
    changed = before is None or before.value != value
    after = before
    if changed and not check_mode:
        client.create(name, value) if before is None else client.update(name, value)
        after = client.read(name)
        if after is None or after.value != value:
            raise DeprovisionError(
                "write_not_confirmed",
                f"Infisical accepted {name}, but does not return the value that was written.",
                system=SYSTEM,
            )
    return {
        "changed": changed,
        "created": before is None,
        "version": after and after.version,
        "updated_at": after and after.updated_at,
        "diff": {"before": _describe(name, before, value), "after": {"name": name, "value": "as wanted"}},
    }


def _describe(name: str, secret: Secret | None, value: str) -> dict[str, str] | None:
    """A secret in a diff: whether it holds the wanted value, never the value."""
    return {"name": name, "value": "as wanted" if secret.value == value else "another value"} if secret else None


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
