"""What only lane state can meet."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.identity import LinkKey
from shared.domain.records import Ref
from shared.errors import ConfigError, SyncError


class StateDamaged(SyncError):
    """A row of lane state does not decode. It is refused and named, never guessed.

    `partition` and `key` name the row, `reason` says what is wrong with it. Nothing was changed.
    """

    code = "state_damaged"

    def __init__(self, partition: str, key: str, reason: str) -> None:
        super().__init__(
            f"the state row {key} of lane {partition} cannot be read: {reason}",
            next_step="Start a resync of this connection (repeat its initial sync): it takes the row out and rebuilds "
            "it from what both systems hold.",
        )
        self.partition = partition
        self.key = key
        self.reason = reason


class AlreadyLinked(SyncError):
    """A fold would give one partner record two links. Nothing was written; take these links out and fold again.

    `clashes` maps each refused link to the partner record and the link that has it.
    """

    code = "already_linked"

    def __init__(self, clashes: Mapping[LinkKey, tuple[Ref, LinkKey]]) -> None:
        named = ", ".join(str(ref) for ref, _ in list(clashes.values())[:5])
        super().__init__(
            f"{len(clashes)} partner record(s) already have a link: {named}",
            next_step="Park the newer link as a conflict for a person to decide.",
        )
        self.clashes = dict(clashes)


def newer_format(partition: str, key: str, found: int, known: int, release: str) -> ConfigError:
    """The refusal of a row that a newer release wrote."""
    return ConfigError(
        f"the state row {key} of lane {partition} has format {found}; this release reads up to {known}",
        setting="release",
        code="state_too_new",
        next_step=f"Deploy release {release or 'that wrote it'} or newer again.",
    )
