"""Airbyte's Dataverse source against the simulator: an independent reader of change tracking.

Only its base address and trust store are changed; the address of the token endpoint is a literal in its code, so the
function that builds the authenticator is given the simulated one.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataverse_walk import CLIENT_ID, CLIENT_SECRET, TENANT, DataverseWalk
from walking import expect

walk = DataverseWalk()
os.environ["REQUESTS_CA_BUNDLE"] = walk.ca

import requests  # noqa: E402
import source_microsoft_dataverse.dataverse as dataverse_module  # noqa: E402
import source_microsoft_dataverse.source as source_module  # noqa: E402
from airbyte_cdk.models import AirbyteMessage, ConfiguredAirbyteCatalog, SyncMode, Type  # noqa: E402
from airbyte_cdk.utils.traced_exception import AirbyteTracedException  # noqa: E402

# The connector sends prepared requests, for which the environment's bundle does not count.
requests.adapters.DEFAULT_CA_BUNDLE_PATH = walk.ca
logger = logging.getLogger("airbyte")
logging.disable(logging.CRITICAL)
CONFIG = {
    "url": walk.base,
    "tenant_id": TENANT,
    "client_id": CLIENT_ID,
    "client_secret_value": CLIENT_SECRET,
    "odata_maxpagesize": 3,
}
known: dict[str, Any] = {}


def simulated_auth(config: dict[str, Any]) -> Any:
    return dataverse_module.MicrosoftOauth2Authenticator(
        token_refresh_endpoint=f"{walk.entra}/{config['tenant_id']}/oauth2/v2.0/token",
        client_id=config["client_id"],
        client_secret=config["client_secret_value"],
        scopes=[f"{config['url']}/.default"],
        refresh_token="",
    )


dataverse_module.get_auth = simulated_auth
source_module.get_auth = simulated_auth
source = source_module.SourceMicrosoftDataverse()


def call(method: str, path: str, body: Any = None) -> requests.Response:
    """Change the organisation between syncs; the source itself only reads."""
    headers = {"Authorization": f"Bearer {walk.token()}", "Content-Type": "application/json"}
    answer = requests.request(method, f"{walk.base}/api/data/v9.2/{path}", json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer


def sync(mode: SyncMode, state: Any = None) -> tuple[list[dict[str, Any]], Any]:
    stream = next(each for each in known["catalog"].streams if each.name == "contact")
    configured = ConfiguredAirbyteCatalog.parse_obj(
        {
            "streams": [
                {
                    "stream": stream.dict(),
                    "sync_mode": mode,
                    "destination_sync_mode": "append",
                    "primary_key": stream.source_defined_primary_key,
                    "cursor_field": stream.default_cursor_field or ["modifiedon"],
                }
            ]
        }
    )
    records, last = [], state
    for message in source.read(logger, CONFIG, configured, state):
        if not isinstance(message, AirbyteMessage):
            continue
        if message.type == Type.RECORD:
            records.append(message.record.data)
        elif message.type == Type.STATE:
            last = [message.state]
    return records, last


@walk.step("check")
def check() -> None:
    expect(source.check_connection(logger, CONFIG), (True, None))


@walk.step("metadata")
def discover() -> None:
    known["catalog"] = source.discover(logger, CONFIG)
    streams = {stream.name: stream for stream in known["catalog"].streams}
    contact = streams["contact"]
    expect(SyncMode.incremental in contact.supported_sync_modes, True, "incremental")
    expect(contact.source_defined_primary_key, [["contactid"]])
    properties = contact.json_schema["properties"]
    expect(properties["birthdate"].get("format"), "date", "date-only column, from a batch of casts")
    expect(properties["createdon"].get("format"), "date-time")
    expect("_createdby_value" in properties, True, "lookups read as _x_value")


@walk.step("read paging")
def read_paging() -> None:
    for number in range(8):
        path = f"contacts(00000000-0000-4000-8000-{number:012})"
        call("PATCH", path, {"lastname": f"Delta {number}"})
    records, _ = sync(SyncMode.full_refresh)
    expect(sorted(record["lastname"] for record in records), [f"Delta {n}" for n in range(8)])


@walk.step("delta")
def delta() -> None:
    records, known["state"] = sync(SyncMode.incremental)
    expect(len(records), 8)
    call("PATCH", "contacts(00000000-0000-4000-8000-000000000001)", {"jobtitle": "changed"})
    call("PATCH", "contacts(00000000-0000-4000-8000-000000000100)", {"lastname": "Delta new"})
    records, known["state"] = sync(SyncMode.incremental, known["state"])
    expect(sorted(record["lastname"] for record in records), ["Delta 1", "Delta new"])
    records, known["state"] = sync(SyncMode.incremental, known["state"])
    expect(records, [])


@walk.step("delete")
def deletions() -> None:
    call("DELETE", "contacts(00000000-0000-4000-8000-000000000002)")
    records, known["state"] = sync(SyncMode.incremental, known["state"])
    expect([record["contactid"] for record in records], ["00000000-0000-4000-8000-000000000002"])
    expect(records[0]["_ab_cdc_deleted_at"] is not None, True, "deletion mark")


@walk.step("errors")
def expired() -> None:
    walk.control("POST", "do/touch_metadata", {"table": "contact"})
    try:
        sync(SyncMode.incremental, known["state"])
    except AirbyteTracedException:
        refused = [call for call in walk.control("GET", "calls")[-5:] if call["status"] == 400]
        expect([call["query_keys"] for call in refused], [["$deltatoken"]], "the refused call")
    else:
        raise AssertionError("a token from before a metadata change was taken")
    records, _ = sync(SyncMode.incremental)
    expect(len(records), 8, "full load after the token died")


@walk.step("429")
def throttled() -> None:
    walk.control("POST", "switches", {"limit_requests": 1})
    try:
        for _ in range(3):
            ok, problem = source.check_connection(logger, CONFIG)
        expect((ok, problem.response.status_code), (False, 429))
    finally:
        walk.control("POST", "switches", {"limit_requests": 6000})


@walk.step("rows")
def rows() -> None:
    left = [(f"Delta {n}", "changed" if n == 1 else None) for n in range(8) if n != 2] + [("Delta new", None)]
    expect(walk.rows("contact", "lastname", "jobtitle"), sorted(left, key=str))


walk.run()
