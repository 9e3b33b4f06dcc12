"""What Marketo is told of the flow steps, what it may send, and where a callback may go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from openapi_spec_validator import validate

from shared.connectors.marketo.flow.answer import activity, callback_body, callback_origin
from shared.connectors.marketo.flow.body import check_subscription, parse_enqueue, parse_picklist, parse_submit
from shared.connectors.marketo.flow.definition import SERVICES, Service, fixed_choices, service_definition
from shared.connectors.marketo.flow.document import openapi_document
from shared.connectors.marketo.flow.instructions import icon, page
from shared.connectors.marketo.flow.steps import DUE_IN, OWNER, PRIORITY, STATUS, SUBJECT, SYNC_AS, steps
from shared.connectors.marketo.settings import parse_settings
from shared.domain.outcomes import REASONS
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import ConfigError, GuardTripped, Rejected
from shared.ports.flow import AnswerTo, Person, Phase
from simulators.marketo.flowsteps.validation import definition_mistakes, document_mistakes

ROOT = "https://app.example/api/hooks/marketo/0123/syncPerson"
USER = "11111111-2222-4333-8444-555555555555"
KEY = b"k" * 32
NAMES = ("syncAs", "owner", "ifExists")
SETTINGS = {"url": "https://123-abc-456.mktorest.com", "client_id": "c", "client_secret": "s"}


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_the_document_is_openapi_and_what_the_published_validator_wants(service: Service) -> None:
    document = json.loads(json.dumps(openapi_document(service, ROOT)))
    validate(document)
    assert document_mistakes(document) == []
    callbacks = document["paths"]["/submitAsyncAction"]["post"]["callbacks"]
    assert list(callbacks["selfServiceFlowComplete"]) == ["{$request.body#/flowComplete}"]
    assert set(document["paths"]["/submitAsyncAction"]["post"]["responses"]) >= {
        "201",
        "400",
        "401",
        "403",
        "429",
        "500",
    }
    assert document["info"]["x-schemaVersion"] == "1.0.0"


@pytest.mark.feature("MK-12.1", system="marketo")
@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_the_definition_can_be_installed(service: Service) -> None:
    definition = service_definition(service, ROOT)
    assert definition_mistakes(definition) == []
    inputs = definition["invocationPayloadDef"]["flowAttributes"]
    for item in inputs:
        fixed = fixed_choices(item["apiName"])
        assert ("picklistUrl" in item) == (fixed is not None or item["apiName"] in {OWNER, "campaign"}), item
    assert service.name in steps("c", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert service.title in page(service)
    assert icon().startswith(b"\x89PNG")


def submitted(**changes: Any) -> bytes:
    row = {
        "objectType": "lead",
        "objectContext": {"id": 7},
        "flowStepContext": {"syncAs": "contact", "owner": "", "other": 1, "ifExists": None},
        "triggeringContext": {"name": "Form"},
    }
    body: dict[str, Any] = {
        "token": "t",
        "batchid": "b",
        "apiCallBackKey": "k",
        "campaignId": 12,
        "callbackUrl": "https://x.mktorest.com/cb",
        "context": {"subscription": {"munchkinId": "123-ABC-456"}},
        "objectData": [row],
    }
    return json.dumps(body | changes).encode()


def test_a_call_is_read() -> None:
    given = parse_submit(submitted(), attributes=NAMES, campaigns="by_context")
    [person] = given.people
    assert (person.id, dict(person.choices), person.live) == ("7", {"syncAs": "contact"}, True)
    assert (given.campaign, given.key, given.token, given.munchkin) == ("12", "k", "t", "123-ABC-456")
    assert given.call_id("syncPerson", KEY) == parse_submit(
        submitted(objectData=[]), attributes=NAMES, campaigns="by_context"
    ).call_id("syncPerson", KEY), "the token names the call"
    assert given.call_id("syncPerson", KEY) != given.call_id("changeOwner", KEY)


@pytest.mark.parametrize(
    ("campaigns", "context", "live"),
    [
        ("by_context", {"name": "Form"}, True),
        ("by_context", {}, False),
        ("by_context", None, False),
        ("trigger", None, True),
        ("batch", {"name": "Form"}, False),
    ],
)
def test_how_a_trigger_campaign_is_told_from_a_batch(campaigns: str, context: Any, live: bool) -> None:
    row = {"objectType": "lead", "objectContext": {"id": "007"}, "triggeringContext": context}
    given = parse_submit(submitted(objectData=[row]), attributes=NAMES, campaigns=campaigns)
    assert [(person.id, person.live) for person in given.people] == [("7", live)]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "no JSON"),
        (b"[1]", "no object"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (submitted(campaignId="x"), "campaignId"),
        (submitted(campaignId=True), "campaignId"),
        (submitted(callbackUrl=None), "callbackUrl"),
        (submitted(callbackUrl=["a"]), "callbackUrl"),
        (submitted(context=None), "context.subscription.munchkinId"),
        (submitted(context={"subscription": "x"}), "context.subscription.munchkinId"),
        (submitted(campaignId=10**20), "campaignId"),
        (submitted(context={"subscription": {"munchkinId": "1" * 300}}), "munchkinId"),
        (submitted(context={"subscription": {"munchkinId": "\ud800"}}), "munchkinId"),
        (submitted(token="t" * 2_000_000), "token"),
        (submitted(token=10**4200), "token"),
        (submitted(token="\ud800"), "token"),
        (submitted(token="a\r\nb"), "token"),
        (submitted(apiCallBackKey="k\r\nX-Other: 1"), "apiCallBackKey"),
        (submitted(apiCallBackKey="ключ"), "apiCallBackKey"),
        (submitted(apiCallBackKey="\u00fc"), "apiCallBackKey"),
        (submitted(callbackUrl="https://x.mktorest.com/" + "a" * 4096), "callbackUrl"),
        (submitted(callbackUrl="https://x.mktorest.com/\ud800"), "callbackUrl"),
        (submitted(batchid="b" * 256), "batchid"),
        (submitted(batchid="\udfff"), "batchid"),
        (submitted(objectData={}), "objectData"),
        (submitted(objectData=["x"]), "objectData[0]"),
        (submitted(objectData=[{"objectContext": {"id": 0}}]), "objectData[0].objectContext.id"),
        (submitted(objectData=[{"objectContext": {"id": "1 or 1"}}]), "objectData[0].objectContext.id"),
        (submitted(objectData=[{"objectContext": {"id": 10**30}}]), "objectData[0].objectContext.id"),
        (submitted(objectData=[{"objectType": "company", "objectContext": {"id": 1}}]), "objectData[0].objectType"),
        (submitted(objectData=[{"objectContext": {"id": 1}, "flowStepContext": [1]}]), "objectData[0].flowStepContext"),
        (
            submitted(objectData=[{"objectContext": {"id": 1}, "flowStepContext": {"owner": {"a": 1}}}]),
            "objectData[0].flowStepContext.owner",
        ),
    ],
)
def test_a_malformed_call_is_named_by_its_place(body: bytes, place: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_submit(body, attributes=NAMES, campaigns="by_context")
    assert refused.value.code == "body_malformed"
    assert place in str(refused.value)
    assert refused.value.next_step


def test_half_a_character_in_a_choice_is_a_question_mark() -> None:
    half = chr(0xD800)
    row = {"objectContext": {"id": 7}, "flowStepContext": {"owner": f"Ren{half}e \U0001f600"}}
    [person] = parse_submit(submitted(objectData=[row]), attributes=NAMES, campaigns="by_context").people
    [same] = parse_enqueue(json.dumps({"leadId": 7, "owner": f"Ren{half}e"}).encode(), attributes=NAMES).people
    assert (person.choices["owner"], same.choices["owner"]) == ("Ren?e \U0001f600", "Ren?e")


def test_the_longest_token_is_taken_whole_and_names_its_call() -> None:
    given = parse_submit(submitted(token="t" * 4096), attributes=NAMES, campaigns="by_context")
    assert given.token == "t" * 4096
    assert given.call_id("syncPerson", KEY).startswith("fl")


def test_a_body_without_end_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        parse_submit(b" " * (33 * 1024 * 1024), attributes=NAMES, campaigns="by_context")
    assert refused.value.code == "body_too_large"


@pytest.mark.parametrize("named", ["123-ABC-456", "123-abc-456"])
def test_the_subscription_of_a_call_is_that_of_the_address(named: str) -> None:
    ours = parse_settings(SETTINGS).subscription
    assert ours == "123-ABC-456"
    told = submitted(context={"subscription": {"munchkinId": named}})
    check_subscription(parse_submit(told, attributes=NAMES, campaigns="by_context"), ours)


@pytest.mark.parametrize("named", ["999-XXX-999", "123-ABC-4567", "123-ABC"])
def test_people_of_another_subscription_are_not_ours(named: str) -> None:
    told = submitted(context={"subscription": {"munchkinId": named}})
    given = parse_submit(told, attributes=NAMES, campaigns="by_context")
    with pytest.raises(Rejected, match="munchkinId") as refused:
        check_subscription(given, parse_settings(SETTINGS).subscription)
    assert refused.value.code == "body_malformed"
    assert "123-ABC-456" in refused.value.next_step
    assert named not in str(refused.value)


def test_where_the_address_tells_no_subscription_the_setting_does() -> None:
    trusted = frozenset({"127.0.0.1:4430"})
    base = {**SETTINGS, "url": "https://127.0.0.1:4430"}
    assert parse_settings(base, trusted).subscription == ""
    assert parse_settings({**base, "munchkin_id": "000-sim-000"}, trusted).subscription == "000-SIM-000"
    assert parse_settings({**SETTINGS, "munchkin_id": "000-SIM-000"}).subscription == "123-ABC-456", "the address wins"
    with pytest.raises(ConfigError, match="munchkin_id"):
        parse_settings({**SETTINGS, "munchkin_id": "123 ABC"})


def test_a_webhook_is_read_and_named_by_what_it_asks() -> None:
    body = {"leadId": "12", "syncAs": "lead", "owner": "null"}
    given = parse_enqueue(json.dumps(body).encode(), attributes=NAMES)
    assert [(person.id, dict(person.choices), person.live) for person in given.people] == [
        ("12", {"syncAs": "lead"}, True)
    ]
    same = parse_enqueue(json.dumps({"syncAs": "lead", "leadId": 12}).encode(), attributes=NAMES)
    other = parse_enqueue(json.dumps({"syncAs": "contact", "leadId": 12}).encode(), attributes=NAMES)
    assert given.call_id("syncPerson", KEY) == same.call_id("syncPerson", KEY) != other.call_id("syncPerson", KEY)
    assert given.call_id("syncPerson", KEY) != given.call_id("syncPerson", b"x" * 32), "nobody without the key finds it"
    with pytest.raises(Rejected, match="leadId"):
        parse_enqueue(b"{}", attributes=NAMES)
    with pytest.raises(Rejected, match="name is missing"):
        parse_picklist(b"{}")


@pytest.mark.parametrize(
    ("step", "choices", "code"),
    [
        ("syncPerson", {}, None),
        ("syncPerson", {SYNC_AS: "account"}, "failed:unusable_choice"),
        ("syncPerson", {"ifExists": "delete"}, "failed:unusable_choice"),
        ("syncPerson", {OWNER: "Carla"}, "failed:unknown_owner"),
        ("syncPerson", {OWNER: f"contact:{USER}"}, "failed:unknown_owner"),
        ("syncPerson", {OWNER: USER.upper()}, None),
        ("changeOwner", {}, "failed:unusable_choice"),
        ("changeOwner", {OWNER: f"team:{USER}"}, None),
        ("addToCampaign", {}, "failed:unusable_choice"),
        ("removeFromCampaign", {"campaign": "Spring"}, "failed:unknown_campaign"),
        ("addToCampaign", {"campaign": f"campaign:{USER}"}, None),
        ("createTask", {}, "failed:unusable_choice"),
        ("createTask", {SUBJECT: "S", DUE_IN: "x"}, "failed:unusable_choice"),
        ("createTask", {SUBJECT: "S", DUE_IN: "-1"}, "failed:unusable_choice"),
        ("createTask", {SUBJECT: "S", STATUS: "done"}, "failed:unusable_choice"),
        ("createTask", {SUBJECT: "S", PRIORITY: "urgent"}, "failed:unusable_choice"),
        ("createTask", {SUBJECT: "S", DUE_IN: "3", STATUS: "waiting", PRIORITY: "high"}, None),
    ],
)
def test_what_a_step_cannot_work_with_is_named(step: str, choices: Mapping[str, str], code: str | None) -> None:
    told = steps("c", lambda: datetime(2026, 1, 1, tzinfo=UTC))[step].wrong(choices)
    assert (told.code if told is not None else None) == code
    assert code is None or code in REASONS


# -- the callback --------------------------------------------------------------------------------------------------
def test_what_the_callback_says() -> None:
    row = Ref(Kind("lead"), RemoteId("row-1"))
    done = Person(id=RemoteId("1"), choice=0, live=True, phase=Phase.DONE, code="created", crm=row)
    late = Person(id=RemoteId("2"), choice=0, live=False, phase=Phase.ASKED, code="waiting:make")
    failed = Person(id=RemoteId("3"), choice=0, live=True, phase=Phase.DONE, code="skipped:gone")
    to = AnswerTo(url="https://x/", key="k", token="t", account="123-ABC-456")
    body = callback_body(to, [done, late, failed], datetime(2026, 1, 1, tzinfo=UTC))
    assert (body["munchkinId"], body["time"]) == ("123-ABC-456", "2026-01-01T00:00:00Z")
    first, second, third = (each["activityData"] for each in body["objectData"])
    assert first == {"success": True, "outcome": "created", "dynamicsId": "row-1", "dynamicsEntity": "lead"}
    assert second == {"success": True, "outcome": "nextCycle"}
    assert (third["success"], third["errorCode"], third["outcome"]) == (False, "GONE", "failed")
    assert third["reason"]
    assert [each["leadData"] for each in body["objectData"]] == [{"id": 1}, {"id": 2}, {"id": 3}]


@pytest.mark.parametrize("code", REASONS)
def test_every_outcome_can_be_told(code: str) -> None:
    told = activity(Person(id=RemoteId("1"), choice=0, live=True, phase=Phase.DONE, code=code))
    assert told["success"] or (told["errorCode"] and 0 < len(told["reason"]) <= 255)


@pytest.mark.parametrize(
    "url",
    [
        "https://123-abc-456.mktorest.com/callback",
        "https://flow.eu.marketo.com/x?y=1",
        "https://services.adobe.io/",
        "https://127.0.0.1:8443/callback/1",
    ],
)
def test_a_callback_goes_to_the_vendor(url: str) -> None:
    origin = callback_origin(url, parse_settings(SETTINGS), frozenset({"127.0.0.1:8443"}))
    origin.pin(url)  # every later part of the call is held to it
    with pytest.raises(GuardTripped):
        origin.pin("https://evil.example/")


@pytest.mark.parametrize(
    "url",
    [
        "http://123-abc-456.mktorest.com/callback",
        "https://evil.example/",
        "https://mktorest.com.evil.example/",
        "https://evilmktorest.com/",
        "https://123-abc-456.mktorest.com@evil.example/",
        "https://user:pw@123-abc-456.mktorest.com/",
        "https://123-abc-456.mktorest.com:8443/",
        "https://169.254.169.254/metadata",
        "https://[::1]/",
        "https://127.0.0.1:8444/",
        "https://localhost/",
        "file:///etc/passwd",
        "https://123-abc-456.mktorest.com/a b",
        "https://123-abc-456.mktorest.com/\r\nHost: evil.example",
        "//evil.example/",
        "",
    ],
)
def test_a_callback_goes_nowhere_else(url: str) -> None:
    with pytest.raises(GuardTripped) as refused:
        callback_origin(url, parse_settings(SETTINGS), frozenset({"127.0.0.1:8443"}))
    assert refused.value.code == "foreign_callback"
    assert "evil" not in str(refused.value)


def test_the_domains_are_a_setting() -> None:
    wider = parse_settings({**SETTINGS, "callback_hosts": "example.org"})
    callback_origin("https://a.example.org/x", wider, frozenset())
    with pytest.raises(GuardTripped):
        callback_origin("https://services.adobe.io/", wider, frozenset())
    with pytest.raises(ConfigError):
        parse_settings({**SETTINGS, "callback_hosts": "https://example.org"})
