"""No name, address, telephone number, key or token reaches an error, a result, a check or a log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.errors import SyncError
from shared.ports.connector import Connector, Op, Ticket, Write
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import account
from tests.wire.connectors.dynamics import organisation

CONTACT = Kind("contact")
NAME, MAIL, PHONE, SECRET = (
    "Xylophone Quuxbury",
    "xylo.quux@vogel.example",
    "+39 06 5550918273645",
    "s3cr3t-key-of-ours",
)
PRIVATE = ("Xylophone", "Quuxbury", "xylo.quux", "vogel.example", "5550918273645", "s3cr3t", "Bearer ")
ECHO = f"The value {NAME} of {MAIL} and {PHONE} is not allowed"
FAULTS: tuple[Any, ...] = (
    None,
    "drop_before",
    "drop_after",
    "truncate",
    {"status": 400, "body": f'{{"error":{{"code":"0x80040265","message":"{ECHO}"}},"message":"{ECHO}"}}'},
    {"status": 403, "body": f'{{"message":"{ECHO}"}}'},
    {"status": 422, "body": f'{{"errors":[{{"title":"{ECHO}","detail":"{MAIL}","code":"field_invalid"}}]}}'},
    {"status": 429, "headers": {"Retry-After": "600"}, "body": ECHO},
    {"status": 500, "body": ECHO},
    {"status": 200, "body": f'{{"{NAME}": 1, "{NAME}": 2}}', "headers": {"Content-Type": "application/json"}},
    {"status": 200, "body": f'["{MAIL}"]', "headers": {"Content-Type": "application/json"}},
    {"status": 200, "body": f'{{"value": ["{MAIL}"], "contacts": ["{MAIL}"]}}'},
    {"status": 302, "headers": {"Location": f"https://evil.example/?email={MAIL}"}},
    {"html": f"<html>{MAIL}</html>"},
)


def private_in(text: str) -> list[str]:
    return [word for word in PRIVATE if word.lower() in text.lower()]


def operations(
    connector: Connector, fields: dict[FieldName, Any], row: RemoteId, mail: FieldName
) -> Iterable[Callable[[], Any]]:
    names = list(fields)
    known = Ref(CONTACT, row)

    def creates(count: int) -> list[Write]:
        return [
            Write(
                key=f"k{n}",
                op=Op.CREATE,
                ref=Ref(
                    CONTACT,
                    RemoteId(
                        f"00000000-0000-4000-8000-{n:012d}" if connector.capabilities.system == "dynamics" else ""
                    ),
                ),
                fields={**fields, mail: f"{n}{MAIL}"},
                match=f"{n}{MAIL}",
                add_labels=frozenset({NAME}) if connector.capabilities.kinds[CONTACT].labels else frozenset(),
            )
            for n in range(count)
        ]

    yield connector.identity
    yield lambda: list(connector.check())
    yield lambda: connector.describe(CONTACT)
    yield lambda: connector.changes(CONTACT, None, names)
    yield lambda: connector.read(CONTACT, [row], names)
    yield lambda: connector.find(CONTACT, [MAIL], names)
    yield lambda: connector.write(creates(1))
    yield lambda: connector.write(creates(12))
    yield lambda: connector.write([Write(key="u", op=Op.UPDATE, ref=known, fields=fields, expect='W/"1"')])
    yield lambda: connector.write([Write(key="d", op=Op.DELETE, ref=known)])
    yield lambda: connector.settle([Ticket("t")])


def told(run: Callable[[], Any]) -> str:
    """Everything of an operation that may be stored or shown: an error with all that is chained, or what is told of
    results and steps (their records hold values, and are not stored)."""
    try:
        outcome = run()
    except SyncError as error:
        chain = [each for each in (error, error.__context__, error.__cause__) if each is not None]
        return error.next_step + "".join(f"{each!r} {each} {vars(each)}" for each in chain)
    if not isinstance(outcome, list | tuple):
        return ""
    parts = ("code", "message", "reason", "next_step", "ticket")
    return " ".join(str(getattr(item, part, "")) for item in outcome for part in parts)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    ours = [record for record in caplog.records if record.name.startswith(("shared", "urllib3"))]
    return "".join(f"{record.getMessage()} {vars(record)}" for record in ours)


def ids(fault: Any) -> str:
    return next(iter(fault)) + str(fault.get("status", "")) if isinstance(fault, dict) else str(fault)


@pytest.mark.parametrize("fault", FAULTS, ids=ids)
def test_dynamics_keeps_it_to_itself(ca: Authority, caplog: pytest.LogCaptureFixture, fault: Any) -> None:
    caplog.set_level(logging.DEBUG, logger="shared")
    caplog.set_level(logging.INFO, logger="urllib3")
    fields = {FieldName("lastname"): NAME, FieldName("emailaddress1"): MAIL, FieldName("telephone1"): PHONE}
    with organisation(ca) as org:
        row = org.create(fields)
        for run in operations(org.connector, fields, row, FieldName("emailaddress1")):
            org.break_down(None)
            if fault is not None:
                org.server.host.faults.add([{"match": {"path": "/api/data"}, "do": fault}])
            assert private_in(told(run)) == []
    assert private_in(logged(caplog)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=ids)
def test_activecampaign_keeps_it_to_itself(ca: Authority, caplog: pytest.LogCaptureFixture, fault: Any) -> None:
    caplog.set_level(logging.DEBUG, logger="shared")
    caplog.set_level(logging.INFO, logger="urllib3")
    fields = {FieldName("lastName"): NAME, FieldName("email"): MAIL, FieldName("phone"): PHONE}
    with account(ca) as ac:
        ac.system.seed({"users": [{"username": "sync", "apiKey": SECRET}]})
        ac.around.secrets.known["ac-key"] = SECRET
        row = ac.create(fields)
        for run in operations(ac.connector, fields, row, FieldName("email")):
            ac.break_down(None)
            if fault is not None:
                ac.server.host.faults.add([{"match": {"path": "/api/3"}, "do": fault}])
            assert private_in(told(run)) == []
    assert private_in(logged(caplog)) == []
