"""Clean-up on disconnect: deletes the records that this connection created, and no others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched, islice

from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Link, LinkKey, LinkState
from shared.domain.records import Kind, Ref, Side
from shared.errors import ConfigError, Transient
from shared.manage.connections import Refused
from shared.ports.ambient import Clock, IdSource
from shared.ports.care import Job, JobStore
from shared.ports.connector import Connector, Op, Outcome, Write
from shared.state.lane import Held, LaneStore
from shared.state.model import LaneChanges
from shared.sync.deletes import gone_side

KIND = "purge"
_PAGE = 40  # a page of single deletes at four a second ends well within the lease
_LOOKED_AT = 2000  # links of a page, when few of them are of the turn
_PROBLEMS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """The clean-up of one connection. A record counts as ours when its link says that this connection made it; one that
    was matched, or linked by hand, stays. What hangs off others goes before them: the links are gone through in as many
    turns as entities stand above one another."""

    config: ConnectionConfig
    jobs: JobStore
    lane: LaneStore
    connectors: dict[Side, Connector]
    clock: Clock
    ids: IdSource

    def counts(self) -> dict[str, int]:
        """What a clean-up would delete: records by side and kind."""
        found: Counter[str] = Counter()
        for link in self.lane.reader().scan_links(None, None):
            ours = _ours(link, frozenset(Side))
            if ours is not None:
                found[f"{ours[0].value}.{ours[1].kind}"] += 1
        return dict(found)

    def start(self, sides: Iterable[Side], confirm: str, *, actor: str) -> Job:
        """Begins the clean-up. Raises Refused while the connection is on or another clean-up is under way, ConfigError
        when the typed confirmation is not the connection's name."""
        if self.config.switch is Switch.ON:
            raise Refused(
                f"connection {self.config.id} is switched on", code="connection_on", next_step="Switch it off first."
            )
        if confirm != self.config.name:
            raise ConfigError(
                "the confirmation is not the name of the connection",
                setting="confirm",
                code="not_confirmed",
                next_step="Type the connection's name exactly as it is shown. Nothing was deleted.",
            )
        if any(job.connection == self.config.id and job.kind == KIND for job in self.jobs.open()):
            raise Refused("a clean-up is under way", code="purge_running", next_step="Wait for its report.")
        wanted = sorted({side.value for side in sides})
        if not wanted:
            raise ConfigError("no side is named", setting="sides", next_step='Send ["partner"], ["crm"] or both.')
        job = Job(
            id=self.ids.new_id(),
            kind=KIND,
            connection=self.config.id,
            actor=actor,
            at=self.clock.now(),
            spec={"sides": ",".join(wanted)},
        )
        self.jobs.put(job)
        return job

    def step(self, job: Job, held: Held) -> Job:
        """One page of links: their records are deleted, then the links are forgotten. A position is `turn.key`."""
        sides = frozenset(Side(name) for name in job.spec["sides"].split(","))
        told, _, place = job.position.rpartition(".")
        turn, levels = int(told or 0), _levels(self.config)
        stretch, last = _stretch(held, LinkKey(bytes.fromhex(place)) if place else None, turn, levels)
        counts, problems, gone = Counter(job.counts), list(job.problems), []
        doomed: defaultdict[tuple[Side, Kind], list[tuple[Link, Ref]]] = defaultdict(list)
        for link in stretch:
            if (
                link.state is LinkState.AWAITING
                and link.partner is None
                and link.made in {side.value for side in sides}
            ):
                problems.append(f"id_not_told:{link.crm.id}")
            ours = _ours(link, sides)
            if ours is not None:
                doomed[ours[0], ours[1].kind].append((link, ours[1]))
        for (side, kind), items in doomed.items():
            for link, ref, outcome, code in self._delete(side, kind, items):
                if outcome in {Outcome.APPLIED, Outcome.GONE}:
                    counts[f"{side.value}.{kind}"] += 1
                    gone.append(link.key)
                else:
                    problems.append(f"{code or 'rejected'}:{ref.kind}:{ref.id}")
        held.fold(LaneChanges(links_removed=gone))
        position = f"{turn}.{last.hex()}" if last is not None else f"{turn + 1}."
        ended = last is None and turn >= max(levels.values(), default=0)
        return replace(
            job,
            counts=dict(counts),
            problems=tuple(problems[:_PROBLEMS]),
            position="" if ended else position,
            state="done" if ended else "open",
        )

    def _delete(
        self, side: Side, kind: Kind, items: Sequence[tuple[Link, Ref]]
    ) -> Iterable[tuple[Link, Ref, Outcome, str]]:
        connector = self.connectors[side]
        for group in batched(items, connector.capabilities.kinds[kind].bulk_size, strict=False):
            writes = [Write(key=link.key.hex(), op=Op.DELETE, ref=ref) for link, ref in group]
            answers = {result.key: result for result in connector.write(writes)}
            for link, ref in group:
                found = answers.get(link.key.hex())
                if found is None or found.outcome in {Outcome.UNKNOWN, Outcome.NOT_TRIED, Outcome.STALE}:
                    wait = found.retry_after if found is not None else None
                    raise Transient(
                        "not every record of this page was deleted", retry_after=wait, code="page_incomplete"
                    )
                yield link, ref, found.outcome, found.code


def _levels(config: ConnectionConfig) -> dict[str, int]:
    """How many entities stand below each, one under the other: what has none goes first."""
    parents = {str(entity.get("name")): entity.get("parents") or () for entity in config.entities}
    levels = dict.fromkeys(parents, 0)
    for _ in parents:  # each round settles one level more
        for name, above in parents.items():
            for parent in above if isinstance(above, list | tuple) else ():
                if parent in levels:
                    levels[parent] = min(max(levels[parent], levels[name] + 1), len(parents))
    return levels


def _stretch(
    held: Held, after: LinkKey | None, turn: int, levels: Mapping[str, int]
) -> tuple[list[Link], LinkKey | None]:
    """The next links of this turn, and the last link that was looked at; None when there are no more."""
    found: list[Link] = []
    place, looked = None, 0
    for link in islice(held.scan_links(after, _LOOKED_AT), _LOOKED_AT):
        place, looked = link.key, looked + 1
        if levels.get(link.entity, 0) == turn:
            found.append(link)
        if len(found) == _PAGE:
            return found, place
    return found, place if looked == _LOOKED_AT else None


def _ours(link: Link, sides: frozenset[Side]) -> tuple[Side, Ref] | None:
    """The record of this link that the connection created and that still exists, on one of the sides."""
    if link.made not in {side.value for side in sides} or link.state is LinkState.PARKED:
        return None
    side = Side(link.made)
    if link.state is LinkState.TOMBSTONE and gone_side(link) is side:
        return None
    ref = link.crm if side is Side.CRM else link.partner
    return (side, ref) if ref is not None else None
