"""What was used and what failed, by day. Source: marketo.md 2.6."""

from __future__ import annotations

from simulators.frame.http import Response
from simulators.marketo.call import Call
from simulators.marketo.routes import routes


@routes.on("GET", "/rest/v1/stats/usage.json")
def usage(call: Call) -> Response:
    """Today's calls by user."""
    return call.ok(call.tenant.limits.usage(1))


@routes.on("GET", "/rest/v1/stats/usage/last7days.json")
def usage_of_week(call: Call) -> Response:
    """The calls of seven days."""
    return call.ok(call.tenant.limits.usage(7))


@routes.on("GET", "/rest/v1/stats/errors.json")
def errors(call: Call) -> Response:
    """Today's errors by code."""
    return call.ok(call.tenant.limits.error_counts(1))


@routes.on("GET", "/rest/v1/stats/errors/last7days.json")
def errors_of_week(call: Call) -> Response:
    """The errors of seven days."""
    return call.ok(call.tenant.limits.error_counts(7))
