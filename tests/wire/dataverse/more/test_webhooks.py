"""Webhooks against an endpoint on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from simulators.dataverse.metadata.messages import filter_id, message_id
from simulators.frame import ControlError
from tests.wire.dataverse.more.endpoint import Endpoint
from tests.wire.dataverse.more.multipart import TYPE, batch, change_set, part
from tests.wire.dataverse.more.organisation import ADMIN, USER, Org

CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
KEY, HEADER, QUERY = 4, 5, 6


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def register(org: Org, url: str, message: str = "Create", table: str = "contact", **more: Any) -> str:
    """Register a webhook step and return its id."""
    auth, value = more.pop("auth", (KEY, "key/+ 1"))
    handler = org.create(
        "serviceendpoints",
        {
            "name": "hook",
            "contract": 8,
            "authtype": auth,
            "authvalue": value,
            "url": url,
            "messageformat": 2,
            "connectionmode": 1,
        },
    )
    return org.create(
        "sdkmessageprocessingsteps",
        {
            "name": "step",
            "stage": 40,
            "mode": 1,
            "rank": 1,
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({handler})",
            "sdkmessageid@odata.bind": f"/sdkmessages({message_id(message)})",
            "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({filter_id(table, message)})",
            **more,
        },
    )


def wait(org: Org) -> None:
    assert org.system.act("wait_webhooks", {"seconds": 20})["idle"] is True


def target(body: Any) -> dict[str, Any]:
    (parameter,) = body["InputParameters"]
    assert parameter["key"] == "Target"
    return dict(parameter["value"])


def attributes(entity: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: each["value"] for each in entity["Attributes"]}


@pytest.mark.rule("DV-WH-01", "DV-WH-02", "DV-WH-03")
def test_a_creation_is_told_after_the_commit(org: Org, endpoint: Endpoint) -> None:
    step = register(org, endpoint.url)
    account = org.create("accounts", {"name": "A"})
    row = org.create(
        "contacts",
        {
            "lastname": "x",
            "annualincome": 5.0,
            "gendercode": 1,
            "birthdate": "2000-01-02",
            "parentcustomerid_account@odata.bind": f"/accounts({account})",
        },
    )
    wait(org)
    ((path, headers, body),) = endpoint.calls
    assert parse_qs(urlsplit(path).query) == {"code": ["key/+ 1"]}
    assert headers["x-ms-dynamics-entity-name"] == "contact"
    assert headers["x-ms-dynamics-request-name"] == "Create"
    assert headers["x-ms-dynamics-organization"] == "127.0.0.1:8800"
    assert headers["x-ms-correlation-request-id"] == body["CorrelationId"]
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert "x-ms-dynamics-msg-size-exceeded" not in headers
    assert (body["MessageName"], body["PrimaryEntityName"], body["PrimaryEntityId"]) == ("Create", "contact", row)
    assert (body["Stage"], body["Mode"], body["Depth"], body["UserId"]) == (40, 1, 1, ADMIN)
    assert body["OwningExtension"]["Id"] == step
    assert body["OutputParameters"] == [{"key": "id", "value": row}]
    assert body["OperationCreatedOn"] == "/Date(1795000000000+0000)/"
    entity = target(body)
    assert entity["__type"] == f"Entity:{CONTRACTS}"
    sent = attributes(entity)
    assert sent["lastname"] == "x"
    assert sent["annualincome"] == {"__type": f"Money:{CONTRACTS}", "Value": 5.0}
    assert sent["gendercode"] == {"__type": f"OptionSetValue:{CONTRACTS}", "Value": 1}
    assert sent["birthdate"] == "/Date(946771200000)/"
    assert (sent["parentcustomerid"]["Id"], sent["parentcustomerid"]["LogicalName"]) == (account, "account")


@pytest.mark.rule("DV-WH-03")
@pytest.mark.parametrize(
    ("auth", "in_path", "in_headers"),
    [
        ((HEADER, '<settings><setting name="x-key" value="v 1"/></settings>'), {}, {"x-key": "v 1"}),
        ((QUERY, '<settings><setting name="k" value="v &amp; 1"/></settings>'), {"k": ["v & 1"]}, {}),
    ],
)
def test_other_ways_to_authenticate(
    org: Org, endpoint: Endpoint, auth: tuple[int, str], in_path: dict[str, Any], in_headers: dict[str, str]
) -> None:
    register(org, endpoint.url, auth=auth)
    org.create("contacts", {"lastname": "x"})
    wait(org)
    path, headers, _ = endpoint.calls[0]
    assert parse_qs(urlsplit(path).query) == in_path
    assert in_headers.items() <= headers.items()


@pytest.mark.rule("DV-WH-04")
def test_filtering_attributes(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url, "Update", filteringattributes="emailaddress1,jobtitle")
    row = org.create("contacts", {"lastname": "x"})
    org.ok("PATCH", f"contacts({row})", {"department": "d"})
    org.ok("PATCH", f"contacts({row})", {"jobtitle": "j", "department": "e"})
    wait(org)
    (body,) = endpoint.bodies
    assert body["MessageName"] == "Update"
    sent = attributes(target(body))
    assert set(sent) == {"jobtitle", "department", "modifiedon", "modifiedby", "contactid"}


@pytest.mark.rule("DV-WH-05")
def test_a_large_body_loses_its_parameters(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url, table="annotation")
    org.create("annotations", {"subject": "small", "notetext": "x" * 1000})
    org.create("annotations", {"subject": "large", "documentbody": "A" * 300_000})
    wait(org)
    by_size = {headers.get("x-ms-dynamics-msg-size-exceeded"): body for _, headers, body in endpoint.calls}
    assert set(by_size) == {None, "true"}
    assert "InputParameters" in by_size[None]
    stripped = by_size["true"]
    assert not {"InputParameters", "PreEntityImages", "PostEntityImages", "ParentContext"} & set(stripped)
    assert stripped["PrimaryEntityName"] == "annotation"


@pytest.mark.rule("DV-WH-06", "DV-WH-07")
@pytest.mark.parametrize(
    ("statuses", "calls", "failed"),
    [([503], 2, False), ([502, 504], 2, True), ([500], 1, True), ([429], 1, True), ([404], 1, True), ([204], 1, False)],
)
def test_one_more_try_and_failures_as_jobs(
    org: Org, endpoint: Endpoint, statuses: list[int], calls: int, failed: bool
) -> None:
    step = register(org, endpoint.url)
    endpoint.statuses = list(statuses)
    row = org.create("contacts", {"lastname": "kept"})
    wait(org)
    assert len(endpoint.calls) == calls
    path = f"asyncoperations?$filter=statuscode eq 31 and _owningextensionid_value eq {step}"
    jobs = org.ok("GET", f"{path}&$select=statecode,message,retrycount,_regardingobjectid_value")["value"]
    assert len(jobs) == failed
    if failed:
        assert (jobs[0]["statecode"], jobs[0]["retrycount"]) == (3, calls - 1)
        assert jobs[0]["_regardingobjectid_value"] == row
        assert str(statuses[-1]) in jobs[0]["message"]
    assert org.ok("GET", f"contacts({row})?$select=lastname")["lastname"] == "kept"


@pytest.mark.rule("DV-WH-07")
def test_nobody_listening_is_a_failure_too(org: Org, endpoint: Endpoint) -> None:
    register(org, "http://127.0.0.1:9/hook")
    org.create("contacts", {"lastname": "x"})
    wait(org)
    (job,) = org.ok("GET", "asyncoperations?$filter=statuscode eq 31&$select=message")["value"]
    assert job["message"] == "The webhook call failed during http post."


@pytest.mark.rule("DV-WH-07", "DV-WH-08")
def test_an_endpoint_that_is_too_slow_has_failed(org: Org, endpoint: Endpoint) -> None:
    org.switch(webhook_timeout_seconds=0.1)
    endpoint.seconds = 0.4
    register(org, endpoint.url)
    org.create("contacts", {"lastname": "late"})
    wait(org)
    (job,) = org.ok("GET", "asyncoperations?$filter=statuscode eq 31&$select=message,retrycount")["value"]
    assert (job["message"].endswith("timed out at client side."), job["retrycount"]) == (True, 0)
    register(org, endpoint.url, mode=0)
    org.refused(400, "0x80050202", "POST", "contacts", {"lastname": "never"})
    org.switch(webhook_timeout_seconds=60.0)
    org.create("contacts", {"lastname": "patient"})


@pytest.mark.rule("DV-WH-08")
@pytest.mark.parametrize("stage", [10, 20, 40])
def test_a_synchronous_failure_aborts_the_write(org: Org, endpoint: Endpoint, stage: int) -> None:
    register(org, endpoint.url, mode=0, stage=stage)
    endpoint.statuses = [400]
    text = org.refused(400, "0x80050201", "POST", "contacts", {"lastname": "never"})
    assert "400" in text
    assert org.ok("GET", "contacts")["value"] == []
    org.create("contacts", {"lastname": "kept"})
    assert [(body["Mode"], body["Stage"]) for body in endpoint.bodies] == [(0, stage)] * 2


@pytest.mark.rule("DV-WH-09")
def test_the_tag_reaches_the_endpoint(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url)
    org.create("contacts?tag=sync-hub", {"lastname": "x"})
    org.create("contacts", {"lastname": "y"})
    wait(org)
    shared = sorted(str(body["SharedVariables"]) for body in endpoint.bodies)
    assert shared == ["[]", "[{'key': 'tag', 'value': 'sync-hub'}]"]


@pytest.mark.rule("DV-WH-10")
def test_a_deletion_names_the_row_and_images_show_it(org: Org, endpoint: Endpoint) -> None:
    for message in ("Update", "Delete"):
        step = register(org, endpoint.url, message)
        org.create(
            "sdkmessageprocessingstepimages",
            {
                "name": "image",
                "entityalias": "image",
                "imagetype": 0 if message == "Delete" else 2,
                "messagepropertyname": "Target",
                "attributes": "emailaddress1,jobtitle",
                "sdkmessageprocessingstepid@odata.bind": f"/sdkmessageprocessingsteps({step})",
            },
        )
    row = org.create("contacts", {"lastname": "x", "emailaddress1": "x@example.com", "jobtitle": "old"})
    org.ok("PATCH", f"contacts({row})", {"jobtitle": "new"})
    wait(org)
    assert org.call("DELETE", f"contacts({row})").status == 204
    wait(org)
    update, delete = endpoint.bodies
    images = {key: attributes(update[key][0]["value"])["jobtitle"] for key in ("PreEntityImages", "PostEntityImages")}
    assert images == {"PreEntityImages": "old", "PostEntityImages": "new"}
    assert target(delete) == {
        "__type": f"EntityReference:{CONTRACTS}",
        "Id": row,
        "KeyAttributes": [],
        "LogicalName": "contact",
        "Name": None,
        "RowVersion": None,
    }
    (image,) = delete["PreEntityImages"]
    assert attributes(image["value"]) == {"emailaddress1": "x@example.com", "jobtitle": "new"}
    assert delete["PostEntityImages"] == []


@pytest.mark.rule("DV-WH-11")
def test_bypassing_keeps_steps_from_running(org: Org, endpoint: Endpoint) -> None:
    late, now = register(org, endpoint.url), register(org, endpoint.url, mode=0)
    header = "MSCRM.BypassBusinessLogicExecution"
    for headers, expected in (
        ({header: "CustomSync,CustomAsync"}, []),
        ({header: "CustomAsync"}, [now]),
        ({header: "CustomSync"}, [late]),
        ({"MSCRM.BypassCustomPluginExecution": "true"}, [late]),
        ({f"{header}StepIds": f"{late},{now}"}, []),
        ({}, [late, now]),
    ):
        endpoint.calls.clear()
        org.create("contacts", {"lastname": "x"}, headers=headers)
        wait(org)
        assert sorted(body["OwningExtension"]["Id"] for body in endpoint.bodies) == sorted(expected), headers


@pytest.mark.rule("DV-WH-01", "DV-WH-10")
def test_a_webhook_can_be_declared_at_seed(org: Org, endpoint: Endpoint) -> None:
    hook = {"table": "contact", "message": "Delete", "url": endpoint.url, "key": "k", "image": ["emailaddress1"]}
    (made,) = org.system.seed({"webhooks": [hook]})["webhooks"]
    row = org.create("contacts", {"lastname": "x", "emailaddress1": "x@example.com"})
    assert org.call("DELETE", f"contacts({row})").status == 204
    wait(org)
    ((path, _, body),) = endpoint.calls
    assert (path, body["OwningExtension"]["Id"]) == ("/api/hook?code=k", made["step"])
    assert attributes(body["PreEntityImages"][0]["value"]) == {"emailaddress1": "x@example.com"}
    for wrong in ({**hook, "table": "nosuch"}, {**hook, "message": "Merge"}, {**hook, "url": "x"}, 1):
        with pytest.raises(ControlError):
            org.system.seed({"webhooks": [wrong]})


@pytest.mark.rule("DV-WH-01")
def test_a_reset_ends_registrations(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url)
    org.create("contacts", {"lastname": "x"})
    wait(org)
    org.system.reset(1)
    org.add_user(ADMIN, 1)
    org.system.seed({"user_roles": [{"user": ADMIN, "roles": ["System Administrator"]}]})
    org.create("contacts", {"lastname": "x"})
    wait(org)
    assert len(endpoint.calls) == 1


@pytest.mark.rule("DV-WH-12")
def test_registrations_that_cannot_work_are_refused(org: Org, endpoint: Endpoint) -> None:
    good = {"name": "hook", "contract": 8, "url": endpoint.url, "messageformat": 2, "connectionmode": 1}
    org.refused(400, "0x80050203", "POST", "serviceendpoints", {**good, "authtype": HEADER, "authvalue": "no xml"})
    org.refused(400, "0x80050204", "POST", "serviceendpoints", {**good, "authtype": QUERY, "authvalue": "<a/>"})
    org.refused(400, "", "POST", "serviceendpoints", {**good, "authtype": KEY, "authvalue": "k", "url": "ftp://x"})
    org.refused(400, "", "POST", "serviceendpoints", {**good, "authtype": 2, "authvalue": "k"})
    step = register(org, endpoint.url)
    org.refused(400, "", "PATCH", f"sdkmessageprocessingsteps({step})", {"stage": 20})
    org.refused(400, "", "PATCH", f"sdkmessageprocessingsteps({step})", {"filteringattributes": "lastname"})


@pytest.mark.rule("DV-WH-01")
def test_a_disabled_step_and_another_table_do_not_call(org: Org, endpoint: Endpoint) -> None:
    step = register(org, endpoint.url)
    org.create("accounts", {"name": "A"})
    org.ok("PATCH", f"sdkmessageprocessingsteps({step})", {"statecode": 1, "statuscode": 2})
    org.create("contacts", {"lastname": "x"})
    wait(org)
    assert endpoint.calls == []


@pytest.mark.rule("DV-WH-13")
def test_a_call_may_come_twice_and_in_any_order(org: Org, endpoint: Endpoint) -> None:
    org.switch(webhook_double=True, webhook_shuffle=True)
    register(org, endpoint.url)
    org.create("contacts", {"lastname": "x"})
    wait(org)
    assert [body["MessageName"] for body in endpoint.bodies] == ["Create", "Create"]
    assert endpoint.bodies[0]["CorrelationId"] == endpoint.bodies[1]["CorrelationId"]


@pytest.mark.rule("DV-WH-14")
def test_what_is_rolled_back_calls_nobody(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url)
    members = [part("POST", "contacts", {"lastname": "x"}), part("POST", "contacts", {"lastname": "x" * 51})]
    assert org.call("POST", "$batch", batch(change_set(*members)), headers=TYPE).status == 400
    wait(org)
    assert endpoint.calls == []


@pytest.mark.rule("DV-WH-02")
def test_under_impersonation_both_users_are_named(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url)
    org.grant(USER, contact="Global")
    org.create("contacts", {"lastname": "x"}, headers={"MSCRMCallerID": USER})
    wait(org)
    (body,) = endpoint.bodies
    assert (body["UserId"], body["InitiatingUserId"]) == (USER, ADMIN)


@pytest.mark.rule("DV-WH-01")
def test_bulk_operations_call_once_for_each_row(org: Org, endpoint: Endpoint) -> None:
    register(org, endpoint.url)
    targets = [{"@odata.type": "Microsoft.Dynamics.CRM.contact", "lastname": f"c{n}"} for n in range(5)]
    org.ok("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets})
    wait(org)
    assert sorted(attributes(target(body))["lastname"] for body in endpoint.bodies) == [f"c{n}" for n in range(5)]
