# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A client for the few calls of AWS SSM Parameter Store that are needed, and for asking STS whose credentials are in use.

Only C(ParameterNotFound) means that a parameter does not exist; any other error of a read stops. Repeats are made here and
not by botocore, which would repeat a write whose outcome is unknown.
"""

from __future__ import annotations

import functools
import os
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._guard import Guard, before_write
from ansible_collections.raxx.deprovision.plugins.module_utils._http import check_base_url, is_loopback
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time

try:
    import boto3
    from botocore import exceptions
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.parsers import ResponseParserError
    from botocore.session import Session
except ImportError:  # reported by _module.execute, which knows which library the module needs
    pass

Seen = t.TypeVar("Seen")

SYSTEM = "AWS SSM"
# Pauses before a call is made again, in seconds: a read for any passing trouble, a write only if it was surely not carried out.
RETRY_DELAYS = (0.5, 1.0, 2.0)
# GetParameters takes no more names.
MOST_NAMES = 10
# No further attempt is begun after so many seconds; each takes at most the time-out.
RETRY_BUDGET = 12.0

_CODE_BY_AWS_CODE = {
    "ParameterNotFound": "not_found",
    "ParameterVersionNotFound": "not_found",
    "InvalidKeyId": "forbidden",
    "AccessDenied": "forbidden",
    "AccessDeniedException": "forbidden",
    "UnrecognizedClientException": "unauthorized",
    "InvalidSignatureException": "unauthorized",
    "SignatureDoesNotMatch": "unauthorized",
    "InvalidClientTokenId": "unauthorized",
    "ExpiredToken": "unauthorized",
    "ExpiredTokenException": "unauthorized",
    "RequestExpired": "unauthorized",
    "IncompleteSignature": "unauthorized",
    "MissingAuthenticationToken": "unauthorized",
    "Throttling": "rate_limited",
    "ThrottlingException": "rate_limited",
    "RequestLimitExceeded": "rate_limited",
    "TooManyRequestsException": "rate_limited",
    "TooManyUpdates": "conflict",
    "ParameterAlreadyExists": "conflict",
    "ParameterLimitExceeded": "store_full",
    "ParameterMaxVersionLimitExceeded": "store_full",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter as the store holds it. C(last_modified) is RFC 3339 in UTC. The value stays out of the representation."""

    name: str
    type: str
    version: int
    last_modified: str
    value: str = field(repr=False)

    @classmethod
    def from_answer(cls, answer: t.Mapping[str, t.Any]) -> Parameter:
        try:
            return cls(
                str(answer["Name"]),
                str(answer["Type"]),
                int(answer["Version"]),
                format_time(answer["LastModifiedDate"]),
                str(answer["Value"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _not_its_own(write=False) from None


class SsmClient:
    """The parameters of one account and region. C(profile) is of ~/.aws.

    Without C(endpoint_url) AWS itself is called. C(timeout) bounds the silence of AWS during one call, in seconds.
    """

    def __init__(
        self,
        region: str,
        *,
        endpoint_url: str | None = None,
        profile: str | None = None,
        timeout: float = 10.0,
        sleep: t.Callable[[float], None] = time.sleep,
        before_write: Guard = before_write,
    ) -> None:
        self._before_write = before_write
        endpoint = check_base_url(SYSTEM, endpoint_url) if endpoint_url else None
        self._client = functools.partial(
            _client, region=region, endpoint_url=endpoint, profile=profile or None, timeout=timeout, settings=_settings()
        )
        self._sleep = sleep
        self._ssm = self._client("ssm")

    def get(self, name: str, *, decrypt: bool = True) -> Parameter | None:
        """The parameter C(name), or V(None) if the store has none of that name. Any other error is raised."""
        try:
            answer = self._call("get_parameter", name, Name=name, WithDecryption=decrypt)
        except ApiError as error:
            if error.details["aws_code"] == "ParameterNotFound":
                return None
            raise
        return Parameter.from_answer(_part(answer, "Parameter"))

    def get_many(self, names: t.Sequence[str]) -> dict[str, Parameter]:
        """Those of C(names) that the store has, decrypted, by their names. It takes one call for each ten of them."""
        found: dict[str, Parameter] = {}
        distinct = list(dict.fromkeys(names))
        for start in range(0, len(distinct), MOST_NAMES):
            some = distinct[start : start + MOST_NAMES]
            answer = self._call("get_parameters", f"{some[0]} and {len(some) - 1} more", Names=some, WithDecryption=True)
            for parameter in map(Parameter.from_answer, _part(answer, "Parameters")):
                found[parameter.name] = parameter
        return found

    def read_back(self, name: str, value: str | None) -> Parameter | None:
        """The parameter after a write of C(value) (V(None) for a deletion). Reads again for a while if it is not so yet."""
        for delay in (*RETRY_DELAYS, None):
            stored = self.get(name)
            if (stored and stored.value) == value or delay is None:
                return stored
            self._sleep(delay)
        raise AssertionError("the last attempt returns")

    def until_seen(self, look: t.Callable[[], Seen | None]) -> Seen | None:
        """What C(look) finds of something that may have been written a moment ago. Looks for a while until it finds something."""
        for delay in (*RETRY_DELAYS, None):
            found = look()
            if found is not None or delay is None:
                return found
            self._sleep(delay)
        raise AssertionError("the last attempt returns")

    def by_path(self, path: str) -> list[Parameter]:
        """Every parameter below C(path), at any depth, decrypted."""
        found: list[Parameter] = []
        token: dict[str, t.Any] = {}
        while True:
            answer = self._call("get_parameters_by_path", path, Path=path, Recursive=True, WithDecryption=True, **token)
            found += [Parameter.from_answer(item) for item in _part(answer, "Parameters")]
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    def put(
        self,
        name: str,
        value: str,
        *,
        secure: bool = True,
        overwrite: bool = True,
        description: str | None = None,
        key_id: str | None = None,
    ) -> int:
        """Writes C(name) and returns its version. Every overwrite makes a new version, even of an equal value: compare first.

        If no answer arrives, the parameter is read; the call has succeeded if it holds C(value).
        """
        arguments: dict[str, t.Any] = {"Type": "SecureString" if secure else "String", "Overwrite": overwrite}
        if description is not None:
            arguments["Description"] = description
        if key_id is not None:
            arguments["KeyId"] = key_id
        try:
            answer = self._call("put_parameter", name, write=True, Name=name, Value=value, **arguments)
            return int(_part(answer, "Version", write=True))
        except UnreachableError as error:
            stored = self._observe(name) if error.outcome_unknown else None
            if stored is None or stored.value != value:
                raise
            return stored.version

    def create(self, name: str, value: str, *, secure: bool = False) -> bool:
        """Writes C(name) unless it exists. Returns V(False) if it exists. This is atomic: of several callers one wins.

        If no answer arrives, the parameter is read; a value equal to C(value) counts as created, so let values be distinct. If it
        is seen that there is none, the call is made once more: whichever of the two is carried out, the outcome is the same.
        """
        lost = False
        while True:
            try:
                self.put(name, value, secure=secure, overwrite=False)
            except UnreachableError as error:
                if lost or not error.outcome_unknown or not self._is_absent(name):
                    raise
                lost = True
            except ApiError as error:
                if error.details["aws_code"] != "ParameterAlreadyExists":
                    raise
                stored = self.get(name) if lost else None
                return stored is not None and stored.value == value
            else:
                return True

    def delete(self, name: str) -> bool:
        """Deletes C(name). Returns V(False) if it does not exist."""
        try:
            self._call("delete_parameter", name, write=True, Name=name)
        except ApiError as error:
            if error.details["aws_code"] == "ParameterNotFound":
                return False
            raise
        return True

    def whoami(self) -> str:
        """The ARN of the identity whose credentials are used; asks STS."""
        return str(_part(self._call("get_caller_identity", "", client=self._client("sts")), "Arn"))

    def _observe(self, name: str) -> Parameter | None:
        try:
            return self.get(name)
        except DeprovisionError:
            return None

    def _is_absent(self, name: str) -> bool:
        """Whether the store was seen to have no such parameter."""
        try:
            return self.get(name) is None
        except DeprovisionError:
            return False

    def _call(self, operation: str, subject: str, *, write: bool = False, client: t.Any = None, **arguments: t.Any) -> t.Any:
        """Makes one call, again only where that is safe. C(subject) is the parameter that the message names."""
        what = f"{operation} {subject}".strip()
        method = getattr(client or self._ssm, operation)
        begun = time.monotonic()
        for delay in (*RETRY_DELAYS, None):
            if write:
                # Each time: while this run waited, another one may have taken over.
                self._before_write(SYSTEM, what)
            try:
                return method(**arguments)
            except exceptions.ClientError as error:
                failure = _refusal(what, error, write=write)
            except (exceptions.BotoCoreError, ResponseParserError) as error:
                failure = _no_answer(what, error, write=write)
            # "The parameter exists" is an answer, not a passing state.
            passing = failure.retryable and failure.details.get("aws_code") != "ParameterAlreadyExists"
            late = time.monotonic() - begun > RETRY_BUDGET
            if delay is None or late or not passing or failure.outcome_unknown:
                raise failure from None
            self._sleep(delay)
        raise AssertionError("unreachable")


@functools.cache
def api_descriptions() -> Loader:
    """botocore's descriptions of the API, most of the cost of a client: read once in a process, and inherited by its workers."""
    loader = t.cast(Loader, Session().get_component("data_loader"))
    for data in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("ssm", data)
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
    return loader


def _settings() -> tuple[tuple[str, str], ...]:
    """What in the environment says whose credentials are used, and how."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


@functools.cache
def _client(
    service: str,
    *,
    region: str,
    endpoint_url: str | None,
    profile: str | None,
    timeout: float,
    settings: tuple[tuple[str, str], ...],  # part of the key of the cache
) -> t.Any:
    """boto3's client of C(service). To make one takes longer than the calls of a task, so a process makes each once."""
    try:
        session = Session(profile=profile)
        session.register_component("data_loader", api_descriptions())
        return t.cast(t.Any, boto3.Session(botocore_session=session, region_name=region)).client(
            service,
            endpoint_url=endpoint_url,
            config=Config(
                connect_timeout=min(5.0, timeout),
                read_timeout=timeout,
                retries={"mode": "standard", "total_max_attempts": 1},
                ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # the stubs do not know it
                # A proxy of the environment must never see calls that are meant for this machine.
                proxies={} if is_loopback(endpoint_url or "") else None,
            ),
        )
    except (exceptions.BotoCoreError, ValueError) as error:
        raise _settings_error(error) from None


def from_params(params: t.Mapping[str, t.Any], before_write: Guard = before_write) -> SsmClient:
    """The client that the option group C(AWS) describes; an empty endpoint means AWS itself."""
    return SsmClient(
        params["aws_region"],
        endpoint_url=params["aws_endpoint_url"],
        profile=params["aws_profile"],
        timeout=params["aws_timeout"],
        before_write=before_write,
    )


def _part(answer: t.Mapping[str, t.Any], name: str, *, write: bool = False) -> t.Any:
    """A part of an answer that AWS never leaves out. botocore makes an empty answer of any body that it cannot read."""
    if name not in answer:
        raise _not_its_own(write=write)
    return answer[name]


def _not_its_own(*, write: bool) -> UnreachableError:
    return UnreachableError(
        "unreachable",
        f"{SYSTEM} gave an answer that is not its own{'; the write may have been carried out' if write else ''}.",
        system=SYSTEM,
        outcome_unknown=write,
    )


def _refusal(what: str, error: exceptions.ClientError, *, write: bool) -> DeprovisionError:
    """AWS answered. Its message is left out, for it may quote the value; its code and request id say enough."""
    aws_code = str(error.response.get("Error", {}).get("Code", ""))
    metadata: t.Mapping[str, t.Any] = error.response.get("ResponseMetadata", {})
    status, request_id = metadata.get("HTTPStatusCode"), metadata.get("RequestId")
    if aws_code not in _CODE_BY_AWS_CODE and (status or 0) >= 500:
        return UnreachableError(
            "unreachable",
            f"{SYSTEM} gave no usable answer to {what} (status {status}){'; it may have been carried out' if write else ''}.",
            system=SYSTEM,
            status=status,
            request_id=request_id,
            outcome_unknown=write,
        )
    named = aws_code if aws_code.isidentifier() else "no error code"
    return ApiError(
        _CODE_BY_AWS_CODE.get(aws_code, "invalid_request"),
        f"{SYSTEM} refused {what} with {named}.",
        system=SYSTEM,
        status=status,
        request_id=request_id,
        details={"aws_code": named},
        next_step="Check the KMS key: it is missing, disabled, or not allowed." if aws_code == "InvalidKeyId" else None,
    )


def _no_answer(what: str, error: Exception, *, write: bool) -> DeprovisionError:
    """No answer of AWS. The cause is named by its type: its text may quote the request."""
    if not isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError, ResponseParserError)):
        return _settings_error(error)
    never_sent = isinstance(
        error,
        (
            exceptions.EndpointConnectionError,
            exceptions.ConnectTimeoutError,
            exceptions.ProxyConnectionError,
            exceptions.SSLError,
        ),
    )
    unknown = write and not never_sent
    return UnreachableError(
        "unreachable",
        f"{SYSTEM} gave no usable answer to {what} ({type(error).__name__})"
        f"{'; it may have been carried out' if unknown else ''}.",
        system=SYSTEM,
        outcome_unknown=unknown,
    )


def _settings_error(error: Exception) -> DeprovisionError:
    """What is wrong on this side: no credentials, or settings that cannot be used."""
    credentials = (
        # A connection that fails here is one to a service that gives credentials (of the machine or of SSO).
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.NoAuthTokenError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
        exceptions.ProfileNotFound,
        exceptions.MetadataRetrievalError,
    )
    if isinstance(error, credentials):
        return DeprovisionError(
            "credentials_missing",
            f"No usable AWS credentials were found ({type(error).__name__}).",
            system=SYSTEM,
            next_step="Log in to AWS (environment variables, profile or SSO) and run the same command again.",
        )
    return DeprovisionError(
        "invalid_input", f"The settings for AWS or the request cannot be used ({type(error).__name__}).", system=SYSTEM
    )
