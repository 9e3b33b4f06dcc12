"""Which webhook listens to which write: the rows of endpoints, steps and images (dataverse.md 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from xml.etree import ElementTree

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.hooks import Op, WriteEvent
from simulators.dataverse.store import Ref, Row, Store

WEBHOOK_CONTRACT = 8
SYNC, ASYNC = 0, 1
MESSAGES: dict[Op, str] = {"create": "Create", "update": "Update", "delete": "Delete"}


class Stage(IntEnum):
    """When a step runs."""

    PRE_VALIDATION = 10
    PRE_OPERATION = 20
    POST_OPERATION = 40


class Auth(IntEnum):
    """How an endpoint is told that the caller is Dataverse."""

    WEBHOOK_KEY = 4
    HTTP_HEADER = 5
    QUERY_STRING = 6


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of the row before or after the write. `columns` empty means all."""

    alias: str
    before: bool
    after: bool
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One registration that a write has met."""

    id: str
    name: str
    stage: int
    mode: int
    keep_success: bool
    images: tuple[Image, ...]
    url: str
    auth: int
    auth_value: str


def steps_for(context: Context, event: WriteEvent, mode: int, stages: frozenset[int]) -> Iterator[Step]:
    """The enabled webhook steps for this write, by rank."""
    rows = context.store["sdkmessageprocessingstep"]
    if not len(rows):
        return
    found = [row for row in rows.rows() if _matches(context.store, row, event, mode, stages)]
    for row in sorted(found, key=lambda row: (_number(row.get("rank")), str(row["sdkmessageprocessingstepid"]))):
        step = _read_step(context.store, row)
        if step is not None:
            yield step


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _matches(store: Store, row: Row, event: WriteEvent, mode: int, stages: frozenset[int]) -> bool:
    if row.get("statecode", 0) != 0 or _number(row.get("mode")) != mode or _number(row.get("stage")) not in stages:
        return False
    message = _linked(store, row.get("sdkmessageid"))
    if message is None or message.get("name") != MESSAGES[event.op]:
        return False
    bound = _linked(store, row.get("sdkmessagefilterid"))
    if bound is not None and bound.get("primaryobjecttypecode") not in {event.table.name, "none"}:
        return False
    return event.op != "update" or _touches(row.get("filteringattributes"), event)


def _touches(filtering: object, event: WriteEvent) -> bool:
    """Whether the update sent one of the filtering attributes; without any, every update counts."""
    wanted = {part.strip().lower() for part in str(filtering or "").split(",") if part.strip()}
    return not wanted or bool(wanted & set(event.changed))


def _linked(store: Store, value: object) -> Row | None:
    return store[value.table].get(value.id) if isinstance(value, Ref) and value.table in store.tables else None


def _read_step(store: Store, row: Row) -> Step | None:
    endpoint = _linked(store, row.get("eventhandler"))
    if endpoint is None or endpoint.get("contract") != WEBHOOK_CONTRACT or not endpoint.get("url"):
        return None
    step_id = str(row["sdkmessageprocessingstepid"])
    return Step(
        id=step_id,
        name=str(row.get("name") or ""),
        stage=_number(row.get("stage")),
        mode=_number(row.get("mode")),
        keep_success=row.get("asyncautodelete") is False,
        images=tuple(_images(store, step_id)),
        url=str(endpoint["url"]),
        auth=_number(endpoint.get("authtype")),
        auth_value=str(endpoint.get("authvalue") or ""),
    )


def _images(store: Store, step_id: str) -> Iterator[Image]:
    step = Ref("sdkmessageprocessingstep", step_id)
    for row in store["sdkmessageprocessingstepimage"].find("sdkmessageprocessingstepid", step):
        kind = _number(row.get("imagetype"))
        columns = frozenset(part.strip() for part in str(row.get("attributes") or "").split(",") if part.strip())
        yield Image(str(row.get("entityalias") or row.get("name") or ""), kind in {0, 2}, kind in {1, 2}, columns)


def read_settings(text: str) -> dict[str, str]:
    """The names and values in `<settings><setting name="" value=""/></settings>`.

    Raises:
        ValueError: the text is no such XML.
    """
    if "<!" in text:
        raise ValueError("no document type is allowed here")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities cannot occur without the document type refused above
    except ElementTree.ParseError as problem:
        raise ValueError(str(problem)) from problem
    return {str(each.get("name")): str(each.get("value") or "") for each in root.iter("setting") if each.get("name")}


def check_registration(context: Context, event: WriteEvent) -> None:
    """Before a step or endpoint is kept: what could never work is refused."""
    if event.after is None:
        return
    if event.table.name == "sdkmessageprocessingstep":
        _check_step(context, event.after)
    if event.table.name == "serviceendpoint" and event.after.get("contract") == WEBHOOK_CONTRACT:
        _check_endpoint(event.after)


def _check_step(context: Context, row: Row) -> None:
    if _number(row.get("mode")) == ASYNC and row.get("stage") != Stage.POST_OPERATION:
        raise error("InvalidArgument", message="Asynchronous steps can only be registered in the PostOperation stage.")
    message = _linked(context.store, row.get("sdkmessageid"))
    if message is None:
        raise error("InvalidArgument", message="A step must name a message (sdkmessageid).")
    if row.get("filteringattributes") and message.get("name") != "Update":
        raise error("InvalidArgument", message="Filtering attributes are only supported for the Update message.")


def _check_endpoint(row: Row) -> None:
    auth, value = _number(row.get("authtype")), str(row.get("authvalue") or "")
    if auth not in set(Auth):
        raise error("InvalidArgument", message=f"The authentication type {auth} is not valid for a webhook.")
    if not str(row.get("url") or "").lower().startswith(("http://", "https://")):
        raise error("InvalidArgument", message="A webhook needs an absolute http or https URL.")
    if auth == Auth.WEBHOOK_KEY:
        return
    code, what = ("0x80050203", "headers") if auth == Auth.HTTP_HEADER else ("0x80050204", "query parameters")
    try:
        settings = read_settings(value)
    except ValueError:
        settings = {}
    if not settings:
        raise DataverseError(400, code, f"The webhook's HTTP {what} are not valid.", name="WebhooksInvalid")
