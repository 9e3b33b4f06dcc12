"""What every connector promises, one sentence a test.

A connector's test subclasses `ConnectorContract`, gives it a `harness`, and runs the whole list. What a system cannot
do is switched off by what its connector *declares*, by nothing else; the skip names the capability. The sentences are
those of `shared/ports/connector.py`; where that text leaves a question open, `shared.connectors.memory` is the answer.
"""

from __future__ import annotations

import inspect

from tests.contract.promises.changing import Changing
from tests.contract.promises.creating import Creating
from tests.contract.promises.feeds import Feeds
from tests.contract.promises.ground import Feed, Harness, Need
from tests.contract.promises.telling import Telling
from tests.contract.promises.trouble import Trouble

__all__ = ["ConnectorContract", "Feed", "Harness", "contract_tests"]


class ConnectorContract(Telling, Feeds, Creating, Changing, Trouble):
    """The list. Subclasses are named Test..., and override `harness`."""


def contract_tests() -> dict[str, Need | None]:
    """Every test of the list with what it needs (`test_memory_connector` asks whom each one serves)."""
    tests = inspect.getmembers(ConnectorContract, inspect.isfunction)
    return {name: getattr(test, "need", None) for name, test in tests if name.startswith("test_")}
