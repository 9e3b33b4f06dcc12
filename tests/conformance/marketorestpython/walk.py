"""PyPI marketorestpython against the simulator, unchanged but for base address and trust store.

It sends lists as forms with `_method=GET`, deletes with a body, and walks feeds until `moreResult` is false.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from marketo_walk import BASE, CLIENT, SECRET, control, run, step, values
from marketorestpython.client import MarketoClient
from marketorestpython.helper.exceptions import MarketoException
from walking import expect

LONG_AGO = "2023-12-01T00:00:00Z"


def client(secret: str = SECRET, retry: int = 30) -> MarketoClient:
    made = MarketoClient("000-SIM-000", CLIENT, secret, max_retry_time=retry, requests_timeout=30)
    made.host = BASE
    return made


mc = client()


def refused(code: str, call: Any, *arguments: Any, **named: Any) -> None:
    try:
        call(*arguments, **named)
    except MarketoException as problem:
        expect(problem.code, code, "code")
        return
    raise AssertionError(f"the call succeeded; expected {code}")


def statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["status"] for row in rows]


@step("identity")
def identity() -> None:
    mc.authenticate()
    token = mc.token
    again = client()
    again.authenticate()
    expect(again.token, token, "the same token until it expires")
    try:
        client("wrong").authenticate()
    except Exception as problem:
        expect("No client" in str(problem), True, "refusal")
    else:
        raise AssertionError("a wrong secret was taken")


@step("create")
def create() -> None:
    rows = [
        {"email": "walk@example.com", "firstName": "Walk"},
        {"email": "first@example.com"},
        {"email": "é@example.com"},
    ]
    made = mc.create_update_leads(rows, action="createOnly")
    expect([row.get("id") for row in made], [342, None, None])
    expect([row.get("reasons", [{}])[0].get("code") for row in made], [None, "1005", "1003"])
    expect(mc.get_lead_by_id(342, fields=["email", "firstName"])[0]["firstName"], "Walk")


@step("read paging")
def read_paging() -> None:
    emails = ["first@example.com", *(f"person{n}@example.com" for n in range(2, 280))]
    found = mc.get_multiple_leads_by_filter_type("email", emails, fields=["email"], batchSize=100)
    expect([row["id"] for row in found], list(range(1, 280)))
    expect(mc.get_multiple_leads_by_filter_type("email", ["nobody@example.com"]), [])


@step("update")
def update() -> None:
    expect(statuses(mc.create_update_leads([{"email": "WALK@example.com", "lastName": "Er"}])), ["updated"])
    by_id = mc.create_update_leads([{"id": 342, "firstName": ""}, {"id": 9999}], action="updateOnly", lookupField="id")
    expect(statuses(by_id), ["updated", "skipped"])
    expect(values(342), {"email": "WALK@example.com", "lastName": "Er"})


@step("fields")
def fields() -> None:
    names = {row["rest"]["name"]: row["dataType"] for row in mc.describe()}
    expect((names["email"], names["wave"], names["annualRevenue"]), ("email", "string", "currency"))
    expect(["wave"] in mc.describe2()[0]["searchableFields"], True)
    mc.create_update_leads([{"email": "first@example.com", "wave": "one"}])
    expect([row["id"] for row in mc.get_multiple_leads_by_filter_type("wave", ["one"])], [1])


@step("changes")
def changes() -> None:
    rows = mc.get_lead_changes(["firstName", "lastName"], sinceDatetime=LONG_AGO)
    expect(len([row for row in rows if row["activityTypeId"] == 12]), 342)
    changed = [(row["leadId"], row["fields"][0]["name"], row["fields"][0]["newValue"]) for row in rows if row["fields"]]
    expect(changed, [(342, "lastName", "Er"), (342, "firstName", None)])
    expect({row["id"] for row in mc.get_activity_types()} >= {12, 13, 32, 37}, True)
    control("POST", "switches", {"feed_scan": 50})
    expect(len(mc.get_lead_changes(["firstName", "lastName"], sinceDatetime=LONG_AGO)), len(rows), "short pages")
    control("POST", "switches", {"feed_scan": 3000})


@step("lists")
def lists() -> None:
    list_id = mc.get_multiple_lists(name=["News"])[0]["id"]
    expect(statuses(mc.add_leads_to_list(list_id, [1, 2, 9999])), ["added", "added", "skipped"])
    expect(statuses(mc.member_of_list(list_id, [1, 3])), ["memberof", "notmemberof"])
    expect(statuses(mc.remove_leads_from_list(list_id, [2])), ["removed"])
    expect([row["id"] for row in mc.get_multiple_leads_by_list_id(list_id)], [1])


@step("objects")
def objects() -> None:
    people = [{"externalSalesPersonId": "S1", "email": "s@example.com"}]
    expect(statuses(mc.create_update_sales_persons(people)), ["created"])
    companies = [{"externalCompanyId": "C1", "company": "Acme"}, {"externalCompanyId": "c1"}]
    made = mc.create_update_companies(companies)
    expect((statuses(made), made[1]["reasons"][0]["code"]), (["created", "skipped"], "1036"))
    mc.create_update_leads([{"email": "first@example.com", "externalCompanyId": "C1", "externalSalesPersonId": "S1"}])
    expect(mc.get_lead_by_id(1, fields=["company"])[0]["company"], "Acme")
    expect(mc.get_companies("externalCompanyId", ["C1"], fields=["company"])[0]["company"], "Acme")
    opportunity = {"externalOpportunityId": "O1", "name": "One", "externalSalesPersonId": "S1"}
    expect(statuses(mc.create_update_opportunities([opportunity])), ["created"])
    role = {"externalOpportunityId": "O1", "leadId": 1, "role": "Buyer"}
    expect(statuses(mc.create_update_opportunities_roles([role])), ["created"])
    expect(mc.get_opportunity_roles("leadId", ["1"])[0]["externalOpportunityId"], "O1")
    expect(mc.delete_sales_persons(people[:1])[0]["reasons"][0]["code"], "1022")
    expect(mc.describe_opportunity()[0]["dedupeFields"], ["externalOpportunityId"])


@step("custom objects")
def custom_objects() -> None:
    mc.create_update_custom_object_type("car", "Car")
    related = {
        "name": "owner",
        "displayName": "Owner",
        "dataType": "integer",
        "relatedTo": {"name": "Lead", "field": "id"},
    }
    mc.add_field_custom_object_type("car", [{"name": "vin", "displayName": "VIN", "isDedupeField": True}, related])
    mc.approve_custom_object_type("car")
    rows = [{"vin": "V1", "owner": 1}, {"vin": "V2", "owner": 9999}]
    expect(statuses(mc.create_update_custom_objects("car", rows)), ["created", "skipped"])
    expect(mc.get_custom_objects("car", [{"vin": "V1"}], "vin", fields=["owner"])[0]["owner"], 1)
    expect(mc.describe_custom_object("car")[0]["relationships"][0]["field"], "owner")
    mc.create_update_custom_objects("car", [{"vin": "V3", "owner": 2}])
    expect(statuses(mc.delete_custom_objects("car", [{"vin": "V3"}])), ["deleted"])


@step("custom activities")
def custom_activities() -> None:
    mc.create_custom_activity_type("rejected", "Rejected", "Is Rejected", "Was Rejected", "reason", "Reason")
    mc.create_custom_activity_type_attribute("rejected", [{"apiName": "code", "name": "Code", "dataType": "string"}])
    number = mc.approve_custom_activity_type("rejected")[0]["id"]
    row = {
        "leadId": 1,
        "activityDate": "2026-01-01T00:00:00Z",
        "activityTypeId": number,
        "primaryAttributeValue": "too long",
        "attributes": [{"name": "Code", "value": "x"}],
    }
    added = mc.add_custom_activities([row, {**row, "leadId": 9999}])
    expect((statuses(added), added[1]["errors"][0]["code"]), (["added", "skipped"], "1004"))
    expect([each["leadId"] for each in mc.get_lead_activities([str(number)], sinceDatetime=LONG_AGO)], [1])


@step("bulk")
def bulk() -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        file.write("email,firstName\nbulk1@example.com,B1\nbulk2@example.com,B2\nü@example.com,B3\n")
    batch = mc.import_lead("csv", file.name, lookupField="email")[0]["batchId"]
    for _ in range(3):  # it waits in its line, and then it runs
        control("POST", "clock", {"advance": 30})
    done = mc.get_import_lead_status(batch)[0]
    expect((done["status"], done["numOfLeadsProcessed"], done["numOfRowsFailed"]), ("Complete", 2, 1))
    expect("ü@example.com" in mc.get_import_failure_file(batch), True, "the failed row")
    job = mc.create_leads_export_job(fields=["id", "email"], filters={"staticListName": "News"})[0]["exportId"]
    mc.enqueue_leads_export_job(job)
    for _ in range(3):  # the status is renewed once a minute
        control("POST", "clock", {"advance": 60})
    expect(mc.get_leads_export_job_status(job)[0]["status"], "Completed")
    expect(mc.get_leads_export_job_file(job), b"id,email\n1,first@example.com\n")


@step("merge")
def merge() -> None:
    expect(mc.merge_lead(342, [340, 341]), True)
    refused("1004", mc.get_lead_by_id, 341)
    (row,) = mc.get_lead_activities(["32"], sinceDatetime=LONG_AGO)
    expect(
        (row["leadId"], {each["name"]: each["value"] for each in row["attributes"]}["Merge IDs"]), (342, "[340,341]")
    )


@step("delete")
def delete() -> None:
    expect(statuses(mc.delete_lead([339, 9999])), ["deleted", "skipped"])
    expect([row["leadId"] for row in mc.get_deleted_leads(sinceDatetime=LONG_AGO)], [339])


@step("errors")
def errors() -> None:
    refused("1006", mc.get_multiple_leads_by_filter_type, "nope", ["x"])
    refused("1011", mc.get_multiple_leads_by_filter_type, "firstName", ["x"])
    refused("1013", mc.get_multiple_leads_by_list_id, 77)
    control("POST", "switches", {"native_sync": True})
    expect(mc.create_update_companies([{"externalCompanyId": "C2"}])[0]["reasons"][0]["code"], "1018")
    control("POST", "switches", {"native_sync": False})


@step("limits")
def limits() -> None:
    # Its retries lose the token (it is popped from the arguments of the first try), so each refusal is seen at once.
    hasty = client(retry=0)
    hasty.authenticate()
    control("POST", "do/spend", {"calls": 100})
    refused("606", hasty.get_lead_by_id, 1)
    control("POST", "clock", {"advance": 21})
    control("POST", "do/fail", {"code": "604"})
    refused("604", hasty.get_lead_by_id, 1)
    expect(hasty.get_lead_by_id(1)[0]["id"], 1, "the next call")
    expect(mc.get_daily_usage()[0]["users"][0]["count"] > 30, True, "usage")
    control("POST", "do/spend", {"calls": 50_000, "quota_only": True})
    refused("607", mc.get_lead_by_id, 1)


run()
