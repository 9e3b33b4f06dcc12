"""Hostile requests: the simulator must neither crash nor answer 500, whatever comes.

20,000 in process and 300 over the socket, from one seed. The state must stay readable and consistent afterwards.
"""

from __future__ import annotations

import http.client
import ssl
from collections import Counter

import pytest

from simulators.frame import Request, serve
from simulators.marketo.leads.store import folded
from tests.wire.marketo.hostile import Attacker
from tests.wire.marketo.test_control import EVERYTHING
from tests.wire.marketo.vendor import Vendor

IN_PROCESS = 20_000
OVER_SOCKET = 300
KNOWN = {200, 404, 413, 414}


@pytest.fixture
def victim(vendor: Vendor) -> Vendor:
    """A subscription with something of everything."""
    vendor.seed(**{**EVERYTHING, "generate": {"leads": 200}})
    vendor.switch(token_seconds=100_000_000, daily_quota=0)
    vendor.act("end_tokens")
    vendor.renew()
    return vendor


def attacker_of(vendor: Vendor, seed: int) -> Attacker:
    """An attacker that knows some good tokens."""
    return Attacker(seed, [vendor.since(), vendor.since("2026-10-14T15:00:00Z"), "GAYDC===", "x"])


def assert_consistent(vendor: Vendor) -> None:
    """Everything can still be read, and indexes agree with rows."""
    tenant = vendor.system.tenant
    leads = tenant.leads
    for lead in leads:
        assert leads.get(lead.id) is lead
        for name in ("email", "externalCompanyId"):
            if name in lead.values:
                assert lead in leads.find(name, lead.values[name])
        assert lead.id not in leads.gone
    for name, index in leads._index.items():
        for key, ids in index.items():
            assert all(folded(leads._leads[number].values[name]) == key for number in ids)
    for kind in (*tenant.kinds.values(), *tenant.custom.values()):
        if kind.keys:
            assert all(kind.by_key(kind.key_of(row["values"])) is row for row in kind.rows.values())
    assert all(number in leads for members in tenant.members.values() for number in members)
    assert all(row["values"]["leadId"] in leads for row in tenant.kinds["roles"].rows.values())
    places = [row.place for row in tenant.activities.slice(0, len(tenant.activities))]
    assert places == sorted(places)
    for path in (
        "/leads/describe.json",
        "/leads/describe2.json",
        "/lists.json",
        "/customobjects.json",
        "/activities/types.json",
    ):
        assert vendor.ok("GET", path)
    vendor.system.state({})


def test_hostile_requests_in_process(victim: Vendor) -> None:
    attacker = attacker_of(victim, 20_26)
    codes: Counter[str] = Counter()
    for index in range(IN_PROCESS):
        method, target, body, kind = attacker.request()
        headers = {"Authorization": f"Bearer {victim.token}"} if attacker.chance.random() < 0.98 else {}
        if kind:
            headers["Content-Type"] = kind
        answer = victim.system.handle(Request.build(method, target, headers=headers, body=body))
        assert answer.status in KNOWN, (method, target[:200], body[:200], answer.body[:200])
        if answer.status == 200 and answer.header("content-type").startswith("application/json"):
            whole = answer.json()
            codes["ok" if whole["success"] else whole["errors"][0]["code"]] += 1
            for row in whole.get("result") or ():
                codes[row.get("status", "row") if isinstance(row, dict) else "row"] += 1
        if index % 500 == 0:
            victim.advance(30)
            victim.seed(leads=[{"email": f"{index}-{n}@example.com", "lists": ["News"]} for n in range(5)])
    assert_consistent(victim)
    # The attack must reach past the gates: many accepted, many refused in each way.
    assert codes["ok"] > 3000, codes
    assert (
        min(codes[code] for code in ("600", "605", "609", "610", "612", "1002", "1003", "1004", "1006", "1013")) > 30
    ), codes
    assert min(codes[word] for word in ("created", "updated", "deleted", "skipped")) > 30, codes


def test_hostile_requests_over_the_socket(victim: Vendor) -> None:
    attacker = attacker_of(victim, 7)
    with serve(victim.system) as server:
        context = ssl.create_default_context(cafile=server.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
        for _ in range(OVER_SOCKET):
            method, target, body, kind = attacker.request()
            target = target.encode("ascii", "ignore").decode().replace(" ", "%20").replace("\x00", "")
            headers = {"Authorization": f"Bearer {victim.token}"} | ({"Content-Type": kind} if kind else {})
            connection.request(method or "GET", target, body=body, headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in KNOWN | {431}, (method, target[:200])
        connection.close()
    assert_consistent(victim)
