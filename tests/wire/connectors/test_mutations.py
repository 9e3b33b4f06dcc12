"""Answers that are nearly right: whatever is bent in them, the outcome is a typed error or an honest result."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.errors import SyncError
from shared.http import client as http_client
from shared.http.calls import Answer, Call
from shared.http.transport import Lost
from shared.ports.connector import Connector, Op, Outcome, Ticket, Write
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import account
from tests.wire.connectors.dynamics import organisation

CONTACT = Kind("contact")
STRANGE: tuple[Any, ...] = (
    None,
    "",
    "x",
    0,
    -1,
    10**30,
    True,
    [],
    {},
    [None],
    {"a": []},
    "0000-00-00",
    'W/"1"',
    ["x"],
    1.5,
)


def bent(value: Any, rng: random.Random) -> Any:
    """The value with one thing in it, somewhere, dropped, doubled or replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(sorted(value))
        if rng.random() < 0.15:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: bent(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        if rng.random() < 0.15:
            return value[:place] + value[place + 1 :]
        if rng.random() < 0.1:
            return [*value, value[place]]
        return [*value[:place], bent(value[place], rng), *value[place + 1 :]]
    return rng.choice(STRANGE)


class Bender:
    """Stands between client and wire, and bends the JSON of some answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int, *, share: float) -> None:
        self.rng = random.Random(seed)
        self.share = share
        self.on = False
        real = http_client.exchange

        def exchange(session: Any, call: Call, **options: Any) -> Answer | Lost:
            answer = real(session, call, **options)
            if not self.on or isinstance(answer, Lost) or self.rng.random() > self.share:
                return answer
            return replace(answer, body=self.bend(answer.body))

        monkeypatch.setattr(http_client, "exchange", exchange)

    def bend(self, body: bytes) -> bytes:
        if b"HTTP/1.1" in body:  # a batch: bend the JSON of one part, or cut a line out
            lines = body.split(b"\r\n")
            place = self.rng.randrange(len(lines))
            if lines[place].startswith(b"{"):
                lines[place] = self.bend(lines[place])
            elif self.rng.random() < 0.3:
                del lines[place]
            return b"\r\n".join(lines)
        try:
            return json.dumps(bent(json.loads(body), self.rng)).encode()
        except ValueError:
            return body


def operations(
    connector: Connector, fields: dict[FieldName, Any], row: RemoteId, mail: FieldName
) -> Iterable[Callable[[], Any]]:
    names = list(fields)
    ours = connector.capabilities.system == "dynamics"

    def create(number: int) -> Write:
        return Write(
            key=f"k{number}",
            op=Op.CREATE,
            ref=Ref(CONTACT, RemoteId(f"00000000-0000-4000-8000-{number:012d}" if ours else "")),
            fields={**fields, mail: f"n{number}@example.com"},
            match=f"n{number}@example.com",
        )

    def walk() -> None:
        cursor, fresh = None, True
        for _ in range(8):
            if cursor is None and not fresh:
                return
            page = connector.changes(CONTACT, cursor, names)
            cursor, fresh = page.cursor, False
            if not page.more:
                return

    yield connector.identity
    yield lambda: list(connector.check())
    yield lambda: connector.describe(CONTACT)
    yield walk
    yield lambda: connector.read(
        CONTACT, [row, RemoteId("00000000-0000-4000-8000-00000000ffff" if ours else "999")], names
    )
    yield lambda: connector.find(CONTACT, ["p1@example.com"], names)
    yield lambda: connector.write([create(1)])
    yield lambda: connector.write([create(n) for n in range(2, 14)])
    yield lambda: connector.write([Write(key="u", op=Op.UPDATE, ref=Ref(CONTACT, row), fields={names[0]: "new"})])
    yield lambda: connector.settle([Ticket("t")])


def run_all(connector: Connector, bender: Bender, runs: Iterable[Callable[[], Any]]) -> int:
    """Runs each with bent answers; answers how many ended in a typed error. Anything else fails the test."""
    errors = 0
    for run in runs:
        bender.on = True
        try:
            outcome = run()
        except SyncError:
            errors += 1
        else:
            if isinstance(outcome, list):
                assert all(getattr(item, "outcome", Outcome.APPLIED) in Outcome for item in outcome)
        bender.on = False
    return errors


@pytest.mark.parametrize("seed", range(6))
def test_dynamics_stands_bent_answers(ca: Authority, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    bender = Bender(monkeypatch, seed, share=0.4)
    fields: dict[FieldName, Any] = {
        FieldName("lastname"): "Row",
        FieldName("emailaddress1"): "p1@example.com",
        FieldName("birthdate"): None,
        FieldName("annualincome"): Decimal("1.50"),
        FieldName("new_topics"): frozenset({"100000001"}),
        FieldName("new_metat"): datetime(2026, 1, 1, tzinfo=UTC),
        FieldName("parentcustomerid"): None,
    }
    errors = 0
    with organisation(ca, tables=["contact"]) as org:
        row = org.create(fields)
        for _ in range(5):
            org.around.memo.clear()
            org.around.budget.open()
            errors += run_all(org.connector, bender, operations(org.connector, fields, row, FieldName("emailaddress1")))
    assert errors


@pytest.mark.parametrize("seed", range(6))
def test_activecampaign_stands_bent_answers(ca: Authority, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    bender = Bender(monkeypatch, seed, share=0.4)
    errors = 0
    with account(ca, custom_values="include" if seed % 2 else "feed", switches={"include_side_loads": True}) as ac:
        fields = {name: value for name, value in ac.values(1).items() if value is not None}
        row = ac.create({**fields, FieldName("email"): "p1@example.com"})
        wide = {**fields, FieldName("account"): None, FieldName("optedOut"): None}
        for _ in range(5):
            ac.around.memo.clear()
            ac.around.budget.open()
            errors += run_all(ac.connector, bender, operations(ac.connector, wide, row, FieldName("email")))
    assert errors
