"""Takes a run back: every field it wrote and nobody touched since gets its former value; the rest is listed.

A side that is written keeps what was agreed of its counterpart, so that the restored value is not taken for an edit and
carried over; it flows again when somebody edits the field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from shared.domain.connection import ConnectionConfig
from shared.domain.identity import Agreed, Digest, Digester, Link, LinkKey, LinkState
from shared.domain.mapping import CompiledMap
from shared.domain.records import ABSENT, FieldName, FieldState, Record, Ref, Side, Value
from shared.errors import Transient
from shared.manage.connections import Refused
from shared.manage.once import Once, once
from shared.ports.ambient import Clock, IdSource
from shared.ports.care import Job, JobStore
from shared.ports.connector import Connector, Op, Outcome, Write
from shared.ports.report import Image
from shared.state.lane import Held
from shared.state.model import LaneChanges
from shared.sync.basis import REVERTED, digests
from shared.sync.columns import Columns
from shared.sync.deletes import gone_flags
from shared.sync.references import as_links, load_parents, pairs_of
from shared.sync.working import WorkingSet

KIND = "revert"
_LISTED = 500
CANNOT = (
    "mails and invitations that were sent",
    "automations that were started",
    "activities that were recorded in the other system, which are written once",
    "records that were deleted",
    "tags and list memberships that were set",
)
"""What nobody can take back, told before anything is asked for."""


class Images(Protocol):
    def page(self, run: str, after: str = "") -> tuple[str, list[Image]]:
        """The next images of a run and where to go on; "" at the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """The taking back of runs of one connection. `compiled` are its maps as they are now. `found` remembers what was
    found out about runs; one object serves one stretch of work."""

    config: ConnectionConfig
    jobs: JobStore
    images: Images
    connectors: Mapping[Side, Connector]
    compiled: Callable[[], Sequence[CompiledMap]]
    digester: Digester
    clock: Clock
    ids: IdSource
    found: dict[str, Once] = field(default_factory=dict)

    def preview(self, run: str) -> dict[str, int]:
        """What can be taken back: fields with a known former value, records the run created; and what cannot: fields
        without a known former value, records it deleted."""
        counts: Counter[str] = Counter(fields=0, unknown=0, created=0, deleted=0)
        merged = self._once(run)
        place, images = self.images.page(run)
        while place:
            for image in merged.of(place, images, removing=False):
                counts["created"] += image.op is Op.CREATE
                counts["deleted"] += image.op is Op.DELETE
                known = [image.before.get(name, ABSENT) is not ABSENT for name in image.after]
                counts["fields"] += sum(known)
                counts["unknown"] += len(known) - sum(known)
            place, images = self.images.page(run, place)
        return dict(counts)

    def start(self, run: str, *, created: bool, actor: str) -> Job:
        """Begins. Raises Refused when nothing of the run is kept."""
        if not self.images.page(run)[0]:
            raise Refused(
                "nothing is kept of what this run wrote",
                code="nothing_to_revert",
                next_step="Writes are kept for 30 days. A run that wrote nothing has nothing to take back.",
            )
        job = Job(
            id=self.ids.new_id(),
            kind=KIND,
            connection=self.config.id,
            actor=actor,
            at=self.clock.now(),
            spec={"run": run, "created": "yes" if created else "no"},
        )
        self.jobs.put(job)
        return job

    def step(self, job: Job, held: Held) -> Job:
        """One row of images."""
        place, images = self.images.page(job.spec["run"], job.position)
        if not place:
            return replace(job, position="", state="done")
        work = _Work(self, Counter(job.counts), list(job.problems), held)
        removing = job.spec["created"] == "yes"
        for image in self._once(job.spec["run"]).of(place, images, removing=removing):
            if image.op is Op.UPDATE:
                work.restore(image)
            elif image.op is Op.CREATE and removing:
                work.remove(image)
        return replace(job, position=place, counts=dict(work.counts), problems=tuple(work.left[:_LISTED]))

    def _once(self, run: str) -> Once:
        """The run's images, each record's side once; found out once for as long as this object is used."""
        if run not in self.found:
            maps = {item.entity.name: item for item in self.compiled()}

            def form(image: Image, name: FieldName, value: FieldState) -> Hashable:
                item = maps[image.entity].by_name(name, image.side) if image.entity in maps else None
                return value if item is None or value is ABSENT else item.canonical(value, image.side)

            self.found[run] = once(self.images.page, run, form)
        return self.found[run]


class _Work:
    """One row of images at work."""

    def __init__(self, revert: Revert, counts: Counter[str], left: list[str], held: Held) -> None:
        self._revert = revert
        self._held = held
        self._maps = {item.entity.name: item for item in revert.compiled()}
        self.counts = counts
        self.left = left

    def restore(self, image: Image) -> None:
        """Writes back the fields that still hold what the run wrote."""
        compiled, link = self._maps.get(image.entity), self._link(image)
        seen = self._now(image.side, image.ref, compiled) if compiled is not None else None
        if compiled is None or link is None or seen is None:
            self._leave(image, "gone", "")
            return
        fields: dict[FieldName, Value | None] = {}
        for name, written in image.after.items():
            item = compiled.by_name(name, image.side)
            before, now = image.before.get(name, ABSENT), seen.fields.get(name, ABSENT)
            if item is None or before is ABSENT or now is ABSENT:
                self._leave(image, "unknown", name)
            elif item.canonical(now, image.side) == item.canonical(before, image.side):
                continue  # it is back already
            elif item.canonical(now, image.side) != item.canonical(written, image.side):
                self._leave(image, "touched", name)
            else:
                fields[name] = before
        if fields:
            agreed = self._agreed(compiled, link, replace(seen, fields={**seen.fields, **fields}), image.side, fields)
            self._write_back(image, replace(link, agreed=agreed), fields, seen)

    def _agreed(
        self, compiled: CompiledMap, link: Link, after: Record, side: Side, names: Iterable[FieldName]
    ) -> dict[str, Agreed]:
        """What is agreed once `names` hold what `after` says: of the written side only, so that nothing flows on."""
        found, agreed = self._digests(compiled, after, side), dict(link.agreed)
        for item in (compiled.by_name(name, side) for name in names):
            base = agreed.get(item.id) if item is not None else None
            if item is not None and base is not None and item.id in found:
                digest = Digest(found[item.id])
                agreed[item.id] = Agreed(digest, base.partner) if side is Side.CRM else Agreed(base.crm, digest)
        return agreed

    def _digests(self, compiled: CompiledMap, record: Record, side: Side) -> dict[str, bytes]:
        """As the engine draws them: a reference stands for the link of the record it names."""
        links = WorkingSet(self._held, Columns(self._held.facts))
        load_parents(compiled, [record], side, links)
        linked, _ = as_links(compiled, record, side, links, pairs_of(self._maps.values()))
        return digests(compiled, linked, side, self._revert.digester)

    def _write_back(self, image: Image, link: Link, fields: Mapping[FieldName, Value | None], seen: Record) -> None:
        connector = self._revert.connectors[image.side]
        expect = seen.revision if connector.capabilities.kinds[image.ref.kind].conditional_write else None
        write = Write(key=image.link, op=Op.UPDATE, ref=image.ref, fields=fields, expect=expect)
        self._held.fold(LaneChanges(links=[link]))  # before the write: a worker that dies leaves no edit of ours behind
        if self._sent(image.side, write, image):
            self.counts["restored"] += len(fields)

    def remove(self, image: Image) -> None:
        """Deletes a record the run created, if it is as both sides agreed: nobody touched it since. The pair ends as if
        somebody had deleted it by hand: only a repeated initial sync makes the record again."""
        compiled, link = self._maps.get(image.entity), self._link(image)
        ref = None if link is None else link.crm if image.side is Side.CRM else link.partner
        if compiled is None or link is None or ref is None or link.made != image.side.value:
            waits = link is not None and link.state is LinkState.AWAITING
            self._leave(image, "id_not_told" if waits else "gone", "")
            return
        if link.state is LinkState.TOMBSTONE:
            return
        image = replace(image, ref=ref)  # its id was not known when it was made
        seen = self._now(image.side, ref, compiled)
        if seen is None:
            return
        if self._touched(compiled, link, seen, image.side):
            self._leave(image, "touched", "")
            return
        kinds = self._revert.connectors[image.side].capabilities.kinds[ref.kind]
        expect = seen.revision if kinds.conditional_write else None
        if self._sent(image.side, Write(key=image.link, op=Op.DELETE, ref=ref, expect=expect), image):
            self.counts["removed"] += 1
            flags = gone_flags(image.side) | {REVERTED}
            ended = replace(link, state=LinkState.TOMBSTONE, flags=flags, parked={}, retry_at=0)
            self._held.fold(LaneChanges(links=[ended]))

    def _touched(self, compiled: CompiledMap, link: Link, seen: Record, side: Side) -> bool:
        """Does the record hold anything but what was agreed?"""
        now = self._digests(compiled, seen, side)
        return any(digest != link.agreed[name].of(side) for name, digest in now.items() if name in link.agreed)

    def _sent(self, side: Side, write: Write, image: Image) -> bool:
        (result,) = self._revert.connectors[side].write([write])
        if result.outcome in {Outcome.APPLIED, Outcome.GONE}:
            return True
        if result.outcome in {Outcome.UNKNOWN, Outcome.NOT_TRIED}:
            raise Transient("a record was not written", retry_after=result.retry_after, code="page_incomplete")
        self._leave(image, "touched" if result.outcome is Outcome.STALE else result.code or "rejected", "")
        return False

    def _link(self, image: Image) -> Link | None:
        key = LinkKey(bytes.fromhex(image.link))
        return self._held.links([key]).get(key)

    def _now(self, side: Side, ref: Ref, compiled: CompiledMap) -> Record | None:
        found = self._revert.connectors[side].read(ref.kind, [ref.id], compiled.reads(side)).get(ref.id)
        return found if isinstance(found, Record) else None

    def _leave(self, image: Image, why: str, field: FieldName | str) -> None:
        self.counts[f"left.{why}"] += 1
        self.left.append(f"{why}:{image.side.value}:{image.ref.kind}:{image.ref.id}:{field}")
