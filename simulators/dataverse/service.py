"""The simulated Dataverse organisation: from an HTTP request to a handler and back.

How the parts meet:
* `DataverseSystem.handle` checks base path, bearer token and limits, builds a `Context` and calls `answer`.
* `execute(context, request)` finds the handler of the path and runs it in a transaction: it returns a `Response` or
  raises `DataverseError`, and then nothing it did remains. `$batch` calls it for each part with
  `context.part(request)`; around a change set it opens `context.store.transaction()`, so that one failure undoes all.
* `answer(context, request)` is the same with errors turned into error responses.
* Operations are registered in `registry.Operations`; seams for security and write listeners are in `hooks`.
* Handlers write rows through `writing` (`create_row`, `update_row`, `delete_row`), never through the store, so that
  rules, computed columns, listeners and the write log apply.

The modules named in `MODULES` are installed at construction: `install(service)` is called, `SWITCHES` are added.
"""

from __future__ import annotations

import importlib
import logging
import random
import re
import uuid
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from simulators.dataverse.auth import authenticate
from simulators.dataverse.context import Caller, Context, Prefer
from simulators.dataverse.errors import DETAILS, DataverseError, error, error_annotations
from simulators.dataverse.hooks import Hooks
from simulators.dataverse.odata.path import ResourcePath, Segment, parse_path
from simulators.dataverse.registry import Handler, Operations, Shape
from simulators.dataverse.replies import JSON
from simulators.dataverse.schema import Schema
from simulators.dataverse.store import Store
from simulators.dataverse.tokens import TokenAuthority
from simulators.frame import Clock, ControlError, Request, Response, Switch, SystemBase, json_response

if TYPE_CHECKING:
    from simulators.dataverse.limits import Limits

log = logging.getLogger(__name__)
MAX_URL = 32_768
CORE = ("switches", "seeding", "rejections", "basics", "query", "crud", "bulk", "limits", "control")
MODULES = (*CORE, "batch", "metadata", "security", "actions", "webhooks", "parties")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
VERSIONS = ("v9.0", "v9.1", "v9.2")
_PACKAGE = "simulators.dataverse"


class DataverseSystem(SystemBase):
    """One organisation with its rows, schema, users and limits."""

    name = "dataverse"

    def __init__(self, clock: Clock | None = None, *, seed: int = 1, authority: TokenAuthority | None = None) -> None:
        modules = [importlib.import_module(f"{_PACKAGE}.{name}") for name in MODULES]
        self.switch_list: tuple[Switch, ...] = sum((getattr(m, "SWITCHES", ()) for m in modules), ())
        super().__init__(clock, seed=seed)
        self.authority = authority or TokenAuthority()
        self.crashes = 0
        self._modules = [module for module in modules if hasattr(module, "install")]
        self._build()

    def _build(self) -> None:
        self.schema = Schema.standard()
        self.store = Store()
        for table in self.schema.tables.values():
            self.store.add_table(table.name, table.primary_id)
        self.operations = Operations()
        self.hooks = Hooks()
        self._ids = random.Random(self.chance.random())
        self.extra: dict[str, Any] = {}
        self.limits: Limits
        for module in self._modules:
            module.install(self)

    def reset(self, seed: int) -> None:
        """See `System.reset`."""
        with self.store.lock:
            super().reset(seed)
            self.authority.reset()
            self._build()

    def new_id(self) -> str:
        """Return a row id from the seeded source of chance."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def handle(self, request: Request) -> Response:
        """See `System.handle`."""
        try:
            return self._admit(request)
        except DataverseError as refusal:
            return self.refuse(refusal)
        except Exception:
            # A bug of ours: the client sees what the vendor shows for one of his, and tests can see that it was one.
            self.crashes += 1
            log.exception("dataverse: %s failed", request.method)
            return self.refuse(error("UnExpected"))

    def flight(self, request: Request) -> AbstractContextManager[None]:
        """See `System.flight`: calls count for the application whose token they carry."""
        claims = self.authority.read(request.headers.get("authorization", "").partition(" ")[2].strip())
        return self.limits.flight(claims.application_id) if claims else nullcontext()

    def execute(self, context: Context, request: Request) -> Response:
        """Run one request (the whole call, or one part of a batch) in a transaction.

        Raises:
            DataverseError: refused; nothing the handler did remains.
        """
        path = parse_path(relative_path(request.path, context))
        handler = self._handler(path, request.method, context)
        with self.store.transaction():
            return handler(context, path)

    def answer(self, context: Context, request: Request) -> Response:
        """As `execute`, with a refusal turned into its error response."""
        try:
            return self.execute(context, request)
        except DataverseError as refusal:
            return self.refuse(refusal, context)

    def refuse(self, refusal: DataverseError, context: Context | None = None) -> Response:
        """Build the error response."""
        headers = [("Content-Type", JSON), ("OData-Version", "4.0"), *refusal.headers]
        if refusal.name == "SegmentNotFound":
            refusal.code = self.switches.word("unknown_segment_code")
        body = refusal.body()
        if context is not None and context.annotate(DETAILS):
            body["error"] = {**refusal.body()["error"], **error_annotations(refusal)}
        return json_response(refusal.status, body, headers)

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """See `System.seed`; each key of `spec` goes to the seeder registered for it."""
        unknown = sorted(set(spec) - set(self.hooks.seeders))
        if unknown:
            raise ControlError(f"unknown seed keys {unknown}; there are: {', '.join(sorted(self.hooks.seeders))}")
        with self.store.transaction():
            try:
                made = {key: seeder(self, spec[key]) for key, seeder in self.hooks.seeders.items() if key in spec}
                give_roles = self.hooks.seeders.get("user_roles")
                waiting = self.extra.pop("roles_to_give", [])
                if give_roles is not None and waiting:
                    give_roles(self, waiting)
            except (DataverseError, KeyError) as refusal:
                raise ControlError(str(refusal)) from refusal
            return made

    def act(self, action: str, spec: dict[str, Any]) -> dict[str, Any]:
        """See `System.act`."""
        run = self.hooks.actions.get(action)
        if run is None:
            raise ControlError(f"no action {action!r}; there are: {', '.join(sorted(self.hooks.actions))}")
        try:
            return run(self, spec)
        except DataverseError as refusal:
            raise ControlError(refusal.message) from refusal

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """See `System.state`: tables with their row counts; with `table`, its rows by key (`after`, `limit`)."""
        from simulators.dataverse.inspection import describe

        with self.store.lock:
            return describe(self, query)

    def _admit(self, request: Request) -> Response:
        context = Context(
            service=self,
            request=request,
            caller=Caller(user_id=""),
            base_url=service_base(request, self.urls.get("dataverse", "https").partition(":")[0]),
            prefer=Prefer.parse(request.headers.get("prefer", "")),
        )
        check_url(request)
        with self.store.lock:
            context.caller = authenticate(context)
        server, known = self.limits.server_of(request)
        with self.limits.request(context, server):
            response = self._serve(context, request)
        request_id = self._request_id()
        response.headers += [
            ("x-ms-service-request-id", request_id),
            ("REQ_ID", request_id),
            *self.limits.headers(context.caller.charged_user_id, server),
        ]
        if not known:
            response.headers.append(("Set-Cookie", f"ARRAffinity=web{server}; Path=/; HttpOnly; Secure"))
        return response

    def _serve(self, context: Context, request: Request) -> Response:
        try:
            context.caller = self.hooks.security.caller(context)
            return self.execute(context, request)
        except DataverseError as refusal:
            return self.refuse(refusal, context)

    def _request_id(self) -> str:
        with self.store.lock:
            return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def _handler(self, path: ResourcePath, method: str, context: Context) -> Handler:
        handlers, operation = self._handlers(path)
        handler = handlers.get(method)
        if handler is None and operation:
            raise error("NoHttpResource", url=context.url(path.text))
        if handler is None:
            raise error("MethodNotAllowed", method=method[:20])
        return handler

    def _handlers(self, path: ResourcePath) -> tuple[dict[str, Handler], bool]:
        """Return the handlers of a path by method, and whether it names a function or action."""
        name = path.first.name if path.segments else ""
        found = self.operations.find_root(name)
        if found is not None:
            return found, not name.startswith("$") and bool(name)
        if self.schema.by_set(name) is None:
            raise error("SegmentNotFound", segment=name)
        bound = self.operations.find_bound(path.last)
        if bound is not None:
            return bound, True
        return self.operations.find_shape(self._shape(path)), False

    def _shape(self, path: ResourcePath) -> Shape:
        first, *rest = path.segments
        names = [segment.name for segment in rest]
        if first.arguments is None:
            if not rest:
                return Shape.COLLECTION
            if names == ["$count"]:
                return Shape.COUNT
            raise error("SegmentNotFound", segment=names[0])
        return self._row_shape(first, names)

    def _row_shape(self, first: Segment, names: list[str]) -> Shape:
        table = self.schema.sets[first.name]
        if not names:
            return Shape.ROW
        tail = names[1:]
        if names[0] in table.navigation:
            shape = {(): Shape.NAVIGATION, ("$ref",): Shape.REF, ("$count",): Shape.NAVIGATION}.get(tuple(tail))
        elif names[0] in table.by_wire_name:
            shape = {(): Shape.PROPERTY, ("$value",): Shape.VALUE}.get(tuple(tail))
        else:
            raise error("SegmentNotFound", segment=names[0])
        if shape is None:
            raise error("SegmentNotFound", segment=tail[0])
        return shape


def service_base(request: Request, scheme: str = "https") -> str:
    """Return the absolute service root the request came to, for example `https://host/api/data/v9.2`.

    Raises:
        DataverseError: 404 when the path is not below a known version, 400 for a host that cannot be one.
    """
    parts = request.path.strip("/").split("/")
    if len(parts) < 3 or parts[:2] != ["api", "data"] or parts[2] not in VERSIONS:
        raise error("SegmentNotFound", segment=request.path[:200])
    host = request.headers.get("host") or "org.crm.dynamics.com"
    if not _HOST.fullmatch(host):
        raise error("BadRequest", message="Bad Request - Invalid Hostname")
    return f"{scheme}://{host}/api/data/{parts[2]}"


def check_url(request: Request, limit: int = MAX_URL) -> None:
    """Refuse a URL that is too long: 32,768 characters, inside a batch 65,536 (dataverse.md 1.2).

    Raises:
        DataverseError: 414.
    """
    if len(request.raw_target) > limit:
        raise error("UrlTooLong")


def relative_path(path: str, context: Context) -> str:
    """Return the path below the service root; inside a batch `$n` stands for what that part made.

    Raises:
        DataverseError: 400 for a reference to a part that does not come before this one.
    """
    root = urlsplit(context.base_url).path
    relative = path.removeprefix(root).strip("/")
    if not relative.startswith("$") or not context.in_batch:
        return relative
    reference, slash, rest = relative.partition("/")
    known = context.references.get(reference.removeprefix("$"))
    if known is not None:
        return known + slash + rest
    if reference.removeprefix("$").isdigit():
        raise error("BadRequest", message=f"Content-ID Reference: '{reference}' does not exist in the batch context.")
    return relative
