"""What every connection's Dynamics side starts with."""

from __future__ import annotations

from shared.connectors.limits import Limit

TITLE = "Dynamics 365"

LIMIT = Limit(6000, 300.0)
"""The service-protection limit of 6,000 requests in five minutes (api-limits)."""
