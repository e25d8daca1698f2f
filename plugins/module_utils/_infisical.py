# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A client for Infisical's secrets API (v3 raw and v4) and its ways to log in."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._http import HttpClient

SYSTEM = "Infisical"
HIDDEN_VALUE = "<hidden-by-infisical>"


@dataclass(frozen=True)
class Secret:
    """One secret as the vault holds it. C(updated_at) is RFC 3339 in UTC. The value stays out of the representation."""

    id: str
    version: int
    updated_at: str
    value: str

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r}, version={self.version})"

    @classmethod
    def from_answer(cls, body: t.Any) -> Secret:
        """Reads the answer of any secret call; an approval in place of a secret means that nothing was applied."""
        try:
            return cls._read(body)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _not_its_own() from None

    @classmethod
    def _read(cls, body: t.Any) -> Secret:
        if "approval" in body:
            raise DeprovisionError(
                "approval_pending",
                "Infisical did not apply the change: a secret approval policy wants it approved first.",
                system=SYSTEM,
            )
        secret = body["secret"]
        if secret.get("secretValueHidden") or secret["secretValue"] == HIDDEN_VALUE:
            raise DeprovisionError("value_hidden", "Infisical hides the secret's value from this identity.", system=SYSTEM)
        return cls(str(secret["id"]), int(secret["version"]), str(secret["updatedAt"]), secret["secretValue"])


@dataclass(frozen=True)
class Credentials:
    """How to log in: a machine identity (universal auth), a token, or a file that holds a token, in this order."""

    client_id: str | None = None
    client_secret: str | None = None
    token: str | None = None
    token_file: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Credentials:
        """From the option group C(INFISICAL)."""
        return cls(
            params["infisical_client_id"],
            params["infisical_client_secret"],
            params["infisical_token"],
            params["infisical_token_file"],
        )

    def bearer(self) -> str | None:
        """The token that needs no log-in call, or V(None) where universal auth is to be used."""
        if self.client_id and self.client_secret:
            return None
        if self.token:
            return self.token
        path = Path(self.token_file).expanduser() if self.token_file else None
        if path and path.is_file():
            return path.read_text(encoding="utf-8").strip()
        raise DeprovisionError(
            "credentials_missing",
            "No Infisical credential: neither a machine identity, nor a token, nor a token file was given.",
            system=SYSTEM,
            next_step="Export INFISICAL_TOKEN, or INFISICAL_UNIVERSAL_AUTH_CLIENT_ID and INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET.",
        )


class InfisicalClient:
    """Reads and writes the secrets of one folder. C(workspace_id) is the project's id, C(path) begins with a slash."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        workspace_id: str,
        environment: str,
        path: str,
        api_version: str = "v3",
        timeout: float = 20.0,
    ) -> None:
        self._http = HttpClient(SYSTEM, url, {}, timeout=timeout, parse_error=_parse_error)
        self._credentials = credentials
        self._token: str | None = None
        self._base = "/api/v4/secrets" if api_version == "v4" else "/api/v3/secrets/raw"
        project = "projectId" if api_version == "v4" else "workspaceId"
        self._place = {project: workspace_id, "environment": environment, "secretPath": path}

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any], *, workspace_id: str, environment: str, path: str) -> InfisicalClient:
        """A client for one folder, with the server and the credentials from the option group C(INFISICAL)."""
        return cls(
            params["infisical_url"],
            Credentials.from_params(params),
            workspace_id=workspace_id,
            environment=environment,
            path=path,
            api_version=params["infisical_api_version"],
            timeout=params["infisical_timeout"],
        )

    def read(self, name: str) -> Secret | None:
        """The secret C(name), or V(None) if the folder has none of that name."""
        try:
            # References must come back as written, or comparing would compare something else.
            body = self._call("GET", name, params={**self._place, "expandSecretReferences": "false"})
        except ApiError as error:
            if error.code == "secret_not_found":
                return None
            raise
        return Secret.from_answer(body)

    def create(self, name: str, value: str) -> None:
        """Creates C(name). Raises C(invalid_request) if it exists."""
        Secret.from_answer(self._call("POST", name, json={**self._place, "secretValue": value}))

    def update(self, name: str, value: str) -> None:
        """Sets C(name) to C(value). Every call makes a new version, even for an equal value: compare first."""
        Secret.from_answer(self._call("PATCH", name, json={**self._place, "secretValue": value}))

    def log_in(self) -> None:
        """Gets a token where the credentials need a call for it. A refused log-in is not repeated: it would lock the identity."""
        self._token = self._credentials.bearer()
        if self._token is None:
            answer = self._http.request(
                "POST",
                "/api/v1/auth/universal-auth/login",
                json={"clientId": self._credentials.client_id, "clientSecret": self._credentials.client_secret},
                changes=False,
            )
            if not isinstance(answer.body, dict) or "accessToken" not in answer.body:
                raise _not_its_own()
            self._token = str(answer.body["accessToken"])

    def _call(self, method: str, name: str, **arguments: t.Any) -> t.Any:
        if self._token is None:
            self.log_in()
        return self._http.request(
            method,
            f"{self._base}/{quote(name, safe='')}",
            headers={"Authorization": f"Bearer {self._token}"},
            expected=(200, 201),
            **arguments,
        ).body


def _parse_error(status: int, body: t.Any) -> tuple[str | None, str]:
    """Decides by status, then by C(error); never by the message, which is not stable and may quote the request."""
    error = str(body.get("error", "")) if isinstance(body, t.Mapping) else ""
    if status == 404 and error == "NotFound":
        return "secret_not_found", "no such secret or project"
    if status == 404:
        return "not_found", "unknown folder, environment or route"
    if status in (401, 422) and error == "ValidationFailure":
        return "invalid_request", error
    if status == 403 and error == "TokenError":
        return "unauthorized", "the token has expired or is malformed"
    # Some builds put whole sentences there; only a single word is an identifier.
    return None, error if error.isidentifier() else ""


def _not_its_own() -> UnreachableError:
    return UnreachableError("unreachable", f"{SYSTEM} gave an answer that is not its own.", system=SYSTEM)
