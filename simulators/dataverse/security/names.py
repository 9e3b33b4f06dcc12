"""Names, ids and depths of privileges (dataverse.md 3 "Privileges")."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from simulators.dataverse.hooks import Right
from simulators.dataverse.metadata.labels import metadata_id
from simulators.dataverse.schema import Schema, Table

ADMIN_TEMPLATE = "627090ff-40a3-4053-8790-584edc5be201"
ADMIN_ROLE = metadata_id("role", "System Administrator")
BASIC_ROLE = metadata_id("role", "Basic User")
DELEGATE_ROLE = metadata_id("role", "Delegate")
ADMIN_PROFILE = "572329c1-a042-4e22-be47-367c6374ea45"
ALLOWED = 4

RIGHTS: tuple[Right, ...] = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
ACT_ON_BEHALF = "prvActOnBehalfOfAnotherUser"
BYPASS_LOGIC = "prvBypassCustomBusinessLogic"
BYPASS_PLUGINS = "prvBypassCustomPlugins"
OTHER = (
    ACT_ON_BEHALF,
    BYPASS_LOGIC,
    BYPASS_PLUGINS,
    "prvMerge",
    "prvBulkDelete",
    "prvQualifyLead",
    "prvPublishCustomization",
    "prvCreateEntity",
    "prvWriteEntity",
    "prvDeleteEntity",
    "prvCreateAttribute",
    "prvWriteAttribute",
    "prvDeleteAttribute",
    "prvCreateRelationship",
    "prvCreateOptionSet",
    "prvWriteOptionSet",
    "prvDeleteOptionSet",
)
# Where the privilege is not called after the table's schema name.
_CALLED = {"annotation": "Note", "systemuser": "User", "activityparty": "Activity"}
# Writing a row of an intersect table needs this right on this table instead.
INTERSECTS: dict[str, tuple[Right, str]] = {
    "systemuserroles": ("Assign", "role"),
    "teamroles": ("Assign", "role"),
    "roleprivileges": ("Write", "role"),
    "teammembership": ("Write", "team"),
    "systemuserprofiles": ("Write", "fieldsecurityprofile"),
    "teamprofiles": ("Write", "fieldsecurityprofile"),
    "listmember": ("Write", "list"),
    "campaignitem": ("Write", "campaign"),
}
# What every user reads without a privilege of his own.
FREE_TO_READ = frozenset(("sdkmessage", "sdkmessagefilter", "privilege", *INTERSECTS))


class Depth(IntEnum):
    """How far a privilege reaches; the values are those of `privilegedepthmask`."""

    NONE = 0
    BASIC = 1
    LOCAL = 2
    DEEP = 4
    GLOBAL = 8

    @property
    def word(self) -> str:
        return self.name.capitalize()

    @classmethod
    def of(cls, word: str) -> Depth:
        """Read `Basic`, `Local`, `Deep`, `Global` (or `User`, `Organization`). Raises KeyError for another word."""
        plain = {"USER": "BASIC", "BUSINESSUNIT": "LOCAL", "ORGANIZATION": "GLOBAL"}.get(word.upper(), word.upper())
        return cls[plain]


def privilege_name(right: Right, table: Table) -> str:
    """For example `prvReadContact`; all activities share `prvReadActivity`."""
    if table.activity:
        return f"prv{right}Activity"
    return f"prv{right}{_CALLED.get(table.name, table.schema_name)}"


def privilege_id(name: str) -> str:
    """The id of the privilege's row."""
    return metadata_id("privilege", name.lower())


def all_privileges(schema: Schema) -> Iterator[str]:
    """Every privilege of the organisation, once."""
    yield from dict.fromkeys(privilege_name(right, table) for table in schema.tables.values() for right in RIGHTS)
    yield from OTHER
