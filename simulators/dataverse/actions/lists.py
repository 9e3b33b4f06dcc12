"""Marketing lists: members are added one by one, and a list becomes an item of a campaign (dataverse.md 1.8, general
knowledge: the actions' pages of Microsoft's Web API reference)."""

from __future__ import annotations

from simulators.dataverse.actions.arguments import answer, bound_row, read_arguments, refused, row_of
from simulators.dataverse.addressing import not_found
from simulators.dataverse.context import Context
from simulators.dataverse.odata.path import GUID, ResourcePath
from simulators.dataverse.store import Ref
from simulators.dataverse.writing import associate, linked
from simulators.frame import Response

_MEMBERS = {1: "account", 2: "contact", 4: "lead"}


def add_member_list(context: Context, path: ResourcePath) -> Response:
    """Answer ``lists(id)/Microsoft.Dynamics.CRM.AddMemberList``: a static list takes rows of its kind, each once."""
    table, row = bound_row(context, path, "lists")
    arguments = read_arguments(context, "AddMemberList", {"EntityId": str}, "EntityId")
    member, given = _MEMBERS.get(int(str(row.get("createdfromcode") or 0)), ""), str(arguments["EntityId"]).lower()
    if row.get("type"):
        raise refused("0x80040318", "Members cannot be added to a dynamic list.", "ListIsDynamic")
    if not member or not GUID.fullmatch(given):
        raise refused("0x80040203", "The list or the member is not valid.", "InvalidArgument")
    if context.store[member].get(given) is None:
        raise not_found(context.schema[member], given)
    row_id, name = str(row["listid"]), f"list{member}_association"
    associate(context, table, row_id, name, Ref(member, given))
    link = linked(context, table, row_id, name, given)
    told = str(link["listmemberid"]) if link is not None else given
    return answer(context, "Microsoft.Dynamics.CRM.AddMemberListResponse", {"Id": told})


def add_item_campaign(context: Context, path: ResourcePath) -> Response:
    """Answer ``lists(id)/Microsoft.Dynamics.CRM.AddItemCampaign``; a list that is an item already is refused."""
    _, row = bound_row(context, path, "lists")
    arguments = read_arguments(context, "AddItemCampaign", {"Campaign": dict}, "Campaign")
    table = context.schema["campaign"]
    campaign = str(row_of(context, table, arguments["Campaign"], "Campaign")["campaignid"])
    row_id, name = str(row["listid"]), "campaignlist_association"
    if linked(context, table, campaign, name, row_id) is not None:
        raise refused("0x80040237", "The item belongs to the campaign already.", "DuplicateRecord")
    associate(context, table, campaign, name, Ref("list", row_id))
    link = linked(context, table, campaign, name, row_id)
    told = str(link["campaignitemid"]) if link is not None else row_id
    return answer(context, "campaignitems/$entity", {"campaignitemid": told})
