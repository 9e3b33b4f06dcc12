"""``QualifyLead``: a lead becomes an account, a contact and an opportunity, as asked (dataverse.md 1.5, 2)."""

from __future__ import annotations

from simulators.dataverse.actions.arguments import Json, answer, bound_row, read_arguments, refused, row_of, table_of
from simulators.dataverse.context import Context
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.payload import Payload
from simulators.dataverse.schema import Kind, Table
from simulators.dataverse.security.guard import require_privilege
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.writing import create_row, update_row
from simulators.frame import Response

_KNOWN = {
    "CreateAccount": bool,
    "CreateContact": bool,
    "CreateOpportunity": bool,
    "OpportunityCurrencyId": dict,
    "OpportunityCustomerId": dict,
    "SourceCampaignId": dict,
    "ProcessInstanceId": dict,
    "SuppressDuplicateDetection": bool,
    "Status": int,
}
_DEFAULT = -1
_RENAMED: dict[str, dict[str, str]] = {
    "account": {"name": "companyname", "primarysatoriid": "", "numberofemployees": "numberofemployees"},
    "contact": {},
    "opportunity": {"name": "subject", "estimatedvalue": "estimatedamount", "opportunityratingcode": "leadqualitycode"},
}
_NEVER = frozenset(
    (
        "statecode",
        "statuscode",
        "ownerid",
        "overriddencreatedon",
        "importsequencenumber",
        "customerid",
        "parentaccountid",
        "parentcontactid",
        "originatingleadid",
        "processid",
        "stageid",
        "traversedpath",
    )
)
_PERSONAL = frozenset(("firstname", "middlename", "lastname", "jobtitle", "salutation", "mobilephone", "emailaddress1"))


def qualify_lead(context: Context, path: ResourcePath) -> Response:
    """Answer ``leads(id)/Microsoft.Dynamics.CRM.QualifyLead``."""
    lead_table, lead = bound_row(context, path, "leads")
    arguments = read_arguments(context, "QualifyLead", _KNOWN, "CreateAccount CreateContact CreateOpportunity Status")
    require_privilege(context, "prvQualifyLead")
    if lead.get("statecode", 0) != 0:
        raise refused("0x80040519", "The lead is already closed.", "LeadAlreadyInClosedState")
    made: dict[str, Ref] = {}
    for name in ("account", "contact"):
        if arguments[f"Create{name.capitalize()}"]:
            made[name] = _make(context, name, lead, _links(name, made))
    if arguments["CreateOpportunity"]:
        made["opportunity"] = _make(context, "opportunity", lead, _customer(context, arguments, made))
    _close(context, lead_table, lead, int(arguments["Status"]), made)
    value = [
        {
            "@odata.type": f"#Microsoft.Dynamics.CRM.{ref.table}",
            context.schema[ref.table].primary_id: ref.id,
        }
        for ref in made.values()
    ]
    return answer(context, "Collection(Microsoft.Dynamics.CRM.crmbaseentity)", {"value": value})


def _links(name: str, made: dict[str, Ref]) -> dict[str, Value]:
    if name == "contact" and "account" in made:
        return {"parentcustomerid": made["account"]}
    return {}


def _customer(context: Context, arguments: Json, made: dict[str, Ref]) -> dict[str, Value]:
    """The customer of the opportunity: the one asked for, else the new account, else the new contact."""
    links: dict[str, Value] = {}
    customer = made.get("account") or made.get("contact")
    given = arguments.get("OpportunityCustomerId")
    if given is not None:
        table = table_of(context, given, "OpportunityCustomerId", frozenset(("account", "contact")))
        customer = Ref(table.name, str(row_of(context, table, given, "OpportunityCustomerId")[table.primary_id]))
    if customer is not None:
        links["customerid"] = customer
        links["parentaccountid" if customer.table == "account" else "parentcontactid"] = customer
    if "contact" in made:
        links["parentcontactid"] = made["contact"]
    for argument, table_name, column in (
        ("OpportunityCurrencyId", "transactioncurrency", "transactioncurrencyid"),
        ("SourceCampaignId", "campaign", "campaignid"),
    ):
        if arguments.get(argument) is not None:
            table = context.schema[table_name]
            links[column] = Ref(
                table_name, str(row_of(context, table, arguments[argument], argument)[table.primary_id])
            )
    return links


def _make(context: Context, name: str, lead: Row, links: dict[str, Value]) -> Ref:
    table = context.schema[name]
    values = {**mapped(context, lead, table), **links, "originatingleadid": Ref("lead", str(lead["leadid"]))}
    row = create_row(context, table, Payload(values={k: v for k, v in values.items() if k in table.columns}))
    return Ref(name, str(row[table.primary_id]))


def mapped(context: Context, lead: Row, table: Table) -> dict[str, Value]:
    """What a new row takes over from the lead: columns of the same name and type, and a few called otherwise."""
    source = context.schema["lead"]
    values: dict[str, Value] = {}
    for column in table.columns.values():
        origin = source.columns.get(_RENAMED[table.name].get(column.name, column.name))
        if origin is None or column.name in _NEVER or not column.create or origin.name == source.primary_id:
            continue
        if table.name != "contact" and column.name in _PERSONAL - {"emailaddress1"}:
            continue
        value = lead.get(origin.name)
        if (
            value is None
            or origin.kind is not column.kind
            or (column.kind is Kind.LOOKUP and not isinstance(value, Ref))
        ):
            continue
        if column.options and column.option(value) is None:
            continue
        values[column.name] = value[: column.max_length] if isinstance(value, str) else value
    return values


def _close(context: Context, table: Table, lead: Row, status: int, made: dict[str, Ref]) -> None:
    values: dict[str, Value] = {"statecode": 1}
    if status != _DEFAULT:
        values["statuscode"] = status
    for name, column in (
        ("account", "parentaccountid"),
        ("contact", "parentcontactid"),
        ("opportunity", "qualifyingopportunityid"),
    ):
        if name in made:
            values[column] = made[name]
    update_row(context, table, lead, Payload(values=values), message="QualifyLead")
