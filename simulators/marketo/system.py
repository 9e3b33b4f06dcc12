"""The server's core: size, token, limits, route, answer. Source: marketo.md 2.1 to 2.3."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from posixpath import normpath
from typing import Any

from simulators.frame.clock import Clock
from simulators.frame.http import Request, Response, json_response, text_response
from simulators.frame.paths import Match
from simulators.frame.system import SystemBase
from simulators.marketo import acts, identity, seeding, state
from simulators.marketo.bulk.jobs import Jobs
from simulators.marketo.call import Call
from simulators.marketo.errors import CallError, TransportError
from simulators.marketo.flowsteps import callbacks
from simulators.marketo.flowsteps.book import Book
from simulators.marketo.flowsteps.campaigns import Campaigns
from simulators.marketo.resources import routes
from simulators.marketo.routes import Route
from simulators.marketo.switches import SWITCHES
from simulators.marketo.tenant import Tenant

MOST_BYTES, MOST_IMPORT_BYTES, MOST_URI = 1_048_576, 10_485_760, 8_192
_API = ("/rest/", "/bulk/")
_METHOD = re.compile(rb"(?:\A|&)_method=([A-Za-z]+)")


class Marketo(SystemBase):
    """One Marketo Engage subscription behind https."""

    name = "marketo"
    switch_list = SWITCHES

    def __init__(self, clock: Clock | None = None, *, seed: int = 1) -> None:
        super().__init__(clock, seed=seed)
        self.tenant = self._new_tenant()
        self._begin_flow_steps()

    def _begin_flow_steps(self) -> None:
        self.book = Book()
        self.campaigns = Campaigns(self.tenant, self.book, lambda: self.urls.get(self.name, ""), lambda: self.ca_file)

    def _new_tenant(self) -> Tenant:
        tenant = Tenant(
            clock=self.clock, agenda=self.agenda, switches=self.switches, writes=self.writes, chance=self.chance
        )
        tenant.jobs = Jobs(tenant)
        return tenant

    def reset(self, seed: int) -> None:
        """An empty subscription with its one API user; see `System.reset`."""
        super().reset(seed)
        self.tenant = self._new_tenant()
        self._begin_flow_steps()

    def flight(self, request: Request) -> AbstractContextManager[None]:
        """Calls under way are counted; asking for a token is none of them."""
        return self.tenant.limits.under_way() if _path(request).startswith(_API) else nullcontext()

    # -- the vendor's API ----------------------------------------------------------------------------------------
    def handle(self, request: Request) -> Response:
        """See `System.handle`."""
        self.agenda.run_due()
        tenant = self.tenant
        with tenant.lock:
            path = _path(request)
            try:
                if path.startswith(callbacks.PATH):
                    return _routed(callbacks.answer(tenant, self.book, request), f"{callbacks.PATH}{{id}}")
                check_size(request, path)
                if path == identity.PATH:
                    return _routed(identity.answer(tenant, request), identity.PATH)
                if not path.startswith(_API):
                    return text_response(404, "Not Found")
                return self._answer(tenant, request, path)
            except TransportError as error:
                return text_response(error.status, error.text)

    def _answer(self, tenant: Tenant, request: Request, path: str) -> Response:
        match = routes.match(_method(request), path)
        template = match.template if match else ""
        user = ""
        try:
            service = identity.caller(tenant, request)
            tenant.limits.take(service.user)
            user = service.user
            return _routed(self._routed_call(tenant, request, match, service), template)
        except CallError as error:
            tenant.limits.failed(error.code)
            if user:
                tenant.limits.uncount(user, error.code)
            body = {"requestId": tenant.request_id(), "success": False}
            errors = [{"code": error.code, "message": error.message}]
            return _routed(json_response(200, {**body, "errors": errors}), template)

    def _routed_call(
        self, tenant: Tenant, request: Request, match: Match[Route] | None, service: identity.Service
    ) -> Response:
        if match is None:
            raise CallError("610")
        if match.target is None:
            raise CallError("605")
        if match.target.writes and service.read_only:
            raise CallError("603")
        trouble = acts.next_trouble(tenant, request)
        if trouble is not None and not trouble.get("after"):
            raise CallError(trouble["code"])
        answer = match.target.handler(Call(tenant, request, service, match.arguments))
        if trouble is not None:
            raise CallError(trouble["code"])
        return answer

    # -- the control API -----------------------------------------------------------------------------------------
    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """See `seeding.seed`."""
        with self.tenant.lock:
            return seeding.seed(self.tenant, spec)

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """See `state.view`; `kind=flowsteps` lists the chunks that were handed over, and what came back."""
        if query.get("kind") == "flowsteps":
            with self.book.lock:
                return {"flowsteps": [chunk.shown() for chunk in self.book.chunks.values()]}
        with self.tenant.lock:
            return state.view(self.tenant, query)

    def act(self, action: str, spec: dict[str, Any]) -> dict[str, Any]:
        """See `acts.ACTS`; what calls a provider holds no lock meanwhile."""
        if action in self.campaigns.acts:
            return self.campaigns.act(action, spec)
        with self.tenant.lock:
            return acts.act(self.tenant, action, spec)


def _path(request: Request) -> str:
    """The path without dots and double slashes, which clients send and the vendor takes."""
    return normpath("/" + request.path.lstrip("/")) if "\x00" not in request.path else "/"


def _method(request: Request) -> str:
    """POST with `_method=GET` in query or form is a GET."""
    if request.method != "POST":
        return "GET" if request.method == "HEAD" else request.method
    asked = request.first("_method")
    if not asked and "form-urlencoded" in request.headers.get("content-type", "").lower():
        found = _METHOD.search(request.body)
        asked = found[1].decode() if found else ""
    return "GET" if asked.upper() == "GET" else "POST"


def check_size(request: Request, path: str) -> None:
    """413 and 414, the only plain statuses."""
    if len(request.raw_target) > MOST_URI:
        raise TransportError(414, "Request-URI Too Long")
    importing = path.startswith("/bulk/")
    if len(request.body) > (MOST_IMPORT_BYTES if importing else MOST_BYTES):
        raise TransportError(413, "Request Entity Too Large")


def _routed(response: Response, template: str) -> Response:
    response.route = template
    return response
