"""A system that exists in memory only: the reference semantics of the connector port, for tests and rehearsals."""

from shared.connectors.memory.connector import MemoryConnector
from shared.connectors.memory.design import KindDesign, Overlong
from shared.connectors.memory.feeds import Replica
from shared.connectors.memory.system import HUB, Commit, MemorySystem
from shared.connectors.memory.table import RowState, Version
from shared.connectors.memory.users import MemoryUsers
from shared.connectors.memory.values import Refusal

__all__ = [
    "HUB",
    "Commit",
    "KindDesign",
    "MemoryConnector",
    "MemorySystem",
    "MemoryUsers",
    "Overlong",
    "Refusal",
    "Replica",
    "RowState",
    "Version",
]
