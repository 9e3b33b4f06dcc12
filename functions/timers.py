"""Timer triggers: each minute, which lanes are due."""

from __future__ import annotations

import json
from typing import List

import azure.functions as func

from shared.bootstrap import application

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False)
@blueprint.queue_output(arg_name="work", queue_name="sync-work", connection="AzureWebJobsStorage")
def tick(timer: func.TimerRequest, work: func.Out[List[str]], context: func.Context) -> None:
    """One message for each lane that is due, or whose worker died. Nothing else is done here."""
    trace = getattr(context.trace_context, "Traceparent", "") or ""
    messages = [json.dumps({**message, "traceparent": trace}) for message in application().due_lanes()]
    if messages:
        work.set(messages)
