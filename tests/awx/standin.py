# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the part of AWX's REST API that applying awx/ uses. It stores objects, and refuses what AWX refuses.

In the shape of AWX 24.6.1: lists with filters and pages, related lists to which objects are added by id, secrets shown as
C($encrypted$), surveys below their template, approvals below their node. Nothing is ever launched.
"""

from __future__ import annotations

import json
import threading
import typing as t
from collections import defaultdict

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.serving import make_server

from tests.awx import rules

Record = dict[str, t.Any]
TOKEN = "a-token-of-awx"
PAGE = 2  # small, so that clients must follow the pages
UNIFIED = ("job_templates", "projects", "workflow_job_templates", "inventory_sources", "workflow_approval_templates")
# What a client has to send to create one; AWX's own names and defaults.
REQUIRED: dict[str, tuple[str, ...]] = {
    "organizations": ("name",),
    "credential_types": ("name", "kind"),
    "credentials": ("name", "credential_type"),
    "execution_environments": ("name", "image"),
    "projects": ("name", "organization"),
    "inventories": ("name", "organization"),
    "inventory_sources": ("name", "inventory", "source_project"),
    "notification_templates": ("name", "organization", "notification_type", "notification_configuration"),
    "job_templates": ("name", "project", "playbook", "inventory"),
    "workflow_job_templates": ("name",),
    "workflow_job_template_nodes": ("workflow_job_template", "identifier"),
    "schedules": ("name", "unified_job_template", "rrule"),
}
# A survey asks for variables only; each of these may be set at a node only if its template prompts for it.
PROMPTS = {"job_type", "limit", "diff_mode", "verbosity", "extra_data", "inventory"}


class RefusedError(Exception):
    """What AWX answers with 400."""


class Awx:
    """The objects, and the server on the loopback interface that shows them."""

    def __init__(self, playbooks: t.Collection[str]) -> None:
        self.objects: dict[str, dict[int, Record]] = defaultdict(dict)
        self.links: dict[tuple[str, int, str], list[int]] = defaultdict(list)
        self.surveys: dict[tuple[str, int], Record] = {}
        self.writes: list[str] = []
        self._playbooks = playbooks
        self._lock = threading.Lock()
        fields = [{"id": "username", "label": ""}, {"id": "password", "label": "", "secret": True}]
        self._store("credential_types", {"name": "Amazon Web Services", "kind": "cloud", "inputs": {"fields": fields}})
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Awx:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def one(self, kind: str, name: str) -> Record:
        (found,) = [item for item in self.objects[kind].values() if name in (item.get("name"), item.get("identifier"))]
        return found

    def linked(self, kind: str, name: str, relation: str) -> list[str]:
        """The names of what is linked to an object."""
        target = relation if relation in self.objects else "workflow_job_template_nodes"
        if relation.startswith("notification_templates"):
            target = "notification_templates"
        items = [self.objects[target][number] for number in self.links[kind, self.one(kind, name)["id"], relation]]
        return sorted(item.get("identifier") or item["name"] for item in items)

    # -- the API

    def _app(self) -> Flask:
        app = Flask(__name__)

        @app.before_request
        def authenticate() -> Response | None:
            allowed = request.headers.get("Authorization") == f"Bearer {TOKEN}"
            return None if allowed else _answer({"detail": "Authentication credentials were not provided."}, 401)

        @app.route("/api/v2/<kind>/", methods=["GET", "POST"])
        def collection(kind: str) -> Response:
            if request.method == "GET":
                return _answer(self._page([self._shown(k, item) for k, item in self._find(kind)]))
            return self._write(lambda: _answer(self._shown(kind, self._create(kind, _body())), 201))

        @app.route("/api/v2/<kind>/<int:number>/", methods=["GET", "PATCH"])
        def detail(kind: str, number: int) -> Response:
            item = self._get(kind, number)
            if request.method == "PATCH":
                return self._write(lambda: _answer(self._shown(kind, self._update(kind, item, _body()))))
            return _answer(self._shown(kind, item))

        @app.route("/api/v2/<kind>/<int:number>/survey_spec/", methods=["GET", "POST"])
        def survey(kind: str, number: int) -> Response:
            self._get(kind, number)
            if request.method == "POST":
                return self._write(lambda: _answer(self._ask(kind, number, _body())))
            return _answer(self.surveys.get((kind, number), {}))

        @app.route("/api/v2/workflow_job_template_nodes/<int:number>/create_approval_template/", methods=["POST"])
        def approval(number: int) -> Response:
            return self._write(lambda: _answer(self._approve(number, _body()), 201))

        @app.route("/api/v2/<kind>/<int:number>/<relation>/", methods=["GET", "POST"])
        def related(kind: str, number: int, relation: str) -> Response:
            # An approval has no links of its own: those are its node's.
            if kind == "workflow_approval_templates":
                raise NotFound
            self._get(kind, number)
            linked = self.links[kind, number, relation]
            if request.method == "GET":
                return _answer(self._page([{"id": other} for other in linked]))
            return self._write(lambda: _link(linked, _body()))

        @app.errorhandler(RefusedError)
        def refused(error: RefusedError) -> Response:
            return _answer({"detail": str(error)}, 400)

        @app.errorhandler(HTTPException)
        def failed(error: HTTPException) -> Response:
            return _answer({"detail": error.name}, error.code or 500)

        @app.after_request
        def name(answer: Response) -> Response:
            answer.headers["X-API-Product-Name"] = "AWX"
            answer.headers["X-API-Product-Version"] = "24.6.1"
            return answer

        return app

    def _write(self, act: t.Callable[[], Response]) -> Response:
        with self._lock:
            self.writes.append(f"{request.method} {request.path}")
            return act()

    # -- the objects

    def _find(self, kind: str) -> list[tuple[str, Record]]:
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        wanted = {key: value for key, value in request.args.items() if key != "page"}
        return [
            (k, item)
            for k in kinds
            for item in self.objects[k].values()
            if all(str(item.get(key)) == value for key, value in wanted.items())
        ]

    def _page(self, items: list[Record]) -> Record:
        number = int(request.args.get("page", 1))
        begin, end = (number - 1) * PAGE, number * PAGE
        more = f"{request.path}?page={number + 1}" if end < len(items) else None
        return {"count": len(items), "next": more, "previous": None, "results": items[begin:end]}

    def _get(self, kind: str, number: int) -> Record:
        if number not in self.objects[kind]:
            raise NotFound
        return self.objects[kind][number]

    def _create(self, kind: str, body: Record) -> Record:
        if kind not in REQUIRED:
            raise NotFound
        missing = [name for name in REQUIRED[kind] if body.get(name) in (None, "")]
        if missing:
            raise RefusedError(f"required: {missing}")
        self._check(kind, body)
        return self._store(kind, body)

    def _store(self, kind: str, body: Record) -> Record:
        number = sum(len(items) for items in self.objects.values()) + 1
        self.objects[kind][number] = {**body, "id": number}
        return self.objects[kind][number]

    def _update(self, kind: str, item: Record, body: Record) -> Record:
        self._check(kind, {**item, **body})
        item.update(body)
        return item

    def _check(self, kind: str, body: Record) -> None:
        problems: list[str] = []
        if kind == "credential_types":
            problems = rules.credential_type_problems(body.get("inputs", {"fields": []}), body.get("injectors", {}))
        elif kind == "credentials":
            fields = {field["id"] for field in self._get("credential_types", body["credential_type"])["inputs"]["fields"]}
            problems = [f"no field {name}" for name in set(body["inputs"]) - fields]
        elif kind == "schedules":
            problems = rules.schedule_problems(body["rrule"])
        elif kind == "job_templates" and body["playbook"] not in self._playbooks:
            problems = [f"Playbook not found for project: {body['playbook']}"]
        elif kind == "workflow_job_template_nodes":
            problems = [f"{name} is not prompted for" for name in PROMPTS & body.keys()]
        if problems:
            raise RefusedError("; ".join(problems))

    def _ask(self, kind: str, number: int, spec: Record) -> Record:
        if problems := rules.survey_problems(spec):
            raise RefusedError("; ".join(problems))
        self.surveys[kind, number] = spec
        return {}

    def _approve(self, number: int, body: Record) -> Record:
        template = self._store("workflow_approval_templates", body)
        self._get("workflow_job_template_nodes", number)["unified_job_template"] = template["id"]
        return self._shown("workflow_approval_templates", template)

    def _shown(self, kind: str, item: Record) -> Record:
        """An object as AWX shows it: with its address, its relations, and no secret."""
        url = f"/api/v2/{kind}/{item['id']}/"
        related = {"survey_spec": f"{url}survey_spec/"}
        template = item.get("unified_job_template") if kind == "workflow_job_template_nodes" else None
        if template is not None:
            place = next(k for k in UNIFIED if template in self.objects[k])
            related["unified_job_template"] = f"/api/v2/{place}/{template}/"
        shown = {**item, "type": kind[:-1], "url": url, "related": related, "summary_fields": {}}
        if kind == "credentials":
            fields = self.objects["credential_types"][item["credential_type"]]["inputs"]["fields"]
            secrets = {field["id"] for field in fields if field.get("secret")}
            shown["inputs"] = {k: "$encrypted$" if k in secrets else value for k, value in item["inputs"].items()}
        if kind == "projects":
            shown["scm_revision"] = "0" * 40
        return shown


def _body() -> Record:
    found: Record = request.get_json()
    return found


def _answer(content: t.Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")


def _link(linked: list[int], body: Record) -> Response:
    if body.get("disassociate"):
        linked.remove(body["id"])
    elif body["id"] not in linked:
        linked.append(body["id"])
    return Response(status=204)
