"""The Azure Functions app: checks its settings, then registers what is in `functions/`. Nothing else happens here."""

import os

import azure.functions as func

from functions import inbound, marketo_flow, queues, site, timers
from functions.api.doors import doors
from functions.routes import MODULES
from shared.config import load

load(os.environ)  # a missing app setting stops the start and is named, before any trigger fires

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (timers, queues, inbound, marketo_flow, site):
    app.register_functions(module.blueprint)
app.register_functions(doors(MODULES))
