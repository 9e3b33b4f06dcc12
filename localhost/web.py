"""HTTP as the Functions host serves it: route, authorise, call the function, write its answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from localhost import routes, typed_data
from localhost.admin import AdminApi
from localhost.channel import WorkerLost
from localhost.errors import HostError
from localhost.functions import AuthLevel, Function, HttpTrigger
from localhost.invoker import Call, FunctionFailed, Invoker
from localhost.keys import Keys
from localhost.outputs import http_output
from localhost.supervisor import WorkerUnavailable
from localhost.users import LocalUsers, is_platform_header

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HOME = "<!doctype html><html lang=en><title>Functions</title><p>Your local Functions host is up and running.</p>"


@dataclass(frozen=True, slots=True)
class _Endpoint:
    function: Function
    trigger: HttpTrigger
    route: routes.Route

    @property
    def rank(self) -> tuple[tuple[int, ...], str]:
        """Specific templates first; the order is the same at every start."""
        return self.route.order, self.route.template


class Router:
    """Finds the function for a method and path."""

    def __init__(self, functions: Iterable[Function], prefix: str) -> None:
        found = [
            _Endpoint(function, function.trigger, _parse(function, function.trigger, prefix))
            for function in functions
            if isinstance(function.trigger, HttpTrigger)
        ]
        self._endpoints = sorted(found, key=lambda endpoint: endpoint.rank)

    def find(self, method: str, path: str) -> tuple[Function, HttpTrigger, dict[str, str]] | None:
        """The first endpoint that takes this method at this path, with the route's parameters."""
        segments = routes.split_path(path)
        for endpoint in self._endpoints:
            if endpoint.trigger.methods and method not in endpoint.trigger.methods:
                continue  # a wrong verb is "not found", as in the real host
            values = endpoint.route.match(segments)
            if values is not None:
                return endpoint.function, endpoint.trigger, values
        return None


class HttpFront:
    """The WSGI application that this host serves."""

    def __init__(
        self,
        *,
        router: Router,
        invoker: Invoker,
        keys: Keys,
        users: LocalUsers,
        admin: AdminApi,
        custom_headers: Mapping[str, str],
    ) -> None:
        self._router = router
        self._invoker = invoker
        self._keys = keys
        self._users = users
        self._admin = admin
        self._custom_headers = custom_headers

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response = self._handle(Request(environ))
        for name, value in self._custom_headers.items():
            response.headers[name] = value
        return response(environ, start_response)

    def _handle(self, request: Request) -> Response:
        path = str(request.environ.get("REQUEST_URI", request.path)).partition("?")[0]
        if path.startswith("/admin/"):
            if self._keys.level_of(_key(request), "") < AuthLevel.ADMIN:
                return Response(status=401)
            return self._admin.handle(request, path.removeprefix("/admin/").strip("/"))
        if path.startswith("/.auth/"):
            return self._users.handle(request, path.removeprefix("/.auth/").strip("/"))
        found = self._router.find(request.method, path)
        if found is None:
            return Response(_HOME, mimetype="text/html") if path == "/" else Response(status=404)
        function, trigger, values = found
        level = self._keys.level_of(_key(request), function.name)
        if function.disabled and level < AuthLevel.ADMIN:
            return Response(status=404)
        if level < trigger.level:
            return Response(status=401)
        return self._call(request, function, values)

    def _call(self, request: Request, function: Function, values: Mapping[str, str]) -> Response:
        user_headers = self._users.headers_for(request)
        if user_headers is None:
            return Response("There is no such local user; declare it with --user NAME=ROLE,ROLE.\n", status=401)
        call = Call(
            function=function,
            trigger=_to_rpc(request, values, user_headers),
            metadata={},
            reason="This function was programmatically called via the host APIs.",
            traceparent=request.headers.get("traceparent", ""),
        )
        try:
            return _from_rpc(http_output(function, self._invoker.run(call)))
        except (FunctionFailed, WorkerLost):
            return Response(status=500)
        except WorkerUnavailable:
            return Response(status=503)


def _parse(function: Function, trigger: HttpTrigger, prefix: str) -> routes.Route:
    try:
        return routes.parse_route(f"{prefix}/{trigger.route.strip('/')}")
    except ValueError as error:
        raise HostError(f"Function {function.name!r}: {error}.", "Correct its route and start again.") from None


def _key(request: Request) -> str | None:
    """The header comes first; only without it does ``?code=`` count."""
    return request.headers.get("x-functions-key") or request.args.get("code")


def _to_rpc(request: Request, values: Mapping[str, str], user_headers: Mapping[str, str]) -> Any:
    headers = {name.lower(): value for name, value in request.headers.items() if not is_platform_header(name.lower())}
    query = {name: ",".join(request.args.getlist(name)) for name in request.args}
    # Without a Content-Length (chunked) the real host sends the worker no body.
    body = request.get_data() if (request.content_length or 0) > 0 else b""
    return typed_data.http_request(
        method=request.method,
        url=request.url,
        headers={**headers, **user_headers},
        query={name: value for name, value in query.items() if value},
        route=values,
        body=body,
    )


def _from_rpc(data: Any | None) -> Response:
    if data is None:
        return Response(status=204)
    kind = data.WhichOneof("data")
    if kind != "http":
        text = getattr(data, kind) if kind else ""
        return Response(text if isinstance(text, bytes) else str(text), content_type="text/plain; charset=utf-8")
    http = data.http
    body_kind = http.body.WhichOneof("data")
    body = getattr(http.body, body_kind) if body_kind else b""
    response = Response(body, status=int(http.status_code or 200))
    del response.headers["Content-Type"]
    for name, value in http.headers.items():
        response.headers[name] = value
    for cookie in http.cookies:
        _set_cookie(response, cookie)
    return response


def _set_cookie(response: Response, cookie: Any) -> None:
    same_site = {1: "Lax", 2: "Strict", 3: "None"}.get(int(cookie.same_site))
    response.set_cookie(
        cookie.name,
        cookie.value,
        max_age=int(cookie.max_age.value) if cookie.HasField("max_age") else None,
        expires=cookie.expires.value.ToDatetime() if cookie.HasField("expires") else None,
        path=cookie.path.value if cookie.HasField("path") else "/",
        domain=cookie.domain.value if cookie.HasField("domain") else None,
        secure=cookie.secure.value if cookie.HasField("secure") else False,
        httponly=cookie.http_only.value if cookie.HasField("http_only") else False,
        samesite=same_site,
    )
