"""The server's core: key, rate limit, route, answer. Source: activecampaign.md 2.1, 2.3 and 2.14."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from simulators.activecampaign import acts, seeding, state
from simulators.activecampaign.bulk.queue import ImportQueue
from simulators.activecampaign.call import Call, method_not_allowed, unknown_path
from simulators.activecampaign.errors import ApiError, forbidden
from simulators.activecampaign.resources import routes
from simulators.activecampaign.switches import SWITCHES
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import DEFAULT_BASE, Tenant
from simulators.activecampaign.webhooks.courier import Courier
from simulators.activecampaign.webhooks.events import Announcer
from simulators.frame.clock import Clock
from simulators.frame.http import Request, Response, html_response, json_response, text_response
from simulators.frame.system import SystemBase

log = logging.getLogger(__name__)
PREFIX = "/api/3"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Login</title></head><body><form>Please log in.</form></body></html>"


class ActiveCampaign(SystemBase):
    """One ActiveCampaign account behind https."""

    name = "activecampaign"
    switch_list = SWITCHES

    def __init__(self, clock: Clock | None = None, *, seed: int = 1) -> None:
        super().__init__(clock, seed=seed)
        self.courier = Courier()
        self.tenant = self._new_tenant()

    def _new_tenant(self) -> Tenant:
        tenant = Tenant(
            clock=self.clock, agenda=self.agenda, switches=self.switches, writes=self.writes, chance=self.chance
        )
        announcer = Announcer(tenant, self.courier)
        tenant.emit = announcer.emit
        tenant.post_form = announcer.post_form
        tenant.imports = ImportQueue(tenant, self.courier)
        tenant.base = self.urls.get(self.name, DEFAULT_BASE)
        return tenant

    def reset(self, seed: int) -> None:
        """An empty account with its owner; see `System.reset`."""
        super().reset(seed)
        self.courier.attempts.clear()
        self.tenant = self._new_tenant()

    def started(self, urls: Mapping[str, str], ca_file: str) -> None:
        """See `System.started`: links name the address the server listens on."""
        super().started(urls, ca_file)
        self.tenant.base = urls.get(self.name, DEFAULT_BASE)
        if ca_file:
            self.courier.trusted = [ca_file]

    # -- the vendor's API ----------------------------------------------------------------------------------------
    def handle(self, request: Request) -> Response:
        """See `System.handle`."""
        self.agenda.run_due()
        tenant = self.tenant
        with tenant.lock:
            response = self._answer(tenant, request)
            self._rate_headers(tenant, response)
        return response

    def _answer(self, tenant: Tenant, request: Request) -> Response:
        if not (request.path == PREFIX or request.path.startswith(f"{PREFIX}/")):
            return unknown_path()
        user = tenant.user_of_key(request.headers.get("api-token", ""))
        match = routes.match(request.method, request.path[len(PREFIX) :])
        response = self._stopped(tenant, user)
        if response is not None:
            response.route = f"{PREFIX}{match.template}" if match else ""
            return response
        if user is None or match is None or match.target is None:
            return method_not_allowed() if match else unknown_path()
        try:
            response = match.target(Call(tenant, request, user, match.arguments))
        except ApiError as error:
            response = error.response()
        response.route = f"{PREFIX}{match.template}"
        return response

    def _stopped(self, tenant: Tenant, user: Row | None) -> Response | None:
        """A wrong key stops a call first, too many calls second."""
        if user is None:
            return self._bad_key()
        return None if self._within_limit(tenant) else self._too_fast()

    def _bad_key(self) -> Response:
        """403 as documented, or the log-in page some have seen."""
        answer = self.switches.word("bad_key")
        if answer == "html_200":
            return html_response(200, LOGIN_PAGE)
        if answer == "html_403":
            return html_response(403, LOGIN_PAGE)
        return forbidden().response()

    def _within_limit(self, tenant: Tenant) -> bool:
        most = int(self.switches.number("requests_per_second"))
        return tenant.calls.take(most, calendar=self.switches.word("rate_window") == "second")

    def _too_fast(self) -> Response:
        status = int(self.switches.number("rate_limit_status"))
        body = self.switches.word("rate_limit_body")
        if body == "html":
            response = html_response(status, "<html><body>Too Many Requests</body></html>")
        elif body == "empty":
            response = text_response(status, "")
        else:
            response = json_response(status, {"message": "Too Many Requests"})
        response.headers.append(("Retry-After", str(int(self.switches.number("retry_after_seconds")))))
        return response

    def _rate_headers(self, tenant: Tenant, response: Response) -> None:
        most = int(self.switches.number("requests_per_second"))
        if most > 0:
            response.headers.append(("RateLimit-Limit", str(most)))
            response.headers.append(("RateLimit-Remaining", str(tenant.calls.left(most))))
        if response.status == 200 and self.switches.on("retry_after_on_success"):
            response.headers.append(("Retry-After", "1"))

    # -- the control API -----------------------------------------------------------------------------------------
    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """See `seeding.seed`."""
        with self.tenant.lock:
            return seeding.seed(self.tenant, spec)

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """See `state.view`."""
        if query.get("kind") == "deliveries":
            # Not under the lock: a delivery that is answered with 410 needs it to finish.
            self.courier.drain()
        with self.tenant.lock:
            return state.view(self.tenant, self.courier, query)

    def act(self, action: str, spec: dict[str, Any]) -> dict[str, Any]:
        """See `acts.ACTS`."""
        return acts.act(self.tenant, self.courier, action, spec)
