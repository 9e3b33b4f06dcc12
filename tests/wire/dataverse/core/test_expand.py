"""`$expand`, single rows, properties and navigation."""

from __future__ import annotations

import pytest

from tests.wire.dataverse.core.vendor import BASE, Vendor


@pytest.mark.rule("DV-QU-24")
def test_lookups_in_line(people: Vendor) -> None:
    query = "contacts?$select=lastname&$expand=parentcustomerid_account($select=name),createdby($select=fullname)"
    page = people.get(query)
    assert page["@odata.context"].endswith("#contacts(lastname,parentcustomerid_account(name),createdby(fullname))")
    rows = {row["lastname"]: row for row in page["value"]}
    assert set(rows["Rossi"]["parentcustomerid_account"]) == {"name", "accountid"}
    assert rows["Rossi"]["parentcustomerid_account"]["name"] == "Litware"
    assert rows["Smith"]["parentcustomerid_account"] is None
    user = rows["Smith"]["createdby"]
    assert user["ownerid"] == user["systemuserid"]
    other = people.rows("contacts?$select=lastname&$expand=parentcustomerid_contact($select=fullname)")
    assert all(row["parentcustomerid_contact"] is None for row in other)


@pytest.mark.rule("DV-QU-24")
def test_collections_in_line(people: Vendor) -> None:
    options = (
        "$select=lastname;$filter=startswith(lastname,'R') or startswith(lastname,'G');$orderby=lastname desc;$top=1"
    )
    rows = people.rows(f"accounts?$select=name&$expand=contact_customer_accounts({options})")
    by_name = {row["name"]: row for row in rows}
    litware = by_name["Litware"]
    assert [each["lastname"] for each in litware["contact_customer_accounts"]] == ["Rossi"]
    child = litware["contact_customer_accounts"][0]
    assert child["@odata.etag"]
    assert child["_parentcustomerid_value"] == litware["accountid"]
    link = litware["contact_customer_accounts@odata.nextLink"]
    assert link.startswith(f"{BASE}/accounts({litware['accountid']})/contact_customer_accounts?$select=lastname")
    assert [each["lastname"] for each in people.get(link)["value"]] == ["Rossi"]


@pytest.mark.rule("DV-QU-24")
def test_nested_expansions_page(people: Vendor) -> None:
    query = (
        "accounts?$select=name&$filter=name eq 'Litware'&$expand=contact_customer_accounts($select=lastname;"
        "$expand=owninguser($select=fullname))"
    )
    row = people.get(query, prefer="odata.maxpagesize=1")["value"][0]
    first = row["contact_customer_accounts"]
    assert len(first) == 1
    assert "@odata.etag" not in first[0]
    assert first[0]["owninguser"]["fullname"] == "# dynasync"
    following = row["contact_customer_accounts@odata.nextLink"]
    assert "$skiptoken=" in following
    rest = people.get(following)["value"]
    assert len(rest) == 2
    assert {each["contactid"] for each in rest}.isdisjoint({first[0]["contactid"]})
    deep = people.rows(
        "contacts?$select=lastname&$filter=lastname eq 'Rossi'&$expand=parentcustomerid_account($select=name;"
        "$expand=createdby($select=fullname))"
    )
    assert deep[0]["parentcustomerid_account"]["createdby"]["fullname"] == "# dynasync"


@pytest.mark.rule("DV-QU-25")
def test_what_expand_refuses(people: Vendor) -> None:
    only = "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or nested "
    only += "one-to-many relationship."
    for query in (
        "contacts?$expand=parentcustomerid_account($top=1)",
        "contacts?$expand=createdby($orderby=fullname)",
        "accounts?$expand=contact_customer_accounts($top=1;$expand=createdby)",
    ):
        assert people.refused(400, "0x80060888", "GET", query) == only
    text = people.refused(400, "0x80060888", "GET", "accounts?$expand=contact_customer_accounts/$ref")
    assert text == "Expand with $ref is only supported on lookup type navigation property."
    people.refused(400, "0x0", "GET", "accounts?$expand=nothing")
    people.refused(400, "0x0", "GET", "contacts?$expand=ownerid($select=fullname)")
    many = ",".join(["createdby"] * 16)
    people.refused(400, "0x8004430d", "GET", f"contacts?$expand={many}")
    for bad in ("createdby($skip=1)", "createdby($select=fullname", "", "createdby(select=fullname)"):
        assert people.call("GET", f"contacts?$expand={bad}").status == 400


def test_references_and_owners_in_line(people: Vendor) -> None:
    row = people.rows("contacts?$select=lastname&$expand=parentcustomerid_account/$ref&$filter=lastname eq 'Rossi'")[0]
    assert row["parentcustomerid_account"]["@odata.id"].startswith(f"{BASE}/accounts(")
    owner = people.rows("contacts?$select=lastname&$expand=ownerid&$filter=lastname eq 'Rossi'")[0]["ownerid"]
    assert owner["@odata.type"] == "#Microsoft.Dynamics.CRM.systemuser"
    assert owner["ownerid"] == people.get("WhoAmI")["UserId"]


@pytest.mark.rule("DV-QU-28")
def test_rows_properties_and_navigation(people: Vendor) -> None:
    row = people.rows("contacts?$select=lastname,_parentcustomerid_value&$filter=lastname eq 'Rossi'")[0]
    path = f"contacts({row['contactid']})"
    single = people.get(f"{path}?$select=fullname&$expand=parentcustomerid_account($select=name)")
    assert single["@odata.context"].endswith("#contacts(fullname,parentcustomerid_account(name))/$entity")
    assert people.get(f"contacts(contactid={row['contactid']})?$select=fullname")["fullname"] == "Luca Rossi"
    assert people.get(f"{path}/fullname")["value"] == "Luca Rossi"
    assert people.call("GET", f"{path}/fullname/$value").body == b"Luca Rossi"
    assert people.call("GET", f"{path}/donotemail/$value").body == b"false"
    assert people.call("GET", f"{path}/emailaddress1").status == 204
    assert people.get(f"{path}/_parentcustomerid_value")["value"] == row["_parentcustomerid_value"]
    company = people.get(f"{path}/parentcustomerid_account?$select=name")
    assert (company["name"], company["@odata.context"]) == ("Litware", f"{BASE}/$metadata#accounts(name)/$entity")
    assert people.call("GET", f"{path}/parentcustomerid_contact").status == 204
    account = f"accounts({row['_parentcustomerid_value']})"
    related = people.get(
        f"{account}/contact_customer_accounts?$select=lastname&$filter=contains(lastname,'ss')&$count=true"
    )
    assert [each["lastname"] for each in related["value"]] == ["Rossi"]
    assert related["@odata.count"] == 1
    assert people.call("GET", f"{account}/contact_customer_accounts/$count").body == b"3"
    paged = list(people.walk(f"{account}/contact_customer_accounts?$select=lastname", prefer="odata.maxpagesize=2"))
    assert [len(page["value"]) for page in paged] == [2, 1]
    links = people.get(f"{account}/contact_customer_accounts/$ref")["value"]
    assert len(links) == 3
    assert people.get(f"{path}/parentcustomerid_account/$ref")["@odata.id"] == f"{BASE}/{account}"
    assert people.call("GET", f"{path}/parentcustomerid_contact/$ref").status == 204
    missing = "contacts(00000000-0000-0000-0000-000000000001)"
    text = people.refused(404, "0x80040217", "GET", missing)
    assert text == "contact With Id = 00000000-0000-0000-0000-000000000001 Does Not Exist"
    people.refused(404, "0x80060888", "GET", f"{path}/parentcustomerid_account/$count")
