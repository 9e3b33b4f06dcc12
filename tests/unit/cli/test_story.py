"""The demo's judgement: what it must notice, or it would be a show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from cli.demo.day import Day
from cli.demo.hub import Kept, Records, name_of
from cli.demo.stories import STORIES, story
from cli.demo.stories.activecampaign.compare import compare, unexplained
from cli.demo.stories.activecampaign.sides import Sides
from cli.demo.story import Watched, texts
from cli.demo.world import Simulators
from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.report import RecordOutcome

ROW, CONTACT = name_of("crm", "contact", "R1"), name_of("partner", "contact", 7)


class Told(Records):
    """What the app would have recorded."""

    def __init__(self, *codes: str, kept: list[Kept] | None = None, message: str = "") -> None:
        super().__init__({})
        self.codes, self.kept, self.message = codes, kept or [], message

    def outcomes(self, connection: str, run: str) -> list[RecordOutcome]:
        crm, partner = Ref(Kind("contact"), RemoteId("R1")), Ref(Kind("contact"), RemoteId("7"))
        return [
            RecordOutcome(link="l", entity="contact", code=code, crm=crm, partner=partner, message=self.message)
            for code in self.codes
        ]

    def conflicts(self, connection: str, run: str, names: Any) -> list[Kept]:
        return self.kept


def day(*codes: str, kept: list[Kept] | None = None, message: str = "") -> Day:
    return Day(
        cast("Any", None),
        cast("Any", None),
        cast("Any", None),
        cast("Any", None),
        Told(*codes, kept=kept, message=message),
    )


def watched(**changes: Any) -> Watched:
    crm, partner = {"telephone1": "1"}, {"phone": "1"}
    given: dict[str, Any] = {
        "event": "e",
        "where": "w",
        "look": lambda: ([ROW, CONTACT], crm, partner),
        "codes": ["updated"],
        "crm": {"telephone1": "1"},
        "partner": {"phone": "1"},
        "wrote": {"ActiveCampaign": ["phone"]},
        "writes": lambda names: {"ActiveCampaign": ["phone"]},
    }
    return Watched(**{**given, **changes})


def test_an_event_that_went_as_told_has_no_problem_and_says_what_happened_and_why() -> None:
    line = watched().tell(day("updated"), {"id": "r"})
    assert line.problems == ()
    assert line.did == "wrote phone to ActiveCampaign"
    assert line.why == "At least one field was written."
    assert (line.crm, line.partner) == ("telephone1 1", "phone 1")


@pytest.mark.parametrize(
    ("changes", "codes", "said"),
    [
        ({}, ("unchanged",), "the app recorded unchanged, not updated"),
        ({}, (), "the app recorded nothing, not updated"),
        ({"crm": {"telephone1": "2"}}, ("updated",), "telephone1 should be 2, is 1"),
        ({"partner": {"phone": ""}}, ("updated",), "phone should be (empty), is 1"),
        ({"crm": None}, ("updated",), "Dynamics 365 has a record that should not be there"),
        ({"look": lambda: ([ROW], None, {"phone": "1"})}, ("updated",), "Dynamics 365 has no such record"),
        ({"writes": lambda names: {}}, ("updated",), "its own log says []"),
        ({"wrote": {}}, ("updated",), "its own log says ['phone']"),
        ({"conflict": ("phone", "crm", "1", "2")}, ("updated",), "the conflict was not kept with both values"),
        ({"before": "too early"}, ("updated",), "too early"),
    ],
)
def test_whatever_is_not_as_told_is_a_problem(changes: Mapping[str, Any], codes: tuple[str, ...], said: str) -> None:
    line = watched(**changes).tell(day(*codes), {"id": "r"})
    assert any(said in problem for problem in line.problems), line.problems


def test_a_conflict_is_told_with_its_policy_its_winner_and_both_values() -> None:
    kept = Kept("phone", "owner_crm", "crm", "1", "2")
    line = watched(conflict=("phone", "crm", "1", "2")).tell(day("updated", kept=[kept]), {"id": "r"})
    assert line.problems == ()
    assert line.why == (
        "phone differed; policy owner_crm: Dynamics 365 wins. Both values are kept: Dynamics 365 1, the partner 2."
    )


def test_the_vendors_own_message_is_shown() -> None:
    line = watched(codes=["failed:rejected"]).tell(day("failed:rejected", message="No."), {"id": "r"})
    assert line.why == "The other system refused the record. In its own words: No."


def test_values_are_shown_as_people_read_them() -> None:
    shown = texts({"a": None, "b": True, "c": ["x", "y"], "d": {"News": 2}, "e": 5})
    assert shown == "a (empty), b yes, c x + y, d News: 2, e 5"
    assert texts(None) == "no record"


# -- the comparison ----------------------------------------------------------------------------------------------------


class TwoSystems(Simulators):
    """Both systems' states, as their control calls tell them."""

    def __init__(self, tables: Mapping[str, list[dict[str, Any]]], lists: Mapping[str, list[dict[str, Any]]]) -> None:
        super().__init__({}, "")
        object.__setattr__(self, "_tables", tables)
        object.__setattr__(self, "_lists", lists)

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        name = path.partition("=")[2].partition("&")[0]
        if system == "dataverse":
            return {"rows": self._tables.get(name, []), "next": None}  # type: ignore[attr-defined]
        return {name: self._lists.get(name, [])}  # type: ignore[attr-defined]


def sides(row: Mapping[str, Any] | None = None, contact: Mapping[str, Any] | None = None, **more: Any) -> Sides:
    rows = [{"contactid": "R1", "emailaddress1": "A@example.org", "lastname": "X", **row}] if row is not None else []
    base = {"id": 7, "email": "a@example.org", "lastName": "X", "lists": {}, "bounced": False, "account": None}
    people = [{**base, **contact}] if contact is not None else []
    found = Sides()
    found.sims = TwoSystems({"contact": rows, **more.get("tables", {})}, {"contacts": people, **more.get("lists", {})})
    return found


def test_what_is_the_same_on_both_sides_is_not_apart() -> None:
    assert compare(sides({}, {}), {}) == []


@pytest.mark.parametrize(
    ("both", "what"),
    [
        (sides({"lastname": "Y"}, {}), "different: lastname"),
        (sides({"telephone1": "1"}, {}), "different: telephone1"),
        (sides({}, {"bounced": True}), "different: donotbulkemail"),
        (sides({}, {"lists": {"News": 2}}), "different: donotbulkemail"),
        (sides({}, {"account": "Firm"}), "different: company"),
        (sides({}), "only in Dynamics 365"),
        (sides(None, {}), "only in ActiveCampaign"),
        (sides(tables={"account": [{"accountid": "A", "name": "Firm"}]}), "only in Dynamics 365"),
        (sides(lists={"accounts": [{"id": 1, "name": "Firm", "url": ""}]}), "only in ActiveCampaign"),
        (sides(tables={"opportunity": [{"opportunityid": "O", "name": "Big"}]}), "only in Dynamics 365"),
    ],
)
def test_every_difference_is_found_and_without_a_reason_it_ends_the_demo(both: Sides, what: str) -> None:
    [found] = compare(both, {})
    assert (found.what, found.code) == (what, "")
    assert len(unexplained([found], {})) == 1


def test_a_difference_counts_as_explained_only_by_the_reason_that_the_days_events_gave() -> None:
    [apart] = compare(sides({"lastname": "Y"}, {}), {ROW.replace("R1", "r1"): {"failed:rejected"}})
    assert apart.code == "failed:rejected"
    name = name_of("crm", "contact", "R1")
    assert unexplained([apart], {name: "failed:rejected"}) == []
    assert len(unexplained([apart], {name: "skipped:tags_missing"})) == 1
    assert len(unexplained([apart], {})) == 1
    assert len(unexplained([replace(apart, code="")], {name: "failed:rejected"})) == 1


def test_a_record_that_should_be_apart_and_is_not_is_told() -> None:
    [found] = unexplained([], {"crm/contact/r9": "skipped:outside_criteria"})
    assert "r9" in found.what


def test_every_story_of_the_registry_can_be_built_and_begins_with_the_initial_sync() -> None:
    for system in STORIES:
        assert story(system).chapters()[0].title == "initial sync"
