"""Add to and Remove from Campaign when Dynamics refuses one campaign: people of the others go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared.connectors.marketo.flow.steps import steps
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import AuthError, ConfigError, Rejected, SyncError
from shared.ports.flow import Job, Told

GOOD, BAD = (f"{number:08d}-2222-4333-8444-555555555555" for number in (1, 2))


class Campaigns:
    """Refuses everything about one campaign."""

    def __init__(self, error: SyncError) -> None:
        self._error = error

    def join_campaign(self, campaign: RemoteId, people: Sequence[Ref], owner: str) -> Mapping[Ref, str]:
        return dict.fromkeys(self._allowed(campaign, people), "")

    def leave_campaign(self, campaign: RemoteId, people: Sequence[Ref], owner: str) -> Mapping[Ref, bool]:
        return dict.fromkeys(self._allowed(campaign, people), True)

    def _allowed(self, campaign: RemoteId, people: Sequence[Ref]) -> Sequence[Ref]:
        if campaign == BAD:
            raise self._error
        return people


def done(name: str, error: SyncError) -> Mapping[RemoteId, Told]:
    jobs = [
        Job(person=RemoteId(person), crm=Ref(Kind("lead"), RemoteId(person)), choices={"campaign": campaign}, once="")
        for person, campaign in (("1", BAD), ("2", GOOD))
    ]
    return steps("c", lambda: datetime(2026, 1, 1, tzinfo=UTC))[name].do(cast("Any", Campaigns(error)), jobs)


@pytest.mark.feature("MK-12.1", system="marketo")
@pytest.mark.parametrize(("name", "well"), [("addToCampaign", "updated"), ("removeFromCampaign", "deleted")])
@pytest.mark.parametrize("error", [Rejected("refused (0x80040217)"), ConfigError("refused (0x80048d19)")])
def test_a_refused_campaign_is_told_to_its_own_people(name: str, well: str, error: SyncError) -> None:
    assert done(name, error) == {"1": Told("failed:rejected", str(error)), "2": Told(well)}


@pytest.mark.feature("MK-12.1", system="marketo")
def test_a_missing_privilege_is_none_of_one_campaign() -> None:
    with pytest.raises(AuthError):
        done("addToCampaign", AuthError("prvCreateList is missing", code="missing_privilege"))
