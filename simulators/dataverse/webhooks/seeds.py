"""Webhooks declared at seed, as an administrator would have registered them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulators.dataverse.metadata.messages import filter_id, message_id, messages_of
from simulators.dataverse.store import Ref, Value
from simulators.dataverse.webhooks.registration import ASYNC, MESSAGES, SYNC, WEBHOOK_CONTRACT, Auth, Stage
from simulators.frame import ControlError

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem


def seed_webhooks(service: DataverseSystem, spec: Any) -> list[dict[str, str]]:
    """Seed key `webhooks`: `[{"table": "contact", "message": "Update", "url": "https://...", "key": "..."}]`.

    Further keys: `filtering` (columns, for Update), `synchronous`, `image` (columns of an image called `image`, before
    the write for Delete and both ways for Update).
    """
    if not isinstance(spec, list) or not all(isinstance(each, Mapping) for each in spec):
        raise ControlError("webhooks must be a list of objects")
    return [_register(service, each) for each in spec]


def _register(service: DataverseSystem, each: Mapping[str, Any]) -> dict[str, str]:
    table, message = str(each.get("table")), str(each.get("message"))
    if service.schema.get(table) is None or message not in MESSAGES.values():
        raise ControlError(f"no webhook on {message!r} of {table!r}; messages: {', '.join(MESSAGES.values())}")
    if message not in messages_of(service, table) or not str(each.get("url", "")).startswith(("http://", "https://")):
        raise ControlError("a webhook needs an absolute url")
    endpoint, step = service.new_id(), service.new_id()
    service.store.put(
        "serviceendpoint",
        {
            "serviceendpointid": endpoint,
            "name": f"{table} {message}",
            "contract": WEBHOOK_CONTRACT,
            "authtype": int(Auth.WEBHOOK_KEY),
            "authvalue": str(each.get("key") or "key"),
            "url": str(each["url"]),
        },
    )
    row: dict[str, Value] = {
        "sdkmessageprocessingstepid": step,
        "name": f"{table} {message}",
        "stage": int(Stage.POST_OPERATION),
        "mode": SYNC if each.get("synchronous") else ASYNC,
        "rank": 1,
        "eventhandler": Ref("serviceendpoint", endpoint),
        "sdkmessageid": Ref("sdkmessage", message_id(message)),
        "sdkmessagefilterid": Ref("sdkmessagefilter", filter_id(table, message)),
        "filteringattributes": ",".join(each.get("filtering", ())) or None,
        "statecode": 0,
        "statuscode": 1,
    }
    service.store.put("sdkmessageprocessingstep", row)
    if each.get("image"):
        _add_image(service, step, message, ",".join(each["image"]))
    return {"step": step, "endpoint": endpoint}


def _add_image(service: DataverseSystem, step: str, message: str, columns: str) -> None:
    image: dict[str, Value] = {
        "sdkmessageprocessingstepimageid": service.new_id(),
        "sdkmessageprocessingstepid": Ref("sdkmessageprocessingstep", step),
        "name": "image",
        "entityalias": "image",
        "imagetype": {"Delete": 0, "Create": 1}.get(message, 2),
        "attributes": columns,
    }
    service.store.put("sdkmessageprocessingstepimage", image)
