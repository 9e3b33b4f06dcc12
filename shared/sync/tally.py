"""What became of each record of a page, gathered for the journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from shared.domain.identity import Link
from shared.domain.merge import FieldConflict
from shared.domain.records import Side
from shared.ports.connector import WriteResult
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.sync.cases import Case

_QUIET = frozenset({"unchanged", "waiting:id", "waiting:retry"})


class Tally:
    """Counters by outcome code, and a line for every record that is more than unchanged."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.outcomes: list[RecordOutcome] = []
        self.conflicts: list[ConflictEntry] = []
        self.writes = 0
        self.refusals: list[RecordOutcome] = []

    def note(self, case: Case, code: str, *, field: str = "", link: Link | None = None) -> None:
        """A record that needed no write, or may not have one."""
        self.counts[code] += 1
        if code in _QUIET:
            return
        retry = datetime.fromtimestamp(link.retry_at, tz=UTC) if link is not None and link.retry_at else None
        self.outcomes.append(self._outcome(case, code, field=field, retry_at=retry))

    def wrote(self, case: Case, side: Side, code: str) -> None:
        self.writes += 1
        self.counts[code] += 1
        self.counts[f"writes:{side.value}"] += 1
        self.outcomes.append(self._outcome(case, code))

    def refused(self, case: Case, side: Side, field_id: str, result: WriteResult) -> None:
        """The other side refused one field; the rest of the record goes on."""
        self.counts["failed:field_rejected"] += 1
        outcome = self._outcome(case, "failed:field_rejected", field=field_id, result=result)
        self.outcomes.append(outcome)
        names = [name for item in case.map.fields if item.id == field_id for name in item.names(Side.PARTNER)]
        self._tell(side, replace(outcome, field=", ".join(names)))

    def rejected(self, case: Case, side: Side, result: WriteResult, retry_at: datetime | None) -> None:
        self.counts["failed:rejected"] += 1
        outcome = self._outcome(case, "failed:rejected", result=result, retry_at=retry_at)
        self.outcomes.append(outcome)
        self._tell(side, outcome)

    def _tell(self, side: Side, outcome: RecordOutcome) -> None:
        """What Dynamics refused may be told in the partner's own log."""
        if side is Side.CRM:
            self.refusals.append(outcome)

    def conflicted(self, case: Case, conflict: FieldConflict) -> None:
        """Both values are kept for 30 days, whoever won."""
        self.conflicts.append(
            ConflictEntry(
                link=case.key.hex(),
                entity=case.map.entity.name,
                field=conflict.field_id,
                policy=str(conflict.policy),
                winner=conflict.winner.value if conflict.winner is not None else "",
                crm=case.crm_ref,
                partner=case.partner_ref,
                crm_value=conflict.crm,
                partner_value=conflict.partner,
                crm_digest=conflict.crm_digest or b"",
                partner_digest=conflict.partner_digest or b"",
            )
        )

    def conflicts_told(self) -> bytes:
        """The conflicts by their values, in an order that lasts."""
        return "|".join(sorted(map(_print, self.conflicts))).encode("utf-8", "surrogatepass")

    def _outcome(
        self,
        case: Case,
        code: str,
        *,
        field: str = "",
        result: WriteResult | None = None,
        retry_at: datetime | None = None,
    ) -> RecordOutcome:
        return RecordOutcome(
            link=case.key.hex(),
            entity=case.map.entity.name,
            code=code,
            crm=case.crm_ref,
            partner=case.partner_ref,
            field=field,
            vendor_code=result.code if result is not None else "",
            message=result.message if result is not None else "",
            retry_at=retry_at,
        )


def _print(entry: ConflictEntry) -> str:
    values = [sorted(v) if isinstance(v, frozenset) else v for v in (entry.crm_value, entry.partner_value)]
    return repr((entry.link, entry.field, entry.winner, values))
