"""What the account's plan includes. Source: activecampaign.md 2.9."""

from __future__ import annotations

from simulators.activecampaign.call import Call
from simulators.activecampaign.errors import forbidden


def needs_crm(call: Call) -> None:
    """Raises 403 on accounts and deals for a plan without the CRM features."""
    if not call.tenant.switches.on("plan_crm"):
        raise forbidden("You do not have permission to access this feature.")
