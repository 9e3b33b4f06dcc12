"""Change tracking."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest

from simulators.dataverse.hooks import OpenSecurity
from tests.wire.dataverse.core.vendor import ALL, BASE, Vendor, deleted, ids

TRACK = "odata.track-changes"
QUERY = "contacts?$select=firstname,emailaddress1"


def load(vendor: Vendor, count: int = 3) -> list[str]:
    made: list[str] = vendor.seed(rows={"contact": [{"firstname": f"P{n}", "lastname": "L"} for n in range(count)]})[
        "rows"
    ]["contact"]
    return made


def start(vendor: Vendor, query: str = QUERY, prefer: str = TRACK) -> str:
    *_, last = vendor.walk(query, prefer=prefer)
    link: str = last["@odata.deltaLink"]
    return link


@pytest.mark.rule("DV-CT-01")
def test_a_tracked_load_ends_in_a_delta_link(vendor: Vendor) -> None:
    made = load(vendor, 5)
    pages = list(vendor.walk(QUERY, prefer=f"{TRACK},odata.maxpagesize=2"))
    assert ["@odata.deltaLink" in page for page in pages] == [False, False, True]
    assert sorted(row for page in pages for row in ids(page)) == sorted(made)
    assert pages[0]["@odata.context"] == f"{BASE}/$metadata#contacts(firstname,emailaddress1)"
    assert "istracking=%22True%22" in pages[0]["@odata.nextLink"]
    answer = vendor.call("GET", QUERY, prefer=TRACK)
    assert answer.header("Preference-Applied") == TRACK


@pytest.mark.rule("DV-CT-02")
def test_the_form_of_a_token(vendor: Vendor) -> None:
    load(vendor)
    link = start(vendor)
    match = re.fullmatch(
        re.escape(f"{BASE}/contacts?$select=firstname,emailaddress1&$deltatoken=")
        + r"(\d+)%2111%2f18%2f2026%2011%3a06%3a40",
        link,
    )
    assert match is not None
    assert int(match[1]) == vendor.system.store.version


@pytest.mark.rule("DV-CT-03", "DV-CT-18")
def test_a_delta_holds_rows_then_deletions(vendor: Vendor) -> None:
    one, two, three = load(vendor)
    link = start(vendor)
    nothing = vendor.get(link)
    assert nothing["value"] == []
    vendor.delete(f"contacts({one})")
    vendor.patch(f"contacts({three})", {"jobtitle": "J"})
    new = vendor.create("contacts", {"firstname": "New", "lastname": "L"})
    vendor.patch(f"contacts({two})", {"emailaddress1": "two@example.com"})
    page = vendor.get(link)
    assert page["@odata.context"] == f"{BASE}/$metadata#contacts(firstname,emailaddress1)/$delta"
    assert ids(page) == [three, new, two]
    assert page["value"][2] == {
        "@odata.etag": page["value"][2]["@odata.etag"],
        "firstname": "P1",
        "emailaddress1": "two@example.com",
        "contactid": two,
    }
    assert page["value"][3] == {
        "@odata.context": f"{BASE}/$metadata#contacts/$deletedEntity",
        "id": one,
        "reason": "deleted",
    }
    assert vendor.get(page["@odata.deltaLink"])["value"] == []
    assert ids(vendor.get(link)) == [three, new, two]


@pytest.mark.rule("DV-CT-04")
def test_created_and_deleted_between_two_polls(vendor: Vendor) -> None:
    link = start(vendor)
    gone = vendor.create("contacts", {"lastname": "Short"})
    vendor.delete(f"contacts({gone})")
    page = vendor.get(link)
    assert (ids(page), deleted(page)) == ([], [gone])


@pytest.mark.rule("DV-CT-05")
def test_changes_can_be_counted(vendor: Vendor) -> None:
    one, two, _ = load(vendor)
    token = start(vendor).partition("$deltatoken=")[2]
    assert vendor.call("GET", f"contacts/$count?$deltatoken={token}").body == b"0"
    vendor.patch(f"contacts({two})", {"jobtitle": "J"})
    vendor.delete(f"contacts({one})")
    assert vendor.call("GET", f"contacts/$count?$deltatoken={token}").body == b"2"


@pytest.mark.rule("DV-CT-06")
@pytest.mark.parametrize("option", ["$filter=lastname eq 'a'", "$orderby=lastname", "$expand=createdby", "$top=1"])
def test_refused_options(vendor: Vendor, option: str) -> None:
    link = start(vendor)
    name = option.partition("=")[0]
    wanted = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
    assert vendor.refused(400, "0x80060888", "GET", f"contacts?{option}", prefer=TRACK) == wanted
    assert vendor.refused(400, "0x80060888", "GET", f"{link}&{option}") == wanted


@pytest.mark.rule("DV-CT-07")
def test_tokens_expire(vendor: Vendor) -> None:
    link = start(vendor)
    vendor.later(7 * 86_400)
    assert vendor.call("GET", link).status == 200
    vendor.later(1)
    text = vendor.refused(400, "0x80044352", "GET", link)
    assert "full sync" in text
    for status in (410, 403, 500):
        vendor.switch(expired_token_status=status)
        vendor.refused(status, "0x80044352", "GET", link)
    vendor.seed(organization={"expirechangetrackingindays": 30})
    assert vendor.call("GET", link).status == 200
    for wrong in ("", "x", "5", "5!11/18/2026", "5!99/99/2026 00:00:00"):
        vendor.refused(400, "0x80040203", "GET", f"contacts?$deltatoken={quote(wrong)}")


@pytest.mark.rule("DV-CT-08")
def test_a_change_of_metadata_ends_tokens(vendor: Vendor) -> None:
    contacts, leads = start(vendor), start(vendor, "leads?$select=subject")
    vendor.seed(columns={"contact": {"new_extra": {"type": "String"}}})
    vendor.refused(400, "0x80044352", "GET", contacts)
    assert vendor.call("GET", leads).status == 200
    again = start(vendor)
    assert vendor.call("GET", again).status == 200
    vendor.act("touch_metadata", table="contact")
    vendor.refused(400, "0x80044352", "GET", again)


@pytest.mark.rule("DV-CT-09")
def test_tables_without_tracking(vendor: Vendor) -> None:
    vendor.seed(table_options={"contact": {"tracking": False}})
    text = vendor.refused(400, "0x80072491", "GET", QUERY, prefer=TRACK)
    assert "contact" in text
    vendor.switch(tracking_off_status=404)
    vendor.refused(404, "0x80072491", "GET", QUERY, prefer=TRACK)
    vendor.refused(404, "0x80072491", "GET", "contacts/$count?$deltatoken=5!11/18/2026 00:00:00")


@pytest.mark.rule("DV-CT-10")
def test_organisation_level_read_is_needed(vendor: Vendor) -> None:
    class Narrow(OpenSecurity):
        def reads_all(self, context: object, table: object) -> bool:
            return False

    vendor.system.hooks.security = Narrow()
    text = vendor.refused(403, "0x80048306", "GET", QUERY, prefer=TRACK)
    assert "prvReadContact" in text
    assert vendor.call("GET", QUERY).status == 200


@pytest.mark.rule("DV-CT-11")
@pytest.mark.parametrize(("minted", "seen"), [("first", True), ("last", False)])
def test_changes_during_the_load(vendor: Vendor, minted: str, seen: bool) -> None:
    load(vendor, 6)
    vendor.switch(token_minted=minted)
    pages = vendor.walk(QUERY, prefer=f"{TRACK},odata.maxpagesize=2")
    early = ids(next(pages))[0]
    vendor.later(60)
    vendor.patch(f"contacts({early})", {"emailaddress1": "late@example.com"})
    *_, last = pages
    stamp = "11:06:40" if minted == "first" else "11:07:40"
    assert unquote(last["@odata.deltaLink"]).endswith(stamp)
    assert (early in ids(vendor.get(last["@odata.deltaLink"]))) is seen


@pytest.mark.rule("DV-CT-12")
def test_tracked_pages_are_stable(vendor: Vendor) -> None:
    made = load(vendor, 20)
    seen: list[str] = []
    for page in vendor.walk(QUERY, prefer=f"{TRACK},odata.maxpagesize=3"):
        seen += ids(page)
        vendor.patch(f"contacts({seen[-1]})", {"jobtitle": "J"})
        vendor.patch(f"contacts({seen[0]})", {"jobtitle": "J"})
    assert sorted(seen) == sorted(made)
    link = start(vendor)
    for row in made:
        vendor.patch(f"contacts({row})", {"jobtitle": "K"})
    gone = [vendor.create("contacts", {"lastname": "x"}) for _ in range(5)]
    for row in gone:
        vendor.delete(f"contacts({row})")
    changed: list[str] = []
    removed: list[str] = []
    final = ""
    for page in vendor.walk(link, prefer="odata.maxpagesize=4"):
        changed += ids(page)
        removed += deleted(page)
        if changed:
            vendor.patch(f"contacts({changed[-1]})", {"jobtitle": "M"})
        final = page.get("@odata.deltaLink", "")
    assert changed == made
    assert removed == gone
    touched = {changed[3], changed[7], changed[11], changed[15], changed[19]}
    assert set(ids(vendor.get(final))) == touched


@pytest.mark.rule("DV-CT-13")
def test_tracking_asked_for_again(vendor: Vendor) -> None:
    one, *_ = load(vendor)
    link = start(vendor)
    vendor.patch(f"contacts({one})", {"jobtitle": "J"})
    assert ids(vendor.get(link, prefer=f"{TRACK},odata.maxpagesize=50")) == [one]
    token = unquote(link.partition("$deltatoken=")[2])
    encoded = token.replace(" ", "+").replace("!", "%21").replace("/", "%2F")
    assert ids(vendor.get(f"{QUERY}&$deltatoken={encoded}")) == [one]


@pytest.mark.rule("DV-CT-14")
def test_formatted_lookups_may_cost_the_link(vendor: Vendor) -> None:
    query = "contacts?$select=firstname,_ownerid_value"
    assert "@odata.deltaLink" in vendor.get(query, prefer=f"{TRACK},{ALL}")
    vendor.switch(annotated_lookup_drops_delta_link=True)
    assert "@odata.deltaLink" not in vendor.get(query, prefer=f"{TRACK},{ALL}")
    assert "@odata.deltaLink" in vendor.get(query, prefer=TRACK)
    assert "@odata.deltaLink" in vendor.get(QUERY, prefer=f"{TRACK},{ALL}")


@pytest.mark.rule("DV-CT-15")
@pytest.mark.parametrize("repeats", [False, True])
def test_a_row_may_come_twice(vendor: Vendor, repeats: bool) -> None:
    vendor.switch(delta_repeats_rows=repeats)
    made = load(vendor, 4)
    link = start(vendor)
    for row in made:
        vendor.patch(f"contacts({row})", {"jobtitle": "J"})
    seen: list[str] = []
    for number, page in enumerate(vendor.walk(link, prefer="odata.maxpagesize=2")):
        seen += ids(page)
        if number == 0:
            vendor.patch(f"contacts({made[0]})", {"jobtitle": "K"})
    assert seen == ([*made, made[0]] if repeats else made)


@pytest.mark.rule("DV-CT-16")
@pytest.mark.parametrize("listed", [True, False])
def test_rows_made_anew(vendor: Vendor, listed: bool) -> None:
    vendor.switch(delta_lists_delete_of_recreated_row=listed)
    one, *_ = load(vendor)
    link = start(vendor)
    vendor.delete(f"contacts({one})")
    vendor.create("contacts", {"contactid": one, "lastname": "Again"})
    page = vendor.get(link)
    assert ids(page) == [one]
    assert deleted(page) == ([one] if listed else [])


@pytest.mark.rule("DV-CT-17")
@pytest.mark.parametrize("waits", [True, False])
def test_commits_that_become_visible_late(vendor: Vendor, waits: bool) -> None:
    vendor.switch(delta_waits_for_open_commits=waits)
    one, two, _ = load(vendor)
    held = vendor.act("hold", table="contact", id=one, values={"emailaddress1": "late@example.com"})
    new = vendor.act("hold", table="contact", values={"lastname": "Late"})
    vendor.later(30)
    vendor.patch(f"contacts({two})", {"jobtitle": "J"})
    assert vendor.get(f"contacts({one})?$select=emailaddress1")["emailaddress1"] is None
    link = start(vendor)
    vendor.act("release", held=held["held"])
    vendor.act("release", held=new["held"])
    row = vendor.get(f"contacts({one})?$select=emailaddress1,modifiedon")
    assert (row["emailaddress1"], row["modifiedon"]) == ("late@example.com", "2026-11-18T11:06:40Z")
    assert row["@odata.etag"] == f'W/"{held["held"]}"'
    found = set(ids(vendor.get(link)))
    assert found == ({one, new["id"], two} if waits else set())


def test_generated_rows_are_tracked(vendor: Vendor) -> None:
    link = start(vendor)
    made = vendor.seed(generate={"table": "contact", "count": 6_000})["generate"][0]
    assert vendor.call("GET", f"contacts/$count?{link.partition('?')[2].partition('&')[2]}").body == b"6000"
    pages = list(vendor.walk(link))
    assert [len(page["value"]) for page in pages] == [5000, 1000]
    assert pages[0]["value"][0]["contactid"] == made["first"]
    link = pages[-1]["@odata.deltaLink"]
    vendor.patch(f"contacts({made['last']})", {"jobtitle": "J"})
    vendor.delete(f"contacts({made['first']})")
    page = vendor.get(link)
    assert (ids(page), deleted(page)) == ([made["last"]], [made["first"]])
    walked = [row for each in vendor.walk(QUERY, prefer=TRACK) for row in ids(each)]
    assert len(walked) == len(set(walked)) == 5_999


def test_links_of_another_kind_are_refused(vendor: Vendor) -> None:
    load(vendor)
    plain = vendor.get(QUERY, prefer="odata.maxpagesize=1")["@odata.nextLink"]
    vendor.refused(400, "0x8004112a", "GET", plain, prefer=TRACK)
