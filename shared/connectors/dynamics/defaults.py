"""What every connection's Dynamics side starts with."""

from __future__ import annotations

TITLE = "Dynamics 365"

RATE = (4800, 300.0)
"""Calls and seconds: 80 % of the service-protection limit of 6,000 requests in five minutes (api-limits)."""
