"""A world in which things go wrong: records that Dynamics refuses, questions that wait for a person."""

from __future__ import annotations

from typing import Any

from tests.page.conftest import Kept, World

REFUSED = 4
"""People whose change Dynamics refuses."""

ASKED = 3
"""People about whom both sides say something else."""


def troubled(world: World, kept: Kept) -> str:
    """A connection with `REFUSED` failing records and `ASKED` open questions, at least."""
    return kept.get(world, "troubled", lambda: _made(world))


def _made(world: World) -> str:
    connection = world.begun(people=12)
    asks(world, connection, "firstname")
    refuses(world, "Forbidden")
    for number in range(REFUSED):
        world.ac("edit_contact", contact=person(world, number)["id"], lastName="Forbidden")
    for number in range(REFUSED, REFUSED + ASKED):
        clash(world, number, f"Ours {number}", f"Theirs {number}")
    world.next_run(connection)
    return connection


def refuses(world: World, value: str, times: int = 1000) -> None:
    """From now on Dynamics refuses this last name."""
    rule = {"table": "contact", "message": f"Title is closed for '{value}'.", "on": ["update"], "times": times}
    rule |= {"column": "lastname", "when": "equals", "value": value}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [rule]})


def asks(world: World, connection: str, field: str) -> None:
    """From now on a person decides about this field."""
    maps = [dict(item["map"]) for item in world.call("GET", f"connections/{connection}/entities")["value"]]
    for item in maps:
        item["fields"] = [{**row, **({"policy": "ask"} if row["id"] == field else {})} for row in item["fields"]]
    world.call("PATCH", f"connections/{connection}", {"entities": maps})


def person(world: World, number: int) -> dict[str, Any]:
    wanted = f"person{number}@{('es', 'it', 'en')[number % 3]}.example.org"
    return next(item for item in world.contacts() if item["email"] == wanted)


def row_of(world: World, contact: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in world.rows("contact") if str(row["emailaddress1"]).lower() == contact["email"].lower())


def clash(world: World, number: int, ours: str, theirs: str) -> str:
    """Both sides change a person's first name; answers the id of the Dynamics row."""
    contact = person(world, number)
    row = str(row_of(world, contact)["contactid"])
    change = {"table": "contact", "id": row, "values": {"firstname": ours}}
    world.sims.control("dataverse", "POST", "do/edit", change)
    world.ac("edit_contact", contact=contact["id"], firstName=theirs)
    return row
