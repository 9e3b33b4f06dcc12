"""Erases a person: kept away first, then word about them, their records, links and journals; over all connections.

The order makes every crash safe: once the address is on the list, nothing that comes late can bring the person back.
The address itself is kept sealed while the work goes on, and is dropped with its last step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import batched
from types import MappingProxyType

from shared.domain.connection import ConnectionConfig
from shared.domain.entity_file import parse_entity_map
from shared.domain.identity import Digester, LinkKey, link_key
from shared.domain.normalize import match_value
from shared.domain.records import FieldName, FieldType, Kind, Ref, RemoteId, Side
from shared.errors import ConfigError, Transient
from shared.manage.connections import Refused
from shared.ports.ambient import Clock, IdSource
from shared.ports.care import WAITS, Job, JobStore, Suppressions
from shared.ports.connector import Connector, Op, Outcome, Write
from shared.state.lane import Held
from shared.state.model import Command, LaneChanges
from shared.sync.suppression import address_key, record_key

KIND = "erase"
_FAR = timedelta(days=400_000)  # what is put aside for the end of a run too
_ALL = 10_000
_OF_PERSON = frozenset({"records", "keys", "person"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """Requests to erase somebody, over all connections of the installation."""

    jobs: JobStore
    suppressions: Suppressions
    digester: Digester
    clock: Clock
    ids: IdSource
    seal: Callable[[bytes, str], bytes]

    def keep_away(self, email: str) -> bytes:
        """Keeps the person away from this moment on, whatever fails after it; answers the key. Raises ConfigError for
        what is no address."""
        key = _key_of(self.digester, email)
        self.suppressions.add([key], at=self.clock.now(), person=key)
        return key

    def request(
        self,
        email: str,
        connections: Sequence[str],
        *,
        dynamics: bool,
        actor: str,
        broken: Mapping[str, str] = MappingProxyType({}),
    ) -> list[Job]:
        """Keeps the person away, and leaves a job for each connection; `broken`: those that cannot be worked on now,
        with the code of what has to be mended. Raises ConfigError for what is no address."""
        key = self.keep_away(email)
        group = self.ids.new_id()
        jobs = [
            self._job(group, connection, email, key, dynamics=dynamics, actor=actor)
            for connection in [*connections, *broken]
        ]
        jobs = [
            replace(job, spec={**job.spec, WAITS: code}) if (code := broken.get(job.connection)) else job
            for job in jobs
        ]
        for job in jobs:
            self.jobs.put(job)
        return jobs

    def lift(self, email: str) -> int:
        """Lets a person be synchronised again; answers how many keys were taken off the list. Raises ConfigError for
        what is no address, Refused while the person is being erased."""
        key = _key_of(self.digester, email)
        if any(job.spec.get("person") == key.hex() for job in self.jobs.open() if job.kind == KIND):
            raise Refused(
                "this person is being erased",
                code="erasure_running",
                next_step="Wait for the certificate, then lift it.",
            )
        return self.suppressions.lift(key)

    def _job(self, group: str, connection: str, email: str, key: bytes, *, dynamics: bool, actor: str) -> Job:
        job_id = self.ids.new_id()
        return Job(
            id=job_id,
            kind=KIND,
            connection=connection,
            group=group,
            actor=actor,
            at=self.clock.now(),
            spec={
                "rows": "yes" if dynamics else "no",
                "suppressed": self.clock.now().isoformat(),
                "person": key.hex(),
            },
            sealed=self.seal(email.encode(), f"erase|{job_id}"),
            position="find",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """The part of an erasure that lies in one connection. `forget` removes what is kept beside the lane, by link;
    `forget_people` takes partner records out of what outside callers asked for, and answers how many places that
    were."""

    config: ConnectionConfig
    connectors: dict[Side, Connector]
    suppressions: Suppressions
    digester: Digester
    clock: Clock
    unseal: Callable[[bytes, str], bytes]
    forget: Callable[[Sequence[str]], None]
    forget_people: Callable[[Collection[RemoteId]], int]

    def step(self, job: Job, held: Held) -> Job:
        """The next of the steps; each is noted with its time before the next one begins."""
        steps = {
            "find": self._find,
            "queues": self._queues,
            "partner": self._partner,
            "dynamics": self._dynamics,
            "links": self._links,
            "journals": self._journals,
        }
        names = list(steps)
        done = steps[job.position](job, held)
        after = names.index(job.position) + 1
        spec = {**done.spec, job.position: self.clock.now().isoformat()}
        if after < len(names):
            return replace(done, position=names[after], spec=spec)
        # What a system refused to delete is there still: the certificate may not say otherwise.
        state = "stopped" if done.problems else "done"
        return without_person(replace(done, position="", state=state, spec=spec))

    def _find(self, job: Job, held: Held) -> Job:
        """Everything of the person: by the links of the address, and by asking both systems."""
        email = self.unseal(job.sealed, f"erase|{job.id}").decode()
        refs: dict[Side, set[Ref]] = {side: set() for side in Side}
        match = self.digester.match(match_value(email) or "")
        entry = held.by_match([match]).get(match)
        refs[Side.PARTNER].update(entry.candidates if entry is not None else ())
        for side, kinds in self._people().items():
            for kind in kinds:
                refs[side].update(self._found(side, kind, email))
        keys = set(entry.links if entry is not None else ())
        keys |= set(held.by_partner(refs[Side.PARTNER]).values()) | {link_key(ref) for ref in refs[Side.CRM]}
        met = held.links(keys).values()
        for link in met:
            refs[Side.CRM].add(link.crm)
            if link.partner is not None:
                refs[Side.PARTNER].add(link.partner)
        known = [record_key(self.digester, self.config.id, side, ref) for side in Side for ref in refs[side]]
        known += [link.match for link in met if link.match is not None]  # an address of theirs that was not named
        person = address_key(self.digester, email) or b""
        self.suppressions.add(known, at=self.clock.now(), person=person)
        records = ";".join(f"{side.value}|{ref.kind}|{ref.id}" for side in Side for ref in sorted(refs[side], key=str))
        return replace(job, spec={**job.spec, "records": records, "keys": ";".join(sorted(key.hex() for key in keys))})

    def _queues(self, job: Job, held: Held) -> Job:
        refs = {ref for side in Side for ref in _refs(job, side)}
        waiting = held.inbox(_ALL, self.clock.now() + _FAR)
        doomed = [command.key for command in waiting if _names(command) & refs]
        held.fold(LaneChanges(commands_done=doomed))
        asked = self.forget_people({ref.id for ref in _refs(job, Side.PARTNER)})
        return replace(job, counts={**job.counts, "messages": len(doomed) + asked})

    def _partner(self, job: Job, held: Held) -> Job:
        del held
        return self._deleted(job, Side.PARTNER)

    def _dynamics(self, job: Job, held: Held) -> Job:
        """Dynamics keeps its own row unless it was asked for: the person's record there may have reasons to stay."""
        del held
        return self._deleted(job, Side.CRM) if job.spec["rows"] == "yes" else job

    def _links(self, job: Job, held: Held) -> Job:
        keys = _keys(job)
        present = held.links(keys)
        free: dict[Ref, None] = dict.fromkeys(_refs(job, Side.PARTNER))
        held.fold(LaneChanges(links_removed=list(present), candidates=free))
        return replace(job, counts={**job.counts, "links": len(present)})

    def _journals(self, job: Job, held: Held) -> Job:
        del held
        self.forget([key.hex() for key in _keys(job)])
        return job

    # -- inside --------------------------------------------------------------------------------------------------------

    def _people(self) -> dict[Side, list[Kind]]:
        """The kinds that are found by an address. It is enough that one side calls its column an e-mail address: in
        Dynamics the format of a text column can be changed."""
        found: dict[Side, dict[Kind, None]] = {side: {} for side in Side}
        for item in map(parse_entity_map, self.config.entities):
            if self._by_address(Side.CRM, item.crm_kind) or self._by_address(Side.PARTNER, item.partner_kind):
                found[Side.CRM][item.crm_kind] = found[Side.PARTNER][item.partner_kind] = None
        return {side: list(kinds) for side, kinds in found.items()}

    def _by_address(self, side: Side, kind: Kind) -> bool:
        name = self._match_field(side, kind)
        return name is not None and self.connectors[side].describe(kind).fields[name].type is FieldType.EMAIL

    def _match_field(self, side: Side, kind: Kind) -> FieldName | None:
        capabilities = self.connectors[side].capabilities.kinds.get(kind)
        return capabilities.match_field if capabilities is not None else None

    def _found(self, side: Side, kind: Kind, email: str) -> Iterable[Ref]:
        name = self._match_field(side, kind)
        found = self.connectors[side].find(kind, [email], [name]) if name is not None else {}
        return [record.ref for record in found.get(email, ())]

    def _deleted(self, job: Job, side: Side) -> Job:
        counts, problems = Counter(job.counts), list(job.problems)
        groups: defaultdict[Kind, list[Ref]] = defaultdict(list)
        for ref in _refs(job, side):
            groups[ref.kind].append(ref)
        connector = self.connectors[side]
        most = {kind: connector.capabilities.kinds[kind].bulk_size for kind in groups}
        for some in (part for kind, refs in groups.items() for part in batched(refs, most[kind], strict=False)):
            writes = [Write(key=ref.id, op=Op.DELETE, ref=ref) for ref in some]
            for write, result in zip(writes, connector.write(writes), strict=True):
                if result.outcome in {Outcome.APPLIED, Outcome.GONE}:
                    counts[f"deleted.{side.value}"] += 1
                elif result.outcome is Outcome.REJECTED:
                    problems.append(f"{result.code or 'rejected'}:{side.value}:{write.ref.id}")
                else:
                    raise Transient(
                        "the record was not deleted", retry_after=result.retry_after, code="page_incomplete"
                    )
        return replace(job, counts=dict(counts), problems=tuple(problems))


def without_person(job: Job) -> Job:
    """A job that ended, without what pointed at the person while it went on."""
    return replace(job, sealed=b"", spec={name: text for name, text in job.spec.items() if name not in _OF_PERSON})


def _key_of(digester: Digester, email: str) -> bytes:
    key = address_key(digester, email)
    if key is None:
        raise ConfigError(
            "email must be an e-mail address", setting="email", next_step="Send the address of one person."
        )
    return key


def _refs(job: Job, side: Side) -> list[Ref]:
    rows = [row.split("|", 2) for row in job.spec.get("records", "").split(";") if row]
    return [Ref(Kind(kind), RemoteId(name)) for where, kind, name in rows if where == side.value]


def _keys(job: Job) -> list[LinkKey]:
    return [LinkKey(bytes.fromhex(text)) for text in job.spec.get("keys", "").split(";") if text]


def _names(command: Command) -> set[Ref]:
    """The records a command is about."""
    return {ref for ref in (command.ref, command.partner) if ref is not None}
