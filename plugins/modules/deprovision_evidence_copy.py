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
  - Copies each file of a directory of evidence, or single files, into an S3 bucket with object lock. A file that the bucket holds
    already, by its SHA-256, is not written again. The statement comes last.
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
    description:
      - The directories, one for each event. The last part of the path becomes a part of the keys. This or O(files) is required.
    type: list
    elements: path
  files:
    description: Single files, such as attestations. The name of the directory that a file is in becomes a part of its key.
    type: list
    elements: path
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

- name: Keep a copy of an attestation
  raxx.deprovision.deprovision_evidence_copy:
    files:
      - evidence/attestations/2026-08-19.json
    bucket: raxx-evidence
    prefix: staging

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
        "directories": {"type": "list", "elements": "path"},
        "files": {"type": "list", "elements": "path"},
        "bucket": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": ""},
    },
    required_one_of=[["directories", "files"]],
)


def run(params: Params, check_mode: bool) -> Result:
    paths = [path for directory in params["directories"] or [] for path in _files(Path(directory))]
    paths += map(Path, params["files"] or [])
    files = {"/".join(filter(None, (params["prefix"].strip("/"), path.parent.name, path.name))): _content(path) for path in paths}
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


def _files(directory: Path) -> list[Path]:
    """The files of a directory, the statement last."""
    try:
        return sorted(directory.iterdir(), key=lambda path: (path.name == STATEMENT, path.name))
    except OSError as error:
        raise _unreadable(directory, error) from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> DeprovisionError:
    return DeprovisionError("invalid_input", f"{path} cannot be read ({type(error).__name__}).")


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
