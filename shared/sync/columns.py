"""The columns that the agreed values of each field belong to.

What both sides agreed on last says what two columns held. A column that was deleted and made again under its own name
is another one, and so is the one that a field is mapped to instead: what stands in it, often nothing at all, is
nobody's edit of the agreed value. So the lane remembers which columns each field stood for, and numbers the changes of
an entity. A link remembers the last of them that its agreed values take into account; those of fields that changed
since are forgotten before anything is decided, and such a field is judged as on a first link: an empty side is filled,
equal values are agreed, unequal ones go by the field's rules for that. A pair that met like that has its base again,
and a value that a user clears after that is cleared.

Both sides are walked again after a change (`Feed.ground`), so that every pair meets without waiting for an edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, Final

from shared.domain.identity import Link
from shared.domain.mapping import CompiledMap
from shared.state.model import Fact, LaneChanges

if TYPE_CHECKING:
    from shared.sync.context import Work

_FACT: Final = "columns:"
"""How the lane's fact begins that says, by an entity's name, what columns its fields stood for."""

_ROW: Final = Struct(">4s4sI")  # a field's id, its columns (digests), the number of the last change of these
_GONE: Final = bytes(4)
"""In place of the columns: one of them was missing. Whatever comes back is another column."""

type _Rows = dict[bytes, tuple[bytes, int]]


class Columns:
    """Of each entity: the changes of its fields' columns, numbered from 1."""

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        self._rows = {
            name.removeprefix(_FACT): _unpack(packed)
            for name, packed in facts.items()
            if name.startswith(_FACT) and isinstance(packed, bytes)
        }
        self._last = {name: max((since for _, since in rows.values()), default=0) for name, rows in self._rows.items()}

    def __bool__(self) -> bool:
        """Whether there was any change."""
        return any(self._last.values())

    def last(self, entity: str) -> int:
        """The number of the entity's last change; 0 before the first."""
        return self._last.get(entity, 0)

    def since(self, entity: str, name: str) -> int:
        """The number of the last change of one field's columns."""
        return self._rows.get(entity, {}).get(_id(name), _NEVER)[1]

    def current(self, link: Link) -> Link:
        """The link without what was agreed of former columns."""
        last = self._last.get(link.entity, 0)
        if link.columns >= last:
            return link
        since = link.columns
        return link.with_(
            agreed=self.kept(link.entity, since, link.agreed),
            bases=self.kept(link.entity, since, link.bases),
            alternations=self.kept(link.entity, since, link.alternations),
            columns=last,
        )

    def of_now(self, link: Link) -> Link:
        """A link whose agreed values are those of the columns of now."""
        last = self._last.get(link.entity, 0)
        return link if link.columns == last else link.with_(columns=last)

    def kept[Held](self, entity: str, since: int, held: Mapping[str, Held], *, prefix: str = "") -> dict[str, Held]:
        """What is held of fields, by id after `prefix`, whose columns did not change after the change `since`."""
        return {name: value for name, value in held.items() if self.since(entity, name.removeprefix(prefix)) <= since}


_NEVER: Final = (_GONE, 0)

UNKNOWN: Final = Columns({})
"""Of a lane where no column ever changed."""


def note_columns(work: Work) -> Columns:
    """Compares the columns of every field with those it stood for; what changed is stored before anything is decided.

    A lane that never noted them (it is new, or an older release left it) takes them as they are.
    """
    known = False
    for item in work.maps:
        name = f"{_FACT}{item.entity.name}"
        packed = work.facts.get(name)
        rows = _noted(_unpack(packed) if isinstance(packed, bytes) else {}, item)
        if packed != (found := _pack(rows)):
            known = known or packed is not None
            work.facts[name] = found
    if known:
        work.held.fold(LaneChanges(facts=work.changed_facts()))
        work.folded()
    return Columns(work.facts)


def _noted(rows: _Rows, compiled: CompiledMap) -> _Rows:
    """The rows with the columns of now. A field that is mapped no more keeps its own: it may come back, to others."""
    number = 1 + max((since for _, since in rows.values()), default=0)
    found = dict(rows)
    for name, columns in compiled.columns.items():
        before, since = rows.get(_id(name), (None, 0))
        changed = bool(columns) and before not in {None, columns}
        found[_id(name)] = (columns or _GONE, number if changed else since)
    return found


@lru_cache(maxsize=1024)
def _id(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest()


def _pack(rows: _Rows) -> bytes:
    return b"".join(_ROW.pack(name, columns, since) for name, (columns, since) in sorted(rows.items()))


def _unpack(packed: bytes) -> _Rows:
    """Raises nothing: a fact of another length was not made here, and counts as none."""
    if len(packed) % _ROW.size:
        return {}
    return {name: (columns, since) for name, columns, since in _ROW.iter_unpack(packed)}
