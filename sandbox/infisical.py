# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""A stand-in for Infisical: universal auth, tokens and the secrets API (v3 raw and v4), in two dialects.

`legacy` speaks as the server of October 2024, `current` as that of 2026.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Request

from sandbox.faults import Dialect
from sandbox.infisical_auth import ApiError, Auth, Caller
from sandbox.postgres import Postgres
from sandbox.seed import Seed, credential_urls, plain_value

HIDDEN = "<hidden-by-infisical>"
BODY_LIMIT = 1024 * 1024
WINDOW_SECONDS = 60
RATE_LIMITS = {"legacy": 40, "current": 60}
REFERENCE = re.compile(r"\$\{([^}]+)\}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class InfisicalDialect(Dialect):
    def writes(self, request: Request) -> bool:
        return super().writes(request) and not request.path.startswith("/api/v1/auth/")

    def error(self) -> Response:
        return _body(503, "ServiceUnavailable", "Service is unavailable")

    def throttled(self) -> Response:
        response = _body(429, "RateLimitExceeded", "Rate limit exceeded. Please try again in 1 seconds")
        response.headers.update({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1", "retry-after": "1"})
        return response


@dataclass
class Secret:
    """`history` holds (version, value) of every version, oldest first."""

    name: str
    value: str
    comment: str = ""
    multiline: bool = False
    version: int = 1
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=_now)
    updated: str = field(default_factory=_now)
    history: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append((self.version, self.value))

    def write(self, value: str) -> None:
        """Every write is a new version, equal value or not."""
        self.value = value
        self.version += 1
        self.updated = _now()
        self.history.append((self.version, value))


class RateLimiter:
    """So many requests a minute for each client address and route."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, key: str) -> tuple[int, int]:
        """How many requests remain (below zero: too many) and in how many seconds the count starts anew."""
        now = time.monotonic()
        began, used = self._windows.get(key, (now, 0))
        if now - began >= WINDOW_SECONDS:
            began, used = now, 0
        self._windows[key] = (began, used + 1)
        return self.limit - used - 1, max(1, round(began + WINDOW_SECONDS - now))


class Infisical:
    """`app` serves the API of one project with one folder; `token` is the operator's, `user_token` a person's."""

    def __init__(self, seed: Seed, postgres: Postgres) -> None:
        settings = seed["infisical"]
        self._legacy = settings["dialect"] == "legacy"
        self._approval: bool = settings["approval"]
        self.workspace_id: str = settings["workspace_id"]
        self.environment: str = settings["environment"]
        self.path: str = settings["path"]
        self._lock = threading.RLock()
        self._limiter = RateLimiter(settings.get("rate_limit") or RATE_LIMITS[settings["dialect"]])
        self.auth = Auth(settings, legacy=self._legacy)
        urls = credential_urls(seed, postgres)
        self._folder = {
            entry["name"]: Secret(entry["name"], plain_value(entry["value"], urls), entry.get("comment") or "")
            for entry in settings["secrets"]
        }
        self._values = {secret.value for secret in self._folder.values()}
        self.app = self._make_app()

    def secrets(self) -> set[str]:
        """Tokens, the client secret, and every value that a secret has or had."""
        with self._lock:
            return self._values | self.auth.secrets()

    def dump(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {
                    "environment": self.environment,
                    "path": self.path,
                    "name": secret.name,
                    "comment": secret.comment,
                    "versions": [{"version": version, "value": value} for version, value in secret.history],
                }
                for __, secret in sorted(self._folder.items())
            ]

    def _make_app(self) -> Flask:
        app = Flask("infisical")
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(ApiError, self._render)
        app.register_error_handler(HTTPException, _render_http)
        app.add_url_rule("/api/status", view_func=_status)
        for path, action in (
            ("universal-auth/login", self.auth.login),
            ("token/renew", self.auth.renew),
            ("token/revoke", self.auth.revoke),
        ):
            app.add_url_rule(f"/api/v1/auth/{path}", path, partial(self._authenticate, action), methods=["POST"])
        app.add_url_rule("/api/v1/secret/<secret_id>/secret-versions", view_func=self._versions)
        for base in ["/api/v3/secrets/raw"] if self._legacy else ["/api/v3/secrets/raw", "/api/v4/secrets"]:
            name = f"{base}/<path:name>"
            app.add_url_rule(base, f"{base} list", self._list)
            app.add_url_rule(name, f"{base} read", self._read)
            app.add_url_rule(name, f"{base} create", self._create, methods=["POST"])
            app.add_url_rule(name, f"{base} update", self._update, methods=["PATCH"])
            app.add_url_rule(name, f"{base} delete", self._delete, methods=["DELETE"])
        return app

    # -- before and after each request

    def _before(self) -> None:
        if request.url_rule is None or request.path == "/api/status":
            return
        remaining, reset = self._limiter.count(f"{request.remote_addr} {request.endpoint}")
        g.limit = {
            "x-ratelimit-limit": str(self._limiter.limit),
            "x-ratelimit-remaining": str(max(0, remaining)),
            "x-ratelimit-reset": str(reset),
        }
        if remaining < 0:
            g.limit["retry-after"] = str(reset)
            wait = "1 minute" if self._legacy else f"{reset} seconds"
            raise ApiError(429, "RateLimitExceeded", f"Rate limit exceeded. Please try again in {wait}")
        if (request.content_length or 0) > BODY_LIMIT:
            raise ApiError(500, "InternalServerError", "Something went wrong")

    def _authenticate(self, action: Callable[[dict[str, Any]], Response]) -> Response:
        return action(self._json())

    def _after(self, response: Response) -> Response:
        response.headers.update(getattr(g, "limit", {}))
        return response

    def _render(self, error: ApiError) -> Response:
        return _body(error.status, error.error, error.message, with_id=not self._legacy)

    # -- the secrets API

    def _read(self, name: str) -> Response:
        caller = self.auth.caller()
        path = self._place(request.args, "GetSecretByName")
        with self._lock:
            secret = self._find(name)
            if self._legacy and not caller.sees_values:
                raise _denied("read")
            version, value = secret.version, secret.value
            asked = request.args.get("version")
            if asked and not self._legacy:
                version = int(asked)
                value = dict(secret.history).get(version, "")
                if version not in dict(secret.history):
                    raise _no_secret(name)
            if _flag("expandSecretReferences"):
                value = self._expand(value)
            hidden = not caller.sees_values or request.args.get("viewSecretValue") == "false"
            body = self._show(secret, value=value, version=version, hidden=hidden, comment=secret.comment)
            body["tags"] = []
            if not self._legacy:
                body["secretPath"] = path
            return jsonify({"secret": body})

    def _list(self) -> Response:
        caller = self.auth.caller()
        path = self._place(request.args, "GetSecrets")
        hidden = not caller.sees_values or request.args.get("viewSecretValue") == "false"
        with self._lock:
            shown = []
            for __, secret in sorted(self._folder.items()):
                value = self._expand(secret.value) if _flag("expandSecretReferences") else secret.value
                body = self._show(secret, value=value, hidden=hidden, comment=secret.comment)
                shown.append(body | {"tags": []} | ({} if self._legacy else {"secretPath": path}))
            return jsonify({"secrets": shown, "imports": []})

    def _create(self, name: str) -> Response:
        caller, body = self.auth.caller(), self._json()
        self._place(body, "CreateSecret")
        value = self._value(body, required=self._legacy) or ""
        with self._lock:
            if not caller.writes:
                raise _denied("create")
            if approval := self._approval_for(caller):
                return approval
            if name in self._folder:
                raise ApiError(400, "BadRequest", "Secret already exist")
            if not self._legacy and re.search("[:/]", name):
                raise self._invalid("secretName", "Secret name can not contain : or /")
            comment = str(body.get("secretComment") or "").strip()
            self._folder[name] = secret = Secret(name, value, comment, bool(body.get("skipMultilineEncoding")))
            self._values.add(value)
            return jsonify({"secret": self._show(secret, value=value, hidden=not caller.sees_values, comment=comment)})

    def _update(self, name: str) -> Response:
        caller, body = self.auth.caller(), self._json()
        self._place(body, "UpdateSecret")
        value = self._value(body, required=self._legacy)
        with self._lock:
            secret = self._writable(caller, name, "edit")
            if approval := self._approval_for(caller):
                return approval
            new_name = body.get("newSecretName")
            if new_name and new_name != name:
                if new_name in self._folder:
                    raise ApiError(400, "BadRequest", "Secret with the new name already exists")
                self._folder[new_name] = self._folder.pop(name)
                secret.name = new_name
            if "secretComment" in body:
                secret.comment = str(body["secretComment"]).strip()
            if "skipMultilineEncoding" in body:
                secret.multiline = bool(body["skipMultilineEncoding"])
            secret.write(secret.value if value is None else value)
            self._values.add(secret.value)
            # The echo is of what was sent, not of what is stored.
            comment = str(body.get("secretComment") or "").strip()
            return jsonify({"secret": self._show(secret, value=value or "", hidden=not caller.sees_values, comment=comment)})

    def _delete(self, name: str) -> Response:
        caller, body = self.auth.caller(), self._json()
        self._place(body, "DeleteSecret")
        with self._lock:
            secret = self._writable(caller, name, "delete")
            if approval := self._approval_for(caller):
                return approval
            del self._folder[name]
            return jsonify(
                {"secret": self._show(secret, value=secret.value, hidden=not caller.sees_values, comment=secret.comment)}
            )

    def _versions(self, secret_id: str) -> Response:
        caller = self.auth.caller()
        if self._legacy and not caller.user:
            raise ApiError(403, "ForbiddenError", "You are not allowed to access this resource")
        offset, limit = int(request.args.get("offset", 0)), int(request.args.get("limit", 20))
        with self._lock:
            secret = next((item for item in self._folder.values() if item.id == secret_id), None)
            if secret is None:
                raise ApiError(404, "NotFound", f"Secret with ID '{secret_id}' not found")
            newest_first = secret.history[::-1][offset : offset + limit]
            shown = [
                self._show(secret, value=value, version=version, hidden=not caller.sees_values, comment=secret.comment)
                for version, value in newest_first
            ]
            return jsonify({"secretVersions": shown})

    # -- pieces

    def _json(self) -> dict[str, Any]:
        try:
            body = request.get_json(force=True)
        except HTTPException:
            raise ApiError(500, "InternalServerError", "Something went wrong") from None
        if not isinstance(body, dict):
            raise self._invalid("", "Expected object")
        return body

    def _invalid(self, name: str, message: str, expected: str = "string") -> ApiError:
        detail = {"code": "invalid_type", "expected": expected, "received": "undefined", "path": [name], "message": message}
        return ApiError(401 if self._legacy else 422, "ValidationFailure", [detail])

    def _place(self, given: Any, action: str) -> str:
        """Check project, environment and folder; returns the folder. A folder or environment that is not there
        is a 404 whose `error` is the name of the action."""
        v4 = request.path.startswith("/api/v4/")
        project = given.get("projectId" if v4 else "workspaceId")
        environment = given.get("environment")
        path = given.get("secretPath", "/")
        if not project:
            raise self._invalid("projectId" if v4 else "workspaceId", "Required")
        if not environment:
            raise self._invalid("environment", "Required")
        if not isinstance(path, str) or not path.startswith("/"):
            raise self._invalid("secretPath", "Invalid secret path. Must start with /")
        if given.get("type", "shared") != "shared":
            raise ApiError(400, "BadRequest", "Personal secrets are only for users")
        path = path.removesuffix("/") or "/"
        if project != self.workspace_id:
            raise ApiError(404, "NotFound", f"Project with ID '{project}' not found")
        if (environment, path) != (self.environment, self.path):
            text = f"Folder with path '{path}' in environment with slug '{environment}' not found"
            raise ApiError(404, action, text)
        return path

    def _value(self, body: dict[str, Any], *, required: bool) -> str | None:
        """The value as it is kept: trimmed, but for one final line break."""
        value = body.get("secretValue")
        if value is None and not required:
            return None
        if not isinstance(value, str):
            raise self._invalid("secretValue", "Required")
        return value.strip() + ("\n" if value.endswith("\n") else "")

    def _find(self, name: str) -> Secret:
        if name not in self._folder:
            raise _no_secret(name)
        return self._folder[name]

    def _writable(self, caller: Caller, name: str, action: str) -> Secret:
        # The old server asks for permission first, today's looks the secret up first.
        if self._legacy and not caller.writes:
            raise _denied(action)
        secret = self._find(name)
        if not caller.writes:
            raise _denied(action)
        return secret

    def _expand(self, value: str) -> str:
        def resolve(match: re.Match[str]) -> str:
            *place, name = match[1].split(".")
            here = not place or (place[0], "/" + "/".join(place[1:])) == (self.environment, self.path)
            if not here or name not in self._folder:
                raise ApiError(500, "InternalServerError", "Something went wrong")
            return self._folder[name].value

        return REFERENCE.sub(resolve, value)

    def _approval_for(self, caller: Caller) -> Response | None:
        """A person's change waits for approval where a policy asks for it; a machine's never does."""
        if not (self._approval and caller.user):
            return None
        now = _now()
        return jsonify(
            {
                "approval": {
                    "id": str(uuid.uuid4()),
                    "policyId": str(uuid.uuid4()),
                    "hasMerged": False,
                    "status": "open",
                    "slug": secrets.token_hex(5),
                    "folderId": str(uuid.uuid5(uuid.NAMESPACE_URL, self.path)),
                    "committerUserId": caller.id,
                    "createdAt": now,
                    "updatedAt": now,
                }
            }
        )

    def _show(self, secret: Secret, *, value: str, hidden: bool, comment: str, version: int | None = None) -> dict[str, Any]:
        body = {
            "id": secret.id,
            "_id": secret.id,
            "workspace": self.workspace_id,
            "environment": self.environment,
            "version": version or secret.version,
            "type": "shared",
            "secretKey": secret.name,
            "secretValue": HIDDEN if hidden and not self._legacy else value,
            "secretComment": comment,
            "secretReminderNote": None,
            "secretReminderRepeatDays": None,
            "skipMultilineEncoding": secret.multiline,
            "createdAt": secret.created,
            "updatedAt": secret.updated,
        }
        if self._legacy:
            return body | {"metadata": None}
        extra: dict[str, Any] = {"secretMetadata": [], "actor": None, "isRotatedSecret": False, "rotationId": None}
        return body | {"secretValueHidden": hidden} | extra


def _status() -> Response:
    return jsonify(
        {
            "date": _now(),
            "message": "Ok",
            "emailConfigured": False,
            "inviteOnlySignup": True,
            "redisConfigured": True,
            "secretScanningConfigured": False,
        }
    )


def _flag(name: str) -> bool:
    return request.args.get(name) == "true"


def _denied(action: str) -> ApiError:
    return ApiError(403, "PermissionDenied", f"You are not allowed to {action} on secrets")


def _no_secret(name: str) -> ApiError:
    return ApiError(404, "NotFound", f"Secret with name '{name}' not found")


def _body(status: int, error: str, message: Any, *, with_id: bool = True) -> Response:
    body = {"statusCode": status, "message": message, "error": error}
    if with_id:
        body = {"reqId": f"req-{secrets.token_hex(7)}"} | body
    return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")


def _render_http(error: HTTPException) -> Response:
    if isinstance(error, NotFound | MethodNotAllowed):
        text = f"Route {request.method}:{request.full_path.rstrip('?')} not found"
        body = {"message": text, "error": "Not Found", "statusCode": 404}
        return Response(json.dumps(body), 404, content_type="application/json; charset=utf-8")
    return _body(500, "InternalServerError", "Something went wrong")
