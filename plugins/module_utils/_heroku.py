# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""A client for what the collection needs of Heroku's Platform API and of its (unpublished) Data API for Postgres."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import ApiError, DeprovisionError, UnreachableError
from ansible_collections.raxx.deprovision.plugins.module_utils._http import Answer, HttpClient

SYSTEM = "Heroku"
DATA_SYSTEM = "Heroku Data"
API_URL = "https://api.heroku.com"
DATA_URL = "https://api.data.heroku.com"

_ACCEPT = "application/vnd.heroku+json; version=3"
_ACCEPT_SDK = f"{_ACCEPT}.sdk"
_WITH_PLANS = {"Accept": _ACCEPT_SDK, "Accept-Inclusion": "addon:plan,config_vars"}
_POSTGRES_PLAN = "heroku-postgresql:"
_MOST_PAGES = 100

Value = t.TypeVar("Value")


@dataclass(frozen=True)
class Account:
    """The account that the API key belongs to."""

    id: str
    email: str


@dataclass(frozen=True)
class App:
    """An app. On the stack C(cnb), commands of one-off dynos need the prefix C(launcher). Generations are C(cedar) and C(fir)."""

    name: str
    stack: str
    generation: str

    @classmethod
    def from_answer(cls, body: t.Any) -> App:
        generation = body.get("generation") or "cedar"
        return cls(
            str(body["name"]),
            str((body.get("stack") or {}).get("name", "")),
            str(generation["name"] if isinstance(generation, t.Mapping) else generation),
        )


@dataclass(frozen=True)
class Release:
    """A release of an app. C(status) is C(pending), C(succeeded), C(failed) or C(expired)."""

    version: int
    status: str
    description: str
    created_at: str

    @classmethod
    def from_answer(cls, body: t.Any) -> Release:
        return cls(int(body["version"]), str(body.get("status", "")), str(body.get("description", "")), str(body["created_at"]))


@dataclass(frozen=True)
class Dyno:
    """A dyno. C(release) is V(None) as long as Heroku has not assigned one. The attach URL is a secret."""

    id: str
    name: str
    type: str
    state: str
    command: str
    release: int | None
    created_at: str
    updated_at: str
    attach_url: str | None = field(default=None, repr=False)

    @classmethod
    def from_answer(cls, body: t.Any) -> Dyno:
        version = (body.get("release") or {}).get("version")
        return cls(
            str(body.get("id", "")),
            str(body["name"]),
            str(body.get("type", "")),
            str(body.get("state", "")),
            str(body.get("command", "")),
            None if version is None else int(version),
            str(body.get("created_at", "")),
            str(body.get("updated_at", "")),
            body.get("attach_url"),
        )

    @property
    def is_process(self) -> bool:
        """Whether it belongs to the formation, so that it is restarted; one-off and release-phase dynos are not."""
        return self.type not in ("run", "release")


@dataclass(frozen=True)
class Addon:
    """A database add-on. C(plan) is for example C(heroku-postgresql:standard-0); C(app) is the app that owns it."""

    id: str
    name: str
    plan: str
    app: str


@dataclass(frozen=True)
class Attachment:
    """An attachment of an add-on to an app. C(namespace) is C(credential:NAME), or V(None) for the default credential."""

    name: str
    app: str
    namespace: str | None
    config_vars: tuple[str, ...]
    addon: Addon

    @classmethod
    def from_answer(cls, body: t.Any) -> Attachment:
        addon = body["addon"]
        return cls(
            str(body["name"]),
            str((body.get("app") or {}).get("name", "")),
            body.get("namespace"),
            tuple(body.get("config_vars") or [f"{body['name']}_URL"]),
            Addon(
                str(addon["id"]),
                str(addon["name"]),
                str((addon.get("plan") or {}).get("name", "")),
                str((addon.get("app") or {}).get("name", "")),
            ),
        )


@dataclass(frozen=True)
class CredentialUser:
    """A database user of a credential. C(connections) is V(None) where Heroku does not tell."""

    name: str
    password: str = field(repr=False)
    state: str
    connections: int | None


@dataclass(frozen=True)
class CredentialStore:
    """A credential of a database with its users: usually one, two while it is rotated. Words of state may be unknown ones."""

    name: str
    state: str
    host: str
    port: int
    database: str
    users: tuple[CredentialUser, ...]

    @classmethod
    def from_answer(cls, body: t.Any) -> CredentialStore:
        return cls(
            str(body["name"]),
            str(body["state"]),
            str(body["host"]),
            int(body["port"]),
            str(body["database"]),
            tuple(
                CredentialUser(
                    str(user["user"]),
                    str(user.get("password") or ""),
                    str(user.get("state", "")),
                    None if user.get("connections") is None else int(user["connections"]),
                )
                for user in body["credentials"]
            ),
        )

    def url(self, user: CredentialUser) -> str:
        """The connection URL of C(user), in the form in which Heroku writes it into config vars."""
        return (
            f"postgres://{quote(user.name, safe='')}:{quote(user.password, safe='')}@{self.host}:{self.port}"
            f"/{quote(self.database, safe='')}"
        )


class HerokuClient:
    """Calls Heroku with one API key. Every app and add-on is given by name or id. No mutating call is ever repeated here."""

    def __init__(self, api_key: str, *, api_url: str = API_URL, data_url: str = DATA_URL, timeout: float = 20.0) -> None:
        self._platform = HttpClient(
            SYSTEM,
            api_url,
            {"Accept": _ACCEPT, "Authorization": f"Bearer {api_key}"},
            timeout=timeout,
            parse_error=_parse_error,
        )
        # As Heroku's own client: the credential routes of the classic tiers are called with Basic authentication.
        basic = base64.b64encode(f":{api_key}".encode()).decode()
        self._data = HttpClient(
            DATA_SYSTEM,
            data_url,
            {"Accept": _ACCEPT, "Authorization": f"Basic {basic}"},
            timeout=timeout,
            parse_error=_parse_error,
        )

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> HerokuClient:
        """A client from the options of L(_options.HEROKU). Raises C(credentials_missing) without an API key."""
        if not params["heroku_api_key"]:
            raise DeprovisionError(
                "credentials_missing", "No Heroku API key was given.", system=SYSTEM, next_step="Export HEROKU_API_KEY."
            )
        return cls(
            params["heroku_api_key"],
            api_url=params["heroku_api_url"],
            data_url=params["heroku_data_url"],
            timeout=params["heroku_timeout"],
        )

    def account(self) -> Account:
        return self._get("/account", lambda body: Account(str(body["id"]), str(body["email"])))

    def app(self, app: str) -> App:
        return self._get(f"/apps/{_part(app)}", App.from_answer, headers={"Accept": _ACCEPT_SDK})

    def config_vars(self, app: str) -> dict[str, str]:
        return self._get(f"/apps/{_part(app)}/config-vars", lambda body: {str(k): str(v) for k, v in body.items()})

    def set_config_vars(self, app: str, values: t.Mapping[str, str]) -> None:
        """Sets config vars in one release, which restarts the app. Raises C(config_var_attached) for a var of an add-on."""
        self._platform.request("PATCH", f"/apps/{_part(app)}/config-vars", json=dict(values))

    def newest_release(self, app: str) -> Release:
        """The release with the highest version, whether it has succeeded or not."""
        return self._get(
            f"/apps/{_part(app)}/releases",
            lambda body: Release.from_answer(max(body, key=lambda release: int(release["version"]))),
            headers={"Range": "version ..; order=desc,max=1"},
        )

    def dynos(self, app: str) -> list[Dyno]:
        """Every dyno of the app, also one-off and release-phase ones."""
        return self._list(f"/apps/{_part(app)}/dynos", Dyno.from_answer)

    def restart(self, app: str) -> None:
        """Asks for a restart of every dyno of the formation. Accepting is not finishing: look at the dynos."""
        self._platform.request("DELETE", f"/apps/{_part(app)}/dynos", headers={"Accept": _ACCEPT_SDK}, expected=(200, 202, 204))

    def run_dyno(
        self, app: str, command: str, *, attach: bool = True, size: str | None = None, time_to_live: int | None = None
    ) -> Dyno:
        """Starts a one-off dyno without a terminal. C(time_to_live) in seconds. The command is given to a shell as it is."""
        body: dict[str, t.Any] = {"attach": attach, "command": command, "env": {"TERM": "dumb"}, "force_no_tty": True}
        body |= {key: value for key, value in (("size", size), ("time_to_live", time_to_live)) if value is not None}
        path = f"/apps/{_part(app)}/dynos"
        answer = self._platform.request("POST", path, json=body, expected=(200, 201, 202))
        return _read(f"POST {path}", answer, Dyno.from_answer, outcome_unknown=True)

    def stop_dyno(self, app: str, dyno: str) -> None:
        self._platform.request(
            "POST",
            f"/apps/{_part(app)}/dynos/{_part(dyno)}/actions/stop",
            headers={"Accept": _ACCEPT_SDK},
            expected=(200, 202, 204),
        )

    def log_session(self, app: str, *, lines: int, tail: bool, source: str | None = None, dyno: str | None = None) -> str:
        """The URL at which the log is read, without further authentication: a secret."""
        body: dict[str, t.Any] = {"lines": lines, "tail": tail}
        body |= {key: value for key, value in (("source", source), ("dyno", dyno)) if value is not None}
        path = f"/apps/{_part(app)}/log-sessions"
        answer = self._platform.request(
            "POST", path, json=body, headers={"Accept": _ACCEPT_SDK}, expected=(200, 201), changes=False
        )
        return _read(f"POST {path}", answer, lambda answered: str(answered["logplex_url"]))

    def attachments(self, app: str) -> list[Attachment]:
        """Every attachment of add-ons to the app."""
        return self._list(f"/apps/{_part(app)}/addon-attachments", Attachment.from_answer, headers=_WITH_PLANS)

    def resolve_addon(self, app: str, identifier: str = "DATABASE", credential: str | None = None) -> Addon:
        """The Postgres add-on that C(identifier) names in C(app), found in the way of Heroku's own client.

        C(identifier) is the name of an attachment, of its config var or of the add-on; C(other-app::NAME) overrides the app.
        C(credential) chooses among attachments the one of that credential. Raises C(not_found) or C(ambiguous_name).
        """
        app, identifier = identifier.split("::", 1) if "::" in identifier else (app, identifier)
        try:
            path = "/actions/addon-attachments/resolve"
            answer = self._platform.request(
                "POST",
                path,
                json={"addon_attachment": identifier, "app": app},
                headers=_WITH_PLANS,
                expected=(200, 206),
                changes=False,
            )
            found = _read(f"POST {path}", answer, lambda body: [Attachment.from_answer(item) for item in body])
        except ApiError as error:
            if error.code != "not_found":
                raise
            found = self._attachments_by_value(app, identifier)
        found = [attachment for attachment in found if attachment.addon.plan.startswith(_POSTGRES_PLAN)]
        if credential:
            found = [attachment for attachment in found if attachment.namespace == f"credential:{credential}"]
        elif len(found) > 1:
            found = [attachment for attachment in found if attachment.namespace is None]
        if not found:
            raise DeprovisionError("not_found", f"App {app} has no Heroku Postgres database {identifier}.", system=SYSTEM)
        if len(found) > 1 and not self._are_equal(app, found):
            names = ", ".join(sorted(f"{attachment.app}::{attachment.name}" for attachment in found))
            raise DeprovisionError(
                "ambiguous_name", f"{identifier} names several databases of app {app}: {names}.", system=SYSTEM
            )
        return found[0].addon

    def credential(self, addon: Addon, name: str) -> CredentialStore:
        path = f"/postgres/v0/databases/{_part(addon.name)}/credentials/{_part(name)}"
        return _read(f"GET {path}", self._data.request("GET", path), CredentialStore.from_answer, system=DATA_SYSTEM)

    def rotate(self, addon: Addon, name: str, *, forced: bool = False) -> None:
        """Asks for a rotation of a credential. Accepting is not completing: poll L(credential)."""
        self._data.request(
            "POST",
            f"/postgres/v0/databases/{_part(addon.name)}/credentials/{_part(name)}/credentials_rotation",
            json={"forced": True} if forced else {},
            expected=(200, 201, 202),
        )

    def _attachments_by_value(self, app: str, name: str) -> list[Attachment]:
        """For a config var that is no attachment's own: the attachments whose var has the same value."""
        attachments, values = self.attachments(app), self.config_vars(app)
        wanted = values.get(name) or values.get(f"{name}_URL")
        return [each for each in attachments if wanted and wanted in (values.get(var) for var in each.config_vars)]

    def _are_equal(self, app: str, attachments: list[Attachment]) -> bool:
        """Whether attachments are the same add-on in the same app with the same value, so that any of them may be taken."""
        if len({(attachment.addon.id, attachment.app) for attachment in attachments}) > 1:
            return False
        values = self.config_vars(attachments[0].app or app)
        return len({values.get(attachment.config_vars[0]) for attachment in attachments}) == 1

    def _get(self, path: str, parse: t.Callable[[t.Any], Value], headers: t.Mapping[str, str] | None = None) -> Value:
        return _read(f"GET {path}", self._platform.request("GET", path, headers=headers, expected=(200, 206)), parse)

    def _list(self, path: str, parse: t.Callable[[t.Any], Value], headers: t.Mapping[str, str] | None = None) -> list[Value]:
        """A complete list, however many pages Heroku makes of it."""
        items: list[Value] = []
        headers = dict(headers or {})
        for _page in range(_MOST_PAGES):
            answer = self._platform.request("GET", path, headers=headers, expected=(200, 206))
            items += _read(f"GET {path}", answer, lambda body: [parse(item) for item in body])
            following = answer.headers.get("Next-Range")
            if answer.status != 206 or not following:
                return items
            headers["Range"] = following
        raise UnreachableError("unreachable", f"{SYSTEM} does not come to an end of GET {path}.", system=SYSTEM)


def _part(text: str) -> str:
    """C(text) as one segment of a path."""
    return quote(text, safe="")


def _read(
    what: str, answer: Answer, parse: t.Callable[[t.Any], Value], *, system: str = SYSTEM, outcome_unknown: bool = False
) -> Value:
    """Reads the body of an answer. One of another form is not an answer of this API (a proxy's, for instance)."""
    try:
        return parse(answer.body)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise UnreachableError(
            "unreachable",
            f"{system} answered {what} with a body of another form than expected.",
            system=system,
            status=answer.status,
            outcome_unknown=outcome_unknown,
        ) from None


_TEXT_BY_ID = {
    "delinquent": "the account has unpaid bills",
    "suspended": "the account is suspended",
    "two_factor": "the account asks for a second factor; use an API key that does not need one (heroku authorizations:create)",
}


def _parse_error(status: int, body: t.Any) -> tuple[str | None, str]:
    """Decides by C(id) and status. Heroku's own message may quote the request, so it is never passed on."""
    body = body if isinstance(body, t.Mapping) else {}
    error_id = str(body.get("id", ""))
    if "Cannot overwrite attachment values" in str(body.get("message", "")):
        return "config_var_attached", "a config var belongs to an add-on"
    if status in (404, 410):
        resource = str(body.get("resource") or "")
        return "not_found", f"no such {resource}" if resource.replace(" ", "").isidentifier() else ""
    if error_id in _TEXT_BY_ID:
        return "forbidden", _TEXT_BY_ID[error_id]
    if error_id == "multiple_matches":
        return "ambiguous_name", "the name fits several"
    if status == 422 and error_id != "invalid_params":
        return "conflict", error_id if error_id.isidentifier() else ""
    return None, error_id if error_id.isidentifier() else ""
