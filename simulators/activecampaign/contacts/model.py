"""Rows there may be a million of, kept small."""

from __future__ import annotations

from hashlib import md5

# Subscription states. Source: activecampaign.md 2.4 (status values) and 2.6.
ANY, UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED = -1, 0, 1, 2, 3


class FieldValue:
    """The value of one custom field of one contact."""

    __slots__ = ("contact", "created", "field", "id", "updated", "value")

    def __init__(self, row_id: int, contact: int, field: int, value: str, now: int) -> None:
        self.id = row_id
        self.contact = contact
        self.field = field
        self.value = value
        self.created = now
        self.updated = now


class ContactTag:
    """A tag on a contact; removed by this row's id, not by the tag's."""

    __slots__ = ("by", "contact", "created", "id", "tag")

    def __init__(self, row_id: int, contact: int, tag: int, now: int, by: str) -> None:
        self.id = row_id
        self.contact = contact
        self.tag = tag
        self.created = now
        self.by = by


class ContactList:
    """A contact's standing on one list."""

    __slots__ = (
        "by",
        "contact",
        "created",
        "first",
        "form",
        "id",
        "last",
        "list",
        "reason",
        "source",
        "status",
        "subscribed",
        "unsubscribed",
        "updated",
    )

    def __init__(self, row_id: int, contact: int, list_id: int, status: int, now: int) -> None:
        self.id = row_id
        self.contact = contact
        self.list = list_id
        self.status = status
        self.subscribed: int | None = now
        self.unsubscribed: int | None = None
        self.created = now
        self.updated = now
        self.reason = ""
        self.source = "4"
        self.form: int | None = None
        self.first = ""
        self.last = ""
        self.by: str | None = None


class Contact:
    """A person. `values`, `tags` and `lists` map field, tag and list id to their rows, or are None."""

    __slots__ = (
        "account",
        "created",
        "created_by",
        "email",
        "extra",
        "first",
        "id",
        "last",
        "lists",
        "phone",
        "tags",
        "updated",
        "updated_by",
        "values",
    )

    def __init__(  # noqa: PLR0917 - a million calls: positions are quicker
        self, row_id: int, email: str, first: str, last: str, phone: str, now: int
    ) -> None:
        self.id = row_id
        self.email = email
        self.first = first
        self.last = last
        self.phone = phone
        self.created = now
        self.updated = now
        self.created_by: str | None = None
        self.updated_by: str | None = None
        self.values: dict[int, FieldValue] | None = None
        self.tags: dict[int, ContactTag] | None = None
        self.lists: dict[int, ContactList] | None = None
        self.account: int | None = None
        """Id of the one accountContact row."""
        self.extra: Extra | None = None

    def more(self) -> Extra:
        """What few contacts have, made on first use."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    @property
    def name(self) -> str:
        """First and last name as one."""
        return f"{self.first} {self.last}".strip()

    @property
    def hash(self) -> str:
        """A stable mark of 32 hexadecimal digits."""
        return md5(f"{self.id}:{self.email}".encode(), usedforsecurity=False).hexdigest()


class Extra:
    """Bounces, mail dates and automations of a contact."""

    __slots__ = ("active_at", "automations", "bounced_at", "clicked_at", "hard", "opened_at", "score", "sent", "soft")

    def __init__(self) -> None:
        self.hard = 0
        self.soft = 0
        self.bounced_at: int | None = None
        self.active_at: int | None = None
        self.clicked_at: int | None = None
        self.opened_at: int | None = None
        self.sent = 0
        self.score = 0
        self.automations: list[int] = []
