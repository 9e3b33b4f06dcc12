"""Custom tables of Dynamics and custom objects of Marketo: found out from what each system says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared.domain.records import FieldName, FieldType, Gone, Kind, Record, Ref, RemoteId
from shared.errors import ConfigError, Rejected
from shared.ports.connector import CheckState, FeedKind, Op, Outcome, Write
from simulators.frame import Authority
from tests.wire.connectors.dynamics import organisation
from tests.wire.connectors.marketo import Subscription, subscription

CAR, TRIP, BAD = Kind("car"), Kind("trip"), Kind("bad")
NAME, OWNER, MAKER, TRIP_CAR = FieldName("name"), FieldName("owner"), FieldName("maker"), FieldName("car")
OBJECTS: list[Mapping[str, Any]] = [
    {
        "name": "car",
        "fields": [
            {"name": "rowId", "dataType": "string", "isDedupeField": True},
            {"name": "name", "dataType": "string"},
            {"name": "owner", "dataType": "integer", "relatedTo": {"name": "Lead", "field": "id"}},
            {"name": "maker", "dataType": "string", "relatedTo": {"name": "Company", "field": "externalCompanyId"}},
            {"name": "bought", "dataType": "date"},
        ],
    },
    {
        "name": "trip",
        "fields": [
            {"name": "key", "dataType": "string", "isDedupeField": True},
            {"name": "car", "dataType": "string", "relatedTo": {"name": "car", "field": "rowId"}},
            {"name": "guest", "dataType": "email", "relatedTo": {"name": "Lead", "field": "email"}},
        ],
    },
    {"name": "bad", "fields": [{"name": n, "dataType": "string", "isDedupeField": True} for n in ("a", "b")]},
    {"name": "short", "fields": [{"name": "number", "dataType": "integer", "isDedupeField": True}]},
    {"name": "draft", "state": "draft", "fields": [{"name": "a", "dataType": "string", "isDedupeField": True}]},
]


@pytest.fixture
def marketo(ca: Authority) -> Iterator[Subscription]:
    with subscription(ca, kinds=[CAR, TRIP, BAD, Kind("short"), Kind("draft"), Kind("none"), Kind("../leads")]) as made:
        made.system.seed({"customObjects": OBJECTS, "companies": [{"externalCompanyId": "C1", "company": "Acme"}]})
        yield made


def write(op: Op, kind: Kind, row: str, **fields: Any) -> Write:
    return Write(key=row, op=op, ref=Ref(kind, RemoteId(row)), fields={FieldName(n): v for n, v in fields.items()})


def rows(made: Subscription, kind: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = made.system.state({"kind": kind})[kind]
    return found


# -- Marketo -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("MK-02.1", system="marketo")
def test_links_of_a_custom_object_are_references_to_what_has_our_ids(marketo: Subscription) -> None:
    car = marketo.connector.describe(CAR)
    assert set(car.fields) == {NAME, OWNER, MAKER, FieldName("bought")}, "the key is the id, not a field"
    assert car.fields[OWNER].targets == (Kind("lead"),)
    assert car.fields[MAKER].targets == (Kind("company"),)
    trip = marketo.connector.describe(TRIP)
    assert trip.fields[TRIP_CAR].targets == (CAR,)
    assert trip.fields[FieldName("guest")].type is FieldType.EMAIL, "an address is a text to map, no reference"


@pytest.mark.feature("MK-02.1", system="marketo")
def test_records_of_a_custom_object_are_made_changed_read_and_deleted_under_our_ids(marketo: Subscription) -> None:
    person = marketo.create(marketo.values(1))
    told = {"name": "Beetle", "owner": Ref(Kind("lead"), person), "maker": Ref(Kind("company"), RemoteId("C1"))}
    made = marketo.connector.write([write(Op.CREATE, CAR, "car-1", **told), write(Op.CREATE, CAR, "car-2", name="T2")])
    assert [each.outcome for each in made] == [Outcome.APPLIED] * 2
    (again,) = marketo.connector.write([write(Op.CREATE, CAR, "car-1", name="Other")])
    assert again.outcome is Outcome.EXISTS
    assert rows(marketo, "car")[0]["owner"] == int(person)
    marketo.connector.write([write(Op.UPDATE, CAR, "car-1", name="Käfer")])
    found = marketo.connector.read(CAR, [RemoteId("car-1"), RemoteId("car-9")], [NAME, OWNER, MAKER])
    record = found[RemoteId("car-1")]
    assert isinstance(record, Record)
    assert record.fields == {**{FieldName(n): v for n, v in told.items()}, NAME: "Käfer"}
    assert isinstance(found[RemoteId("car-9")], Gone)
    (trip,) = marketo.connector.write([write(Op.CREATE, TRIP, "trip-1", car=Ref(CAR, RemoteId("car-1")))])
    assert trip.outcome is Outcome.APPLIED
    ended = marketo.connector.write([write(Op.DELETE, CAR, "car-1"), write(Op.DELETE, CAR, "car-9")])
    assert [each.outcome for each in ended] == [Outcome.APPLIED] * 2
    (gone,) = marketo.connector.write([write(Op.UPDATE, CAR, "car-1", name="x")])
    assert gone.outcome is Outcome.GONE
    assert [each["rowId"] for each in rows(marketo, "car")] == ["car-2"]


@pytest.mark.feature("MK-11.5", system="marketo")
def test_a_link_to_nobody_refuses_its_record_alone(marketo: Subscription) -> None:
    lost = write(Op.CREATE, CAR, "car-1", owner=Ref(Kind("lead"), RemoteId("77")))
    results = marketo.connector.write([lost, write(Op.CREATE, CAR, "car-2", name="T2")])
    assert [each.outcome for each in results] == [Outcome.REJECTED, Outcome.APPLIED]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("bad", "no_key"), ("short", "no_key"), ("draft", "unknown_kind"), ("none", "unknown_kind"),
     ("../leads", "unknown_kind"), ("unnamed", "unknown_kind")],
)  # fmt: skip
def test_an_object_that_cannot_hold_our_ids_is_refused_with_what_to_do(
    marketo: Subscription, kind: str, code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        marketo.connector.describe(Kind(kind))
    assert refused.value.code == code


@pytest.mark.feature("MK-10", system="marketo")
def test_custom_objects_work_beside_the_native_sync(ca: Authority) -> None:
    with subscription(ca, kinds=[CAR], switches={"native_sync": True}, native_sync="people_only") as made:
        made.system.seed({"customObjects": OBJECTS})
        (result,) = made.connector.write([write(Op.CREATE, CAR, "car-1", name="Beetle")])
        assert result.outcome is Outcome.APPLIED


# -- Dynamics ----------------------------------------------------------------------------------------------------------

TABLE: Mapping[str, Any] = {
    "name": "new_vehicle",
    "set": "new_fleet",  # no plural of the name: it has to be asked for
    "schema": "new_Vehicle",
    "columns": {
        "new_bought": {"type": "DateTime", "date_only": True},
        "new_ownerid": {"type": "Lookup", "to": {"contact": "new_OwnerId"}},
    },
}
VEHICLE = Kind("new_vehicle")
FIELDS = (FieldName("new_name"), FieldName("new_bought"), FieldName("new_ownerid"))


@pytest.mark.feature("MK-02.1", system="marketo")
def test_a_custom_table_is_read_counted_and_followed_by_what_its_metadata_tells(ca: Authority) -> None:
    with organisation(ca, seeds={"tables": [TABLE]}, tables=["contact", "new_vehicle"]) as org:
        (owner,) = org.system.seed({"rows": {"contact": [{"lastname": "Owner"}]}})["rows"]["contact"]
        lookup = {"new_OwnerId@odata.bind": f"contacts({owner})"}
        row = org.system.seed({"rows": {"new_vehicle": [{"new_name": "Beetle", **lookup}]}})["rows"]["new_vehicle"][0]
        assert list(org.connector.capabilities.kinds) == ["contact", "new_vehicle"]
        assert org.connector.capabilities.kinds[VEHICLE].writes == frozenset()
        assert org.connector.capabilities.kinds[VEHICLE].feed is FeedKind.DELTA
        schema = org.connector.describe(VEHICLE)
        assert schema.fields[FIELDS[2]].targets == (Kind("contact"),)
        page = org.connector.changes(VEHICLE, None, FIELDS)
        while not page.walked:
            page = org.connector.changes(VEHICLE, page.cursor, FIELDS)
        found = org.connector.read(VEHICLE, [RemoteId(row)], FIELDS)[RemoteId(row)]
        assert isinstance(found, Record)
        assert found.fields[FIELDS[2]] == Ref(Kind("contact"), RemoteId(owner))
        assert org.connector.count(VEHICLE, "new_name eq 'Beetle'", exact=False) == (1, False)  # type: ignore[attr-defined]
        org.system.act("edit", {"table": VEHICLE, "id": row, "values": {"new_name": "T2"}})
        page = org.connector.changes(VEHICLE, page.cursor, FIELDS)
        assert [item.fields[FIELDS[0]] for item in page.items if isinstance(item, Record)] == ["T2"]
        org.system.act("delete", {"table": VEHICLE, "id": row})
        page = org.connector.changes(VEHICLE, page.cursor, FIELDS)
        assert [isinstance(item, Gone) for item in page.items] == [True]


@pytest.mark.feature("HUB-02.1")
def test_the_check_names_the_privilege_a_custom_table_lacks(ca: Authority) -> None:
    tables = {"contact": dict.fromkeys(("Create", "Read", "Write", "Delete", "Append", "AppendTo"), "Global")}
    role = {"name": "Sync", "tables": {**tables, "systemuser": {"Read": "Global"}}, "privileges": {}}
    with organisation(ca, seeds={"tables": [TABLE], "roles": [role]}, tables=["new_vehicle"]) as org:
        steps = {step.name: step for step in org.connector.check()}
        assert {step.state for step in steps.values()} == {CheckState.PASSED}
        org.be_a_plain_user()
        steps = {step.name: step for step in org.connector.check()}
        assert steps["privileges:new_vehicle"].code == "missing_privilege"
        assert "prvReadnew_Vehicle" in steps["privileges:new_vehicle"].reason


def test_a_name_that_is_no_custom_table_is_refused(ca: Authority) -> None:
    for name in ("invoice", "new_car'", "New_Car", "../contacts", "new_"):
        with pytest.raises(ConfigError) as refused, organisation(ca, tables=["contact", name]):
            pass
        assert refused.value.setting == "crm.tables"
