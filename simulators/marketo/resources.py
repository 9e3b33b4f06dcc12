"""All resources in one place: importing this module fills the routes."""

from __future__ import annotations

from simulators.marketo import activities, custom_activities, lists, stats
from simulators.marketo.bulk import exports, imports
from simulators.marketo.leads import describing, query, writing
from simulators.marketo.objects import api, schema
from simulators.marketo.routes import routes

__all__ = [
    "activities",
    "api",
    "custom_activities",
    "describing",
    "exports",
    "imports",
    "lists",
    "query",
    "routes",
    "schema",
    "stats",
    "writing",
]
