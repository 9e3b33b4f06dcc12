"""The caller's side of flow steps: what can be installed, how people are handed over, what a callback may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simulators.frame.system import ControlError
from simulators.marketo.flowsteps.book import MUNCHKIN, Chunk
from tests.wire.marketo.provider import KEY, Provider
from tests.wire.marketo.vendor import Vendor


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


def install(vendor: Vendor, provider: Provider, **more: Any) -> dict[str, Any]:
    return vendor.system.act("install_flow_step", {"url": f"{provider.root}/openapi", "key": KEY, **more})


def leads(vendor: Vendor, count: int) -> list[int]:
    return [
        int(vendor.system.act("create_lead", {"values": {"email": f"p{number}@example.org"}})["id"])
        for number in range(count)
    ]


def run(vendor: Vendor, people: list[int], **more: Any) -> list[Chunk]:
    told = vendor.system.act("run_campaign", {"service": "p_step", "leads": people, "choices": {}, **more})
    return [vendor.system.book.chunks[each["id"]] for each in told["chunks"]]


def call_back(vendor: Vendor, chunk: Chunk, body: Any, **headers: str) -> int:
    sent = {"x-api-key": chunk.key, "x-callback-token": chunk.token, "Content-Type": "application/json", **headers}
    return vendor.raw("POST", f"/flowsteps/callback/{chunk.id}", body, token=None, headers=sent).status


def body(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"munchkinId": MUNCHKIN, "objectData": list(rows), **more}


def row(lead: int | None, lead_data: dict[str, Any] | None = None, **told: Any) -> dict[str, Any]:
    return {"leadData": {**({"id": lead} if lead is not None else {}), **(lead_data or {})}, "activityData": told}


# -- installing ----------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-SF-01", "MK-SF-04", "MK-SF-06")
def test_a_provider_is_installed_with_the_key_that_was_entered(vendor: Vendor, provider: Provider) -> None:
    assert install(vendor, provider) == {"installed": True, "mistakes": [], "name": "p_step"}
    assert [call["path"] for call in provider.calls] == ["/openapi", "/status", "/getServiceDefinition", "/getPicklist"]
    assert [call["key"] for call in provider.calls] == [None, KEY, KEY, KEY]
    assert vendor.system.book.services["p_step"].choices == {"colour": provider.choices}
    wrong = install(vendor, provider, key="another")
    assert wrong["mistakes"] == ["status answered 401", "definition answered 401"]


def _without(path: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        *before, last = path.split("|")
        for name in before:
            place = place[name]
        del place[last]

    return change


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        *before, last = path.split("|")
        for name in before:
            place = place[name]
        place[last] = value

    return change


POST = "paths|/submitAsyncAction|post"
CALLBACK = f"{POST}|callbacks|done|{{$request.body#/flowComplete}}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(_set("openapi", "2.0"), "openapi is not 3.x", marks=pytest.mark.rule("MK-SF-01")),
        (_without("info|x-providerName"), "info.x-providerName is missing"),
        (_without("info|x-schemaVersion"), "info.x-schemaVersion is missing"),
        (_without("info|x-supportContact"), "info.x-supportContact is missing"),
        (_without("components|schemas"), "components.schemas is missing"),
        (_set("security", [{"other": []}]), "security names no scheme of type apiKey, http basic or oauth2"),
        (_without("paths|/status"), "paths./status is missing"),
        *((_without(f"{POST}|responses|{each}"), f"the answer {each}") for each in ("201", "400", "401", "403")),
        *((_without(f"{POST}|responses|{each}"), f"the answer {each}") for each in ("429", "500")),
        (_set(f"{POST}|callbacks", {"done": {"{$request.body#/callbackUrl}": {"post": {}}}}), "has no callback keyed"),
        (_without(f"{CALLBACK}|post|requestBody"), "the callback has no JSON body"),
        (_without(f"{CALLBACK}|post|parameters"), "the callback declares no parameters"),
        (_without(f"{CALLBACK}|post|responses|405"), "the callback does not declare the answer 405"),
        *(
            (
                _set(f"{place}|responses|200|content|application/json|schema", {"type": "object"}),
                f"is not a $ref to #/components/schemas/{schema}",
            )
            for place, schema in (
                ("paths|/status|get", "serviceStatus"),
                ("paths|/getServiceDefinition|get", "serviceDefinition"),
                ("paths|/getPicklist|post", "picklistObject"),
            )
        ),
    ],
)
@pytest.mark.rule("MK-SF-02", "MK-SF-03")
def test_what_the_published_validator_wants(
    vendor: Vendor, provider: Provider, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    change(provider.document)
    answer = install(vendor, provider)
    assert not answer["installed"]
    assert told in " ".join(answer["mistakes"])
    assert vendor.system.book.services == {}


@pytest.mark.rule("MK-SF-05")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set("primaryAttribute", "outcome"), "primaryAttribute is no flow attribute"),
        (_without("apiName"), "apiName is missing"),
        (_without("supportEmail"), "neither supportPage nor supportEmail is there"),
        (
            _set("callbackPayloadDef|attributes", [{"apiName": "note", "dataType": "string"}]),
            "note is a flow attribute and a callback attribute",
        ),
        (
            _set("callbackPayloadDef|attributes", [{"apiName": "reason", "dataType": "string"}]),
            "reason is a reserved name",
        ),
        (_set("callbackPayloadDef|attributes", [{"apiName": "o", "dataType": "money"}]), "money is no data type"),
    ],
)
def test_what_a_definition_has_to_say(
    vendor: Vendor, provider: Provider, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    change(provider.definition)
    assert told in " ".join(install(vendor, provider)["mistakes"])


@pytest.mark.rule("MK-SF-06", "MK-SF-17")
def test_picklists_are_refreshed_and_bounded_and_the_status_goes_to_the_log(vendor: Vendor, provider: Provider) -> None:
    install(vendor, provider)
    with pytest.raises(ControlError, match="colour has no choice 'blue'"):
        run(vendor, leads(vendor, 1), choices={"colour": "blue"})
    provider.choices = [{"displayValue": {"en_US": "Blue"}, "submittedValue": "blue"}]
    assert vendor.system.act("refresh_picklist", {"service": "p_step"})["mistakes"] == []
    assert run(vendor, leads(vendor, 1), choices={"colour": "blue"})[0].tries == [201]
    provider.choices *= 1001
    assert vendor.system.act("refresh_picklist", {"service": "p_step"})["mistakes"] == ["1001 choices; at most 1000"]
    logs = vendor.system.act("poll_flow_steps", {})["logs"]
    assert logs == {"p_step": ["INFO: well", "ERROR: broken pipe"]}


# -- handing over --------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-SF-07", "MK-SF-08")
def test_people_are_handed_over_in_chunks_with_a_token_each(vendor: Vendor, provider: Provider) -> None:
    install(vendor, provider)
    people = leads(vendor, 5)
    vendor.system.switches.set({"flow_chunk": 2})
    found = run(vendor, people, choices={"note": "hello"})
    assert [chunk.leads for chunk in found] == [people[:2], people[2:4], people[4:]]
    sent = [call["body"] for call in provider.calls if call["path"] == "/submitAsyncAction"]
    assert len({each["token"] for each in sent}) == len({each["callbackUrl"] for each in sent}) == 3
    assert len({each["batchid"] for each in sent}) == 1
    assert {tuple(each["objectData"][0]) for each in sent} == {
        ("objectType", "objectContext", "flowStepContext", "programMemberContext", "triggeringContext")
    }
    assert sent[0]["objectData"][0]["flowStepContext"] == {"note": "hello"}
    run(vendor, people, kind="batch")
    assert "triggeringContext" not in provider.calls[-1]["body"]["objectData"][0]


@pytest.mark.rule("MK-SF-09")
def test_429_and_500_are_tried_again_and_others_are_not(vendor: Vendor, provider: Provider) -> None:
    install(vendor, provider)
    vendor.system.switches.set({"flow_retry_seconds": 0})
    provider.submits = [429, 500, 201]
    [chunk] = run(vendor, leads(vendor, 1))
    assert (chunk.tries, chunk.error) == ([429, 500, 201], "")
    tokens = [call["body"]["token"] for call in provider.calls if call["path"] == "/submitAsyncAction"]
    assert tokens == [chunk.token] * 3
    provider.submits = [400, 201]
    [chunk] = run(vendor, leads(vendor, 1))
    assert (chunk.tries, chunk.error) == ([400], "HTTP 400")
    vendor.system.switches.set({"flow_retries": 1})
    provider.submits = [500, 500, 201]
    [chunk] = run(vendor, leads(vendor, 1))
    assert (chunk.tries, chunk.error) == ([500, 500], "HTTP 500")


# -- the callback --------------------------------------------------------------------------------------------------
@pytest.fixture
def chunk(vendor: Vendor, provider: Provider) -> Chunk:
    install(vendor, provider, mapped=["title", "leadScore", "city"])
    [made] = run(vendor, leads(vendor, 2))
    return made


@pytest.mark.rule("MK-SF-10")
def test_a_callback_needs_the_key_and_the_token_of_its_call(vendor: Vendor, chunk: Chunk) -> None:
    fine = body(row(chunk.leads[0], success=True))
    assert call_back(vendor, chunk, fine, **{"x-api-key": "another"}) == 403
    assert call_back(vendor, chunk, fine, **{"x-callback-token": "another"}) == 401
    assert vendor.raw("POST", "/flowsteps/callback/99", fine, token=None).status == 404
    assert vendor.raw("GET", f"/flowsteps/callback/{chunk.id}", token=None).status == 405
    assert not chunk.used
    assert call_back(vendor, chunk, fine) == 200


@pytest.mark.rule("MK-SF-11")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410])
def test_a_token_is_good_once(vendor: Vendor, chunk: Chunk, status: int) -> None:
    vendor.system.switches.set({"used_token": status})
    assert call_back(vendor, chunk, body(row(chunk.leads[0], success=True, outcome="first"))) == 200
    assert call_back(vendor, chunk, body(row(chunk.leads[0], success=True, outcome="second"))) == status
    assert chunk.activities[chunk.leads[0]]["outcome"] == "first"
    assert [each["effective"] for each in chunk.callbacks] == [True, False]


@pytest.mark.rule("MK-SF-12")
def test_a_body_that_cannot_be_used_spends_no_token(vendor: Vendor, chunk: Chunk) -> None:
    assert call_back(vendor, chunk, b"no json") == 400
    assert call_back(vendor, chunk, {**body(), "munchkinId": "999-XXX-999"}) == 400
    assert call_back(vendor, chunk, {"objectData": []}) == 400
    assert call_back(vendor, chunk, {**body(), "objectData": "all"}) == 400
    assert not chunk.used


@pytest.mark.rule("MK-SF-18")
def test_a_callback_may_be_too_large(vendor: Vendor, chunk: Chunk) -> None:
    vendor.system.switches.set({"callback_bytes": 100})
    assert call_back(vendor, chunk, body(*(row(lead, success=True) for lead in chunk.leads * 3))) == 413
    assert call_back(vendor, chunk, body()) == 200


@pytest.mark.rule("MK-SF-13")
def test_an_error_of_the_chunk_fails_everybody(vendor: Vendor, chunk: Chunk) -> None:
    assert call_back(vendor, chunk, body(row(chunk.leads[0], success=True), errorCode="DOWN", errorMessage="no")) == 200
    assert set(chunk.activities) == set(chunk.leads)
    assert all(each == {"success": False, "errorCode": "DOWN"} for each in chunk.activities.values())


@pytest.mark.rule("MK-SF-14")
def test_a_person_without_a_known_id_counts_as_failed(vendor: Vendor, chunk: Chunk) -> None:
    told = body(row(None, success=True), row(987654, success=True), row(chunk.leads[1], success=True, secret="x"))
    assert call_back(vendor, chunk, told) == 200
    failed = [each for each in chunk.activities.values() if not each["success"]]
    assert [each["errorCode"] for each in failed] == ["LEAD_ID", "LEAD_ID"]
    assert chunk.activities[chunk.leads[1]] == {"success": True}, "what the definition does not have is not logged"


@pytest.mark.rule("MK-SF-15")
def test_mapped_fields_are_written_by_the_rules_of_the_interface(vendor: Vendor, chunk: Chunk) -> None:
    first, second = chunk.leads
    for lead in chunk.leads:
        vendor.system.act("edit_lead", {"lead": lead, "values": {"title": "Old", "city": "Oslo", "leadScore": 10}})
    told = body(
        row(first, {"title": "null", "city": None, "leadScore": "+5", "country": "Norway"}, success=True),
        row(second, {"title": "x" * 300, "leadScore": "7"}, success=True),
    )
    assert call_back(vendor, chunk, told) == 200
    held = {each.id: each.values for number in chunk.leads if (each := vendor.system.tenant.leads.get(number))}
    assert (held[first].get("title"), held[first]["city"], held[first]["leadScore"]) == (None, "Oslo", 15)
    assert "country" not in held[first], "a field nobody mapped"
    assert (len(held[second]["title"]), held[second]["leadScore"]) == (255, 7)


# -- webhooks --------------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-SF-16")
def test_a_webhook_needs_a_trigger_and_an_answer(vendor: Vendor, provider: Provider) -> None:
    hook = {"url": f"{provider.root}/hook", "body": {"leadId": 1}}
    assert vendor.system.act("call_webhook", hook)["answer"] == {"status": "queued"}
    assert vendor.system.act("call_webhook", {**hook, "kind": "batch"}) == {"errorCode": "1000"}
    assert vendor.system.act("call_webhook", {**hook, "body": {"quiet": True}})["errorCode"] == "1001"
