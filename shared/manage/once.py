"""What a run wrote, as if each side of a pair had been written once.

A run may write a record more than once, in any order of the rows in which that is kept. What stood there before the
first write is what no other write left behind: taken together, the former values less the written ones leave the
origin, and the written ones less the former ones leave what the run left there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.records import ABSENT, FieldName, FieldState, Side, Value
from shared.ports.connector import Op
from shared.ports.report import Image

type Key = tuple[str, Side]
type Form = Callable[[Image, FieldName, FieldState], Hashable]
"""What a value of a field is to its mapping: systems give back what they were given in forms of their own."""

type Pages = Callable[[str, str], tuple[str, list[Image]]]
"""The next row of a run's images after a row, and its name; the name is "" at the end."""


@dataclass(frozen=True, slots=True)
class Once:
    """One run. `whole` are the records' sides that it wrote more than once, each with the row that speaks for it and
    all its writes as one; `made` those it made and changed afterwards."""

    whole: Mapping[Key, tuple[str, Image]] = field(default_factory=dict)
    made: frozenset[Key] = frozenset()

    def of(self, place: str, images: Iterable[Image], *, removing: bool) -> list[Image]:
        """The images of one row. `removing`: what was made goes, and needs no former values then."""
        found: list[Image] = []
        spoken: set[Key] = set()
        for image in images:
            key = (image.link, image.side)
            if image.op is not Op.UPDATE:
                found.append(image)
            elif removing and key in self.made:
                continue
            elif key not in self.whole:
                found.append(image)
            elif self.whole[key][0] == place and key not in spoken:
                spoken.add(key)
                found.append(self.whole[key][1])
        return found


def once(pages: Pages, run: str, form: Form) -> Once:
    """Reads the run's images once, or twice where some records' sides were written more than once."""
    updates: Counter[Key] = Counter()
    made: set[Key] = set()
    for _, images in _rows(pages, run):
        updates.update((image.link, image.side) for image in images if image.op is Op.UPDATE)
        made.update((image.link, image.side) for image in images if image.op is Op.CREATE)
    often = {key for key, count in updates.items() if count > 1}
    places: dict[Key, str] = {}
    written: dict[Key, list[Image]] = {key: [] for key in often}
    for place, images in _rows(pages, run) if often else ():
        for image in images:
            key = (image.link, image.side)
            if image.op is Op.UPDATE and key in often:
                places.setdefault(key, place)
                written[key].append(image)
    whole = {key: (places[key], joined(images, form)) for key, images in written.items() if images}
    return Once(whole, frozenset(made & updates.keys()))


def joined(images: Sequence[Image], form: Form) -> Image:
    """Several writes of one record's side as one. Of a field whose origin is not certain the former value is unknown:
    somebody else wrote it in between, or one of the writes does not know what it met."""
    before: dict[FieldName, FieldState] = {}
    after: dict[FieldName, Value | None] = {}
    for name in dict.fromkeys(name for image in images for name in image.after):
        some = [image for image in images if name in image.after]
        met = {form(image, name, image.before.get(name, ABSENT)): image.before.get(name, ABSENT) for image in some}
        left = {form(image, name, image.after[name]): image.after[name] for image in some}
        forms_met = Counter(form(image, name, image.before.get(name, ABSENT)) for image in some)
        forms_left = Counter(form(image, name, image.after[name]) for image in some)
        origins, ends = list((forms_met - forms_left).elements()), list((forms_left - forms_met).elements())
        if not origins:
            continue  # it stands as it stood before the run
        certain = len(origins) == len(ends) == 1
        before[name], after[name] = met[origins[0]] if certain else ABSENT, left[ends[0]]
    return replace(images[0], before=before, after=after)


def _rows(pages: Pages, run: str) -> Iterable[tuple[str, list[Image]]]:
    place, images = pages(run, "")
    while place:
        yield place, images
        place, images = pages(run, place)
