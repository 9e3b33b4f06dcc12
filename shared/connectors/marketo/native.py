"""Marketo's own CRM sync: whether it is on, and what is left to us then.

With it on, companies, opportunities, their roles and sales persons are read only for everybody (1018), and people are
brought over by Marketo itself. Two syncs of the same people would undo each other, so none is begun beside it unless an
administrator says that people alone shall go from here.
"""

from __future__ import annotations

from typing import Final

from shared.connectors.marketo.client import Client, Reply
from shared.connectors.marketo.errors import DENIED, NATIVE, raise_for
from shared.connectors.marketo.settings import PEOPLE_ONLY
from shared.errors import ConfigError, Rejected

WORKS: Final = "people, lists, custom objects and custom activities can be written"
LOCKED: Final = "companies, opportunities, their roles and sales persons are read only"

_ON = f"Marketo's own CRM sync is on: {WORKS}; {LOCKED}"


def is_on(client: Client) -> bool | None:
    """Reading roles is refused where it is on; None where the answer does not tell.

    Raises AuthError where the API user may not ask: then nobody could say that nothing else syncs these people.
    """
    found = client.try_get("opportunities/roles/describe.json", "native sync")
    if isinstance(found, Reply):
        return False
    if found.code == DENIED:
        raise raise_for(found, "to read opportunity roles, which tells whether its own CRM sync is on")
    return True if found.code == NATIVE else None


def refuse(mode: str) -> None:
    """Raises ConfigError unless people may go beside it."""
    if mode != PEOPLE_ONLY:
        raise ConfigError(
            _ON,
            code="native_sync",
            next_step="End the native sync under Admin, Microsoft Dynamics. Or, if it syncs no people, set "
            f'partner.native_sync to "{PEOPLE_ONLY}" and switch every entity but contacts and leads off here.',
        )


def locked(kind: str) -> Rejected:
    """What is said of a kind that the native sync owns."""
    return Rejected(
        f"Marketo's own CRM sync owns each {kind}: {LOCKED}",
        code="native_sync",
        next_step="Switch this entity off here, or end the native sync under Admin, Microsoft Dynamics.",
    )
