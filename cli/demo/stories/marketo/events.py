"""What happens to single records, and what both systems and the app's records must show of it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.demo.day import Day
from cli.demo.hub import name_of
from cli.demo.sides import DYNAMICS
from cli.demo.stories.marketo.cast import OWN, PARTS, Cast, email
from cli.demo.stories.marketo.sides import FLAG, PARTNER, Sides
from cli.demo.story import Line, Row, Watched

NEW_NAME = "Acme Demo"


class Quiet:
    """A run in which nobody did anything."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._since = {system: sides.last(system) for system in ("dataverse", "marketo")}

    def during(self, day: Day) -> bool:
        del day
        return True

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line:
        del day, run
        wrote = {system: len(self._sides.log(system, since)) for system, since in self._since.items()}
        problems = tuple(f"{number} writes to {system}" for system, number in wrote.items() if number)
        return Line("nobody does anything", "both", "wrote nothing", "", "as before", "as before", problems)


class Events:
    """The events of one day, each a function that acts and answers what to watch."""

    def __init__(self, sides: Sides, cast: Cast) -> None:
        self.sides, self.cast = sides, cast

    def known_already(self, day: Day) -> Watched:
        del day
        return self._watch(
            "known",
            "somebody is in Marketo already, spelt otherwise",
            PARTNER,
            ["updated"],
            partner={"firstName": "Núria", "lastName": "Ibáñez"},
            wrote={PARTNER: ["firstName", "lastName", "phone", "title", "externalSalesPersonId"]},
        )

    def refused(self, day: Day) -> Watched:
        del day
        return self._watch(
            "refused",
            "an e-mail address with an umlaut, which Marketo does not take",
            DYNAMICS,
            ["failed:rejected"],
            partner=None,
        )

    def contact_same_field(self, day: Day) -> Watched:
        del day
        watched = self._watch(
            "clash",
            "a contact's phone number, changed on both sides",
            "both",
            ["updated"],
            crm={"telephone1": "+00 555 222222"},
            partner={"phone": "+00 555 222222"},
            wrote={PARTNER: ["phone"]},
            conflict=("phone", "crm", "+00 555 222222", "+00 555 333333"),
        )
        self.sides.edit_row("contact", self.cast.ids["clash"], telephone1="+00 555 222222")
        self.sides.act("edit_lead", lead=email("clash"), values={"phone": "+00 555 333333"})
        return watched

    def lead_same_field(self, day: Day) -> Watched:
        del day
        watched = self._watch(
            "lead",
            "a lead's phone number, changed on both sides",
            "both",
            ["updated"],
            crm={"telephone1": "+00 555 555555"},
            partner={"phone": "+00 555 555555"},
            wrote={DYNAMICS: ["telephone1"]},
            conflict=("phone", "partner", "+00 555 444444", "+00 555 555555"),
        )
        self.sides.edit_row("lead", self.cast.ids["lead"], telephone1="+00 555 444444")
        self.sides.act("edit_lead", lead=email("lead"), values={"phone": "+00 555 555555"})
        return watched

    def different_fields(self, day: Day) -> Watched:
        del day
        watched = self._watch(
            "both",
            "one person, edited on both sides: the name here, the phone there",
            "both",
            ["updated"],
            crm={"lastname": "García Lorca", "telephone1": "+00 555 111111"},
            partner={"lastName": "García Lorca", "phone": "+00 555 111111"},
            wrote={DYNAMICS: ["telephone1"], PARTNER: ["lastName"]},
        )
        self.sides.edit_row("contact", self.cast.ids["both"], lastname="García Lorca")
        self.sides.act("edit_lead", lead=email("both"), values={"phone": "+00 555 111111"})
        return watched

    def company_edited(self, day: Day) -> Watched:
        del day
        row = self.sides.row("account", self.cast.company) or {}
        key = next(each["externalCompanyId"] for each in self.sides.companies() if each["company"] == row["name"])

        def look() -> tuple[Iterable[str], Row | None, Row | None]:
            found = next((each for each in self.sides.companies() if each["externalCompanyId"] == key), None)
            names = [name_of("crm", "account", self.cast.company)]
            names += [name_of("partner", "companies", found["id"])] if found else []
            return names, self.sides.row("account", self.cast.company), found

        writes = self.sides.hand()
        self.sides.edit_row("account", self.cast.company, name=NEW_NAME)
        return Watched(
            event="a company is renamed",
            where=DYNAMICS,
            look=look,
            codes=["updated"],
            crm={"name": NEW_NAME},
            partner={"company": NEW_NAME},
            wrote={PARTNER: ["company"]},
            writes=writes,
        )

    def deleted_in_dynamics(self, day: Day) -> Watched:
        del day
        watched = self._watch(
            "removed",
            "a contact is deleted",
            DYNAMICS,
            ["deactivated"],
            crm=None,
            partner={FLAG: True},
            wrote={PARTNER: [FLAG]},
        )
        self.sides.delete_row("contact", self.cast.ids["removed"])
        return watched

    def deleted_in_marketo(self, day: Day) -> Watched:
        del day
        watched = self._watch(
            "forgotten",
            "a person is deleted",
            PARTNER,
            ["skipped:delete_ignored"],
            crm={"lastname": "Hughes"},
            partner=None,
        )
        self.sides.act("delete_lead", lead=email("forgotten"))
        return watched

    def marketo_only(self, day: Day) -> Watched:
        del day
        writes = self.sides.hand()
        number = self.sides.act("create_lead", values={"email": OWN, "firstName": "Own"})["id"]
        names = [name_of("partner", "lead", number)]
        return Watched(
            event="somebody fills a form in Marketo",
            where=PARTNER,
            look=lambda: (names, None, self.sides.person(OWN)),
            codes=["skipped:not_linked"],
            crm=None,
            partner={"firstName": "Own"},
            writes=writes,
        )

    def edited_again(self, day: Day) -> Watched:
        del day
        watched = self._watch(
            "forgotten",
            "the contact whose person was deleted in Marketo is edited",
            DYNAMICS,
            ["created"],
            crm={"jobtitle": "Owner"},
            partner={"title": "Owner", "lastName": "Hughes"},
            wrote={PARTNER: ["created"]},
        )
        self.sides.edit_row("contact", self.cast.ids["forgotten"], jobtitle="Owner")
        return watched

    def _watch(
        self,
        part: str,
        event: str,
        where: str,
        codes: Sequence[str],
        *,
        crm: Mapping[str, object] | None = None,
        partner: Mapping[str, object] | None = None,
        wrote: Mapping[str, Iterable[str]] | None = None,
        conflict: tuple[str, str, object, object] | None = None,
    ) -> Watched:
        table = PARTS[part][0]
        row_id = self.cast.ids[part]

        def look() -> tuple[Iterable[str], Row | None, Row | None]:
            person = self.sides.person(email(part))
            names = [name_of("crm", table, row_id)]
            names += [name_of("partner", "lead", person["id"])] if person else []
            return names, self.sides.row(table, row_id), person

        gone = part == "removed"
        return Watched(
            event=event,
            where=where,
            look=look,
            codes=codes,
            crm=None if gone else crm or {},
            partner=partner,
            wrote=wrote or {},
            writes=self.sides.hand(),
            conflict=conflict,
        )
