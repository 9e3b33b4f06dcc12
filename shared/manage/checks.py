"""The check of a connection: every step of both sides and of the mapping, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from shared.domain.connection import ConnectionConfig
from shared.domain.entity_file import parse_entity_map
from shared.domain.mapping import check_map
from shared.domain.records import Kind, Schema, Side
from shared.errors import ConfigError, SyncError
from shared.manage.ports import Systems
from shared.ports.connector import CheckState, CheckStep, Connector
from shared.sync.options import parse_options


@dataclass(frozen=True, slots=True)
class SideStep:
    """A step of one side ("crm", "partner"), or of the connection as a whole ("")."""

    side: str
    step: CheckStep


class Schemas:
    """Both systems' schemas as they are now, each kind asked for once."""

    def __init__(self, connectors: Mapping[Side, Connector]) -> None:
        self._connectors = connectors
        self._found: dict[tuple[Side, Kind], Schema] = {}

    def of(self, side: Side, kind: Kind) -> Schema:
        if (side, kind) not in self._found:
            self._found[side, kind] = self._connectors[side].describe(kind)
        return self._found[side, kind]


def check_connection(config: ConnectionConfig, systems: Systems) -> Iterator[SideStep]:
    """Yields the steps in order as they end; never raises for what a user can mend."""
    connectors: dict[Side, Connector] = {}
    failed = False
    for side, make in ((Side.CRM, systems.crm), (Side.PARTNER, systems.partner)):
        try:
            connectors[side] = make(config)
        except ConfigError as wrong:
            failed = True
            yield SideStep(side.value, _failed("settings", wrong))
            continue
        for number, step in enumerate(connectors[side].check()):
            failed = failed or step.state is CheckState.FAILED
            yield SideStep(side.value, step)
            if number == 0:
                yield SideStep(side.value, _secret_step(config, side, systems))
    yield SideStep("", _vendor_step(config, systems, failed=failed))
    if failed:
        skipped = CheckStep(name="mapping", state=CheckState.SKIPPED, reason="A step before it failed.")
        yield SideStep("", skipped)
        return
    yield SideStep("", _mapping_step(config, connectors))


def _secret_step(config: ConnectionConfig, side: Side, systems: Systems) -> CheckStep:
    """Is every secret that the side's settings name stored, and readable with this app's key?"""
    settings = config.crm if side is Side.CRM else config.partner
    names = systems.secret_settings("" if side is Side.CRM else config.system)
    try:
        for name in names:
            if settings.get(name):
                systems.secret(str(settings[name]))
    except ConfigError as wrong:
        return _failed("secret", wrong)
    return CheckStep(name="secret", state=CheckState.PASSED)


def _vendor_step(config: ConnectionConfig, systems: Systems, *, failed: bool) -> CheckStep:
    """Is the vendor's own integration at work on the same data? Two of them would undo each other's writes."""
    name = "coexistence"
    if failed:
        return CheckStep(name=name, state=CheckState.SKIPPED, reason="A step before it failed.")
    try:
        found = systems.vendor_apps(config)
    except SyncError as unknown:
        return CheckStep(
            name=name,
            state=CheckState.SKIPPED,
            reason=str(unknown),
            next_step="Add prvReadSolution to the application user's role, or make sure by yourself that the vendor's "
            "own integration is not installed.",
        )
    if not found:
        return CheckStep(name=name, state=CheckState.PASSED, reason="the vendor's own integration is not installed")
    named = ", ".join(found)
    if parse_options(config.options).vendor_app == "switched_off":
        reason = f"{named} is installed, and somebody confirmed that its sync is switched off"
        return CheckStep(name=name, state=CheckState.PASSED, reason=reason)
    return CheckStep(
        name=name,
        state=CheckState.FAILED,
        code="vendor_app",
        reason=f"the vendor's own integration is installed in Dynamics: {named}",
        next_step="Uninstall it. Or switch its global sync off in its own settings and set the option vendor_app to "
        '"switched_off": it keeps its pages, and only this connection writes.',
    )


def _mapping_step(config: ConnectionConfig, connectors: dict[Side, Connector]) -> CheckStep:
    """Does every mapping still fit what both systems describe?"""
    schemas = Schemas(connectors)
    try:
        mistakes = [
            mistake
            for item in (parse_entity_map(data) for data in config.entities)
            if item.on
            for mistake in check_map(
                item, schemas.of(Side.CRM, item.crm_kind), schemas.of(Side.PARTNER, item.partner_kind)
            )
        ]
    except SyncError as wrong:
        return _failed("mapping", wrong)
    if not mistakes:
        return CheckStep(name="mapping", state=CheckState.PASSED)
    first = mistakes[0]
    return CheckStep(
        name="mapping",
        state=CheckState.FAILED,
        code=first.code,
        reason="; ".join(f"{mistake.place}: {mistake.message}" for mistake in mistakes[:20]),
        next_step="Correct the places named on the mapping page; the other fields go on.",
    )


def _failed(name: str, wrong: SyncError) -> CheckStep:
    step = CheckStep(name=name, state=CheckState.FAILED, code=wrong.code, reason=str(wrong))
    return replace(step, next_step=wrong.next_step)
