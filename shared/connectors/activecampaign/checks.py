"""The steps of a connection check, each with what to do next."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from shared.connectors.activecampaign.client import Client, Fetched
from shared.connectors.activecampaign.fields import describe_contacts
from shared.connectors.activities import ACTIVITY
from shared.connectors.stepper import Stepper, clock_skew
from shared.domain.records import Kind
from shared.errors import ConfigError
from shared.ports.ambient import Clock
from shared.ports.connector import CheckStep


def check(client: Client, clock: Clock, kinds: Collection[Kind] = ()) -> Iterator[CheckStep]:
    """Steps: `settings`, `key`, `clock`, `contacts`, `fields`, `tags`, `imports`, `lists`, `accounts`, `deals`; and
    `activities`, where they are among the `kinds` of the connection.

    What a plan may lack (accounts, deals) is told as skipped.
    """
    steps = Stepper()
    yield steps.passed("settings", f"{client.http.origin.url} is an API address of ActiveCampaign")
    seen: list[Fetched] = []
    yield steps.run("key", lambda: _key(client, seen))
    yield steps.run("clock", lambda: clock_skew(seen[0].date, clock.now()), needs=("key",))
    yield steps.run("contacts", lambda: _count(client, "contacts"), needs=("key",))
    yield steps.run("fields", lambda: _fields(client), needs=("key",))
    yield steps.run("tags", lambda: _count(client, "tags"), needs=("key",))
    yield steps.run("imports", lambda: _imports(client), needs=("key",))
    yield steps.run("lists", lambda: _count(client, "lists"), needs=("key",))
    for name in ("accounts", "deals"):
        yield steps.run(name, partial(_count, client, name), needs=("key",), optional=True)
    if ACTIVITY in kinds:
        yield steps.run("activities", partial(_count, client, "activities"), needs=("key",), optional=True)


def _key(client: Client, seen: list[Fetched]) -> str:
    seen.append(client.get("users/me", "check", interactive=True))
    user = seen[0].one("user")
    if not user:
        raise ConfigError(
            "the address answers, but not like ActiveCampaign",
            code="wrong_address",
            next_step="Copy the URL shown under Settings, Developer.",
        )
    return f"the key belongs to user {user.get('id')}"


def _count(client: Client, name: str) -> str:
    total = client.get(name, "check", [("limit", "1")], interactive=True).total
    return f"{total} {name}" if total is not None else "readable"


def _fields(client: Client) -> str:
    schema = describe_contacts(client, accounts=False, opt_outs=False)
    custom = sum(1 for spec in schema.fields.values() if spec.custom)
    return f"{custom} custom fields"


def _imports(client: Client) -> str:
    client.get("import/bulk_import", "check", interactive=True)
    return "bulk import is available"
