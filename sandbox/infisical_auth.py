# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Who calls Infisical: universal auth with its limits and its lockout, access tokens, and a person's token."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from flask import Response, jsonify, request

ALGORITHM = "HS256"
TOKEN_AUTH_SECONDS = 30 * 24 * 3600
NO_TOKEN = "No identity access token found"
BAD_LOGIN = "Invalid credentials"


class ApiError(Exception):
    """An answer that is not a success. `message` is a list for a ValidationFailure."""

    def __init__(self, status: int, error: str, message: str | list[dict[str, Any]]) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.message = message


@dataclass(frozen=True)
class Caller:
    """Who a token belongs to and what they may do."""

    id: str
    user: bool
    writes: bool
    sees_values: bool


@dataclass
class _Token:
    """An access token of a machine identity. `uses_left` is None where it is without limit."""

    ttl: float
    max_ttl: float
    created: float
    renewed: float
    uses_left: int | None


class Auth:
    """Tokens of one identity, whose role decides what it may do, and of one person."""

    def __init__(self, settings: dict[str, Any], *, legacy: bool) -> None:
        self._legacy = legacy
        self._lock = threading.Lock()
        self._key = secrets.token_hex(32)
        self._role: str = settings["role"]
        self._client_id: str = settings["client_id"]
        self._client_secret: str = settings["client_secret"]
        self._secret_expires = time.time() + settings["client_secret_ttl"] if settings.get("client_secret_ttl") else None
        self._secret_uses: int | None = settings["client_secret_uses"] or None
        self._secret_revoked = False
        self._ttl: float = settings["token_ttl"]
        self._max_ttl: float = settings["token_max_ttl"]
        self._uses: int | None = settings["token_uses"] or None
        self._lockout: dict[str, float] = settings["lockout"]
        self._failures = 0
        self._last_failure = 0.0
        self._locked_until = 0.0
        self._identity = str(uuid.uuid4())
        self._tokens: dict[str, _Token] = {}
        self._secrets = {self._client_secret}
        self.token = self._issue(TOKEN_AUTH_SECONDS, TOKEN_AUTH_SECONDS, None)
        self._person = str(uuid.uuid4())
        self.user_token = self._sign({"authTokenType": "accessToken", "userId": self._person}, time.time() + TOKEN_AUTH_SECONDS)

    def secrets(self) -> set[str]:
        with self._lock:
            return set(self._secrets)

    def caller(self) -> Caller:
        """Who makes the present request, by its bearer token."""
        header = request.headers.get("Authorization", "")
        # The scheme is cut off by position, so its case does not matter.
        token = header[len("Bearer ") :].strip()
        if not token:
            raise _unauthorized("Token missing")
        claims = self._decode(token)
        if claims["authTokenType"] == "accessToken":
            return Caller(claims["userId"], user=True, writes=True, sees_values=True)
        with self._lock:
            self._use(claims["identityAccessTokenId"])
        writes, sees = self._role in ("admin", "writer"), self._role in ("admin", "viewer")
        return Caller(claims["identityId"], user=False, writes=writes, sees_values=sees)

    def login(self, body: dict[str, Any]) -> Response:
        self._require(body, "clientId", "clientSecret")
        with self._lock:
            now = time.time()
            if body["clientId"] != self._client_id:
                if self._legacy:
                    raise ApiError(404, "NotFound", "No identity with specified client ID was found")
                raise _unauthorized(BAD_LOGIN)
            if not self._legacy and now < self._locked_until:
                raise _unauthorized("This identity auth method is temporarily locked, please try again later")
            if self._secret_revoked or body["clientSecret"] != self._client_secret:
                self._count_failure(now)
                raise _unauthorized(BAD_LOGIN)
            if self._secret_expires is not None and now >= self._secret_expires:
                self._secret_revoked = True
                raise _unauthorized("Access denied due to expired client secret")
            if self._secret_uses is not None:
                if self._secret_uses == 0:
                    self._secret_revoked = True
                    raise _unauthorized("Access denied due to client secret usage limit reached")
                self._secret_uses -= 1
            self._failures = 0
            return self._answer(self._issue(self._ttl, self._max_ttl, self._uses))

    def renew(self, body: dict[str, Any]) -> Response:
        self._require(body, "accessToken")
        old: str = body["accessToken"]
        claims = self._decode(old)
        if claims["authTokenType"] != "identityAccessToken":
            raise ApiError(400, "BadRequest", "Only identity access tokens can be renewed")
        with self._lock:
            token_id = claims["identityAccessTokenId"]
            self._use(token_id)
            token, now = self._tokens[token_id], time.time()
            if now + token.ttl > token.created + token.max_ttl:
                raise _unauthorized("Failed to renew MI access token past its Max TTL expiration")
            token.renewed = now
            return self._answer(old if self._legacy else self._sign_token(token_id, token))

    def revoke(self, body: dict[str, Any]) -> Response:
        self._require(body, "accessToken")
        claims = self._decode(body["accessToken"])
        with self._lock:
            if self._tokens.pop(claims.get("identityAccessTokenId", ""), None) is None:
                raise _unauthorized(NO_TOKEN)
        return jsonify({"message": "Successfully revoked access token"})

    def _issue(self, ttl: float, max_ttl: float, uses: int | None) -> str:
        token_id, now = str(uuid.uuid4()), time.time()
        self._tokens[token_id] = token = _Token(ttl, max_ttl, now, now, uses)
        return self._sign_token(token_id, token)

    def _sign_token(self, token_id: str, token: _Token) -> str:
        claims = {
            "identityId": self._identity,
            "clientSecretId": str(uuid.uuid5(uuid.NAMESPACE_OID, self._client_id)),
            "identityAccessTokenId": token_id,
            "authTokenType": "identityAccessToken",
        }
        # The old server let the signature live as long as the longest renewal, today's as long as the token.
        return self._sign(claims, token.created + token.max_ttl if self._legacy else token.renewed + token.ttl)

    def _sign(self, claims: dict[str, str], expires: float) -> str:
        token = jwt.encode({**claims, "iat": int(time.time()), "exp": int(expires)}, self._key, ALGORITHM)
        self._secrets.add(token)
        return token

    def _decode(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, [ALGORITHM], options={"verify_iat": False})
        except jwt.ExpiredSignatureError:
            raise ApiError(403, "TokenError", "Your token has expired. Please re-authenticate.") from None
        except jwt.InvalidSignatureError:
            raise ApiError(403, "TokenError", "invalid signature") from None
        except jwt.InvalidTokenError:
            text = "The provided access token is malformed. Please use a valid token or generate a new one and try again."
            raise ApiError(403, "TokenError", text) from None
        return claims

    def _use(self, token_id: str) -> None:
        """Count one use; a token whose time or uses are over is forgotten, and the next call does not find it."""
        token = self._tokens.get(token_id)
        if token is None:
            raise _unauthorized(NO_TOKEN)
        if token.uses_left == 0:
            del self._tokens[token_id]
            raise _unauthorized("Unable to renew because access token number of uses limit reached")
        if time.time() >= token.renewed + token.ttl:
            del self._tokens[token_id]
            raise _unauthorized("Failed to renew MI access token due to TTL expiration")
        if token.uses_left is not None:
            token.uses_left -= 1

    def _count_failure(self, now: float) -> None:
        if now - self._last_failure > self._lockout["reset_seconds"]:
            self._failures = 0
        self._failures += 1
        self._last_failure = now
        if self._failures >= self._lockout["failures"]:
            self._locked_until = now + self._lockout["lock_seconds"]
            self._failures = 0

    def _answer(self, token: str) -> Response:
        body = {"accessToken": token, "expiresIn": self._ttl, "accessTokenMaxTTL": self._max_ttl, "tokenType": "Bearer"}
        return jsonify(body)

    def _require(self, body: dict[str, Any], *names: str) -> None:
        missing = [
            {"code": "invalid_type", "expected": "string", "received": "undefined", "path": [name], "message": "Required"}
            for name in names
            if not isinstance(body.get(name), str)
        ]
        if missing:
            raise ApiError(401 if self._legacy else 422, "ValidationFailure", missing)


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "UnauthorizedError", message)
