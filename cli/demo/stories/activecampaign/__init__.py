"""A day between Dynamics 365 and ActiveCampaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.demo.day import Day
from cli.demo.hub import name_of
from cli.demo.stories.activecampaign.cast import EMPLOYEE, Cast, email
from cli.demo.stories.activecampaign.compare import compare, unexplained
from cli.demo.stories.activecampaign.events import Events
from cli.demo.stories.activecampaign.sides import Sides
from cli.demo.stories.activecampaign.weather import Edited, FirstLoad, Killed, Quiet, Storm
from cli.demo.story import Apart, Chapter, Setting
from cli.demo.verify import Difference
from cli.demo.world import Simulators, crm_side

_STORM, _KILL = 60, 250
_NOT = "opportunity"  # opportunities go as deals or as a custom object; here as deals
_CRITERIA = {"none": [{"column": "jobtitle", "op": "eq", "value": EMPLOYEE}]}


class ActiveCampaignDay:
    """See `Story`."""

    title = "ActiveCampaign"
    simulators = "dataverse,activecampaign"

    def __init__(self) -> None:
        self.cast = Cast()
        self.sides = Sides()

    def seed(self, sims: Simulators, setting: Setting) -> str:
        self.sides.sims = sims
        return self.cast.seed(sims, setting)

    def connection(self, sims: Simulators) -> Mapping[str, Any]:
        return {
            "name": "Demo",
            "system": "activecampaign",
            "crm": crm_side(sims, self.cast.secret),
            "partner": {"url": sims.urls["activecampaign"], "secrets": {"key": self.cast.api_key}},
            "options": {"lease_seconds": 6.0},
        }

    def entities(self, given: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The maps a new connection has, with the demo's criteria, and opportunities as deals."""
        return [
            {
                **item,
                **({"criteria": _CRITERIA} if item["partner_kind"] == "contact" else {}),
                "on": item["name"] != _NOT,
            }
            for item in given
        ]

    def total(self) -> int:
        return self.cast.addresses

    def chapters(self) -> Sequence[Chapter]:
        sides, cast = self.sides, self.cast
        events, crowd = Events(sides, cast), cast.crowd
        return [
            Chapter(
                "initial sync",
                [
                    lambda day: FirstLoad(sides, cast),
                    events.known_already,
                    events.outside_from_the_start,
                    events.twins,
                ],
            ),
            Chapter(
                "edits",
                [
                    events.different_fields,
                    events.same_field,
                    events.emptied,
                    events.opt_out,
                    events.company_edited,
                    events.opportunity,
                ],
            ),
            Chapter(
                "people and limits",
                [
                    events.new_lead,
                    events.lost_webhook,
                    events.new_company,
                    events.tag_removed,
                    events.deleted,
                    events.rejected,
                    events.leaves_criteria,
                ],
            ),
            Chapter(
                "storm", [lambda day: Storm(Edited(sides, crowd[:_STORM], "+00 429 ")), events.outside_still_tells]
            ),
            Chapter("kill", [lambda day: Killed(Edited(sides, crowd[:_KILL], "+00 999 "))]),
            Chapter("quiet", [lambda day: Quiet(sides)]),
        ]

    def compare(self, day: Day) -> tuple[Sequence[Apart], Sequence[Difference]]:
        apart = compare(self.sides, day.records.open_codes(day.connection, day.run_ids()))
        deleted = self.sides.contact(email("deleted")) or {}
        left = {name_of("partner", "contact", deleted.get("id")): "skipped:delete_ignored"}
        return apart, unexplained(apart, {**self.cast.stay_apart(), **left})


def story() -> ActiveCampaignDay:
    return ActiveCampaignDay()
