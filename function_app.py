"""The Azure Functions app: checks its settings, then registers what is in `functions/`. Nothing else happens here."""

import os

import azure.functions as func

from functions import activity, care, conflicts, failures, inbound, operate, page, queues, requests, settings, timers
from shared.config import load

load(os.environ)  # a missing app setting stops the start and is named, before any trigger fires

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (timers, queues, settings, operate, requests, failures, conflicts, activity, care, inbound, page):
    app.register_functions(module.blueprint)
