"""A day between Dynamics 365 and Marketo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.demo.day import Day
from cli.demo.stories.marketo.cast import Cast
from cli.demo.stories.marketo.compare import compare, unexplained
from cli.demo.stories.marketo.events import Events, Quiet
from cli.demo.stories.marketo.sides import FLAG, Sides
from cli.demo.story import Apart, Chapter, Setting
from cli.demo.verify import Difference
from cli.demo.world import Simulators, crm_side


class MarketoDay:
    """See `Story`."""

    title = "Marketo"
    simulators = "dataverse,marketo"

    def __init__(self) -> None:
        self.cast = Cast()
        self.sides = Sides()

    def seed(self, sims: Simulators, setting: Setting) -> str:
        self.sides.sims = sims
        return self.cast.seed(sims, setting)

    def connection(self, sims: Simulators) -> Mapping[str, Any]:
        return {
            "name": "Demo",
            "system": "marketo",
            "crm": crm_side(sims, self.cast.secret),
            "partner": {
                "url": sims.urls["marketo"],
                "client_id": self.cast.service,
                "deleted_field": FLAG,
                "secrets": {"client_secret": self.cast.secret},
            },
            "options": {"lease_seconds": 6.0},
        }

    def entities(self, given: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The maps a new connection has."""
        return list(given)

    def total(self) -> int:
        return self.cast.addresses

    def chapters(self) -> Sequence[Chapter]:
        events = Events(self.sides, self.cast)
        return [
            Chapter("initial sync", [events.known_already, events.refused]),
            Chapter(
                "edits",
                [events.contact_same_field, events.lead_same_field, events.different_fields, events.company_edited],
            ),
            Chapter("deletes", [events.deleted_in_dynamics, events.deleted_in_marketo, events.marketo_only]),
            Chapter("made again", [events.edited_again]),
            Chapter("quiet", [lambda day: Quiet(self.sides)]),
        ]

    def compare(self, day: Day) -> tuple[Sequence[Apart], Sequence[Difference]]:
        apart = compare(self.sides, day.records.open_codes(day.connection, day.run_ids()))
        return apart, unexplained(apart, self.cast.stay_apart(self.sides))


def story() -> MarketoDay:
    return MarketoDay()
