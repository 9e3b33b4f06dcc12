"""Wires what looks after people's data: conflicts, the activity log, clean-up, erasure, revert.

Stands beside `shared.bootstrap` and, like it, knows both sides of every port; each function takes the application.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from shared.azure.sealed import Sealer
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.schedule import parse_rhythm

if TYPE_CHECKING:
    from shared.azure.audit import TableAudit
    from shared.azure.care import TableJobs, TableSuppressions
    from shared.azure.images import TableImages
    from shared.azure.notices import TableNotices
    from shared.bootstrap import Application
    from shared.domain.plan import Plan
    from shared.domain.records import FieldState
    from shared.manage.configuration import Configuration
    from shared.manage.deciding import Deciding
    from shared.manage.describing import Describing
    from shared.manage.erase import Erase, Erasures
    from shared.manage.jobs import JobRunner
    from shared.manage.lookup import LookUp
    from shared.manage.purge import Purge
    from shared.manage.revert import Revert
    from shared.ports.journal import RunRecord
    from shared.sync.engine import Engine

_JUST_ASKED = 60.0
"""Seconds: what somebody looks at while mapping is never older; opening the page asks anew."""

_CONFIRMING = 180.0
"""Seconds that the plan of a first start may take to be made again."""

APP = "app"
"""The audit log of the installation itself."""

DELETED = "connection.deleted"

_OF_RECORDS = ("images", "conflicts", "failures", "requests")
_BESIDE = (*_OF_RECORDS, "runs")
"""Tables with a partition for each connection; sealed values first. The activity log outlives its connection."""


def audit(app: Application, connection_id: str) -> TableAudit:
    from shared.azure.audit import TableAudit

    return TableAudit(app.store("audit"), connection_id)


def note(
    app: Application, connection_id: str, actor: str, action: str, details: Mapping[str, str] | None = None
) -> None:
    """Writes one line of the activity log: who did what, never to which value."""
    from shared.ports.journal import AuditEntry

    entry = AuditEntry(
        id=app.ids.new_id(),
        at=app.clock.now(),
        actor=actor,
        action=action,
        target=connection_id,
        details=dict(details or {}),
    )
    audit(app, connection_id).append(entry)


def note_run(app: Application, connection_id: str, run: RunRecord) -> None:
    """Writes a run into the activity log, unless it ran by the schedule and found nothing to do: the list of runs has
    those. Repeating it changes nothing."""
    from shared.ports.journal import AuditEntry

    wrote = {code: count for code, count in run.counts.items() if code.startswith("writes:") and count}
    scheduled = run.reason == "scheduled"
    if run.ended is None or (scheduled and not wrote and run.state == "succeeded"):
        return
    details = {"run": run.id, "state": run.state, "reason": run.reason, **({"code": run.code} if run.code else {})}
    details |= {code.replace("writes:", "written."): str(count) for code, count in wrote.items()}
    entry = AuditEntry(
        id=f"run-{run.id}",
        at=run.ended,
        actor="schedule" if scheduled else "dynasync",
        action="run.ended",
        target=connection_id,
        details=details,
    )
    audit(app, connection_id).append(entry)


def deciding(app: Application, connection: ConnectionConfig) -> Deciding:
    from shared.azure.conflicts import TableConflicts
    from shared.azure.values import unpack_value
    from shared.manage.deciding import Deciding

    sealer = Sealer(app.settings.state_key, "conflict values")

    def open_value(sealed: bytes, place: str) -> FieldState:
        return unpack_value(sealer.open(sealed, bound=place))

    return Deciding(
        store=TableConflicts(app.store("conflicts"), connection.id),
        lane=app.lane(connection.id),
        clock=app.clock,
        when=parse_rhythm(connection.rhythm).round_up(app.clock.now()),
        jobs=jobs(app),
        ids=app.ids,
        open_value=open_value,
    )


def describing(app: Application, connection: ConnectionConfig, *, oldest: float = _JUST_ASKED) -> Describing:
    """What is asked while mapping, by schemas that are at most `oldest` seconds old. An entity is mapped before it is
    switched on, so that those which are off count as well."""
    from shared.domain.records import Side
    from shared.manage.describing import Describing

    whole = replace(connection, entities=tuple({**item, "on": True} for item in connection.entities))
    connectors = {Side.CRM: app.crm(whole, oldest=oldest), Side.PARTNER: app.partner(whole, oldest=oldest)}
    return Describing(config=connection, connectors=connectors, clock=app.clock)


def configuration(app: Application) -> Configuration:
    from shared.manage.configuration import Configuration

    return Configuration(connections=app.connections)


def planned(app: Application, connection: ConnectionConfig, *, seconds: float) -> Plan:
    """The dry run of a connection, whether it is on or not."""
    from shared.sync.rehearse import rehearse

    return rehearse(_rehearsing(app, connection), seconds=seconds, slices=1)


def confirm_plan(app: Application, connection: ConnectionConfig, fingerprint: str) -> None:
    """Before the first start: is the plan that was looked at still what would be done? The option `plan_first` asks for
    one; a plan that is named is held to without it too. Raises Refused (`plan_needed`, `plan_differs`)."""
    from shared.manage.connections import Refused
    from shared.sync.options import parse_options

    if connection.switch is not Switch.SETUP:
        return
    if not fingerprint:
        if not parse_options(connection.options).plan_first:
            return
        raise Refused(
            "this connection asks for a plan before its first start",
            code="plan_needed",
            next_step="Make a plan (POST .../plan), look at it, and send its fingerprint as `plan` with `switch`.",
        )
    plan = planned(app, connection, seconds=_CONFIRMING)
    if plan.fingerprint != fingerprint or not plan.complete:
        raise Refused(
            "the plan that was looked at is not what would be done now",
            code="plan_differs",
            next_step="Make a plan again and look at it.",
        ).with_facts(fingerprint=plan.fingerprint)


def looking_up(app: Application, connection: ConnectionConfig) -> LookUp:
    from shared.azure.conflicts import TableConflicts
    from shared.azure.failures import TableFailures
    from shared.manage.lookup import LookUp
    from shared.sync.rehearse import judge

    engine = _rehearsing(app, connection)
    return LookUp(
        engine=engine,
        failures=TableFailures(app.store("failures"), connection.id),
        conflicts=TableConflicts(app.store("conflicts"), connection.id),
        runs=app.journal(connection.id),
        judge=lambda side, ref, entity: judge(engine, side, ref, entity),
    )


def _rehearsing(app: Application, connection: ConnectionConfig) -> Engine:
    """The connection's engine as if it were on."""
    on = replace(connection, switch=Switch.ON)
    return replace(app.engine(on), still_on=None, keeping=None)


# -- long pieces of work -----------------------------------------------------------------------------------------------


def jobs(app: Application) -> TableJobs:
    from shared.azure.care import TableJobs

    return TableJobs(app.store("jobs"))


def suppressions(app: Application) -> TableSuppressions:
    from shared.azure.care import TableSuppressions

    return TableSuppressions(app.store("suppressed"))


def forget(app: Application, connection_id: str) -> None:
    """Drops what is kept beside the lane of a connection that is to go. Its open pieces of work end with that."""
    from shared.azure.log_rows import erase_partition

    _end_jobs(app, lambda connection: connection == connection_id)
    for table in _BESIDE:
        erase_partition(app.store(table), connection_id)
    note(app, APP, "dynasync", DELETED, {"connection": connection_id})  # its own log is found by it later


def leave_ground(app: Application, connection_id: str) -> None:
    """Drops all that names records of the accounts the connection had before. A run that was under way ends."""
    from shared.azure.log_rows import erase_partition

    lane = app.lane(connection_id)
    run = lane.peek().facts.get("run")
    if isinstance(run, str) and run:
        app.journal(connection_id).end_run(run, state="failed", code="changed_ground")
    lane.erase()
    for table in _OF_RECORDS:
        erase_partition(app.store(table), connection_id)


def end_orphans(app: Application) -> None:
    """Ends the pieces of work of connections whose row somebody removed by hand."""
    found, problems = app.connections.store.readable()
    there = {stored.config.id for stored in found} | set(problems)
    _end_jobs(app, lambda connection: connection not in there)


def _end_jobs(app: Application, ends: Callable[[str], bool]) -> None:
    from shared.manage.erase import without_person

    store = jobs(app)
    for job in store.open():
        if ends(job.connection):
            problems = (*job.problems, "connection_deleted")
            store.put(without_person(replace(job, state="stopped", problems=problems, ended=app.clock.now())))


def deleted_connections(app: Application) -> list[str]:
    """The ids of connections that are gone and whose activity log may still be there."""
    from shared.ports.journal import each

    log = audit(app, APP)
    entries = each(lambda after: log.list(limit=500, after=after, action=DELETED))
    return [entry.details["connection"] for entry in entries if "connection" in entry.details]


def runner(app: Application, connection: ConnectionConfig) -> JobRunner:
    """What works the connection's open jobs."""
    from shared.domain.records import Side
    from shared.manage import deciding as conflicts
    from shared.manage import erase, failing, purge, revert
    from shared.manage.jobs import JobRunner
    from shared.sync.ground import same_ground

    taking_back = cache(lambda: reverting(app, connection))  # it reads a run's images once a stretch of work
    steps = {
        conflicts.KIND: lambda job, held: deciding(app, connection).step(job, held),
        failing.KIND: lambda job, held: app.desk.failing(connection).step(job, held),
        purge.KIND: lambda job, held: purging(app, connection).step(job, held),
        revert.KIND: lambda job, held: taking_back().step(job, held),
        erase.KIND: lambda job, held: _erase(app, connection).step(job, held),
    }
    return JobRunner(
        jobs=jobs(app),
        lane=app.lane(connection.id),
        clock=app.clock,
        steps=steps,
        ground=lambda: same_ground(connection, {Side.CRM: app.crm(connection), Side.PARTNER: app.partner(connection)}),
        local=frozenset({conflicts.KIND, failing.KIND}),
        patient=frozenset({erase.KIND}),
    )


def purging(app: Application, connection: ConnectionConfig) -> Purge:
    from shared.domain.records import Side
    from shared.manage.purge import Purge

    return Purge(
        config=connection,
        jobs=jobs(app),
        lane=app.lane(connection.id),
        connectors={Side.CRM: app.crm(connection), Side.PARTNER: app.partner(connection)},
        clock=app.clock,
        ids=app.ids,
    )


def erasures(app: Application) -> Erasures:
    from shared.azure.sealed import digest_key
    from shared.domain.identity import Digester
    from shared.manage.erase import Erasures

    sealer = Sealer(app.settings.state_key, "erasures")
    return Erasures(
        jobs=jobs(app),
        suppressions=suppressions(app),
        digester=Digester(digest_key(app.settings.state_key)),
        clock=app.clock,
        ids=app.ids,
        seal=lambda plain, place: sealer.seal(plain, bound=place),
    )


def _erase(app: Application, connection: ConnectionConfig) -> Erase:
    from shared.azure.conflicts import TableConflicts
    from shared.azure.failures import TableFailures
    from shared.azure.sealed import digest_key
    from shared.domain.identity import Digester
    from shared.domain.records import Side
    from shared.manage.erase import Erase

    sealer = Sealer(app.settings.state_key, "erasures")

    def forget(links: Sequence[str]) -> None:
        TableFailures(app.store("failures"), connection.id).clear(links)
        TableConflicts(app.store("conflicts"), connection.id).forget(links)
        images(app, connection.id).forget(links)

    return Erase(
        config=connection,
        connectors={Side.CRM: app.crm(connection), Side.PARTNER: app.partner(connection)},
        suppressions=suppressions(app),
        digester=Digester(digest_key(app.settings.state_key)),
        clock=app.clock,
        unseal=lambda sealed, place: sealer.open(sealed, bound=place),
        forget=forget,
        forget_people=app.desk.flow_store(connection.id).forget_people,
    )


def notices(app: Application, connection_id: str) -> TableNotices:
    """What was told in the partner's own log."""
    from shared.azure.notices import TableNotices

    return TableNotices(app.store("failures"), connection_id)


def images(app: Application, connection_id: str) -> TableImages:
    from shared.azure.images import TableImages

    sealer = Sealer(app.settings.state_key, "images")
    return TableImages(
        app.store("images"),
        connection_id,
        lambda plain, place: sealer.seal(plain, bound=place),
        lambda sealed, place: sealer.open(sealed, bound=place),
    )


def reverting(app: Application, connection: ConnectionConfig) -> Revert:
    from shared.domain.records import Side
    from shared.manage.revert import Revert

    engine = app.engine(connection)
    return Revert(
        config=connection,
        jobs=jobs(app),
        images=images(app, connection.id),
        connectors={Side.CRM: engine.crm, Side.PARTNER: engine.partner},
        compiled=engine.compile,
        digester=engine.digester,
        clock=app.clock,
        ids=app.ids,
    )
