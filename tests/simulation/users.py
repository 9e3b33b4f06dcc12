"""What users do to the records of a world: one function for each kind of step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from shared.connectors.memory import RowState
from shared.domain.records import FieldName, Kind, Ref, Side, Value
from tests.simulation.profiles import SCOPE, SimField
from tests.simulation.values import value_of
from tests.simulation.world import World

MAIL, TAG, OTHER = FieldName("mail"), FieldName("tag"), FieldName("other")


# -- who acts, and when ----------------------------------------------------------------------------------------------


def _next(world: World) -> int:
    world.numbers += 1
    return world.numbers


def _fields(world: World, kind: Kind) -> list[SimField]:
    return [item for item in world.profile.fields_of(kind) if item.edits]


def pick(world: World, side: Side, place: int, kind: Kind | None = None) -> Ref | None:
    rows = world.living(side, kind or world.profile.person(side))
    return rows[place % len(rows)] if rows else None


def _late(world: World) -> timedelta:
    late, world.lateness = world.lateness, timedelta(0)
    return late


# -- what users do -----------------------------------------------------------------------------------------------------


def _create(world: World, side_name: str, mail: str, shape: int, fields: int = 3) -> None:
    """`mail`: fresh, match (somebody's of the other side), case (the same in capitals), twin (of this side), none; with
    copy the newest person of the other side is entered again, every value alike, without labels."""
    side = Side(side_name)
    if mail == "copy":
        _copy(world, side)
        return
    _make(world, side, world.profile.person(side), mail, shape, fields)


def _copy(world: World, side: Side) -> None:
    rows = world.living(side.other, world.profile.person(side.other))
    row = world.systems[side.other].row(rows[-1]) if rows else None
    if row is None:
        return
    values: dict[FieldName, Value | None] = {}
    for item in world.profile.fields:
        value = row.fields.get(item.name)
        words = item.words if side is Side.PARTNER else {there: here for here, there in item.words.items()}
        if isinstance(value, str) and words:
            value = words.get(value)
        if not isinstance(value, str) or len(value.encode("utf-16-le")) // 2 <= item.limits.get(side, len(value)):
            values[item.name] = value
    shard = world.profile.shard if side is Side.PARTNER else ""
    world.users[side].create(world.profile.person(side), values, labels=(), shard=shard, late=_late(world))


def _make(world: World, side: Side, kind: Kind, mail: str, shape: int, fields: int) -> None:
    number = _next(world)
    values: dict[FieldName, Value | None] = {TAG: f"t{number:x}"}
    address = _mail(world, side, kind, mail, number)
    if address is not None:
        values[MAIL] = address
    for place, item in enumerate(_fields(world, kind)):
        if fields >> place & 1:
            values[item.name] = value_of(item, side, _next(world), shape + place)
    rules = world.profile.labels
    labels = (rules["kind"], rules["pulled"]) if rules is not None and side is Side.PARTNER and shape % 3 else ()
    shard = world.profile.shard if side is Side.PARTNER else ""
    world.users[side].create(kind, values, labels=labels, shard=shard, late=_late(world))


def _mail(world: World, side: Side, kind: Kind, rule: str, number: int) -> str | None:
    if rule == "none":
        return None
    if rule in {"match", "case", "twin"}:
        where = side if rule == "twin" else side.other
        kinds = world.profile.kinds(where)
        other = kind if where is side else kinds[world.profile.kinds(side).index(kind)]
        for ref in reversed(world.living(where, other)):
            row = world.systems[where].row(ref)
            mail = row.fields.get(MAIL) if row is not None else None
            if isinstance(mail, str):
                return mail.upper() if rule == "case" else mail
    return f"u{number:x}@example.org"


def _company(world: World, side_name: str, mail: str, shape: int) -> None:
    side = Side(side_name)
    if world.profile.companies:
        _make(world, side, world.profile.kinds(side)[0], mail, shape, 3)


def _works(world: World, side_name: str, place: int, company: int) -> None:
    side = Side(side_name)
    person = pick(world, side, place)
    if person is None or not world.profile.companies:
        return
    found = pick(world, side, company, world.profile.kinds(side)[0]) if company >= 0 else None
    world.users[side].edit(person, {FieldName("works"): found}, late=_late(world))


def _edit(world: World, side_name: str, place: int, name: str, shape: int) -> None:
    side = Side(side_name)
    ref = pick(world, side, place)
    item = next((item for item in _fields(world, world.profile.person(side)) if item.id == name), None)
    if ref is None or item is None:
        return
    value = value_of(item, side, _next(world), shape)
    world.users[side].edit(ref, {item.name: value}, late=_late(world))


def _clear(world: World, side_name: str, place: int, name: str) -> None:
    side = Side(side_name)
    ref = pick(world, side, place)
    if ref is not None:
        world.users[side].edit(ref, {FieldName(name): None}, late=_late(world))


def _contest(world: World, place: int, name: str, shapes: Sequence[int], first: str) -> None:
    """Two users, one on each side, enter something in one field of one person, neither seeing the other's."""
    sides = (Side(first), Side(first).other)
    ref = pick(world, sides[0], place)
    item = next((item for item in _fields(world, world.profile.person(sides[0])) if item.id == name), None)
    if ref is None or item is None:
        return
    for side, shape, row in zip(sides, shapes, (ref, _counterpart(world, sides[0], ref)), strict=True):
        if row is not None:
            world.users[side].edit(row, {item.name: value_of(item, side, _next(world), shape)}, late=_late(world))


def _part(world: World, side_name: str, place: int, name: str, shape: int) -> None:
    """One user deletes a person, another edits the same one on the other side."""
    side = Side(side_name)
    ref = pick(world, side, place)
    item = next((item for item in _fields(world, world.profile.person(side)) if item.id == name), None)
    other = _counterpart(world, side, ref) if ref is not None else None
    if ref is None or other is None or item is None:
        return
    world.users[side.other].edit(other, {item.name: value_of(item, side.other, _next(world), shape)})
    world.users[side].delete(ref)


def _counterpart(world: World, side: Side, ref: Ref) -> Ref | None:
    """The living record of the other side that was made from this one, or that this one was made from."""
    row = world.systems[side].row(ref)
    tag = row.fields.get(TAG) if row is not None else None
    other = side.other
    kind = world.profile.kinds(other)[world.profile.kinds(side).index(ref.kind)]
    for found in world.living(other, kind):
        version = world.systems[other].row(found)
        if tag is not None and version is not None and version.fields.get(TAG) == tag:
            return found
    return None


def _scope(world: World, place: int, inside: int) -> None:
    """A user moves a Dynamics row out of what the connection's criteria cover, or back."""
    ref = pick(world, Side.CRM, place)
    if ref is not None and world.profile.criteria:
        world.users[Side.CRM].edit(ref, {SCOPE: None if inside else "out"})


def _rename(world: World, side_name: str, place: int, mail: str, company: int = 0) -> None:
    side = Side(side_name)
    kinds = world.profile.kinds(side)
    ref = pick(world, side, place, kinds[0] if company else kinds[-1])
    if ref is not None:
        address = _mail(world, side, ref.kind, mail, _next(world))
        world.users[side].edit(ref, {MAIL: address}, late=_late(world))


def _swap(world: World, side_name: str, first: int, second: int) -> None:
    """Two people exchange their addresses, through an intermediate where the system insists on uniqueness."""
    side = Side(side_name)
    one, other = pick(world, side, first), pick(world, side, second)
    if one is None or other is None or one == other:
        return
    rows = world.systems[side].row(one), world.systems[side].row(other)
    mails = [row.fields.get(MAIL) if row is not None else None for row in rows]
    if not all(isinstance(mail, str) for mail in mails):
        return
    users = world.users[side]
    users.edit(one, {MAIL: f"between{_next(world):x}@example.org"})
    users.edit(other, {MAIL: mails[0]})
    users.edit(one, {MAIL: mails[1]})


def _close(world: World, side_name: str, place: int, keep: int) -> None:
    """A company ends: its people are deleted with it, or (`keep`) leave it first."""
    side = Side(side_name)
    company = pick(world, side, place, world.profile.kinds(side)[0]) if world.profile.companies else None
    if company is None:
        return
    for person in world.living(side, world.profile.person(side)):
        row = world.systems[side].row(person)
        if row is not None and row.fields.get(FieldName("works")) == company:
            if keep:
                world.users[side].edit(person, {FieldName("works"): None})
            else:
                world.users[side].delete(person)
    world.users[side].delete(company)


def _delete(world: World, side_name: str, place: int) -> None:
    ref = pick(world, Side(side_name), place)
    if ref is not None:
        world.users[Side(side_name)].delete(ref)


def _restore(world: World, side_name: str, place: int) -> None:
    side = Side(side_name)
    kind = world.profile.person(side)
    table = world.systems[side].tables[kind]
    rows = sorted((versions[0].seq, row) for row, versions in table.rows.items() if not versions[-1].there)
    if rows:
        world.users[side].restore(Ref(kind, rows[place % len(rows)][1]))


def _merge(world: World, side_name: str, loser: int, winner: int) -> None:
    side = Side(side_name)
    one, other = pick(world, side, loser), pick(world, side, winner)
    if one is not None and other is not None and one != other:
        world.users[side].merge(one, other)


def _touch(world: World, side_name: str, place: int) -> None:
    """Another column changes: the row gets a new revision, nothing of ours does."""
    ref = pick(world, Side(side_name), place)
    if ref is not None:
        world.users[Side(side_name)].edit(ref, {OTHER: f"{_next(world):x}"}, late=_late(world))


def _hide(world: World, side_name: str, place: int) -> None:
    """The connection loses its right to see a row, which lives on (`show_all` gives it back)."""
    ref = pick(world, Side(side_name), place)
    if ref is not None:
        world.users[Side(side_name)].show(ref, RowState.HIDDEN)


def show_all(world: World) -> None:
    """Every row may be seen again."""
    for side in Side:
        for kind in world.profile.kinds(side):
            for row, version in list(world.systems[side].tables[kind].current()):
                if version.state is RowState.HIDDEN:
                    world.users[side].show(Ref(kind, row), RowState.ACTIVE)


def _label(world: World, place: int, which: str, add: int) -> None:
    ref = pick(world, Side.PARTNER, place)
    rules = world.profile.labels
    if ref is None or rules is None:
        return
    label = {str(rules[which])}
    world.users[Side.PARTNER].label(ref, add=label if add else (), remove=() if add else label)


USERS: Mapping[str, Callable[..., None]] = {
    "create": _create,
    "company": _company,
    "close": _close,
    "works": _works,
    "edit": _edit,
    "clear": _clear,
    "rename": _rename,
    "contest": _contest,
    "part": _part,
    "scope": _scope,
    "swap": _swap,
    "delete": _delete,
    "restore": _restore,
    "merge": _merge,
    "touch": _touch,
    "hide": _hide,
    "show": show_all,
    "label": _label,
}
