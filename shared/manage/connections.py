"""What administrators do with connections: create, list, edit, switch, delete. HTTP, page and CLI use these alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import MappingProxyType

from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.entity_file import parse_entity_map
from shared.domain.records import Side
from shared.domain.schedule import parse_rhythm
from shared.errors import ConfigError, Rejected, SyncError, Throttled, Transient
from shared.manage.checks import check_connection
from shared.manage.entities import check_entities
from shared.manage.ports import Systems, WritableSecrets
from shared.ports.ambient import IdSource
from shared.ports.connector import CheckState, Connector
from shared.ports.journal import AlreadyThere, ConnectionStore, StoredConnection
from shared.state.model import Command
from shared.sync.options import parse_options

_EDITABLE = frozenset({"name", "crm", "partner", "entities", "rhythm", "options"})


class NotThere(Rejected):
    """No connection has this id."""

    code = "connection_not_found"

    def __init__(self, connection_id: str) -> None:
        super().__init__(
            f"there is no connection {connection_id}", next_step="GET /api/connections lists the ones there are."
        )


class Refused(Rejected):
    """The request clashes with what is there. `code` says how; `facts` tell a program what it needs to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The administrator's use cases on connections."""

    store: ConnectionStore
    secrets: WritableSecrets
    systems: Systems
    ids: IdSource

    def create(self, data: Mapping[str, object]) -> StoredConnection:
        """Makes a connection from its file form; secrets given in it are stored apart and named.

        Raises ConfigError naming a wrong setting, Refused (`connection_exists`) for a second connection of the same
        environment, account and kind. Nothing is called, nothing flows until it is switched on.
        """
        config, secrets = self.drafted(data)
        try:
            for name, value in secrets.items():  # first: a connection never stands there without its secrets
                self.secrets.put(name, value)
            return self.store.create(config, unique=ground(config))
        except AlreadyThere as there:
            self._drop(secrets)
            raise _exists(there.id) from None
        except SyncError:
            self._drop(secrets)
            raise

    def drafted(self, data: Mapping[str, object]) -> tuple[ConnectionConfig, dict[str, str]]:
        """The connection that `create` would store, judged, and its secrets by name."""
        system = _text(data, "system")
        connection_id = self.ids.new_id()
        crm, crm_secrets = self._side(connection_id, system, "crm", data)
        partner, partner_secrets = self._side(connection_id, system, "partner", data)
        config = ConnectionConfig(
            id=connection_id,
            name=_text(data, "name") or f"Dynamics 365 and {self.systems.title(system)}",
            system=system,
            crm=crm,
            partner=partner,
            entities=tuple(_items(data, "entities") or self.systems.default_entities(system)),
            rhythm=_mapping(data, "rhythm") or self.systems.default_rhythm(system),
            options=_mapping(data, "options"),
        )
        for other in self.store.list():
            if ground(other.config) == ground(config):
                raise _exists(other.config.id)
        self._check(config)
        return config, {**crm_secrets, **partner_secrets}

    def _drop(self, names: Iterable[str]) -> None:
        """Takes back secrets of a connection that was not made; what cannot be reached now stays, and opens nothing."""
        with contextlib.suppress(SyncError):
            for name in names:
                self.secrets.remove(name)

    def get(self, connection_id: str) -> StoredConnection:
        found = self.store.get(connection_id)
        if found is None:
            raise NotThere(connection_id)
        return found

    def edit(self, found: StoredConnection, changes: Mapping[str, object], *, whole: bool = False) -> StoredConnection:
        """Replaces the settings named in `changes` of a connection as it was read; checked as a whole before anything
        is stored. Raises StaleRevision when it was changed since. `whole`: a side that is named has no other settings
        than those sent.

        A new secret takes the place of the old one under the same name: nothing else of the connection changes, and
        one that stopped because the old one was refused goes on.
        """
        config, secrets = self.edited(found, changes, whole=whole)
        stored = self.store.update(config, found.etag)
        try:
            for name, value in secrets.items():
                self.secrets.put(name, value)
        except SyncError:
            with contextlib.suppress(SyncError):
                self.store.update(found.config, stored.etag)  # all or nothing
            raise
        if secrets:
            self.systems.lane(config.id).put_command(Command(key="resume", op="resume"))
        walks = [Command(key=f"walk-{feed}", op="walk", payload={"feed": feed}) for feed in wider(found.config, config)]
        if walks:
            self.systems.lane(config.id).put_commands(walks)
        return stored

    def edited(
        self, found: StoredConnection, changes: Mapping[str, object], *, whole: bool = False
    ) -> tuple[ConnectionConfig, dict[str, str]]:
        """The connection that `edit` would store, judged, and the secrets among the changes by name."""
        unknown = sorted(changes.keys() - _EDITABLE)
        if unknown:
            raise ConfigError(f"{unknown[0]} cannot be edited", setting=unknown[0], code="unknown_field")
        config, secrets = self._merged(found.config, changes, whole=whole)
        if ground(config) != ground(found.config):
            raise Refused(
                "the environment or account of a connection cannot be exchanged",
                code="connection_ground",
                next_step="Create a new connection for the other environment or account.",
            )
        self._check(config, before=found.config)
        return config, secrets

    def _merged(
        self, config: ConnectionConfig, changes: Mapping[str, object], *, whole: bool
    ) -> tuple[ConnectionConfig, dict[str, str]]:
        """The connection with the changes, and the secrets among them by name."""
        secrets: dict[str, str] = {}
        for side in ("crm", "partner"):
            if side in changes:
                kept = getattr(config, side)
                both = {side: {**({} if whole else kept), **_mapping(changes, side)}}
                merged, given = self._side(config.id, config.system, side, both, kept)
                config = replace(config, **{side: merged})  # type: ignore[arg-type]
                secrets.update(given)
        if "name" in changes:
            config = replace(config, name=_name(changes))
        if "entities" in changes:
            config = replace(config, entities=tuple(_items(changes, "entities")))
        if "rhythm" in changes:
            config = replace(config, rhythm=_mapping(changes, "rhythm"))
        if "options" in changes:
            config = replace(config, options=_mapping(changes, "options"))
        return config, secrets

    def switch(self, found: StoredConnection, to: Switch) -> StoredConnection:
        """Turns global sync on or off. On: both accounts must pass their check and be the ones they were before."""
        config = found.config
        if to is Switch.ON:
            config = self._confirmed(config)
        return self.store.update(replace(config, switch=to), found.etag)

    def delete(self, connection_id: str) -> None:
        """Forgets a connection, its secrets and all that is kept about its records; data on both sides stays as it is.
        Succeeds when it is already gone."""
        found = self.store.get(connection_id)
        if found is None:
            return
        if found.config.switch is Switch.ON:
            raise Refused(
                f"connection {connection_id} is switched on",
                code="connection_on",
                next_step="Switch it off first.",
            )
        self.systems.forget(connection_id)
        self.systems.lane(connection_id).erase()
        self.store.delete(connection_id)
        for name in self._secret_names(found.config):
            self.secrets.remove(name)

    def all(self) -> Sequence[StoredConnection]:
        return self.store.list()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _side(
        self,
        connection_id: str,
        system: str,
        side: str,
        data: Mapping[str, object],
        kept: Mapping[str, object] = MappingProxyType({}),
    ) -> tuple[dict[str, object], dict[str, str]]:
        """A side's settings with every secret replaced by its name, and the secrets by name. `kept`: the side as it
        stands. Whoever could name any secret could have the app send another connection's; and a secret typed in the
        wrong place would be shown to every reader."""
        given = dict(_mapping(data, side))
        secrets = _mapping(given, "secrets")
        given.pop("secrets", None)
        awaited = given.pop("secretsStored", ())
        known = self.systems.secret_settings(system if side == "partner" else "")
        for setting in known:
            if setting in given and given[setting] not in (f"{connection_id}-{side}-{setting}", kept.get(setting)):
                raise ConfigError(
                    f"{side}.{setting} is a secret and cannot be sent as a plain setting",
                    setting=f"{side}.{setting}",
                    next_step=f"Send it as {side}.secrets.{setting}; it is stored apart and never shown again.",
                )
        stored: dict[str, str] = {}
        for setting in awaited if isinstance(awaited, list) else ():
            if setting in known:  # as it is shown and exported: there is one, or it is entered afterwards
                given[setting] = f"{connection_id}-{side}-{setting}"
        for setting, value in secrets.items():
            if setting not in known:
                raise ConfigError(
                    f"{side}.secrets.{setting} is not a secret of this system",
                    setting=f"{side}.secrets.{setting}",
                    next_step="Use one of: " + ", ".join(known),
                )
            if not isinstance(value, str) or not value.strip():
                raise ConfigError(
                    f"{side}.secrets.{setting} must be a text",
                    setting=f"{side}.secrets.{setting}",
                    next_step="Enter the secret itself; it is stored apart and never shown again.",
                )
            given[setting] = f"{connection_id}-{side}-{setting}"
            stored[str(given[setting])] = value.strip()
        return given, stored

    def _secret_names(self, config: ConnectionConfig) -> list[str]:
        sides = (("crm", ""), ("partner", config.system))
        return [
            f"{config.id}-{side}-{setting}"
            for side, system in sides
            for setting in self.systems.secret_settings(system)
        ]

    def _check(self, config: ConnectionConfig, before: ConnectionConfig | None = None) -> None:
        self.systems.crm(config)
        self.systems.partner(config)
        parse_rhythm(config.rhythm, kinds=self.systems.rhythm_kinds(config.system))
        parse_options(config.options)
        if before is None or before.entities != config.entities or before.options != config.options:
            others = [stored.config for stored in self.store.list() if stored.config.id != config.id]
            check_entities(config, before, others, self.systems)

    def _confirmed(self, config: ConnectionConfig) -> ConnectionConfig:
        first = config.switch is Switch.SETUP
        _prepare(self.systems.partner(config), config)
        for item in check_connection(config, self.systems):
            step = item.step
            if step.state is CheckState.FAILED and (first or step.name != "mapping"):
                raise Refused(
                    f"the check step {step.name} failed: {step.reason}",
                    code="check_failed",
                    next_step=step.next_step,
                ).with_facts(step=step.name, side=item.side, reason=step.code)
        found = self.with_identities(config)
        known = config.crm_identity, config.partner_identity
        if any(known) and (found.crm_identity, found.partner_identity) != known:
            raise Refused(
                "another environment or account answers at this connection's addresses",
                code="changed_ground",
                next_step="If it is a copy, make a new connection for it. If it takes the old one's place for good, "
                "confirm it (POST /api/connections/{id}/confirm-ground); everything is compared again then.",
            )
        return found

    def with_identities(self, config: ConnectionConfig) -> ConnectionConfig:
        """The connection with what both accounts call themselves now."""
        crm, partner = self.systems.crm(config), self.systems.partner(config)
        return replace(config, crm_identity=crm.identity(), partner_identity=partner.identity())


def _exists(other: str) -> Refused:
    return Refused(
        f"connection {other} joins the same environment and account already",
        code="connection_exists",
        next_step=f"Use connection {other}, or delete it first.",
    )


def _prepare(partner: Connector, config: ConnectionConfig) -> None:
    """Lets the partner make what its kinds need (a custom object). What keeps it from that for good, the check tells;
    a fault that passes is raised, so that nobody is told to make by hand what the next try makes."""
    prepare = getattr(partner, "prepare", None)
    if prepare is not None:
        try:
            prepare(config.kinds(Side.PARTNER))
        except (Throttled, Transient):
            raise
        except SyncError:
            return


def wider(before: ConnectionConfig, after: ConnectionConfig) -> list[str]:
    """The feeds that have to be compared as a whole, because rows that were left out may belong in now: criteria that
    changed, an entity that was switched on, a direction that was opened. Narrowing needs nothing: each row is judged
    when it is next seen, and nothing is deleted unasked."""
    known = {item.name: item for item in map(parse_entity_map, before.entities)}
    feeds: dict[str, None] = {}
    for item in map(parse_entity_map, after.entities):
        old = known.get(item.name)
        if old is None or not item.on:
            continue
        if item.criteria != old.criteria or not old.on or (item.sends(Side.PARTNER) and not old.sends(Side.PARTNER)):
            feeds[f"{Side.CRM.value}:{item.crm_kind}"] = None
        if not old.on or (item.sends(Side.CRM) and not old.sends(Side.CRM)):
            feeds[f"{Side.PARTNER.value}:{item.partner_kind}"] = None
    return list(feeds)


def ground(config: ConnectionConfig) -> str:
    """Names the pair of accounts and the kind of connection, without showing it."""
    crm, partner = _address(config.crm), _address(config.partner)
    return blake2b(f"{crm}|{config.system}|{partner}".encode(), digest_size=16).hexdigest()


def _address(side: Mapping[str, object]) -> str:
    return str(side.get("url", "")).strip().rstrip("/").lower()


def _name(data: Mapping[str, object]) -> str:
    """What people know the connection by, and type to confirm a clean-up: never blank."""
    name = _text(data, "name")
    if not name:
        raise ConfigError("the name is blank", setting="name", next_step="Give the connection a name.")
    return name


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text", setting=name)
    return value.strip()


def _mapping(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must be an object", setting=name)
    return value


def _items(data: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    value = data.get(name, [])
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise ConfigError(f"{name} must be a list of objects", setting=name)
    return value
