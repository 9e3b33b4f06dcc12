"""Metadata as it is read: EntityDefinitions and what lies below, CSDL, RetrieveMetadataChanges."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from tests.wire.dataverse.more.organisation import Org

CONTACT = "EntityDefinitions(LogicalName='contact')"
CAST = "Microsoft.Dynamics.CRM."
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


def names(org: Org, path: str) -> list[str]:
    return [item["LogicalName"] for item in org.ok("GET", path)["value"]]


@pytest.mark.rule("DV-MD-01")
def test_all_tables_come_in_one_answer_and_one_by_name_or_id(org: Org) -> None:
    body = org.ok("GET", "EntityDefinitions?$select=LogicalName,EntitySetName")
    assert "@odata.nextLink" not in body
    assert len(body["value"]) == len(org.system.schema.tables)
    one = org.ok("GET", f"{CONTACT}?$select=EntitySetName,PrimaryIdAttribute,ObjectTypeCode,ChangeTrackingEnabled")
    assert one["@odata.context"].endswith(
        "$metadata#EntityDefinitions(EntitySetName,PrimaryIdAttribute,ObjectTypeCode,ChangeTrackingEnabled)/$entity"
    )
    assert (one["EntitySetName"], one["PrimaryIdAttribute"], one["ObjectTypeCode"]) == ("contacts", "contactid", 2)
    assert org.ok("GET", f"EntityDefinitions({one['MetadataId']})?$select=LogicalName")["LogicalName"] == "contact"


@pytest.mark.rule("DV-MD-01")
def test_a_maximum_page_size_does_not_page_metadata(org: Org) -> None:
    body = org.ok("GET", "EntityDefinitions?$select=LogicalName", headers={"Prefer": "odata.maxpagesize=3"})
    assert len(body["value"]) > 3
    assert "@odata.nextLink" not in body


@pytest.mark.rule("DV-MD-02")
@pytest.mark.parametrize("path", [CONTACT, f"{CONTACT}/Attributes(LogicalName='lastname')"])
def test_the_metadata_id_is_always_there(org: Org, path: str) -> None:
    assert set(org.ok("GET", f"{path}?$select=SchemaName")) - {"@odata.context", "@odata.type"} == {
        "SchemaName",
        "MetadataId",
    }


@pytest.mark.rule("DV-MD-03")
@pytest.mark.parametrize(
    ("filtered", "some", "none"),
    [
        ("OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'", "contact", "organization"),
        ("CanCreateAttributes/Value eq true and startswith(LogicalName,'con')", "contact", "account"),
        ("ChangeTrackingEnabled eq true", "contact", "organization"),
        ("LogicalName eq 'contact' or LogicalName eq 'lead'", "lead", "account"),
        ("not (ObjectTypeCode gt 2) and endswith(LogicalName,'act')", "contact", "lead"),
        ("LogicalName eq 'CONTACT'", "contact", "lead"),
    ],
)
def test_filters_over_tables(org: Org, filtered: str, some: str, none: str) -> None:
    found = names(org, f"EntityDefinitions?$select=LogicalName&$filter={quote(filtered)}")
    assert some in found
    assert none not in found


@pytest.mark.rule("DV-MD-03")
def test_the_required_level_is_filtered_by_its_typed_value(org: Org) -> None:
    level = "RequiredLevel/Value eq Microsoft.Dynamics.CRM.AttributeRequiredLevel'SystemRequired'"
    assert "contactid" in names(org, f"{CONTACT}/Attributes?$select=LogicalName&$filter={quote(level)}")
    kind = "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'State'"
    assert names(org, f"{CONTACT}/Attributes?$select=LogicalName&$filter={quote(kind)}") == ["statecode"]


@pytest.mark.rule("DV-MD-03")
def test_nothing_compares_by_equality_only(org: Org) -> None:
    def keys(filtered: str) -> list[str]:
        return names(org, f"{CONTACT}/Attributes?$select=LogicalName&$filter={quote(filtered)}")

    assert keys("AttributeOf eq null and LogicalName eq 'lastname'") == ["lastname"]
    assert keys("AttributeOf ne null and LogicalName eq 'lastname'") == []
    assert len(keys("AttributeOf lt 'x'")) == 0
    assert org.call("GET", f"{CONTACT}/Attributes?$filter=AttributeOf%20lt%20null").status == 400


@pytest.mark.rule("DV-MD-03")
@pytest.mark.parametrize(("plain", "status"), [(False, 400), (True, 200)])
def test_an_untyped_enum_literal_passes_by_switch_only(org: Org, plain: bool, status: int) -> None:
    org.switch(metadata_plain_enum_literals=plain)
    response = org.call("GET", f"{CONTACT}/Attributes?$filter=AttributeType%20eq%20'State'&$select=LogicalName")
    assert response.status == status
    if plain:
        assert [item["LogicalName"] for item in response.json()["value"]] == ["statecode"]


@pytest.mark.rule("DV-MD-03", "DV-MD-08")
@pytest.mark.parametrize(
    "filtered",
    [
        "DisplayName eq 'Contact'",
        "Nope eq 1",
        "CanCreateAttributes eq true",
        "LogicalName eq",
        "(LogicalName eq 'x'",
        "OwnershipType eq Microsoft.Dynamics.CRM.AttributeTypeCode'UserOwned'",
        "contains(LogicalName,1)",
        "LogicalName gt null",
        "(" * 80 + "IsActivity eq true" + ")" * 80,
    ],
)
def test_filters_that_cannot_be_are_refused(org: Org, filtered: str) -> None:
    assert org.call("GET", f"EntityDefinitions?$filter={quote(filtered)}").status == 400


@pytest.mark.rule("DV-MD-04")
def test_properties_of_a_type_need_its_cast(org: Org) -> None:
    strings = org.ok("GET", f"{CONTACT}/Attributes/{CAST}StringAttributeMetadata?$select=LogicalName,MaxLength")[
        "value"
    ]
    lengths = {item["LogicalName"]: item["MaxLength"] for item in strings}
    assert (lengths["firstname"], lengths["emailaddress1"]) == (50, 100)
    assert "statecode" not in lengths
    assert all("@odata.type" not in item for item in strings)
    org.refused(400, "", "GET", f"{CONTACT}/Attributes?$select=LogicalName,MaxLength")
    money = org.ok("GET", f"{CONTACT}/Attributes/{CAST}MoneyAttributeMetadata?$select=LogicalName,Precision")["value"]
    assert {"LogicalName", "Precision", "MetadataId"} == set(money[0])
    lookups = org.ok("GET", f"{CONTACT}/Attributes/{CAST}LookupAttributeMetadata?$select=LogicalName,Targets")["value"]
    targets = {item["LogicalName"]: item["Targets"] for item in lookups}
    assert targets["parentcustomerid"] == ["account", "contact"]
    dates = org.ok("GET", f"{CONTACT}/Attributes/{CAST}DateTimeAttributeMetadata?$select=LogicalName,DateTimeBehavior")
    behaviour = {item["LogicalName"]: item["DateTimeBehavior"]["Value"] for item in dates["value"]}
    assert (behaviour["birthdate"], behaviour["createdon"]) == ("DateOnly", "UserLocal")


@pytest.mark.rule("DV-MD-04")
def test_columns_tell_what_may_be_done_with_them(org: Org) -> None:
    flags = "IsValidForCreate,IsValidForUpdate,IsValidForRead,IsSecured"
    body = org.ok("GET", f"{CONTACT}/Attributes?$select=LogicalName,{flags}")
    found = {item["LogicalName"]: item for item in body["value"]}
    assert not found["statecode"]["IsValidForCreate"]
    assert found["statecode"]["IsValidForUpdate"]
    assert not found["createdon"]["IsValidForUpdate"]
    assert found["lastname"]["@odata.type"] == f"#{CAST}StringAttributeMetadata"
    assert "@odata.type" not in found["contactid"]


@pytest.mark.rule("DV-MD-05")
def test_the_base_of_choices_is_no_cast(org: Org) -> None:
    org.refused(404, "", "GET", f"{CONTACT}/Attributes/{CAST}EnumAttributeMetadata?$expand=OptionSet")
    path = f"{CONTACT}/Attributes(LogicalName='gendercode')/{CAST}StringAttributeMetadata"
    org.refused(404, "0x80041103", "GET", path)


@pytest.mark.rule("DV-MD-06")
def test_option_sets_are_expanded_below_their_cast(org: Org) -> None:
    path = f"{CONTACT}/Attributes/{CAST}PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet"
    found = {item["LogicalName"]: item for item in org.ok("GET", path)["value"]}
    method = found["preferredcontactmethodcode"]
    labels = [(o["Value"], o["Label"]["UserLocalizedLabel"]["Label"]) for o in method["OptionSet"]["Options"]]
    assert labels == [(1, "Any"), (2, "Email"), (3, "Phone"), (4, "Fax"), (5, "Mail")]
    assert method["GlobalOptionSet"] is None
    assert method["OptionSet"]["IsGlobal"] is False
    narrow = org.ok("GET", path.partition("?")[0] + "?$select=LogicalName&$expand=OptionSet($select=Options)")["value"]
    assert set(narrow[0]["OptionSet"]) == {"Options", "MetadataId"}
    direct = org.ok(
        "GET",
        f"{CONTACT}/Attributes(LogicalName='preferredcontactmethodcode')/{CAST}PicklistAttributeMetadata/OptionSet"
        "?$select=Options",
    )
    assert [option["Value"] for option in direct["Options"]] == [1, 2, 3, 4, 5]
    org.refused(400, "", "GET", f"{CONTACT}/Attributes?$expand=OptionSet")


@pytest.mark.rule("DV-MD-06")
def test_states_and_statuses_tell_of_each_other(org: Org) -> None:
    lead = "EntityDefinitions(LogicalName='lead')/Attributes"
    status = org.ok("GET", f"{lead}/{CAST}StatusAttributeMetadata?$select=LogicalName&$expand=OptionSet")["value"][0]
    pairs = {(option["Value"], option["State"]) for option in status["OptionSet"]["Options"]}
    assert {(1, 0), (2, 0), (3, 1), (4, 2)} <= pairs
    state = org.ok("GET", f"{lead}/{CAST}StateAttributeMetadata?$select=LogicalName&$expand=OptionSet")["value"][0]
    assert [(o["Value"], o["DefaultStatus"]) for o in state["OptionSet"]["Options"]] == [(0, 1), (1, 3), (2, 4)]
    flag = org.ok(
        "GET", f"{CONTACT}/Attributes(LogicalName='donotemail')/{CAST}BooleanAttributeMetadata?$expand=OptionSet"
    )
    assert flag["OptionSet"]["TrueOption"]["Value"] == 1


@pytest.mark.rule("DV-MD-07")
def test_keys_and_relationships(org: Org) -> None:
    org.system.schema.add_column("contact", "new_externalid", {"type": "String", "max": 50, "schema": "new_ExternalId"})
    org.system.schema.add_key("contact", "new_Key", ("new_externalid",))
    keys = org.ok("GET", f"{CONTACT}/Keys?$select=SchemaName,KeyAttributes,EntityKeyIndexStatus")["value"]
    assert [(k["SchemaName"], k["KeyAttributes"], k["EntityKeyIndexStatus"]) for k in keys] == [
        ("new_Key", ["new_externalid"], "Active")
    ]
    select = "$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    to_one = org.ok("GET", f"{CONTACT}/ManyToOneRelationships?{select}")["value"]
    navigation = {(r["ReferencingAttribute"], r["ReferencedEntity"]): r for r in to_one}
    customer = navigation["parentcustomerid", "account"]
    assert customer["ReferencingEntityNavigationPropertyName"] == "parentcustomerid_account"
    reverse = org.ok("GET", f"{CONTACT}/OneToManyRelationships?$filter=ReferencingEntity%20eq%20'annotation'")["value"]
    assert [r["ReferencedEntityNavigationPropertyName"] for r in reverse] == ["Contact_Annotation"]
    between = org.ok("GET", "EntityDefinitions(LogicalName='role')/ManyToManyRelationships")["value"]
    assert "systemuserroles_association" in {r["SchemaName"] for r in between}
    one = org.ok("GET", "RelationshipDefinitions(SchemaName='contact_customer_accounts')")
    assert (one["ReferencedEntity"], one["ReferencingEntity"]) == ("account", "contact")


@pytest.mark.rule("DV-MD-07")
def test_collections_can_be_expanded_with_options_of_their_own(org: Org) -> None:
    inner = "$select=LogicalName;$filter=AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'"
    path = f"EntityDefinitions?$select=LogicalName&$filter=LogicalName eq 'lead'&$expand=Attributes({inner}),Keys"
    (lead,) = org.ok("GET", quote(path, safe="/?$=&()',;"))["value"]
    assert "leadsourcecode" in {item["LogicalName"] for item in lead["Attributes"]}
    assert "statecode" not in {item["LogicalName"] for item in lead["Attributes"]}
    assert lead["Keys"] == []


@pytest.mark.rule("DV-MD-08")
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("EntityDefinitions(LogicalName='nosuch')", 404, "0x80041102"),
        ("EntityDefinitions(00000000-0000-0000-0000-000000000009)", 404, "0x80041102"),
        (f"{CONTACT}/Attributes(LogicalName='nosuch')", 404, "0x80041103"),
        (f"{CONTACT}/Nope", 404, ""),
        (f"{CONTACT}?$select=Nope", 400, ""),
        (f"{CONTACT}?$expand=Nope", 400, ""),
        ("EntityDefinitions(Nope='x')", 400, "0x0"),
        (f"{CONTACT}/Keys(LogicalName='x')", 404, "0x8004024a"),
    ],
)
def test_what_is_not_there_is_told(org: Org, path: str, status: int, code: str) -> None:
    org.refused(status, code, "GET", path)


@pytest.mark.rule("DV-MD-21")
@pytest.mark.parametrize("option", ["$top=1", "$orderby=LogicalName", "$skip=1", "$search=x", "$apply=x"])
def test_options_of_rows_do_not_exist_for_metadata(org: Org, option: str) -> None:
    assert "not supported" in org.refused(400, "", "GET", f"EntityDefinitions?{option}")


@pytest.mark.rule("DV-MD-09")
def test_the_csdl_describes_the_tables(org: Org) -> None:
    response = org.call("GET", "$metadata")
    assert (response.status, response.header("Content-Type")) == (200, "application/xml")
    root = ElementTree.fromstring(response.body)
    types = {each.get("Name"): each for each in root.iter(f"{EDM}EntityType")}
    contact = types["contact"]
    properties = {each.get("Name"): each.get("Type") for each in contact.iter(f"{EDM}Property")}
    assert properties["lastname"] == "Edm.String"
    assert properties["_parentcustomerid_value"] == "Edm.Guid"
    assert properties["birthdate"] == "Edm.Date"
    assert "parentcustomerid" not in properties
    navigation = {each.get("Name"): each.get("Type") for each in contact.iter(f"{EDM}NavigationProperty")}
    assert navigation["parentcustomerid_account"] == "mscrm.account"
    assert navigation["Contact_Emails"] == "Collection(mscrm.email)"
    sets = {each.get("Name") for each in root.iter(f"{EDM}EntitySet")}
    assert {"contacts", "opportunities", "activityparties"} <= sets
    assert not list(root.iter(f"{EDM}Annotations"))


@pytest.mark.rule("DV-MD-09")
def test_the_annotated_csdl_tells_what_can_be_tracked(org: Org) -> None:
    root = ElementTree.fromstring(org.call("GET", "$metadata?annotations=true").body)
    supported = {}
    for each in root.iter(f"{EDM}Annotations"):
        (annotation,) = each.iter(f"{EDM}Annotation")
        assert annotation.get("Term") == "Org.OData.Capabilities.V1.ChangeTracking"
        (value,) = annotation.iter(f"{EDM}PropertyValue")
        supported[str(each.get("Target")).rpartition("/")[2]] = value.get("Bool")
    assert (supported["contacts"], supported["organizations"]) == ("true", "false")


@pytest.mark.rule("DV-MD-10")
def test_the_metadata_version_moves_with_the_schema(org: Org) -> None:
    name = "Microsoft.Dynamics.CRM.globalmetadataversion"

    def version() -> str:
        body = org.ok(
            "GET", "EntityDefinitions?$select=LogicalName", headers={"Prefer": f'odata.include-annotations="{name}"'}
        )
        return str(body[f"@{name}"])

    before = version()
    assert version() == before
    org.system.schema.add_column("contact", "new_extra", {"type": "String"})
    assert version() != before
    assert f"@{name}" not in org.ok("GET", "EntityDefinitions?$select=LogicalName")


def changes(org: Org, query: Any, stamp: str = "") -> Any:
    arguments = "Query=@p1" + (",ClientVersionStamp=@p2" if stamp else "")
    tail = f"&@p2='{quote(stamp)}'" if stamp else ""
    return org.ok("GET", f"RetrieveMetadataChanges({arguments})?@p1={quote(json.dumps(query))}{tail}")


def typed_query(table: str, *columns: str) -> dict[str, Any]:
    def equals(name: str, value: str) -> dict[str, Any]:
        wanted = {"Type": "System.String", "Value": value}
        return {"PropertyName": name, "ConditionOperator": "Equals", "Value": wanted}

    return {
        "Properties": {"PropertyNames": ["LogicalName", "Attributes"]},
        "Criteria": {"Conditions": [equals("LogicalName", table)]},
        "AttributeQuery": {
            "Properties": {"PropertyNames": ["LogicalName", "MaxLength"]},
            "Criteria": {"FilterOperator": "Or", "Conditions": [equals("LogicalName", name) for name in columns]},
        },
    }


@pytest.mark.rule("DV-MD-19")
def test_metadata_changes_return_typed_parts(org: Org) -> None:
    body = changes(org, typed_query("contact", "firstname", "emailaddress1"))
    (entity,) = body["EntityMetadata"]
    assert set(entity) == {"LogicalName", "MetadataId", "Attributes"}
    found = {item["LogicalName"]: item for item in entity["Attributes"]}
    assert {name: item["MaxLength"] for name, item in found.items()} == {"firstname": 50, "emailaddress1": 100}
    assert found["firstname"]["@odata.type"] == f"#{CAST}StringAttributeMetadata"


@pytest.mark.rule("DV-MD-19")
def test_with_a_stamp_only_what_changed_since_is_returned(org: Org) -> None:
    query = {"Properties": {"AllProperties": False, "PropertyNames": ["LogicalName"]}}
    first = changes(org, query)
    assert len(first["EntityMetadata"]) == len(org.system.schema.tables)
    stamp = first["ServerVersionStamp"]
    assert changes(org, query, stamp)["EntityMetadata"] == []
    org.system.schema.add_column("lead", "new_extra", {"type": "String"}, org.system.store.next_version())
    after = changes(org, query, stamp)
    assert [entity["LogicalName"] for entity in after["EntityMetadata"]] == ["lead"]
    org.clock.advance(91 * 86_400)
    target = f"RetrieveMetadataChanges(Query=@p1,ClientVersionStamp=@p2)?@p1={quote(json.dumps(query))}"
    org.refused(400, "0x80044352", "GET", f"{target}&@p2='{quote(stamp)}'")


@pytest.mark.rule("DV-MD-20")
def test_message_filters_tell_of_bulk_operations(org: Org) -> None:
    def supports(table: str, message: str) -> bool:
        filtered = quote(f"sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{table}'")
        return bool(org.ok("GET", f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={filtered}")["value"])

    assert supports("contact", "CreateMultiple")
    assert supports("contact", "UpsertMultiple")
    assert not supports("email", "CreateMultiple")
    assert not supports("contact", "QualifyLead")
    assert supports("lead", "QualifyLead")
