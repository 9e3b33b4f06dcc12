"""What a user may do: his roles and those of his teams, as one map from privilege to depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.dataverse.metadata.labels import metadata_id
from simulators.dataverse.security import names
from simulators.dataverse.security.names import Depth
from simulators.dataverse.store import Ref, Row, Store

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

SECURITY_TABLES = frozenset(
    (
        "systemuser",
        "team",
        "businessunit",
        "role",
        "roleprivileges",
        "systemuserroles",
        "teamroles",
        "teammembership",
        "systemuserprofiles",
        "teamprofiles",
        "fieldpermission",
        "fieldsecurityprofile",
    )
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one user holds.

    Attributes:
        admin: System Administrator: everything, column security does not bind him.
        depths: privilege name (lower case) to depth.
        owners: ids that count as himself: his own and his teams'.
        units_below: his business unit and those under it.
        columns: `(table, column)` to the operations a field security profile allows (`create`, `read`, `update`).
        all_columns: member of the profile to which every secured column is open.
    """

    user_id: str
    admin: bool
    roles: int
    mode: str
    unit: str
    depths: dict[str, Depth]
    owners: frozenset[str]
    units_below: frozenset[str]
    columns: dict[tuple[str, str], frozenset[str]]
    all_columns: bool

    def depth(self, privilege: str) -> Depth:
        """How far a privilege reaches for this user."""
        return Depth.GLOBAL if self.admin else self.depths.get(privilege.lower(), Depth.NONE)

    def reaches(self, depth: Depth, row: Row) -> bool:
        """Whether a privilege of that depth covers the row."""
        if depth is Depth.GLOBAL or "ownerid" not in row:
            return depth is not Depth.NONE
        owner, unit = row.get("ownerid"), row.get("owningbusinessunit")
        if isinstance(owner, Ref) and owner.id in self.owners:
            return depth is not Depth.NONE
        if depth is Depth.LOCAL:
            return isinstance(unit, Ref) and unit.id == self.unit
        return depth is Depth.DEEP and isinstance(unit, Ref) and unit.id in self.units_below


def read_rights(service: DataverseSystem, user_id: str) -> Rights | None:
    """Work out a user's rights from the rows; None when there is no such user."""
    store = service.store
    user = store["systemuser"].get(user_id)
    if user is None:
        return None
    teams = _linked(store, "teammembership", "systemuserid", user_id, "teamid")
    roles = _linked(store, "systemuserroles", "systemuserid", user_id, "roleid")
    for team in sorted(teams):
        roles |= _linked(store, "teamroles", "teamid", team, "roleid")
    depths: dict[str, Depth] = {}
    for role in roles:
        for privilege, depth in _role_depths(store, role):
            depths[privilege] = max(depth, depths.get(privilege, Depth.NONE))
    unit = _id(user.get("businessunitid"))
    profiles = _linked(store, "systemuserprofiles", "systemuserid", user_id, "fieldsecurityprofileid")
    for team in sorted(teams):
        profiles |= _linked(store, "teamprofiles", "teamid", team, "fieldsecurityprofileid")
    return Rights(
        user_id=user_id,
        admin=any(_is_admin(store, role) for role in roles),
        roles=len(roles),
        mode=str(user.get("accessmode") or 0),
        unit=unit,
        depths=depths,
        owners=frozenset((user_id, *teams)),
        units_below=frozenset(_units_below(store, unit)),
        columns=_columns(store, profiles),
        all_columns=names.ADMIN_PROFILE in profiles,
    )


def _linked(store: Store, table: str, column: str, value: str, wanted: str) -> set[str]:
    return {_id(row.get(wanted)) for row in store[table].find(column, value)} - {""}


def _id(value: object) -> str:
    """Intersect tables hold plain ids, lookups hold references."""
    return value.id if isinstance(value, Ref) else str(value or "")


def _is_admin(store: Store, role: str) -> bool:
    row = store["role"].get(role)
    return row is not None and names.ADMIN_TEMPLATE in {role, str(row.get("roletemplateid") or "")}


def _role_depths(store: Store, role: str) -> list[tuple[str, Depth]]:
    found: list[tuple[str, Depth]] = []
    for row in store["roleprivileges"].find("roleid", role):
        privilege = store["privilege"].get(_id(row.get("privilegeid")))
        mask = row.get("privilegedepthmask")
        if privilege is not None and isinstance(mask, int) and mask in set(Depth):
            found.append((str(privilege.get("name")).lower(), Depth(mask)))
    return found


def _units_below(store: Store, unit: str) -> set[str]:
    found, front = {unit}, [unit]
    while front:
        for row in store["businessunit"].find("parentbusinessunitid", front.pop()):
            below = str(row["businessunitid"])
            if below not in found:
                found.add(below)
                front.append(below)
    return found


def _columns(store: Store, profiles: set[str]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for profile in sorted(profiles):
        for row in store["fieldpermission"].find("fieldsecurityprofileid", profile):
            key = (str(row.get("entityname")), str(row.get("attributelogicalname")))
            allowed = {op for op in ("create", "read", "update") if row.get(f"can{op}") == names.ALLOWED}
            found[key] = found.get(key, frozenset()) | allowed
    return found


class RightsCache:
    """Rights by user, thrown away when a row that decides about them was written.

    With the switch `security_stale_seconds` they are kept that long all the same, as the service does.
    """

    def __init__(self, service: DataverseSystem) -> None:
        self._service = service
        self._held: dict[str, tuple[float, int, Rights]] = {}
        self._generation = 0
        self._dirty = False

    def written(self, table: str) -> None:
        """Note a write; until the transaction has ended nothing new is kept, as it may be rolled back."""
        if table in SECURITY_TABLES:
            self._dirty = True
            self._generation += 1

    def settle(self, *, forget: bool) -> None:
        """Outside of any transaction: what writes made stale is stale for good; `forget` drops everything."""
        if self._dirty:
            self._dirty = False
            self._generation += 1
        if forget:
            self._held.clear()

    def read(self, user_id: str) -> Rights | None:
        """The rights of a user; None when there is no such user."""
        now = self._service.clock.time()
        held = self._held.get(user_id)
        if held is not None:
            fresh = held[1] == self._generation
            if fresh or 0 <= now - held[0] < self._service.switches.number("security_stale_seconds"):
                return held[2]
        rights = read_rights(self._service, user_id)
        if rights is not None and not self._dirty:
            self._held[user_id] = (now, self._generation, rights)
        return rights


def row_id(*parts: str) -> str:
    """The id of a row that the organisation has from the start."""
    return metadata_id("security", *parts)
