"""Taking records into automations of the partner's own, as its users do by hand.

An automation here is whatever a system runs for a record once somebody puts the record into it: an automation of
ActiveCampaign, a campaign of Marketo that may be requested. What starts one is decided there; we only ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from shared.domain.records import FieldName, Kind, RemoteId


class Refusal(StrEnum):
    """Why a record was not taken in: the codes of `Rejected` that `Enrols` raises."""

    NONE_OF_THAT_NAME = "automation_unknown"
    NOT_RUNNING = "automation_off"
    OPTED_OUT = "opted_out"
    GONE = "gone"  # the record is deleted there, or merged into another
    LIMIT = "limit_reached"
    REFUSED = "refused"  # by the automation itself, such as one that takes each record once


@dataclass(frozen=True, slots=True)
class Automation:
    """One automation. `running`: it takes records in now."""

    id: str
    name: str
    running: bool


@dataclass(frozen=True, slots=True)
class Entries:
    """A record's entries of one automation. `inside`: it is in there now. `last` grows with each further entry, ended
    ones included; 0 is none at all."""

    last: int
    inside: bool


@runtime_checkable
class Enrols(Protocol):
    """A connector whose system takes records into automations. Each method may raise AuthError, Transient, Throttled
    and ConfigError beside what it names."""

    @property
    def enrolled_kinds(self) -> frozenset[Kind]:
        """The kinds of record that automations take in; declared by the system's `ENROLS` for forms too."""
        ...

    @property
    def consent_fields(self) -> frozenset[FieldName]:
        """Fields of those kinds whose strict value (`shared.domain.policy`) means that nothing is sent to the person:
        whoever is that strict in Dynamics already is not taken in either."""
        ...

    def automations(self) -> Sequence[Automation]:
        """All of the account, at most a minute old."""
        ...

    def entries(self, automation: str, record: RemoteId) -> Entries | None:
        """What there is of a record in an automation, now. None where the system does not tell it: then a lost answer
        stays unknown and is never asked twice. Raises Rejected (`gone`)."""
        ...

    def enrol(self, automation: str, record: RemoteId) -> None:
        """Takes one record in, once: an entry that grows `Entries.last`.

        Raises Rejected with a code of `Refusal` when the record was surely not taken in, and OutcomeUnknown when
        nobody knows. Nobody who opted out is taken in: that is asked of the system in the same breath, not taken
        from what a run saw earlier.
        """
        ...
