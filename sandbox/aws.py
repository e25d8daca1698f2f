# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""AWS: moto's SSM and STS, with the checks of the real Parameter Store that moto does not make."""

from __future__ import annotations

import io
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends
from werkzeug.wrappers import Request, Response

from sandbox.faults import Dialect
from sandbox.postgres import Postgres
from sandbox.seed import Seed, credential_urls, plain_value

CONTENT_TYPE = "application/x-amz-json-1.1"
TIER_LIMITS = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
LEVELS = 15


class AwsDialect(Dialect):
    """A fault's path is matched on the operation: the end of X-Amz-Target, or the form's Action (STS).

    The names or the path of the parameters follow it after a space.
    """

    content_type = CONTENT_TYPE

    def subject(self, request: Request) -> str:
        target = request.headers.get("X-Amz-Target", "")
        if target:
            asked = request.get_json(force=True, silent=True) or {}
            return " ".join(
                filter(None, (target.rpartition(".")[2], asked.get("Name") or asked.get("Path"), *asked.get("Names", [])))
            )
        return parse_qs(request.get_data(as_text=True)).get("Action", [""])[0]

    def reads(self, request: Request) -> bool:
        return self.subject(request).startswith(("Get", "Describe", "List"))

    def error(self) -> Response:
        return _error("InternalServerError", "An internal error occurred.", status=503)

    def throttled(self) -> Response:
        return _error("ThrottlingException", "Rate exceeded")


class Aws:
    """`app` serves every AWS service that moto knows; parameters and logins are the ones of the seed."""

    def __init__(self, seed: Seed, postgres: Postgres) -> None:
        self.region: str = seed["aws"]["region"]
        self.access_key_id: str = seed["aws"]["access_key_id"]
        self.secret_access_key: str = seed["aws"]["secret_access_key"]
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._secrets = {self.secret_access_key}
        urls = credential_urls(seed, postgres)
        for parameter in seed["aws"]["parameters"]:
            value = plain_value(parameter["value"], urls)
            self._backend().put_parameter(
                name=parameter["name"],
                description="",
                value=value,
                parameter_type=parameter["type"],
                allowed_pattern="",
                keyid="",
                overwrite=False,
                tags=[],
                data_type="text",
                tier="Standard",
                policies=None,
            )
            self._remember(parameter["type"], value)

    def app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        login = re.search(r"Credential=([^/]+)/", request.headers.get("Authorization", ""))
        if login is None or login[1] != self.access_key_id:
            refusal = _error("UnrecognizedClientException", "The security token included in the request is invalid.")
            return refusal(environ, start_response)
        target = request.headers.get("X-Amz-Target", "")
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        asked = json.loads(body or b"{}") if target.startswith("AmazonSSM.") else {}
        # moto looks and writes in two steps; without the lock two creators of one name could both succeed.
        with self._lock:
            if target == "AmazonSSM.PutParameter":
                if problem := self._refuse_put(asked):
                    return _error("ValidationException", problem)(environ, start_response)
                self._remember(self._type(asked), asked["Value"])
            return list(self._moto(environ, start_response))

    def secrets(self) -> set[str]:
        """The secret key, and every value that a SecureString has or had."""
        with self._lock:
            return set(self._secrets)

    def dump(self) -> list[dict[str, Any]]:
        """Every parameter of the account with all its versions."""
        with self._lock:
            return [
                {
                    "name": name,
                    "type": versions[-1].parameter_type,
                    "versions": [{"version": item.version, "value": _plain(item)} for item in versions],
                }
                for name, versions in sorted(self._backend()._parameters.items())
                if versions and not name.startswith("/aws/")
            ]

    def _backend(self) -> SimpleSystemManagerBackend:
        return ssm_backends[DEFAULT_ACCOUNT_ID][self.region]

    def _type(self, asked: dict[str, Any]) -> str:
        existing = self._backend()._parameters.get(asked["Name"])
        return str(asked.get("Type") or (existing[-1].parameter_type if existing else ""))

    def _remember(self, kind: str, value: str) -> None:
        if kind == "SecureString":
            self._secrets.add(value)

    def _refuse_put(self, asked: dict[str, Any]) -> str | None:
        """Why the real service would refuse what moto takes."""
        name, value, tier = asked.get("Name", ""), asked.get("Value", ""), asked.get("Tier", "Standard")
        limit = TIER_LIMITS.get(tier, 0)
        existing = self._backend()._parameters.get(name)
        advanced = existing is not None and existing[-1].tier == "Advanced"
        rules = [
            (
                not re.fullmatch(r"[A-Za-z0-9_./-]+", name),
                "Parameter name: only a mix of letters, numbers and the following 4 symbols .-_/ is allowed.",
            ),
            ("/" in name and not name.startswith("/"), "Parameter name must be a fully qualified name."),
            (name.count("/") > LEVELS, f"A parameter hierarchy can have a maximum of {LEVELS} levels."),
            ("{{" in value, "Parameter value can't nest another parameter. Do not use {{}} in the value."),
            (
                advanced and tier == "Standard",
                "This parameter uses the advanced-parameter tier. You can't downgrade it to the standard-parameter tier.",
            ),
            (len(value.encode()) > limit, f"{tier} tier parameters support a maximum parameter value of {limit} characters."),
        ]
        return next((problem for broken, problem in rules if broken), None)


def _plain(parameter: Any) -> str:
    """A value without the mark that moto puts before what it would encrypt."""
    mark = f"kms:{parameter.keyid}:" if parameter.parameter_type == "SecureString" else ""
    return str(parameter.value).removeprefix(mark)


def _error(kind: str, message: str, status: int = 400) -> Response:
    return Response(
        json.dumps({"__type": kind, "message": message}),
        status,
        {"x-amzn-errortype": kind, "x-amzn-requestid": secrets.token_hex(16)},
        content_type=CONTENT_TYPE,
    )
