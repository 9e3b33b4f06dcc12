"""Timer triggers: each minute, what is due; each night, what has had its time."""

from __future__ import annotations

import json
import logging
from typing import List

import azure.functions as func

from functions.tracing import event, traced, traceparent
from shared.bootstrap import application
from shared.ports.telemetry import TICKS

blueprint = func.Blueprint()
_log = logging.getLogger("dynasync.timers")


@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False)
@blueprint.queue_output(arg_name="work", queue_name="sync-work", connection="AzureWebJobsStorage")
@blueprint.queue_output(arg_name="requests", queue_name="contact-requests", connection="AzureWebJobsStorage")
def tick(
    timer: func.TimerRequest, work: func.Out[List[str]], requests: func.Out[List[str]], context: func.Context
) -> None:
    """One message for each lane that is due, or whose worker died, and for each request that nothing holds any more.

    Nothing else is done here.
    """
    parent = traceparent(context)
    app = application()
    with traced(parent, "tick"):
        app.telemetry.count(TICKS)
        app.tell_endings()
        lanes = [json.dumps({**message, "traceparent": parent}) for message in app.due_lanes()]
        waiting = [json.dumps(message) for message in app.desk.due_requests()]
    if lanes:
        work.set(lanes)
    if waiting:
        requests.set(waiting)


@blueprint.timer_trigger(arg_name="timer", schedule="30 * * * * *", run_on_startup=False)
def notify(timer: func.TimerRequest, context: func.Context) -> None:
    """Tells people once when a connection is in trouble, once when it is over, and a digest a day. Apart from the tick:
    an address that does not answer keeps no lane waiting."""
    with traced(traceparent(context), "notify"):
        from shared import notices

        delivered = notices.look(application())
        if delivered:
            event(_log, "notified", messages=delivered)


@blueprint.timer_trigger(arg_name="timer", schedule="0 17 2 * * *", run_on_startup=False)
def nightly(timer: func.TimerRequest, context: func.Context) -> None:
    """Forgets what is kept for a time only: values of conflicts, runs, requests and work that ended, old activity."""
    with traced(traceparent(context), "nightly"):
        for connection, gone in application().desk.forget_the_old():
            event(_log, "nightly_done", connection=connection, **gone)
