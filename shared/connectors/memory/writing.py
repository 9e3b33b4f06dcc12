"""What the server does with one write, and with the imports it only promises to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.connectors.memory.system import HUB, Job, MemorySystem, match_locks
from shared.connectors.memory.table import RowState, Version
from shared.connectors.memory.values import Refusal
from shared.domain.records import FieldName, Ref, RemoteId, Value
from shared.ports.connector import CreateKey, Op, Outcome, Settled, Ticket, Write, WriteResult


@dataclass(frozen=True, slots=True)
class Writer:
    """The write side of one system."""

    system: MemorySystem

    def write(self, write: Write, shard: str) -> WriteResult:
        """Does one write now and answers as the port says."""
        self.system.run_due()
        capabilities = self.system.designs[write.ref.kind].capabilities
        if write.op not in capabilities.writes:
            return _refused(write, Refusal("operation_not_allowed"))
        if capabilities.create_only and write.op is Op.UPDATE:
            return _refused(write, Refusal("create_only"))
        try:
            return self._do(write, shard)
        except Refusal as refusal:
            return _refused(write, refusal)

    def accept(self, writes: Sequence[Write], shard: str) -> list[WriteResult]:
        """Promises to create records later. What the server sees at once (a field that does not exist) is refused at
        once; what it finds while it imports stands in the settled ticket."""
        ticket = self.system.new_ticket()
        job = self.system.jobs[ticket] = Job()
        kept: list[Write] = []
        results: list[WriteResult] = []
        for write in writes:
            unknown = [name for name in write.fields if name not in self.system.specs[write.ref.kind]]
            if unknown:
                results.append(_refused(write, Refusal("unknown_field", unknown[0])))
                continue
            kept.append(write)
            at = self.system.now()
            results.append(WriteResult(key=write.key, outcome=Outcome.ACCEPTED, ticket=ticket, at=at))

        def act() -> None:
            for write in kept:
                result = self.write(self._as_imported(write), shard)
                if result.outcome is not Outcome.APPLIED:
                    code = "duplicate" if result.outcome is Outcome.EXISTS else result.code
                    job.refused[write.match or write.key] = code
            job.running = False

        due = self.system.now() + self.system.designs[writes[0].ref.kind].import_time
        self.system.defer(due, act)
        return results

    def _as_imported(self, write: Write) -> Write:
        """An import that changes who has its match value already, where the system's imports do that."""
        design = self.system.designs[write.ref.kind]
        holders = self.system.tables[write.ref.kind].holders(write.match or "") if design.imports_update else []
        return replace(write, op=Op.UPDATE, ref=Ref(write.ref.kind, holders[0])) if holders else write

    def settle(self, ticket: Ticket) -> Settled:
        self.system.run_due()
        job = self.system.jobs.get(ticket)
        if job is None:
            return Settled(ticket=ticket, running=False, lost=True)
        return Settled(ticket=ticket, running=job.running, refused=dict(job.refused))

    def _do(self, write: Write, shard: str) -> WriteResult:
        match write.op:
            case Op.CREATE:
                return self._create(write, shard)
            case Op.UPDATE:
                return self._update(write)
            case Op.DELETE:
                return self._delete(write)

    def _create(self, write: Write, shard: str) -> WriteResult:
        system, kind = self.system, write.ref.kind
        capabilities = system.designs[kind].capabilities
        self._release(write)
        if capabilities.create_key is CreateKey.CALLER_ID:
            row = system.row(write.ref)
            if row is not None and row.there:
                return self._exists(write, write.ref)
        accepted = self._accept(write)
        match = accepted.get(capabilities.match_field) if capabilities.match_field is not None else None
        if capabilities.create_key is CreateKey.UNIQUE_MATCH and isinstance(match, str):
            holders = system.tables[kind].holders(match)
            if holders:
                return self._exists(write, Ref(kind, holders[0]))
        system.check_complete(kind, accepted)
        chosen = write.ref.id if capabilities.create_key is CreateKey.CALLER_ID else ""
        ref = Ref(kind, RemoteId(chosen) if chosen else system.new_id(kind))
        after = system.commit(ref, accepted, by=HUB, labels=_labels(write, frozenset()), shard=shard)
        return self._applied(write, ref, after)

    def _update(self, write: Write) -> WriteResult:
        self._release(write)
        row = self._visible(write)
        if row is None:
            return WriteResult(key=write.key, outcome=Outcome.GONE, ref=write.ref)
        if self._stale(write, row):
            return WriteResult(key=write.key, outcome=Outcome.STALE, ref=write.ref)
        accepted = self._accept(write)
        match_field = self.system.designs[write.ref.kind].capabilities.match_field
        if match_field is not None and match_field in accepted:
            self.system.check_unique(write.ref.kind, accepted[match_field], write.ref.id)
        after = self.system.commit(write.ref, accepted, by=HUB, labels=_labels(write, row.labels), state=row.state)
        return self._applied(write, write.ref, after)

    def _delete(self, write: Write) -> WriteResult:
        self._release(write)
        row = self._visible(write)
        if row is None:
            return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)
        if self._stale(write, row):
            return WriteResult(key=write.key, outcome=Outcome.STALE, ref=write.ref)
        if self.system.designs[write.ref.kind].keeps_used and self.system.is_used(write.ref):
            raise Refusal("in_use")
        after = self.system.commit(write.ref, {}, by=HUB, state=RowState.DELETED)
        return self._applied(write, write.ref, after)

    def _release(self, write: Write) -> None:
        """Work under way on the row, or on the match value it is to get, ends first: the server's locks see to it."""
        name = self.system.designs[write.ref.kind].capabilities.match_field
        match = write.fields.get(name) if name is not None else None
        self.system.release(str(write.ref), *match_locks(write.ref.kind, match))

    def _accept(self, write: Write) -> Mapping[FieldName, Value | None]:
        design, specs = self.system.designs[write.ref.kind], self.system.specs[write.ref.kind]
        for name in write.fields:
            spec = specs.get(name)
            if spec is not None and not (spec.creatable if write.op is Op.CREATE else spec.updatable):
                raise Refusal("not_writable", name)
        accepted = self.system.accept(write.ref.kind, write.fields)
        if design.capabilities.stamp is not None and write.stamp is not None:
            accepted[design.capabilities.stamp] = write.stamp
        return accepted

    def _stale(self, write: Write, row: Version) -> bool:
        conditional = self.system.designs[write.ref.kind].capabilities.conditional_write
        return conditional and write.expect is not None and write.expect != str(row.seq)

    def _visible(self, write: Write) -> Version | None:
        """The row as it is, None when it is gone. Raises Refusal when it is there but not for us."""
        row = self.system.row(write.ref)
        if row is None or not row.there:
            return None
        if row.state is RowState.HIDDEN:
            raise Refusal("no_access")
        return row

    def _exists(self, write: Write, ref: Ref) -> WriteResult:
        return WriteResult(key=write.key, outcome=Outcome.EXISTS, ref=ref)

    def _applied(self, write: Write, ref: Ref, after: Version) -> WriteResult:
        design = self.system.designs[ref.kind]
        told = {name: after.fields.get(name) for name in write.fields} if design.representation else None
        revision = str(after.seq) if design.capabilities.conditional_write and design.tells_revision else None
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=ref, revision=revision, stored=told)


def _labels(write: Write, before: frozenset[str]) -> frozenset[str]:
    return (before | write.add_labels) - write.remove_labels


def _refused(write: Write, refusal: Refusal) -> WriteResult:
    return WriteResult(
        key=write.key,
        outcome=Outcome.REJECTED,
        ref=write.ref if write.ref.id else None,
        code=refusal.code,
        message=f"The record was refused: {refusal}.",
        field=FieldName(refusal.field) if refusal.field else None,
    )
