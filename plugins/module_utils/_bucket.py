# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""Copies of evidence in an S3 bucket whose objects nobody can change or delete before their time (object lock)."""

from __future__ import annotations

import base64
import hashlib
import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import before_write
from ansible_collections.raxx.deprovision.plugins.module_utils._http import check_base_url

try:
    import boto3
    from botocore import exceptions
    from botocore.config import Config
except ImportError:  # reported by _module.execute, which knows which library the module needs
    pass

SYSTEM = "AWS S3"
_CODES = {"NoSuchBucket": "not_found", "AccessDenied": "forbidden", "SlowDown": "rate_limited", "403": "forbidden"}
_UNLOCKED = "ObjectLockConfigurationNotFoundError"
_ABSENT = ("404", "NoSuchKey", "NotFound")


class Bucket:
    """One bucket, in the account that AWS's usual chain gives."""

    def __init__(self, name: str, params: t.Mapping[str, t.Any]) -> None:
        endpoint = params["aws_endpoint_url"] or None
        if endpoint:
            check_base_url(SYSTEM, endpoint)
        self.name = name
        # A put of the same bytes may be repeated: it makes one more version of the same content.
        timeout = params["aws_timeout"]
        retries: t.Any = {"mode": "standard", "max_attempts": 3}
        config = Config(connect_timeout=min(5.0, timeout), read_timeout=timeout, retries=retries)
        try:
            session = boto3.Session(profile_name=params["aws_profile"] or None, region_name=params["aws_region"])
            self._client = session.client("s3", endpoint_url=endpoint, config=config)
        except exceptions.BotoCoreError as error:
            reason = type(error).__name__
            raise DeprovisionError("credentials_missing", f"No client for {SYSTEM}: {reason}.", system=SYSTEM) from None

    def require_lock(self) -> str:
        """The default retention of the bucket, in words. Raises C(bucket_not_locked) if it has none."""
        answer = self._call("get_object_lock_configuration", Bucket=self.name)
        found = (answer or {}).get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        if not found.get("Mode"):
            raise DeprovisionError(
                "bucket_not_locked", f"The bucket {self.name} does not keep its objects from being changed.", system=SYSTEM
            )
        time = f"{found['Years']} years" if found.get("Years") else f"{found.get('Days')} days"
        return f"{found['Mode'].lower()} for {time}"

    def holds(self, key: str, content: bytes) -> bool:
        """Whether the newest version of an object has this content."""
        answer = self._call("head_object", Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        return answer is not None and answer.get("ChecksumSHA256") == _checksum(content)

    def put(self, key: str, content: bytes) -> None:
        """Writes an object; S3 compares the checksum that botocore makes."""
        before_write(SYSTEM, f"put {self.name}/{key}")
        self._call("put_object", Bucket=self.name, Key=key, Body=content, ChecksumAlgorithm="SHA256")

    def _call(self, operation: str, **arguments: t.Any) -> t.Any:
        """The answer, or V(None) if there is no such object or configuration. No text of an answer is passed on."""
        what = f"{operation} {arguments.get('Key', self.name)}"
        try:
            return getattr(self._client, operation)(**arguments)
        except exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if code == _UNLOCKED or (operation == "head_object" and code in _ABSENT):
                return None
            if code not in _CODES and (status or 0) >= 500:
                raise self._silent(what) from None
            raise ApiError(
                _CODES.get(code, "invalid_request"), f"{SYSTEM} refused {what} ({status}).", system=SYSTEM, status=status
            ) from None
        except exceptions.NoCredentialsError:
            raise DeprovisionError("credentials_missing", f"No credentials for {SYSTEM}.", system=SYSTEM) from None
        except exceptions.BotoCoreError:
            raise self._silent(what) from None

    @staticmethod
    def _silent(what: str) -> UnreachableError:
        return UnreachableError("unreachable", f"{SYSTEM} gave no usable answer to {what}.", system=SYSTEM)


def _checksum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
