"""Queue triggers: a slice of a lane's work for each message."""

from __future__ import annotations

import json
import logging

import azure.functions as func

from shared.bootstrap import application
from shared.errors import ConfigError

blueprint = func.Blueprint()
_log = logging.getLogger("dynasync.lanes")


@blueprint.queue_trigger(arg_name="message", queue_name="sync-work", connection="AzureWebJobsStorage")
@blueprint.queue_output(arg_name="more", queue_name="sync-work", connection="AzureWebJobsStorage")
def sync_work(message: func.QueueMessage, more: func.Out[str], context: func.Context) -> None:
    """Works one slice of the lane named in the message; a continuation message follows when there is more to do.

    A message that names no lane fails and ends in the poison queue after five tries, where it can be read. A message
    for a lane that another worker holds is done at once: the holder is told.
    """
    connection, shard, trace = _lane(message)
    result = application().run_lane(connection, shard, owner=context.invocation_id)
    _log.info("slice_done connection=%s ran=%s more=%s", connection, result.ran, result.more)
    if result.more:
        more.set(json.dumps({"connection": connection, "shard": shard, "traceparent": trace}))


def _lane(message: func.QueueMessage) -> tuple[str, str, str]:
    """The lane a message names. Messages hold ids only; nothing of a bad one is repeated in the error."""
    try:
        data = json.loads(message.get_body())
    except ValueError:
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("connection"), str) or not data["connection"]:
        raise ConfigError(
            f"the message {message.id} on sync-work names no connection",
            code="message_malformed",
            next_step="It is kept in sync-work-poison after five tries. The lane's next tick does the work anyway.",
        )
    shard = data.get("shard")
    trace = data.get("traceparent")
    return (
        data["connection"],
        shard if isinstance(shard, str) and shard else "main",
        trace if isinstance(trace, str) else "",
    )
