"""Hostile requests: the simulator must neither crash nor answer 500, whatever comes.

30,000 in process and 300 over the socket, from one seed. The state must stay readable and consistent afterwards.
"""

from __future__ import annotations

import http.client
import ssl

import pytest

from simulators.activecampaign import DEFAULT_KEY
from simulators.frame import Request, serve
from tests.wire.activecampaign.hostile import Attacker
from tests.wire.activecampaign.vendor import Vendor

IN_PROCESS = 30_000
OVER_SOCKET = 300
KNOWN = {200, 201, 202, 400, 403, 404, 405, 422, 429}


@pytest.fixture
def victim(vendor: Vendor) -> Vendor:
    """An account with something of everything."""
    vendor.seed(
        fields=[
            {"title": "C", "type": "listbox", "options": ["a", "b"]},
            {"title": "D", "type": "date"},
            {"title": "T", "type": "text"},
        ],
        account_fields=[{"fieldLabel": "S", "fieldType": "multiselect", "fieldOptions": ["a"]}],
        deal_fields=[{"fieldLabel": "S", "fieldType": "currency"}],
        contacts=[
            {"email": f"{n}@example.com", "tags": ["x"], "lists": ["L"], "account": "A", "fields": {"T": "1"}}
            for n in range(30)
        ],
        pipelines=[{"title": "P"}],
        deals=[{"title": "D", "contact": 1}],
        automations=[{"name": "A", "trigger": {"type": "tag"}, "steps": [{"type": "add_tag", "tag": "y"}]}],
        segments=[{"name": "S", "tag": "x"}],
        campaigns=[{"name": "C"}],
        schemas=[
            {
                "slug": "thing",
                "fields": [{"id": "name", "type": "text"}],
                "relationships": [{"id": "primary-contact", "namespace": "contacts"}],
            }
        ],
        generate={"contacts": 50},
    )
    vendor.switch(segment_seconds=0.0, include_side_loads=True)
    return vendor


def record_paths(vendor: Vendor) -> list[str]:
    """Custom-object paths with a real schema in them."""
    (schema,) = vendor.system.tenant.schemas
    return [
        f"/customObjects/records/{schema}",
        f"/customObjects/records/{schema}/{{}}",
        f"/customObjects/schemas/{schema}",
    ]


def assert_consistent(vendor: Vendor) -> None:
    """Everything can still be read, and indexes agree with rows."""
    tenant = vendor.system.tenant
    assert len(list(tenant.contacts)) == len(tenant.contacts)
    for contact in tenant.contacts:
        if contact.email:
            assert tenant.contacts.by_email(contact.email) is contact
        assert all(tenant.contact_tags.get(row.id) is row for row in (contact.tags or {}).values())
        assert all(tenant.contact_lists.get(row.id) is row for row in (contact.lists or {}).values())
        assert all(tenant.values.get(row.id) is row for row in (contact.values or {}).values())
        assert contact.account is None or contact.account in tenant.account_contacts
    tag_rows = sum(len(contact.tags or {}) for contact in tenant.contacts)
    assert tag_rows == len(tenant.contact_tags)
    for path in (
        "/contacts",
        "/fields",
        "/tags",
        "/lists",
        "/accounts",
        "/deals",
        "/notes",
        "/webhooks",
        "/fieldValues",
    ):
        assert vendor.call("GET", path)[0] == 200
    vendor.system.state({})


def test_hostile_requests_in_process(victim: Vendor) -> None:
    attacker = Attacker(20_26, record_paths(victim))
    statuses: dict[int, int] = {}
    for index in range(IN_PROCESS):
        method, target, body = attacker.request()
        key = DEFAULT_KEY if attacker.chance.random() < 0.97 else attacker.chance.choice(("", "x", "\xff"))
        request = Request.build(method, f"/api/3{target}", headers={"Api-Token": key}, body=body)
        response = victim.system.handle(request)
        assert response.status in KNOWN, (method, target[:200], body[:200], response.body[:200])
        if response.body:
            response.json()
        statuses[response.status] = statuses.get(response.status, 0) + 1
        if index % 500 == 0:
            victim.advance(30)
            victim.seed(
                contacts=[{"email": f"{index}-{n}@example.com", "tags": ["x"], "lists": ["L"]} for n in range(5)]
            )
    assert_consistent(victim)
    # The attack must reach past the gates: many accepted, many refused in each way.
    assert statuses[200] > 3000, statuses
    assert min(statuses.get(status, 0) for status in (201, 400, 403, 404, 422)) > 50


def test_hostile_requests_over_the_socket(victim: Vendor) -> None:
    attacker = Attacker(7, record_paths(victim))
    with serve(victim.system) as server:
        context = ssl.create_default_context(cafile=server.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
        for _ in range(OVER_SOCKET):
            method, target, body = attacker.request()
            target = "/api/3" + target.encode("ascii", "ignore").decode().replace(" ", "%20").replace("\x00", "")
            connection.request(method or "GET", target, body=body, headers={"Api-Token": DEFAULT_KEY})
            response = connection.getresponse()
            response.read()
            assert response.status in KNOWN | {414, 431}, (method, target[:200])
        connection.close()
    assert_consistent(victim)
