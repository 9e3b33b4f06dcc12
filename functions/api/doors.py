"""Makes Azure functions of the route table: each route behind a function key, all of them behind sign-in.

`/api/...`            every route is a function of its own; the host lets nobody in without a key.
`/api/signed-in/...`  one function for people and for apps with a token of the directory; the platform signs them in,
                      and the role of the route decides. Without DYNASYNC_EASY_AUTH it opens to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import List

import azure.functions as func

from functions.api.problems import Refusal, refused
from functions.api.route import ROUTES, Role, Route, find
from functions.api.serve import SIGNED_IN, serve

_STORAGE = "AzureWebJobsStorage"
_WORK = "sync-work"
_REQUESTS = "contact-requests"
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


def doors(modules: Sequence[ModuleType]) -> func.Blueprint:
    """The functions of all routes that these modules declare."""
    names = {module.__name__ for module in modules}
    blueprint = func.Blueprint()
    for route in [route for route in ROUTES.values() if route.handler.__module__ in names]:
        level = func.AuthLevel.ANONYMOUS if route.role is Role.OPEN else func.AuthLevel.FUNCTION
        made: Callable[..., object] = _sending(route) if route.sends else _plain(route)
        made.__name__ = route.name
        made.__doc__ = route.handler.__doc__
        if route.sends:
            made = _with_queues(blueprint, made)
        blueprint.route(route=route.path, methods=[route.method], auth_level=level)(made)
    opened = _with_queues(blueprint, signed_in)
    path = SIGNED_IN + "/{*path}"
    blueprint.route(route=path, methods=_METHODS, auth_level=func.AuthLevel.ANONYMOUS)(opened)
    return blueprint


def _with_queues(blueprint: func.Blueprint, function: Callable[..., object]) -> Callable[..., object]:
    work = blueprint.queue_output(arg_name="work", queue_name=_WORK, connection=_STORAGE)
    requests = blueprint.queue_output(arg_name="requests", queue_name=_REQUESTS, connection=_STORAGE)
    made: Callable[..., object] = work(requests(function))
    return made


def _plain(route: Route) -> Callable[..., object]:
    def run(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return serve(route, req, context)[0]

    return run


def _sending(route: Route) -> Callable[..., object]:
    def run(
        req: func.HttpRequest, work: func.Out[List[str]], requests: func.Out[List[str]], context: func.Context
    ) -> func.HttpResponse:
        return _sent(route, req, work, requests, context)

    return run


def signed_in(
    req: func.HttpRequest, work: func.Out[List[str]], requests: func.Out[List[str]], context: func.Context
) -> func.HttpResponse:
    """Every route for those whom the platform signed in."""
    found = find(req.method, req.route_params.get("path", ""))
    if found is None:
        return refused(
            Refusal("route_not_found", "there is no such address", next_step="GET /api/openapi.json lists them.")
        )
    route, places = found
    return _sent(route, req, work, requests, context, door=SIGNED_IN, places=places)


def _sent(
    route: Route,
    req: func.HttpRequest,
    work: func.Out[List[str]],
    requests: func.Out[List[str]],
    context: func.Context,
    *,
    door: str = "",
    places: dict[str, str] | None = None,
) -> func.HttpResponse:
    response, call = serve(route, req, context, door=door, places=places)
    if call.work:
        work.set(call.work)
    if call.requests:
        requests.set(call.requests)
    return response
