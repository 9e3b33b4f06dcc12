"""What happens without an API call; seeds; generated rows; state."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import orjson
import pytest

from simulators.dataverse.service import DataverseSystem
from simulators.frame import Clock, ControlError, Request
from simulators.frame.host import Host
from tests.pace import slowness
from tests.wire.dataverse.core.vendor import NOW, Vendor, ids


def test_a_person_edits(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    made = vendor.seed(users=[{"name": "Marta Gil", "email": "marta@example.com"}])["users"][0]
    edited = vendor.act("edit", table="contact", id=row, values={"lastname": "B"}, who="Marta Gil")
    shown = vendor.get(f"contacts({row})")
    assert (shown["lastname"], shown["_modifiedby_value"]) == ("B", made["systemuserid"])
    assert shown["@odata.etag"] == f'W/"{edited["versionnumber"]}"'
    new = vendor.act("create", table="contact", values={"lastname": "C"})
    vendor.act("delete", table="contact", id=row, who=made["systemuserid"])
    assert vendor.call("GET", f"contacts({row})").status == 404
    log = [(write["who"], write["op"], write["id"]) for write in vendor.system.writes.page(kind="contact")][1:]
    assert log == [
        ("Marta Gil", "update", row),
        ("System Administrator", "create", new["id"]),
        ("Marta Gil", "delete", row),
    ]


def test_rows_are_restored(vendor: Vendor) -> None:
    account = vendor.create("accounts", {"name": "A"})
    row = vendor.create("contacts", {"lastname": "A", "preferredsystemuserid": None})
    lead = vendor.create(
        "leads", {"subject": "S", "lastname": "L", "parentaccountid@odata.bind": f"/accounts({account})"}
    )
    vendor.later(5)
    for entity_set, each in (("contacts", row), ("leads", lead), ("accounts", account)):
        vendor.delete(f"{entity_set}({each})")
    back = vendor.act("restore", table="contact", id=row)
    vendor.act("restore", table="lead", id=lead)
    shown = vendor.get(f"contacts({row})")
    assert (shown["lastname"], shown["createdon"], shown["modifiedon"]) == (
        "A",
        "2026-11-18T11:06:40Z",
        "2026-11-18T11:06:45Z",
    )
    assert shown["versionnumber"] == back["versionnumber"]
    assert vendor.get(f"leads({lead})")["_parentaccountid_value"] is None
    assert vendor.system.writes.page(record_id=row)[-1]["op"] == "create"
    with pytest.raises(ControlError):
        vendor.act("restore", table="contact", id=row)


def test_control_calls_that_cannot_be(vendor: Vendor) -> None:
    for action, spec in (
        ("nothing", {}),
        ("edit", {"table": "nothing", "id": "x", "values": {}}),
        ("edit", {"table": "contact", "id": "x", "values": {}}),
        ("create", {"table": "contact"}),
        ("create", {"table": "contact", "values": {}, "who": "Nobody"}),
        ("create", {"table": "contact", "values": {"lastname": "x" * 51}}),
        ("release", {"held": 5}),
        ("touch_metadata", {}),
    ):
        with pytest.raises(ControlError):
            vendor.system.act(action, spec)


def test_seeded_rows_take_any_column(vendor: Vendor) -> None:
    account = vendor.seed(rows={"account": [{"name": "A"}]})["rows"]["account"][0]
    made = vendor.seed(
        rows={
            "contact": [
                {
                    "lastname": "Old",
                    "createdon": "2020-01-02T03:04:05Z",
                    "modifiedon": "2021-01-02T03:04:05Z",
                    "statecode": 1,
                    "parentcustomerid": {"account": account},
                    "createdby": vendor.get("WhoAmI")["UserId"],
                },
                {"lastname": "Bound", "parentcustomerid_account@odata.bind": f"accounts({account})"},
            ]
        }
    )["rows"]["contact"]
    row = vendor.get(f"contacts({made[0]})")
    assert (row["createdon"], row["modifiedon"]) == ("2020-01-02T03:04:05Z", "2021-01-02T03:04:05Z")
    assert (row["statecode"], row["statuscode"], row["_parentcustomerid_value"]) == (1, 2, account)
    assert vendor.get(f"contacts({made[1]})")["_parentcustomerid_value"] == account
    assert len(vendor.system.writes) == 0
    for wrong in (
        {"nothing": []},
        {"rows": {"nothing": []}},
        {"rows": {"contact": [{"nothing": 1}]}},
        {"rows": {"contact": [{"parentcustomerid": "x"}]}},
        {"rows": {"contact": [{"numberofchildren": "x"}]}},
        {"rows": {"contact": [{"lastname": "x" * 51}]}},
        {"table_options": {"contact": {"odd": True}}},
        {"generate": {"table": "task", "count": 5}},
        {"generate": {"count": 0}},
        {"columns": {"nothing": {}}},
    ):
        with pytest.raises(ControlError):
            vendor.system.seed(wrong)


@pytest.mark.rule("DV-SC-02")
def test_custom_tables_and_columns(vendor: Vendor) -> None:
    vendor.seed(
        publishers=[{"prefix": "contoso", "option_prefix": 12345}],
        tables=[
            {
                "name": "contoso_course",
                "schema": "contoso_Course",
                "columns": {
                    "contoso_level": {"type": "Picklist", "options": [[123450000, "Easy"], [123450001, "Hard"]]},
                    "contoso_teacher": {"type": "Lookup", "to": {"contact": "contoso_Teacher"}},
                },
            },
            {"name": "contoso_visit", "activity": True},
        ],
    )
    teacher = vendor.create("contacts", {"lastname": "T"})
    body = {"contoso_name": "Maths", "contoso_level": 123450001, "contoso_Teacher@odata.bind": f"/contacts({teacher})"}
    row = vendor.create("contoso_courses", body)
    shown = vendor.get(f"contoso_courses({row})")
    assert (shown["contoso_name"], shown["statecode"], shown["_contoso_teacher_value"]) == ("Maths", 0, teacher)
    visit = vendor.create("contoso_visits", {"subject": "V"})
    assert vendor.get(f"contoso_visits({visit})")["activitytypecode"] == "contoso_visit"
    link = vendor.get("contoso_courses?$select=contoso_name", prefer="odata.track-changes")["@odata.deltaLink"]
    vendor.patch(f"contoso_courses({row})", {"contoso_level": 123450000})
    assert len(vendor.get(link)["value"]) == 1
    for wrong in (
        {"tables": [{"name": "course"}]},
        {"tables": [{"name": "other_course"}]},
        {"tables": [{"name": "contoso_course"}]},
        {"columns": {"contact": {"level": {"type": "Integer"}}}},
        {"columns": {"contact": {"New_Level": {"type": "Integer"}}}},
        {"columns": {"contact": {"contoso_bad": {"type": "Picklist", "options": [[100000000, "Low"]]}}}},
        {"columns": {"contoso_course": {"contoso_level": {"type": "Integer"}}}},
    ):
        with pytest.raises(ControlError):
            vendor.system.seed(wrong)


@pytest.mark.rule("DV-SC-01", "DV-SC-03")
def test_the_standard_tables(vendor: Vendor) -> None:
    tables = [
        "account",
        "contact",
        "lead",
        "opportunity",
        "systemuser",
        "activitypointer",
        "activityparty",
        "email",
        "appointment",
        "task",
        "phonecall",
        "letter",
        "fax",
        "annotation",
        "campaignresponse",
        "campaign",
        "list",
    ]
    schema = vendor.system.schema
    for name in tables:
        assert schema[name].columns[schema[name].primary_id].kind == "Uniqueidentifier"
    contact, lead = schema["contact"], schema["lead"]
    assert {
        name: contact.columns[name].max_length for name in ("firstname", "emailaddress1", "suffix", "fullname")
    } == {
        "firstname": 50,
        "emailaddress1": 100,
        "suffix": 10,
        "fullname": 160,
    }
    assert lead.columns["mobilephone"].max_length == 20
    assert [(o.value, o.label) for o in contact.columns["leadsourcecode"].options] == [(1, "Default Value")]
    assert lead.columns["leadsourcecode"].options[9].label == "Other"
    assert [(o.value, o.state) for o in schema["appointment"].columns["statuscode"].options][-1] == (6, 3)
    assert contact.columns["parentcustomerid"].targets == {
        "account": "parentcustomerid_account",
        "contact": "parentcustomerid_contact",
    }
    assert schema["task"].columns["regardingobjectid"].targets["account"] == "regardingobjectid_account_task"
    assert contact.columns["birthdate"].date_only
    row = vendor.get(f"contacts({vendor.create('contacts', {'lastname': 'A'})})")
    consent = [name for name in row if name.startswith("donot")]
    assert len(consent) == 7
    assert all(row[name] is False for name in consent)
    spelled = vendor.get(f"contacts({row['contactid']})", prefer='odata.include-annotations="*"')
    assert spelled["donotemail@OData.Community.Display.V1.FormattedValue"] == "Allow"


def test_generated_people(vendor: Vendor) -> None:
    vendor.seed(
        columns={"contact": {"new_externalid": {"type": "String"}}},
        keys={"contact": {"new_externalid": ["new_externalid"]}},
    )
    made = vendor.seed(generate={"table": "contact", "count": 3_000, "seed": 5, "duplicates_every": 50})["generate"][0]
    rows = vendor.rows("contacts")
    assert len(rows) == 3_000
    assert rows[0]["contactid"] == made["first"]
    assert all(a["contactid"] < b["contactid"] for a, b in pairwise(rows))
    mails = [row["emailaddress1"] for row in rows if row["emailaddress1"]]
    assert len(mails) - len(set(mails)) == 60 - 15
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\.\d+@[a-z.]+", mail) for mail in mails)
    assert {row["address1_country"] for row in rows} == {"España", "Italia", "United Kingdom"}
    assert any(not row["lastname"].isascii() for row in rows)
    for row in rows[:5]:
        assert row["fullname"] == f"{row['firstname']} {row['lastname']}"
    some = rows[1234]
    assert vendor.get(f"contacts({some['contactid']})") | {"@odata.context": ""} == some | {"@odata.context": ""}
    assert vendor.get(f"contacts(new_externalid='{some['new_externalid']}')")["contactid"] == some["contactid"]
    assert ids(vendor.get(f"contacts?$select=fullname&$filter=emailaddress1 eq '{some['emailaddress1'].upper()}'")) == [
        row["contactid"] for row in rows if row["emailaddress1"] == some["emailaddress1"]
    ]
    vendor.patch(f"contacts({some['contactid']})", {"lastname": "Edited", "emailaddress1": "edited@example.com"})
    vendor.delete(f"contacts({rows[7]['contactid']})")
    own = vendor.create("contacts", {"lastname": "Own"})
    after = {
        row["contactid"]: row
        for page in vendor.walk("contacts", prefer="odata.maxpagesize=700")
        for row in page["value"]
    }
    assert len(after) == 3_000
    assert after[some["contactid"]]["lastname"] == "Edited"
    assert rows[7]["contactid"] not in after
    assert after[own]["lastname"] == "Own"
    assert vendor.names(f"emailaddress1 eq '{some['emailaddress1']}' and lastname eq 'Edited'") == []
    assert vendor.names("emailaddress1 eq 'edited@example.com'") == ["Edited"]
    recent = {row["contactid"] for row in rows if row["modifiedon"] >= "2024-11-19T12:00:00Z"}
    found = ids(vendor.get("contacts?$select=modifiedon&$filter=modifiedon ge 2024-11-19T12:00:00Z"))
    assert set(found) == (recent | {some["contactid"], own}) - {rows[7]["contactid"]}
    assert 0 < len(recent) < 3_000


def test_other_generated_tables(vendor: Vendor) -> None:
    vendor.seed(
        generate=[{"table": "lead", "count": 20}, {"table": "account", "count": 20}, {"table": "account", "count": 5}]
    )
    lead = vendor.rows("leads?$top=1")[0]
    assert lead["companyname"]
    assert (lead["statecode"], lead["statuscode"]) == (0, 1)
    accounts = vendor.rows("accounts")
    assert len({row["accountid"] for row in accounts}) == 25
    assert len(vendor.rows("accounts?$filter=accountnumber eq 'A00000003'")) == 2


def test_a_million_people_in_no_time(vendor: Vendor) -> None:
    started = time.perf_counter()
    vendor.seed(generate={"table": "contact", "count": 1_000_000})
    columns = "firstname,lastname,fullname,emailaddress1,telephone1,jobtitle,modifiedon,statecode,donotbulkemail"
    pages = vendor.walk(f"contacts?$select={columns}")
    for _ in range(4):
        page = next(pages)
        assert len(page["value"]) == 5_000
    assert (spent := time.perf_counter() - started) < 20 * slowness(), spent


def test_the_same_seed_gives_the_same_organisation() -> None:
    def run(seed: int) -> list[bytes]:
        clock = Clock()
        clock.set_now(NOW, frozen=True)
        system = DataverseSystem(clock, seed=99)
        system.reset(seed)
        host = Host(system)
        system.seed({"generate": {"table": "contact", "count": 50}, "rows": {"account": [{"name": "A"}]}})
        token = system.act("token", {})["token"]
        headers = {"Authorization": f"Bearer {token}", "Host": "x.crm.dynamics.com", "Prefer": "return=representation"}
        answers = []
        for method, path, body in (
            ("POST", "contacts", {"lastname": "A"}),
            ("GET", "contacts", None),
            ("GET", "WhoAmI", None),
        ):
            raw = orjson.dumps(body) if body else b""
            delivery = host.deliver(Request.build(method, f"/api/data/v9.2/{path}", headers=headers, body=raw))
            assert delivery.response is not None
            answers.append(delivery.response.body)
        return answers

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_reset_forgets_everything(vendor: Vendor) -> None:
    vendor.seed(columns={"contact": {"new_x": {"type": "String"}}}, rejections=[{"table": "contact", "message": "No"}])
    vendor.create("accounts", {"name": "A"})
    vendor.switch(limit_requests=1)
    vendor.system.reset(1)
    vendor.token = vendor.token_of()
    assert vendor.rows("accounts") == []
    vendor.refused(400, "0x0", "GET", "contacts?$select=new_x")
    assert vendor.create("contacts", {"lastname": "A"})
    assert vendor.system.writes.page()[0]["kind"] == "contact"


def test_state(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    gone = vendor.create("contacts", {"lastname": "B"})
    vendor.delete(f"contacts({gone})")
    whole = vendor.system.state({})
    assert whole["tables"]["contact"] == 1
    assert any(user["applicationid"] for user in whole["users"])
    page = vendor.system.state({"table": "contact", "limit": "1"})
    assert (page["count"], page["next"], page["rows"][0]["lastname"]) == (1, row, "A")
    assert page["rows"][0]["ownerid"]["table"] == "systemuser"
    assert vendor.system.state({"table": "contact", "after": row})["rows"] == []
    assert vendor.system.state({"table": "contact", "id": row.upper()})["row"]["lastname"] == "A"
    assert vendor.system.state({"table": "contact", "id": gone})["row"] is None
    assert [each["id"] for each in vendor.system.state({"table": "contact", "deleted": "true"})["deleted"]] == [gone]
    for wrong in ({"table": "nothing"}, {"table": "contact", "limit": "0"}):
        with pytest.raises(ControlError):
            vendor.system.state(wrong)
