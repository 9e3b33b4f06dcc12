"""Metadata as it is changed over the API: columns, keys, choices, relationships."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.dataverse.more.organisation import USER, Org

CONTACT = "EntityDefinitions(LogicalName='contact')"
CAST = "Microsoft.Dynamics.CRM."


def label(text: str) -> dict[str, Any]:
    return {"@odata.type": f"{CAST}Label", "LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def column(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"{CAST}{kind}AttributeMetadata",
        "SchemaName": name,
        "DisplayName": label(name),
        "RequiredLevel": {"Value": "None"},
        **more,
    }


def add(org: Org, body: dict[str, Any], table: str = "contact") -> str:
    response = org.call("POST", f"EntityDefinitions(LogicalName='{table}')/Attributes", body)
    assert response.status == 204, response.body
    return response.header("OData-EntityId")


@pytest.mark.rule("DV-MD-11")
@pytest.mark.parametrize(
    ("body", "value", "bad", "code"),
    [
        (column("String", "new_Text", MaxLength=10), "x" * 10, "x" * 11, "0x80044331"),
        (column("Integer", "new_Number", MinValue=1, MaxValue=5), 5, 6, "0x8004432f"),
        (column("Money", "new_Amount", Precision=2, MinValue=0, MaxValue=10), 9.5, 11, "0x80044330"),
        (column("DateTime", "new_Day", Format="DateOnly"), "2026-01-02", "2026-01-02T00:00:00Z", ""),
        (column("Boolean", "new_Flag", DefaultValue=False), True, "yes", ""),
        (
            column(
                "Picklist",
                "new_Tier",
                OptionSet={"Options": [{"Value": 100_000_000, "Label": label("Gold")}, {"Label": label("Silver")}]},
            ),
            100_000_001,
            7,
            "0x8004431a",
        ),
    ],
)
def test_a_column_can_be_used_as_soon_as_it_is_made(
    org: Org, body: dict[str, Any], value: object, bad: object, code: str
) -> None:
    url = add(org, body)
    name = body["SchemaName"].lower()
    shape = org.ok("GET", f"{CONTACT}/Attributes(LogicalName='{name}')")
    assert shape["MetadataId"] in url
    assert shape["@odata.type"] == f"#{body['@odata.type']}"
    assert (shape["SchemaName"], shape["IsCustomAttribute"]) == (body["SchemaName"], True)
    assert shape["DisplayName"]["UserLocalizedLabel"]["Label"] == body["SchemaName"]
    row = org.create("contacts", {"lastname": "x", name: value})
    assert org.ok("GET", f"contacts({row})?$select={name}")[name] == value
    org.refused(400, code, "PATCH", f"contacts({row})", {name: bad})


@pytest.mark.rule("DV-MD-11")
@pytest.mark.parametrize(
    "body",
    [
        column("String", "Bad"),
        column("String", "abc_NoPublisher"),
        column("String", "new_Long", MaxLength=4001),
        column("String", "new_Zero", MaxLength=0),
        column("Nope", "new_What"),
        column("State", "new_State"),
        column("Lookup", "new_Lookup", Targets=["account"]),
        column("String", "new_Word", MaxLength="ten"),
        column("Picklist", "new_Low", OptionSet={"Options": [{"Value": 1, "Label": label("x")}]}),
        {"SchemaName": "new_NoType"},
        [],
    ],
)
def test_columns_that_cannot_be_are_refused(org: Org, body: Any) -> None:
    before = dict(org.system.schema["contact"].columns)
    org.refused(400, "", "POST", f"{CONTACT}/Attributes", body)
    assert org.system.schema["contact"].columns == before


@pytest.mark.rule("DV-MD-11")
def test_a_name_is_used_once_and_changing_metadata_is_a_right(org: Org) -> None:
    add(org, column("String", "new_Text"))
    org.refused(400, "", "POST", f"{CONTACT}/Attributes", column("String", "new_Text"))
    org.grant(USER, contact="Global")
    text = org.refused(403, "0x80040220", "POST", f"{CONTACT}/Attributes", column("String", "new_Other"), user=USER)
    assert "prvCreateAttribute" in text


@pytest.mark.rule("DV-MD-12")
def test_only_free_custom_columns_can_be_deleted(org: Org) -> None:
    add(org, column("String", "new_Text", MaxLength=50))
    add(org, column("String", "new_Keyed", MaxLength=50))
    org.call("POST", f"{CONTACT}/Keys", {"SchemaName": "new_Key", "KeyAttributes": ["new_keyed"]})
    row = org.create("contacts", {"lastname": "x", "new_text": "y"})
    former = org.ok("GET", f"{CONTACT}/Attributes(LogicalName='new_text')")["MetadataId"]
    assert org.call("DELETE", f"{CONTACT}/Attributes(LogicalName='new_text')").status == 204
    org.refused(400, "", "GET", f"contacts({row})?$select=new_text")
    org.refused(404, "0x80041103", "GET", f"{CONTACT}/Attributes(LogicalName='new_text')")
    org.refused(404, "0x80041103", "GET", f"{CONTACT}/Attributes({former})")
    add(org, column("String", "new_Text", MaxLength=20))
    made = org.ok("GET", f"{CONTACT}/Attributes(LogicalName='new_text')")["MetadataId"]
    assert made != former, "a column that is made again is another one"
    assert org.ok("GET", f"{CONTACT}/Attributes({made})")["MaxLength"] == 20
    assert org.ok("GET", f"contacts({row})?$select=new_text")["new_text"] is None
    org.refused(400, "0x80048418", "DELETE", f"{CONTACT}/Attributes(LogicalName='new_keyed')")
    org.refused(400, "0x80047002", "DELETE", f"{CONTACT}/Attributes(LogicalName='fullname')")
    org.refused(400, "0x8004f026", "DELETE", f"{CONTACT}/Attributes(LogicalName='jobtitle')")


@pytest.mark.rule("DV-MD-13")
def test_the_index_of_a_key_is_built_by_the_clock(org: Org) -> None:
    add(org, column("String", "new_Code", MaxLength=50))
    response = org.call("POST", f"{CONTACT}/Keys", {"SchemaName": "new_Key", "KeyAttributes": ["new_code"]})
    assert response.status == 204
    key_id = response.header("OData-EntityId").rpartition("(")[2].rstrip(")")

    def status() -> str:
        return str(org.ok("GET", f"{CONTACT}/Keys({key_id})")["EntityKeyIndexStatus"])

    assert status() == "Pending"
    org.later(11)
    assert status() == "InProgress"
    org.later(10)
    assert status() == "Active"
    assert org.call("PATCH", "contacts(new_code='A')", {"lastname": "by key"}).status == 204
    org.refused(412, "0x80060892", "POST", "contacts", {"lastname": "twice", "new_code": "a"})
    assert org.call("DELETE", f"{CONTACT}/Keys({key_id})").status == 204
    assert org.ok("GET", f"{CONTACT}/Keys")["value"] == []
    org.create("contacts", {"lastname": "twice", "new_code": "A"})


@pytest.mark.rule("DV-MD-13")
def test_an_index_may_be_built_at_once(org: Org) -> None:
    org.switch(metadata_key_index_seconds=0.0)
    org.call("POST", f"{CONTACT}/Keys", {"SchemaName": "new_Key", "KeyAttributes": ["emailaddress1"]})
    org.later(0)
    assert org.ok("GET", f"{CONTACT}/Keys")["value"][0]["EntityKeyIndexStatus"] == "Active"


@pytest.mark.rule("DV-MD-13")
def test_a_key_over_double_values_fails(org: Org) -> None:
    for name in ("one", "two"):
        org.create("contacts", {"lastname": name, "jobtitle": "Same"})
    org.call("POST", f"{CONTACT}/Keys", {"SchemaName": "new_Key", "KeyAttributes": ["jobtitle"]})
    org.later(60)
    assert org.ok("GET", f"{CONTACT}/Keys")["value"][0]["EntityKeyIndexStatus"] == "Failed"


@pytest.mark.rule("DV-MD-14")
def test_keys_that_cannot_be_are_refused(org: Org) -> None:
    def key(name: str, *columns: Any) -> dict[str, Any]:
        return {"SchemaName": name, "KeyAttributes": list(columns)}

    assert org.call("POST", f"{CONTACT}/Keys", key("new_First", "emailaddress1")).status == 204
    org.refused(400, "0x80060893", "POST", f"{CONTACT}/Keys", key("new_First", "jobtitle"))
    org.refused(400, "0x80060894", "POST", f"{CONTACT}/Keys", key("new_Second", "emailaddress1"))
    org.refused(400, "", "POST", f"{CONTACT}/Keys", key("new_Third", "nosuch"))
    org.refused(400, "", "POST", f"{CONTACT}/Keys", key("new_Fourth", "description"))
    org.refused(400, "", "POST", f"{CONTACT}/Keys", key("new_Fifth"))
    org.system.seed({"field_profiles": [{"name": "p", "permissions": {"contact.governmentid": []}}]})
    org.refused(400, "", "POST", f"{CONTACT}/Keys", key("new_Sixth", "governmentid"))
    shape = org.ok("GET", f"{CONTACT}/Attributes(LogicalName='emailaddress1')")
    org.refused(400, "0x80060896", "PUT", f"{CONTACT}/Attributes({shape['MetadataId']})", {**shape, "IsSecured": True})


@pytest.mark.rule("DV-MD-15")
def test_a_new_column_ends_delta_tokens_of_its_table_only(org: Org) -> None:
    def link(entity_set: str) -> str:
        body = org.ok("GET", f"{entity_set}?$select=createdon", headers={"Prefer": "odata.track-changes"})
        return str(body["@odata.deltaLink"].partition("/api/data/v9.2/")[2])

    contacts, accounts = link("contacts"), link("accounts")
    add(org, column("String", "new_Text"))
    org.refused(400, "0x80044352", "GET", contacts)
    assert org.ok("GET", accounts)["value"] == []
    assert org.ok("GET", link("contacts"))["value"] == []


@pytest.mark.rule("DV-MD-16")
def test_change_tracking_goes_on_but_never_off(org: Org) -> None:
    table = org.system.schema.tables["team"]
    assert not table.tracking
    team = "EntityDefinitions(LogicalName='team')"
    assert org.call("PUT", team, {"ChangeTrackingEnabled": True}).status == 204
    assert org.ok("GET", f"{team}?$select=ChangeTrackingEnabled")["ChangeTrackingEnabled"] is True
    org.refused(400, "", "PUT", team, {"ChangeTrackingEnabled": False})


@pytest.mark.rule("DV-MD-17")
def test_a_global_option_set_serves_many_columns(org: Org) -> None:
    body = {"Name": "new_tiers", "DisplayName": label("Tiers"), "Options": [{"Label": label("Gold")}]}
    response = org.call("POST", "GlobalOptionSetDefinitions", body)
    assert response.status == 204
    url = response.header("OData-EntityId").partition("/api/data/v9.2/")[2]
    for table in ("contact", "lead"):
        add(org, column("Picklist", "new_Tier", **{"GlobalOptionSet@odata.bind": f"/{url}"}), table)
    assert (
        org.ok("POST", "InsertOptionValue", {"OptionSetName": "new_tiers", "Label": label("Silver")})["NewOptionValue"]
        == 100_000_001
    )
    row = org.create("leads", {"subject": "s", "lastname": "l", "new_tier": 100_000_001})
    assert org.ok("GET", f"leads({row})?$select=new_tier")["new_tier"] == 100_000_001
    path = f"{CONTACT}/Attributes/{CAST}PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet"
    tier = next(item for item in org.ok("GET", path)["value"] if item["LogicalName"] == "new_tier")
    assert [option["Value"] for option in tier["GlobalOptionSet"]["Options"]] == [100_000_000, 100_000_001]
    assert (tier["OptionSet"]["IsGlobal"], tier["OptionSet"]["Name"]) == (True, "new_tiers")
    assert org.ok("GET", "GlobalOptionSetDefinitions(Name='new_tiers')")["Name"] == "new_tiers"
    org.refused(400, "0x80048417", "DELETE", "GlobalOptionSetDefinitions(Name='new_tiers')")
    for table in ("contact", "lead"):
        org.call("DELETE", f"EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='new_tier')")
    assert org.call("DELETE", "GlobalOptionSetDefinitions(Name='new_tiers')").status == 204
    assert org.ok("GET", "GlobalOptionSetDefinitions")["value"] == []


@pytest.mark.rule("DV-MD-17")
def test_options_of_a_local_choice_come_and_go(org: Org) -> None:
    choice = {"EntityLogicalName": "lead", "AttributeLogicalName": "leadsourcecode"}
    body = {**choice, "Value": 20, "Label": label("Partner portal")}
    assert org.ok("POST", "InsertOptionValue", body)["NewOptionValue"] == 20
    row = org.create("leads", {"subject": "s", "lastname": "l", "leadsourcecode": 20})
    org.refused(400, "0x80044310", "POST", "InsertOptionValue", body)
    assert org.call("POST", "DeleteOptionValue", {**choice, "Value": 20}).status == 204
    org.refused(400, "0x8004431a", "PATCH", f"leads({row})", {"leadsourcecode": 20})
    org.refused(400, "", "POST", "DeleteOptionValue", {**choice, "Value": 20})
    wrong = {**choice, "AttributeLogicalName": "subject", "Label": label("x")}
    org.refused(400, "0x8004033c", "POST", "InsertOptionValue", wrong)


@pytest.mark.rule("DV-MD-18")
def test_a_custom_lookup_comes_with_its_relationship(org: Org) -> None:
    body = {
        "@odata.type": f"{CAST}OneToManyRelationshipMetadata",
        "SchemaName": "new_account_contact_Sponsor",
        "ReferencedEntity": "account",
        "ReferencedAttribute": "accountid",
        "ReferencingEntity": "contact",
        "Lookup": {"SchemaName": "new_Sponsor", "DisplayName": label("Sponsor")},
    }
    assert org.call("POST", "RelationshipDefinitions", body).status == 204
    account = org.create("accounts", {"name": "Sponsor"})
    row = org.create("contacts", {"lastname": "x", "new_Sponsor@odata.bind": f"/accounts({account})"})
    assert org.ok("GET", f"contacts({row})?$select=_new_sponsor_value")["_new_sponsor_value"] == account
    found = org.ok("GET", f"accounts({account})/new_account_contact_Sponsor?$select=lastname")["value"]
    assert [each["lastname"] for each in found] == ["x"]
    org.refused(400, "", "POST", "contacts", {"lastname": "x", "new_sponsor@odata.bind": f"/accounts({account})"})


@pytest.mark.rule("DV-MD-22")
def test_a_column_is_changed_by_its_whole_definition(org: Org) -> None:
    add(org, column("String", "new_Text", MaxLength=10))
    path = f"{CONTACT}/Attributes(LogicalName='new_text')"
    shape = org.ok("GET", f"{path}/{CAST}StringAttributeMetadata")
    shape |= {"MaxLength": 20, "DisplayName": label("Longer")}
    headers = {"MSCRM.MergeLabels": "true"}
    assert org.call("PUT", f"{CONTACT}/Attributes({shape['MetadataId']})", shape, headers=headers).status == 204
    changed = org.ok("GET", f"{path}/{CAST}StringAttributeMetadata")
    assert (changed["MaxLength"], changed["DisplayName"]["UserLocalizedLabel"]["Label"]) == (20, "Longer")
    org.create("contacts", {"lastname": "x", "new_text": "x" * 20})
    assert org.call("POST", "PublishAllXml").status == 204
