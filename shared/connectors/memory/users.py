"""People who work in a memory system, as the engine never sees them: through its own screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from shared.connectors.memory.system import MemorySystem, match_locks
from shared.connectors.memory.table import RowState, Version
from shared.connectors.memory.values import Refusal
from shared.domain.records import FieldName, Kind, Ref, RemoteId, Value

_AT_ONCE = timedelta(0)


class MemoryUsers:
    """Edits by people. The system's own rules hold for them too (Refusal).

    `late`: the change is made now (and bears this moment as its time) but becomes visible that much later, as a long
    transaction does.
    """

    def __init__(self, system: MemorySystem, name: str = "user") -> None:
        self._system = system
        self._name = name

    def create(
        self,
        kind: Kind,
        values: Mapping[FieldName, Value | None],
        *,
        labels: Iterable[str] = (),
        shard: str = "",
        row: RemoteId | None = None,
        late: timedelta = _AT_ONCE,
    ) -> Ref:
        """A new row. The id is known at once, also of one that becomes visible late."""
        system = self._system
        match = values.get(system.designs[kind].capabilities.match_field or FieldName(""))
        system.run_due()
        system.release(*match_locks(kind, match))
        accepted = system.accept(kind, values)
        system.check_complete(kind, accepted)
        system.check_unique(kind, match, None)
        ref = Ref(kind, row or system.new_id(kind))
        began = system.now()

        def act() -> None:
            system.commit(ref, accepted, by=self._name, labels=frozenset(labels), shard=shard, modified_at=began)

        self._when(late, act, ref, match)
        return ref

    def edit(self, ref: Ref, values: Mapping[FieldName, Value | None], *, late: timedelta = _AT_ONCE) -> None:
        system = self._system
        row = self._row(ref)
        accepted = system.accept(ref.kind, values)
        match_field = system.designs[ref.kind].capabilities.match_field
        match = accepted.get(match_field) if match_field is not None else None
        system.release(*match_locks(ref.kind, match))
        system.check_unique(ref.kind, match, ref.id)
        began = system.now()

        def act() -> None:
            system.commit(ref, accepted, by=self._name, state=row.state, modified_at=began)

        self._when(late, act, ref, match)

    def label(self, ref: Ref, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        row = self._row(ref)
        labels = (row.labels | frozenset(add)) - frozenset(remove)
        self._system.commit(ref, {}, by=self._name, labels=labels, state=row.state)

    def delete(self, ref: Ref) -> None:
        self._row(ref)
        self._system.commit(ref, {}, by=self._name, state=RowState.DELETED)

    def restore(self, ref: Ref) -> None:
        """Takes a deleted row out of the recycle bin with the values it had. Raises Refusal when it is not there."""
        system = self._system
        system.run_due()
        row = system.row(ref)
        if row is None or row.there or row.merged_into is not None:
            raise Refusal("not_deleted")
        match_field = system.designs[ref.kind].capabilities.match_field
        match = row.fields.get(match_field) if match_field is not None else None
        system.release(*match_locks(ref.kind, match))
        system.check_unique(ref.kind, match, ref.id)
        known = {name: value for name, value in row.fields.items() if name in system.specs[ref.kind]}
        system.commit(ref, known, by=self._name)

    def merge(self, loser: Ref, winner: Ref) -> None:
        """The loser disappears; the winner keeps its values, takes those it lacks, and gets a new revision."""
        gone, kept = self._row(loser), self._row(winner)
        if loser == winner or loser.kind != winner.kind:
            raise Refusal("cannot_merge")
        taken = {
            name: value
            for name, value in gone.fields.items()
            if value is not None and kept.fields.get(name) is None and name in self._system.specs[loser.kind]
        }
        self._system.commit(loser, {}, by=self._name, state=RowState.DELETED, merged_into=winner)
        self._system.commit(winner, taken, by=self._name, labels=kept.labels | gone.labels, state=kept.state)

    def show(self, ref: Ref, state: RowState) -> None:
        """Deactivates, activates, hides from the connector or shows again."""
        self._row(ref)
        self._system.commit(ref, {}, by=self._name, state=state)

    def _row(self, ref: Ref) -> Version:
        self._system.run_due()
        self._system.release(str(ref))
        row = self._system.row(ref)
        if row is None or not row.there:
            raise Refusal("gone")
        return row

    def _when(self, late: timedelta, act: object, ref: Ref, match: object) -> None:
        if late <= _AT_ONCE:
            act()  # type: ignore[operator]
            return
        locks = (str(ref), *match_locks(ref.kind, match))
        self._system.defer(self._system.now() + late, act, locks=locks)  # type: ignore[arg-type]
