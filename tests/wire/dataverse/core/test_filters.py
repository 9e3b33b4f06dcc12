"""`$select`, `$filter`, `$orderby`, `$count`."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.wire.dataverse.core.vendor import ALL, Vendor


@pytest.mark.rule("DV-QU-01")
def test_unknown_options_are_refused_by_name(vendor: Vendor) -> None:
    for name in ("$Select", "$FILTER", "utm_source", "$inlinecount"):
        assert vendor.refused(400, "0x0", "GET", f"contacts?{name}=x") == f"The query parameter {name} is not supported"
    text = vendor.refused(400, "0x80060888", "GET", "contacts?$top=1&$top=2")
    assert "Query option '$top' was specified more than once" in text
    assert vendor.call("GET", "contacts?%24select=fullname&tag=x&partitionId=1").status == 200


@pytest.mark.rule("DV-QU-02")
def test_options_the_service_has_not(vendor: Vendor) -> None:
    assert vendor.refused(400, "0x80060888", "GET", "contacts?$skip=1") == "Skip Clause is not supported in CRM"
    for name in ("$search", "$format"):
        assert (
            vendor.refused(400, "0x0", "GET", f"contacts?{name}=json") == f"The query parameter {name} is not supported"
        )


@pytest.mark.rule("DV-QU-03")
def test_selected_columns(people: Vendor) -> None:
    row = people.rows("contacts?$select=fullname,jobtitle&$filter=lastname eq 'smith'")[0]
    assert list(row) == ["@odata.etag", "fullname", "jobtitle", "contactid"]
    assert row["jobtitle"] is None
    whole = people.rows("contacts?$filter=lastname eq 'smith'")[0]
    assert len(whole) > 180
    assert whole["jobtitle"] is None
    assert whole["donotemail"] is False
    assert whole["_parentcustomerid_value"] is None
    assert "to" not in people.get("emails?$top=1")["@odata.context"]
    via_navigation = people.rows("contacts?$select=parentcustomerid_account&$filter=lastname eq 'Rossi'")[0]
    assert via_navigation["_parentcustomerid_value"]


@pytest.mark.rule("DV-QU-04")
def test_names_that_are_no_property(people: Vendor) -> None:
    for query in ("$select=FullName", "$filter=FirstName eq 'a'", "$orderby=nope", "$select=parentcustomerid"):
        name = query.partition("=")[2].split()[0]
        text = people.refused(400, "0x0", "GET", f"contacts?{query}")
        assert text == f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.contact'."
    assert "valid in a $select" in people.refused(400, "0x80060888", "GET", "contacts?$select=fullname,,jobtitle")


@pytest.mark.rule("DV-QU-05")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("lastname eq 'garcía'", ["GARCÍA", "García"]),
        ("'rossi' eq lastname", ["Rossi"]),
        ("numberofchildren gt 0", ["Rossi"]),
        ("numberofchildren ge 0 and numberofchildren lt 2", ["Ruiz"]),
        ("annualincome le 30000.5", ["Rossi"]),
        ("donotbulkemail eq true", ["O'Brien"]),
        ("donotbulkemail", ["O'Brien"]),
        ("not donotbulkemail and lastname gt 'r'", ["Rossi", "Ruiz", "Smith"]),
        ("jobtitle eq null and emailaddress1 eq null", ["Ruiz", "Smith"]),
        ("jobtitle ne null", ["GARCÍA", "García", "Rossi"]),
        ("birthdate eq 1990-05-04", ["Smith"]),
        ("birthdate lt 1990-05-04", []),
        ("(lastname eq 'Ruiz' or lastname eq 'Smith') and firstname eq 'LUCÍA'", ["Ruiz"]),
        ("lastname eq 'Ruiz' or lastname eq 'Smith' and firstname eq 'Lucía'", ["Ruiz"]),
        ("not (lastname eq 'Ruiz' or lastname ne 'Smith')", ["Smith"]),
        ("preferredcontactmethodcode eq 2", ["GARCÍA"]),
        ("1 eq 2", []),
        ("contains(lastname,'mit') eq true", ["Smith"]),
        ("contains(lastname,'r') eq false and lastname ne 'García'", ["Smith"]),
        ("modifiedon ge 2026-11-18T11:06:40Z and lastname eq 'Smith'", ["Smith"]),
        ("modifiedon gt 2026-11-18T11:06:40Z", []),
        ("modifiedon gt 2026-11-18T12:06:39.500+01:00 and lastname eq 'Smith'", ["Smith"]),
        ("modifiedon ge 2026-11-18T11:06:40.001Z", []),
        ("modifiedon lt 2026-11-18T11:06:40.001Z and lastname eq 'Smith'", ["Smith"]),
        ("modifiedon eq 2026-11-18T11:06:40.001Z", []),
        ("createdon ge 2026-11-18 and lastname eq 'Smith'", ["Smith"]),
    ],
)
def test_operators(people: Vendor, condition: str, found: list[str]) -> None:
    assert people.names(condition) == found


@pytest.mark.rule("DV-QU-06")
def test_quotes(people: Vendor) -> None:
    assert people.names("lastname eq 'O''Brien'") == ["O'Brien"]
    text = people.refused(400, "0x80060888", "GET", "contacts?$filter=lastname eq 'O'Bryan'")
    assert text == "There is an unterminated literal at position 21 in 'lastname eq 'O'Bryan''."
    text = people.refused(400, "0x80060888", "GET", "contacts?$filter=lastname eq 'abc")
    assert text == "There is an unterminated literal at position 16 in 'lastname eq 'abc'."


@pytest.mark.rule("DV-QU-07")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("contains(lastname,'RCÍ')", ["GARCÍA", "García"]),
        ("startswith(lastname,'r')", ["Rossi", "Ruiz"]),
        ("endswith(lastname,'z')", ["Ruiz"]),
        ("contains(lastname,'o_s')", ["Rossi"]),
        ("startswith(lastname,'%ith')", ["Smith"]),
        ("contains(lastname,'[r-s][ou][s]')", ["Rossi"]),
        ("startswith(lastname,'[^gros]')", []),
        ("contains(jobtitle,'50% off')", ["GARCÍA"]),
        ("contains(jobtitle,'[%] off')", ["GARCÍA"]),
        ("contains(description,'[text')", ["Ruiz"]),
        ("not contains(lastname,'a')", ["O'Brien", "Rossi", "Ruiz", "Smith"]),
    ],
)
def test_string_functions_are_like_patterns(people: Vendor, condition: str, found: list[str]) -> None:
    assert people.names(condition) == found


@pytest.mark.rule("DV-QU-08")
def test_leading_wildcards(people: Vendor) -> None:
    assert people.names("contains(lastname,'%mit')") == ["Smith"]
    people.switch(leading_wildcards="refuse")
    people.refused(400, "0x80048544", "GET", "contacts?$filter=contains(lastname,'%25mit')")
    assert people.names("contains(lastname,'mit%')") == ["Smith"]


@pytest.mark.rule("DV-QU-09")
def test_types_must_fit(people: Vendor) -> None:
    row = people.rows("contacts?$select=lastname&$filter=lastname eq 'Smith'")[0]["contactid"]
    assert people.names(f"contactid eq {row.upper()}") == ["Smith"]
    for condition, left, right, kind in (
        ("firstname eq 5", "Edm.String", "Edm.Int32", "Equal"),
        (f"contactid eq '{row}'", "Edm.Guid", "Edm.String", "Equal"),
        ("numberofchildren lt 'x'", "Edm.Int32", "Edm.String", "LessThan"),
        ("modifiedon ge '2026-01-01'", "Edm.DateTimeOffset", "Edm.String", "GreaterThanOrEqual"),
        ("birthdate gt 2026-01-01T00:00:00Z", "Edm.Date", "Edm.DateTimeOffset", "GreaterThan"),
        ("donotemail ne 1", "Edm.Boolean", "Edm.Int32", "NotEqual"),
        ("1 eq 'a'", "Edm.Int32", "Edm.String", "Equal"),
        ("firstname eq numberofchildren", "Edm.String", "Edm.Int32", "Equal"),
    ):
        text = people.refused(400, "0x80060888", "GET", f"contacts?$filter={quote(condition)}")
        assert text == (
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{left}' and '{right}' for operator kind '{kind}'."
        )
    people.switch(quoted_guids=True)
    assert people.names(f"contactid eq '{row}'") == ["Smith"]


@pytest.mark.rule("DV-QU-10")
def test_columns_of_one_row_compare(people: Vendor) -> None:
    assert people.names("firstname eq lastname") == ["GARCÍA"]
    assert people.names("firstname lt lastname and startswith(lastname,'R')") == ["Rossi", "Ruiz"]
    assert len(people.names("createdon eq modifiedon")) == 6


@pytest.mark.rule("DV-QU-11")
def test_paths_through_lookups(people: Vendor) -> None:
    assert people.names("parentcustomerid_account/name eq 'litware'") == ["García", "O'Brien", "Rossi"]
    assert people.names("parentcustomerid_account/createdby/fullname eq '# dynasync' and startswith(lastname,'G')") == [
        "GARCÍA",
        "García",
    ]
    assert people.names("parentcustomerid_account/accountid eq null") == ["Smith"]
    account = people.rows("accounts?$select=name&$filter=name eq 'Fabrikam'")[0]["accountid"]
    assert people.names(f"_parentcustomerid_value eq {account}") == ["GARCÍA", "Ruiz"]
    assert people.names(f"parentcustomerid_account/accountid eq {account}") == ["GARCÍA", "Ruiz"]
    people.refused(400, "0x0", "GET", "contacts?$filter=nope/name eq 'a'")
    text = people.refused(400, "0x80060888", "GET", "accounts?$filter=contact_customer_accounts/lastname eq 'a'")
    assert "is not a single value" in text


@pytest.mark.rule("DV-QU-12")
def test_lambdas(people: Vendor) -> None:
    def companies(condition: str) -> list[str]:
        return people.names(condition, "name", "accounts")

    assert companies("contact_customer_accounts/any(c:c/lastname eq 'rossi')") == ["Litware"]
    assert companies("contact_customer_accounts/any(c:c/numberofchildren ge 0 and c/lastname eq 'Ruiz')") == [
        "Fabrikam"
    ]
    assert companies("contact_customer_accounts/all(c:c/emailaddress1 eq null)") == ["Fabrikam"]
    assert companies("contact_customer_accounts/any()") == ["Fabrikam", "Litware"]
    assert companies("not contact_customer_accounts/any(c:contains(c/lastname,'uiz'))") == ["Litware"]
    row = people.rows("contacts?$select=fullname&$filter=lastname eq 'Rossi'")[0]["contactid"]
    people.create("tasks", {"subject": "Call", "regardingobjectid_contact_task@odata.bind": f"/contacts({row})"})
    nested = "contact_customer_accounts/any(c:c/Contact_Tasks/any(t:t/subject eq 'call')) and startswith(name,'L')"
    assert companies(nested) == ["Litware"]
    assert companies("contact_customer_accounts/any(c:c/Contact_Tasks/any(t:t/subject eq 'none'))") == []
    for bad in (
        "contact_customer_accounts/any(c:lastname eq 'a')",
        "primarycontactid/Contact_Tasks/any(t:t/subject eq 'a')",
        "primarycontactid/any(t:t/subject eq 'a')",
        "nothing/any(t:t/subject eq 'a')",
    ):
        assert people.call("GET", f"accounts?$filter={quote(bad)}").status == 400


@pytest.mark.rule("DV-QU-13")
def test_aliases(people: Vendor) -> None:
    rows = people.rows(
        "contacts?$select=lastname&$orderby=@p1 desc&$filter=@p1 ne @p3 and startswith(lastname,@p2)"
        "&@p1=lastname&@p2='R'"
    )
    assert [row["lastname"] for row in rows] == ["Ruiz", "Rossi"]
    assert people.names("jobtitle eq @nothing and lastname eq 'Smith'") == ["Smith"]
    query = 'Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1=\'lastname\'&@p2=["O\'Brien","Ruiz"]'
    assert sorted(row["lastname"] for row in people.rows(f"contacts?$select=lastname&$filter={query}")) == [
        "O'Brien",
        "Ruiz",
    ]
    assert people.call("GET", "contacts?$filter=@a eq 1&@a=@b&@b=@a").status == 400


@pytest.mark.rule("DV-QU-14")
def test_nulls_and_ne(people: Vendor) -> None:
    assert people.names("jobtitle ne 'Jefa'") == ["GARCÍA", "O'Brien", "Rossi", "Ruiz", "Smith"]
    assert "Smith" in people.names("not contains(jobtitle,'Jefa')")
    people.switch(ne_includes_null=False)
    assert people.names("jobtitle ne 'Jefa'") == ["GARCÍA", "Rossi"]
    assert people.names("not contains(jobtitle,'Jefa')") == ["GARCÍA", "Rossi"]


@pytest.mark.parametrize(
    "condition",
    [
        "lastname",
        "lastname eq",
        "lastname eq 'a' and",
        "lastname eq 'a' lastname",
        "(lastname eq 'a'",
        "tolower(lastname) eq 'a'",
        "contains(lastname)",
        "contains(numberofchildren,'1')",
        "contains(lastname,5)",
        "lastname add 'a'",
        "lastname eq {}",
        "5",
        "Microsoft.Dynamics.CRM.Nothing(PropertyName='lastname')",
        "Microsoft.Dynamics.CRM.In(PropertyValues=['a'])",
        "In(PropertyName='lastname',PropertyValues=['a'])",
        "(" * 200 + "1 eq 1" + ")" * 200,
    ],
)
def test_filters_that_cannot_be_read(people: Vendor, condition: str) -> None:
    answer = people.call("GET", f"contacts?$filter={quote(condition)}")
    assert answer.status == 400
    assert answer.json()["error"]["message"]


@pytest.mark.rule("DV-QU-19")
def test_counts(people: Vendor) -> None:
    body = people.get("contacts?$select=fullname&$count=true&$top=2")
    assert (body["@odata.count"], len(body["value"])) == (6, 2)
    assert people.call("GET", "contacts/$count").body == b"6"
    assert people.call("GET", "contacts/$count?$filter=lastname eq 'Ruiz'").body == b"1"
    asked = 'odata.include-annotations="Microsoft.Dynamics.CRM.totalrecordcount*"'
    people.seed(generate={"table": "contact", "count": 4994})
    exact = people.get("contacts?$select=fullname&$count=true&$top=1", prefer=asked)
    assert exact["@odata.count"] == exact["@Microsoft.Dynamics.CRM.totalrecordcount"] == 5000
    assert exact["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    people.create("contacts", {"lastname": "One more"})
    more = people.get("contacts?$select=fullname&$count=true&$top=1", prefer=asked)
    assert more["@odata.count"] == 5000
    assert more["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is True
    filtered = people.get("contacts?$select=fullname&$count=true&$top=1&$filter=contactid ne null", prefer=asked)
    assert filtered["@odata.count"] == 5000
    assert filtered["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is True
    assert people.call("GET", "contacts/$count").body == b"5000"
    assert people.call("GET", "contacts?$count=yes").status == 400


@pytest.mark.rule("DV-QU-20")
def test_order(people: Vendor) -> None:
    def order(by: str) -> list[str]:
        return [row["lastname"] for row in people.rows(f"contacts?$select=lastname&$orderby={by}")]

    assert order("lastname asc,firstname desc") == ["GARCÍA", "García", "O'Brien", "Rossi", "Ruiz", "Smith"]
    assert order("lastname desc")[0] == "Smith"
    assert order("numberofchildren desc,lastname")[:2] == ["Rossi", "Ruiz"]
    assert order("numberofchildren,lastname")[-2:] == ["Ruiz", "Rossi"]
    by_company = order("_parentcustomerid_value,lastname")
    assert by_company[0] == "Smith"
    assert set(by_company[1:3]) == {"GARCÍA", "Ruiz"}
    assert order("parentcustomerid_account/name desc,lastname")[:3] == ["García", "O'Brien", "Rossi"]
    for bad in ("lastname upwards", "'a'", "", "lastname asc desc"):
        assert people.call("GET", f"contacts?$orderby={quote(bad)}").status == 400


@pytest.mark.rule("DV-QU-21")
def test_lookups_and_their_annotations(people: Vendor) -> None:
    row = people.rows(
        "contacts?$select=_parentcustomerid_value,_ownerid_value&$filter=lastname eq 'Rossi'", prefer=ALL
    )[0]
    name = "_parentcustomerid_value"
    assert row[f"{name}@OData.Community.Display.V1.FormattedValue"] == "Litware"
    assert row[f"{name}@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert row[f"{name}@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "parentcustomerid_account"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "ownerid"
    assert row["_ownerid_value@OData.Community.Display.V1.FormattedValue"] == "# dynasync"
    keys = list(row)
    assert keys.index(f"{name}@Microsoft.Dynamics.CRM.lookuplogicalname") < keys.index(name)


@pytest.mark.rule("DV-QU-22")
def test_formatted_values(people: Vendor) -> None:
    columns = "annualincome,preferredcontactmethodcode,donotbulkemail,creditonhold,createdon,birthdate,numberofchildren"
    row = people.rows(f"contacts?$select={columns},statecode,new_topics&$filter=lastname eq 'Rossi'", prefer=ALL)[0]

    def formatted(name: str) -> str | None:
        value: str | None = row.get(f"{name}@OData.Community.Display.V1.FormattedValue")
        return value

    assert formatted("annualincome") == "€30,000.50"
    assert formatted("preferredcontactmethodcode") == "Any"
    assert formatted("donotbulkemail") == "Allow"
    assert formatted("creditonhold") == "No"
    assert formatted("createdon") == "11/18/2026 11:06 AM"
    assert formatted("numberofchildren") == "2"
    assert formatted("statecode") == "Active"
    assert formatted("birthdate") is None
    smith = people.rows("contacts?$select=birthdate,new_topics&$filter=lastname eq 'Smith'", prefer=ALL)[0]
    assert smith["birthdate@OData.Community.Display.V1.FormattedValue"] == "5/4/1990"
    ana = people.rows("contacts?$select=new_topics&$filter=firstname eq 'Ana'", prefer=ALL)[0]
    assert ana["new_topics@OData.Community.Display.V1.FormattedValue"] == "T0; T2"


@pytest.mark.rule("DV-QU-23")
def test_an_amount_brings_its_currency(people: Vendor) -> None:
    row = people.rows("contacts?$select=annualincome&$filter=lastname eq 'Rossi'")[0]
    assert list(row) == ["@odata.etag", "annualincome", "_transactioncurrencyid_value", "contactid"]
    currency = people.get(f"transactioncurrencies({row['_transactioncurrencyid_value']})?$select=isocurrencycode")
    assert currency["isocurrencycode"] == "EUR"
