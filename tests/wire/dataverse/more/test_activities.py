"""Activities: parties, what they regard, the table of all of them, notes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.wire.dataverse.more.organisation import ADMIN, USER, Org

SENDER, TO, CC, REGARDING, OWNER = 1, 2, 3, 8, 9


def contact(org: Org, name: str) -> str:
    return org.create("contacts", {"lastname": name, "emailaddress1": f"{name}@example.com"})


def to(row: str, mask: int = TO) -> dict[str, Any]:
    return {"partyid_contact@odata.bind": f"/contacts({row})", "participationtypemask": mask}


def sender(mask: int = SENDER) -> dict[str, Any]:
    return {"partyid_systemuser@odata.bind": f"/systemusers({ADMIN})", "participationtypemask": mask}


def parties(org: Org, email: str) -> list[tuple[int, str, str]]:
    """Mask, row and address of the parties that were sent, by mask."""
    body = org.ok("GET", f"emails({email})?$select=subject&$expand=email_activity_parties")
    found = [
        (row["participationtypemask"], row["_partyid_value"] or "", row["addressused"] or "")
        for row in body["email_activity_parties"]
        if row["participationtypemask"] < REGARDING
    ]
    return sorted(found)


@pytest.mark.rule("DV-AP-01", "DV-AP-02")
def test_parties_are_written_and_read_with_their_activity(org: Org) -> None:
    row = contact(org, "one")
    unresolved = {"addressused": "stranger@example.com", "participationtypemask": CC}
    email = org.create("emails", {"subject": "s", "email_activity_parties": [sender(), to(row), unresolved]})
    assert parties(org, email) == [
        (SENDER, ADMIN, "user1@example.com"),
        (TO, row, "one@example.com"),
        (CC, "", "stranger@example.com"),
    ]


@pytest.mark.rule("DV-AP-01")
@pytest.mark.parametrize(
    ("entity_set", "table", "mask"),
    [
        ("phonecalls", "phonecall", TO),
        ("appointments", "appointment", 5),
        ("letters", "letter", TO),
        ("faxes", "fax", TO),
    ],
)
def test_every_activity_has_its_collection(org: Org, entity_set: str, table: str, mask: int) -> None:
    row = contact(org, "one")
    body: dict[str, Any] = {"subject": "s", f"{table}_activity_parties": [to(row, mask)]}
    activity = org.create(entity_set, body)
    found = org.ok("GET", f"{entity_set}({activity})/{table}_activity_parties?$select=participationtypemask")["value"]
    assert mask in {each["participationtypemask"] for each in found}


@pytest.mark.rule("DV-AP-01")
def test_a_custom_activity_has_its_collection_too(org: Org) -> None:
    org.system.seed({"tables": [{"name": "new_visit", "activity": True}]})
    row = contact(org, "one")
    visit = org.create("new_visits", {"subject": "s", "new_visit_activity_parties": [to(row, 5)]})
    found = org.ok("GET", f"new_visits({visit})/new_visit_activity_parties?$filter=participationtypemask eq 5")["value"]
    assert [each["_partyid_value"] for each in found] == [row]
    assert org.ok("GET", f"activitypointers({visit})?$select=activitytypecode")["activitytypecode"] == "new_visit"


@pytest.mark.rule("DV-AP-02")
@pytest.mark.parametrize(
    "party",
    [{"addressused": "x@example.com"}, {"participationtypemask": 99}, {"participationtypemask": "TO"}, {"nosuch": 1}],
)
def test_parties_that_cannot_be_are_refused(org: Org, party: dict[str, Any]) -> None:
    org.refused(400, "", "POST", "emails", {"subject": "s", "email_activity_parties": [party]})
    assert org.ok("GET", "emails?$select=subject")["value"] == []


@pytest.mark.rule("DV-AP-02")
def test_a_party_without_a_mask_is_refused_by_its_own_code(org: Org) -> None:
    party = {"addressused": "x@example.com"}
    org.refused(400, "0x80040b06", "POST", "emails", {"subject": "s", "email_activity_parties": [party]})


@pytest.mark.rule("DV-AP-03")
def test_an_update_replaces_the_masks_it_sends(org: Org) -> None:
    one, two, three = (contact(org, name) for name in ("one", "two", "three"))
    email = org.create("emails", {"subject": "s", "email_activity_parties": [sender(), to(one), to(two, CC)]})
    org.ok("PATCH", f"emails({email})", {"email_activity_parties": [to(three), to(two)]})
    assert {(mask, row) for mask, row, _ in parties(org, email)} == {
        (SENDER, ADMIN),
        (TO, two),
        (TO, three),
        (CC, two),
    }


@pytest.mark.rule("DV-AP-04")
def test_party_rows_are_listed_but_not_written(org: Org) -> None:
    row = contact(org, "one")
    email = org.create("emails", {"subject": "s", "email_activity_parties": [to(row)]})
    path = f"activityparties?$filter=_partyid_value eq {row}&$select=participationtypemask,_activityid_value"
    (party,) = org.ok("GET", path)["value"]
    assert (party["participationtypemask"], party["_activityid_value"]) == (TO, email)
    org.refused(405, "0x80040800", "POST", "activityparties", to(row))
    org.refused(405, "0x80040800", "PATCH", f"activityparties({party['activitypartyid']})", {"addressused": "x"})
    org.refused(405, "0x80040800", "DELETE", f"activityparties({party['activitypartyid']})")


@pytest.mark.rule("DV-AP-05")
def test_all_activities_show_as_pointers(org: Org) -> None:
    for entity_set, subject in (("emails", "a"), ("tasks", "b"), ("appointments", "c")):
        org.create(entity_set, {"subject": subject})
    path = "activitypointers?$select=subject,activitytypecode&$orderby=subject"
    found = [(row["subject"], row["activitytypecode"]) for row in org.ok("GET", path)["value"]]
    assert found == [("a", "email"), ("b", "task"), ("c", "appointment")]
    task = org.ok("GET", "tasks?$select=subject")["value"][0]["activityid"]
    org.ok("PATCH", f"tasks({task})", {"subject": "bb"})
    assert org.ok("GET", f"activitypointers({task})?$select=subject")["subject"] == "bb"
    assert org.call("DELETE", f"tasks({task})").status == 204
    org.refused(404, "0x80040217", "GET", f"activitypointers({task})")


@pytest.mark.rule("DV-AP-05")
def test_pointers_are_not_written_but_can_be_deleted(org: Org) -> None:
    email = org.create("emails", {"subject": "s"})
    org.refused(405, "0x80040800", "POST", "activitypointers", {"subject": "x"})
    org.refused(405, "0x80040800", "PATCH", f"activitypointers({email})", {"subject": "x"})
    assert org.call("DELETE", f"activitypointers({email})").status == 204
    org.refused(404, "0x80040217", "GET", f"emails({email})")


@pytest.mark.rule("DV-AP-05")
def test_seeded_activities_show_too(org: Org) -> None:
    org.system.seed({"rows": {"task": [{"subject": "seeded"}]}})
    assert [row["subject"] for row in org.ok("GET", "activitypointers?$select=subject")["value"]] == ["seeded"]


@pytest.mark.rule("DV-AP-06")
@pytest.mark.parametrize(
    ("entity_set", "navigation", "target"),
    [
        ("emails", "regardingobjectid_contact_email", "contacts"),
        ("tasks", "regardingobjectid_account_task", "accounts"),
        ("phonecalls", "regardingobjectid_lead_phonecall", "leads"),
        ("appointments", "regardingobjectid_opportunity_appointment", "opportunities"),
    ],
)
def test_what_an_activity_regards(org: Org, entity_set: str, navigation: str, target: str) -> None:
    names = {"contacts": {"lastname": "x"}, "accounts": {"name": "x"}, "opportunities": {"name": "x"}}
    row = org.create(target, names.get(target, {"subject": "s", "lastname": "x"}))
    activity = org.create(entity_set, {"subject": "s", f"{navigation}@odata.bind": f"/{target}({row})"})
    path = f"{entity_set}({activity})?$select=_regardingobjectid_value"
    found = org.ok("GET", path, headers={"Prefer": 'odata.include-annotations="*"'})
    assert found["_regardingobjectid_value"] == row
    annotation = "_regardingobjectid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"
    assert found[annotation] == navigation
    wrong = {"subject": "s", f"{navigation.upper()}@odata.bind": f"/{target}({row})"}
    org.refused(400, "", "POST", entity_set, wrong)


@pytest.mark.rule("DV-AP-07")
@pytest.mark.parametrize(("kept", "masks"), [(True, [TO, REGARDING, OWNER]), (False, [TO])])
def test_owner_and_regarding_are_parties_by_switch(org: Org, kept: bool, masks: list[int]) -> None:
    org.switch(parties_of_owner_and_regarding=kept)
    row = contact(org, "one")
    body = {"subject": "s", "regardingobjectid_contact_email@odata.bind": f"/contacts({row})"}
    email = org.create("emails", {**body, "email_activity_parties": [to(row)]})
    found = org.ok("GET", f"emails({email})/email_activity_parties?$select=participationtypemask,_partyid_value")[
        "value"
    ]
    assert sorted(each["participationtypemask"] for each in found) == masks
    by_mask = {each["participationtypemask"]: each["_partyid_value"] for each in found}
    assert by_mask.get(OWNER, ADMIN) == ADMIN
    org.ok("PATCH", f"emails({email})", {"ownerid@odata.bind": f"/systemusers({USER})"})
    found = org.ok("GET", f"emails({email})/email_activity_parties?$select=participationtypemask,_partyid_value")[
        "value"
    ]
    assert {each["_partyid_value"] for each in found if each["participationtypemask"] == OWNER} == (
        {USER} if kept else set()
    )


@pytest.mark.rule("DV-AP-02")
@pytest.mark.parametrize(("needed", "status"), [(False, 204), (True, 403)])
def test_naming_a_party_may_need_append_to(org: Org, needed: bool, status: int) -> None:
    org.switch(parties_need_append_to=needed)
    row = contact(org, "one")
    org.grant(USER, email="Global", contact={"Read": "Global"})
    body = {"subject": "s", "email_activity_parties": [to(row)]}
    assert org.call("POST", "emails", body, user=USER).status == status


@pytest.mark.rule("DV-AP-08")
def test_parties_go_with_their_activity_and_outlive_their_row(org: Org) -> None:
    row = contact(org, "one")
    email = org.create("emails", {"subject": "s", "email_activity_parties": [to(row)]})
    assert org.call("DELETE", f"contacts({row})").status == 204
    (party,) = org.ok("GET", "activityparties?$filter=participationtypemask eq 2")["value"]
    assert (party["_partyid_value"], party["ispartydeleted"], party["addressused"]) == (None, True, "one@example.com")
    assert org.call("DELETE", f"emails({email})").status == 204
    assert org.ok("GET", "activityparties")["value"] == []


@pytest.mark.rule("DV-AP-10")
def test_an_email_has_one_sender_and_shows_its_people_as_texts(org: Org) -> None:
    one, two = contact(org, "one"), contact(org, "two")
    body = {"subject": "s", "email_activity_parties": [sender(), to(one, SENDER)]}
    org.refused(400, "0x80040316", "POST", "emails", body)
    email = org.create("emails", {"subject": "s", "email_activity_parties": [sender(), to(one), to(two)]})
    found = org.ok("GET", f"emails({email})?$select=sender,torecipients")
    assert (found["sender"], found["torecipients"]) == ("user1@example.com", "one@example.com;two@example.com;")


@pytest.mark.rule("DV-AP-09")
def test_notes_hold_a_text_or_a_file(org: Org) -> None:
    row = contact(org, "one")
    on = {"objectid_contact@odata.bind": f"/contacts({row})"}
    content = base64.b64encode(b"x" * 1000).decode()
    note = org.create("annotations", {"subject": "s", "filename": "a.txt", "documentbody": content, **on})
    found = org.ok(
        "GET", f"annotations({note})?$select=documentbody,filesize,isdocument,objecttypecode,_objectid_value"
    )
    assert (found["documentbody"], found["filesize"], found["isdocument"]) == (content, 1000, True)
    assert (found["objecttypecode"], found["_objectid_value"]) == ("contact", row)
    assert len(org.ok("GET", f"contacts({row})/Contact_Annotation?$select=subject")["value"]) == 1
    org.create("annotations", {"notetext": "long " * 20_000, **on})
    org.refused(400, "0x80044331", "POST", "annotations", {"notetext": "x" * 100_001, **on})
    org.refused(400, "0x80040203", "POST", "annotations", {"documentbody": "no base64!", **on})
    org.system.seed({"organization": {"maxuploadfilesize": 999}})
    org.refused(400, "0x80044a02", "PATCH", f"annotations({note})", {"documentbody": content})


@pytest.mark.rule("DV-AP-01")
def test_an_email_keeps_a_very_long_text(org: Org) -> None:
    text = "<p>" + "long " * 500_000 + "</p>"
    email = org.create("emails", {"subject": "s", "description": text})
    assert org.ok("GET", f"emails({email})?$select=description")["description"] == text
