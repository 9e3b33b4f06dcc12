"""Queue triggers: a slice of a lane's work for each message; one attempt at a request about one record."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import List

import azure.functions as func

from functions.tracing import event, traced, traceparent
from shared.bootstrap import application
from shared.desk import Follow, Followed
from shared.domain.connection import ConnectionConfig
from shared.errors import ConfigError
from shared.ports.coordination import somebody_waits
from shared.ports.telemetry import GIVEN_UP

blueprint = func.Blueprint()
_ID = re.compile(r"[0-9a-f]{32}")
FLOW = "fl"
"""How the keys of flow steps' calls begin; those of other requests are hexadecimal."""

_log = logging.getLogger("dynasync.lanes")
_requests = logging.getLogger("dynasync.requests")


@blueprint.queue_trigger(arg_name="message", queue_name="sync-work", connection="AzureWebJobsStorage")
@blueprint.queue_output(arg_name="more", queue_name="sync-work", connection="AzureWebJobsStorage")
@blueprint.queue_output(arg_name="requests", queue_name="contact-requests", connection="AzureWebJobsStorage")
def sync_work(
    message: func.QueueMessage, more: func.Out[str], requests: func.Out[List[str]], context: func.Context
) -> None:
    """Works one slice of the lane named in the message; a continuation message follows when there is more to do.

    A message that names no lane fails and ends in the poison queue after five tries. A message for a lane that another
    worker holds is done at once: the holder is told.
    """
    data = _data(message)
    connection, shard = _text(data, "connection"), _text(data, "shard") or "main"
    parent = traceparent(context, _text(data, "traceparent"))
    with traced(parent, "sync_work"):
        if not connection:
            raise ConfigError(
                f"the message {message.id} on sync-work names no connection",
                code="message_malformed",
                next_step="It is given up after five tries. The lane's next tick does the work anyway.",
            )
        follow: Follow = {}
        result = application().run_lane(connection, shard, owner=context.invocation_id, follow=follow)
        event(_log, "slice_done", connection=connection, ran=result.ran, more=result.more)
    if follow:
        requests.set([json.dumps(item) for item in follow.values()])
    if result.more:
        more.set(json.dumps({"connection": connection, "shard": shard, "traceparent": parent}))


@blueprint.queue_trigger(arg_name="message", queue_name="sync-work-poison", connection="AzureWebJobsStorage")
def sync_work_poison(message: func.QueueMessage, context: func.Context) -> None:
    """A wake-up that failed five times, or whose worker died each time: it is told, and let go. The lane's next tick
    does the work anyway."""
    data = _data(message)
    with traced(traceparent(context, _text(data, "traceparent")), "sync_work_poison"):
        _given_up(message, "sync-work", _text(data, "connection"))


@blueprint.queue_trigger(arg_name="message", queue_name="contact-requests", connection="AzureWebJobsStorage")
@blueprint.queue_output(arg_name="work", queue_name="sync-work", connection="AzureWebJobsStorage")
@blueprint.queue_output(arg_name="more", queue_name="contact-requests", connection="AzureWebJobsStorage")
def contact_request(
    message: func.QueueMessage, work: func.Out[str], more: func.Out[List[str]], context: func.Context
) -> None:
    """One attempt at one request: reads the record again, sets its labels, leaves word for the next run. Or one look at
    a page of a flow step's people, or one attempt at its answer.

    What fails is noted on the request and tried again by the queue, five times in all.
    """
    data = _data(message)
    with traced(traceparent(context, _text(data, "traceparent")), "contact_request"):
        connection, key = _request(message, data)
        app = application()
        stored = app.connections.store.get(connection)
        if stored is None:
            event(_requests, "request_dropped", connection=connection, request=key, reason="connection_gone")
            return
        if key.startswith(FLOW):
            page = data.get("page")
            followed = _flow(stored.config, key, page if isinstance(page, int) else None)
            if followed.wake:
                work.set(json.dumps({"connection": connection, "traceparent": _text(data, "traceparent")}))
            if followed.more:
                more.set([json.dumps(item) for item in followed.more])
            return
        with app.asking(), somebody_waits():
            request = app.desk.contact_requests(stored.config).work(key, message.dequeue_count or 1)
        state, code = (request.state.value, request.code) if request is not None else ("gone", "")
        event(_requests, "request_worked", connection=connection, request=key, state=state, code=code)


@blueprint.queue_trigger(arg_name="message", queue_name="contact-requests-poison", connection="AzureWebJobsStorage")
def contact_request_poison(message: func.QueueMessage, context: func.Context) -> None:
    """A request that failed five times: it goes to the poison list, where it can be read, requeued once, and purged."""
    data = _data(message)
    connection, key = _text(data, "connection"), _text(data, "request")
    with traced(traceparent(context, _text(data, "traceparent")), "contact_request_poison"):
        if not _given_up(message, "contact-requests", connection) or not key:
            return
        app = application()
        stored = app.connections.store.get(connection)
        if stored is not None and key.startswith(FLOW):
            app.desk.flow_given_up(stored.config, key)
        elif stored is not None:
            app.desk.contact_requests(stored.config).poisoned(key)
        event(_requests, "request_poisoned", connection=connection, request=key)


def _flow(config: ConnectionConfig, key: str, page: int | None) -> Followed:
    app = application()
    with app.asking(), somebody_waits():
        followed = app.desk.work_flow(config, key, page)
    name = "flow_answer" if page is None else "flow_page"
    event(_requests, name, connection=config.id, request=key, page=page, state=followed.state, code=followed.code)
    return followed


def _given_up(message: func.QueueMessage, queue: str, connection: str) -> bool:
    """Counts and tells it; whether it can be one of ours. Of another nothing is repeated but the message's id."""
    ours = bool(_ID.fullmatch(connection))
    application().telemetry.count(GIVEN_UP, queue=queue, connection=connection if ours else "unknown")
    event(_log, "message_given_up", queue=queue, message=message.id, connection=connection if ours else "")
    return ours


def _request(message: func.QueueMessage, data: Mapping[str, object]) -> tuple[str, str]:
    connection, key = _text(data, "connection"), _text(data, "request")
    if not connection or not key:
        raise ConfigError(f"the message {message.id} names no request", code="message_malformed")
    return connection, key


def _data(message: func.QueueMessage) -> Mapping[str, object]:
    """What a message holds: ids only. Nothing of one that cannot be read is repeated anywhere."""
    try:
        data = json.loads(message.get_body())
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
