"""Who does something: an API key, a person in the admin pages, the contact, an automation, an import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["api", "admin", "public", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`source` is the word webhooks use; `who` the name in the write log; `user` the id behind it, if a person's."""

    source: Source
    who: str
    user: str = "0"
    importing: bool = False
    seeding: bool = False

    @classmethod
    def api(cls, user_id: int) -> Actor:
        """A call with the key of a user."""
        return cls("api", f"api:{user_id}", str(user_id))

    @classmethod
    def admin(cls, user_id: int) -> Actor:
        """A user in the admin pages."""
        return cls("admin", f"ui:{user_id}", str(user_id))

    @classmethod
    def public(cls, contact_id: int) -> Actor:
        """The contact, by a link in a mail or a form."""
        return cls("public", f"public:{contact_id}", str(contact_id))

    @classmethod
    def automation(cls, automation_id: int) -> Actor:
        """A step of an automation."""
        return cls("system", f"automation:{automation_id}")

    @classmethod
    def batch(cls, batch_id: str) -> Actor:
        """A bulk import. Mass operations fire no webhooks."""
        return cls("api", f"import:{batch_id}", importing=True)


SYSTEM = Actor("system", "system")
SEEDING = Actor("system", "seed", importing=True, seeding=True)
"""Whoever prepares an account for a test: heard by no webhook, and moving no udate."""
