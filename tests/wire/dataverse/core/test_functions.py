"""The `Microsoft.Dynamics.CRM.*` query functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulators.dataverse.odata.windows import counted_span, fixed_span
from simulators.dataverse.store import Ref
from tests.wire.dataverse.core.vendor import NOW, Vendor


def crm(name: str, column: str, **arguments: str) -> str:
    more = "".join(f",{key}={value}" for key, value in arguments.items())
    return f"Microsoft.Dynamics.CRM.{name}(PropertyName='{column}'{more})"


@pytest.mark.rule("DV-QU-15")
def test_in_and_between(people: Vendor) -> None:
    assert people.names(crm("In", "lastname", PropertyValues="['ruiz','Smith','none']")) == ["Ruiz", "Smith"]
    assert people.names(crm("In", "lastname", PropertyValues='["O\'Brien"]')) == ["O'Brien"]
    assert people.names(crm("NotIn", "jobtitle", PropertyValues="['Jefa']")) == ["GARCÍA", "Rossi"]
    assert people.names(crm("Between", "numberofchildren", PropertyValues='["1","5"]')) == ["Rossi"]
    assert people.names(crm("NotBetween", "numberofchildren", PropertyValues='["1","5"]')) == ["Ruiz"]
    assert people.names(crm("In", "preferredcontactmethodcode", PropertyValues="['2']")) == ["GARCÍA"]
    assert people.names(crm("In", "donotbulkemail", PropertyValues="['1']")) == ["O'Brien"]
    row = people.rows("contacts?$select=lastname&$filter=lastname eq 'Smith'")[0]
    assert people.names(crm("In", "contactid", PropertyValues=f"['{row['contactid']}']")) == ["Smith"]
    user = people.get("WhoAmI")["UserId"]
    assert len(people.names(crm("In", "ownerid", PropertyValues=f"['{user}']"))) == 6
    account = "accounts?$select=name&$filter=contact_customer_accounts/any(c:Microsoft.Dynamics.CRM.In("
    account += "PropertyName='lastname',PropertyValues=['Rossi']))"
    assert [each["name"] for each in people.rows(account)] == ["Litware"]
    bad = "Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=['O'Brien'])"
    text = people.refused(400, "0x80060888", "GET", f"contacts?$filter={bad}")
    assert text.startswith("Invalid JSON. A comma character ',' was expected in scope 'Array'.")
    for wrong in (
        crm("In", "nothing", PropertyValues="['a']"),
        crm("In", "contactid", PropertyValues="['a']"),
        crm("In", "numberofchildren", PropertyValues="['a']"),
        crm("In", "createdon", PropertyValues="['a']"),
        crm("Between", "numberofchildren", PropertyValues="['1']"),
        crm("In", "lastname"),
    ):
        assert people.call("GET", f"contacts?$filter={wrong}").status == 400


@pytest.mark.rule("DV-QU-17")
def test_choices_of_several(people: Vendor) -> None:
    contains = crm("ContainValues", "new_topics", PropertyValues="['100000002','100000003']")
    assert people.names(contains) == ["García", "Smith"]
    others = people.names(crm("DoesNotContainValues", "new_topics", PropertyValues="['100000003']"))
    assert others == ["GARCÍA", "García", "O'Brien", "Rossi", "Ruiz"]


@pytest.mark.rule("DV-QU-18")
def test_the_caller(people: Vendor) -> None:
    boss = people.seed(users=[{"name": "Boss Person"}])["users"][0]["systemuserid"]
    people.create("contacts", {"lastname": "Theirs", "ownerid@odata.bind": f"/systemusers({boss})"})
    assert "Theirs" not in people.names(crm("EqualUserId", "ownerid"))
    assert people.names(crm("NotEqualUserId", "ownerid")) == ["Theirs"]
    assert len(people.names(crm("EqualBusinessId", "owningbusinessunit"))) == 7
    assert people.names(crm("NotEqualBusinessId", "owningbusinessunit")) == []
    me = people.get("WhoAmI")["UserId"]
    store = people.system.store
    store.put("team", {"teamid": me[::-1].replace("-", "0")[:8] + me[8:], "name": "T"})
    team = next(row["teamid"] for row in store["team"].rows() if row.get("name") == "T")
    store.put("teammembership", {"teammembershipid": team, "teamid": team, "systemuserid": me})
    row = people.rows("contacts?$select=lastname&$filter=lastname eq 'Smith'")[0]["contactid"]
    store.put("contact", {**(store["contact"].get(row) or {}), "ownerid": Ref("team", str(team))})
    assert people.names(crm("EqualUserTeams", "ownerid")) == ["Smith"]
    assert len(people.names(crm("EqualUserOrUserTeams", "ownerid"))) == 6


@pytest.mark.rule("DV-QU-16")
def test_dates(people: Vendor) -> None:
    moments = {
        "Hour": NOW - 3_500,
        "Today": NOW - 11 * 3600,
        "Yesterday": NOW - 20 * 3600,
        "Week": NOW - 6 * 86_400,
        "Month": NOW - 25 * 86_400,
        "Year": NOW - 300 * 86_400,
        "Old": NOW - 900 * 86_400,
        "Tomorrow": NOW + 86_400,
    }
    rows = [
        {"subject": name, "scheduledend": datetime.fromtimestamp(at, tz=UTC).isoformat()}
        for name, at in moments.items()
    ]
    people.seed(rows={"task": rows})

    def tasks(name: str, **arguments: str) -> set[str]:
        return set(people.names(crm(name, "scheduledend", **arguments), "subject", "tasks"))

    assert tasks("Today") == {"Hour", "Today"}
    assert tasks("Yesterday") == {"Yesterday"}
    assert tasks("Tomorrow") == {"Tomorrow"}
    assert tasks("Last7Days") == {"Hour", "Today", "Yesterday", "Week"}
    assert tasks("Next7Days") == {"Tomorrow"}
    assert tasks("LastXHours", PropertyValue="1") == {"Hour"}
    assert tasks("LastXHours", PropertyValue="'24'") == {"Hour", "Today", "Yesterday"}
    assert tasks("LastXDays", PropertyValue="1") == {"Hour", "Today", "Yesterday"}
    assert tasks("LastXMonths", PropertyValue="2") == {"Hour", "Today", "Yesterday", "Week", "Month"}
    assert tasks("LastXYears", PropertyValue="1") == {"Hour", "Today", "Yesterday", "Week", "Month", "Year"}
    assert tasks("NextXDays", PropertyValue="1") == tasks("NextXHours", PropertyValue="25") == {"Tomorrow"}
    assert tasks("OlderThanXDays", PropertyValue="10") == {"Month", "Year", "Old"}
    assert tasks("OlderThanXMinutes", PropertyValue="30") == set(moments) - {"Tomorrow"}
    assert tasks("OlderThanXYears", PropertyValue="2") == {"Old"}
    assert tasks("On", PropertyValue="2026-11-18") == {"Hour", "Today"}
    assert tasks("OnOrAfter", PropertyValue="'2026-11-18T20:00:00Z'") == {"Hour", "Today", "Tomorrow"}
    assert tasks("OnOrBefore", PropertyValue="2026-10-24") == {"Month", "Year", "Old"}
    assert tasks("LastMonth") == {"Month"}
    assert tasks("ThisWeek") == {"Hour", "Today", "Yesterday", "Tomorrow"}
    assert tasks("LastWeek") == {"Week"}
    assert tasks("LastYear") == set()
    assert tasks("ThisYear") == set(moments) - {"Old"}
    assert tasks("ThisFiscalPeriod") == set(moments) - {"Old", "Year"}
    assert tasks("LastXDays", PropertyValue="99999") == set(moments) - {"Tomorrow"}
    for wrong in (
        crm("LastXDays", "scheduledend", PropertyValue="0"),
        crm("LastXDays", "scheduledend", PropertyValue="'x'"),
        crm("On", "scheduledend", PropertyValue="'x'"),
        crm("Today", "subject"),
        crm("LastXDays", "scheduledend"),
    ):
        assert people.call("GET", f"tasks?$filter={wrong}").status == 400
    assert people.call("GET", f"tasks?$filter={crm('Under', 'scheduledend')}").status == 501


def test_dates_without_time(people: Vendor) -> None:
    people.create("contacts", {"lastname": "Born", "birthdate": "2026-11-18"})
    assert people.names(crm("Today", "birthdate")) == ["Born"]
    assert people.names(crm("LastXDays", "birthdate", PropertyValue="3")) == ["Born"]
    assert people.names(crm("On", "birthdate", PropertyValue="1990-05-04")) == ["Smith"]
    assert people.names(crm("In", "birthdate", PropertyValues="['1990-05-04']")) == ["Smith"]


def test_spans_at_the_edges() -> None:
    monday = datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert fixed_span("ThisWeek", monday) == (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC))
    assert counted_span("OlderThanXMonths", monday, 1) == (None, datetime(2026, 2, 28, tzinfo=UTC))
    assert fixed_span("NextMonth", datetime(2026, 12, 31, tzinfo=UTC)) == (
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2027, 2, 1, tzinfo=UTC),
    )
    assert fixed_span("Nothing", monday) is None
    assert counted_span("LastXNothing", monday, 1) is None
    span = counted_span("LastXHours", monday, 2)
    assert span == (monday - timedelta(hours=2), monday + timedelta(seconds=1))
