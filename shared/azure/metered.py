"""A `Journal` that also counts what it is told, for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from shared.azure.runs import TableJournal
from shared.ports.journal import RunRecord
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.ports.telemetry import RECORDS, RUNS, Telemetry


class MeteredJournal:
    """Counts records by connection, system, entity and outcome, and runs by how they ended; `note` gets each run that
    ended.

    A page told twice after a crash is counted twice: the journal itself tells the exact figures.
    """

    def __init__(
        self,
        journal: TableJournal,
        telemetry: Telemetry,
        *,
        connection: str,
        system: str,
        note: Callable[[RunRecord], None] = lambda run: None,
    ) -> None:
        self._journal = journal
        self._telemetry = telemetry
        self._connection = connection
        self._system = system
        self._note = note

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        self._journal.begin_run(run_id, slot=slot, reason=reason)

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        """What the run counts; what it was told already is counted by nobody twice."""
        if not self._journal.tell(run_id, part, outcomes, counts, unless=unless):
            return False
        told = Counter((outcome.entity, outcome.code) for outcome in outcomes)
        entities = {outcome.entity for outcome in outcomes}
        of_page = entities.pop() if len(entities) == 1 else ""
        by_code = Counter(outcome.code for outcome in outcomes)
        for code, number in counts.items():
            quiet = number - by_code[code]
            if quiet > 0 and not code.startswith("writes:"):  # what was only counted: unchanged and waiting records
                told[of_page, code] += quiet
        for (entity, code), number in told.items():
            self._telemetry.count(
                RECORDS, number, connection=self._connection, system=self._system, entity=entity, outcome=code
            )
        return True

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None:
        self._journal.conflicts(run_id, part, entries)

    def well(self, links: Sequence[str]) -> None:
        self._journal.well(links)

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        self._journal.end_run(run_id, state=state, code=code, message=message)
        ended = self._journal.run(run_id)
        self._telemetry.count(
            RUNS,
            1,
            connection=self._connection,
            system=self._system,
            state=ended.state if ended is not None else state,
        )
        if ended is not None:
            self._note(ended)
