"""Contacts by id and by e-mail, and filtered views of them that follow changes instead of being made anew."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator

from simulators.activecampaign.contacts.model import Contact

Predicate = Callable[[Contact], bool]
_VIEWS = 24
_REBUILD_FROM = 5_000


def email_key(email: str) -> str:
    """What makes two e-mail addresses the same: letter case and outer blanks do not count."""
    return email.strip().lower()


class View:
    """Ids of the contacts that fulfil a predicate, ascending. `upto` is how far the store's journal is taken in."""

    __slots__ = ("ids", "predicate", "sorted", "upto")

    def __init__(self, ids: array[int], predicate: Predicate, upto: int) -> None:
        self.ids = ids
        self.predicate = predicate
        self.upto = upto
        self.sorted: dict[str, tuple[int, list[int]]] = {}


class ContactStore:
    """All contacts. Ids are counted up and never used again; `touch` must follow every change of a contact."""

    def __init__(self) -> None:
        self._rows: list[Contact | None] = [None]
        self._by_email: dict[str, int] = {}
        self._journal: list[int] = []
        self._views: OrderedDict[tuple[object, ...], View] = OrderedDict()
        self._live = 0
        self.merged: dict[int, int] = {}
        """Ids merged away, with the id they went into."""
        self.buried: dict[str, int] = {}
        """E-mails of deleted contacts with their last id."""

    def __len__(self) -> int:
        return self._live

    def __iter__(self) -> Iterator[Contact]:
        return (row for row in self._rows if row is not None)

    def next_id(self) -> int:
        """The id the next contact will have."""
        return len(self._rows)

    def get(self, contact_id: int | None) -> Contact | None:
        """The contact, or None when there is none or no more."""
        if contact_id is None or not 0 < contact_id < len(self._rows):
            return None
        return self._rows[contact_id]

    def by_email(self, email: str) -> Contact | None:
        """The one contact with this e-mail, or None."""
        return self.get(self._by_email.get(email_key(email))) if email else None

    def add(self, contact: Contact) -> None:
        """Store a new contact (its id is `next_id()`), or one that comes back under its old id."""
        if contact.id == len(self._rows):
            self._rows.append(contact)
        else:
            self._rows[contact.id] = contact
        self._live += 1
        if contact.email:
            self._by_email[email_key(contact.email)] = contact.id
        self._journal.append(contact.id)

    def extend(self, contacts: list[Contact]) -> None:
        """Store very many new contacts whose ids follow on; views are made anew on next use."""
        self._rows.extend(contacts)
        self._by_email.update((contact.email, contact.id) for contact in contacts)
        self._live += len(contacts)
        self._views.clear()

    def rename(self, contact: Contact, email: str) -> None:
        """Change the e-mail; the caller has made sure that nobody else has it."""
        if contact.email and self._by_email.get(email_key(contact.email)) == contact.id:
            del self._by_email[email_key(contact.email)]
        contact.email = email
        if email:
            self._by_email[email_key(email)] = contact.id

    def remove(self, contact: Contact) -> None:
        """Take a contact out."""
        self._rows[contact.id] = None
        self._live -= 1
        if self._by_email.get(email_key(contact.email)) == contact.id:
            del self._by_email[email_key(contact.email)]
            self.buried[email_key(contact.email)] = contact.id
        self._journal.append(contact.id)

    def touch(self, contact: Contact) -> None:
        """Note that a contact changed, so that views look at it again."""
        self._journal.append(contact.id)

    def view(self, key: tuple[object, ...], predicate: Predicate) -> View:
        """Ids that fulfil `predicate`, ascending. `key` names the predicate: same key, same predicate."""
        view = self._views.get(key)
        behind = len(self._journal) - view.upto if view else 0
        if view is None or behind > max(_REBUILD_FROM, len(view.ids) // 4):
            ids = array("q", (row.id for row in self._rows if row is not None and predicate(row)))
            view = self._views[key] = View(ids, predicate, len(self._journal))
            if len(self._views) > _VIEWS:
                self._views.popitem(last=False)
        elif behind:
            self._follow(view)
        self._views.move_to_end(key)
        return view

    def sorted_ids(self, view: View, name: str, key: Callable[[Contact], object]) -> list[int]:
        """The view's ids ordered by a property, then by id."""
        version = len(self._journal)
        known = view.sorted.get(name)
        if known is None or known[0] != version:
            rows = [row for row in map(self.get, view.ids) if row is not None]
            rows.sort(key=lambda row: (key(row), row.id))
            view.sorted = {name: (version, [row.id for row in rows])}
            return view.sorted[name][1]
        return known[1]

    def _follow(self, view: View) -> None:
        for contact_id in dict.fromkeys(self._journal[view.upto :]):
            row = self._rows[contact_id]
            wanted = row is not None and view.predicate(row)
            index = bisect_left(view.ids, contact_id)
            there = index < len(view.ids) and view.ids[index] == contact_id
            if wanted and not there:
                view.ids.insert(index, contact_id)
            elif there and not wanted:
                view.ids.pop(index)
        view.upto = len(self._journal)
