"""What happens to single records, and what both systems and the app's records must show of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cli.demo.day import Day
from cli.demo.hub import name_of
from cli.demo.sides import DYNAMICS
from cli.demo.stories.activecampaign.cast import EMPLOYEE, NEWS, REFUSED, Cast, email
from cli.demo.stories.activecampaign.sides import PARTNER, Sides
from cli.demo.story import Row, Watched

LEAD_TAGS = ["D365: Lead", "D365: Pulled from ActiveCampaign"]
TAGS = ["D365: Contact", "D365: Pushed from Dynamics"]


def _until(look: Callable[[], Any], wanted: object, seconds: float = 20.0) -> Any:
    """What is to be seen, as soon as it is as wanted, or after some seconds as it is then."""
    end = time.monotonic() + seconds
    while (found := look()) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    return found


class Events:
    """The events of one day, each a function that acts and answers what to watch."""

    def __init__(self, sides: Sides, cast: Cast) -> None:
        self.sides = sides
        self.cast = cast

    # -- the first load ------------------------------------------------------------------------------------------------

    def known_already(self, day: Day) -> Watched:
        return self._watch(
            "known",
            event="somebody is in ActiveCampaign already, spelt otherwise",
            where=PARTNER,
            codes=["updated"],
            partner={"firstName": "Núria", "lastName": "Ibáñez", "tags": TAGS},
            wrote={PARTNER: ["firstName", "lastName", "phone", "tags"]},
        )

    def outside_from_the_start(self, day: Day) -> Watched:
        return self._watch(
            "employee",
            event="a contact that does not meet the criteria (job title is not Employee)",
            where=DYNAMICS,
            codes=["skipped:outside_criteria"],
            partner=None,
        )

    def twins(self, day: Day) -> Watched:
        return self._watch(
            "twin",
            event="two contacts share one e-mail address",
            where=DYNAMICS,
            codes=["created", "conflicted:duplicate_match"],
            partner={"lastName": "Peña", "tags": TAGS},
            wrote={PARTNER: ["created", "tags"]},
        )

    # -- edits ---------------------------------------------------------------------------------------------------------

    def different_fields(self, day: Day) -> Watched:
        watched = self._watch(
            "both",
            event="one person, edited on both sides: the name here, the phone there",
            where="both",
            codes=["updated"],
            crm={"lastname": "García Lorca", "telephone1": "+00 555 111111"},
            partner={"lastName": "García Lorca", "phone": "+00 555 111111"},
            wrote={DYNAMICS: ["telephone1"], PARTNER: ["lastName"]},
        )
        self._edit("both", lastname="García Lorca")
        self.sides.act("edit_contact", contact=email("both"), phone="+00 555 111111")
        return watched

    def same_field(self, day: Day) -> Watched:
        watched = self._watch(
            "clash",
            event="one phone number, changed on both sides",
            where="both",
            codes=["updated"],
            crm={"telephone1": "+00 555 222222"},
            partner={"phone": "+00 555 222222"},
            wrote={PARTNER: ["phone"]},
            conflict=("phone", "crm", "+00 555 222222", "+00 555 333333"),
        )
        self._edit("clash", telephone1="+00 555 222222")
        self.sides.act("edit_contact", contact=email("clash"), phone="+00 555 333333")
        return watched

    def emptied(self, day: Day) -> Watched:
        watched = self._watch(
            "emptied",
            event="a phone number is emptied",
            where=DYNAMICS,
            codes=["updated"],
            crm={"telephone1": None},
            partner={"phone": ""},
            wrote={PARTNER: ["phone"]},
        )
        self._edit("emptied", telephone1=None)
        return watched

    def opt_out(self, day: Day) -> Watched:
        watched = self._watch(
            "opt_out",
            event="somebody unsubscribes by the link in a mail",
            where=PARTNER,
            codes=["updated"],
            crm={"donotbulkemail": True},
            partner={"lists": {NEWS: 2}},
            wrote={DYNAMICS: ["donotbulkemail"]},
        )
        self.sides.act("subscribe", contact=email("opt_out"), list=NEWS)
        self.sides.act("unsubscribe", contact=email("opt_out"), list="all")
        return watched

    # -- new people ----------------------------------------------------------------------------------------------------

    def new_lead(self, day: Day) -> Watched:
        """The automation's webhook comes twice; the row must come once, and not before the next slot."""
        address = "ada.new@story.example.org"
        watched = self._new_lead(address, "an automation asks for a new lead; its webhook comes twice")
        self.sides.act("create_contact", email=address, firstName="Ada", lastName="Nuova", phone="+00 555 777777")
        hooks = day.api.call("GET", f"connections/{day.connection}/hooks")["value"]
        url = next(item["url"] for item in hooks if item["what"] == "lead")
        self.sides.act("reach_webhook_step", contact=address, automation=1, url=url, times=2)
        self.sides.act("drain")
        tags = _until(lambda: (self.sides.contact(address) or {}).get("tags"), LEAD_TAGS)
        if tags != LEAD_TAGS:
            watched.before = f"its tags were to be set on arrival: {LEAD_TAGS}, found {tags}"
        if self._lead(address) is not None:
            watched.before = "the row was made before the slot"
        return watched

    def lost_webhook(self, day: Day) -> Watched:
        address = "grace.new@story.example.org"
        watched = self._new_lead(address, "another automation tags a new lead, and its webhook is lost")
        self.sides.act("create_contact", email=address, firstName="Grace", lastName="Nueva", phone="+00 555 888888")
        for tag in LEAD_TAGS:
            self.sides.act("add_tag", contact=address, tag=tag)
        return watched

    def _new_lead(self, address: str, event: str) -> Watched:
        def look() -> tuple[Iterable[str], Row | None, Row | None]:
            row, contact = self._lead(address), self.sides.contact(address)
            return _names("lead", row, contact), row, contact

        last = "Nuova" if address.startswith("ada") else "Nueva"
        return Watched(
            event=event,
            where=PARTNER,
            look=look,
            codes=["created"],
            crm={"lastname": last, "emailaddress1": address},
            partner={"tags": LEAD_TAGS},
            wrote={DYNAMICS: ["created"]}
            if address.startswith("grace")
            else {DYNAMICS: ["created"], PARTNER: ["tags"]},
            writes=self.sides.hand(),
        )

    def _lead(self, address: str) -> Row | None:
        return next((row for row in self.sides.rows("lead") if row.get("emailaddress1") == address), None)

    # -- companies and opportunities -----------------------------------------------------------------------------------

    def new_company(self, day: Day) -> Watched:
        name = "Nuova Officina"
        watched = self._of_company(name, event="a new account", where=PARTNER, wrote={DYNAMICS: ["created"]})
        self.sides.act("create_account", name=name, accountUrl="https://officina.example.org")
        return watched

    def company_edited(self, day: Day) -> Watched:
        company = self.cast.companies[0]
        site = "https://moved.example.org"
        watched = self._of_company(
            company["name"], event="a company's website changes", where=DYNAMICS, wrote={PARTNER: ["url"]}
        )
        self.sides.edit_row("account", company["id"], websiteurl=site)
        return watched

    def opportunity(self, day: Day) -> Watched:
        """Goes to ActiveCampaign only, as a deal with the contact's counterpart."""
        title = "40 city bikes"
        watched = self._watch_pair(
            lambda: self._pair("opportunity", "name", "deals", "title", title),
            event="a new opportunity of a contact",
            where=DYNAMICS,
            codes=["created"],
            crm={"name": title},
            partner={"title": title, "value": 1250050},
            wrote={PARTNER: ["created"]},
        )
        contact = self.cast.id_of("both")
        binding = {"parentcontactid@odata.bind": f"contacts({contact})"}
        self.sides.create_row("opportunity", name=title, estimatedvalue=12500.5, **binding)
        return watched

    def _of_company(self, name: str, *, event: str, where: str, wrote: Mapping[str, Iterable[str]]) -> Watched:
        new = where == PARTNER
        site = "https://officina.example.org" if new else "https://moved.example.org"
        return self._watch_pair(
            lambda: self._pair("account", "name", "accounts", "name", name),
            event=event,
            where=where,
            codes=["created" if new else "updated"],
            crm={"name": name, "websiteurl": site},
            partner={"name": name, "url": site},
            wrote=wrote,
        )

    def _watch_pair(self, look: Callable[[], tuple[Iterable[str], Row | None, Row | None]], **more: Any) -> Watched:
        return Watched(look=look, writes=self.sides.hand(), **more)

    def _pair(
        self, table: str, column: str, records: str, name: str, value: str
    ) -> tuple[list[str], Row | None, Row | None]:
        row = next((row for row in self.sides.rows(table) if row.get(column) == value), None)
        partner = next((record for record in self.sides.records(records) if record.get(name) == value), None)
        return _names(table, row, partner, records.removesuffix("s")), row, partner

    # -- limits --------------------------------------------------------------------------------------------------------

    def tag_removed(self, day: Day) -> Watched:
        old = self._row("untagged")
        watched = self._watch(
            "untagged",
            event=f"the tag {TAGS[0]} is taken off, then the phone is changed",
            where=PARTNER,
            codes=["skipped:tags_missing"],
            crm={"telephone1": old["telephone1"]},
            partner={"phone": "+00 555 444444", "tags": TAGS[1:]},
        )
        self.sides.act("remove_tag", contact=email("untagged"), tag=TAGS[0])
        self.sides.act("edit_contact", contact=email("untagged"), phone="+00 555 444444")
        return watched

    def deleted(self, day: Day) -> Watched:
        watched = self._watch(
            "deleted",
            event="a contact is deleted",
            where=DYNAMICS,
            codes=["skipped:delete_ignored"],
            crm=None,
            partner={"lastName": "Sáenz"},
        )
        self.sides.delete_row("contact", self.cast.id_of("deleted"))
        return watched

    def rejected(self, day: Day) -> Watched:
        watched = self._watch(
            "rejected",
            event="a last name that a rule of Dynamics refuses",
            where=PARTNER,
            codes=["failed:rejected"],
            crm={"lastname": "Taylor-Reed"},
            partner={"lastName": REFUSED},
        )
        self.sides.act("edit_contact", contact=email("rejected"), lastName=REFUSED)
        return watched

    def leaves_criteria(self, day: Day) -> Watched:
        old = self._row("outside")
        watched = self._watch(
            "outside",
            event="a contact becomes an Employee (outside the criteria) and gets another phone",
            where=DYNAMICS,
            codes=["skipped:outside_criteria"],
            crm={"telephone1": "+00 555 666666"},
            partner={"phone": old["telephone1"]},
        )
        self._edit("outside", jobtitle=EMPLOYEE, telephone1="+00 555 666666")
        return watched

    def outside_still_tells(self, day: Day) -> Watched:
        watched = self._watch(
            "outside",
            event="the same contact, outside the criteria, gets another name",
            where=PARTNER,
            codes=["updated"],
            crm={"lastname": "D'Angelo Verdi", "telephone1": "+00 555 666666"},
            partner={"lastName": "D'Angelo Verdi"},
            wrote={DYNAMICS: ["lastname"]},
        )
        self.sides.act("edit_contact", contact=email("outside"), lastName="D'Angelo Verdi")
        return watched

    # -- inside --------------------------------------------------------------------------------------------------------

    def _row(self, part: str) -> Row:
        return self.sides.row("contact", self.cast.id_of(part)) or {}

    def _edit(self, part: str, **values: object) -> None:
        self.sides.edit_row("contact", self.cast.id_of(part), **values)

    def _watch(self, part: str, *, event: str, where: str, codes: Sequence[str], **more: Any) -> Watched:
        return Watched(
            event=event,
            where=where,
            codes=codes,
            look=self.looking(email(part), self._ids(part)),
            writes=self.sides.hand(),
            **more,
        )

    def _ids(self, part: str) -> list[str]:
        return [row_id for name, row_id in self.cast.ids.items() if name.endswith(email(part))]

    def looking(
        self, address: str, row_ids: Sequence[str], table: str = "contact"
    ) -> Callable[[], tuple[Iterable[str], Row | None, Row | None]]:
        """Both records as they are now (of several rows the first), and their ids."""

        def look() -> tuple[Iterable[str], Row | None, Row | None]:
            row, contact = self.sides.row(table, row_ids[0]), self.sides.contact(address)
            return [*(name_of("crm", table, each) for each in row_ids), *_names(table, None, contact)], row, contact

        return look


def _names(table: str, row: Row | None, partner: Row | None, kind: str = "contact") -> list[str]:
    """The names of a pair."""
    crm = [name_of("crm", table, row[f"{table}id"])] if row is not None else []
    return crm + ([name_of("partner", kind, partner["id"])] if partner is not None else [])
