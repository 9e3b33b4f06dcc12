"""HTTP triggers that other systems call (webhooks, flow steps, notifications)."""

from __future__ import annotations

import azure.functions as func

blueprint = func.Blueprint()
