"""The Marketo side of flow steps, for one connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from shared.connectors.marketo.fields import COMPANY_LINK, LEAD
from shared.connectors.marketo.flow.answer import send_callback
from shared.connectors.marketo.flow.steps import CONTACT, TABLES, steps
from shared.connectors.marketo.flow.steps import LEAD as AS_LEAD
from shared.connectors.marketo.settings import MarketoSettings
from shared.domain.records import Record, RemoteId
from shared.http.client import Runtime
from shared.ports.connector import Connector
from shared.ports.flow import AnswerTo, FlowCall, FlowStep, Person


class MarketoFlow:
    """See `shared.ports.flow.FlowPartner`. `connector` makes the connector of the subscription when it is needed;
    `kinds` are the Dynamics kinds that people may be made as."""

    def __init__(
        self,
        settings: MarketoSettings,
        *,
        connection: str,
        connector: Callable[[], Connector],
        kinds: Sequence[str],
        trusted: frozenset[str],
        runtime: Runtime,
        now: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self._connector, self._kinds, self._trusted, self._runtime = connector, tuple(kinds), trusted, runtime
        self._steps = steps(connection, now)

    @property
    def kind(self) -> str:
        return str(LEAD)

    @property
    def makes(self) -> Sequence[str]:
        return self._kinds

    @property
    def tables(self) -> Sequence[str]:
        return TABLES

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._steps)

    def step(self, name: str) -> FlowStep | None:
        return self._steps.get(name)

    def natural(self, ids: Sequence[RemoteId]) -> Mapping[RemoteId, str]:
        """A contact where the person's company is one of Dynamics' accounts, else a lead."""
        found = self._connector().read(LEAD, ids, [COMPANY_LINK])
        return {row: self._as(record) for row, record in found.items() if isinstance(record, Record)}

    def _as(self, person: Record) -> str:
        fits = CONTACT if person.fields.get(COMPANY_LINK) else AS_LEAD
        return fits if fits in self._kinds or not self._kinds else self._kinds[0]

    def answer(self, to: AnswerTo, call: FlowCall, people: Iterator[Person]) -> int:
        del call
        return send_callback(to, people, settings=self.settings, trusted=self._trusted, runtime=self._runtime)
