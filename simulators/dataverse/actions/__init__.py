"""Actions of the sales and mail tables: qualify, win, lose, merge, send, delete in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.dataverse.actions import bulkdelete, leads, lists, mail, merging, opportunities
from simulators.frame import Switch, flag

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="bulk_delete_seconds",
        default=5.0,
        text="Seconds from the answer of BulkDelete until its job has run.",
        source="dataverse.md 1.8",
    ),
    Switch(
        name="email_send_seconds",
        default=5.0,
        text="Seconds for which an e-mail that was issued is pending before it counts as sent.",
        source="dataverse.md 2",
    ),
    flag(
        "opportunity_closes_by_action_only",
        default=True,
        text="An update that sets an opportunity to won or lost is refused: WinOpportunity and LoseOpportunity do it.",
        source="dataverse.md 1.5 (general knowledge)",
    ),
)


def install(service: DataverseSystem) -> None:
    """Register the actions."""
    operations = service.operations
    operations.bound("QualifyLead", "POST", leads.qualify_lead)
    operations.bound("SendEmail", "POST", mail.send_email)
    operations.bound("AddMemberList", "POST", lists.add_member_list)
    operations.bound("AddItemCampaign", "POST", lists.add_item_campaign)
    operations.root("WinOpportunity", "POST", opportunities.closing("WinOpportunity", opportunities.WON))
    operations.root("LoseOpportunity", "POST", opportunities.closing("LoseOpportunity", opportunities.LOST))
    operations.root("Merge", "POST", merging.merge)
    operations.root("BulkDelete", "POST", bulkdelete.bulk_delete)
    service.hooks.before_write.append(opportunities.refuse_closing_by_update)
