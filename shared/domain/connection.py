"""A connection as it is configured: one Dynamics environment paired with one partner account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.records import Side


class Switch(StrEnum):
    """The global switch. SETUP: not finished yet. ON: runs on its rhythm. OFF: nothing flows, requests wait."""

    SETUP = "setup"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """What an administrator decided.

    `crm` and `partner` hold each side's settings (addresses, ids, and the *names* of secrets, never secrets).
    `entities` are entity maps in their file form (`shared.domain.mapping.parse_entity_map`). `rhythm` is a rhythm in
    its file form (`shared.domain.schedule`). `crm_identity` and `partner_identity` are what the accounts called
    themselves when the connection was confirmed: another answer later stops all writes (changed ground).
    `options` holds the guards and limits that have a default (`shared.sync.options`). `hook_generation` counts how
    often the key of the addresses that other systems call was renewed.
    """

    id: str
    name: str
    system: str
    crm: Mapping[str, object]
    partner: Mapping[str, object]
    entities: tuple[Mapping[str, object], ...] = ()
    rhythm: Mapping[str, object] = field(default_factory=dict)
    switch: Switch = Switch.SETUP
    crm_identity: str = ""
    partner_identity: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    hook_generation: int = 0

    def kinds(self, side: Side) -> tuple[str, ...]:
        """The kinds of one side that entities which are switched on speak of, each once."""
        on = [entity for entity in self.entities if entity.get("on", True)]
        return tuple(dict.fromkeys(str(entity.get(f"{side.value}_kind", "")) for entity in on))

    def label_names(self) -> frozenset[str]:
        """Every spelling of a label that the maps decide by."""
        names: set[str] = set()
        for entity in self.entities:
            labels = entity.get("labels")
            if isinstance(labels, Mapping):
                names.update(str(labels[key]) for key in ("kind", "pushed", "pulled") if labels.get(key))
                aliases = labels.get("aliases")
                names.update(str(alias) for alias in (aliases if isinstance(aliases, Mapping) else ()))
        return frozenset(names)
