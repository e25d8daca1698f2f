# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that calls AWS; the argument spec is C(_options.AWS)."""

    DOCUMENTATION = r"""
options:
  aws_region:
    description:
      - The AWS region.
      - If not given, the value of the environment variable E(AWS_REGION) or E(AWS_DEFAULT_REGION) is used.
    type: str
    default: us-east-1
  aws_endpoint_url:
    description:
      - Base URL to use in place of AWS's own. The empty string means AWS itself.
      - If not given, the value of the environment variable E(AWS_ENDPOINT_URL) is used. Other settings of the kind
        (per service, or in a profile) are ignored.
    type: str
  aws_profile:
    description:
      - Profile of the AWS configuration files to take credentials from. Without it AWS's usual order applies
        (environment, files, role of the machine); there are no options for keys.
      - If not given, the value of the environment variable E(AWS_PROFILE) is used.
    type: str
  aws_timeout:
    description:
      - Longest silence of AWS during one call, in seconds.
    type: int
    default: 10
requirements:
  - boto3
"""
