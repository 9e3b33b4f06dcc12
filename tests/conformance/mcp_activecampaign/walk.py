"""The client class of PyPI mcp-activecampaign against the simulator, unchanged but for base address and trust store.

It holds itself to 5 requests a second, waits for Retry-After, and raises a typed error.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from activecampaign_walk import BASE, KEY, contact_state, control, run, step
from mcp_activecampaign.client import ActiveCampaignClient, ActiveCampaignError
from walking import expect

loop = asyncio.new_event_loop()
client = ActiveCampaignClient(BASE, KEY)


def get(path: str, **params: Any) -> Any:
    return loop.run_until_complete(client.get(path, params=params or None))


def post(path: str, body: Any) -> Any:
    return loop.run_until_complete(client.post(path, json=body))


def put(path: str, body: Any) -> Any:
    return loop.run_until_complete(client.put(path, json=body))


def delete(path: str) -> Any:
    return loop.run_until_complete(client.delete(path))


def refused(call: Any, *arguments: Any) -> ActiveCampaignError:
    try:
        call(*arguments)
    except ActiveCampaignError as problem:
        return problem
    raise AssertionError("the call succeeded")


@step("create")
def create() -> None:
    expect(post("/contacts", {"contact": {"email": "mcp@example.com", "firstName": "M"}})["contact"]["id"], "36")
    expect(get("/contacts/36")["contact"]["email"], "mcp@example.com")


@step("read paging")
def read_paging() -> None:
    found: list[str] = []
    while len(page := get("/contacts", limit=10, offset=len(found))["contacts"]) > 0:
        found += [row["id"] for row in page]
    expect(len(set(found)), 36)
    expect(get("/contacts", email="mcp@example.com")["meta"]["total"], "1")


@step("update")
def update() -> None:
    put("/contacts/36", {"contact": {"lastName": "Cp"}})
    state = contact_state(36)
    expect((state["firstName"], state["lastName"]), ("M", "Cp"))


@step("upsert")
def upsert() -> None:
    expect(post("/contact/sync", {"contact": {"email": "mcp@example.com", "phone": "5"}})["contact"]["id"], "36")


@step("fields")
def fields() -> None:
    field = post("/fields", {"field": {"title": "Size", "type": "text"}})["field"]["id"]
    post("/fieldValues", {"fieldValue": {"contact": "36", "field": field, "value": "9"}})
    values = get("/fieldValues", **{"filters[contactid]": "36", "limit": 100})["fieldValues"]
    expect([row["value"] for row in values], ["9"])


@step("tags")
def tags() -> None:
    tag = post("/tags", {"tag": {"tag": "mcp", "tagType": "contact", "description": ""}})["tag"]["id"]
    post("/contactTags", {"contactTag": {"contact": "36", "tag": tag}})
    rows = get("/contacts/36/contactTags", limit=100)["contactTags"]
    expect([row["tag"] for row in rows], [tag])
    expect(get("/contacts", tagid=tag)["meta"]["total"], "1")
    expect(delete(f"/contactTags/{rows[0]['id']}"), {})


@step("lists")
def lists() -> None:
    post("/contactLists", {"contactList": {"list": "1", "contact": "36", "status": "1"}})
    expect(get("/contacts", listid="1", status=1)["meta"]["total"], "1")


@step("accounts")
def accounts() -> None:
    account = post("/accounts", {"account": {"name": "Acme"}})["account"]["id"]
    link = post("/accountContacts", {"accountContact": {"account": account, "contact": "36", "jobTitle": "CEO"}})
    expect(get("/accounts", search="acm")["accounts"][0]["id"], account)
    problem = refused(post, "/accountContacts", {"accountContact": {"account": account, "contact": "36"}})
    expect((problem.status, problem.errors[0]["code"]), (422, "field_invalid"))
    expect(get(f"/accountContacts/{link['accountContact']['id']}")["accountContact"]["jobTitle"], "CEO")


@step("deals")
def deals() -> None:
    sent = {"title": "D", "value": 100, "currency": "usd", "contact": "36", "group": "1", "owner": "1"}
    deal = post("/deals", {"deal": sent})["deal"]["id"]
    put(f"/deals/{deal}", {"deal": {"status": 1}})
    expect(get("/deals")["deals"][0]["status"], "1")
    expect(len(get("/dealStages")["dealStages"]), 3)
    post("/contacts/36/notes", {"note": {"note": "n"}})


@step("bulk")
def bulk() -> None:
    contacts = [{"email": f"bulk{n}@example.com", "first_name": "B", "tags": ["imported"]} for n in range(12)]
    batch = post("/import/bulk_import", {"contacts": [*contacts, {"email": "bad@nowhere"}]})
    expect(batch["queued_contacts"], 13)
    control("POST", "clock", {"advance": 60})
    info = get("/import/info", batchId=batch["batchId"])
    expect((info["status"], len(info["success"]), info["failure"]), ("completed", 12, ["bad@nowhere"]))


@step("delete")
def remove() -> None:
    expect(delete("/contacts/1"), {})
    expect(refused(get, "/contacts/1").status, 404)


@step("errors")
def errors() -> None:
    problem = refused(post, "/contacts", {"contact": {"email": "mcp@example.com"}})
    expect((problem.status, problem.message), (422, "Email address already exists in the system"))
    expect(refused(get, "/fieldValues/999").status, 403)
    expect(refused(post, "/tracking/event", {}).status, 404)
    stranger = ActiveCampaignClient(BASE, "wrong")
    try:
        loop.run_until_complete(stranger.get("/accounts"))
    except ActiveCampaignError as problem:
        expect((problem.status, problem.message), (403, "Forbidden"))
    else:
        raise AssertionError("a wrong key was let in")


@step("429")
def too_many() -> None:
    # The client holds itself to five a second; a busy neighbour leaves it two.
    control("POST", "switches", {"requests_per_second": 2})
    control("DELETE", "calls")
    started = time.monotonic()

    async def storm() -> list[Any]:
        return await asyncio.gather(*(client.get("/tags") for _ in range(12)))

    answers = loop.run_until_complete(storm())
    expect(all("tags" in answer for answer in answers), True, "every call gets through in the end")
    expect(time.monotonic() - started >= 1, True, "after waiting")
    statuses = {row["status"] for row in control("GET", "counts")["by"]}
    expect(429 in statuses, True, "some were refused first")
    control("POST", "switches", {"requests_per_second": 0})


run()
