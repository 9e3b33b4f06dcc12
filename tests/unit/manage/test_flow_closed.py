"""When a flow step may write nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from shared.domain.connection import ConnectionConfig, Switch
from shared.manage.flow_steps import FlowSteps

OURS = {"crm_identity": "org-1", "partner_identity": "123-abc-456.mktorest.com"}


def closed(
    config: ConnectionConfig, *, crm: str = "org-1", partner: str = OURS["partner_identity"], **facts: Any
) -> str:
    """The code of what people are told; "" where the step may write. Stand-ins answer for the two accounts."""
    lane = SimpleNamespace(peek=lambda: SimpleNamespace(facts=facts))
    account = SimpleNamespace(identity=lambda: partner)
    systems = SimpleNamespace(lane=lambda _: lane, partner=lambda _: account)
    unused: Any = None
    wired: Any = systems
    steps = FlowSteps(
        config=config, store=unused, partner=unused, systems=wired, crm=unused, clock=unused, round_up=unused
    )
    answers: Any = SimpleNamespace(identity=lambda: crm)
    told = steps.closed(lambda: answers)
    return told.code if told is not None else ""


@pytest.fixture
def config() -> ConnectionConfig:
    return ConnectionConfig(id="c1", name="Test", system="marketo", crm={}, partner={}, switch=Switch.ON, **OURS)


def test_a_connection_that_runs_between_its_own_accounts_may_write(config: ConnectionConfig) -> None:
    assert closed(config) == ""
    assert closed(replace(config, crm_identity="", partner_identity=""), crm="x", partner="y") == "", (
        "not confirmed yet"
    )


def test_nothing_is_written_while_it_is_off_or_stopped(config: ConnectionConfig) -> None:
    assert closed(replace(config, switch=Switch.OFF)) == "skipped:off"
    assert closed(config, broken="changed_ground") == "failed:stopped"


def test_nothing_is_written_where_another_account_answers(config: ConnectionConfig) -> None:
    assert closed(config, crm="org-2") == "failed:stopped"
    assert closed(config, partner="999-xyz-999.mktorest.com") == "failed:stopped"
