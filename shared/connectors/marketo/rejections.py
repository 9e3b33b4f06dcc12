"""What Dynamics refused, as custom activities in the log of the person in Marketo.

Source: the vendor's page on activities. A type has an API name, one primary attribute and up to twenty others, and is
of use once it is approved; an activity is written once and never changed. Marketo gives an activity its own name, so
ours stands in an attribute: by it an activity is found whose answer was lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

from shared.connectors.marketo.client import PAGE, Client, Reply
from shared.connectors.marketo.errors import DENIED, NO_LEAD, Refusal, first, raise_for
from shared.connectors.stepper import NotTold
from shared.connectors.surroundings import Memo
from shared.errors import ConfigError
from shared.ports.logbook import Notice

_KEPT = 3600.0
_LEADS = 30
_BACK = timedelta(days=30)
_SHORT, _LONG = 255, 2000
_TITLE = "Rejected by Dynamics"
_PRIMARY = {"apiName": "reason", "name": "Reason", "dataType": "string", "description": "Dynamics' own code"}
_ATTRIBUTES: Mapping[str, str] = {
    "entity": "Entity",
    "field": "Fields",
    "message": "Message",
    "row": "Dynamics Row",
    "notice": "Notice",
}


@dataclass(frozen=True, slots=True)
class ActivityType:
    """An approved type: its number, the API names of its attributes, the display name of the one that holds our key."""

    id: int
    attributes: frozenset[str]
    notice: str


class RejectionLog:
    """The custom activity type that the settings name, in one subscription."""

    def __init__(self, client: Client, memo: Memo, name: str) -> None:
        self._client, self._memo, self._name = client, memo, name
        self._key = ("marketo", "activity type", client.http.origin, name)

    # -- the type ----------------------------------------------------------------------------------------------------

    def verify(self) -> str:
        """What a check says. Raises NotTold while there is no such type, ConfigError for one that cannot be used."""
        self._memo.drop(self._key)
        found = self._describe()
        if found is None:
            missing = self._missing("there is no custom activity of that API name yet; switching the sync on makes it")
            raise NotTold(str(missing), missing.next_step)
        if found.get("status") == "draft":
            raise self._missing("the custom activity of that API name is not approved")
        lacking = [name for name in _ATTRIBUTES if name not in _names(found)]
        if lacking:
            raise self._missing(f"the custom activity lacks the attributes {', '.join(lacking)}")
        return f"what Dynamics refuses is told by the custom activity {self._name}"

    def install(self) -> None:
        """Makes and approves the type unless it is there, or goes on where this broke off. What an administrator made
        is never touched."""
        found = self._describe()
        base = "activities/external/type"
        if found is None:
            body = {
                "apiName": self._name,
                "name": _TITLE,
                "description": "A change of this person was not taken by Dynamics 365",
                "triggerName": "Is Rejected by Dynamics",
                "filterName": "Was Rejected by Dynamics",
                "primaryAttribute": _PRIMARY,
            }
            self._do(f"{base}.json", body)
        elif found.get("status") != "draft" or found.get("name") != _TITLE:
            return
        there = _names(found or {})
        attributes = [
            {"apiName": name, "name": shown, "dataType": "text" if name == "message" else "string"}
            for name, shown in _ATTRIBUTES.items()
            if name not in there
        ]
        if attributes:
            self._do(f"{base}/{self._name}/attributes/create.json", {"attributes": attributes})
        self._do(f"{base}/{self._name}/approve.json", {})
        self._memo.drop(self._key)

    def _missing(self, why: str) -> ConfigError:
        names = ", ".join(f"{name} ({shown})" for name, shown in _ATTRIBUTES.items())
        return ConfigError(
            f"partner.rejection_activity: {why}",
            setting="partner.rejection_activity",
            code="no_activity_type",
            next_step=f"Under Admin, Marketo Custom Activities, make {self._name} with the primary attribute reason "
            f"and the attributes {names}, and approve it; or give the API user's role Read-Write Activity Metadata and "
            "switch the sync on, which makes it; or empty the setting: then nothing is told there.",
        )

    def _do(self, path: str, body: Mapping[str, Any]) -> None:
        answer = self._client.post(path, "activity type", body)
        if isinstance(answer, Refusal):
            raise raise_for(answer, "to make the custom activity")

    def _describe(self) -> Mapping[str, Any] | None:
        found = self._client.try_get(f"activities/external/type/{self._name}/describe.json", "activity type")
        if isinstance(found, Refusal) and found.code == DENIED:
            raise raise_for(found, "to read the custom activity's type")
        return found.rows[0] if isinstance(found, Reply) and found.rows else None

    def _type(self) -> ActivityType | None:
        found = self._describe()
        if found is None or found.get("status") == "draft" or not isinstance(found.get("id"), int):
            return None
        names = _names(found)
        return ActivityType(int(found["id"]), frozenset(names), names.get("notice", ""))

    # -- telling -----------------------------------------------------------------------------------------------------

    def note(self, notices: Sequence[Notice], doubtful: Collection[str]) -> frozenset[str]:
        """See `Logbook.note`. Nothing is told while the type is not there; the check says so."""
        made = self._memo.get(self._key, _KEPT, self._type)
        if made is None:
            self._memo.drop(self._key)
            return frozenset()
        unsure = [notice for notice in notices if notice.key in doubtful]
        told = set(self._found(made, unsure)) if unsure and made.notice else set()
        left = [notice for notice in notices if notice.key not in told]
        for part in batched(left, PAGE, strict=False):
            told |= self._add(made, part)
        return frozenset(told)

    def _add(self, made: ActivityType, notices: Sequence[Notice]) -> set[str]:
        rows = [_row(made, notice) for notice in notices]
        answer = self._client.post("activities/external.json", "rejections", {"input": rows})
        if isinstance(answer, Refusal):
            raise raise_for(answer, "to write activities")
        answers = answer.rows if len(answer.rows) == len(notices) else []
        return {notice.key for notice, row in zip(notices, answers, strict=False) if _done(row)}

    def _found(self, made: ActivityType, notices: Sequence[Notice]) -> set[str]:
        """Keys that stand in the log already."""
        wanted = {notice.key for notice in notices}
        since = min(notice.at for notice in notices) - _BACK
        found: set[str] = set()
        for leads in batched(dict.fromkeys(notice.ref.id for notice in notices), _LEADS, strict=False):
            query = [("activityTypeIds", str(made.id)), ("leadIds", ",".join(leads))]
            found |= {key for row in self._activities(query, since) for key in _keys(made, row)}
        return found & wanted

    def _activities(self, query: Sequence[tuple[str, str]], since: datetime) -> list[Mapping[str, Any]]:
        start = [("sinceDatetime", _time(since))]
        token = self._client.get("activities/pagingtoken.json", "paging", start).token
        rows: list[Mapping[str, Any]] = []
        while True:
            reply = self._client.get("activities.json", "rejections", [*query, ("nextPageToken", token)])
            rows += reply.rows
            if not reply.more or not reply.token or reply.token == token:
                return rows
            token = reply.token


def _names(found: Mapping[str, Any]) -> dict[str, str]:
    """Display names of the attributes by API name."""
    rows = found.get("attributes")
    named = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return {str(row.get("apiName")): str(row.get("name")) for row in named}


def _row(made: ActivityType, notice: Notice) -> dict[str, Any]:
    values = {
        "entity": notice.entity,
        "field": notice.field[:_SHORT],
        "message": notice.message[:_LONG],
        "row": notice.crm.id,
        "notice": notice.key,
    }
    return {
        "leadId": int(notice.ref.id),
        "activityDate": _time(notice.at),
        "activityTypeId": made.id,
        "primaryAttributeValue": (notice.code or "rejected")[:_SHORT],
        "attributes": [
            {"apiName": name, "value": value} for name, value in values.items() if value and name in made.attributes
        ],
    }


def _done(row: Mapping[str, Any]) -> bool:
    """Written, or nobody is left to tell. What is skipped says why under `errors`, here, not under `reasons`."""
    return row.get("status") == "added" or first(row.get("errors") or row.get("reasons")).code == NO_LEAD


def _keys(made: ActivityType, row: Mapping[str, Any]) -> list[str]:
    rows = row.get("attributes")
    named = [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
    return [str(each.get("value")) for each in named if each.get("name") in {made.notice, "notice"}]


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
