"""Requests for one record: make it, add it to an automation, how it stands, the poison list; the addresses of hooks."""

from __future__ import annotations

from functions.api.call import Answer, Call
from functions.api.problems import Refusal
from functions.api.route import Query, Role, route
from functions.shapes import request_body
from shared.domain.records import RemoteId

_STATES = ("queued", "held", "waiting", "finished", "poison")


@route(
    "POST",
    "connections/{connection}/requests",
    Role.ADMIN,
    body="records.Ask",
    answer="records.Request",
    status=202,
    codes=("unknown_entity",),
    sends=True,
)
def ask(call: Call) -> Answer:
    """Make this partner record in Dynamics. A repeat while it is under way is the same request."""
    config = call.config()
    entity, record = str(call.body["entity"]), RemoteId(str(call.body["record"]))
    request, fresh = call.app.desk.contact_requests(config).receive(entity, record, call.trace)
    if fresh:
        call.send(config.id, request)
    where = call.address(f"connections/{config.id}/requests/{request.id}")
    return Answer(body={**request_body(request), "statusUrl": where}, status=202, where=where)


@route(
    "GET",
    "connections/{connection}/requests",
    Role.READER,
    query=(Query(name="state", help="Which requests; poison by default.", values=_STATES),),
    answer="records.Requests",
    paged=True,
)
def list_requests(call: Call) -> Answer:
    """Requests in one state, the poison list by default."""
    from shared.ports.requests import RequestState

    lists = call.app.desk.request_lists(call.config())
    state = RequestState(call.query("state", "poison"))
    return call.page(lambda limit, after: lists.list(state, limit=limit, after=after), request_body, size=50)


@route("GET", "connections/{connection}/requests/{request}", Role.READER, answer="records.Request")
def get_request(call: Call) -> Answer:
    """The state of one request, by its key."""
    config, key = call.config(), call.places["request"]
    found = call.app.desk.contact_requests(config).status(key) or call.app.desk.request_lists(config).call(key)
    if found is None:
        raise Refusal(
            "request_not_found",
            "there is no such request",
            next_step="Requests that ended are kept for 30 days. Ask again: the same question has the same key.",
        )
    return Answer(body=request_body(found))


@route(
    "POST",
    "connections/{connection}/requests/requeue",
    Role.ADMIN,
    body="records.RequestIds",
    answer="records.Requeued",
    audit="request.requeued",
    sends=True,
)
def requeue_requests(call: Call) -> Answer:
    """Takes these out of the poison list and tries them again, each once."""
    config = call.config()
    found = call.app.desk.contact_requests(config).requeue(call.body["ids"])
    lists, answers = call.app.desk.request_lists(config), call.app.desk.flow_answers(config)
    again = [answers.requeue(key) for key in call.body["ids"]] if answers is not None else []
    found += [shown for item in again if item is not None and (shown := lists.call(item.id)) is not None]
    for request in found:
        call.send(config.id, request)
    return Answer(body={"requeued": [request.id for request in found]})


@route(
    "POST",
    "connections/{connection}/requests/purge",
    Role.ADMIN,
    body="records.RequestIds",
    answer="records.Purged",
    audit="request.purged",
)
def purge_requests(call: Call) -> Answer:
    """Forgets these requests of the poison list."""
    lists = call.app.desk.request_lists(call.config())
    return Answer(body={"purged": lists.purge(call.body["ids"])})


@route("GET", "connections/{connection}/automations", Role.READER, answer="records.Automations")
def list_automations(call: Call) -> Answer:
    """The partner's automations that records can be added to, by name, as they are now."""
    found = call.app.desk.enrolling(call.config()).automations()
    return call.listed([{"id": item.id, "name": item.name, "running": item.running} for item in found])


@route(
    "POST",
    "connections/{connection}/enrolments",
    Role.ADMIN,
    body="records.Enrol",
    answer="records.Requests",
    status=202,
    codes=("unknown_entity",),
    audit="record.enrolled",
    sends=True,
)
def enrol(call: Call) -> Answer:
    """Add the counterparts of up to 100 Dynamics rows to an automation: a request for each row, answered at once.

    A repeat while one is under way is the same request; after its end it is a new one. A row without a counterpart is
    synchronised by the next run first, where the criteria take it; else its request says why not.
    """
    config, body = call.config(), call.body
    records = [RemoteId(str(record).lower()) for record in body["records"]]
    taken = call.app.desk.enrolling(config).receive(str(body["entity"]), records, str(body["automation"]), call.trace)
    shown = []
    for request, fresh in taken:
        if fresh:
            call.send(config.id, request)
        where = call.address(f"connections/{config.id}/requests/{request.id}")
        shown.append({**request_body(request), "statusUrl": where})
    return Answer(body={"value": shown}, status=202, where=str(shown[0]["statusUrl"]) if len(shown) == 1 else "")


@route("GET", "connections/{connection}/hooks", Role.ADMIN, answer="connections.Hooks")
def list_hooks(call: Call) -> Answer:
    """The addresses to enter in the partner system. Whoever has one can use it."""
    return _hooks(call)


@route(
    "POST",
    "connections/{connection}/hooks/renew",
    Role.ADMIN,
    answer="connections.Hooks",
    audit="connection.hooks_renewed",
)
def renew_hooks(call: Call) -> Answer:
    """Gives the addresses another key. The one before opens until the next renewal."""
    call.app.desk.operations.renew_hooks(call.connection)
    return _hooks(call)


def _hooks(call: Call) -> Answer:
    app, config = call.app, call.config()
    start = f"{call.origin}/api/hooks/{config.system}/{config.id}"
    key = app.desk.hook_key(config)
    entities = app.desk.contact_requests(config).entities()
    flow = app.flow(config)
    if flow is not None:
        steps = [{"what": name, "url": f"{start}/{name}/openapi"} for name in flow.names]
        hooks = [{"what": f"{name}:webhook", "url": f"{start}/{name}/enqueue?key={key}"} for name in flow.names]
        return call.listed([*steps, *hooks])
    return call.listed([{"what": what, "url": f"{start}/{what}?key={key}"} for what in (*entities, "events")])
