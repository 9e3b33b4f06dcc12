"""What a slice of a lane settled for flow steps goes on with messages of its own, each once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from shared.desk import Desk, Follow
from shared.ports.flow import FlowCall
from shared.ports.report import RecordOutcome
from tests.contract.flow_contract import call, call_id


@dataclass
class Steps:
    told: Mapping[str, RecordOutcome] | None = None

    def answered(self, outcomes: Mapping[str, RecordOutcome]) -> list[tuple[FlowCall, int | None]]:
        self.told = outcomes
        return [(call(1), 0), (call(1), None), (call(2), 3)]


def test_what_was_settled_is_followed_by_one_message_each(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps()
    monkeypatch.setattr(Desk, "flow_steps", lambda self, connection: steps)
    monkeypatch.setattr(Desk, "contact_requests", lambda self, connection: SimpleNamespace(answered=lambda codes: []))
    desk, connection = Desk(Any), SimpleNamespace(id="conn1")  # type: ignore[arg-type]
    follow: Follow = {}
    outcomes = {"fl1.0.7": RecordOutcome(link="", entity="", code="created")}
    desk.answered(connection, outcomes, follow)  # type: ignore[arg-type]
    desk.answered(connection, outcomes, follow)  # type: ignore[arg-type]
    assert steps.told == outcomes
    found = [(message["connection"], message["request"], message.get("page")) for message in follow.values()]
    assert found == [("conn1", call_id(1), 0), ("conn1", call_id(1), None), ("conn1", call_id(2), 3)]
    desk.answered(connection, outcomes)  # type: ignore[arg-type]
