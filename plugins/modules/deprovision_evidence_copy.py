#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deprovision_evidence_copy
short_description: Copy evidence into a bucket that keeps it from being changed
version_added: 0.1.0
description:
  - Copies each file of a directory of evidence into an S3 bucket with object lock. A file that the bucket holds already, by its
    SHA-256, is not written again. The statement comes last.
  - A bucket without a default retention is refused, for its objects could be changed and deleted.
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
  directories:
    description: The directories, one for each event. The last part of the path becomes a part of the keys.
    type: list
    elements: path
    required: true
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  prefix:
    description: What all keys begin with, for example the name of the environment.
    type: str
    default: ""
seealso:
  - module: raxx.deprovision.deprovision_result
"""

EXAMPLES = r"""
- name: Keep a copy that nobody can change
  raxx.deprovision.deprovision_evidence_copy:
    directories:
      - evidence/DEPROV-2026-05-19-jordan.smith
    bucket: raxx-evidence
    prefix: prod

- name: See what the bucket lacks
  raxx.deprovision.deprovision_evidence_copy:
    directories:
      - evidence/DEPROV-2026-05-19-jordan.smith
    bucket: raxx-evidence
    prefix: prod
  check_mode: true
"""

RETURN = r"""
retention:
  description: How long the bucket keeps its objects.
  returned: success
  type: str
  sample: compliance for 7 years
copied:
  description: Keys of the objects that were written (or in check mode would be).
  returned: success
  type: list
  elements: str
  sample: [prod/DEPROV-2026-05-19-jordan.smith/result.json]
"""

from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._bucket import Bucket
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import AWS
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import STATEMENT

SPEC = AWS + Spec(
    options={
        "directories": {"type": "list", "elements": "path", "required": True},
        "bucket": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": ""},
    }
)


def run(params: Params, check_mode: bool) -> Result:
    files = {key: content for path in params["directories"] for key, content in _files(Path(path), params["prefix"]).items()}
    bucket = Bucket(params["bucket"], params)
    retention = bucket.require_lock()
    missing = [key for key, content in files.items() if not bucket.holds(key, content)]
    for key in missing if not check_mode else []:
        bucket.put(key, files[key])
    return {
        "changed": bool(missing),
        "retention": retention,
        "copied": missing,
        "diff": {"before": {}, "after": dict.fromkeys(missing, "copied")},
    }


def _files(directory: Path, prefix: str) -> dict[str, bytes]:
    """The files by their keys, the statement last."""
    try:
        paths = sorted(directory.iterdir(), key=lambda path: (path.name == STATEMENT, path.name))
        base = "/".join(filter(None, (prefix.strip("/"), directory.name)))
        return {f"{base}/{path.name}": path.read_bytes() for path in paths}
    except OSError as error:
        raise DeprovisionError("invalid_input", f"{directory} cannot be read ({type(error).__name__}).") from None


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
