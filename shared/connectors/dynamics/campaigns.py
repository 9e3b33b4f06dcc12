"""People in campaigns: a person cannot be an item of a campaign, a static marketing list of people can.

As the partner's own sync has it, each campaign gets one list of leads and one of contacts, made when it is needed. Its
id is ours, so that two workers make the same one. Sources: Microsoft's Web API reference, `AddMemberList` and
`AddItemCampaign`, both bound to the list; a member is taken off by the relationship, since not every environment has an
action for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID, uuid5

from shared.connectors.dynamics.batch import Part, PartAnswer, read_batch
from shared.connectors.dynamics.client import DataverseClient, quoted
from shared.connectors.dynamics.errors import parse_error, raise_for
from shared.domain.records import Kind, RemoteId
from shared.errors import Transient

MEMBERS: Final[Mapping[Kind, tuple[int, str, str]]] = {
    Kind("contact"): (2, "listcontact_association", "contactid"),
    Kind("lead"): (4, "listlead_association", "leadid"),
}
"""By kind of person: the list's `createdfromcode`, the relationship to its members, and their key."""

_AT_ONCE: Final = 100
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleList:
    """One campaign's list of one kind of people. `id` is ours to choose, `name` what people see."""

    campaign: RemoteId
    kind: Kind
    id: RemoteId
    name: str


_NAMESPACE: Final = UUID("2f3c9d8e-94f5-5b6c-8a43-5f8f4c6d1b20")


def people_list(owner: str, campaign: RemoteId, kind: Kind) -> PeopleList:
    """The list that `owner` (a connection) has for a campaign: the same on every worker."""
    row = RemoteId(str(uuid5(_NAMESPACE, f"{owner}|{campaign}|{kind}")))
    return PeopleList(campaign=campaign, kind=kind, id=row, name=f"dynasync-{kind}s-{row[:8]}")


class CampaignLists:
    """The lists of one environment. Every method may raise AuthError, Transient, Throttled, Rejected."""

    def __init__(self, client: DataverseClient) -> None:
        self._client = client

    def join(self, people: PeopleList, rows: Sequence[RemoteId]) -> Mapping[RemoteId, str | None]:
        """Puts rows on the campaign's list, which is made where there is none. Each row's refusal, "" for none; None
        for who is on the list already and stays there."""
        self._stand(people)
        there = self._members(people, rows)
        missing = [row for row in rows if row.lower() not in there]
        told = self._each(
            missing,
            lambda row: self._client.part(
                "POST", f"lists({people.id})/Microsoft.Dynamics.CRM.AddMemberList", {"EntityId": str(row)}
            ),
        )
        return {row: _refusal(told[row]) if row in told else None for row in rows}

    def leave(self, people: PeopleList, rows: Sequence[RemoteId]) -> Mapping[RemoteId, bool]:
        """Takes rows off the campaign's list, if it has one: whether each was on it."""
        if not self._exists(people):
            return dict.fromkeys(rows, False)
        there = self._members(people, rows)
        relation = MEMBERS[people.kind][1]
        known = [row for row in rows if row.lower() in there]
        told = self._each(known, lambda row: self._client.part("DELETE", f"lists({people.id})/{relation}({row})/$ref"))
        for answer in told.values():
            if not _well(answer) and answer.status not in _GONE:
                raise raise_for(parse_error(answer.status, answer.body), "to take people off a campaign's list")
        return {row: row in told for row in rows}

    def _stand(self, people: PeopleList) -> None:
        """The list, and that it is an item of its campaign. A worker that died between the two is made good here."""
        if not self._exists(people):
            body = {"listname": people.name, "type": False, "createdfromcode": MEMBERS[people.kind][0]}
            part = self._client.part("PATCH", f"lists({people.id})", body, **{"If-None-Match": "*"})
            [made] = self._batch([part])
            if not _well(made) and made.status != HTTPStatus.PRECONDITION_FAILED:
                raise raise_for(parse_error(made.status, made.body), "to make a campaign's list")
        target = self._client.target(
            f"campaigns({people.campaign})/campaignlist_association",
            select="listid",
            filter=f"listid eq {people.id}",
        )
        if self._client.get(target, "campaign").data.get("value"):
            return
        item = {"Campaign": {"campaignid": str(people.campaign), "@odata.type": "Microsoft.Dynamics.CRM.campaign"}}
        answer = self._client.post(f"lists({people.id})/Microsoft.Dynamics.CRM.AddItemCampaign", item, "campaign")
        if not answer.ok and not self._client.get(target, "campaign").data.get("value"):
            raise raise_for(parse_error(answer.status, answer.body), "to put a list into a campaign")

    def _exists(self, people: PeopleList) -> bool:
        target = self._client.target("lists", select="listid", filter=f"listid eq {people.id}")
        return bool(self._client.get(target, "campaign").data.get("value"))

    def _members(self, people: PeopleList, rows: Sequence[RemoteId]) -> set[str]:
        _, relation, key = MEMBERS[people.kind]
        found: set[str] = set()
        for start in range(0, len(rows), _AT_ONCE):
            values = ",".join(quoted(row) for row in rows[start : start + _AT_ONCE])
            chosen = f"Microsoft.Dynamics.CRM.In(PropertyName={quoted(key)},PropertyValues=[{values}])"
            target = self._client.target(f"lists({people.id})/{relation}", select=key, filter=chosen)
            told: Any = self._client.get(target, "campaign").data.get("value")
            found |= {str(row.get(key, "")).lower() for row in told if isinstance(row, Mapping)}
        return found

    def _each(self, rows: Sequence[RemoteId], part: Callable[[RemoteId], Part]) -> dict[RemoteId, PartAnswer]:
        told: dict[RemoteId, PartAnswer] = {}
        for start in range(0, len(rows), _AT_ONCE):
            group = rows[start : start + _AT_ONCE]
            told |= dict(zip(group, self._batch([part(row) for row in group]), strict=True))
        return told

    def _batch(self, parts: Sequence[Part]) -> Sequence[PartAnswer]:
        """Raises Transient where an answer is missing: everything here may be done again."""
        answer = self._client.writes(parts, "campaign")
        found = read_batch(answer.body, answer.headers.get("Content-Type", ""))
        if found is None and not answer.ok:
            raise raise_for(parse_error(answer.status, answer.body), "a batch of campaign members")
        if found is None or len(found.parts) != len(parts):
            raise Transient("Dynamics 365 answered a batch incompletely", code="unreadable_answer")
        return found.parts


def _well(answer: PartAnswer) -> bool:
    return answer.status // 100 == HTTPStatus.OK // 100


def _refusal(answer: PartAnswer) -> str:
    return "" if _well(answer) else parse_error(answer.status, answer.body).code
