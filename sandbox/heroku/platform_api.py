# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The Platform API: what its endpoints have in common, and the groups that they come in."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox.heroku import platform_addons, platform_apps, platform_dynos
from sandbox.heroku.dynos import Dynos
from sandbox.heroku.oneoff import OneOffs
from sandbox.heroku.wire import ApiError, RateLimit, add_headers, check_accept, check_token
from sandbox.heroku.world import World

FREE_OF_CHARGE = frozenset({"/account/rate-limits"})


def blueprint(world: World, dynos: Dynos, oneoffs: OneOffs) -> Blueprint:
    api = Blueprint("platform", __name__)
    limit = RateLimit()

    @api.before_request
    def check() -> None:
        check_token(world.settings.tokens)
        check_accept()
        if request.path not in FREE_OF_CHARGE and limit.remaining(take=1) < 0:
            raise ApiError(
                429,
                "rate_limit",
                "Your account reached the API rate limit. Please wait a few minutes before making new requests.",
            )

    @api.after_request
    def headers(response: Response) -> Response:
        response.headers["RateLimit-Remaining"] = str(limit.remaining())
        response.headers["RateLimit-Multiplier"] = "1"
        response.headers["OAuth-Scope"] = "global"
        response.headers["OAuth-Scope-Accepted"] = "global"
        response.add_etag()
        return add_headers(response)

    @api.get("/account/rate-limits")
    def rate_limits() -> dict[str, int]:
        return {"remaining": limit.remaining()}

    platform_apps.add_routes(api, world)
    platform_addons.add_routes(api, world)
    platform_dynos.add_routes(api, world, dynos, oneoffs)
    return api
