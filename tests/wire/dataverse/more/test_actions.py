"""Qualify, win, lose, merge, send, delete in bulk; states and statuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.dataverse.more.organisation import ADMIN, USER, Org

CRM = "Microsoft.Dynamics.CRM"
LEAD = {
    "subject": "Interested in training",
    "firstname": "First",
    "lastname": "Last",
    "companyname": "Company",
    "emailaddress1": "lead@example.com",
    "jobtitle": "Buyer",
    "telephone1": "1",
    "address1_city": "Town",
    "estimatedamount": 100.0,
    "websiteurl": "https://example.com",
}


def qualify(org: Org, lead: str, **more: Any) -> Any:
    body = {"CreateAccount": True, "CreateContact": True, "CreateOpportunity": True, "Status": 3, **more}
    return org.ok("POST", f"leads({lead})/{CRM}.QualifyLead", body)


@pytest.mark.rule("DV-AC-01")
def test_a_lead_becomes_what_is_asked(org: Org) -> None:
    lead = org.create("leads", LEAD)
    body = qualify(org, lead)
    made = {each["@odata.type"].rpartition(".")[2]: each for each in body["value"]}
    assert set(made) == {"account", "contact", "opportunity"}
    account = org.ok("GET", f"accounts({made['account']['accountid']})")
    contact = org.ok("GET", f"contacts({made['contact']['contactid']})")
    opportunity = org.ok("GET", f"opportunities({made['opportunity']['opportunityid']})")
    assert (account["name"], account["address1_city"], account["_originatingleadid_value"]) == ("Company", "Town", lead)
    assert (contact["fullname"], contact["emailaddress1"], contact["jobtitle"]) == (
        "First Last",
        "lead@example.com",
        "Buyer",
    )
    assert contact["_parentcustomerid_value"] == account["accountid"]
    assert (opportunity["name"], opportunity["estimatedvalue"]) == ("Interested in training", 100.0)
    assert opportunity["_customerid_value"] == account["accountid"]
    assert opportunity["_parentcontactid_value"] == contact["contactid"]
    assert opportunity["_originatingleadid_value"] == lead
    closed = org.ok("GET", f"leads({lead})")
    assert (closed["statecode"], closed["statuscode"]) == (1, 3)
    assert closed["_qualifyingopportunityid_value"] == opportunity["opportunityid"]


@pytest.mark.rule("DV-AC-01")
def test_only_the_contact(org: Org) -> None:
    lead = org.create("leads", LEAD)
    body = qualify(org, lead, CreateAccount=False, CreateOpportunity=False, Status=-1)
    assert [each["@odata.type"] for each in body["value"]] == [f"#{CRM}.contact"]
    assert org.ok("GET", "accounts?$select=name")["value"] == []
    assert org.ok("GET", f"leads({lead})?$select=statuscode")["statuscode"] == 3


@pytest.mark.rule("DV-AC-01")
def test_the_customer_of_the_opportunity_can_be_given(org: Org) -> None:
    account = org.create("accounts", {"name": "Known"})
    lead = org.create("leads", LEAD)
    customer = {"@odata.type": f"{CRM}.account", "accountid": account}
    body = qualify(org, lead, CreateAccount=False, CreateContact=False, OpportunityCustomerId=customer)
    opportunity = org.ok("GET", f"opportunities({body['value'][0]['opportunityid']})?$select=_customerid_value")
    assert opportunity["_customerid_value"] == account


@pytest.mark.rule("DV-AC-02")
def test_a_closed_lead_is_not_qualified_and_a_failure_leaves_nothing(org: Org) -> None:
    lead = org.create("leads", LEAD)
    path = f"leads({lead})/{CRM}.QualifyLead"
    body = {"CreateAccount": True, "CreateContact": True, "CreateOpportunity": True, "Status": 4}
    org.refused(400, "0x80048408", "POST", path, body)
    assert org.ok("GET", "contacts?$select=lastname")["value"] == []
    qualify(org, lead)
    org.refused(400, "0x80040519", "POST", path, {**body, "Status": 3})
    assert len(org.ok("GET", "contacts?$select=lastname")["value"]) == 1
    org.refused(404, "0x80040217", "POST", f"leads({USER})/{CRM}.QualifyLead", body)


def close(opportunity: str, status: int, **more: Any) -> dict[str, Any]:
    details = {
        "@odata.type": f"{CRM}.opportunityclose",
        "subject": "Closed",
        "opportunityid@odata.bind": f"/opportunities({opportunity})",
        **more,
    }
    return {"OpportunityClose": details, "Status": status}


@pytest.mark.rule("DV-AC-03")
@pytest.mark.parametrize(
    ("action", "status", "state", "value"),
    [("WinOpportunity", 3, 1, 50.0), ("WinOpportunity", -1, 1, 50.0), ("LoseOpportunity", 5, 2, None)],
)
def test_closing_an_opportunity(org: Org, action: str, status: int, state: int, value: object) -> None:
    row = org.create("opportunities", {"name": "Deal", "estimatedvalue": 10.0})
    assert org.call("POST", action, close(row, status, actualrevenue=50.0)).status == 204
    found = org.ok("GET", f"opportunities({row})")
    assert (found["statecode"], found["actualvalue"]) == (state, value)
    assert found["statuscode"] == (status if status > 0 else 3)
    assert found["actualclosedate"] == "2026-11-18"
    (activity,) = org.ok("GET", "opportunitycloses?$select=subject,statecode,_opportunityid_value")["value"]
    assert (activity["subject"], activity["statecode"], activity["_opportunityid_value"]) == ("Closed", 1, row)


@pytest.mark.rule("DV-AC-04")
def test_an_opportunity_closes_once_and_by_action(org: Org) -> None:
    row = org.create("opportunities", {"name": "Deal"})
    text = org.refused(400, "0x80100005", "PATCH", f"opportunities({row})", {"statecode": 1, "statuscode": 3})
    assert text.startswith("This message can not be used to set the state of opportunity to won.")
    org.refused(400, "0x80048408", "POST", "WinOpportunity", close(row, 4))
    assert org.ok("GET", "opportunitycloses")["value"] == []
    org.call("POST", "LoseOpportunity", close(row, 4))
    org.refused(400, "0x80040515", "POST", "WinOpportunity", close(row, 3))
    org.refused(400, "0x80043b15", "POST", "WinOpportunity", {"OpportunityClose": {"subject": "x"}, "Status": 3})
    assert org.call("PATCH", f"opportunities({row})", {"statecode": 0, "statuscode": 1}).status == 204


@pytest.mark.rule("DV-AC-04")
def test_by_switch_an_update_may_close_it(org: Org) -> None:
    org.switch(opportunity_closes_by_action_only=False)
    row = org.create("opportunities", {"name": "Deal"})
    assert org.call("PATCH", f"opportunities({row})", {"statecode": 1, "statuscode": 3}).status == 204


def merge(winner: str, loser: str, table: str = "contact", **content: Any) -> dict[str, Any]:
    def typed(row: str) -> dict[str, Any]:
        return {"@odata.type": f"{CRM}.{table}", f"{table}id": row}

    body = {"Target": typed(winner), "Subordinate": typed(loser), "PerformParentingChecks": False}
    if content:
        body["UpdateContent"] = {**typed("00000000-0000-0000-0000-000000000000"), **content}
    return body


@pytest.mark.rule("DV-AC-05")
def test_merge_keeps_one_row_active_and_moves_what_referred_to_the_other(org: Org) -> None:
    winner = org.create("contacts", {"lastname": "Winner", "jobtitle": "old"})
    loser = org.create("contacts", {"lastname": "Loser"})
    account = org.create("accounts", {"name": "A", "primarycontactid@odata.bind": f"/contacts({loser})"})
    task = org.create("tasks", {"subject": "t", "regardingobjectid_contact_task@odata.bind": f"/contacts({loser})"})
    note = org.create("annotations", {"subject": "n", "objectid_contact@odata.bind": f"/contacts({loser})"})
    assert org.call("POST", "Merge", merge(winner, loser, jobtitle="new")).status == 204
    kept = org.ok("GET", f"contacts({winner})?$select=statecode,jobtitle,merged")
    assert (kept["statecode"], kept["jobtitle"], kept["merged"]) == (0, "new", False)
    gone = org.ok("GET", f"contacts({loser})?$select=statecode,statuscode,merged,_masterid_value")
    assert (gone["statecode"], gone["statuscode"], gone["merged"], gone["_masterid_value"]) == (1, 2, True, winner)
    for path, column in (
        (f"accounts({account})", "_primarycontactid_value"),
        (f"tasks({task})", "_regardingobjectid_value"),
        (f"activitypointers({task})", "_regardingobjectid_value"),
        (f"annotations({note})", "_objectid_value"),
    ):
        assert org.ok("GET", f"{path}?$select={column}")[column] == winner, path


@pytest.mark.rule("DV-AC-05")
def test_a_merge_shows_in_the_delta_as_updates(org: Org) -> None:
    winner, loser = (org.create("contacts", {"lastname": name}) for name in ("w", "l"))
    body = org.ok("GET", "contacts?$select=lastname,merged", headers={"Prefer": "odata.track-changes"})
    org.call("POST", "Merge", merge(winner, loser))
    delta = org.ok("GET", body["@odata.deltaLink"].partition("/api/data/v9.2/")[2])["value"]
    assert {(row["contactid"], row["merged"]) for row in delta} == {(winner, False), (loser, True)}


@pytest.mark.rule("DV-AC-06")
def test_merges_that_cannot_be(org: Org) -> None:
    one, two = (org.create("contacts", {"lastname": name}) for name in ("1", "2"))
    account = org.create("accounts", {"name": "A"})
    org.refused(400, "0x80045305", "POST", "Merge", merge(one, one))
    mixed = merge(one, two) | {"Subordinate": {"@odata.type": f"{CRM}.account", "accountid": account}}
    org.refused(400, "", "POST", "Merge", mixed)
    org.refused(404, "0x80040217", "POST", "Merge", merge(one, USER))
    org.refused(400, "", "POST", "Merge", merge(one, two, "task"))
    org.ok("PATCH", f"contacts({two})", {"statecode": 1, "statuscode": 2})
    org.refused(400, "0x80045304", "POST", "Merge", merge(one, two))
    org.grant(USER, contact="Global")
    assert "prvMerge" in org.refused(403, "0x80040220", "POST", "Merge", merge(one, two), user=USER)


def draft(org: Org, *masks: int) -> str:
    contact = org.create("contacts", {"lastname": "To", "emailaddress1": "to@example.com"})
    people = {
        1: f"partyid_systemuser@odata.bind:/systemusers({ADMIN})",
        2: f"partyid_contact@odata.bind:/contacts({contact})",
    }
    parties = []
    for mask in masks:
        name, _, value = people[mask].partition(":")
        parties.append({name: value, "participationtypemask": mask})
    return org.create("emails", {"subject": "Hello", "email_activity_parties": parties})


@pytest.mark.rule("DV-AC-07")
def test_an_email_is_pending_and_then_sent(org: Org) -> None:
    email = draft(org, 1, 2)
    send = f"emails({email})/{CRM}.SendEmail"
    assert org.ok("POST", send, {"IssueSend": True, "TrackingToken": "CRM:1"})["Subject"] == "Hello CRM:1"
    found = org.ok("GET", f"emails({email})?$select=statecode,statuscode,senton")
    assert (found["statecode"], found["statuscode"], found["senton"]) == (1, 6, None)
    org.later(6)
    found = org.ok("GET", f"emails({email})?$select=statuscode,senton,subject")
    assert (found["statuscode"], found["subject"]) == (3, "Hello CRM:1")
    assert found["senton"] is not None
    org.refused(400, "", "POST", send, {"IssueSend": True})


@pytest.mark.rule("DV-AC-07")
def test_an_email_needs_a_sender_and_a_receiver(org: Org) -> None:
    org.refused(400, "0x80040b02", "POST", f"emails({draft(org, 2)})/{CRM}.SendEmail", {"IssueSend": True})
    org.refused(400, "0x80040b04", "POST", f"emails({draft(org, 1)})/{CRM}.SendEmail", {"IssueSend": True})
    email = draft(org, 1, 2)
    org.ok("POST", f"emails({email})/{CRM}.SendEmail", {"IssueSend": False})
    assert org.ok("GET", f"emails({email})?$select=statuscode")["statuscode"] == 3


def bulk_delete(*conditions: dict[str, Any], table: str = "contact", **more: Any) -> dict[str, Any]:
    return {
        "JobName": "Clean up",
        "SendEmailNotification": False,
        "ToRecipients": [],
        "CCRecipients": [],
        "RecurrencePattern": "",
        "StartDateTime": "2026-11-18T00:00:00Z",
        "QuerySet": [
            {
                "@odata.type": f"{CRM}.QueryExpression",
                "EntityName": table,
                "Criteria": {"FilterOperator": "And", "Conditions": list(conditions)},
            }
        ],
        **more,
    }


def condition(column: str, operator: str, *values: Any) -> dict[str, Any]:
    return {
        "AttributeName": column,
        "Operator": operator,
        "Values": [{"Value": value, "Type": "System.String"} for value in values],
    }


@pytest.mark.rule("DV-AC-08")
def test_bulk_deletion_happens_later(org: Org) -> None:
    ids = [org.create("contacts", {"lastname": f"c{n}", "numberofchildren": n}) for n in range(6)]
    job = org.ok("POST", "BulkDelete", bulk_delete(condition("contactid", "In", *ids[:2])))["JobId"]
    assert org.ok("GET", f"asyncoperations({job})?$select=statecode,statuscode")["statecode"] == 0
    assert len(org.ok("GET", "contacts?$select=lastname")["value"]) == 6
    org.later(6)
    done = org.ok("GET", f"asyncoperations({job})?$select=statecode,statuscode,operationtype")
    assert (done["statecode"], done["statuscode"], done["operationtype"]) == (3, 30, 13)
    assert len(org.ok("GET", "contacts?$select=lastname")["value"]) == 4
    counts = org.ok("GET", "bulkdeleteoperations?$select=successcount,failurecount")["value"][0]
    assert (counts["successcount"], counts["failurecount"]) == (2, 0)
    org.ok(
        "POST",
        "BulkDelete",
        bulk_delete(condition("numberofchildren", "GreaterThan", 3), condition("lastname", "Like", "%5")),
    )
    org.later(6)
    assert [row["lastname"] for row in org.ok("GET", "contacts?$select=lastname&$orderby=lastname")["value"]] == [
        "c2",
        "c3",
        "c4",
    ]


@pytest.mark.rule("DV-AC-07", "DV-AC-08")
def test_how_long_things_take_is_a_switch(org: Org) -> None:
    org.switch(bulk_delete_seconds=100.0, email_send_seconds=50.0)
    email = draft(org, 1, 2)
    org.ok("POST", f"emails({email})/{CRM}.SendEmail", {"IssueSend": True})
    org.ok("POST", "BulkDelete", bulk_delete(condition("lastname", "Equal", "To")))
    seen = []
    for _ in range(3):
        status = org.ok("GET", f"emails({email})?$select=statuscode")["statuscode"]
        seen.append((status, len(org.ok("GET", "contacts?$select=lastname")["value"])))
        org.later(51)
    assert seen == [(6, 1), (3, 1), (3, 0)]


@pytest.mark.rule("DV-AC-08")
def test_a_row_that_cannot_go_does_not_stop_the_job(org: Org) -> None:
    for name in ("one", "two"):
        org.create("contacts", {"lastname": name})
    rejection = {"table": "contact", "message": "No.", "on": ["delete"], "times": 1}
    org.system.seed({"rejections": [rejection]})
    org.ok("POST", "BulkDelete", bulk_delete(condition("lastname", "NotNull")))
    org.later(6)
    counts = org.ok("GET", "bulkdeleteoperations?$select=successcount,failurecount")["value"][0]
    assert (counts["successcount"], counts["failurecount"]) == (1, 1)


@pytest.mark.rule("DV-AC-09")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("BulkDelete", bulk_delete(condition("nosuch", "Equal", 1))),
        ("BulkDelete", bulk_delete(condition("lastname", "Nope", 1))),
        ("BulkDelete", bulk_delete(QuerySet=[])),
        ("BulkDelete", {"JobName": "x"}),
        ("Merge", {}),
        ("Merge", {"Target": 1, "Subordinate": {}, "PerformParentingChecks": False}),
        ("WinOpportunity", {"OpportunityClose": {}, "Status": True}),
        ("WinOpportunity", {"OpportunityClose": {}, "Status": 3, "More": 1}),
        ("WinOpportunity", b"{"),
        ("WinOpportunity", []),
    ],
)
def test_wrong_arguments_are_refused(org: Org, path: str, body: Any) -> None:
    org.create("contacts", {"lastname": "kept"})
    org.refused(400, "", "POST", path, body)
    org.later(60)
    assert len(org.ok("GET", "contacts?$select=lastname")["value"]) == 1


@pytest.mark.rule("DV-AC-10", "DV-AP-11")
def test_states_and_statuses_are_set_together(org: Org) -> None:
    contact = org.create("contacts", {"lastname": "x"})
    assert org.call("PATCH", f"contacts({contact})", {"statecode": 1, "statuscode": 2}).status == 204
    org.refused(400, "0x80048408", "PATCH", f"contacts({contact})", {"statecode": 0, "statuscode": 2})
    lead = org.create("leads", LEAD)
    org.ok("PATCH", f"leads({lead})", {"statecode": 2, "statuscode": 6})
    assert org.ok("GET", f"leads({lead})?$select=statuscode")["statuscode"] == 6
    email = org.create("emails", {"subject": "history", "directioncode": True})
    org.ok("PATCH", f"emails({email})", {"statecode": 1, "statuscode": 3})
    found = org.ok("GET", f"emails({email})?$select=statecode,statuscode,senton")
    assert (found["statecode"], found["statuscode"], found["senton"]) == (1, 3, None)


@pytest.mark.rule("DV-AC-11")
def test_a_static_list_takes_rows_of_its_kind_once(org: Org) -> None:
    static, dynamic = (
        org.create("lists", {"listname": "A", "type": kind, "createdfromcode": 2}) for kind in (False, True)
    )
    contact, lead = org.create("contacts", {"lastname": "Member"}), org.create("leads", LEAD)
    add = f"lists({static})/{CRM}.AddMemberList"
    for _ in range(2):
        org.ok("POST", add, {"EntityId": contact})
    members = org.ok("GET", f"lists({static})/listcontact_association?$select=contactid")["value"]
    assert [each["contactid"] for each in members] == [contact]
    org.refused(404, "", "POST", add, {"EntityId": lead})
    org.refused(400, "0x80040318", "POST", f"lists({dynamic})/{CRM}.AddMemberList", {"EntityId": contact})


@pytest.mark.rule("DV-AC-12")
def test_a_list_is_an_item_of_a_campaign_once(org: Org) -> None:
    made = org.create("lists", {"listname": "A", "type": False, "createdfromcode": 4})
    campaign = org.create("campaigns", {"name": "Spring"})
    add, item = f"lists({made})/{CRM}.AddItemCampaign", {"campaignid": campaign, "@odata.type": f"{CRM}.campaign"}
    assert org.ok("POST", add, {"Campaign": item})["campaignitemid"]
    found = org.ok("GET", f"campaigns({campaign})/campaignlist_association?$select=listid&$filter=listid eq {made}")
    assert [each["listid"] for each in found["value"]] == [made]
    org.refused(400, "0x80040237", "POST", add, {"Campaign": item})
