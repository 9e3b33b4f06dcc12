"""What the app itself recorded: outcomes and conflicts, read from its tables as the app reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.domain.outcomes import reason

if TYPE_CHECKING:
    from shared.bootstrap import Application
    from shared.domain.records import Ref
    from shared.ports.report import RecordOutcome

DONE = frozenset({"created", "updated", "deleted", "deactivated", "relinked"})
"""Outcomes that leave nothing to explain."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conflict as it was kept: who won, by which policy, and both values."""

    field: str
    policy: str
    winner: str
    crm: object
    partner: object


@dataclass(slots=True)
class Records:
    """The app's records. `settings` are the app settings of the running app."""

    settings: Mapping[str, str]
    _app: Application | None = field(default=None, init=False)
    _outcomes: dict[str, list[RecordOutcome]] = field(default_factory=dict, init=False)

    def outcomes(self, connection: str, run: str) -> list[RecordOutcome]:
        """What became of each record of a run that has ended, if it was more than unchanged."""
        if run not in self._outcomes:
            self._outcomes[run] = list(self._application().journal(connection).outcomes(run))
        return self._outcomes[run]

    def told(self, connection: str, run: str, names: Iterable[str]) -> list[RecordOutcome]:
        """What a run says of the records with these names, on either side. See `name_of`."""
        wanted = set(names)
        return [
            told
            for told in self.outcomes(connection, run)
            if any(ref is not None and name_of(side, ref.kind, ref.id) in wanted for side, ref in _refs(told))
        ]

    def open_codes(self, connection: str, runs: Iterable[str]) -> dict[str, set[str]]:
        """By name of a record: every code of these runs that says why something was not carried over."""
        found: dict[str, set[str]] = {}
        for run in runs:
            for told in self.outcomes(connection, run):
                if told.code in DONE:
                    continue
                for side, ref in _refs(told):
                    if ref is not None and ref.id:
                        found.setdefault(name_of(side, ref.kind, ref.id), set()).add(told.code)
        return found

    def conflicts(self, connection: str, run: str, names: Iterable[str]) -> list[Kept]:
        """The conflicts of a run on these records, with both values opened by the app's own key."""
        from shared.azure.conflicts import TableConflicts
        from shared.azure.sealed import Sealer
        from shared.azure.values import unpack_value

        app, wanted = self._application(), set(names)
        sealer = Sealer(app.settings.state_key, "conflict values")

        def opened(sealed: bytes | None, place: str) -> object:
            return unpack_value(sealer.open(sealed, bound=place)) if sealed is not None else None

        kept = TableConflicts(app.store("conflicts"), connection)
        return [
            Kept(
                item.field,
                item.policy,
                item.winner.value if item.winner is not None else "",
                opened(item.crm_value, f"{item.id}|crm"),
                opened(item.partner_value, f"{item.id}|partner"),
            )
            for waiting in (False, True)
            for item in kept.list(waiting=waiting, limit=200).items
            if item.run == run and item.crm is not None and name_of("crm", item.crm.kind, item.crm.id) in wanted
        ]

    def _application(self) -> Application:
        if self._app is None:
            from shared import config
            from shared.bootstrap import Application

            self._app = Application(config.load(self.settings))
        return self._app


def name_of(side: str, kind: str, record_id: object) -> str:
    """How the demo names a record of a side: ids of different kinds, and of both sides, may be alike."""
    return f"{side}/{kind}/{str(record_id).lower()}"


def _refs(told: RecordOutcome) -> tuple[tuple[str, Ref | None], ...]:
    return ("crm", told.crm), ("partner", told.partner)


def meaning(code: str) -> str:
    """What an outcome code means, in the product's own words."""
    return reason(code).meaning
