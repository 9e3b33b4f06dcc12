"""Who stands for an opportunity: the person of its field `primaryContact`, in Marketo a record of its own (a role).

A role is keyed by opportunity, person and name. Roles are written after their opportunity and deleted before it. Those
of another name are somebody else's and are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any, Final

from shared.connectors.marketo.client import PAGE, Client, Reply
from shared.connectors.marketo.errors import NOT_EXECUTED, NOT_THERE, PASSING, Refusal, first, not_tried, unknown
from shared.connectors.marketo.fields import LEAD
from shared.domain.records import FieldName, FieldSpec, FieldType, Ref, RemoteId
from shared.errors import OutcomeUnknown, SyncError
from shared.http.redaction import mask
from shared.ports.connector import Op, Outcome, Write, WriteResult

CONTACT: Final = FieldName("primaryContact")
SPEC: Final = FieldSpec(name=CONTACT, type=FieldType.REFERENCE, label="Primary Contact (role)", targets=(LEAD,))
_PATH = "opportunities/roles"
_KEY = "externalOpportunityId"
_DONE = frozenset({"created", "updated", "deleted"})

type Results = dict[str, WriteResult]


class Roles:
    """The roles of one name."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    def of(self, ids: Sequence[RemoteId]) -> dict[str, list[RemoteId]]:
        """The people of this role, by the opportunity's id, case aside."""
        found: dict[str, list[RemoteId]] = {}
        for part in batched(ids, PAGE, strict=False):
            query = [("filterType", _KEY), ("filterValues", ",".join(part)), ("fields", f"{_KEY},leadId,role")]
            token = ""
            while True:
                page = [*query, ("nextPageToken", token)] if token else query
                reply = self._client.get(f"{_PATH}.json", "read", page)
                for row in reply.rows:
                    if row.get("role") == self._name and row.get("leadId") is not None:
                        found.setdefault(str(row.get(_KEY)).casefold(), []).append(RemoteId(str(row["leadId"])))
                if not reply.token or reply.token == token or not reply.rows:
                    break
                token = reply.token
        return found

    def follow(self, writes: Sequence[Write], results: Results) -> Results:
        """The results, once the roles of what was written stand as the writes say. Never raises: something was sent."""
        wanted = [
            write for write in writes if CONTACT in write.fields and results[write.key].outcome is Outcome.APPLIED
        ]
        if not wanted:
            return results
        try:
            return results | self._follow(wanted)
        except OutcomeUnknown as lost:
            return results | {write.key: unknown(write, lost.code) for write in wanted}
        except SyncError as error:
            return results | {write.key: unknown(write, error.code) for write in wanted}

    def clear(self, writes: Sequence[Write]) -> None:
        """Deletes the roles of opportunities that are about to be deleted. Raises what a call raises."""
        there = self.of([write.ref.id for write in writes])
        self._send("delete", [(write, lead) for write in writes for lead in there.get(write.ref.id.casefold(), ())])

    def _follow(self, writes: Sequence[Write]) -> Results:
        known = [write.ref.id for write in writes if write.op is Op.UPDATE]
        there = self.of(known) if known else {}
        gone: list[tuple[Write, RemoteId]] = []
        new: list[tuple[Write, RemoteId]] = []
        for write in writes:
            person = write.fields[CONTACT]
            wanted = person.id if isinstance(person, Ref) else None
            now = there.get(write.ref.id.casefold(), [])
            gone += [(write, lead) for lead in now if lead != wanted]
            new += [(write, wanted)] if wanted is not None and wanted not in now else []
        return self._send("delete", gone) | self._send("create", new)

    def _send(self, what: str, rows: Sequence[tuple[Write, RemoteId]]) -> Results:
        """The results of writes whose role was not taken."""
        results: Results = {}
        for part in batched(rows, PAGE, strict=False):
            body: dict[str, Any] = {"input": [self._row(write, lead, what) for write, lead in part]}
            body |= {"deleteBy": "dedupeFields"} if what == "delete" else {"action": "createOrUpdate"}
            path = f"{_PATH}/delete.json" if what == "delete" else f"{_PATH}.json"
            answer = self._client.post(path, f"{what} role", body)
            results |= _told(part, answer, deleting=what == "delete")
        return results

    def _row(self, write: Write, lead: RemoteId, what: str) -> dict[str, Any]:
        row = {_KEY: write.ref.id, "leadId": int(lead), "role": self._name}
        return row if what == "delete" else {**row, "isPrimary": True}


def _told(part: Sequence[tuple[Write, RemoteId]], answer: Reply | Refusal, *, deleting: bool) -> Results:
    if isinstance(answer, Refusal):
        if answer.code in NOT_EXECUTED:
            return {write.key: not_tried(write, f"mkto_{answer.code}", 5.0) for write, _ in part}
        if answer.code in PASSING or not answer.code:
            return {write.key: unknown(write, f"mkto_{answer.code}") for write, _ in part}
        return {write.key: _refused(write, answer) for write, _ in part}
    if len(answer.rows) != len(part):
        return {write.key: unknown(write, "unreadable_answer") for write, _ in part}
    pairs = zip(part, answer.rows, strict=True)
    bad = {write.key: (write, row) for (write, _), row in pairs if not _good(row, deleting=deleting)}
    return {key: _refused(write, first(row.get("reasons"))) for key, (write, row) in bad.items()}


def _good(row: Mapping[str, Any], *, deleting: bool) -> bool:
    return row.get("status") in _DONE or (deleting and first(row.get("reasons")).code == NOT_THERE)


def _refused(write: Write, refusal: Refusal) -> WriteResult:
    return WriteResult(
        key=write.key,
        outcome=Outcome.REJECTED,
        code=refusal.name,
        message=mask(
            refusal.message, [value for value in write.fields.values() if isinstance(value, str)], write.fields
        ),
        field=CONTACT,
    )
